//! Oracles whose providers say what the test wants: each event, and what makes
//! it come out.

use ed25519_dalek::SigningKey;
use oracle_client::{EventId, EventState};
use oracle_feeds::loopback::{Fault, MatchStage, ScriptedMatch, ScriptedRace};
use oracle_schema::http_signature::{Parameters, Request, sign};
use oracle_tests::config::AUTHORITY;
use oracle_tests::database::Backend;
use oracle_tests::market::{self, PPC_VENUES, START};
use oracle_tests::world::{World, event_id, instant};
use rust_decimal::Decimal;
use sha2::{Digest as _, Sha256};

/// When every event here matures: half an hour after the start.
pub(crate) const MATURITY: i64 = START + 1800;
const KICKOFF: i64 = START + 900;

/// An oracle with one event.
pub(crate) struct Scripted {
    world: World,
    pub(crate) id: EventId,
}

impl Scripted {
    async fn new(event: &str, id: &str) -> Self {
        Self {
            world: World::new(Backend::Sqlite, event).await,
            id: EventId::parse(id).unwrap(),
        }
    }

    pub(crate) fn url(&self) -> String {
        self.world.url()
    }

    /// Its time, as the examples take it.
    pub(crate) fn now(&self) -> String {
        instant(self.world.now()).to_rfc3339()
    }

    /// Moves on in steps of half a minute until there is an outcome.
    async fn until_attested(&mut self) {
        self.until(&[EventState::Attested, EventState::Voided])
            .await;
    }

    async fn until(&mut self, states: &[EventState]) {
        for _ in 0..60 {
            self.world.at(self.world.now() + 30).await;
            let event = self.world.event(&self.id).await;
            if states.contains(&event.state) {
                return;
            }
        }
        panic!("{:?}", self.world.event(&self.id).await);
    }

    async fn mature(&mut self) {
        self.world.at(MATURITY).await;
        self.until_attested().await;
    }

    /// A match at two providers.
    pub(crate) async fn sports_bet() -> Self {
        let event = format!(
            r#"
[[event]]
id = "cup"
kind = "match"
kickoff = "{}"
maturity = "{}"
basis = "regular_time"
outcomes = ["home", "draw", "away", "void"]
void_after = "6h"
agree = 2
stable_reads = 2
read_every = "30s"
settle_delay = "1m"
give_up_after = "30d"
source = [
  {{ provider = "openligadb", match = "77001", home = "40", away = "7" }},
  {{ provider = "football-data", match = "551001", home = "5", away = "4" }},
]
"#,
            instant(KICKOFF).to_rfc3339(),
            instant(MATURITY).to_rfc3339(),
        );
        let scripted = Self::new(&event, "cup").await;
        scripted.play(MatchStage::Scheduled);
        scripted
    }

    fn play(&self, stage: MatchStage) {
        let kickoff = KICKOFF;
        for (provider, id, home, away) in [
            ("openligadb", 77_001, 40, 7),
            ("football-data", 551_001, 5, 4),
        ] {
            let game = ScriptedMatch {
                id,
                home,
                away,
                kickoff,
                stage,
            };
            self.world.venues.set_match(provider, &game);
        }
    }

    pub(crate) async fn finishes(mut self, home: u32, away: u32) -> Self {
        self.play(MatchStage::Finished(home, away));
        self.mature().await;
        self
    }

    /// Never played, and its window closes.
    pub(crate) async fn postponed(mut self) -> Self {
        self.play(MatchStage::Postponed);
        self.world.at(MATURITY).await;
        self.world.at(KICKOFF + 6 * 3600).await;
        self.until_attested().await;
        self
    }

    /// A price above a threshold, or not.
    pub(crate) async fn binary_option(above: &str) -> Self {
        let event = format!(
            r#"
[[series]]
id = "ppc-above"
kind = "threshold"
price = "ppcusd"
above = "{above}"
at = ["{}"]
announce_ahead = "1d"
"#,
            instant(MATURITY).to_rfc3339()
        );
        Self::new(&event, event_id("ppc-above", MATURITY).as_str()).await
    }

    /// No venue answers for so long that the oracle gives up for ever.
    pub(crate) async fn gives_up(mut self) -> Self {
        for venue in market::venues() {
            self.world.venues.set_fault(venue, Some(Fault::Down));
        }
        self.world.at(MATURITY).await;
        let event = self.world.event(&self.id).await;
        self.world.at(event.attest_by.unwrap().timestamp()).await;
        self.until(&[EventState::Refund]).await;
        self
    }

    /// A price, digit by digit.
    pub(crate) async fn future() -> Self {
        let event = format!(
            r#"
[[series]]
id = "ppc-micros"
kind = "digits"
price = "ppcusd"
decimals = 6
base = 2
digits = 20
unit = "uUSD/PPC"
at = ["{}"]
announce_ahead = "1d"
"#,
            instant(MATURITY).to_rfc3339()
        );
        Self::new(&event, event_id("ppc-micros", MATURITY).as_str()).await
    }

    /// The markets close, at their price times `factor` tenths.
    pub(crate) async fn closes_at(mut self, factor: i64) -> Self {
        for venue in PPC_VENUES {
            let factor = Fault::Factor(Decimal::new(factor, 1));
            self.world.venues.set_fault(venue, Some(factor));
        }
        self.mature().await;
        self
    }

    /// A race for the senate.
    pub(crate) async fn election() -> Self {
        let event = format!(
            r#"
[[event]]
id = "senate"
kind = "election"
maturity = "{}"
basis = "certified"
outcomes = ["alder", "birch", "other", "runoff", "void"]
agree = 1
settle_delay = "1m"
candidates = {{ alder = {{ ap = ["18702"] }}, birch = {{ ap = ["18705"] }} }}
source = [ {{ provider = "ap", date = "2026-11-03", state = "GA", office = "S" }} ]
"#,
            instant(MATURITY).to_rfc3339()
        );
        Self::new(&event, "senate").await
    }

    /// Certified, with this winner.
    pub(crate) async fn elects(mut self, winner: &str) -> Self {
        let candidates = ["18702", "18705", "18799"];
        let race = ScriptedRace {
            date: "2026-11-03".to_owned(),
            state: "GA".to_owned(),
            office: "S".to_owned(),
            candidates: candidates.map(|id| (id.to_owned(), 1_000_000)).to_vec(),
            results_type: "certified",
            winner: Some(winner.to_owned()),
        };
        let venues = &self.world.venues;
        venues.set_answer("ap", &race.path(), race.body());
        self.mature().await;
        self
    }

    /// A question to two operators.
    pub(crate) async fn prediction_market() -> Self {
        let operator = |name: &str| {
            let key = hex::encode(operator_key(name).verifying_key().to_bytes());
            format!(
                "[[operator]]\nname = \"{name}\"\npublic_key = \"{key}\"\nscopes = [\"report\"]\n"
            )
        };
        let event = format!(
            "[[event]]\nid = \"pm\"\nkind = \"operators\"\nmaturity = \"{}\"\n\
             title = \"Does the upgrade activate?\"\n\
             outcomes = [\"yes\", \"no\", \"void\"]\npanel = [\"carol\", \"dave\"]\nk = 2\n\
             settle_delay = \"1m\"\n",
            instant(MATURITY).to_rfc3339()
        );
        let text = operator("carol") + &operator("dave") + &event;
        Self::new(&text, "pm").await
    }

    /// Both operators report this.
    pub(crate) async fn answered(mut self, outcome: &str) -> Self {
        self.world.at(MATURITY + 10).await;
        for operator in ["carol", "dave"] {
            self.report(operator, outcome).await;
        }
        self.until_attested().await;
        self
    }

    async fn report(&mut self, operator: &str, outcome: &str) {
        let path = format!("/v1/events/{}/reports", self.id);
        let body = serde_json::json!({ "outcome": outcome }).to_string();
        let now = self.world.now();
        let nonce = format!("nonce-of-{operator}-000000000");
        let parameters = Parameters::new(now, now + 60, &nonce, operator).unwrap();
        let request = Request {
            method: "POST",
            authority: AUTHORITY,
            path: &path,
            query: None,
            body: body.as_bytes(),
        };
        let fields = sign(&request, &parameters, &operator_key(operator)).unwrap();
        let send = reqwest::Client::new()
            .post(self.world.url() + &path)
            .header("content-digest", fields.content_digest)
            .header("signature-input", fields.signature_input)
            .header("signature", fields.signature)
            .body(body)
            .send();
        let answer = self.world.serving(send).await.unwrap();
        assert_eq!(answer.status(), 202, "{}", answer.text().await.unwrap());
    }
}

fn operator_key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name).into())
}
