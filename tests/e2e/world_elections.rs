//! Elections as they are: what AP is asked for and how its calls move, seats and
//! ballot measures, and Germany's official files as they were published.

use std::io::Read as _;

use flate2::read::GzDecoder;
use oracle_client::EventState;
use oracle_client::replay::Conclusion;
use oracle_tests::database::Backend;
use oracle_tests::world::{World, instant};
use serde_json::Value;

use crate::evidence::bundle;
use crate::facts::{MATURITY, id, until};

laws! {
    certified_results_are_asked_for_where_they_decide,
    the_announced_seat_decides_and_an_unnamed_one_does_not,
    calls_move_and_an_unknown_status_is_waited_out,
    a_ballot_measure_is_decided_by_the_mark_on_its_winner,
    the_final_result_of_2021_decides_as_it_was_published,
    the_result_of_2025_waits_until_it_is_final,
}

macro_rules! sample {
    ($file:literal) => {
        include_str!(concat!("../../feeds/samples/", $file))
    };
}

const CALLED: &str = sample!("ap/v3_called.json");

/// What AP is asked before what narrows the question.
fn path(office: &str) -> String {
    format!("/v3/elections/2026-11-03?statePostal=GA&officeID={office}&level=state")
}

/// An election at AP between candidate 18702 and candidate 18705.
fn race(id: &str, basis: &str, office: &str, named: &str) -> String {
    format!(
        r#"
[[event]]
id = "{id}"
kind = "election"
maturity = "{}"
basis = "{basis}"
outcomes = ["alder", "birch", "other", "runoff", "void"]
agree = 1
settle_delay = "5m"
candidates = {{ alder = {{ ap = ["18702"] }}, birch = {{ ap = ["18705"] }} }}
source = [ {{ provider = "ap", date = "2026-11-03", state = "GA", office = "{office}"{named} }} ]
"#,
        instant(MATURITY).to_rfc3339()
    )
}

/// State, outcome and reason, as readers see them.
async fn seen(world: &World, event: &str) -> (EventState, Option<String>, String) {
    let event = world.event(&id(event)).await;
    (event.state, event.outcome, event.reason.unwrap_or_default())
}

#[track_caller]
fn waits(seen: &(EventState, Option<String>, String), why: &str) {
    assert_eq!(
        (seen.0, &seen.1),
        (EventState::Matured, &None),
        "{}",
        seen.2
    );
    assert!(seen.2.contains(why), "{why}: {}", seen.2);
}

/// The outcome, which follows again from what is published.
async fn decided(world: &World, event: &str) -> String {
    let (state, outcome, reason) = seen(world, event).await;
    assert_eq!(state, EventState::Attested, "{event}: {reason}");
    let report = bundle(world, &id(event)).await.replay().unwrap();
    assert_eq!(report.conclusion(), Conclusion::Reproduced, "{report:#?}");
    assert_eq!(report.outcome, outcome, "{event}");
    outcome.unwrap_or_default()
}

/// Reads for as long as two equal reads and the settle delay take.
async fn settled(world: &mut World) {
    let until_then = world.now().max(MATURITY) + 420;
    if world.now() < MATURITY {
        world.at(MATURITY).await;
    }
    until(world, until_then).await;
}

async fn certified_results_are_asked_for_where_they_decide(backend: Backend) {
    let events = race("called", "called", "S", "") + &race("official", "certified", "S", "");
    let mut world = World::new(backend, &events).await;
    let answers = |results: &str, body: &str| {
        let path = format!("{}&resultsType={results}", path("S"));
        (path, body.to_owned())
    };
    for (path, body) in [
        answers("l", CALLED),
        answers("c", sample!("ap/v3_no_changes.json")),
    ] {
        world.venues.set_answer("ap", &path, body);
    }
    settled(&mut world).await;
    assert_eq!(decided(&world, "called").await, "alder");
    waits(&seen(&world, "official").await, "no changes");
    let (path, body) = answers("c", sample!("ap/v3_certified.json"));
    world.venues.set_answer("ap", &path, body);
    settled(&mut world).await;
    assert_eq!(decided(&world, "official").await, "alder");
    let requests = world.venues.requests();
    let asked = |results: &str| {
        let wanted = format!("&resultsType={results}&");
        let asked = requests
            .iter()
            .filter(|r| r.path_and_query.contains(&wanted));
        asked.count()
    };
    assert!(asked("l") > 1 && asked("c") > 1);
    assert_eq!(asked("l") + asked("c"), world.requests_of("ap"));
}

/// Three seats, of which the second is the other candidate's.
fn seats() -> String {
    let mut answer: Value = serde_json::from_str(sample!("ap/v3_house_seats.json")).unwrap();
    let second = "/races/1/reportingUnits/0/candidates";
    let candidates = answer.pointer_mut(second).unwrap();
    candidates[0].as_object_mut().unwrap().remove("winner");
    candidates[1]["winner"] = "X".into();
    answer.to_string()
}

async fn the_announced_seat_decides_and_an_unnamed_one_does_not(backend: Backend) {
    let events = race("first", "called", "H", ", seat = \"1\"")
        + &race(
            "second",
            "called",
            "H",
            ", race = \"40002\", race_type = \"G\", seat = \"2\"",
        )
        + &race("any", "called", "H", "");
    let mut world = World::new(backend, &events).await;
    world.venues.set_answer("ap", &path("H"), seats());
    settled(&mut world).await;
    assert_eq!(decided(&world, "first").await, "alder");
    assert_eq!(decided(&world, "second").await, "birch");
    let (state, outcome, reason) = seen(&world, "any").await;
    assert_eq!((state, outcome), (EventState::Held, None), "{reason}");
    assert!(reason.contains("races where one is due"), "{reason}");
    let requests = world.venues.requests();
    let named = "&raceID=40002&raceTypeID=G&seatNum=2&resultsType=l&";
    assert!(requests.iter().any(|r| r.path_and_query.contains(named)));
}

async fn calls_move_and_an_unknown_status_is_waited_out(backend: Backend) {
    let mut world = World::new(backend, &race("senate", "called", "S", "")).await;
    let open = CALLED.replace("\"winner\": \"X\"", "\"winner\": \"\"");
    let says = |body: &str, status: &str| body.replace("\"Called\"", &format!("{status:?}"));
    world.at(MATURITY).await;
    for (body, why) in [
        (sample!("ap/v3_no_status_yet.json").to_owned(), "No status"),
        (says(&open, "Too Early to Call"), "Too Early to Call"),
        (
            says(&open, "Awaiting Ranked Choice Results"),
            "Ranked Choice",
        ),
    ] {
        world.venues.set_answer("ap", &path("S"), body);
        let soon = world.now() + 60;
        until(&mut world, soon).await;
        waits(&seen(&world, "senate").await, why);
    }
    // Called, and taken back; then a word that nobody knows.
    for (status, why) in [("Uncalled", "Uncalled"), ("Advanced", "Advanced")] {
        world.venues.set_answer("ap", &path("S"), CALLED);
        let soon = world.now() + 90;
        until(&mut world, soon).await;
        assert_eq!(seen(&world, "senate").await.0, EventState::Provisional);
        world
            .venues
            .set_answer("ap", &path("S"), says(CALLED, status));
        let later = world.now() + 600;
        until(&mut world, later).await;
        waits(&seen(&world, "senate").await, why);
    }
    // Won by who does not lead: for an hour nobody says otherwise.
    let behind = says(CALLED, "Winner Not Leading");
    world.venues.set_answer("ap", &path("S"), behind);
    settled(&mut world).await;
    let (state, _, reason) = seen(&world, "senate").await;
    assert_eq!(state, EventState::Provisional, "{reason}");
    let later = world.now() + 3600;
    world.at(later).await;
    until(&mut world, later + 60).await;
    assert_eq!(decided(&world, "senate").await, "alder");
}

async fn a_ballot_measure_is_decided_by_the_mark_on_its_winner(backend: Backend) {
    let measure = race("measure", "called", "I", ", race = \"11810\"");
    let measure = measure.replace("alder", "yes").replace("birch", "no");
    let mut world = World::new(backend, &measure).await;
    let body = sample!("ap/v3_ballot_measure.json");
    let open = body.replace("\"winner\": \"X\"", "\"winner\": \"\"");
    assert_ne!(body, open);
    world.venues.set_answer("ap", &path("I"), open);
    settled(&mut world).await;
    waits(&seen(&world, "measure").await, "no winner");
    world.venues.set_answer("ap", &path("I"), body);
    settled(&mut world).await;
    assert_eq!(decided(&world, "measure").await, "yes");
}

/// The largest party of the country by second votes.
fn strongest(path: &str) -> String {
    format!(
        r#"
[[event]]
id = "strongest"
kind = "election"
maturity = "{}"
basis = "endgueltig"
outcomes = ["union", "spd", "other", "void"]
agree = 1
candidates = {{ union = {{ bundeswahlleiterin = ["CDU", "CSU"] }}, spd = {{ bundeswahlleiterin = ["SPD"] }} }}
source = [ {{ provider = "bundeswahlleiterin", path = "{path}", area = "Bund", vote = 2 }} ]
"#,
        instant(MATURITY).to_rfc3339()
    )
}

fn unpacked(packed: &[u8]) -> String {
    let mut text = String::new();
    GzDecoder::new(packed).read_to_string(&mut text).unwrap();
    text
}

/// Two reads from the maturity on, or from now.
async fn read_twice(world: &mut World) {
    for _ in 0..2 {
        let next = (world.now() + 30).max(MATURITY);
        world.at(next).await;
    }
}

async fn the_final_result_of_2021_decides_as_it_was_published(backend: Backend) {
    let path = "/bundestagswahlen/2021/kerg2.csv";
    let mut world = World::new(backend, &strongest(path)).await;
    let file =
        include_bytes!("../../feeds/samples/bundeswahlleiterin/real/kerg2_2021_final.csv.gz");
    world
        .venues
        .set_answer("bundeswahlleiterin", path, unpacked(file));
    read_twice(&mut world).await;
    assert_eq!(decided(&world, "strongest").await, "spd");
}

async fn the_result_of_2025_waits_until_it_is_final(backend: Backend) {
    let path = "/bundestagswahlen/2025/kerg2.csv";
    let mut world = World::new(backend, &strongest(path)).await;
    let file =
        include_bytes!("../../feeds/samples/bundeswahlleiterin/real/kerg2_2025_prelim.csv.gz");
    let body = unpacked(file);
    let provider = "bundeswahlleiterin";
    world.venues.set_answer(provider, path, body.as_str());
    read_twice(&mut world).await;
    waits(&seen(&world, "strongest").await, "Vorläufig");
    let last = body.replacen("Status:;Vorläufig", "Status:;Endgültig", 1);
    assert_ne!(body, last);
    world.venues.set_answer(provider, path, last);
    read_twice(&mut world).await;
    assert_eq!(decided(&world, "strongest").await, "union");
}
