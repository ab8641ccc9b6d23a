//! `check`: validates a configuration and says what it will do.

use std::path::Path;

use chrono::{DateTime, SecondsFormat, Utc};
use oracle_schema::policy::{LegPolicy, PricePolicy, Rule};
use rust_decimal::Decimal;

use super::CliError;
use crate::clock::{Clock as _, SystemClock};
use crate::config::{Config, Definition, Series};

/// Maturities shown per series.
const SHOWN: usize = 3;

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) fn check(path: &Path) -> Result<(), CliError> {
    let config = Config::load(path)?;
    print!("{}", explain(&config, SystemClock.now()));
    Ok(())
}

/// The configuration in plain words.
fn explain(config: &Config, now: DateTime<Utc>) -> String {
    let mut parts = vec![format!(
        "{} on {}: {} series, {} one-off events\nstore {}\npublic {} (admin {})\n",
        config.name,
        config.network,
        config.series.len(),
        config.events.len(),
        without_password(&config.store_url),
        config.http.listen,
        config.http.admin_listen
    )];
    for series in config.series.values() {
        parts.push(explain_series(series, now));
    }
    for event in &config.events {
        let past = if event.maturity.unix() <= now.timestamp() {
            " (already matured: it will not be announced)"
        } else {
            ""
        };
        parts.push(format!(
            "\nevent {}\n  maturity: {}{past}\n  announced: {}\n{}",
            event.id,
            event.maturity,
            event.announce_at.map_or_else(|| "at once".to_owned(), time),
            explain_definition(&event.definition)
        ));
    }
    parts.concat()
}

fn explain_series(series: &Series, now: DateTime<Utc>) -> String {
    let mut next = now.timestamp();
    let mut times = Vec::new();
    while times.len() < SHOWN
        && let Some(t) = series.schedule.next_after(next)
    {
        times.push(time(t));
        next = t;
    }
    let times = if times.is_empty() {
        "none".to_owned()
    } else {
        times.join(", ")
    };
    format!(
        "\nseries {}\n  next maturities: {times}\n  announced {} before maturity\n{}",
        series.id,
        humantime::format_duration(series.announce_ahead),
        explain_definition(&series.definition)
    )
}

fn explain_definition(definition: &Definition) -> String {
    let rule = match &definition.policy.rule {
        Rule::Digits {
            price,
            decimals,
            base,
            digits,
            unit,
        } => format!(
            "attests {} x 10^{decimals} in {unit}, rounded half-even, as {digits} digits of base {base}; clamped to 0 … {base}^{digits}-1",
            price.name
        ),
        Rule::Threshold { price, above } => format!(
            "attests \"above\" if {} > {above} (strictly, unrounded), else \"not_above\"",
            price.name
        ),
        Rule::Match(_) | Rule::Election(_) | Rule::Operators(_) => String::new(),
    };
    format!(
        "  policy hash: {}\n  {rule}\n{}  without a fixing {} after maturity: refund, irrevocably\n",
        hex::encode(definition.policy_hash),
        definition
            .policy
            .rule
            .price()
            .map_or_else(String::new, explain_price),
        span(definition.policy.give_up_after_s)
    )
}

fn explain_price(price: &PricePolicy) -> String {
    let legs: String = price.legs.iter().map(explain_leg).collect();
    if price.legs.len() == 1 {
        return legs;
    }
    let names: Vec<&str> = price.legs.iter().map(|l| l.name.as_str()).collect();
    format!(
        "  {} is the product of {}\n{legs}",
        price.name,
        names.join(" and ")
    )
}

fn explain_leg(leg: &LegPolicy) -> String {
    let sources: Vec<&str> = leg.sources.iter().map(|s| s.id.as_str()).collect();
    format!(
        "  {}: from {} after maturity, the median of {}; each the close of its last one-minute bar with trades, at most {} old; \
         those more than {} % from the median are dropped once; at least {} independent must be left, else it waits and asks again\n",
        leg.name,
        span(leg.settle_delay_s),
        sources.join(", "),
        span(leg.max_trade_age_s),
        (leg.max_deviation * Decimal::ONE_HUNDRED).normalize(),
        leg.min_sources
    )
}

fn span(seconds: u32) -> String {
    humantime::format_duration(std::time::Duration::from_secs(seconds.into())).to_string()
}

fn time(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .unwrap_or_default()
        .to_rfc3339_opts(SecondsFormat::Secs, true)
}

/// A store URL as it may be shown: passwords can stand in two places of it.
pub(super) fn without_password(url: &str) -> String {
    match url::Url::parse(url) {
        Ok(parsed) if parsed.scheme() != "sqlite" => format!(
            "{}://{}{}",
            parsed.scheme(),
            parsed.host_str().unwrap_or_default(),
            parsed.path()
        ),
        _ => url.to_owned(),
    }
}
