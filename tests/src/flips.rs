//! A source of facts that says another thing each time it is asked, and the events
//! that ask it.

use std::fmt::Write as _;

use oracle_feeds::loopback::{MatchStage, ScriptedMatch};

use crate::database::Backend;
use crate::market::START;
use crate::world::{World, instant};

/// When the events mature.
pub const MATURITY: i64 = START + 3 * 3600;

/// How often the source is read, seconds.
pub const EVERY: i64 = 30;

const KICKOFF: i64 = START + 3600;
/// One that decides alone: its answers leave no doubt about the kickoff.
const SOURCE: &str = "football-data";

/// A world in which this many events ask one source, which flips.
pub struct Flips {
    /// The world.
    pub world: World,
    /// What the source said last.
    home_leads: bool,
}

impl Flips {
    /// This many events have matured, and their source has answered twice.
    pub async fn new(backend: Backend, events: usize) -> Self {
        let mut text = String::new();
        for n in 0..events {
            // Writing to a String cannot fail.
            let _ = write!(
                text,
                r#"
[[event]]
id = "flip-{n:02}"
kind = "match"
kickoff = "{}"
maturity = "{}"
basis = "regular_time"
outcomes = ["home", "draw", "away", "void"]
void_after = "48h"
agree = 1
stable_reads = 2
read_every = "{EVERY}s"
settle_delay = "9m"
source = [{{ provider = "{SOURCE}", match = "551001", home = "5", away = "4" }}]
"#,
                instant(KICKOFF).to_rfc3339(),
                instant(MATURITY).to_rfc3339(),
            );
        }
        let mut world = World::create(backend, &text).await;
        // One source decides them all.
        let journal = "journal = \"data/journal\"\n";
        world.edit(journal, &format!("{journal}max_open_choice_bits = 255\n"));
        world.start().await.expect("start");
        world.run_due().await;
        let mut flips = Self {
            world,
            home_leads: false,
        };
        flips.world.set_time(MATURITY - EVERY);
        flips.flip().await;
        flips.flip().await;
        flips
    }

    /// The source says another thing than before, and is asked.
    pub async fn flip(&mut self) {
        self.home_leads = !self.home_leads;
        let (home, away) = if self.home_leads { (2, 1) } else { (1, 2) };
        let game = ScriptedMatch {
            id: 551_001,
            home: 5,
            away: 4,
            kickoff: KICKOFF,
            stage: MatchStage::Finished(home, away),
        };
        self.world.venues.set_match(SOURCE, &game);
        self.again().await;
    }

    /// The source is asked, and says what it said before.
    pub async fn again(&mut self) {
        let next = self.world.now() + EVERY;
        self.world.at(next).await;
    }

    /// As if the source had answered `answers` times more, each time otherwise than
    /// before; to be called right after [`Flips::new`].
    pub async fn have_said(&mut self, answers: usize) {
        let pairs = answers / 2;
        let copied = "source, root, url, posted, status, sha256, literal, effective_at, \
             verdict, detail, certificate, fact, failure, adapter, reads, not_kept";
        // The two first answers again and again, some milliseconds after each other; without
        // a Date, which would be that of the first.
        let sql = format!(
            "WITH RECURSIVE again(n) AS \
             (SELECT 1 UNION ALL SELECT n + 1 FROM again WHERE n < {pairs}) \
             INSERT INTO observation \
             (leg_key, maturity, attempt, sent_ms, received_ms, headers, {copied}) \
             SELECT leg_key, maturity, attempt + 2 * n, {}000 + 2 * n + attempt, \
             {}000 + 2 * n + attempt, '[]', {copied} FROM observation, again \
             WHERE maturity = 0 AND attempt <= 2 ORDER BY attempt + 2 * n",
            self.world.now(),
            self.world.now(),
        );
        if pairs > 0 {
            self.world.database.execute(&sql).await;
        }
        // So that what they are about lies behind.
        self.world.set_time(self.world.now() + 60);
        self.flip().await;
    }
}
