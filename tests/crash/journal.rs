//! The signing journal as its documented bytes, read without the server's code.

use std::collections::BTreeMap;
use std::path::Path;

/// Bytes before the first record.
pub(crate) const HEADER: usize = 61;
/// Bytes before a record's payload.
const FRAME: usize = 12;

/// One record: where it stands and what it binds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    /// First byte after it.
    pub(crate) end: usize,
    /// 1 attest, 2 refund.
    pub(crate) kind: u8,
    pub(crate) event: String,
    pub(crate) nonces: Vec<[u8; 32]>,
    pub(crate) messages: Vec<String>,
}

struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    fn bytes(&mut self, n: usize) -> &'a [u8] {
        let (head, tail) = self.0.split_at(n);
        self.0 = tail;
        head
    }
    fn array<const N: usize>(&mut self) -> [u8; N] {
        self.bytes(N).try_into().unwrap()
    }
    fn count(&mut self) -> usize {
        u32::from_be_bytes(self.array()).try_into().unwrap()
    }
    fn text(&mut self) -> String {
        let n = self.count();
        String::from_utf8(self.bytes(n).to_vec()).unwrap()
    }
}

/// Every whole record of an end, oldest first.
pub(crate) fn records(file: &Path) -> Vec<Record> {
    read(file).0
}

/// Sizes of the log that the journal knows to be published, in its order.
pub(crate) fn heads(file: &Path) -> Vec<u64> {
    read(file).1
}

fn read(file: &Path) -> (Vec<Record>, Vec<u64>) {
    let bytes = std::fs::read(file).unwrap();
    assert_eq!(&bytes[..8], b"PPCDLCJ1");
    let (mut records, mut heads) = (Vec::new(), Vec::new());
    let mut at = HEADER;
    while at + FRAME <= bytes.len() {
        let payload = Cursor(&bytes[at..]).count();
        let end = at + FRAME + payload;
        if end > bytes.len() {
            break;
        }
        let mut c = Cursor(&bytes[at + FRAME..end]);
        let sequence = u64::from_be_bytes(c.array());
        assert_eq!(
            usize::try_from(sequence).unwrap(),
            records.len() + heads.len()
        );
        let _prev_hash: [u8; 32] = c.array();
        let kind = c.array::<1>()[0];
        if kind == 4 {
            heads.push(u64::from_be_bytes(c.array()));
            let _root: [u8; 32] = c.array();
            assert!(c.0.is_empty(), "bytes left in a head");
            at = end;
            continue;
        }
        let _epoch: [u8; 8] = c.array();
        let _maturity: [u8; 4] = c.array();
        let event = c.text();
        let _content_hash: [u8; 32] = c.array();
        let nonces = (0..c.count()).map(|_| c.array()).collect();
        let messages = (0..c.count()).map(|_| c.text()).collect();
        assert!(c.0.is_empty(), "bytes left in the record of {event}");
        records.push(Record {
            end,
            kind,
            event,
            nonces,
            messages,
        });
        at = end;
    }
    (records, heads)
}

/// No event ends twice and no nonce signs two messages; the attested events
/// with the messages promised for them.
pub(crate) fn assert_every_event_ends_once(file: &Path) -> BTreeMap<String, Vec<String>> {
    let mut ends = BTreeMap::new();
    let mut signed: BTreeMap<[u8; 32], (String, String)> = BTreeMap::new();
    for r in records(file) {
        for (nonce, message) in r.nonces.iter().zip(&r.messages) {
            let earlier = signed.insert(*nonce, (r.event.clone(), message.clone()));
            assert_eq!(earlier, None, "a nonce of {} is promised twice", r.event);
        }
        let earlier = ends.insert(r.event.clone(), r.messages);
        assert_eq!(earlier, None, "{} ends twice", r.event);
        assert!((1..=3).contains(&r.kind));
    }
    ends
}
