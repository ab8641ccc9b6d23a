//! The database and the journal of a stopped oracle, looked at directly.

use std::collections::{BTreeMap, BTreeSet};

use oracle_schema::Announcement;
use oracle_schema::codec::Layout;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::tlog::Growing;
use oracle_schema::tlog::tree::leaf_hash;

use crate::book::Book;
use crate::database::Database;
use crate::home::Home;
use crate::journal;

/// Everything that must hold of any oracle's files, whatever it went through.
pub(crate) async fn assert_sound(home: &Home, book: &Book) {
    assert_log_is_gapless_and_holds(&home.database, book).await;
    assert_nonces_are_announced_once(&home.database).await;
    let journal = journal::assert_every_event_ends_once(&home.journal());
    let intents: BTreeMap<String, Vec<String>> = home
        .database
        .pairs::<String, String>("SELECT event_id, messages FROM intent")
        .await
        .into_iter()
        .map(|(id, messages)| (id, serde_json::from_str(&messages).unwrap()))
        .collect();
    assert_eq!(journal, intents, "journal and intent rows");
    for id in book.attestations.keys() {
        assert!(journal.contains_key(id), "{id} was attested unpromised");
    }
}

/// Positions count from 0 without a gap, heads only grow, every entry holds
/// what readers got, and every checkpoint they saw is of the first of these
/// entries.
async fn assert_log_is_gapless_and_holds(database: &Database, book: &Book) {
    let entries = database
        .pairs::<i64, Vec<u8>>("SELECT position, entry FROM log_entry ORDER BY position")
        .await;
    let (mut tree, mut proved) = (Growing::default(), 0);
    let (mut announced, mut attested) = (BTreeMap::new(), BTreeMap::new());
    let mut nonces_known = BTreeSet::new();
    for (expected, (position, bytes)) in (0_i64..).zip(&entries) {
        assert_eq!(*position, expected, "log position");
        match LogEntry::from_bytes(bytes).unwrap() {
            LogEntry::Announcement { announcement, .. } => {
                let id = announcement.event.event_id.to_string();
                let earlier = announced.insert(id.clone(), announcement.to_tlv());
                assert_eq!(earlier, None, "{id} is announced twice");
            }
            LogEntry::Attestation { attestation, .. } => {
                let id = attestation.event_id.clone().unwrap().to_string();
                let earlier = attested.insert(id.clone(), attestation.to_tlv(Layout::Spec));
                assert_eq!(earlier, None, "{id} is attested twice");
            }
            LogEntry::NonceProof {
                announcement_position,
                proof,
            } => {
                let announced = &entries[usize::try_from(announcement_position).unwrap()].1;
                let Ok(LogEntry::Announcement { announcement, .. }) =
                    LogEntry::from_bytes(announced)
                else {
                    panic!("the proof at {position} is of no announcement");
                };
                let proof = NonceProof::from_bytes(&proof).unwrap();
                assert_eq!(proof.verify(&announcement), Ok(()), "at {position}");
                let is_first = nonces_known.insert(announcement_position);
                assert!(is_first, "{announcement_position} is proven twice");
            }
            LogEntry::Genesis(_)
            | LogEntry::Notice { .. }
            | LogEntry::OperatorAction(_)
            | LogEntry::Status(_) => {}
        }
        tree.append(leaf_hash(bytes));
        if let Some(root) = book.heads.get(&tree.size()) {
            assert_eq!(*root, tree.root(), "root at {}", tree.size());
            proved += 1;
        }
    }
    assert_eq!(proved, book.heads.len(), "checkpoints of this log");
    assert_eq!(
        nonces_known.len(),
        announced.len(),
        "announcements with a proof"
    );
    let size = i64::try_from(entries.len()).unwrap();
    assert_eq!(
        database.number("SELECT next_position FROM ledger").await,
        size
    );
    assert_eq!(database.number("SELECT MAX(size) FROM head").await, size);
    let heads = database
        .pairs::<i64, i64>("SELECT size, time_ms FROM head ORDER BY size")
        .await;
    assert!(
        heads.is_sorted_by(|a, b| a.0 < b.0 && a.1 < b.1),
        "heads do not grow"
    );
    for (id, bytes) in &book.announcements {
        assert_eq!(announced.get(id), Some(bytes), "log entry of {id}");
    }
    for (id, bytes) in &book.attestations {
        assert_eq!(attested.get(id), Some(bytes), "log entry of {id}");
    }
}

async fn assert_nonces_are_announced_once(database: &Database) {
    let mut seen = BTreeSet::new();
    let mut count = 0;
    for (id, tlv) in database
        .pairs::<String, Vec<u8>>("SELECT event_id, tlv FROM announcement")
        .await
    {
        for nonce in &Announcement::from_tlv(&tlv).unwrap().event.nonces {
            count += 1;
            assert!(seen.insert(nonce.to_byte_array()), "a nonce of {id}");
        }
    }
    assert_eq!(database.number("SELECT COUNT(*) FROM nonce").await, count);
}
