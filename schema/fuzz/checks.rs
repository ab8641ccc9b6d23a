//! What must hold for any bytes whatever: no panic, and what decodes encodes
//! to something that decodes to the same.
//!
//! The fuzz targets call these, and so does the test suite with the seeds and
//! with arbitrary bytes.

use oracle_schema::codec::Layout;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::policy::Policy;
use oracle_schema::verify::verify_announcement;
use oracle_schema::{Announcement, Attestation};

/// [`Announcement::from_tlv`] and [`Announcement::from_any`].
pub fn announcement_tlv(data: &[u8]) {
    let _ = Announcement::from_any(data);
    if let Ok(announcement) = Announcement::from_tlv(data) {
        check_announcement(announcement);
    }
}

/// [`Announcement::from_json`].
pub fn announcement_json(data: &[u8]) {
    if let Ok(announcement) = Announcement::from_json(data) {
        check_announcement(announcement);
    }
}

fn check_announcement(announcement: Announcement) {
    let tlv = announcement.to_tlv();
    assert_eq!(Announcement::from_tlv(&tlv).as_ref(), Ok(&announcement));
    let json = announcement.to_json().to_string();
    assert_eq!(Announcement::from_json(json).as_ref(), Ok(&announcement));
    let _ = verify_announcement(announcement);
}

/// [`Attestation::from_tlv`] and [`Attestation::from_any`].
pub fn attestation_tlv(data: &[u8]) {
    let _ = Attestation::from_any(data);
    if let Ok((attestation, layout)) = Attestation::from_tlv(data) {
        let tlv = attestation.to_tlv(layout);
        let again = Attestation::from_tlv(&tlv);
        assert_eq!(again.as_ref(), Ok(&(attestation.clone(), layout)));
        check_attestation(&attestation);
    }
}

/// [`Attestation::from_json`].
pub fn attestation_json(data: &[u8]) {
    if let Ok(attestation) = Attestation::from_json(data) {
        check_attestation(&attestation);
    }
}

fn check_attestation(attestation: &Attestation) {
    let json = attestation.to_json().to_string();
    assert_eq!(Attestation::from_json(json).as_ref(), Ok(attestation));
    // Below 256 signatures and with an id of no key's length nothing else can fit.
    if attestation.signatures.len() < 256 && attestation.event_id.is_some() {
        for layout in [Layout::Spec, Layout::Counted] {
            let again = Attestation::from_tlv(&attestation.to_tlv(layout));
            assert_eq!(again.as_ref(), Ok(&(attestation.clone(), layout)));
        }
    }
}

/// [`LogEntry::from_bytes`].
pub fn log_entry(data: &[u8]) {
    if let Ok(entry) = LogEntry::from_bytes(data) {
        assert_eq!(entry.to_bytes().as_deref(), Ok(data));
        if let LogEntry::Genesis(genesis) = entry {
            let _ = genesis.verify();
        }
    }
}

/// [`Policy::parse`].
pub fn policy(data: &[u8]) {
    if let Ok(policy) = Policy::parse(data)
        && let Ok(canonical) = policy.canonical()
    {
        assert_eq!(Policy::parse(&canonical).ok().as_ref(), Some(&policy));
    }
}
