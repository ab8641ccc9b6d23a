//! Operators, with their keys, over HTTP: what they may do, and what is
//! refused.

use std::cell::Cell;

use ed25519_dalek::SigningKey;
use futures::future::join_all;
use oracle_client::EventState;
use oracle_client::replay::Conclusion;
use oracle_feeds::loopback::{Fault, MatchStage};
use oracle_schema::EventId;
use oracle_schema::http_signature::{FieldValues, Parameters, Request, sign};
use oracle_schema::log_entry::LogEntry;
use oracle_server::guard;
use oracle_tests::config::{AUTHORITY, PUBLIC_URL};
use oracle_tests::database::Backend;
use oracle_tests::http::Answer;
use oracle_tests::market::START;
use oracle_tests::world::{World, event_id, instant};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::{evidence, facts, series};

laws! {
    k_equal_reports_decide_after_the_delay_even_beside_a_dissenting_one,
    a_request_that_is_not_the_operators_is_refused_and_changes_nothing,
    a_nonce_is_used_once_even_across_a_restart,
    operators_do_what_their_scope_and_panel_allow,
    a_report_before_the_maturity_is_not_kept,
    an_operator_who_contradicts_himself_has_no_vote_and_is_kept_as_evidence,
    one_operator_cannot_fill_the_log_or_the_evidence,
    a_veto_holds_until_two_operators_release_the_event,
    two_operators_void_an_event,
    a_price_is_nobodys_word_and_two_operators_refund_it,
    a_held_match_without_a_panel_is_released_by_two_operators,
    a_panel_is_one_source_of_a_match,
    an_event_without_a_void_outcome_is_refunded_by_two_operators,
    nothing_changes_a_committed_outcome,
    an_operator_creates_an_event_once,
    requests_that_wait_together_are_each_answered_as_if_alone,
    the_choice_of_one_party_has_a_budget,
    what_is_kept_is_signed_and_in_the_log,
    an_operator_that_open_events_need_cannot_be_removed,
    an_announced_event_keeps_the_keys_of_its_panel,
    a_process_that_does_not_lead_says_so,
    nothing_is_decided_while_the_clock_runs_ahead,
    an_approval_counts_again_after_a_veto_that_followed_it,
}

/// When the questions mature.
pub(crate) const MATURITY: i64 = START + 3600;
/// Their settle delay.
pub(crate) const DELAY: i64 = 7200;
pub(crate) const QUESTION: &str = "pm-upgrade";
const NO_VOID: &str = "pm-without-void";

fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name).into())
}

/// Operators, and two questions for their panel.
pub(crate) fn config() -> String {
    let operator = |name: &str, scopes: &str| {
        let key = hex::encode(key(name).verifying_key().to_bytes());
        format!("[[operator]]\nname = \"{name}\"\npublic_key = \"{key}\"\nscopes = [{scopes}]\n")
    };
    let event = |id: &str, outcomes: &str| {
        let maturity = instant(MATURITY).format("%FT%TZ");
        format!(
            "[[event]]\nid = \"{id}\"\nkind = \"operators\"\nmaturity = \"{maturity}\"\n\
             title = \"Does the upgrade of 2026 activate?\"\n\
             outcomes = [{outcomes}]\npanel = [\"alice\", \"bob\", \"carol\"]\nk = 2\n\
             settle_delay = \"2h\"\n"
        )
    };
    [
        operator("alice", r#""create", "report", "approve", "void""#),
        operator("bob", r#""report", "approve", "void""#),
        operator("carol", r#""report""#),
        operator("dave", r#""report", "approve""#),
        operator("erin", ""),
        event(QUESTION, r#""yes", "no", "void""#),
        event(NO_VOID, r#""yes", "no""#),
    ]
    .concat()
}

async fn world(backend: Backend) -> World {
    World::new(backend, &config()).await
}

thread_local! {
    static NONCES: Cell<u64> = const { Cell::new(0) };
}

/// A nonce no other request of the test has.
fn nonce() -> String {
    let number = NONCES.replace(NONCES.get() + 1);
    format!("nonce-number-{number:08}")
}

/// A request on its way, to be spoilt or sent.
#[derive(Clone)]
struct Post {
    path: String,
    body: Vec<u8>,
    fields: FieldValues,
}

fn signed_at(world: &World, operator: &str, path: &str, body: Vec<u8>, authority: &str) -> Post {
    let now = oracle_server::clock::Clock::now(&*world.clock).timestamp();
    let parameters = Parameters::new(now, now + 60, &nonce(), operator).unwrap();
    let request = Request {
        method: "POST",
        authority,
        path,
        query: None,
        body: &body,
    };
    let fields = sign(&request, &parameters, &key(operator)).unwrap();
    Post {
        path: path.to_owned(),
        body,
        fields,
    }
}

fn signed(world: &World, operator: &str, path: &str, body: &Value) -> Post {
    signed_at(
        world,
        operator,
        path,
        body.to_string().into_bytes(),
        AUTHORITY,
    )
}

async fn send(world: &mut World, post: &Post) -> Answer {
    let fields = [
        ("content-digest", post.fields.content_digest.clone()),
        ("signature-input", post.fields.signature_input.clone()),
        ("signature", post.fields.signature.clone()),
    ];
    send_with(world, post, &fields).await
}

async fn send_with(world: &mut World, post: &Post, fields: &[(&str, String)]) -> Answer {
    let url = format!("{}{}", world.url(), post.path);
    let mut request = reqwest::Client::new().post(url).body(post.body.clone());
    for (name, value) in fields {
        request = request.header(*name, value);
    }
    let response = world.serving(request.send()).await.unwrap();
    Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body: response.bytes().await.unwrap().to_vec(),
    }
}

/// Signs, sends, and lets the engine do what follows.
pub(crate) async fn act(world: &mut World, operator: &str, what: &str, body: Value) -> Answer {
    act_on(world, operator, QUESTION, what, body).await
}

async fn act_on(world: &mut World, operator: &str, id: &str, what: &str, body: Value) -> Answer {
    let path = format!("/v1/events/{id}/{what}");
    let post = signed(world, operator, &path, &body);
    let answer = send(world, &post).await;
    world.run_due().await;
    answer
}

async fn report(world: &mut World, operator: &str, outcome: &str) -> Answer {
    act(world, operator, "reports", json!({ "outcome": outcome })).await
}

fn accepted(answer: &Answer) -> String {
    assert_eq!(answer.status, 202, "{}", answer.json());
    assert_eq!(answer.json()["accepted"], true);
    answer.json()["sha256"].as_str().unwrap().to_owned()
}

fn refused(answer: &Answer, status: u16, problem: &str) {
    let found = (answer.status, answer.problem());
    assert_eq!(found, (status, problem.to_owned()), "{}", answer.json());
}

fn id(text: &str) -> EventId {
    EventId::parse(text).unwrap()
}

async fn state(world: &World, event: &str) -> EventState {
    world.event(&id(event)).await.state
}

async fn outcome(world: &World, event: &str) -> String {
    let wait = std::time::Duration::from_secs(5);
    let attested = world.client().wait(&id(event), wait).await.unwrap();
    attested.outcome_text()
}

/// The published evidence comes to the attested outcome again, as far as
/// licences let it be published.
async fn replayed(world: &World, event: &str) {
    let bundle = evidence::bundle(world, &id(event)).await;
    let report = bundle.replay().unwrap();
    assert_ne!(report.conclusion(), Conclusion::Mismatch, "{report:#?}");
    assert_eq!(report.outcome, Some(bundle.attested.outcome_text()));
}

async fn k_equal_reports_decide_after_the_delay_even_beside_a_dissenting_one(backend: Backend) {
    let mut world = world(backend).await;
    assert_eq!(state(&world, QUESTION).await, EventState::Announced);
    world.at(MATURITY + 10).await;
    accepted(&report(&mut world, "carol", "no").await);
    accepted(&report(&mut world, "alice", "yes").await);
    assert_eq!(state(&world, QUESTION).await, EventState::Matured);
    world.at(MATURITY + 100).await;
    let answer = report(&mut world, "bob", "yes").await;
    accepted(&answer);
    assert_eq!(answer.json()["event_id"], QUESTION);
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    world.at(MATURITY + 100 + DELAY - 1).await;
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    world.at(MATURITY + 100 + DELAY).await;
    assert_eq!(outcome(&world, QUESTION).await, "yes");
    replayed(&world, QUESTION).await;
}

async fn a_request_that_is_not_the_operators_is_refused_and_changes_nothing(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let log = world.database.log().await;
    let path = format!("/v1/events/{QUESTION}/reports");
    let honest = signed(&world, "alice", &path, &json!({ "outcome": "yes" }));

    let unsigned = send_with(&mut world, &honest, &[]).await;
    refused(&unsigned, 401, "unsigned");

    let mut altered = honest.clone();
    altered.body = json!({ "outcome": "no" }).to_string().into_bytes();
    refused(&send(&mut world, &altered).await, 401, "bad-signature");

    let mut elsewhere = honest.clone();
    elsewhere.path = format!("/v1/events/{NO_VOID}/reports");
    refused(&send(&mut world, &elsewhere).await, 401, "bad-signature");

    let mut query = honest.clone();
    query.path.push_str("?a=1");
    refused(&send(&mut world, &query).await, 401, "bad-signature");

    let mut renamed = honest.clone();
    let input = renamed.fields.signature_input.replace("alice", "bob");
    renamed.fields.signature_input = input;
    refused(&send(&mut world, &renamed).await, 401, "bad-signature");

    let stranger = signed(&world, "mallory", &path, &json!({ "outcome": "yes" }));
    refused(&send(&mut world, &stranger).await, 401, "bad-signature");

    // Signed for the address it is sent to, which is not the public one.
    let here = world.url().replace("http://", "");
    let body = honest.body.clone();
    let other_host = signed_at(&world, "alice", &path, body, &here);
    refused(&send(&mut world, &other_host).await, 401, "bad-signature");

    world.clock.set(instant(MATURITY + 66));
    refused(&send(&mut world, &honest).await, 401, "expired");
    world.clock.set(instant(MATURITY - 6));
    refused(&send(&mut world, &honest).await, 401, "expired");

    assert_eq!(world.database.log().await, log);
    let kept = world.json(&path).await;
    assert_eq!(kept["reports"], json!([]));
    // And the honest one was not used up.
    world.clock.set(instant(MATURITY + 65));
    accepted(&send(&mut world, &honest).await);
}

async fn a_nonce_is_used_once_even_across_a_restart(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let path = format!("/v1/events/{QUESTION}/reports");
    let post = signed(&world, "alice", &path, &json!({ "outcome": "yes" }));
    let early = signed(&world, "bob", "/v1/events/nothing/reports", &json!({}));
    accepted(&send(&mut world, &post).await);
    refused(&send(&mut world, &early).await, 404, "unknown-event");
    for round in 0..2 {
        let log = world.database.log().await;
        refused(&send(&mut world, &post).await, 401, "replayed");
        // Refused or not: a nonce is used once.
        refused(&send(&mut world, &early).await, 401, "replayed");
        assert_eq!(world.database.log().await, log, "round {round}");
        world.stop().await;
        world.start().await.unwrap();
    }
    // Under a new nonce it is the same report.
    let again = report(&mut world, "alice", "yes").await;
    assert_eq!(again.status, 200, "{}", again.json());
    let kept = world.json(&path).await;
    assert_eq!(kept["reports"].as_array().unwrap().len(), 1);
}

async fn operators_do_what_their_scope_and_panel_allow(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let yes = || json!({ "outcome": "yes" });
    let log = world.database.log().await;
    refused(
        &act(&mut world, "erin", "reports", yes()).await,
        403,
        "scope",
    );
    refused(
        &act(&mut world, "dave", "reports", yes()).await,
        403,
        "not-on-panel",
    );
    let why = || json!({ "reason": "why" });
    refused(&act(&mut world, "carol", "veto", why()).await, 403, "scope");
    refused(&act(&mut world, "carol", "void", why()).await, 403, "scope");
    let nobody = json!({ "report": "00".repeat(32) });
    refused(
        &act(&mut world, "carol", "approvals", nobody.clone()).await,
        403,
        "scope",
    );
    refused(
        &act(&mut world, "bob", "approvals", nobody).await,
        422,
        "unknown-report",
    );
    let post = signed(&world, "bob", "/v1/events", &json!({}));
    refused(&send(&mut world, &post).await, 403, "scope");
    refused(&report(&mut world, "alice", "maybe").await, 422, "outcome");
    let odd = act(
        &mut world,
        "alice",
        "reports",
        json!({ "outcome": "yes", "x": 1 }),
    )
    .await;
    refused(&odd, 422, "bad-body");
    assert_eq!(odd.json()["field"], "x");
    let unknown = act_on(&mut world, "alice", "nothing", "reports", yes()).await;
    refused(&unknown, 404, "unknown-event");
    assert_eq!(world.database.log().await, log);
}

async fn a_report_before_the_maturity_is_not_kept(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY - 1).await;
    let log = world.database.log().await;
    refused(
        &report(&mut world, "alice", "yes").await,
        409,
        "not-matured",
    );
    assert_eq!(world.database.log().await, log);
    world.at(MATURITY).await;
    // No contradiction: what came early was never said.
    accepted(&report(&mut world, "alice", "no").await);
}

async fn an_operator_who_contradicts_himself_has_no_vote_and_is_kept_as_evidence(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    accepted(&report(&mut world, "alice", "yes").await);
    // Of two reports with one body the first is what an approval names.
    let own = json!({ "outcome": "yes", "note": "bob's own words" });
    accepted(&act(&mut world, "bob", "reports", own).await);
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    refused(
        &report(&mut world, "bob", "no").await,
        409,
        "conflicting-report",
    );
    assert_eq!(state(&world, QUESTION).await, EventState::Matured);
    let kept = world.json(&format!("/v1/events/{QUESTION}/reports")).await;
    assert_eq!(kept["reports"][2]["refusal"], "conflicting-report");
    assert_eq!(kept["reports"][2]["accepted"], false);
    // Once is proof enough: whatever more he says is not kept.
    let log = world.database.log().await;
    for again in [
        json!({ "outcome": "no" }),
        json!({ "outcome": "no", "note": "really" }),
        json!({ "outcome": "void" }),
    ] {
        let answer = act(&mut world, "bob", "reports", again).await;
        refused(&answer, 409, "conflicting-report");
    }
    assert_eq!(world.database.log().await, log);
    world.at(MATURITY + DELAY + 60).await;
    assert_eq!(state(&world, QUESTION).await, EventState::Matured);
    // With carol against alice nobody can have two any more.
    accepted(&report(&mut world, "carol", "no").await);
    assert_eq!(state(&world, QUESTION).await, EventState::Held);
    // Nobody releases to the word of one who took it back.
    let voided = &kept["reports"][1]["sha256"];
    let answer = act(
        &mut world,
        "alice",
        "approvals",
        json!({ "report": voided }),
    )
    .await;
    refused(&answer, 409, "conflicting-report");
}

async fn one_operator_cannot_fill_the_log_or_the_evidence(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let note = |n: usize| json!({ "outcome": "yes", "note": format!("{n}: {}", "x".repeat(1900)) });
    for n in 0..16 {
        accepted(&act(&mut world, "alice", "reports", note(n)).await);
    }
    let log = world.database.log().await;
    for n in 16..20 {
        let answer = act(&mut world, "alice", "reports", note(n)).await;
        refused(&answer, 409, "too-many-actions");
    }
    let veto = json!({ "reason": "and this" });
    let answer = act(&mut world, "alice", "veto", veto).await;
    refused(&answer, 409, "too-many-actions");
    // What was accepted before still is, whenever it is sent again.
    for n in [0, 15] {
        let answer = act(&mut world, "alice", "reports", note(n)).await;
        assert_eq!(answer.status, 200, "{}", answer.json());
    }
    assert_eq!(world.database.log().await, log, "nothing more is kept");
    // Her vote stands, others go on, and the outcome can be replayed.
    accepted(&report(&mut world, "bob", "yes").await);
    world.at(MATURITY + DELAY).await;
    assert_eq!(state(&world, QUESTION).await, EventState::Attested);
    replayed(&world, QUESTION).await;
    // A contradiction is kept however much was said before, as on another event.
    for n in 0..16 {
        accepted(&act_on(&mut world, "alice", NO_VOID, "reports", note(n)).await);
    }
    let no = json!({ "outcome": "no" });
    let answer = act_on(&mut world, "alice", NO_VOID, "reports", no).await;
    refused(&answer, 409, "conflicting-report");
    let kept = world.json(&format!("/v1/events/{NO_VOID}/reports")).await;
    assert_eq!(kept["reports"][16]["refusal"], "conflicting-report");
}

async fn a_veto_holds_until_two_operators_release_the_event(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let said = accepted(&report(&mut world, "alice", "yes").await);
    let approval = json!({ "report": said });
    // Nothing to release yet.
    let answer = act(&mut world, "bob", "approvals", approval.clone()).await;
    refused(&answer, 409, "not-held");
    accepted(&report(&mut world, "carol", "yes").await);
    accepted(&act(&mut world, "bob", "veto", json!({ "reason": "look again" })).await);
    let event = world.event(&id(QUESTION)).await;
    assert_eq!(event.state, EventState::Held);
    assert_eq!(
        event.reason.as_deref(),
        Some("vetoed by operator bob: look again")
    );
    // However many agree.
    accepted(&report(&mut world, "bob", "yes").await);
    world.at(MATURITY + DELAY + 60).await;
    world.at(MATURITY + 2 * DELAY).await;
    assert_eq!(state(&world, QUESTION).await, EventState::Held);
    let answer = act(&mut world, "alice", "approvals", approval.clone()).await;
    refused(&answer, 403, "self-approval");
    world.stop().await;
    world.start().await.unwrap();
    world.run_due().await;
    assert_eq!(state(&world, QUESTION).await, EventState::Held);
    accepted(&act(&mut world, "bob", "approvals", approval.clone()).await);
    assert_eq!(outcome(&world, QUESTION).await, "yes");
    let again = act(&mut world, "bob", "approvals", approval).await;
    assert_eq!(
        (again.status, &again.json()["state"]),
        (200, &json!("attested"))
    );
    replayed(&world, QUESTION).await;
}

async fn two_operators_void_an_event(backend: Backend) {
    let mut world = world(backend).await;
    let why = json!({ "reason": "the question was asked wrongly" });
    let proposal = accepted(&act(&mut world, "alice", "void", why).await);
    let approval = json!({ "report": proposal });
    let early = act(&mut world, "bob", "approvals", approval.clone()).await;
    refused(&early, 409, "not-matured");
    world.at(MATURITY).await;
    let own = act(&mut world, "alice", "approvals", approval.clone()).await;
    refused(&own, 403, "self-approval");
    assert_eq!(state(&world, QUESTION).await, EventState::Matured);
    accepted(&act(&mut world, "bob", "approvals", approval).await);
    let event = world.event(&id(QUESTION)).await;
    assert_eq!(event.state, EventState::Voided);
    assert_eq!(
        event.reason.as_deref(),
        Some("voided by operators alice and bob: the question was asked wrongly")
    );
    assert_eq!(outcome(&world, QUESTION).await, "void");
    replayed(&world, QUESTION).await;
}

async fn an_event_without_a_void_outcome_is_refunded_by_two_operators(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    // As long as it may be, and longer than a notice of the log.
    let why = json!({ "reason": "雨\n".repeat(1000) });
    let proposal = accepted(&act_on(&mut world, "bob", NO_VOID, "void", why.clone()).await);
    let approval = json!({ "report": proposal });
    let answer = act_on(&mut world, "alice", NO_VOID, "approvals", approval).await;
    accepted(&answer);
    assert_eq!(answer.json()["state"], "committed");
    let event = world.event(&id(NO_VOID)).await;
    assert_eq!(event.state, EventState::Refund);
    let reason = event.reason.unwrap();
    assert!(
        reason.starts_with("voided by operators bob and alice: 雨 雨"),
        "{reason}"
    );
    assert!(reason.chars().count() < 350);
    let gone = world.get(&format!("/v1/attestations/{NO_VOID}")).await;
    refused(&gone, 410, "refunded");
    let late = act_on(
        &mut world,
        "alice",
        NO_VOID,
        "reports",
        json!({ "outcome": "yes" }),
    )
    .await;
    refused(&late, 409, "already-committed");
}

async fn a_price_is_nobodys_word_and_two_operators_refund_it(backend: Backend) {
    let mut world = World::new(backend, &(config() + series::CENTS)).await;
    let cents = event_id("btc-cents", series::MATURITY);
    let name = cents.as_str();
    world.break_all(Some(&Fault::Http(503)));
    world.at(series::SETTLED).await;
    let number = json!({ "outcome": "1" });
    let answer = act_on(&mut world, "alice", name, "reports", number).await;
    refused(&answer, 403, "not-on-panel");
    // One operator alone does not turn a price into a refund.
    let why = json!({ "reason": "" });
    let veto = act_on(&mut world, "bob", name, "veto", why.clone()).await;
    refused(&veto, 409, "not-vetoable");
    assert_eq!(state(&world, name).await, EventState::Matured);
    let proposal = accepted(&act_on(&mut world, "alice", name, "void", why).await);
    let approval = json!({ "report": proposal });
    accepted(&act_on(&mut world, "bob", name, "approvals", approval).await);
    assert_eq!(state(&world, name).await, EventState::Refund);
}

async fn a_held_match_without_a_panel_is_released_by_two_operators(backend: Backend) {
    let mut world = World::new(backend, &(config() + &facts::match_event("cup"))).await;
    for (provider, home, away) in [("openligadb", 2, 1), ("football-data", 1, 1)] {
        let game = facts::game(provider, MatchStage::Finished(home, away));
        world.venues.set_match(provider, &game);
    }
    world.at(facts::MATURITY).await;
    let home = json!({ "outcome": "home" });
    let said = accepted(&act_on(&mut world, "alice", "cup", "reports", home).await);
    facts::until(&mut world, facts::MATURITY + 120).await;
    assert_eq!(state(&world, "cup").await, EventState::Held);
    let approval = json!({ "report": said });
    accepted(&act_on(&mut world, "dave", "cup", "approvals", approval).await);
    assert_eq!(outcome(&world, "cup").await, "home");
    replayed(&world, "cup").await;
}

async fn a_panel_is_one_source_of_a_match(backend: Backend) {
    let panel = r#"  { provider = "operators", panel = ["alice", "bob"], k = 2 },"#;
    let event = facts::match_event("cup");
    let dropped = event.lines().find(|l| l.contains("football-data")).unwrap();
    let event = event.replace(dropped, panel);
    let mut world = World::new(backend, &(config() + &event)).await;
    let game = facts::game("openligadb", MatchStage::Finished(2, 1));
    world.venues.set_match("openligadb", &game);
    facts::until(&mut world, facts::MATURITY + 120).await;
    assert_eq!(state(&world, "cup").await, EventState::Matured);
    let home = json!({ "outcome": "home" });
    accepted(&act_on(&mut world, "alice", "cup", "reports", home.clone()).await);
    assert_eq!(state(&world, "cup").await, EventState::Matured);
    accepted(&act_on(&mut world, "bob", "cup", "reports", home).await);
    assert_eq!(state(&world, "cup").await, EventState::Provisional);
    let end = facts::MATURITY + 120 + facts::DELAY + 60;
    facts::until(&mut world, end).await;
    assert_eq!(outcome(&world, "cup").await, "home");
    replayed(&world, "cup").await;
}

async fn nothing_changes_a_committed_outcome(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let said = accepted(&report(&mut world, "alice", "yes").await);
    accepted(&report(&mut world, "bob", "yes").await);
    world.at(MATURITY + DELAY).await;
    assert_eq!(outcome(&world, QUESTION).await, "yes");
    let log = world.database.log().await;
    let why = || json!({ "reason": "too late" });
    refused(
        &report(&mut world, "carol", "no").await,
        409,
        "already-committed",
    );
    refused(
        &act(&mut world, "alice", "veto", why()).await,
        409,
        "already-committed",
    );
    refused(
        &act(&mut world, "alice", "void", why()).await,
        409,
        "already-committed",
    );
    let approval = json!({ "report": said });
    let answer = act(&mut world, "bob", "approvals", approval).await;
    refused(&answer, 409, "already-committed");
    assert_eq!(world.database.log().await, log);
}

pub(crate) fn question(id: &str, k: u32, outcomes: &[&str]) -> Value {
    json!({
        "id": id, "kind": "operators", "title": "Does it rain tomorrow?",
        "maturity": instant(MATURITY).format("%FT%TZ").to_string(),
        "outcomes": outcomes, "panel": ["alice", "bob"], "k": k, "settle_delay": "2h",
    })
}

pub(crate) async fn create(world: &mut World, body: &Value) -> Answer {
    let post = signed(world, "alice", "/v1/events", body);
    let answer = send(world, &post).await;
    world.run_due().await;
    answer
}

/// All of them wait for the engine before it looks at any.
async fn send_together(world: &mut World, posts: &[Post]) -> Vec<Answer> {
    let mut waiting = Vec::with_capacity(posts.len());
    for post in posts {
        let mut request = reqwest::Client::new()
            .post(format!("{}{}", world.url(), post.path))
            .body(post.body.clone());
        let fields = &post.fields;
        for (name, value) in [
            ("content-digest", &fields.content_digest),
            ("signature-input", &fields.signature_input),
            ("signature", &fields.signature),
        ] {
            request = request.header(name, value);
        }
        waiting.push(tokio::spawn(request.send()));
    }
    world.commands_waiting(posts.len()).await;
    let mut answers = Vec::with_capacity(posts.len());
    for response in world.serving(join_all(waiting)).await {
        let response = response.unwrap().unwrap();
        answers.push(Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body: response.bytes().await.unwrap().to_vec(),
        });
    }
    answers
}

async fn requests_that_wait_together_are_each_answered_as_if_alone(backend: Backend) {
    let mut world = world(backend).await;
    let together = |n: usize| question(&format!("pm-together-{n:02}"), 2, &["yes", "no"]);
    let made = |world: &World, body: &Value| signed(world, "alice", "/v1/events", body);
    let log = world.database.log().await.len();
    let heads = world.database.heads().await.len();
    let new: Vec<Post> = (0..20).map(|n| made(&world, &together(n))).collect();
    let statuses = |answers: &[Answer]| answers.iter().map(|a| a.status).collect::<Vec<_>>();
    let answers = send_together(&mut world, &new).await;
    assert_eq!(statuses(&answers), [201; 20]);
    assert_eq!(world.database.log().await.len(), log + 20);
    // One transaction, and so one head.
    assert_eq!(world.database.heads().await.len(), heads + 1);
    // Beside some that are refused or were accepted before, which change nothing for others.
    let replayed = new[3].clone();
    let mut odd = together(30);
    odd["k"] = json!(3);
    let mixed = [
        made(&world, &together(20)),
        replayed,
        made(&world, &together(5)),
        made(&world, &odd),
        made(&world, &together(21)),
        made(&world, &together(21)),
        signed(&world, "bob", "/v1/events", &together(22)),
        made(
            &world,
            &question("pm-together-07", 2, &["yes", "no", "void"]),
        ),
        made(&world, &together(23)),
    ];
    let answers = send_together(&mut world, &mixed).await;
    let mut of_two = [answers[4].status, answers[5].status];
    of_two.sort_unstable();
    assert_eq!(of_two, [200, 201]);
    refused(&answers[1], 401, "replayed");
    refused(&answers[3], 422, "bad-body");
    refused(&answers[6], 403, "scope");
    refused(&answers[7], 409, "event-exists");
    let others = [&answers[0], &answers[2], &answers[8]];
    assert_eq!(others.map(|a| a.status), [201, 200, 201]);
    // A nonce of before under a new event is found out by the database alone.
    let used = made(&world, &together(24));
    assert_eq!(send(&mut world, &used).await.status, 201);
    NONCES.set(NONCES.get() - 1);
    let batch = [25, 26, 27].map(|n| made(&world, &together(n)));
    let answers = send_together(&mut world, &batch).await;
    refused(&answers[0], 401, "replayed");
    assert_eq!(statuses(&answers), [401, 201, 201]);
    world.run_due().await;
    for n in (0..22).chain([23, 24, 26, 27]) {
        let id = id(&format!("pm-together-{n:02}"));
        world.client().announcement(&id).await.unwrap();
    }
    for n in [22, 25] {
        let id = id(&format!("pm-together-{n:02}"));
        assert!(world.client().event(&id).await.is_err());
    }
    // No nonce of theirs is new, whichever way they were carried out.
    for post in [&mixed[0], &mixed[2], &mixed[3], &mixed[6]] {
        refused(&send(&mut world, post).await, 401, "replayed");
    }
}

async fn an_operator_creates_an_event_once(backend: Backend) {
    let mut world = world(backend).await;
    let body = question("pm-new", 2, &["yes", "no"]);
    let made = create(&mut world, &body).await;
    assert_eq!(made.status, 201, "{}", made.json());
    assert_eq!(made.json()["event_id"], "pm-new");
    assert_eq!(state(&world, "pm-new").await, EventState::Announced);
    world.client().announcement(&id("pm-new")).await.unwrap();
    let again = create(&mut world, &body).await;
    assert_eq!(again.status, 200, "{}", again.json());
    let other = question("pm-new", 2, &["yes", "no", "void"]);
    refused(&create(&mut world, &other).await, 409, "event-exists");
    let configured = question(QUESTION, 2, &["yes", "no"]);
    refused(&create(&mut world, &configured).await, 409, "event-exists");
    let mut odd = question("pm-odd", 3, &["yes", "no"]);
    let answer = create(&mut world, &odd).await;
    refused(&answer, 422, "bad-body");
    assert_eq!(answer.json()["field"], "k");
    odd["k"] = json!(2);
    odd["maturity"] = json!("2020-01-01T00:00:00Z");
    let answer = create(&mut world, &odd).await;
    refused(&answer, 422, "bad-body");
    assert_eq!(answer.json()["field"], "maturity");
    // Fits the wire, and no locktime of a refund.
    odd["maturity"] = json!("2106-02-07T00:00:00Z");
    let answer = create(&mut world, &odd).await;
    refused(&answer, 422, "bad-body");
    assert_eq!(answer.json()["field"], "give_up_after");
    refused(&world.get("/v1/events/pm-odd").await, 404, "unknown-event");
    let accented = question("pm-accent", 2, &["André", "no"]);
    let warned = create(&mut world, &accented).await.json();
    let warning = warned["warnings"][0].as_str().unwrap();
    assert!(warning.contains("@node-dlc/messaging"), "{warning}");
    assert!(made.json().get("warnings").is_none());
    // The file does not know it; the next start keeps it all the same.
    world.stop().await;
    world.start().await.unwrap();
    world.at(MATURITY).await;
    let yes = json!({ "outcome": "yes" });
    accepted(&act_on(&mut world, "alice", "pm-new", "reports", yes.clone()).await);
    accepted(&act_on(&mut world, "bob", "pm-new", "reports", yes).await);
    world.at(MATURITY + DELAY).await;
    assert_eq!(outcome(&world, "pm-new").await, "yes");
}

async fn the_choice_of_one_party_has_a_budget(backend: Backend) {
    let mut world = world(backend).await;
    world.stop().await;
    world.edit("[signer]\n", "[signer]\nmax_open_choice_bits = 3\n");
    world.start().await.unwrap();
    let open = async |world: &World| world.json("/v1/oracle").await["open_choice_bits"].clone();
    assert_eq!(open(&world).await, 0);
    // log2(3) + log2(2) = 2.58…, rounded up once.
    let three = question("pm-three", 1, &["yes", "no", "void"]);
    assert_eq!(create(&mut world, &three).await.status, 201);
    assert_eq!(
        create(&mut world, &question("pm-two", 1, &["yes", "no"]))
            .await
            .status,
        201
    );
    assert_eq!(open(&world).await, 3);
    let more = question("pm-more", 1, &["yes", "no"]);
    refused(&create(&mut world, &more).await, 409, "choice-budget");
    // What two must agree on is nobody's choice.
    assert_eq!(
        create(&mut world, &question("pm-panel", 2, &["yes", "no"]))
            .await
            .status,
        201
    );
    world.at(MATURITY).await;
    let yes = json!({ "outcome": "yes" });
    accepted(&act_on(&mut world, "alice", "pm-two", "reports", yes).await);
    world.at(MATURITY + DELAY).await;
    assert_eq!(outcome(&world, "pm-two").await, "yes");
    assert_eq!(open(&world).await, 2);
    // The file's events draw on the same budget.
    world.stop().await;
    let file = std::fs::read_to_string(world.config_file()).unwrap();
    let section = file.find("[[event]]").unwrap();
    let later = instant(MATURITY + 2 * DELAY).format("%FT%TZ").to_string();
    let sole = file[section..]
        .replace("k = 2", "k = 1")
        .replace(&instant(MATURITY).format("%FT%TZ").to_string(), &later)
        .replace(QUESTION, "pm-from-file")
        .replace(NO_VOID, "pm-from-file-too");
    std::fs::write(world.config_file(), file + &sole).unwrap();
    let error = world.start().await.unwrap_err().to_string();
    assert!(error.contains("pm-from-file\""), "{error}");
    assert!(error.contains("max_open_choice_bits is 3"), "{error}");
}

async fn what_is_kept_is_signed_and_in_the_log(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    accepted(&report(&mut world, "alice", "yes").await);
    accepted(&report(&mut world, "bob", "no").await);
    refused(
        &report(&mut world, "bob", "yes").await,
        409,
        "conflicting-report",
    );
    accepted(&act(&mut world, "bob", "veto", json!({ "reason": "" })).await);
    let logged = world.database.log().await;
    let shown = world.json(&format!("/v1/events/{QUESTION}/reports")).await;
    let reports = shown["reports"].as_array().unwrap();
    let actions = shown["actions"].as_array().unwrap();
    assert_eq!((reports.len(), actions.len()), (3, 1));
    for kept in reports.iter().chain(actions) {
        let position = kept["log_position"].as_i64().unwrap();
        let (_, entry) = logged.iter().find(|(p, _)| *p == position).unwrap();
        let LogEntry::OperatorAction(action) = LogEntry::from_bytes(entry).unwrap() else {
            panic!("{position} is another entry");
        };
        action.verify().unwrap();
        assert_eq!(action.verb.name(), kept["verb"]);
        assert_eq!(action.operator, kept["operator"].as_str().unwrap());
        assert_eq!(action.body, kept["body"].as_str().unwrap().as_bytes());
        assert_eq!(hex::encode(action.signature), kept["signature"]);
        assert_eq!(hex::encode(Sha256::digest(&action.body)), kept["sha256"]);
    }
    let operators = world.json("/v1/operators").await;
    let alice = &operators["operators"][0];
    assert_eq!(
        alice["public_key"],
        hex::encode(key("alice").verifying_key().to_bytes())
    );
    assert_eq!(
        alice["scopes"],
        json!(["create", "report", "approve", "void"])
    );
}

async fn an_operator_that_open_events_need_cannot_be_removed(backend: Backend) {
    let mut world = world(backend).await;
    let why = json!({ "reason": "" });
    for event in [QUESTION, NO_VOID] {
        let proposal = accepted(&act_on(&mut world, "alice", event, "void", why.clone()).await);
        world.at(MATURITY).await;
        if event == QUESTION {
            let approval = json!({ "report": proposal });
            accepted(&act_on(&mut world, "bob", event, "approvals", approval).await);
        }
    }
    world.stop().await;
    // The file without events, and without carol, whom one open event needs.
    let file = std::fs::read_to_string(world.config_file()).unwrap();
    let (head, _) = file.split_once("[[event]]").unwrap();
    let carol = head.find("[[operator]]\nname = \"carol\"").unwrap();
    let dave = head.find("[[operator]]\nname = \"dave\"").unwrap();
    let without = [&head[..carol], &head[dave..]].concat();
    std::fs::write(world.config_file(), without).unwrap();
    let error = world.start().await.unwrap_err().to_string();
    assert!(
        error.contains("operator \"carol\"") && error.contains(NO_VOID),
        "{error}"
    );
    // `check` says so before anybody stops the service that runs.
    let looked = guard::look(&world.config(), instant(MATURITY)).await;
    assert_eq!(looked, Err(("store.url", error)));
    std::fs::write(world.config_file(), head).unwrap();
    world.start().await.unwrap();
    let looked = guard::look(&world.config(), instant(MATURITY)).await;
    assert_eq!(looked, Ok(Vec::new()));
}

async fn an_announced_event_keeps_the_keys_of_its_panel(backend: Backend) {
    let mut world = world(backend).await;
    let public = |name: &str| hex::encode(key(name).verifying_key().to_bytes());
    world.stop().await;
    world.edit(&public("alice"), &public("alice, later"));
    world.start().await.unwrap();
    world.at(MATURITY).await;
    // Under the announced key, for this event.
    accepted(&report(&mut world, "alice", "yes").await);
    let unknown = act_on(&mut world, "alice", "nothing", "reports", json!({})).await;
    refused(&unknown, 401, "bad-signature");
    // And for her vote only.
    let why = json!({ "reason": "" });
    for what in ["veto", "void"] {
        let answer = act(&mut world, "alice", what, why.clone()).await;
        refused(&answer, 401, "bad-signature");
    }
    // Under the new one she is nobody here.
    let path = format!("/v1/events/{QUESTION}/reports");
    let mut post = signed(&world, "alice", &path, &json!({ "outcome": "yes" }));
    let request = Request {
        method: "POST",
        authority: AUTHORITY,
        path: &path,
        query: None,
        body: &post.body,
    };
    let parameters = Parameters::new(MATURITY, MATURITY + 60, &nonce(), "alice").unwrap();
    post.fields = sign(&request, &parameters, &key("alice, later")).unwrap();
    refused(&send(&mut world, &post).await, 403, "not-on-panel");
}

async fn a_process_that_does_not_lead_says_so(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    world.stop().await;
    world.edit(PUBLIC_URL, "");
    let options = oracle_server::service::Options {
        read_only: true,
        ..Default::default()
    };
    let running = world.run(options).await.unwrap();
    let path = format!("/v1/events/{QUESTION}/reports");
    // Where none is named and the port is 0, the public address is the one it got.
    let authority = running.public.to_string();
    let body = json!({ "outcome": "yes" }).to_string().into_bytes();
    let post = signed_at(&world, "alice", &path, body, &authority);
    let response = reqwest::Client::new()
        .post(format!("http://{}{path}", running.public))
        .header("content-digest", &post.fields.content_digest)
        .header("signature-input", &post.fields.signature_input)
        .header("signature", &post.fields.signature)
        .body(post.body.clone())
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 503);
    assert!(response.headers().contains_key("retry-after"));
    running.stop().await.unwrap();
}

async fn nothing_is_decided_while_the_clock_runs_ahead(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    accepted(&report(&mut world, "alice", "yes").await);
    accepted(&report(&mut world, "bob", "yes").await);
    let why = json!({ "reason": "" });
    let proposal = accepted(&act(&mut world, "alice", "void", why).await);
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    let jump = chrono::TimeDelta::seconds(2 * DELAY);
    world.set_ahead(jump);
    world.run_due().await;
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    let approval = json!({ "report": proposal });
    let answer = act(&mut world, "bob", "approvals", approval).await;
    refused(&answer, 503, "unavailable");
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    // Set right again, it goes on where it was.
    world.set_ahead(-jump);
    world.run_due().await;
    assert_eq!(state(&world, QUESTION).await, EventState::Provisional);
    world.at(MATURITY + DELAY).await;
    assert_eq!(outcome(&world, QUESTION).await, "yes");
}

async fn an_approval_counts_again_after_a_veto_that_followed_it(backend: Backend) {
    let mut world = world(backend).await;
    world.at(MATURITY).await;
    let said = accepted(&report(&mut world, "alice", "yes").await);
    accepted(&act(&mut world, "bob", "veto", json!({ "reason": "once" })).await);
    let path = |what: &str| format!("/v1/events/{QUESTION}/{what}");
    let approval = json!({ "report": said });
    // Released and vetoed again before the engine attests.
    let release = signed(&world, "bob", &path("approvals"), &approval);
    accepted(&send(&mut world, &release).await);
    let why = json!({ "reason": "twice" });
    let veto = signed(&world, "dave", &path("veto"), &why);
    accepted(&send(&mut world, &veto).await);
    world.run_due().await;
    assert_eq!(state(&world, QUESTION).await, EventState::Held);
    accepted(&act(&mut world, "bob", "approvals", approval).await);
    assert_eq!(outcome(&world, QUESTION).await, "yes");
}
