//! Several oracles at once: contracts that need all of them to agree.
//!
//! The point of an outcome is the sum of the oracles' points, its secret the sum
//! of their secrets. Parity is a matter of the sum: add the parts as they are and
//! normalise what comes out.
//!
//! # What the sum protects against
//!
//! **The sum needs every oracle only if each of them knows its nonces.** An
//! announcement proves that its oracle knows the secret of its key P; it proves
//! nothing about the nonce R. An oracle that announces last can choose
//! `R2 = a·G − S1(m)` for one outcome m and sign honestly: every check of the
//! announcement passes, and `S1 + S2 = (a + e2·x2)·G` is a point whose secret it
//! knows alone, before anyone has attested anything. It does not know the secret of
//! R2, though. So a sum demands of each oracle a proof that it knows those of its
//! nonces, [`NonceProof`], which stands in its log behind the announcement and in the
//! event's bundle ([`Proven::nonce_proof`](oracle_schema::bundle::Proven::nonce_proof)).
//!
//! For an oracle whose log has no such proofs the caller has to say
//! [`Nonces::OnTrust`]. The sum is then as good as the choice of events: only such
//! that this oracle had announced, and had in its log, before the others announced
//! theirs and before the parties chose them; never one that was announced after the
//! offer or at a party's wish.
//!
//! Another event of the same oracle is not a second oracle either: one key decides
//! both.

use std::collections::BTreeSet;

use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::point::sum;
use oracle_schema::{Announcement, Attestation, Descriptor, Verified};

use crate::points::{
    AdaptorPoint, AdaptorSecret, OutcomePoint, PointsError, Selection, Subject, adaptor_points,
};

/// What is known of an oracle's nonces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nonces {
    /// The oracle's log has this proof that it knows their secrets. It is verified
    /// against the announcement before anything is added up.
    Proven(NonceProof),
    /// Nothing, and the caller takes that upon them: its log has no proof. If it
    /// announced after another oracle of the sum, it may know the joint secret of one
    /// outcome alone.
    OnTrust,
}

/// One oracle's part: its event, and what it would have to attest.
///
/// Oracles word outcomes as they like, so each part has its own selection. For
/// [`joint_points`] and [`joint_point`], which have examples.
#[derive(Debug, Clone)]
pub struct Part<'a> {
    /// The oracle's promise.
    pub announcement: &'a Verified<Announcement>,
    /// What it attested, once it has.
    pub attestation: Option<&'a Verified<Attestation>>,
    /// Whether the oracle knows its nonces. `None` is refused where there is another
    /// oracle to add.
    pub nonces: Option<Nonces>,
    /// What of it counts. [`Selection::All`] means every outcome of an enum
    /// event; the other oracles then have outcomes of the same texts.
    pub selection: Selection,
}

/// A point of several oracles, and its secret once all of them attested it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JointPoint {
    /// What it stands for at each oracle, in the order of the parts.
    pub subjects: Vec<Subject>,
    /// The sum of the oracles' points.
    pub point: OutcomePoint,
    /// The sum of their secrets; `None` until every one of them came true.
    pub secret: Option<AdaptorSecret>,
}

/// The points of these oracles together, in the order of the first one's.
///
/// Enum outcomes are paired by the selections given, digits by value: prefixes
/// and ranges need oracles that cut numbers alike (base, sign, digits and
/// precision; that their units mean the same is for the reader to see). One
/// event given twice is refused: it would count as two oracles and is one.
///
/// **The sum needs every oracle only if each knows its nonces**: whoever announces
/// last could else choose one by which it alone knows the joint secret of one outcome.
/// So each part needs the proof that the oracle's log has of it, or the caller's word
/// that it is taken on trust (`docs/for-wallets.md`, 4). The error names the oracle of
/// which there is neither.
///
/// ```
/// use oracle_math::points::{NonceProof, Nonces, Part, Selection, joint_points};
/// # use oracle_math::{Announcement, Attestation, Verified};
/// # type Vector = Vec<(Verified<Announcement>, Verified<Attestation>, NonceProof)>;
/// # fn vector(name: &str) -> Vector {
/// #     let file = concat!(env!("CARGO_MANIFEST_DIR"), "/../../schema/vectors/joint.json");
/// #     let file: serde_json::Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
/// #     let case = file["cases"].as_array().unwrap().iter().find(|c| c["name"] == name).unwrap();
/// #     case["oracles"].as_array().unwrap().iter().map(|o| {
/// #         let bytes = |key: &str| hex::decode(o[key].as_str().unwrap()).unwrap();
/// #         let a = Announcement::from_tlv(&bytes("announcement")).unwrap();
/// #         let a = oracle_schema::verify::verify_announcement(a).unwrap();
/// #         let (t, _) = Attestation::from_tlv(&bytes("attestation")).unwrap();
/// #         let t = oracle_schema::verify::verify_attestation(t, &a).unwrap();
/// #         (a, t, NonceProof::from_bytes(&bytes("nonce_proof")).unwrap())
/// #     }).collect()
/// # }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// // Two oracles of one match, from `schema/vectors/joint.json`.
/// let oracles = vector("enum-worded-differently");
/// let parts: Vec<Part> = oracles
///     .iter()
///     .zip(["draw", "X"])
///     .map(|((announcement, attestation, proof), text)| Part {
///         announcement,
///         attestation: Some(attestation),
///         // `Client::proven(id).await?.nonce_proof.map(Nonces::Proven)`
///         nonces: Some(Nonces::Proven(*proof)),
///         selection: Selection::Outcome(text.to_owned()),
///     })
///     .collect();
/// let joint = joint_points(&parts)?;
/// let secret = joint[0].secret.as_ref().ok_or("both attested it")?;
/// assert_eq!(secret.point(), joint[0].point);
/// # Ok(())
/// # }
/// ```
pub fn joint_points(parts: &[Part<'_>]) -> Result<Vec<JointPoint>, PointsError> {
    let Some((first, others)) = parts.split_first() else {
        return Err(PointsError::NoOracle);
    };
    check_distinct(parts)?;
    check_nonces(parts)?;
    for other in others {
        check_alike(first, other)?;
    }
    let wanted = match (&first.selection, &first.announcement.event.descriptor) {
        (Selection::All, Descriptor::Enum(choice)) => {
            let outcomes = choice.outcomes().iter().cloned();
            outcomes.map(Selection::Outcome).map(Some).collect()
        }
        (Selection::All, Descriptor::Digits(_)) => return Err(PointsError::Summands),
        _ => vec![None],
    };
    let mut joint = Vec::new();
    for outcome in &wanted {
        let columns = parts
            .iter()
            .map(|part| {
                let selection = outcome.as_ref().unwrap_or(&part.selection);
                adaptor_points(part.announcement, part.attestation, selection)
            })
            .collect::<Result<Vec<_>, _>>()?;
        joint.extend(add_up(columns)?);
    }
    Ok(joint)
}

/// The one point of these oracles together, when the selections name one outcome
/// or prefix each; [`joint_points`] has the details.
///
/// ```
/// use oracle_math::points::{NonceProof, Nonces, Part, Selection, joint_point};
/// # use oracle_math::{Announcement, sample, verify::verify_announcement};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let read = |hex: &str| Announcement::from_any(hex.as_bytes());
/// # let one = verify_announcement(read(sample::MATCH_ANNOUNCEMENT)?)?;
/// # let other = verify_announcement(read(sample::RAIN_ANNOUNCEMENT)?)?;
/// # let proof = |text| NonceProof::from_bytes(&hex::decode(text).unwrap()).unwrap();
/// # let (of_one, of_other) = (proof(sample::MATCH_NONCE_PROOF), proof(sample::RAIN_NONCE_PROOF));
/// let part = |announcement, proof, outcome: &str| Part {
///     announcement,
///     attestation: None,
///     nonces: Some(Nonces::Proven(proof)),
///     selection: Selection::Outcome(outcome.to_owned()),
/// };
/// // A draw in exactly 12 mm of rain.
/// let joint = joint_point(&[part(&one, of_one, "draw"), part(&other, of_other, "12")])?;
/// assert!(joint.secret.is_none(), "nobody has spoken");
/// # Ok(())
/// # }
/// ```
pub fn joint_point(parts: &[Part<'_>]) -> Result<JointPoint, PointsError> {
    let mut points = joint_points(parts)?;
    match (points.pop(), points.len()) {
        (Some(point), 0) => Ok(point),
        (_, more) => Err(PointsError::NotOne(more.saturating_add(1))),
    }
}

/// Row by row over the oracles' lists, which are equally long.
fn add_up(columns: Vec<Vec<AdaptorPoint>>) -> Result<Vec<JointPoint>, PointsError> {
    let rows = columns.first().map_or(0, Vec::len);
    if columns.iter().any(|column| column.len() != rows) {
        return Err(PointsError::Unlike("number of points"));
    }
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    (0..rows)
        .map(|_| {
            let row: Vec<_> = columns.iter_mut().filter_map(Iterator::next).collect();
            let points: Vec<_> = row.iter().map(|p| p.point).collect();
            let secrets: Option<Vec<_>> = row.iter().map(|p| p.secret.clone()).collect();
            let secret = secrets.map(|s| AdaptorSecret::sum(&s)).transpose()?;
            Ok(JointPoint {
                subjects: row.into_iter().map(|p| p.subject).collect(),
                point: sum(&points)?,
                secret,
            })
        })
        .collect()
}

fn check_distinct(parts: &[Part<'_>]) -> Result<(), PointsError> {
    let mut seen = BTreeSet::new();
    for part in parts {
        let key = part.announcement.oracle_public_key.to_byte_array();
        let event = &part.announcement.event.event_id;
        if !seen.insert((key, event)) {
            return Err(PointsError::Twice(event.to_string()));
        }
    }
    Ok(())
}

/// A proof must hold wherever there is one; one oracle alone needs none, as nothing is
/// added to it.
fn check_nonces(parts: &[Part<'_>]) -> Result<(), PointsError> {
    for part in parts {
        let event = || part.announcement.event.event_id.to_string();
        let key = || Box::new(part.announcement.oracle_public_key);
        match &part.nonces {
            Some(Nonces::Proven(proof)) => {
                proof
                    .verify(part.announcement)
                    .map_err(|source| PointsError::NonceProof {
                        event: event(),
                        key: key(),
                        source,
                    })?;
            }
            None if parts.len() > 1 => {
                return Err(PointsError::NoncesNotProven {
                    event: event(),
                    key: key(),
                });
            }
            Some(Nonces::OnTrust) | None => {}
        }
    }
    Ok(())
}

/// Whether one selection means the same at both.
fn check_alike(first: &Part<'_>, other: &Part<'_>) -> Result<(), PointsError> {
    let same_kind = matches!(
        (&first.selection, &other.selection),
        (Selection::All, Selection::All)
            | (Selection::Outcome(_), Selection::Outcome(_))
            | (Selection::Prefix(_), Selection::Prefix(_))
            | (Selection::Range(_), Selection::Range(_))
    );
    if !same_kind {
        return Err(PointsError::Unlike("kind of selection"));
    }
    let (Descriptor::Digits(a), Descriptor::Digits(b)) = (
        &first.announcement.event.descriptor,
        &other.announcement.event.descriptor,
    ) else {
        // Outcomes of enums, or of an enum and a number: the texts say it all.
        return Ok(());
    };
    if matches!(first.selection, Selection::Outcome(_)) {
        return Ok(());
    }
    if first.selection != other.selection {
        return Err(PointsError::Unlike("selection"));
    }
    let cut = |d: &oracle_schema::DigitsDescriptor| {
        (d.base(), d.is_signed(), d.nb_digits(), d.precision())
    };
    if cut(a) == cut(b) {
        Ok(())
    } else {
        Err(PointsError::Unlike("base, sign, digits or precision"))
    }
}
