use std::fs;
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::*;
use crate::lifecycle::IntentKind;
use crate::signer::journal::JournalFile;
use crate::signer::{JournalHead, JournalRecord, SignerError};

const KEY: [u8; 32] = [5; 32];

fn record(id: &str, message: &str) -> JournalRecord {
    JournalRecord {
        event_id: id.to_owned(),
        kind: IntentKind::Attest,
        content_hash: [1; 32],
        epoch: 4,
        maturity: MATURITY,
        nonces: vec![[2; 32], [3; 32]],
        messages: vec![message.to_owned(), "1".to_owned()],
    }
}

fn open(path: &std::path::Path) -> Result<Journal, SignerError> {
    Journal::open(path, &KEY, || ())
}

fn all(journal: &Journal) -> Vec<JournalRecord> {
    journal
        .records()
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap()
}

/// A journal of two records: its path, its bytes and where the second begins.
fn two_records() -> (TempDir, std::path::PathBuf, Vec<u8>, usize) {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal");
    Journal::create(&path, &KEY).unwrap();
    let mut journal = open(&path).unwrap();
    journal.append(&[record("a", "0")]).unwrap();
    let second = usize::try_from(fs::metadata(&path).unwrap().len()).unwrap();
    journal.append(&[record("b", "1")]).unwrap();
    let bytes = fs::read(&path).unwrap();
    (dir, path, bytes, second)
}

#[test]
fn records_are_read_back_as_written() {
    let (_dir, path, _, _) = two_records();
    assert_eq!(
        all(&open(&path).unwrap()),
        [record("a", "0"), record("b", "1")]
    );
}

#[test]
fn a_last_record_torn_at_any_byte_is_cut_off_and_the_first_kept() {
    let (_dir, path, bytes, second) = two_records();
    for len in second..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        let mut journal = open(&path).unwrap_or_else(|e| panic!("torn at {len}: {e}"));
        assert_eq!(all(&journal), [record("a", "0")], "torn at {len}");
        journal.append(&[record("c", "1")]).unwrap();
        drop(journal);
        assert_eq!(
            all(&open(&path).unwrap()),
            [record("a", "0"), record("c", "1")]
        );
    }
}

#[test]
fn any_flipped_bit_refuses() {
    let (_dir, path, bytes, _) = two_records();
    for bit in 0..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        let opened = open(&path);
        assert!(
            matches!(opened, Err(SignerError::JournalCorrupt { .. })),
            "bit {bit} went unseen"
        );
        assert_eq!(
            fs::read(&path).unwrap(),
            damaged,
            "a refusal changes nothing"
        );
    }
}

fn head(size: u64) -> JournalHead {
    let root = [u8::try_from(size % 251).unwrap(); 32];
    JournalHead { size, root }
}

#[test]
fn the_last_head_is_known_again_and_no_end_is_lost_between_heads() {
    let (_dir, path, bytes, _) = two_records();
    let mut journal = open(&path).unwrap();
    assert_eq!(journal.head(), None);
    journal.note_head(head(7)).unwrap();
    journal.append(&[record("c", "1")]).unwrap();
    journal.note_head(head(9)).unwrap();
    assert_eq!(journal.head(), Some(head(9)));
    drop(journal);
    let journal = open(&path).unwrap();
    assert_eq!(journal.head(), Some(head(9)));
    let ids: Vec<String> = all(&journal).into_iter().map(|r| r.event_id).collect();
    assert_eq!(ids, ["a", "b", "c"]);
    assert!(fs::read(&path).unwrap().starts_with(&bytes));
}

#[test]
fn a_head_that_is_no_larger_writes_nothing() {
    let (_dir, path, _, _) = two_records();
    let mut journal = open(&path).unwrap();
    journal.note_head(head(7)).unwrap();
    let bytes = fs::read(&path).unwrap();
    for size in [7, 6, 0] {
        journal.note_head(head(size)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), bytes, "{size}");
    }
    assert_eq!(journal.head(), Some(head(7)));
}

#[test]
fn a_head_has_the_documented_bytes() {
    let (_dir, path, before, _) = two_records();
    open(&path).unwrap().note_head(head(0x0102)).unwrap();
    let bytes = fs::read(&path).unwrap();
    let record = &bytes[before.len()..];
    // Length, its checksum, the payload's; sequence number and previous hash.
    let (frame, payload) = record.split_at(12);
    assert_eq!(frame[..4], 81_u32.to_be_bytes());
    assert_eq!(payload[..8], 2_u64.to_be_bytes());
    assert_eq!(payload[40], 4);
    assert_eq!(payload[41..49], [0, 0, 0, 0, 0, 0, 1, 2]);
    assert_eq!(payload[49..], [7; 32]);
}

#[test]
fn a_head_torn_at_any_byte_is_cut_off_and_any_flipped_bit_of_it_refuses() {
    let (_dir, path, before, _) = two_records();
    open(&path).unwrap().note_head(head(7)).unwrap();
    let bytes = fs::read(&path).unwrap();
    for len in before.len()..bytes.len() {
        fs::write(&path, &bytes[..len]).unwrap();
        let journal = open(&path).unwrap_or_else(|e| panic!("torn at {len}: {e}"));
        assert_eq!(journal.head(), None);
        assert_eq!(all(&journal).len(), 2);
    }
    for bit in before.len() * 8..bytes.len() * 8 {
        let mut damaged = bytes.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, &damaged).unwrap();
        assert!(
            matches!(open(&path), Err(SignerError::JournalCorrupt { .. })),
            "bit {bit} went unseen"
        );
    }
}

#[test]
fn records_exchanged_or_left_out_refuse() {
    let (_dir, path, bytes, second) = two_records();
    let first = second - (bytes.len() - second);
    let (header, a, b) = (&bytes[..first], &bytes[first..second], &bytes[second..]);
    for damaged in [
        [header, b, a].concat(),
        [header, b].concat(),
        [header, a, a].concat(),
    ] {
        fs::write(&path, damaged).unwrap();
        assert!(matches!(
            open(&path),
            Err(SignerError::JournalCorrupt { .. })
        ));
    }
}

#[test]
fn a_journal_cut_inside_its_header_refuses() {
    let (_dir, path, bytes, _) = two_records();
    for len in [0, 8, 60] {
        fs::write(&path, &bytes[..len]).unwrap();
        assert!(matches!(
            open(&path),
            Err(SignerError::JournalCorrupt { offset: 0, .. })
        ));
    }
}

#[test]
fn a_missing_journal_refuses_and_is_not_created() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("journal");
    assert!(matches!(
        open(&path),
        Err(SignerError::JournalMissing { .. })
    ));
    assert!(!path.exists());
}

#[test]
fn an_existing_journal_is_never_replaced() {
    let (_dir, path, bytes, _) = two_records();
    assert!(matches!(
        Journal::create(&path, &KEY),
        Err(SignerError::Exists { .. })
    ));
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_journal_of_another_key_refuses() {
    let (_dir, path, _, _) = two_records();
    assert!(matches!(
        Journal::open(&path, &[6; 32], || ()),
        Err(SignerError::JournalWrongKey { .. })
    ));
}

#[test]
fn a_second_signer_on_one_journal_refuses() {
    let (_dir, path, _, _) = two_records();
    let first = open(&path).unwrap();
    assert!(matches!(
        open(&path),
        Err(SignerError::JournalLocked { .. })
    ));
    drop(first);
    assert!(open(&path).is_ok());
}

#[test]
fn an_older_copy_opens_and_takes_what_it_lacks() {
    let (_dir, path, bytes, second) = two_records();
    fs::write(&path, &bytes[..second]).unwrap();
    let mut journal = open(&path).unwrap();
    journal
        .append(&[record("a", "0"), record("b", "1")])
        .unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_different_message_is_refused_after_a_reopen_and_its_batch_not_written() {
    let (_dir, path, bytes, _) = two_records();
    let mut journal = open(&path).unwrap();
    let other_nonces = JournalRecord {
        nonces: vec![[2; 32], [4; 32]],
        ..record("a", "0")
    };
    for different in [record("a", "1"), other_nonces] {
        assert!(matches!(
            journal.append(&[record("new", "0"), different]),
            Err(SignerError::Conflict { .. })
        ));
    }
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn the_same_message_under_a_later_epoch_is_the_same_end() {
    let (_dir, path, bytes, _) = two_records();
    let later = JournalRecord {
        epoch: 5,
        ..record("a", "0")
    };
    open(&path).unwrap().append(&[later]).unwrap();
    assert_eq!(fs::read(&path).unwrap(), bytes);
}

#[test]
fn a_tail_that_was_never_written_is_torn_and_a_damaged_one_is_not() {
    let (_dir, path, _, _) = two_records();
    let whole = fs::read(&path).unwrap();
    let third = {
        let mut journal = open(&path).unwrap();
        journal.append(&[record("c", "0")]).unwrap();
        fs::read(&path).unwrap().split_off(whole.len())
    };
    let with = |tail: &[u8]| {
        fs::write(&path, [&whole, tail].concat()).unwrap();
        open(&path).map(|journal| journal.records().unwrap().count())
    };
    // The new length without the content, whatever of it came to the disk.
    for written in [0, 1, 7, 8, 12, 40, third.len() - 8] {
        let mut tail = vec![0; third.len()];
        tail[..written].copy_from_slice(&third[..written]);
        assert_eq!(with(&tail).unwrap(), 2, "{written}");
        assert_eq!(fs::read(&path).unwrap(), whole, "the tail is gone");
    }
    assert_eq!(with(&[0; 5000]).unwrap(), 2, "several records");
    // Damage, with something behind it, or inside.
    let mut behind = vec![0; third.len()];
    behind.extend_from_slice(&third);
    assert!(matches!(
        with(&behind),
        Err(SignerError::JournalCorrupt { .. })
    ));
    let mut inside = third.clone();
    inside[20..40].fill(0);
    assert!(matches!(
        with(&inside),
        Err(SignerError::JournalCorrupt { .. })
    ));
}

#[test]
fn a_head_that_has_no_room_is_not_written_down_and_nothing_else_fails() {
    let (_dir, path, _, _) = two_records();
    let mut journal = Journal::open(&path, &KEY, || panic!("no promise was lost")).unwrap();
    let before = fs::read(&path).unwrap();
    let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
    let append_fails = true;
    journal.replace_file(Box::new(Faulty { file, append_fails }));
    let head = JournalHead {
        size: 7,
        root: [1; 32],
    };
    journal.note_head(head).unwrap();
    assert_eq!(journal.head(), None);
    assert_eq!(fs::read(&path).unwrap(), before);
}

/// Fails where told, and as a real disk may: after the bytes have arrived.
struct Faulty {
    file: fs::File,
    append_fails: bool,
}

impl JournalFile for Faulty {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        if self.append_fails {
            return Err(io::Error::other("disk full"));
        }
        JournalFile::append(&mut self.file, bytes)
    }
    fn sync(&mut self) -> io::Result<()> {
        Err(io::Error::other("input/output error"))
    }
    fn cut(&mut self, len: u64) -> io::Result<()> {
        JournalFile::cut(&mut self.file, len)
    }
}

#[test]
fn a_failed_write_or_fsync_aborts_once_and_is_never_retried() {
    static ABORTS: AtomicUsize = AtomicUsize::new(0);
    for append_fails in [true, false] {
        let (_dir, path, _, _) = two_records();
        ABORTS.store(0, Ordering::SeqCst);
        let mut journal = Journal::open(&path, &KEY, || {
            ABORTS.fetch_add(1, Ordering::SeqCst);
        })
        .unwrap();
        let file = fs::OpenOptions::new().append(true).open(&path).unwrap();
        journal.replace_file(Box::new(Faulty { file, append_fails }));
        for _ in 0..2 {
            assert!(matches!(
                journal.append(&[record("c", "0")]),
                Err(SignerError::JournalFailed)
            ));
        }
        assert_eq!(ABORTS.load(Ordering::SeqCst), 1);
        assert!(journal.has_failed());
        assert_eq!(all(&journal).len(), 2);
        drop(journal);
        // The restart finds what arrived and holds on to it.
        let mut journal = open(&path).unwrap();
        let arrived = all(&journal).len() == 3;
        assert_eq!(arrived, !append_fails);
        assert_eq!(journal.append(&[record("c", "1")]).is_err(), arrived);
    }
}
