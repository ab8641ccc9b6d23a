//! Points of outcomes, sums over oracles, ranges, payouts, locktimes.
#![forbid(unsafe_code)]

use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::time::Duration;

use chrono::DateTime;
use oracle_math::coinlib::{MedianTimeLocktime, check_locktimes, refund_locktime, reveal_locktime};
use oracle_math::payout::{linear, payout_groups};
use oracle_math::points::{
    JointPoint, NonceProof, Nonces, Part, Selection, Subject, joint_points, range_prefixes,
};
use oracle_schema::{Announcement, Attestation, DigitsDescriptor, Verified};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::abi::Failure;
use crate::prove::{announced, attested};

pub(crate) fn request<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(bytes).map_err(|error| Failure::request(format!("request: {error}")))
}

/// A number as decimal text: languages differ in what their JSON numbers hold.
fn number(name: &str, text: &str) -> Result<i128, Failure> {
    text.parse()
        .map_err(|_| Failure::request(format!("{name}: not a whole number in decimal")))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PointsRequest {
    oracles: Vec<Oracle>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Oracle {
    announcement: String,
    attestation: Option<String>,
    nonce_proof: Option<String>,
    #[serde(default)]
    trust_nonces: bool,
    outcome: Option<String>,
    prefix: Option<Vec<String>>,
    range: Option<[String; 2]>,
}

struct Read {
    announcement: Verified<Announcement>,
    attestation: Option<Verified<Attestation>>,
    nonces: Option<Nonces>,
    selection: Selection,
}

impl Oracle {
    fn read(self) -> Result<Read, Failure> {
        let announcement = announced(self.announcement.as_bytes())?;
        let attestation = self
            .attestation
            .map(|text| attested(text.as_bytes(), &announcement))
            .transpose()?;
        let nonces = match (self.nonce_proof, self.trust_nonces) {
            (Some(proof), _) => {
                let bytes = hex::decode(proof)
                    .map_err(|error| Failure::request(format!("nonce_proof: {error}")))?;
                let proof = NonceProof::from_bytes(&bytes)
                    .map_err(|error| Failure::refused(error.name(), error))?;
                Some(Nonces::Proven(proof))
            }
            (None, true) => Some(Nonces::OnTrust),
            (None, false) => None,
        };
        let selection = match (self.outcome, self.prefix, self.range) {
            (None, None, None) => Selection::All,
            (Some(outcome), None, None) => Selection::Outcome(outcome),
            (None, Some(prefix), None) => Selection::Prefix(prefix),
            (None, None, Some([from, to])) => {
                Selection::Range(number("range", &from)?..=number("range", &to)?)
            }
            _ => return Err(Failure::request("give one of outcome, prefix and range")),
        };
        Ok(Read {
            announcement,
            attestation,
            nonces,
            selection,
        })
    }
}

pub(crate) fn points(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: PointsRequest = request(bytes)?;
    let read: Vec<Read> = asked
        .oracles
        .into_iter()
        .map(Oracle::read)
        .collect::<Result<_, _>>()?;
    let parts: Vec<Part<'_>> = read
        .iter()
        .map(|oracle| Part {
            announcement: &oracle.announcement,
            attestation: oracle.attestation.as_ref(),
            nonces: oracle.nonces,
            selection: oracle.selection.clone(),
        })
        .collect();
    let joint = joint_points(&parts).map_err(|error| Failure::refused("points", error))?;
    let announcements: Vec<_> = read.iter().map(|oracle| &oracle.announcement).collect();
    let reveal = reveal_locktime(&announcements).ok();
    Ok(json!({
        "reveal_locktime": reveal.map(MedianTimeLocktime::value),
        "points": joint.iter().map(point_json).collect::<Vec<_>>(),
    }))
}

fn point_json(point: &JointPoint) -> Value {
    let secret = point.secret.as_ref();
    json!({
        "subjects": point.subjects.iter().map(subject_json).collect::<Vec<_>>(),
        "point": hex::encode(point.point.compressed()),
        "xonly": hex::encode(point.point.xonly()),
        "odd_y": point.point.odd_y(),
        "secret": secret.map(|secret| hex::encode(secret.to_bytes())),
        "adaptor_scalar": secret.map(|secret| hex::encode(secret.normalised().to_bytes())),
    })
}

fn subject_json(subject: &Subject) -> Value {
    match subject {
        Subject::Outcome(outcome) => json!({ "outcome": outcome }),
        Subject::Digit { index, value } => json!({ "digit": index, "value": value }),
        Subject::Prefix { values, numbers } => json!({
            "prefix": values,
            "numbers": numbers.as_ref().map(numbers_json),
        }),
    }
}

fn numbers_json(numbers: &RangeInclusive<i128>) -> [String; 2] {
    [numbers.start().to_string(), numbers.end().to_string()]
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Digits {
    base: u16,
    #[serde(default)]
    signed: bool,
    #[serde(rename = "nb_digits")]
    count: u16,
}

impl Digits {
    fn read(&self) -> Result<DigitsDescriptor, Failure> {
        DigitsDescriptor::new(self.base, self.signed, String::new(), 0, self.count)
            .map_err(|error| Failure::request(format!("digits: {error}")))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeRequest {
    digits: Digits,
    range: [String; 2],
}

pub(crate) fn range(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: RangeRequest = request(bytes)?;
    let [from, to] = &asked.range;
    let range = number("range", from)?..=number("range", to)?;
    let prefixes = range_prefixes(&asked.digits.read()?, &range)
        .map_err(|error| Failure::refused("range", error))?;
    Ok(json!({ "prefixes": prefixes }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PayoutRequest {
    digits: Digits,
    pieces: Option<Vec<Piece>>,
    curve: Option<Curve>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Piece {
    range: [String; 2],
    payout: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Curve {
    corners: Vec<Corner>,
    step: NonZeroU64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Corner {
    number: String,
    payout: u64,
}

pub(crate) fn payout(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: PayoutRequest = request(bytes)?;
    let digits = asked.digits.read()?;
    let refused = |error| Failure::refused("payout", error);
    let pieces = match (asked.pieces, asked.curve) {
        (Some(pieces), None) => pieces
            .iter()
            .map(|piece| {
                let [from, to] = &piece.range;
                Ok((number("range", from)?..=number("range", to)?, piece.payout))
            })
            .collect::<Result<Vec<_>, Failure>>()?,
        (None, Some(curve)) => {
            let corners = curve
                .corners
                .iter()
                .map(|corner| Ok((number("number", &corner.number)?, corner.payout)))
                .collect::<Result<Vec<_>, Failure>>()?;
            linear(&digits, &corners, curve.step).map_err(refused)?
        }
        _ => return Err(Failure::request("give one of pieces and curve")),
    };
    let groups = payout_groups(&digits, &pieces).map_err(refused)?;
    let groups: Vec<_> = groups
        .iter()
        .map(|group| {
            json!({
                "range": numbers_json(&group.numbers),
                "payout": group.payout,
                "prefixes": group.prefixes,
            })
        })
        .collect();
    Ok(json!({ "groups": groups }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LocktimesRequest {
    maturities: Vec<i64>,
    attest_by: Vec<i64>,
    margin_s: u64,
    cet: Option<i64>,
}

pub(crate) fn locktimes(bytes: &[u8]) -> Result<Value, Failure> {
    let asked: LocktimesRequest = request(bytes)?;
    let refused = |error| Failure::refused("locktime", error);
    let (Some(reveal), Some(last)) = (asked.maturities.iter().max(), asked.attest_by.iter().max())
    else {
        return Err(Failure::request(
            "maturities, attest_by: one of each oracle",
        ));
    };
    if asked.maturities.len() != asked.attest_by.len() {
        return Err(Failure::request(
            "maturities, attest_by: one of each oracle",
        ));
    }
    let reveal = MedianTimeLocktime::new(*reveal).map_err(refused)?;
    let last = DateTime::from_timestamp(*last, 0)
        .ok_or_else(|| Failure::request("attest_by: not Unix seconds"))?;
    let refund = refund_locktime(last, Duration::from_secs(asked.margin_s)).map_err(refused)?;
    let cet = match asked.cet {
        Some(cet) => MedianTimeLocktime::new(cet).map_err(refused)?,
        None => reveal,
    };
    check_locktimes(cet, reveal, refund).map_err(refused)?;
    let mut pairs = asked.maturities.iter().zip(&asked.attest_by);
    if pairs.any(|(maturity, attest_by)| attest_by < maturity) {
        return Err(Failure::request("attest_by: before the maturity"));
    }
    Ok(json!({ "cet": cet.value(), "reveal": reveal.value(), "refund": refund.value() }))
}
