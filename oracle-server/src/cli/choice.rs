//! What `check` says of the choice that single parties would have over the open
//! events of a configuration.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use chrono::{DateTime, Utc};
use oracle_schema::policy::{Bits, Choice, FORGEABLE_BITS, Rule, choice_bits};

use crate::config::{Config, Definition, OneOff, Schedule, Series};

/// From here on the work that is left to a forger is within reach.
const COMFORTABLE_BITS: u64 = 128;

/// Occurrences of a cron expression that are looked at: the busiest stretch
/// among them counts.
const OCCURRENCES: usize = 20_000;

/// What single parties can choose, in words.
pub(super) struct Explained {
    /// A paragraph.
    pub(super) text: String,
    /// Why the configuration cannot be used, if it cannot.
    pub(super) refused: Option<String>,
}

/// Some events of one party's choice.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Share {
    /// `series btcusd-hourly`.
    what: String,
    /// Open at once.
    questions: u64,
    /// In each.
    each: Bits,
    /// Nothing is fixed without the party, which can so keep them open.
    is_needed: bool,
    /// How to make it less.
    remedies: Vec<String>,
}

impl Share {
    fn bits(&self) -> Bits {
        self.each.times(self.questions)
    }
}

/// Of whom, what.
type Shares = BTreeMap<String, Vec<Share>>;

/// The choice in a configuration's open events.
pub(super) fn explain(config: &Config, now: DateTime<Utc>) -> Explained {
    let open: Vec<&OneOff> = config
        .events
        .iter()
        .filter(|e| e.maturity.unix() > now.timestamp())
        .collect();
    let mut shares = Shares::new();
    for group in groups(config) {
        add_series(&mut shares, &group, now);
    }
    let operators = add_one_offs(&mut shares, &open);
    let most = config.signer.max_open_choice_bits;
    let alone = choice_bits(open.iter().map(|e| e.definition.sole_choice()));
    let mut text = format!(
        "\nchoice: what one party alone can choose of what open events sign, at most; with \
         {FORGEABLE_BITS} bits it can forge a signature of the oracle's key \
         (docs/threat-model.md)\n  operators: {} of at most {most} bits\n",
        operators.whole()
    );
    if alone > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "  whoever decides facts alone: {alone} of at most {most} bits together"
        );
    }
    for (names, shares) in alike(&shares) {
        explain_party(&mut text, &names, shares);
    }
    Explained {
        text,
        refused: refused(config, operators, alone),
    }
}

/// Why a configuration cannot be used: an operator, or whoever else decides facts
/// alone, could pass the limit.
fn refused(config: &Config, operators: Bits, alone: u32) -> Option<String> {
    let most = config.signer.max_open_choice_bits;
    let [operators, limit] = [operators.whole(), u64::from(most)];
    let remedy = "let more than one decide (k, agree), keep fewer such events open at once";
    if operators > limit {
        return Some(format!(
            "is {most}, and one operator alone would choose {operators} bits of what open events \
             sign: {remedy}, or raise the limit, far below {FORGEABLE_BITS}"
        ));
    }
    if alone > most {
        return Some(format!(
            "is {most}, and {alone} bits of what open events sign would be the choice of single \
             parties: run refuses to start; {remedy}, or raise the limit, far below \
             {FORGEABLE_BITS}"
        ));
    }
    (limit >= FORGEABLE_BITS && !config.operators.is_empty()).then(|| {
        format!(
            "is {most}: an operator with {FORGEABLE_BITS} bits can forge a signature of the \
             oracle's key; set it far below, 64 is the default"
        )
    })
}

/// Series whose events have the same price at the same times: one value decides
/// them.
fn groups(config: &Config) -> Vec<Vec<&Series>> {
    let mut groups: BTreeMap<(&str, String), Vec<&Series>> = BTreeMap::new();
    for series in config.series.values() {
        let times = match series.schedule {
            Schedule::Every(step) => format!("every {step}"),
            Schedule::Cron(_) | Schedule::At(_) => format!("of {}", series.id),
        };
        let key = (series.definition.round_key.as_str(), times);
        groups.entry(key).or_default().push(series);
    }
    groups.into_values().collect()
}

fn add_series(shares: &mut Shares, group: &[&Series], now: DateTime<Utc>) {
    let rules: Vec<&Rule> = group.iter().map(|s| &s.definition.policy.rule).collect();
    let ids: Vec<&str> = group.iter().map(|s| s.id.as_str()).collect();
    for (root, outcomes) in Choice::shared(rules.iter().copied()).sources {
        let open = group
            .iter()
            .map(|s| open_at_once(&s.schedule, open_for_s(s, &root), now));
        let is_needed = is_needed(&rules, &root);
        let mut remedies = remedies(&rules, &root);
        remedies.push("fewer open at once: a shorter announce_ahead, or less often".to_owned());
        let share = Share {
            what: format!("series {}", ids.join(" and ")),
            questions: open.max().unwrap_or_default(),
            each: Bits::of(outcomes),
            is_needed,
            remedies,
        };
        shares.entry(root).or_default().push(share);
    }
}

/// For how long an event of a series is announced and not attested, at most as
/// one root can bring it about: where nothing is fixed without it, until the
/// refund.
fn open_for_s(series: &Series, root: &str) -> u64 {
    let policy = &series.definition.policy;
    let after = match policy.rule.price() {
        Some(price) if !price.waits_for(root) => {
            let lags = price.legs.iter().filter_map(|leg| leg.max_lag_s);
            lags.max()
                .unwrap_or_default()
                .max(policy.rule.settle_delay_s())
        }
        _ => policy.give_up_after_s,
    };
    series.announce_ahead.as_secs().saturating_add(after.into())
}

/// How many maturities fall into the busiest stretch of that length.
fn open_at_once(schedule: &Schedule, span_s: u64, now: DateTime<Utc>) -> u64 {
    let times: Vec<i64> = match schedule {
        Schedule::Every(step) => return span_s.div_ceil(u64::from(*step)),
        Schedule::At(times) => times.clone(),
        Schedule::Cron(_) => {
            let next = |after: &i64| schedule.next_after(*after);
            let first = schedule.next_after(now.timestamp());
            std::iter::successors(first, next)
                .take(OCCURRENCES)
                .collect()
        }
    };
    let span = i64::try_from(span_s).unwrap_or(i64::MAX);
    let mut most = 0;
    for (i, from) in times.iter().enumerate() {
        let end = times.partition_point(|t| *t < from.saturating_add(span));
        most = most.max(end.saturating_sub(i));
    }
    u64::try_from(most).unwrap_or(u64::MAX)
}

/// Adds the one-off events; answers what operators choose of them.
fn add_one_offs(shares: &mut Shares, open: &[&OneOff]) -> Bits {
    let mut questions: BTreeMap<_, Vec<&Definition>> = BTreeMap::new();
    for event in open {
        let key = (event.definition.round_key.as_str(), event.maturity);
        questions.entry(key).or_default().push(&event.definition);
    }
    let mut operators = Bits::ZERO;
    for definitions in questions.values() {
        let rules: Vec<&Rule> = definitions.iter().map(|d| &d.policy.rule).collect();
        let choice = Choice::shared(rules.iter().copied());
        operators += Bits::of(choice.operator);
        for (root, outcomes) in choice.sources {
            let share = Share {
                what: "one-off events".to_owned(),
                questions: 1,
                each: Bits::of(outcomes),
                is_needed: false,
                remedies: remedies(&rules, &root),
            };
            add_alike(shares.entry(root).or_default(), share);
        }
    }
    operators
}

/// Of shares in equal events one is kept.
fn add_alike(shares: &mut Vec<Share>, new: Share) {
    let known = shares
        .iter_mut()
        .find(|s| (&s.what, s.each, &s.remedies) == (&new.what, new.each, &new.remedies));
    match known {
        Some(share) => share.questions += new.questions,
        None => shares.push(new),
    }
}

/// Whether nothing is fixed without a root under one of these rules.
fn is_needed(rules: &[&Rule], root: &str) -> bool {
    let mut prices = rules.iter().filter_map(|rule| rule.price());
    prices.any(|price| price.waits_for(root))
}

/// What makes a root's choice under these rules less.
fn remedies(rules: &[&Rule], root: &str) -> Vec<String> {
    let mut remedies = Vec::new();
    if rules.iter().any(|rule| rule.has_sole_decider()) {
        remedies.push("more sources: agree = 1 lets it decide alone".to_owned());
    }
    let prices = rules.iter().filter_map(|rule| rule.price());
    let legs = prices.flat_map(|price| &price.legs);
    let mut legs = legs.filter(|leg| leg.roots().contains(root));
    if legs.clone().any(|leg| leg.min_sources.get() == 1) {
        remedies.push("more sources: min_sources = 1 lets it decide alone".to_owned());
    } else if legs.any(|leg| leg.roots().len() == 2) {
        remedies.push("more sources: of two, either moves the mean at will".to_owned());
    }
    if rules.iter().any(|rule| matches!(rule, Rule::Digits { .. })) {
        remedies.push(
            "a coarser unit: fewer decimals, and digits for no more than the price can be"
                .to_owned(),
        );
    }
    remedies
}

/// Parties that have the same shares, those with the most first.
fn alike(shares: &Shares) -> Vec<(Vec<&str>, &[Share])> {
    let mut parties: Vec<(Vec<&str>, &[Share])> = Vec::new();
    for (name, shares) in shares {
        match parties.iter_mut().find(|(_, known)| known == shares) {
            Some((names, _)) => names.push(name),
            None => parties.push((vec![name], shares)),
        }
    }
    parties.sort_by_key(|(_, shares)| std::cmp::Reverse(sum(shares)));
    parties
}

fn sum(shares: &[Share]) -> Bits {
    shares.iter().fold(Bits::ZERO, |sum, s| sum + s.bits())
}

fn explain_party(text: &mut String, names: &[&str], shares: &[Share]) {
    let bits = sum(shares).whole();
    let each = if names.len() > 1 { " each" } else { "" };
    let unit = if bits == 1 { "bit" } else { "bits" };
    let verdict = match FORGEABLE_BITS.checked_sub(bits) {
        None | Some(0) => "it could forge a signature".to_owned(),
        Some(left) => format!("a forgery would take it about 2^{left} tries"),
    };
    // Writing to a String cannot fail.
    let _ = writeln!(
        text,
        "  {}: {bits} {unit}{each}: {verdict}",
        names.join(", ")
    );
    let mut remedies: Vec<&str> = Vec::new();
    for share in shares {
        let _ = writeln!(
            text,
            "    {}: {} open at once{}, {} {} each",
            share.what,
            share.questions,
            if share.is_needed {
                " (nothing is fixed without it: it can keep them open until they are refunded)"
            } else {
                ""
            },
            share.each,
            if share.each == Bits::of(2) {
                "bit"
            } else {
                "bits"
            }
        );
        for remedy in &share.remedies {
            if !remedies.contains(&remedy.as_str()) {
                remedies.push(remedy);
            }
        }
    }
    if bits > COMFORTABLE_BITS {
        for remedy in remedies {
            let _ = writeln!(text, "    less with {remedy}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn config(text: &str) -> Config {
        match Config::parse(text, Path::new("/")) {
            Ok(config) => config,
            Err(e) => panic!("{e}"),
        }
    }

    /// 2026-11-22T00:00:00Z.
    fn now() -> DateTime<Utc> {
        DateTime::from_timestamp(1_795_305_600, 0).unwrap_or_default()
    }

    #[track_caller]
    fn says(configuration: &str, golden: &str) -> Option<String> {
        let explained = explain(&config(configuration), now());
        assert_eq!(explained.text, golden, "{}", explained.text);
        explained.refused
    }

    #[test]
    fn an_hourly_price_in_cents_lets_each_venue_forge() {
        let refused = says(
            include_str!("golden/hourly_cents.toml"),
            include_str!("golden/hourly_cents.txt"),
        );
        assert_eq!(refused, None);
    }

    #[test]
    fn a_daily_price_in_dollars_lets_nobody() {
        let refused = says(
            include_str!("golden/daily_dollars.toml"),
            include_str!("golden/daily_dollars.txt"),
        );
        assert_eq!(refused, None);
    }

    #[test]
    fn operators_who_could_pass_the_limit_are_refused() {
        let file = include_str!("golden/operators.toml");
        let refused = says(file, include_str!("golden/operators.txt"));
        let reason = refused.unwrap_or_default();
        assert!(reason.starts_with("is 3, and one operator alone would choose 5 bits"));
        // 3 · log2(3) of the operators and one bit of the source.
        let limited = |limit: u32| {
            let file = file.replace(
                "max_open_choice_bits = 3",
                &format!("max_open_choice_bits = {limit}"),
            );
            explain(&config(&file), now()).refused
        };
        let reason = limited(5).unwrap_or_default();
        assert!(reason.starts_with("is 5, and 6 bits of"), "{reason}");
        assert_eq!(limited(6), None);
        assert_eq!(limited(255), None);
        let reason = limited(256).unwrap_or_default();
        assert!(reason.starts_with("is 256: an operator with"), "{reason}");
    }

    #[test]
    fn the_busiest_stretch_of_a_schedule_counts() {
        let count = |schedule: &Schedule, span| open_at_once(schedule, span, now());
        assert_eq!(count(&Schedule::Every(3600), 86_400), 24);
        assert_eq!(count(&Schedule::Every(3600), 86_460), 25);
        let listed = Schedule::At(vec![0, 10, 11, 12, 50]);
        assert_eq!(count(&listed, 3), 3);
        assert_eq!(count(&listed, 2), 2);
        assert_eq!(count(&listed, 1000), 5);
        // Every hour of a working day.
        let Ok(cron) = "0 9-16 * * 1-5".parse::<croner::Cron>() else {
            panic!("cron");
        };
        let cron = Schedule::Cron(Box::new(cron));
        assert_eq!(count(&cron, 24 * 3600), 8);
        assert_eq!(count(&cron, 7 * 24 * 3600), 40);
    }
}
