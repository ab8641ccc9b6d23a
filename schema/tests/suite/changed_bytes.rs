//! One byte changed anywhere in a signed message is noticed.

use oracle_schema::codec::Layout;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation};

use crate::events::samples;
use crate::oracle::TestOracle;

/// Every copy of `bytes` with one byte changed: in its lowest bit, its highest
/// bit, all bits.
fn changed(bytes: &[u8]) -> impl Iterator<Item = (usize, Vec<u8>)> + '_ {
    (0..bytes.len()).flat_map(move |at| {
        [0x01, 0x80, 0xff].map(|mask| {
            let mut copy = bytes.to_vec();
            copy[at] ^= mask;
            (at, copy)
        })
    })
}

#[test]
fn a_changed_byte_of_an_announcement_is_refused() {
    let oracle = TestOracle::new("first oracle");
    for sample in samples(&oracle) {
        let tlv = sample.announced.announcement.to_tlv();
        for (at, copy) in changed(&tlv) {
            let accepted = Announcement::from_tlv(&copy)
                .ok()
                .and_then(|message| verify_announcement(message).ok());
            assert_eq!(accepted, None, "{} byte {at}", sample.name);
        }
    }
}

#[test]
fn a_changed_byte_of_an_attestation_is_refused() {
    let oracle = TestOracle::new("first oracle");
    for sample in samples(&oracle) {
        let announcement = verify_announcement(sample.announced.announcement.clone()).unwrap();
        let attestation = oracle.attest(&sample.announced, &sample.texts);
        for layout in [Layout::Spec, Layout::Counted] {
            for (at, copy) in changed(&attestation.to_tlv(layout)) {
                let accepted = Attestation::from_tlv(&copy)
                    .ok()
                    .and_then(|(message, _)| verify_attestation(message, &announcement).ok());
                assert_eq!(accepted, None, "{} byte {at}", sample.name);
            }
        }
    }
}
