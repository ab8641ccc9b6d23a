//! What reports come to.

use std::num::NonZeroU32;

use oracle_feeds::rule::panel::{self, OperatorReport, PanelState};
use oracle_feeds::rule::{Verdict, agreement};
use oracle_schema::policy::{OperatorsPolicy, PanelMember, PanelPolicy};
use proptest::prelude::*;

use crate::common::{T, time};

const DELAY: u32 = 7200;

fn panel_of(names: &[&str], k: u32) -> PanelPolicy {
    let member = |name: &&str| PanelMember {
        name: (*name).to_owned(),
        public_key: key(name),
    };
    PanelPolicy {
        members: names.iter().map(member).collect(),
        k: NonZeroU32::new(k).unwrap(),
    }
}

fn key(name: &str) -> String {
    hex::encode(name.repeat(32).get(..32).unwrap())
}

/// A report `after` seconds after the maturity.
fn report(operator: &str, outcome: &str, after: i64) -> OperatorReport {
    OperatorReport {
        operator: operator.to_owned(),
        public_key: key(operator),
        outcome: outcome.to_owned(),
        received_ms: (T + after) * 1000,
        sha256: [0; 32],
    }
}

fn verdict(panel: &PanelPolicy, after: i64, reports: &[OperatorReport]) -> Verdict {
    let policy = OperatorsPolicy {
        outcomes: ["yes", "no", "void"].map(str::to_owned).to_vec(),
        panel: panel.clone(),
        settle_delay_s: DELAY,
    };
    panel::decide(&policy, T, time(T + after), reports).verdict
}

fn attests(outcome: &str) -> Verdict {
    Verdict::Attest {
        outcome: outcome.to_owned(),
    }
}

const THREE: [&str; 3] = ["alice", "bob", "carol"];
const DELAY_S: i64 = DELAY as i64;

#[test]
fn the_delay_runs_from_the_kth_equal_report() {
    let panel = panel_of(&THREE, 2);
    let reports = [report("bob", "yes", 50), report("alice", "yes", 10)];
    assert!(matches!(
        verdict(&panel, 49, &reports),
        Verdict::Pending { .. }
    ));
    let settling = verdict(&panel, 50 + DELAY_S - 1, &reports);
    assert!(
        matches!(&settling, Verdict::Provisional { outcome, until, .. }
            if outcome == "yes" && *until == T + 50 + DELAY_S),
        "{settling:?}"
    );
    assert_eq!(verdict(&panel, 50 + DELAY_S, &reports), attests("yes"));
    // A third equal report changes nothing.
    let three = [&reports[..], &[report("carol", "yes", 90)]].concat();
    assert_eq!(verdict(&panel, 50 + DELAY_S, &three), attests("yes"));
}

#[test]
fn a_dissenting_report_does_not_stop_k_equal_ones() {
    let panel = panel_of(&THREE, 2);
    let reports = [
        report("carol", "no", 5),
        report("alice", "yes", 10),
        report("bob", "yes", 20),
    ];
    assert_eq!(verdict(&panel, 20 + DELAY_S, &reports), attests("yes"));
}

#[test]
fn an_operator_who_contradicts_himself_has_no_vote() {
    let panel = panel_of(&THREE, 2);
    let mut reports = vec![
        report("alice", "yes", 10),
        report("bob", "yes", 20),
        report("bob", "no", 30),
    ];
    // Agreed until the contradiction, open after it, agreed again with carol.
    assert!(matches!(
        verdict(&panel, 25, &reports),
        Verdict::Provisional { .. }
    ));
    let open = verdict(&panel, 20 + DELAY_S, &reports);
    assert!(
        matches!(&open, Verdict::Pending { cause } if cause.to_string().contains("bob contradicts"))
    );
    reports.push(report("carol", "yes", 40));
    assert!(matches!(
        verdict(&panel, 20 + DELAY_S, &reports),
        Verdict::Provisional { until, .. } if until == T + 40 + DELAY_S
    ));
    assert_eq!(verdict(&panel, 40 + DELAY_S, &reports), attests("yes"));
    // Going back to the first word does not undo it.
    let back = [
        report("alice", "yes", 1),
        report("alice", "no", 2),
        report("alice", "yes", 3),
    ];
    assert!(matches!(
        verdict(&panel_of(&["alice"], 1), 9_000, &back),
        Verdict::Hold { .. }
    ));
}

#[test]
fn equal_reports_of_one_operator_are_one_vote() {
    let panel = panel_of(&THREE, 2);
    let reports = [report("alice", "yes", 1), report("alice", "yes", 2)];
    assert!(matches!(
        verdict(&panel, 9_000, &reports),
        Verdict::Pending { .. }
    ));
}

#[test]
fn when_k_can_no_longer_be_reached_people_must_look() {
    let panel = panel_of(&THREE, 2);
    let split = [
        report("alice", "yes", 1),
        report("bob", "no", 2),
        report("carol", "void", 3),
    ];
    assert!(matches!(
        verdict(&panel, 2, &split),
        Verdict::Pending { .. }
    ));
    assert!(matches!(verdict(&panel, 3, &split), Verdict::Hold { .. }));
    let two = panel_of(&["alice", "bob"], 2);
    assert!(matches!(verdict(&two, 2, &split), Verdict::Hold { .. }));
}

#[test]
fn two_outcomes_with_k_reports_each_hold() {
    let panel = panel_of(&["alice", "bob"], 1);
    let reports = [report("alice", "yes", 1), report("bob", "no", 2)];
    assert!(matches!(
        verdict(&panel, 1, &reports),
        Verdict::Provisional { .. }
    ));
    let held = verdict(&panel, 9_000, &reports);
    assert!(
        matches!(&held, Verdict::Hold { cause } if cause.to_string().starts_with("two outcomes"))
    );
}

#[test]
fn early_foreign_and_future_reports_do_not_count() {
    let panel = panel_of(&THREE, 2);
    let mut early = report("alice", "yes", 0);
    early.received_ms -= 1;
    let mut other_key = report("alice", "yes", 5);
    other_key.public_key = key("mallory");
    let reports = [
        early,
        other_key,
        report("mallory", "yes", 5),
        report("bob", "yes", 5),
        report("carol", "yes", 20_001),
    ];
    let open = verdict(&panel, 20_000, &reports);
    assert!(
        matches!(&open, Verdict::Pending { cause } if cause.to_string().starts_with("1 of 2")),
        "{open:?}"
    );
    assert!(matches!(
        verdict(&panel, -1, &reports),
        Verdict::Pending { .. }
    ));
}

#[test]
fn a_panel_is_one_source_among_others() {
    let panel = panel_of(&["alice", "bob"], 2);
    let terms = agreement::Terms {
        at: T,
        agree: 1,
        stable_reads: 3,
        settle_delay_s: 60,
    };
    let decide = |after: i64, reports: &[OperatorReport]| {
        let voter = panel::voter(&panel, T, time(T + after), reports);
        agreement::decide(&terms, time(T + after), &[voter], &[]).verdict
    };
    let agreed = [report("alice", "yes", 1), report("bob", "yes", 2)];
    assert!(matches!(decide(1, &agreed[..1]), Verdict::Pending { .. }));
    assert!(matches!(decide(61, &agreed), Verdict::Provisional { .. }));
    assert_eq!(decide(62, &agreed), attests("yes"));
    let split = [report("alice", "yes", 1), report("bob", "no", 2)];
    assert!(matches!(decide(62, &split), Verdict::Hold { .. }));
}

proptest! {
    /// Whoever writes the reports in whichever order: the decision is the same.
    #[test]
    fn the_order_of_reports_does_not_matter(
        said in proptest::collection::vec((0_usize..4, 0_usize..3, 0_i64..100), 0..12),
        k in 1_u32..=3,
    ) {
        let names = ["alice", "bob", "carol", "mallory"];
        let reports: Vec<_> = said
            .iter()
            .map(|(who, what, at)| report(names[*who], ["yes", "no", "void"][*what], *at))
            .collect();
        let mut other = reports.clone();
        other.reverse();
        let panel = panel_of(&THREE, k);
        let state = panel::state(&panel, T, time(T + 100), &reports);
        prop_assert_eq!(&state, &panel::state(&panel, T, time(T + 100), &other));
        // An outcome only with k operators behind it, each with no other word.
        if let PanelState::Agreed { outcome, by, .. } = state {
            prop_assert!(by.len() >= usize::try_from(k).unwrap());
            for name in by {
                let words = reports.iter().filter(|r| r.operator == name);
                prop_assert!(words.into_iter().all(|r| r.outcome == outcome));
            }
        }
    }
}
