//! What an oracle with all its keys can do wrong, found though every signature
//! is valid.

use oracle_client::audit::{AuditOptions, Verdict};
use oracle_schema::OracleEvent;
use oracle_schema::log_entry::{LogEntry, NoticeKind, Status, StatusKind};
use oracle_schema::tag::announcement_hash;
use oracle_schema::tlog::NoteKey;
use oracle_schema::tlog::checkpoint::Algorithm;

use super::common::{Log, NOW, Oracle, T, choice, event_id, identity};
use super::{audit_of, audited, clean, finds};

/// An honest log, and what `more` does to it.
async fn log(more: impl FnOnce(&mut Log)) -> oracle_client::audit::Report {
    let mut log = Log::honest(1);
    more(&mut log);
    audit_of(&log).await
}

fn notice(log: &mut Log, id: &str, kind: NoticeKind) {
    log.notice(id, kind);
}

/// The announcement of another event under the nonces of this one.
fn same_nonces(log: &Log, of: &str, id: &str) -> oracle_schema::Announcement {
    let mut announcement = log.promise(of).announcement;
    announcement.event = OracleEvent {
        event_id: event_id(id),
        ..announcement.event
    };
    let digest = announcement_hash(&announcement.event.to_tlv());
    announcement.signature = log.oracle.sign_digest(&digest);
    announcement
}

#[tokio::test]
async fn a_refund_before_its_time_needs_two_operators() {
    let early = |log: &mut Log| {
        log.push(&LogEntry::Notice {
            kind: NoticeKind::Refund,
            event_id: event_id("waits"),
            time_ms: (T.unsigned_abs() + 259_199) * 1000,
            reason: "it did not suit".to_owned(),
        });
    };
    finds(
        &log(early).await,
        "entry 8 (refund of waits): comes 1 s before the event had to be given up",
    );
}

#[tokio::test]
async fn a_nonce_is_announced_once_in_the_whole_log() {
    let report = log(|log| {
        let again = same_nonces(log, "event-0", "other");
        log.push_announcement(&again);
    })
    .await;
    finds(&report, "entry 8 (announcement of other): announces nonce ");
    finds(&report, ", which entry 1 announced before");
}

#[tokio::test]
async fn an_event_id_is_announced_once_and_ends_once() {
    let again = |log: &mut Log| {
        let announced = log
            .oracle
            .announce("waits", choice(&["x", "y"]))
            .announcement;
        log.push_announcement(&announced);
    };
    finds(
        &log(again).await,
        "entry 8 (announcement of waits): announces the event of entry 2 again",
    );
    let twice = |log: &mut Log| {
        let promise = log.promise("event-0");
        log.attest(&(1, promise), "above");
    };
    finds(
        &log(twice).await,
        "entry 8 (attestation of event-0): comes after the event was attested in entry 5",
    );
    let refunded = |log: &mut Log| {
        let promise = log.promise("refunded");
        log.attest(&(3, promise), "above");
    };
    finds(
        &log(refunded).await,
        "entry 8 (attestation of refunded): comes after the event was refunded in entry 6",
    );
    let both = |log: &mut Log| notice(log, "event-0", NoticeKind::Refund);
    finds(
        &log(both).await,
        "entry 8 (refund of event-0): comes after the event was attested",
    );
}

#[tokio::test]
async fn a_refund_is_of_an_announced_event_and_a_withdrawal_is_not() {
    let unknown = |log: &mut Log| notice(log, "unknown", NoticeKind::Refund);
    finds(
        &log(unknown).await,
        "entry 8 (refund of unknown): ends an event that was not announced before",
    );
    let announced = |log: &mut Log| notice(log, "waits", NoticeKind::Withdrawn);
    finds(
        &log(announced).await,
        "entry 8 (withdrawal of waits): withdraws what entry 2 announced",
    );
    let late = |log: &mut Log| drop(log.announce("withdrawn"));
    finds(
        &log(late).await,
        "entry 8 (announcement of withdrawn): comes after the event was withdrawn in entry 7",
    );
}

#[tokio::test]
async fn a_status_is_of_an_announced_event_that_has_not_ended() {
    let status = |log: &mut Log, id: &str, kind: StatusKind| {
        log.push(&LogEntry::Status(Status {
            event_id: event_id(id),
            time_ms: 0,
            kind,
            reason: String::new(),
        }));
    };
    let report = log(|log| status(log, "waits", StatusKind::Late)).await;
    clean(&report);
    assert_eq!(report.totals.statuses, 1);
    finds(
        &log(|log| status(log, "unknown", StatusKind::Hold)).await,
        "entry 8 (hold of unknown): speaks of an event that was not announced before",
    );
    let proposal = StatusKind::Proposal("above".to_owned());
    finds(
        &log(|log| status(log, "event-0", proposal)).await,
        "entry 8 (proposal for event-0): comes after the event was attested in entry 5",
    );
}

#[tokio::test]
async fn an_attestation_refers_to_the_announcement_of_its_event_before_it() {
    for (at, says) in [
        (8, "refers to entry 8, which is not before it"),
        (u64::MAX, "refers to entry 18446744073709551615"),
        (4, "refers to entry 4, which is no announcement"),
        (1, "attestation is for event"),
    ] {
        let report = log(|log| {
            let promise = log.promise("waits");
            log.attest(&(at, promise), "above");
        })
        .await;
        finds(&report, says);
    }
}

#[tokio::test]
async fn an_outcome_is_the_one_that_the_evidence_leads_to() {
    let report = log(|log| {
        let promise = log.promise("waits");
        log.attest(&(2, promise), "not_above");
    })
    .await;
    finds(
        &report,
        "of entry 8 (attestation of waits): outcome: attested \"not_above\"",
    );
    finds(&report, "the evidence comes to \"above\"");
}

#[tokio::test]
async fn an_attestation_signs_what_it_says() {
    let report = log(|log| {
        let promise = log.promise("waits");
        let mut attestation = log.oracle.attest(&promise, &["not_above"]);
        attestation.outcomes = vec!["above".to_owned()];
        log.push_attestation(2, attestation);
    })
    .await;
    finds(
        &report,
        "entry 8 (attestation of waits): signature 0 is not valid",
    );
}

#[tokio::test]
async fn only_the_oracles_own_key_announces_and_only_the_first_entry_is_a_genesis() {
    let report = log(|log| {
        let stranger = Oracle::new("stranger");
        let announced = stranger.announce("theirs", choice(&["above", "not_above"]));
        log.push_announcement(&announced.announcement);
        log.push(&log.genesis());
    })
    .await;
    finds(&report, "entry 8 (announcement of theirs): is by key");
    finds(&report, "entry 9 (genesis): a log has one genesis");
}

#[tokio::test]
async fn an_announcement_has_the_outcomes_of_its_policy() {
    let report = log(|log| {
        let announced = log.oracle.announce("other", choice(&["yes", "no"]));
        log.push_announcement(&announced.announcement);
    })
    .await;
    finds(
        &report,
        "entry 8 (announcement of other): announces other outcomes than its policy has",
    );
}

#[tokio::test]
async fn a_policy_is_canonical() {
    let report = log(|log| {
        let mut document = super::common::policy().canonical().unwrap();
        document.insert(1, b' ');
        let path = log.publish("policies", &document);
        let policy_hash = hex::decode(path.rsplit('/').next().unwrap()).unwrap();
        let announcement = log.promise("spaced").announcement;
        log.push(&LogEntry::Announcement {
            policy_hash: policy_hash.try_into().unwrap(),
            announcement,
        });
    })
    .await;
    finds(&report, "of entry 8: the document is not canonical");
}

#[tokio::test]
async fn an_event_that_was_not_given_up_in_time_is_overdue() {
    let dir = tempfile::tempdir().unwrap();
    Log::honest(1).write(dir.path());
    let due = T + 259_200;
    let at = async |now| audited(dir.path(), &AuditOptions::at(now)).await;
    let before = at(T - 1).await;
    clean(&before);
    assert_eq!((before.open, before.waiting_count), (1, 0));
    let matured = at(T).await;
    clean(&matured);
    assert_eq!((matured.open, matured.waiting_count), (0, 1));
    assert_eq!(matured.waiting[0].due, Some(due));
    // The notice may take some minutes.
    clean(&at(due + oracle_client::audit::GRACE_S).await);
    let late = at(due + oracle_client::audit::GRACE_S + 1).await;
    finds(&late, "entry 2 (announcement of waits): is overdue");
    assert_eq!((late.waiting_count, late.violations.count), (0, 1));
}

#[tokio::test]
async fn another_oracle_than_the_expected_one_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::honest(1);
    log.write(dir.path());
    let mut options = AuditOptions::at(NOW);
    options.key = Some(Oracle::new("stranger").key());
    finds(
        &audited(dir.path(), &options).await,
        "entry 0 (genesis): is by oracle key",
    );
    options.key = None;
    let elsewhere = NoteKey::new(
        "elsewhere/log",
        Algorithm::Ed25519,
        &identity().public_key(),
    );
    options.identity = Some(elsewhere.unwrap());
    finds(
        &audited(dir.path(), &options).await,
        "entry 0 (genesis): is of the log oracle.test/log+",
    );
    options.key = Some(log.oracle.key());
    options.identity = Some(identity());
    clean(&audited(dir.path(), &options).await);
}

#[tokio::test]
async fn a_thousand_violations_are_counted_and_the_first_hundred_listed() {
    let report = log(|log| {
        for n in 0..1000 {
            log.notice(&format!("unknown-{n}"), NoticeKind::Refund);
        }
    })
    .await;
    assert_eq!(report.verdict(), Verdict::Violation);
    assert_eq!(
        (report.violations.count, report.violations.first.len()),
        (1000, 100)
    );
}

#[tokio::test]
async fn every_announcement_after_the_first_proof_of_nonces_has_one_and_one_alone() {
    let proven = |log: &mut Log, id: &str| {
        let announced = log.promise(id);
        log.push_proven(&announced)
    };
    // Those before the first proof need none, and may get one.
    let report = log(|log| {
        proven(log, "new");
        let waits = log.promise("waits").nonce_proof();
        log.push_proof(2, waits.to_bytes());
    })
    .await;
    clean(&report);
    assert_eq!(report.totals.nonce_proofs, 2);
    let missing = log(|log| {
        proven(log, "new");
        log.announce("bare");
        proven(log, "newer");
    })
    .await;
    finds(
        &missing,
        "entry 10 (announcement of bare): has no proof that the oracle knows its nonces, which \
         the log has of every announcement since entry 9",
    );
    assert_eq!(missing.violations.count, 1);
    let twice = log(|log| {
        let at = proven(log, "new");
        let again = log.promise("new").nonce_proof();
        log.push_proof(at, again.to_bytes());
    })
    .await;
    finds(
        &twice,
        "entry 10 (proof of the nonces of entry 8): proves again what entry 9 proved",
    );
}

#[tokio::test]
async fn a_proof_of_nonces_is_one_of_the_announcement_that_it_names_and_after_it() {
    let of = |log: &Log, id: &str| log.promise(id).nonce_proof().to_bytes();
    let wrong = log(|log| {
        let proof = of(log, "other");
        log.push_proof(2, proof);
    })
    .await;
    finds(
        &wrong,
        "entry 8 (proof of the nonces of entry 2): does not prove that the oracle knows the \
         nonces of waits: the proof is not one of this announcement's nonces",
    );
    let none = log(|log| {
        log.push_proof(2, [0xff; 64]);
    })
    .await;
    finds(
        &none,
        "does not prove that the oracle knows the nonces of waits: the commitment",
    );
    for (at, says) in [
        (8, "refers to entry 8, which is not before it"),
        (u64::MAX, "refers to entry 18446744073709551615"),
        (5, "refers to entry 5, which is no announcement"),
    ] {
        let report = log(|log| {
            let proof = of(log, "waits");
            log.push_proof(at, proof);
        })
        .await;
        finds(&report, says);
    }
    let late = log(|log| {
        let proof = of(log, "event-0");
        log.push_proof(1, proof);
    })
    .await;
    finds(
        &late,
        "entry 8 (proof of the nonces of entry 1): comes after the event was attested in entry 5",
    );
}
