//! Objects that other rooms read and write, as the document describes them:
//! the ecosystem's DLC messages and what operators send.

#![expect(dead_code, reason = "for the documentation, never made")]

use serde::Serialize;
use utoipa::ToSchema;

use super::texts::{Basis, EventKind, EventName, Hex32, OnDissent, Signature, Span, Time};

/// An announcement in the ecosystem's JSON.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", example = json!({
    "announcementSignature": "e907831f80848d1069a5371b402410364bdf1c5f8307b0084c55f1ce2dca821525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0",
    "oraclePublicKey": "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "oracleEvent": {
        "oracleNonces": ["c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee5"],
        "eventMaturityEpoch": 1_795_363_200,
        "eventDescriptor": {"enumEvent": {"outcomes": ["above", "not_above"]}},
        "eventId": "ppcusd-above-025@2026-11-22T16:00:00Z"
    }
}))]
pub(in crate::http) struct DlcAnnouncement {
    /// Of the oracle's key over the tagged hash of the event's TLV.
    #[schema(value_type = Signature)]
    announcement_signature: (),
    /// x-only.
    #[schema(value_type = Hex32)]
    oracle_public_key: (),
    #[schema(inline)]
    oracle_event: DlcEvent,
}

/// What is announced.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
struct DlcEvent {
    /// One for an enum event; else one for the sign, if there is one, and each digit.
    #[schema(value_type = Vec<Hex32>, min_items = 1)]
    oracle_nonces: (),
    /// Unix seconds.
    event_maturity_epoch: i64,
    #[schema(inline)]
    event_descriptor: DlcDescriptor,
    #[schema(value_type = EventName)]
    event_id: (),
}

/// What can come out.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
enum DlcDescriptor {
    /// One of a few texts.
    EnumEvent {
        #[schema(min_items = 1)]
        outcomes: Vec<String>,
    },
    /// A number, digit by digit, the most significant first.
    #[schema(rename_all = "camelCase")]
    DigitDecompositionEvent {
        #[schema(minimum = 2)]
        base: u16,
        /// The first nonce signs `+` or `-`.
        is_signed: bool,
        /// What the number counts.
        unit: String,
        /// The number times two to this power is meant; always 0 here.
        precision: i32,
        #[schema(minimum = 1)]
        nb_digits: u16,
    },
}

/// An attestation in the ecosystem's JSON.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase", example = json!({
    "eventId": "ppcusd-above-025@2026-11-22T16:00:00Z",
    "oraclePublicKey": "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    "signatures": ["c6047f9441ed7d6d3045406e95c07cd85c778e4b8cef3ca7abac09b95c709ee525f66a4a85ea8b71e482a74f382d2ce5ebeee8fdb2172f477df4900d310536c0"],
    "outcomes": ["above"]
}))]
pub(in crate::http) struct DlcAttestation {
    #[schema(value_type = EventName)]
    event_id: (),
    /// x-only.
    #[schema(value_type = Hex32)]
    oracle_public_key: (),
    /// One for each nonce of the announcement, in its order.
    #[schema(value_type = Vec<Signature>, min_items = 1)]
    signatures: (),
    /// What each signature signs.
    #[schema(min_items = 1)]
    outcomes: Vec<String>,
}

/// Body of an operator's report.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "outcome": "yes", "note": "read at block 812345",
    "evidence": [{"url": "https://chain.example/812345",
        "sha256": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"}]
}))]
pub(in crate::http) struct ReportBody {
    /// One of the event's; for digits the integer in decimal.
    #[schema(min_length = 1, max_length = 1000)]
    outcome: String,
    /// What it rests on.
    #[schema(max_items = 16, value_type = Vec<EvidenceLink>, required = false)]
    evidence: (),
    /// For people.
    #[schema(max_length = 2000, value_type = String, required = false)]
    note: (),
}

/// A document that a report points to.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct EvidenceLink {
    #[schema(max_length = 2000, pattern = r"^https?://[^/\s]\S*$")]
    url: String,
    /// Of the document as the operator read it.
    #[schema(value_type = Hex32)]
    sha256: (),
}

/// Body of an operator's approval.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "report": "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a"
}))]
pub(in crate::http) struct ApprovalBody {
    /// SHA-256 of the body of what is approved.
    #[schema(value_type = Hex32)]
    report: (),
}

/// Body of a veto, and of a proposal to void.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "the source was taken over"}))]
pub(in crate::http) struct ReasonBody {
    /// For people; may be empty.
    #[schema(max_length = 2000)]
    reason: String,
}

/// An event as an operator makes it: the keys of an `[[event]]` in the
/// configuration file. Which of them go together depends on the kind.
#[derive(Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "id": "pm-upgrade-2026", "kind": "operators",
    "title": "Is the upgrade of 2026 active on the main chain?", "maturity": "2026-11-30T00:00:00Z",
    "outcomes": ["yes", "no", "void"], "panel": ["alice", "bob", "carol"], "k": 2,
    "settle_delay": "2h"
}))]
pub(in crate::http) struct EventBody {
    /// Burned for ever once used; without `@`.
    #[schema(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}$")]
    id: String,
    #[schema(value_type = EventKind)]
    kind: (),
    /// When the outcome is fixed; a whole second.
    #[schema(value_type = Time)]
    maturity: (),
    /// At once if left out.
    #[schema(value_type = Time, required = false)]
    announce_at: (),
    /// What is asked, in one line of visible characters; must be there for kind
    /// `operators`. `{maturity}`, `{price}`, `{unit}` and `{above}` stand for
    /// what the event says itself, as far as its kind does.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 140)]
    title: (),
    /// What counts, what does not, where to look; lines end in `\n`. The same
    /// placeholders.
    #[schema(value_type = String, required = false, min_length = 1, max_length = 4000)]
    description: (),
    /// Names for people, by outcome or by what the kind has besides: `home`,
    /// `away`, `competition`, `office`, `area`. At most 80 characters each.
    #[schema(value_type = Object, required = false)]
    names: (),
    /// From the maturity on; then it is a refund.
    #[schema(value_type = Span, required = false)]
    give_up_after: (),
    /// Of `digits` and `threshold`: a `[price]` of the configuration.
    #[schema(value_type = String, required = false)]
    price: (),
    /// Of `digits`: the integer is the price times ten to this power.
    #[schema(value_type = u32, maximum = 18, required = false)]
    decimals: (),
    /// Of `digits`; 2 if left out.
    #[schema(value_type = u16, minimum = 2, required = false)]
    base: (),
    /// Of `digits`: how many.
    #[schema(value_type = u16, minimum = 1, required = false)]
    digits: (),
    /// Of `digits`: what the integer counts.
    #[schema(value_type = String, required = false)]
    unit: (),
    /// Of `threshold`: a decimal.
    #[schema(value_type = String, required = false)]
    above: (),
    /// Of `match`: before the maturity.
    #[schema(value_type = Time, required = false)]
    kickoff: (),
    /// Of `match`: `regular_time` or `final`. Of `election`: `certified`, `called` or `endgueltig`.
    #[schema(value_type = Basis, required = false)]
    basis: (),
    /// Of `match`, `election` and `operators`.
    #[schema(value_type = Vec<String>, min_items = 2, required = false)]
    outcomes: (),
    /// Of `match`, from the kickoff.
    #[schema(value_type = Span, required = false)]
    void_after: (),
    /// Of `match` and `election`: how many sources must say the same.
    #[schema(value_type = u32, minimum = 1, required = false)]
    agree: (),
    /// Of `match` and `election`: equal readings in a row before deciding.
    #[schema(value_type = u32, minimum = 1, maximum = 10, required = false)]
    stable_reads: (),
    /// Of `match` and `election`.
    #[schema(value_type = Span, required = false)]
    read_every: (),
    /// Between agreement and the outcome.
    #[schema(value_type = Span, required = false)]
    settle_delay: (),
    /// Of `match`.
    #[schema(value_type = OnDissent, required = false)]
    on_dissent: (),
    /// Of `election`: who each outcome is at each provider.
    #[schema(value_type = Object, required = false)]
    candidates: (),
    /// Of `match` and `election`: `provider` and what it needs to find the question.
    #[schema(value_type = Vec<Object>, required = false)]
    source: (),
    /// Of `operators`: names.
    #[schema(value_type = Vec<String>, required = false)]
    panel: (),
    /// Of `operators`: how many equal reports decide.
    #[schema(value_type = u32, minimum = 1, required = false)]
    k: (),
}
