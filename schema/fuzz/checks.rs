//! What must hold for any bytes whatever: no panic, and what decodes encodes
//! to something that decodes to the same.
//!
//! The fuzz targets call these, and so does the test suite with the seeds and
//! with arbitrary bytes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::SigningKey;
use oracle_schema::anchor::{ChainHash, Payload, Transaction, branch_of};
use oracle_schema::bundle::{Bundle, identity_of};
use oracle_schema::codec::Layout;
use oracle_schema::hour::Hour;
use oracle_schema::http_signature::{
    FIELDS, FieldValues, Parameters, Request, SignedRequest, sign,
};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::operator::{Approval, Reason, Report};
use oracle_schema::policy::Policy;
use oracle_schema::tlog::{Note, Tile, TlogProof};
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

/// [`Transaction::parse`] and [`branch_of`].
pub fn anchor(data: &[u8]) {
    if let Ok(transaction) = Transaction::parse(data)
        && let Ok((_, payload)) = transaction.anchor()
    {
        assert_eq!(Payload::from_script(&payload.script()), Some(payload));
    }
    // Of the one transaction that could be marked first.
    for at in [85, 117, 149] {
        let Some(Ok(txid)) = data.get(at..at + 32).map(<[u8; 32]>::try_from) else {
            return;
        };
        if let Ok((header, branch)) = branch_of(ChainHash(txid), data) {
            assert_eq!(branch.verify(ChainHash(txid), &header), Ok(()));
        }
    }
}

/// [`LogEntry::from_bytes`].
pub fn log_entry(data: &[u8]) {
    if let Ok(entry) = LogEntry::from_bytes(data) {
        assert_eq!(entry.to_bytes().as_deref(), Ok(data));
        let _ = entry.verify();
    }
}

/// [`NonceProof::from_bytes`].
pub fn nonce_proof(data: &[u8]) {
    if let Ok(proof) = NonceProof::from_bytes(data) {
        assert_eq!(proof.to_bytes().as_slice(), data);
    }
}

/// [`Note::parse`].
pub fn note(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(note) = Note::parse(text)
    {
        assert_eq!(Note::parse(&note.to_text()), Ok(note));
    }
}

/// [`TlogProof`] from its text.
pub fn tlog_proof(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data)
        && let Ok(proof) = text.parse::<TlogProof>()
    {
        assert_eq!(proof.to_string().parse(), Ok(proof));
    }
}

/// [`Bundle::parse`], and its verification by the identity that it names.
pub fn bundle(data: &[u8]) {
    if let Ok(bundle) = Bundle::parse(data) {
        if let Ok(bytes) = serde_json::to_vec(&bundle) {
            assert_eq!(Bundle::parse(&bytes).as_ref(), Ok(&bundle));
        }
        if let Ok(identity) = bundle.named_identity() {
            let _ = bundle.verify(&identity, None);
        }
    }
}

/// [`Hour::parse`], and its verification by the identity that its genesis names.
pub fn hour(data: &[u8]) {
    let Ok(hour) = Hour::parse(data) else {
        return;
    };
    if let Ok(bytes) = serde_json::to_vec(&hour) {
        assert_eq!(Hour::parse(&bytes).as_ref(), Ok(&hour));
    }
    let entry = STANDARD.decode(&hour.genesis.entry).unwrap_or_default();
    if let Ok(LogEntry::Genesis(genesis)) = LogEntry::from_bytes(&entry)
        && let Ok(identity) = identity_of(&genesis.statement)
        && let Ok(proven) = hour.verify(&hour.hour, &identity)
    {
        assert_eq!(proven.entries.len() + proven.unknown.len(), proven.len());
        let entries = u64::try_from(proven.len()).unwrap_or(u64::MAX);
        assert_eq!(
            proven.first.checked_add(entries),
            Some(proven.checkpoint.size)
        );
        assert_eq!(proven.after.root(), proven.checkpoint.root);
        assert_eq!(proven.continues(&proven.before), Ok(()));
    }
}

/// [`Tile`] from its name: each has one.
pub fn tile_name(data: &[u8]) {
    if let Ok(name) = std::str::from_utf8(data)
        && let Ok(tile) = name.parse::<Tile>()
    {
        assert_eq!(tile.to_string(), name);
    }
}

/// [`SignedRequest::parse`]: three lines are the fields, the fourth the path,
/// the rest the body.
pub fn operator_request(data: &[u8]) {
    let mut parts = data.splitn(5, |b| *b == b'\n');
    let mut next = || parts.next().unwrap_or_default();
    let (digest, input, signature) = (next(), next(), next());
    let (path, body) = (String::from_utf8_lossy(next()), next());
    let fields = FIELDS.into_iter().zip([digest, input, signature]);
    let request = Request {
        method: "POST",
        authority: "oracle.example",
        path: &path,
        query: None,
        body,
    };
    let Ok(values) = FieldValues::collect(fields) else {
        return;
    };
    let Ok(signed) = SignedRequest::parse(&request, &values) else {
        return;
    };
    // One request, one text: what is read is what would be written.
    let key = SigningKey::from_bytes(&[7; 32]);
    let list = values.signature_input.strip_prefix("sig1=");
    let parameters = list.and_then(|list| Parameters::parse(list).ok());
    let again = parameters.and_then(|p| sign(&request, &p, &key).ok());
    let again = again.map(|a| (a.signature_input, a.content_digest));
    assert_eq!(again, Some((values.signature_input, values.content_digest)));
    let public_key = key.verifying_key().to_bytes();
    assert!(signed.verify(&public_key, 1_795_363_200).is_err());
}

/// [`Report::parse`], [`Approval::parse`] and [`Reason::parse`].
pub fn operator_body(data: &[u8]) {
    if let Ok(report) = Report::parse(data) {
        let again = report.to_json().to_string();
        assert_eq!(Report::parse(again.as_bytes()), Ok(report));
    }
    if let Ok(approval) = Approval::parse(data) {
        let again = approval.to_json().to_string();
        assert_eq!(Approval::parse(again.as_bytes()), Ok(approval));
    }
    if let Ok(reason) = Reason::parse(data) {
        let again = reason.to_json().to_string();
        assert_eq!(Reason::parse(again.as_bytes()), Ok(reason));
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
