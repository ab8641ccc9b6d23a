//! What an event is made of: its kind, the keys of that kind, its policy.

use chrono::{DateTime, TimeDelta, Utc};
use oracle_feeds::rule;
use oracle_schema::event::DescriptorError;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::policy::{DigitsPolicy, POLICY_VERSION, Policy, PricePolicy, Rule, policy_hash};
use oracle_schema::{Announcement, Descriptor, DigitsDescriptor, EventId, Maturity, OracleEvent};
use rust_decimal::Decimal;
use secp256k1::XOnlyPublicKey;
use secp256k1::constants::GENERATOR_X;
use secp256k1::schnorr::Signature;

use super::file::Entry;
use super::place::Place;
use super::{Context, Refusal, facts, question, value};
use crate::keys::{KeyError, NewSubject, Question, RoundKey, SubjectKey};

/// What an event is made of, pinned when it is made.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The rules.
    pub policy: Policy,
    /// Their canonical bytes.
    pub document: Vec<u8>,
    /// SHA-256 of those.
    pub policy_hash: [u8; 32],
    /// What can come out.
    pub descriptor: Descriptor,
    /// Which round decides it: its price's, or its own.
    pub round_key: RoundKey,
    /// What that round is asked.
    pub question: Question,
    /// What it asks sources of facts.
    pub subjects: Vec<NewSubject>,
    /// How many outcomes one outside party alone chooses among; else 0.
    pub sole_outcomes: i64,
}

impl Definition {
    /// How many outcomes one outside party alone chooses among; else 0.
    pub fn sole_choice(&self) -> u32 {
        u32::try_from(self.sole_outcomes).unwrap_or(u32::MAX)
    }

    /// Shortest time from maturity to a decision, seconds.
    pub fn settle_delay_s(&self) -> i64 {
        i64::from(self.policy.rule.settle_delay_s())
    }

    /// When an event of it becomes a refund.
    pub fn attest_by(&self, maturity: Maturity) -> DateTime<Utc> {
        maturity.to_datetime() + TimeDelta::seconds(self.policy.give_up_after_s.into())
    }

    /// Seconds beyond maturity and settle delay after which a missing
    /// attestation is an alarm: prices are known at once or when late venues are no
    /// longer waited for, facts take their time.
    pub fn patience_s(&self, maturity: Maturity) -> i64 {
        const PRICE: i64 = 120;
        const HOUR: i64 = 3600;
        match &self.policy.rule {
            Rule::Digits { price, .. } | Rule::Threshold { price, .. } => {
                let waits = price.legs.iter().filter_map(|leg| leg.max_lag_s);
                let waits = waits.max().map_or(0, i64::from);
                PRICE + (waits - self.settle_delay_s()).max(0)
            }
            Rule::Match(policy) => {
                let window = policy.kickoff + i64::from(policy.void_after_s);
                (window - maturity.unix()).max(0) + HOUR
            }
            Rule::Fact(_) => HOUR,
            Rule::Election(_) | Rule::Operators(_) => 24 * HOUR,
        }
    }
}

/// A one-off event's name and maturity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Single<'a> {
    pub(super) id: &'a EventId,
    pub(super) maturity: Maturity,
}

/// The kinds an event can be of.
pub(crate) const KINDS: [&str; 6] = [
    "digits",
    "threshold",
    "match",
    "election",
    "fact",
    "operators",
];
/// Kinds whose question can be asked again at every maturity of a series.
const REPEATABLE: [&str; 2] = ["digits", "threshold"];
const OF_SERIES: [&str; 5] = ["id_format", "every", "cron", "at", "announce_ahead"];
const OF_EVENTS: [&str; 2] = ["maturity", "announce_at"];

const HOUR_S: u32 = 3600;

/// How much longer than `max_lag` an event must live: attempts are up to a minute
/// apart, and the first one after the wait decides.
const LAG_ROOM_S: u32 = 300;
/// Of prices, and of everything else.
const GIVE_UP_AFTER_S: [u32; 2] = [72 * HOUR_S, 30 * 24 * HOUR_S];

/// Keys of every kind.
const OF_ALL: &str = "give_up_after";

/// The keys of a kind, those of every kind apart.
fn keys(kind: &str) -> &'static [&'static str] {
    match kind {
        "digits" => &["price", "decimals", "base", "digits", "unit"],
        "threshold" => &["price", "above"],
        "match" => &[
            "kickoff",
            "market",
            "line",
            "base",
            "digits",
            "unit",
            "basis",
            "outcomes",
            "void_after",
            "agree",
            "stable_reads",
            "read_every",
            "settle_delay",
            "on_dissent",
            "source",
        ],
        "election" => &[
            "basis",
            "outcomes",
            "agree",
            "stable_reads",
            "read_every",
            "settle_delay",
            "candidates",
            "source",
        ],
        "fact" => &[
            "outcomes",
            "compare",
            "decimals",
            "base",
            "digits",
            "unit",
            "signed",
            "agree",
            "stable_reads",
            "read_every",
            "settle_delay",
            "source",
        ],
        "operators" => &["outcomes", "panel", "k", "settle_delay"],
        _ => &[],
    }
}

/// Refuses unknown kinds, and keys of other kinds.
fn check_keys(place: &Place, entry: &Entry, in_series: bool) -> Result<(), Refusal> {
    let kind = entry.kind.as_str();
    if !KINDS.contains(&kind) {
        return Err(place.refuse(
            "kind",
            format!("{kind:?} is not a kind; known are {}", KINDS.join(", ")),
        ));
    }
    if in_series && !REPEATABLE.contains(&kind) {
        return Err(place.refuse(
            "kind",
            format!(
                "{kind:?} cannot be a series, whose kinds are {}; write an [[event]]",
                REPEATABLE.join(", ")
            ),
        ));
    }
    let (own, other, other_name) = if in_series {
        (&OF_SERIES[..], &OF_EVENTS[..], "[[event]]")
    } else {
        (&OF_EVENTS[..], &OF_SERIES[..], "[[series]]")
    };
    for key in entry.given() {
        if other.contains(&key) {
            return Err(place.refuse(key, format!("is a key of {other_name}")));
        }
        let of_all = key == OF_ALL || question::KEYS.contains(&key);
        if !of_all && !own.contains(&key) && !keys(kind).contains(&key) {
            return Err(place.refuse(key, format!("is not a key of kind {kind:?}")));
        }
    }
    Ok(())
}

/// The last `attest_by` after which a refund has a locktime: a day, to get the last CET
/// mined, before the last second that 32 bits hold.
const LAST_ATTEST_BY: i64 = u32::MAX as i64 - 24 * 3600;

/// Whether a contract on an event with this maturity can have a refund; or why not, of
/// the key `give_up_after`.
pub(crate) fn check_refund(maturity: i64, give_up_after_s: u32) -> Result<(), String> {
    let attest_by = maturity.saturating_add(i64::from(give_up_after_s));
    if attest_by <= LAST_ATTEST_BY {
        return Ok(());
    }
    let last = Maturity::from_epoch(u32::MAX);
    Err(format!(
        "must end at least a day before {last}, the last time that a locktime can name; it ends \
         {give_up_after_s} s after the maturity, so that no contract on the event would have a \
         refund"
    ))
}

/// Refuses an event whose announcement the log could not hold: it would be withdrawn,
/// and its id burned.
pub(super) fn check_size(
    place: &Place,
    definition: &Definition,
    id: &EventId,
) -> Result<(), Refusal> {
    let descriptor = &definition.descriptor;
    let point = XOnlyPublicKey::from_byte_array(GENERATOR_X)
        .map_err(|e| place.refuse("kind", format!("a point: {e}")))?;
    let announcement = Announcement {
        signature: Signature::from_byte_array([0; 64]),
        oracle_public_key: point,
        event: OracleEvent {
            nonces: vec![point; descriptor.nonce_count()],
            maturity: Maturity::from_epoch(u32::MAX),
            descriptor: descriptor.clone(),
            event_id: id.clone(),
        },
    };
    let entry = LogEntry::Announcement {
        policy_hash: definition.policy_hash,
        announcement,
    };
    let key = match descriptor {
        Descriptor::Enum(_) => "outcomes",
        Descriptor::Digits(_) => "digits",
    };
    entry.to_bytes().map(drop).map_err(|e| {
        place.refuse(
            key,
            format!("the announcement would not fit into the log: {e}; fewer or shorter ones do"),
        )
    })
}

/// What an entry defines; `single` where it is one event and not a series.
pub(super) fn definition(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
    single: Option<Single<'_>>,
) -> Result<Definition, Refusal> {
    check_keys(place, entry, single.is_none())?;
    let rule = rule(place, entry, context, single)?;
    let [prices, others] = GIVE_UP_AFTER_S;
    let default = if rule.price().is_some() {
        prices
    } else {
        others
    };
    let give_up_after_s =
        place.seconds("give_up_after", entry.give_up_after.as_deref(), default)?;
    if give_up_after_s <= rule.settle_delay_s() {
        return Err(place.refuse("give_up_after", "must be longer than settle_delay"));
    }
    if let Some(single) = single {
        check_refund(single.maturity.unix(), give_up_after_s)
            .map_err(|why| place.refuse("give_up_after", why))?;
    }
    let mut legs = rule.price().into_iter().flat_map(|price| &price.legs);
    let too_long =
        |lag: Option<u32>| lag.is_some_and(|lag| lag.saturating_add(LAG_ROOM_S) > give_up_after_s);
    if let Some(leg) = legs.find(|l| too_long(l.max_lag_s)) {
        let reason = format!(
            "must be at least {LAG_ROOM_S} s longer than max_lag of price.{}",
            leg.name
        );
        return Err(place.refuse("give_up_after", reason));
    }
    let whole = |e: &dyn std::fmt::Display| place.refuse("kind", e);
    let descriptor = rule::outcome::descriptor(&rule).map_err(|e| whole(&e))?;
    let outcomes = match &descriptor {
        Descriptor::Enum(choice) => choice.outcomes(),
        Descriptor::Digits(_) => &[],
    };
    let texts = question::texts(place, entry, &rule, outcomes)?;
    let policy = Policy {
        version: POLICY_VERSION,
        rule,
        give_up_after_s,
        title: texts.title,
        description: texts.description,
        names: texts.names,
    };
    let document = policy.canonical().map_err(|e| whole(&e))?;
    let (round_key, question) = match (policy.rule.price(), single) {
        (Some(price), _) => (
            RoundKey::of_price(price).map_err(|e| whole(&e))?,
            Question::price(price).map_err(|e| whole(&e))?,
        ),
        (None, Some(single)) => (RoundKey::of_event(single.id.as_str()), Question::Facts),
        (None, None) => return Err(whole(&"needs a price to be a series")),
    };
    let descriptor = rule::outcome::descriptor(&policy.rule).map_err(|e| whole(&e))?;
    let sole_outcomes = sole_outcomes(&policy.rule, &descriptor);
    // The budget counts outcomes in 32 bits.
    if sole_outcomes > i64::from(u32::MAX) {
        return Err(place.refuse(
            "digits",
            "one source alone would choose among more than 2^32 numbers; let more of them agree",
        ));
    }
    Ok(Definition {
        descriptor,
        policy_hash: policy_hash(&document),
        round_key,
        question,
        subjects: subjects(&policy.rule).map_err(|e| whole(&e))?,
        sole_outcomes,
        document,
        policy,
    })
}

/// What has to be asked again and again.
fn subjects(rule: &Rule) -> Result<Vec<NewSubject>, KeyError> {
    let Some(read_every_s) = rule.read_every_s() else {
        return Ok(Vec::new());
    };
    rule.fact_sources()
        .iter()
        .map(|source| {
            Ok(NewSubject {
                key: SubjectKey::of(source)?,
                source: source.clone(),
                read_every_s: i64::from(read_every_s.get()),
            })
        })
        .collect()
}

/// How many outcomes one outside party alone chooses among; a number is one of
/// as many as its digits and its sign can write.
fn sole_outcomes(rule: &Rule, descriptor: &Descriptor) -> i64 {
    if !rule.has_sole_decider() {
        return 0;
    }
    let outcomes = match descriptor {
        Descriptor::Enum(choice) => u128::try_from(choice.outcomes().len()).ok(),
        Descriptor::Digits(digits) => digits.max().and_then(|max| {
            max.checked_add(1)?
                .checked_mul(1 + u128::from(digits.is_signed()))
        }),
    };
    outcomes
        .and_then(|n| i64::try_from(n).ok())
        .unwrap_or(i64::MAX)
}

fn rule(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
    single: Option<Single<'_>>,
) -> Result<Rule, Refusal> {
    match (entry.kind.as_str(), single) {
        ("digits", _) => digits(place, entry, price(place, entry, context)?),
        ("threshold", _) => threshold(place, entry, price(place, entry, context)?),
        ("match", Some(single)) => {
            facts::matched(place, entry, context, single.maturity).map(Rule::Match)
        }
        ("election", Some(_)) => facts::election(place, entry, context).map(Rule::Election),
        ("fact", Some(single)) => {
            value::stated(place, entry, context, single.maturity).map(Rule::Fact)
        }
        ("operators", Some(_)) => facts::operators(place, entry, context).map(Rule::Operators),
        // `check_keys` knows no other.
        (kind, _) => Err(place.refuse("kind", format!("{kind:?} is not a kind"))),
    }
}

fn price(place: &Place, entry: &Entry, context: &Context<'_>) -> Result<PricePolicy, Refusal> {
    let name = place.required("price", entry.price.as_deref())?;
    context
        .prices
        .get(name)
        .cloned()
        .ok_or_else(|| place.refuse("price", format!("there is no price {name:?}")))
}

fn threshold(place: &Place, entry: &Entry, price: PricePolicy) -> Result<Rule, Refusal> {
    let text = place.required("above", entry.above.as_deref())?;
    let above = Decimal::from_str_exact(text)
        .ok()
        .filter(|d| !d.is_sign_negative())
        .ok_or_else(|| place.refuse("above", format!("{text:?} is not a decimal")))?;
    Ok(Rule::Threshold {
        price,
        above: above.normalize(),
    })
}

fn digits(place: &Place, entry: &Entry, price: PricePolicy) -> Result<Rule, Refusal> {
    let DigitsPolicy {
        base,
        digits,
        decimals,
        unit,
        signed: _,
    } = number(place, entry, decimals(place, entry)?, false)?;
    Ok(Rule::Digits {
        price,
        decimals,
        base,
        digits,
        unit,
    })
}

/// Decimal places kept of a number.
pub(super) fn decimals(place: &Place, entry: &Entry) -> Result<u32, Refusal> {
    let decimals = place.required("decimals", entry.decimals)?;
    if decimals > 18 {
        return Err(place.refuse("decimals", "must be at most 18"));
    }
    Ok(decimals)
}

/// How a number is cut into digits.
pub(super) fn number(
    place: &Place,
    entry: &Entry,
    decimals: u32,
    signed: bool,
) -> Result<DigitsPolicy, Refusal> {
    let base = entry.base.unwrap_or(2);
    let digits = place.required("digits", entry.digits)?;
    let unit = place.required("unit", entry.unit.clone())?;
    let descriptor = DigitsDescriptor::new(base, signed, unit.clone(), 0, digits).map_err(|e| {
        let key = match e {
            DescriptorError::Base(_) => "base",
            DescriptorError::NoDigits | DescriptorError::TooManyDigits => "digits",
            _ => "unit",
        };
        place.refuse(key, e)
    })?;
    if descriptor.max().is_none_or(|m| m > u128::from(u64::MAX)) {
        return Err(place.refuse("digits", format!("{base}^{digits} exceeds 64 bits")));
    }
    Ok(DigitsPolicy {
        base,
        digits,
        decimals,
        unit,
        signed,
    })
}
