//! `[[series]]` and `[[event]]`: kinds, schedules, policies.

use std::collections::BTreeMap;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use oracle_feeds::rule;
use oracle_schema::event::DescriptorError;
use oracle_schema::policy::{POLICY_VERSION, Policy, PricePolicy, Rule, policy_hash};
use oracle_schema::{Descriptor, DigitsDescriptor, EventId, Maturity, SeriesId};
use rust_decimal::Decimal;

use super::{OneOff, Refusal, Series, duration, file, seconds};
use crate::store::{NewSubject, round_key};

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
    pub round_key: String,
    /// The price as JSON; empty for an event of facts.
    pub question: String,
    /// What it asks sources of facts.
    pub subjects: Vec<NewSubject>,
    /// How many outcomes one outside party alone chooses among; else 0.
    pub sole_outcomes: i64,
}

impl Definition {
    /// Longest settle delay of the legs, seconds.
    pub fn settle_delay_s(&self) -> i64 {
        i64::from(self.policy.rule.settle_delay_s())
    }

    /// Seconds beyond maturity and settle delay after which a missing
    /// attestation is an alarm: prices are known at once, facts take their time.
    pub fn patience_s(&self, maturity: Maturity) -> i64 {
        const PRICE: i64 = 120;
        const HOUR: i64 = 3600;
        match &self.policy.rule {
            Rule::Digits { .. } | Rule::Threshold { .. } => PRICE,
            Rule::Match(policy) => {
                let window = policy.kickoff + i64::from(policy.void_after_s);
                (window - maturity.unix()).max(0) + HOUR
            }
            Rule::Election(_) | Rule::Operators(_) => 24 * HOUR,
        }
    }
}

/// When the events of a series mature.
#[derive(Debug, Clone)]
pub enum Schedule {
    /// Every so many seconds, aligned to the Unix epoch.
    Every(u32),
    /// A cron expression, UTC.
    Cron(Box<croner::Cron>),
    /// Listed times, Unix seconds, ascending.
    At(Vec<i64>),
}

impl Schedule {
    /// The first maturity strictly after `after` (Unix seconds).
    pub fn next_after(&self, after: i64) -> Option<i64> {
        match self {
            Self::Every(step) => {
                let step = i64::from(*step);
                after.div_euclid(step).checked_add(1)?.checked_mul(step)
            }
            Self::Cron(cron) => {
                let after = DateTime::<Utc>::from_timestamp(after, 0)?;
                cron.find_next_occurrence(&after, false)
                    .ok()
                    .map(|t| t.timestamp())
            }
            Self::At(times) => times.iter().copied().find(|t| *t > after),
        }
    }
}

pub(super) fn series(
    key: &str,
    mut section: file::Series,
    prices: &BTreeMap<String, PricePolicy>,
) -> Result<Series, Refusal> {
    let id = SeriesId::parse(&section.id).map_err(|e| Refusal::new(format!("{key}.id"), e))?;
    let definition = definition(key, section.take_kind(), prices)?;
    let schedule = schedule(key, &section)?;
    let announce_ahead = section
        .announce_ahead
        .as_deref()
        .ok_or_else(|| Refusal::new(format!("{key}.announce_ahead"), "is missing"))
        .and_then(|t| duration(format!("{key}.announce_ahead"), t))?;
    if announce_ahead.as_secs() == 0 || announce_ahead.as_secs() > 5 * 366 * 86_400 {
        return Err(Refusal::new(
            format!("{key}.announce_ahead"),
            "must be at least 1s and at most five years",
        ));
    }
    let fingerprint = format!(
        "{} {}s every {:?} cron {:?} at {:?}",
        hex::encode(definition.policy_hash),
        announce_ahead.as_secs(),
        section.every,
        section.cron,
        section.at
    );
    Ok(Series {
        id,
        definition,
        schedule,
        announce_ahead,
        fingerprint,
    })
}

fn schedule(key: &str, section: &file::Series) -> Result<Schedule, Refusal> {
    let given = [
        section.every.is_some(),
        section.cron.is_some(),
        section.at.is_some(),
    ];
    if given.iter().filter(|g| **g).count() != 1 {
        return Err(Refusal::new(
            format!("{key}.every"),
            "exactly one of every, cron and at must be given",
        ));
    }
    if let Some(every) = &section.every {
        let step = seconds(format!("{key}.every"), every)?;
        if step == 0 {
            return Err(Refusal::new(format!("{key}.every"), "must be at least 1s"));
        }
        return Ok(Schedule::Every(step));
    }
    if let Some(cron) = &section.cron {
        return croner::Cron::from_str(cron)
            .map(|c| Schedule::Cron(Box::new(c)))
            .map_err(|e| Refusal::new(format!("{key}.cron"), e));
    }
    let mut times = Vec::new();
    for (i, text) in section.at.iter().flatten().enumerate() {
        times.push(maturity(&format!("{key}.at[{i}]"), text)?.unix());
    }
    if times.is_empty() {
        return Err(Refusal::new(format!("{key}.at"), "lists no time"));
    }
    times.sort_unstable();
    times.dedup();
    Ok(Schedule::At(times))
}

pub(super) fn one_off(
    key: &str,
    mut section: file::Event,
    prices: &BTreeMap<String, PricePolicy>,
) -> Result<OneOff, Refusal> {
    let id = EventId::one_off(&section.id).map_err(|e| Refusal::new(format!("{key}.id"), e))?;
    let definition = definition(key, section.take_kind(), prices)?;
    let at = maturity(&format!("{key}.maturity"), &section.maturity)?;
    let announce_at = section
        .announce_at
        .as_deref()
        .map(|t| maturity(&format!("{key}.announce_at"), t))
        .transpose()?;
    if announce_at.is_some_and(|a| a >= at) {
        return Err(Refusal::new(
            format!("{key}.announce_at"),
            "must be before the maturity",
        ));
    }
    Ok(OneOff {
        id,
        definition,
        maturity: at,
        announce_at: announce_at.map(Maturity::unix),
    })
}

fn maturity(key: &str, text: &str) -> Result<Maturity, Refusal> {
    let time = DateTime::parse_from_rfc3339(text)
        .map_err(|e| Refusal::new(key, format!("{text:?} is not an RFC 3339 time: {e}")))?;
    if time.timestamp_subsec_nanos() != 0 {
        return Err(Refusal::new(key, "must be a whole second"));
    }
    Maturity::from_unix(time.timestamp()).map_err(|e| Refusal::new(key, e))
}

fn definition(
    key: &str,
    kind: file::Kind,
    prices: &BTreeMap<String, PricePolicy>,
) -> Result<Definition, Refusal> {
    let give_up_after_s = kind.give_up_after.as_deref().map_or(Ok(72 * 3600), |t| {
        seconds(format!("{key}.give_up_after"), t)
    })?;
    let policy = Policy {
        version: POLICY_VERSION,
        rule: rule(key, kind, prices)?,
        give_up_after_s,
    };
    let document = policy.canonical().map_err(|e| Refusal::new(key, e))?;
    let price = policy
        .rule
        .price()
        .ok_or_else(|| Refusal::new(format!("{key}.price"), "is missing"))?;
    let definition = Definition {
        descriptor: rule::outcome::descriptor(&policy.rule).map_err(|e| Refusal::new(key, e))?,
        policy_hash: policy_hash(&document),
        round_key: round_key(price).map_err(|e| Refusal::new(key, e))?,
        question: serde_json::to_string(price).map_err(|e| Refusal::new(key, e))?,
        subjects: Vec::new(),
        sole_outcomes: 0,
        document,
        policy,
    };
    if i64::from(give_up_after_s) <= definition.settle_delay_s() {
        return Err(Refusal::new(
            format!("{key}.give_up_after"),
            "must be longer than the price's settle_delay",
        ));
    }
    Ok(definition)
}

fn rule(
    key: &str,
    kind: file::Kind,
    prices: &BTreeMap<String, PricePolicy>,
) -> Result<Rule, Refusal> {
    let at = |k: &str| format!("{key}.{k}");
    let missing = |k: &str| Refusal::new(format!("{key}.{k}"), "is missing");
    let foreign = |k: &str| Refusal::new(format!("{key}.{k}"), "does not belong to this kind");
    if !matches!(kind.name.as_str(), "digits" | "threshold") {
        return Err(Refusal::new(
            at("kind"),
            format!("{:?} is not a kind; known are digits, threshold", kind.name),
        ));
    }
    let name = kind.price.as_deref().ok_or_else(|| missing("price"))?;
    let price = prices
        .get(name)
        .cloned()
        .ok_or_else(|| Refusal::new(at("price"), format!("there is no price {name:?}")))?;
    if kind.name == "threshold" {
        if kind.decimals.is_some() {
            return Err(foreign("decimals"));
        }
        if kind.base.is_some() {
            return Err(foreign("base"));
        }
        if kind.digits.is_some() {
            return Err(foreign("digits"));
        }
        if kind.unit.is_some() {
            return Err(foreign("unit"));
        }
        let text = kind.above.ok_or_else(|| missing("above"))?;
        let above = Decimal::from_str_exact(&text)
            .ok()
            .filter(|d| !d.is_sign_negative())
            .ok_or_else(|| Refusal::new(at("above"), format!("{text:?} is not a decimal")))?;
        return Ok(Rule::Threshold {
            price,
            above: above.normalize(),
        });
    }
    if kind.above.is_some() {
        return Err(foreign("above"));
    }
    let decimals = kind.decimals.ok_or_else(|| missing("decimals"))?;
    if decimals > 18 {
        return Err(Refusal::new(at("decimals"), "must be at most 18"));
    }
    let base = kind.base.unwrap_or(2);
    let digits = kind.digits.ok_or_else(|| missing("digits"))?;
    let unit = kind.unit.ok_or_else(|| missing("unit"))?;
    let descriptor = DigitsDescriptor::new(base, false, unit.clone(), 0, digits).map_err(|e| {
        let key = match e {
            DescriptorError::Base(_) => "base",
            DescriptorError::NoDigits | DescriptorError::TooManyDigits => "digits",
            _ => "unit",
        };
        Refusal::new(at(key), e)
    })?;
    if descriptor.max().is_none_or(|m| m > u128::from(u64::MAX)) {
        return Err(Refusal::new(
            at("digits"),
            format!("{base}^{digits} exceeds 64 bits"),
        ));
    }
    Ok(Rule::Digits {
        price,
        decimals,
        base,
        digits,
        unit,
    })
}
