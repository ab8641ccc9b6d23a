//! Matches and elections: attested when sources have agreed for long enough,
//! held while they do not, void when the match was not played.

use std::time::Duration;

use futures::StreamExt as _;
use oracle_client::{EventState, StreamEvent};
use oracle_feeds::loopback::{Fault, MatchStage, ScriptedMatch, ScriptedRace, kerg2};
use oracle_schema::EventId;
use oracle_schema::evidence::Manifest;
use oracle_tests::database::Backend;
use oracle_tests::flips::Flips;
use oracle_tests::market::START;
use oracle_tests::world::{World, instant};
use serde_json::json;
use tokio::time::timeout;

laws! {
    a_match_is_attested_when_sources_agree_read_after_read_until_the_delay_is_over,
    sources_that_contradict_each_other_hold_and_agreeing_again_restarts_the_delay,
    the_stream_tells_each_change_of_state_before_what_is_published,
    a_postponed_match_is_void_after_its_window_and_an_outage_never_is,
    what_a_source_last_said_is_weighed_however_long_it_has_failed_since,
    swapped_sides_hold,
    a_corrected_result_within_the_delay_is_the_one_that_counts,
    events_about_one_match_share_its_questions,
    a_restart_in_the_delay_goes_on_where_it_was,
    an_election_needs_the_announced_stage_and_a_call_taken_back_starts_anew,
    parties_are_counted_together_and_only_the_final_result_settles,
    nothing_that_was_asked_before_the_maturity_counts,
    a_tick_reads_what_was_said_since_the_last_however_much_and_however_many_ask,
}

/// An hour after the start.
pub(crate) const KICKOFF: i64 = START + 3600;
/// Two hours after kickoff.
pub(crate) const MATURITY: i64 = KICKOFF + 7200;
/// The settle delay of the matches here.
pub(crate) const DELAY: i64 = 600;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(30);

const HOME: (u64, u64) = (40, 5);
const AWAY: (u64, u64) = (7, 4);

/// One match at two providers.
pub(crate) fn match_event(id: &str) -> String {
    format!(
        r#"
[[event]]
id = "{id}"
kind = "match"
kickoff = "{}"
maturity = "{}"
basis = "regular_time"
outcomes = ["home", "draw", "away", "void"]
void_after = "48h"
agree = 2
stable_reads = 2
read_every = "30s"
settle_delay = "10m"
on_dissent = "hold"
give_up_after = "30d"
source = [
  {{ provider = "openligadb", match = "77001", home = "40", away = "7" }},
  {{ provider = "football-data", match = "551001", home = "5", away = "4" }},
]
"#,
        instant(KICKOFF).to_rfc3339(),
        instant(MATURITY).to_rfc3339(),
    )
}

pub(crate) fn game(provider: &str, stage: MatchStage) -> ScriptedMatch {
    let (id, home, away) = match provider {
        "openligadb" => (77_001, HOME.0, AWAY.0),
        _ => (551_001, HOME.1, AWAY.1),
    };
    ScriptedMatch {
        id,
        home,
        away,
        kickoff: KICKOFF,
        stage,
    }
}

pub(crate) fn play(world: &World, stage: MatchStage) {
    for provider in ["openligadb", "football-data"] {
        world.venues.set_match(provider, &game(provider, stage));
    }
}

pub(crate) fn id(text: &str) -> EventId {
    EventId::parse(text).unwrap()
}

async fn state(world: &World, event: &str) -> (EventState, Option<String>, String) {
    let event = world.event(&id(event)).await;
    (event.state, event.outcome, event.reason.unwrap_or_default())
}

/// Moves on in steps of the reading pace.
pub(crate) async fn until(world: &mut World, end: i64) {
    let mut now = world.now();
    while now < end {
        now = (now + 30).min(end);
        world.at(now).await;
    }
}

async fn a_match_is_attested_when_sources_agree_read_after_read_until_the_delay_is_over(
    backend: Backend,
) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Scheduled);
    assert_eq!(state(&world, "cup").await.0, EventState::Announced);
    world.at(MATURITY - 1).await;
    assert!(world.venues.requests().is_empty(), "asked before maturity");
    play(&world, MatchStage::Playing(2, 1));
    world.at(MATURITY).await;
    let (now, _, reason) = state(&world, "cup").await;
    assert_eq!(now, EventState::Matured);
    assert!(reason.contains("in play"), "{reason}");
    play(&world, MatchStage::Finished(2, 1));
    world.at(MATURITY + 30).await;
    assert_eq!(
        state(&world, "cup").await.0,
        EventState::Matured,
        "one read"
    );
    world.at(MATURITY + 60).await;
    let (now, _, reason) = state(&world, "cup").await;
    assert_eq!(now, EventState::Provisional, "{reason}");
    assert!(reason.contains("home"), "{reason}");
    until(&mut world, MATURITY + 30 + DELAY - 1).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Provisional);
    until(&mut world, MATURITY + 30 + DELAY + 30).await;
    let (now, outcome, _) = state(&world, "cup").await;
    assert_eq!(
        (now, outcome.as_deref()),
        (EventState::Attested, Some("home"))
    );
    world.client().attestation(&id("cup")).await.unwrap();
    let asked = world.venues.requests().len();
    until(&mut world, MATURITY + 30 + DELAY + 300).await;
    assert_eq!(world.venues.requests().len(), asked, "asked after the end");
}

async fn sources_that_contradict_each_other_hold_and_agreeing_again_restarts_the_delay(
    backend: Backend,
) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 60).await;
    let wrong = game("football-data", MatchStage::Finished(1, 2));
    world.venues.set_match("football-data", &wrong);
    world.at(MATURITY + 120).await;
    let (now, _, reason) = state(&world, "cup").await;
    assert_eq!(now, EventState::Held);
    assert!(reason.contains("disagree"), "{reason}");
    until(&mut world, MATURITY + DELAY + 120).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Held);
    play(&world, MatchStage::Finished(2, 1));
    let mended = world.now() + 30;
    until(&mut world, mended + DELAY - 30).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Provisional);
    until(&mut world, mended + DELAY + 60).await;
    assert_eq!(state(&world, "cup").await.1.as_deref(), Some("home"));
}

async fn the_stream_tells_each_change_of_state_before_what_is_published(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    let mut news = world.client().watch(Some(0));
    let announced = news.next().await.unwrap().unwrap();
    assert!(matches!(announced, StreamEvent::Announced { .. }));
    // Read on while the world moves: nobody repeats a change of state.
    let heard = tokio::spawn(async move {
        let mut states = Vec::new();
        while let StreamEvent::State { state, .. } = news.next().await.unwrap().unwrap() {
            states.push(state);
        }
        states
    });
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 60).await;
    let wrong = game("football-data", MatchStage::Finished(1, 2));
    world.venues.set_match("football-data", &wrong);
    world.at(MATURITY + 120).await;
    play(&world, MatchStage::Finished(2, 1));
    let mended = world.now() + 30;
    until(&mut world, mended + DELAY + 60).await;
    let states = timeout(PATIENCE, heard).await.unwrap().unwrap();
    let due = [
        EventState::Provisional,
        EventState::Held,
        EventState::Matured,
        EventState::Provisional,
        EventState::Committed,
    ];
    assert_eq!(states, due);
}

async fn a_postponed_match_is_void_after_its_window_and_an_outage_never_is(backend: Backend) {
    let window = KICKOFF + 48 * 3600;
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Postponed);
    world.at(MATURITY).await;
    world.at(window - 60).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Matured);
    for provider in ["openligadb", "football-data"] {
        world.venues.set_fault(provider, Some(Fault::Down));
    }
    world.at(window + 60).await;
    until(&mut world, window + 2 * DELAY).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Held, "an outage");
    for provider in ["openligadb", "football-data"] {
        world.venues.set_fault(provider, None);
    }
    // A source that was down is asked again at most five minutes later.
    let back = world.now();
    until(&mut world, back + 300 + DELAY + 60).await;
    let (now, outcome, reason) = state(&world, "cup").await;
    assert_eq!(
        (now, outcome.as_deref()),
        (EventState::Voided, Some("void"))
    );
    assert!(reason.starts_with("void by openligadb"), "{reason}");
}

async fn what_a_source_last_said_is_weighed_however_long_it_has_failed_since(backend: Backend) {
    let alone = match_event("cup").replacen("agree = 2", "agree = 1", 1);
    let mut world = World::new(backend, &alone).await;
    let wrong = game("football-data", MatchStage::Finished(1, 2));
    world.venues.set_match("football-data", &wrong);
    world.venues.set_fault("openligadb", Some(Fault::Down));
    until(&mut world, MATURITY + 60).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Provisional);
    // More failures than are weighed, as if one kind followed another.
    world
        .venues
        .set_fault("football-data", Some(Fault::Http(500)));
    world.at(MATURITY + 90).await;
    let failures = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2100) \
         INSERT INTO observation (leg_key, maturity, attempt, source, root, url, sent_ms, \
         received_ms, headers, verdict, detail) \
         SELECT o.leg_key, o.maturity, o.attempt + n.i, o.source, o.root, o.url, o.sent_ms + n.i, \
         o.received_ms + n.i, o.headers, o.verdict, o.detail FROM observation o, n \
         WHERE o.root = 'football-data' AND o.verdict = 'transient'";
    world.database.execute(failures).await;
    let inserted = world.now();
    until(&mut world, inserted + 330).await;
    let (_, _, reason) = state(&world, "cup").await;
    assert!(reason.contains("stand for \"away\""), "{reason}");
}

async fn swapped_sides_hold(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Finished(2, 1));
    let mut swapped = game("football-data", MatchStage::Finished(1, 2));
    (swapped.home, swapped.away) = (swapped.away, swapped.home);
    world.venues.set_match("football-data", &swapped);
    until(&mut world, MATURITY + 2 * DELAY).await;
    let (now, _, reason) = state(&world, "cup").await;
    assert_eq!(now, EventState::Held);
    assert!(reason.contains("swapped"), "{reason}");
}

async fn a_corrected_result_within_the_delay_is_the_one_that_counts(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 300).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Provisional);
    play(&world, MatchStage::Finished(2, 2));
    let corrected = world.now() + 30;
    until(&mut world, corrected + DELAY - 30).await;
    assert_eq!(state(&world, "cup").await.0, EventState::Provisional);
    until(&mut world, corrected + DELAY + 60).await;
    assert_eq!(state(&world, "cup").await.1.as_deref(), Some("draw"));
    // What comes after the attestation changes nothing any more.
    play(&world, MatchStage::Finished(3, 2));
    until(&mut world, corrected + 2 * DELAY).await;
    assert_eq!(state(&world, "cup").await.1.as_deref(), Some("draw"));
}

async fn events_about_one_match_share_its_questions(backend: Backend) {
    let events: String = (0..5).map(|n| match_event(&format!("cup-{n}"))).collect();
    let mut world = World::new(backend, &events).await;
    play(&world, MatchStage::Finished(0, 1));
    until(&mut world, MATURITY + 2 * DELAY).await;
    for n in 0..5 {
        let (_, outcome, _) = state(&world, &format!("cup-{n}")).await;
        assert_eq!(outcome.as_deref(), Some("away"));
    }
    let reads = usize::try_from(DELAY / 30).unwrap() + 3;
    assert!(
        world.requests_of("openligadb") <= reads,
        "{} questions where {reads} suffice",
        world.requests_of("openligadb")
    );
}

async fn a_restart_in_the_delay_goes_on_where_it_was(backend: Backend) {
    let mut world = World::new(backend, &match_event("cup")).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 300).await;
    world.stop().await;
    world.set_time(MATURITY + 30 + DELAY);
    world.start().await.unwrap();
    world.run_due().await;
    until(&mut world, MATURITY + DELAY + 90).await;
    let (now, outcome, _) = state(&world, "cup").await;
    assert_eq!(
        (now, outcome.as_deref()),
        (EventState::Attested, Some("home"))
    );
}

/// A senate race, decided by its certified result.
pub(crate) fn race(basis: &str, more: &str) -> String {
    format!(
        r#"
[[event]]
id = "senate"
kind = "election"
maturity = "{}"
basis = "{basis}"
outcomes = ["alder", "birch", "other", "runoff", "void"]
agree = 1
candidates = {{ alder = {{ ap = ["18702"] }}, birch = {{ ap = ["18705"] }} }}
source = [ {{ provider = "ap", date = "2026-11-03", state = "GA", office = "S" }} ]
{more}
"#,
        instant(MATURITY).to_rfc3339()
    )
}

pub(crate) fn senate(world: &World, results_type: &'static str, winner: Option<&str>) {
    let race = ScriptedRace {
        date: "2026-11-03".to_owned(),
        state: "GA".to_owned(),
        office: "S".to_owned(),
        candidates: vec![
            ("18702".to_owned(), 2_010_331),
            ("18705".to_owned(), 1_990_004),
        ],
        results_type,
        winner: winner.map(str::to_owned),
    };
    world.venues.set_answer("ap", &race.path(), race.body());
}

async fn an_election_needs_the_announced_stage_and_a_call_taken_back_starts_anew(backend: Backend) {
    let more = "settle_delay = \"10m\"";
    let events =
        race("called", more) + &race("certified", "").replace("\"senate\"", "\"official\"");
    let mut world = World::new(backend, &events).await;
    senate(&world, "live", Some("18702"));
    until(&mut world, MATURITY + 300).await;
    assert_eq!(state(&world, "senate").await.0, EventState::Provisional);
    assert_eq!(state(&world, "official").await.0, EventState::Matured);
    senate(&world, "live", None);
    until(&mut world, MATURITY + 360).await;
    assert_eq!(state(&world, "senate").await.0, EventState::Matured);
    senate(&world, "live", Some("18705"));
    let called = world.now() + 30;
    until(&mut world, called + DELAY - 30).await;
    assert_eq!(state(&world, "senate").await.0, EventState::Provisional);
    until(&mut world, called + DELAY + 60).await;
    assert_eq!(state(&world, "senate").await.1.as_deref(), Some("birch"));
    senate(&world, "test", Some("18702"));
    until(&mut world, called + DELAY + 2000).await;
    assert_eq!(state(&world, "official").await.1, None, "test data");
    senate(&world, "certified", Some("18702"));
    until(&mut world, called + DELAY + 4000).await;
    assert_eq!(state(&world, "official").await.1.as_deref(), Some("alder"));
}

async fn parties_are_counted_together_and_only_the_final_result_settles(backend: Backend) {
    let event = format!(
        r#"
[[event]]
id = "strongest"
kind = "election"
maturity = "{}"
basis = "endgueltig"
outcomes = ["union", "spd", "other", "void"]
agree = 1
candidates = {{ union = {{ bundeswahlleiterin = ["CDU", "CSU"] }}, spd = {{ bundeswahlleiterin = ["SPD"] }} }}
source = [ {{ provider = "bundeswahlleiterin", path = "/bundestagswahlen/2029/kerg2.csv", area = "Bund", vote = 2 }} ]
"#,
        instant(MATURITY).to_rfc3339()
    );
    let mut world = World::new(backend, &event).await;
    let path = "/bundestagswahlen/2029/kerg2.csv";
    let votes = [("CDU", 11_192_310), ("SPD", 11_299_120), ("CSU", 2_961_020)];
    for status in ["Zwischenergebnis", "Vorläufig"] {
        let body = kerg2(status, &votes);
        world.venues.set_answer("bundeswahlleiterin", path, body);
        let later = world.now().max(MATURITY) + 300;
        until(&mut world, later).await;
        assert_eq!(
            state(&world, "strongest").await.0,
            EventState::Matured,
            "{status}"
        );
    }
    let body = kerg2("Endgültig", &votes);
    world.venues.set_answer("bundeswahlleiterin", path, body);
    let later = world.now() + 120;
    until(&mut world, later).await;
    assert_eq!(state(&world, "strongest").await.1.as_deref(), Some("union"));
}

async fn nothing_that_was_asked_before_the_maturity_counts(backend: Backend) {
    // The later event asks the same questions as the earlier one.
    let late = instant(MATURITY + 86_400).to_rfc3339();
    let events =
        match_event("early") + &match_event("late").replace(&instant(MATURITY).to_rfc3339(), &late);
    let mut world = World::new(backend, &events).await;
    play(&world, MatchStage::Finished(2, 1));
    until(&mut world, MATURITY + 2 * DELAY).await;
    assert_eq!(state(&world, "early").await.1.as_deref(), Some("home"));
    assert_eq!(state(&world, "late").await.0, EventState::Announced);
    world.at(MATURITY + 86_400 - 30).await;
    world.at(MATURITY + 86_400).await;
    let (now, _, reason) = state(&world, "late").await;
    assert_eq!(now, EventState::Matured, "{reason}");
    until(&mut world, MATURITY + 86_400 + DELAY - 30).await;
    assert_eq!(state(&world, "late").await.0, EventState::Provisional);
    until(&mut world, MATURITY + 86_400 + DELAY + 90).await;
    assert_eq!(state(&world, "late").await.1.as_deref(), Some("home"));
}

async fn a_tick_reads_what_was_said_since_the_last_however_much_and_however_many_ask(
    backend: Backend,
) {
    let mut read = Vec::new();
    for (events, answers) in [(1, 20), (10, 2100)] {
        let mut flips = Flips::new(backend, events).await;
        flips.have_said(answers).await;
        let before = flips.world.observations_read();
        flips.flip().await;
        flips.flip().await;
        read.push(flips.world.observations_read() - before);
        // In the end it stays with what it says, and all of them are decided at once.
        let before = flips.world.observations_read();
        let mut ticks = 0;
        while flips.world.json("/v1/events?state=attested&limit=1").await["events"] == json!([]) {
            flips.again().await;
            ticks += 1;
            let (_, _, reason) = state(&flips.world, "flip-00").await;
            assert!(ticks < 60, "never decided: {reason}");
        }
        let all = flips
            .world
            .json("/v1/events?state=attested&limit=500")
            .await;
        assert_eq!(all["events"].as_array().unwrap().len(), events);
        read.push((flips.world.observations_read() - before) / ticks);
        as_it_is_stored(&flips.world).await;
    }
    let (few, many) = read.split_at(2);
    assert_eq!(few, many, "answers read");
    assert!(many.iter().all(|read| *read <= 8), "{read:?}");
}

/// What was decided from, kept in memory, is what the database has, and is enough to
/// decide again.
async fn as_it_is_stored(world: &World) {
    let bundle = crate::evidence::bundle(world, &id("flip-00")).await;
    crate::evidence::reproduced(&bundle);
    let manifest: Manifest = serde_json::from_slice(&bundle.manifest).unwrap();
    let listed = manifest.observations;
    let stored = world.database.count("observation").await;
    let stored = usize::try_from(stored).unwrap();
    assert!(listed.len() == stored || listed.len() == 1999, "{stored}");
    // Of a long row of equal answers the beginning and the end.
    assert_eq!(listed.iter().filter(|o| o.reads > 16).count(), 1);
}
