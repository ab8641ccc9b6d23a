//! Evidence that somebody changed.

use std::collections::BTreeSet;

use oracle_feeds::replay::Conclusion;
use oracle_schema::evidence::Manifest;
use oracle_schema::policy::canonical_json;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::{Case, assert_objection, facts, price};

/// Milliseconds that JSON can write and no calendar knows.
const BEYOND: i64 = 9_000_000_000_000_000;

#[test]
fn a_changed_manifest_has_another_hash() {
    let case = price::case();
    let honest = canonical_json(&case.manifest).unwrap();
    let stated = Sha256::digest(&honest).into();
    for at in (0..honest.len()).step_by(97) {
        let mut changed = honest.clone();
        changed[at] ^= 1;
        assert_objection(&case.report_of(&changed, stated), "manifest_sha256: ");
    }
}

#[test]
fn a_manifest_in_other_words_is_refused_even_with_its_own_hash() {
    let case = price::case();
    let honest = canonical_json(&case.manifest).unwrap();
    let spaced = [b" ", honest.as_slice()].concat();
    let report = case.report_of(&spaced, Sha256::digest(&spaced).into());
    assert_objection(&report, "manifest: not canonical");
}

#[test]
fn a_changed_policy_has_another_hash() {
    let case = price::case();
    let manifest = canonical_json(&case.manifest).unwrap();
    let policy = case.policy.canonical().unwrap();
    let report = oracle_feeds::replay::replay(&oracle_feeds::replay::Evidence {
        manifest: &manifest,
        manifest_sha256: Sha256::digest(&manifest).into(),
        policy: &policy,
        policy_hash: [7; 32],
        maturity: case.at,
        descriptor: &oracle_feeds::rule::outcome::descriptor(&case.policy.rule).unwrap(),
        outcome: &case.outcome,
        bodies: &case.bodies,
    });
    assert_objection(&report, "policy_hash: ");
}

#[test]
fn every_changed_byte_of_a_body_is_named() {
    let honest = price::case();
    for (sha256, body) in &honest.bodies {
        for at in (0..body.len()).step_by(41) {
            let mut case = price::case();
            case.bodies.get_mut(sha256).unwrap()[at] ^= 1;
            let why = format!("sha256: recorded {sha256}");
            let report = case.report();
            let named = super::objections(&report);
            assert!(named.iter().any(|o| o.contains(&why)), "{named:?}");
        }
    }
}

#[test]
fn every_field_that_contradicts_the_rest_is_named() {
    type Edit = fn(&mut Case);
    let edits: [(&str, Edit); 18] = [
        ("kraken:XBTUSD: root", |c| {
            c.rows("kraken:XBTUSD")[1].root = "x".into();
        }),
        ("kraken:XBTUSD: adapter", |c| {
            c.rows("kraken:XBTUSD")[1].adapter = "gemini/1".into();
        }),
        ("kraken:XBTUSD: method", |c| {
            c.rows("kraken:XBTUSD")[1].method = "POST".into();
        }),
        ("kraken:XBTUSD: url", |c| {
            c.rows("kraken:XBTUSD")[1].url.push('1');
        }),
        ("kraken:XBTUSD: sent_ms", |c| {
            c.rows("kraken:XBTUSD")[1].sent_ms = BEYOND;
        }),
        ("kraken:XBTUSD: date_ms", |c| {
            c.rows("kraken:XBTUSD")[1].date_ms = None;
        }),
        ("kraken:XBTUSD: failure", |c| {
            c.rows("kraken:XBTUSD")[0].failure = None;
        }),
        ("kraken:XBTUSD: verdict", |c| {
            c.rows("kraken:XBTUSD")[1].verdict = "no_data".into();
        }),
        ("kraken:XBTUSD: literal", |c| {
            c.rows("kraken:XBTUSD")[1].literal = Some("61234.6".into());
        }),
        ("kraken:XBTUSD: effective_at", |c| {
            *c.rows("kraken:XBTUSD")[1].effective_at.as_mut().unwrap() -= 60;
        }),
        ("kraken:ETHUSD: source", |c| {
            c.rows("kraken:XBTUSD")[1].source = "kraken:ETHUSD".into();
        }),
        ("kraken:XBTUSD: leg", |c| {
            c.rows("kraken:XBTUSD")[1].leg = None;
        }),
        ("maturity", |c| c.manifest.maturity += 60),
        ("decided_ms", |c| c.manifest.decided_ms = BEYOND),
        ("decided_ms: by then", |c| {
            c.manifest.decided_ms += 30 * 86_400_000;
        }),
        ("decision.price", |c| {
            c.manifest.decision["price"] = json!("0.26");
        }),
        ("decision.legs.btcusd.price", |c| {
            c.manifest.decision["legs"][1]["price"] = json!("61234");
        }),
        ("decision.legs.btcusd.trace.sources.2.used", |c| {
            c.manifest.decision["legs"][1]["trace"]["sources"][2]["used"] = json!(false);
        }),
    ];
    for (begins, edit) in edits {
        let mut case = price::case();
        edit(&mut case);
        assert_objection(&case.report(), begins);
    }
}

#[test]
fn a_venue_left_out_or_invented_changes_what_follows() {
    let mut case = price::case();
    case.manifest
        .observations
        .retain(|o| o.source != "bitstamp:btcusd" || o.attempt != 2);
    assert_objection(&case.report(), "decision.legs.btcusd.price");
}

/// Changes one leaf of a document; answers its name, or none past the last.
fn change_leaf(value: &mut Value, name: &str, nth: &mut usize) -> Option<String> {
    match value {
        Value::Object(fields) => fields
            .iter_mut()
            .find_map(|(name, value)| change_leaf(value, name, nth)),
        Value::Array(items) => items
            .iter_mut()
            .find_map(|item| change_leaf(item, name, nth)),
        Value::Null => None,
        leaf => {
            if *nth > 0 {
                *nth -= 1;
                return None;
            }
            *leaf = match &leaf {
                Value::String(text) => json!(format!("{text}1")),
                Value::Bool(truth) => json!(!*truth),
                number => json!(number.as_i64().unwrap() + 1),
            };
            Some(name.to_owned())
        }
    }
}

/// Names of the leaves whose change a replay does not see, the hash apart.
fn unseen(case: &mut Case) -> BTreeSet<String> {
    let honest = serde_json::to_value(&case.manifest).unwrap();
    let mut unseen = BTreeSet::new();
    for nth in 0.. {
        let mut changed = honest.clone();
        let Some(name) = change_leaf(&mut changed, "", &mut nth.clone()) else {
            return unseen;
        };
        let Ok(manifest) = serde_json::from_value::<Manifest>(changed) else {
            continue;
        };
        case.manifest = manifest;
        if case.report().conclusion() == Conclusion::Reproduced {
            unseen.insert(name);
        }
    }
    unseen
}

#[test]
fn what_a_replay_does_not_see_is_words_and_what_changes_no_reading() {
    // The manifest's hash binds these all the same. `status` is one refusal for
    // another, `adapter` the version of one that reads the same, `public` of a
    // body that is there.
    let known = [
        "adapter",
        "decided_ms",
        "detail",
        "failure",
        "public",
        "reads",
        "received_ms",
        "sent_ms",
        "status",
    ];
    let known: BTreeSet<String> = known.map(str::to_owned).into();
    assert_eq!(unseen(&mut price::case()), known);
    // Of what is withheld the hash is all there is, and of its fact what the
    // outcome rests on.
    let of_withheld = unseen(&mut facts::case());
    for decisive in [
        "date", "date_ms", "outcome", "root", "source", "state", "verdict",
    ] {
        assert!(!of_withheld.contains(decisive), "{decisive}");
    }
}
