//! `[provider.*]`, `[generic.*]` and `[price.*]`.

use std::collections::{BTreeMap, HashSet};
use std::num::NonZeroU32;
use std::path::Path;
use std::time::Duration;

use oracle_feeds::fetch::ProviderSettings;
use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::{Subject, provider, provider_names};
use oracle_schema::policy::{LegPolicy, Method, PricePolicy, SamplePolicy, SourcePolicy};
use oracle_schema::source_id::SourceId;
use rust_decimal::Decimal;

use super::file::{Generic, Price, Provider};
use super::{Refusal, duration, generic, rate, seconds};

const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);
const MAX_TIMEOUT: Duration = Duration::from_mins(1);

/// How each provider and each generic entry is asked.
pub(super) fn providers(
    sections: &BTreeMap<String, Provider>,
    generic: &BTreeMap<String, Generic>,
    base: &Path,
) -> Result<BTreeMap<String, ProviderSettings>, Refusal> {
    let mut settings = BTreeMap::new();
    // How nodes are asked is for `nodes` to say.
    for (name, section) in sections.iter().filter(|(name, _)| *name != PEERCOIN) {
        let key = format!("provider.{name}");
        let Some(adapter) = provider(name) else {
            return Err(unknown_provider(key, name));
        };
        let file_key = format!("{key}.api_key_file");
        if section.api_key_file.is_some() && adapter.key_header().is_none() {
            return Err(Refusal::new(file_key, "this provider takes no key"));
        }
        let login = [
            ("cookie_file", section.cookie_file.is_some()),
            ("user", section.user.is_some()),
            ("password_file", section.password_file.is_some()),
        ];
        if let Some((file, _)) = login.iter().find(|(_, given)| *given) {
            return Err(Refusal::new(
                format!("{key}.{file}"),
                "this provider takes no login",
            ));
        }
        if let Some(base) = &section.base_url {
            check_base_url(&format!("{key}.base_url"), base)?;
        }
        settings.insert(
            name.clone(),
            ProviderSettings {
                base_url: section.base_url.clone(),
                timeout: timeout(&key, section.timeout.as_deref())?,
                rate: section
                    .rate
                    .as_deref()
                    .map(|r| rate(format!("{key}.rate"), r))
                    .transpose()?,
                api_key: section
                    .api_key_file
                    .as_deref()
                    .map(|file| generic::api_key(&file_key, &base.join(file)))
                    .transpose()?,
                api_key_header: None,
                login: None,
            },
        );
    }
    settings.extend(generic::settings(generic, base)?);
    Ok(settings)
}

fn unknown_provider(key: impl Into<String>, name: &str) -> Refusal {
    let known: Vec<&str> = provider_names().collect();
    Refusal::new(
        key,
        format!("{name:?} is not a provider; known are {}", known.join(", ")),
    )
}

pub(super) fn check_url(key: &str, text: &str) -> Result<(), Refusal> {
    let url = url::Url::parse(text).map_err(|e| Refusal::new(key, e))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(Refusal::new(key, "must be http:// or https://"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Refusal::new(key, "must not hold a user name or password"));
    }
    Ok(())
}

/// Scheme, host and port: the adapter appends the provider's own path.
fn check_base_url(key: &str, text: &str) -> Result<(), Refusal> {
    check_url(key, text)?;
    let url = url::Url::parse(text).map_err(|e| Refusal::new(key, e))?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(Refusal::new(
            key,
            "must be scheme, host and port only; the provider's own path is appended",
        ));
    }
    Ok(())
}

pub(super) fn timeout(key: &str, text: Option<&str>) -> Result<Duration, Refusal> {
    let key = format!("{key}.timeout");
    let timeout = text.map_or(Ok(DEFAULT_TIMEOUT), |t| duration(key.clone(), t))?;
    if timeout.is_zero() || timeout > MAX_TIMEOUT {
        return Err(Refusal::new(key, "must be more than 0s and at most 60s"));
    }
    Ok(timeout)
}

/// Every configured price, its legs resolved.
pub(super) fn prices(
    sections: &BTreeMap<String, Price>,
    generic: &BTreeMap<String, Generic>,
) -> Result<BTreeMap<String, PricePolicy>, Refusal> {
    let mut prices = BTreeMap::new();
    for (name, section) in sections {
        let legs = match &section.cross {
            None => vec![leg(name, section, generic)?],
            Some(cross) => cross_legs(name, section, cross, sections, generic)?,
        };
        prices.insert(
            name.clone(),
            PricePolicy {
                name: name.clone(),
                legs,
            },
        );
    }
    Ok(prices)
}

fn cross_legs(
    name: &str,
    section: &Price,
    cross: &[String],
    sections: &BTreeMap<String, Price>,
    generic: &BTreeMap<String, Generic>,
) -> Result<Vec<LegPolicy>, Refusal> {
    let key = format!("price.{name}.cross");
    let extra = section.method.is_some()
        || section.sources.is_some()
        || section.min_sources.is_some()
        || section.max_deviation.is_some()
        || section.max_trade_age.is_some()
        || section.settle_delay.is_some()
        || section.max_lag.is_some()
        || section.quote.is_some()
        || section.sample_every.is_some()
        || section.sample_from.is_some();
    if extra {
        return Err(Refusal::new(
            key,
            "a cross takes its legs' own settings; remove the other keys",
        ));
    }
    if cross.len() < 2 {
        return Err(Refusal::new(key, "needs at least two legs"));
    }
    cross
        .iter()
        .map(|leg_name| match sections.get(leg_name) {
            None => Err(Refusal::new(
                key.clone(),
                format!("there is no price {leg_name:?}"),
            )),
            Some(s) if s.cross.is_some() => Err(Refusal::new(
                key.clone(),
                format!("{leg_name:?} is itself a cross; name its legs instead"),
            )),
            Some(s) => leg(leg_name, s, generic),
        })
        .collect()
}

fn leg(
    name: &str,
    section: &Price,
    generic: &BTreeMap<String, Generic>,
) -> Result<LegPolicy, Refusal> {
    let key = |k: &str| format!("price.{name}.{k}");
    match section.method.as_deref() {
        Some("close1m_median") => {}
        Some(other) => {
            return Err(Refusal::new(
                key("method"),
                format!("{other:?} is not a method; known is close1m_median"),
            ));
        }
        None => return Err(Refusal::new(key("method"), "is missing")),
    }
    let ids = section
        .sources
        .as_deref()
        .ok_or_else(|| Refusal::new(key("sources"), "is missing"))?;
    let mut sources = Vec::with_capacity(ids.len());
    let mut seen = HashSet::new();
    for id in ids {
        if !seen.insert(id.as_str()) {
            return Err(Refusal::new(key("sources"), format!("{id:?} occurs twice")));
        }
        sources.push(source(&key("sources"), id, generic)?);
    }
    check_quote(name, section, &sources)?;
    let roots = sources
        .iter()
        .map(|s| s.root.as_str())
        .collect::<HashSet<_>>()
        .len();
    let min_sources = section
        .min_sources
        .ok_or_else(|| Refusal::new(key("min_sources"), "is missing"))?;
    let min_sources = NonZeroU32::new(min_sources)
        .ok_or_else(|| Refusal::new(key("min_sources"), "must be at least 1"))?;
    if min_sources.get() as usize > roots {
        return Err(Refusal::new(
            key("min_sources"),
            format!("is {min_sources}, but the sources have only {roots} independent roots"),
        ));
    }
    let text = |value: &Option<String>, k: &str| {
        value
            .clone()
            .ok_or_else(|| Refusal::new(key(k), "is missing"))
    };
    let max_trade_age_s = seconds(
        key("max_trade_age"),
        &text(&section.max_trade_age, "max_trade_age")?,
    )?;
    if max_trade_age_s > 7 * 86_400 {
        return Err(Refusal::new(key("max_trade_age"), "must be at most 7d"));
    }
    let settle_delay_s = section
        .settle_delay
        .as_deref()
        .map_or(Ok(60), |t| seconds(key("settle_delay"), t))?;
    let sample = sample(name, section, &sources, max_trade_age_s)?;
    Ok(LegPolicy {
        name: name.to_owned(),
        method: Method::Close1mMedian,
        sources,
        min_sources,
        max_deviation: percent(
            &key("max_deviation"),
            &text(&section.max_deviation, "max_deviation")?,
        )?,
        max_trade_age_s,
        settle_delay_s,
        max_lag_s: max_lag(&key("max_lag"), section, settle_delay_s)?,
        sample,
    })
}

/// How long sources that lag are waited for. Before the settle delay is over nothing
/// is asked, so a wait that ends by then is none.
fn max_lag(key: &str, section: &Price, settle_delay_s: u32) -> Result<Option<u32>, Refusal> {
    let Some(text) = &section.max_lag else {
        return Ok(None);
    };
    let max_lag_s = seconds(key, text)?;
    if max_lag_s <= settle_delay_s {
        return Err(Refusal::new(
            key,
            format!("must be longer than settle_delay ({settle_delay_s}s)"),
        ));
    }
    Ok(Some(max_lag_s))
}

/// Shortest time between two samples: venues ban whoever asks without pause.
const MIN_SAMPLE_EVERY_S: u32 = 10;

/// Longest time before T from which on samples are taken.
const MAX_SAMPLE_FROM_S: u32 = 86_400;

/// How the sources of a price that have no history are read.
fn sample(
    name: &str,
    section: &Price,
    sources: &[SourcePolicy],
    max_trade_age_s: u32,
) -> Result<Option<SamplePolicy>, Refusal> {
    let every_key = format!("price.{name}.sample_every");
    let from_key = format!("price.{name}.sample_from");
    let keys = [
        (&every_key, section.sample_every.as_deref()),
        (&from_key, section.sample_from.as_deref()),
    ];
    let Some(source) = sources.iter().find(|s| s.is_sampled()) else {
        return match keys.iter().find(|(_, given)| given.is_some()) {
            Some((key, _)) => Err(Refusal::new(
                key.as_str(),
                "belongs to a price with a source that has history = false",
            )),
            None => Ok(None),
        };
    };
    let [every, from] = keys.map(|(key, given)| {
        let text = given.ok_or_else(|| {
            let id = &source.id;
            Refusal::new(
                key.as_str(),
                format!("is missing; {id} has no history and is sampled before the maturity"),
            )
        })?;
        seconds(key.clone(), text)
    });
    let (every_s, from_s) = (every?, from?);
    let refuse = |key: &str, why: &str| Err(Refusal::new(key, why));
    if every_s < MIN_SAMPLE_EVERY_S {
        return refuse(&every_key, "must be at least 10s");
    }
    if from_s > MAX_SAMPLE_FROM_S {
        return refuse(&from_key, "must be at most 1d");
    }
    if from_s > max_trade_age_s {
        return refuse(
            &from_key,
            "is longer than max_trade_age: the first samples never count",
        );
    }
    if every_s > from_s {
        return refuse(&every_key, "is longer than sample_from");
    }
    // Both are at least the shortest time between two samples.
    let both = NonZeroU32::new(every_s).zip(NonZeroU32::new(from_s));
    Ok(both.map(|(every_s, from_s)| SamplePolicy { every_s, from_s }))
}

/// Currencies in which venues quote, as their symbols end.
const QUOTES: [&str; 8] = ["USDT", "USDC", "DAI", "USD", "EUR", "GBP", "JPY", "BTC"];

/// What is not the currency it stands for: a leg in it has to say so.
const STAND_INS: [&str; 3] = ["USDT", "USDC", "DAI"];

/// The currency that a symbol or the name of a price ends in.
fn quote_of(text: &str) -> Option<&'static str> {
    // XBT is one venue's name of the same coin.
    let text = text
        .to_uppercase()
        .replace(['-', '_', '/'], "")
        .replace("XBT", "BTC");
    QUOTES
        .into_iter()
        .find(|quote| text.len() > quote.len() && text.ends_with(quote))
}

/// All venues of a leg quote in one currency: the one it declares, by `quote`
/// or by its name, which a token that stands for a currency always needs: a
/// dollar token is not a dollar. Generic sources have no symbol to tell by.
fn check_quote(name: &str, section: &Price, sources: &[SourcePolicy]) -> Result<(), Refusal> {
    let declared = section.quote.as_deref();
    if let Some(quote) = declared.filter(|quote| !QUOTES.contains(quote)) {
        let known = QUOTES.join(", ");
        let reason = format!("{quote:?} is not one of {known}");
        return Err(Refusal::new(format!("price.{name}.quote"), reason));
    }
    let mut common = declared
        .or_else(|| quote_of(name))
        .map(|quote| ("the price", quote));
    for source in sources.iter().filter(|s| s.selector.is_none()) {
        let Some(quote) = quote_of(&source.symbol) else {
            continue;
        };
        let id = source.id.as_str();
        let (first, other) = *common.get_or_insert((id, quote));
        if other != quote || (first == id && STAND_INS.contains(&quote)) {
            let reason = format!(
                "{id} quotes in {quote}, {} (a token needs a price of its own: quote = {quote:?})",
                if first == id {
                    "which the price does not declare".to_owned()
                } else {
                    format!("{first} in {other}")
                }
            );
            return Err(Refusal::new(format!("price.{name}.sources"), reason));
        }
    }
    Ok(())
}

fn source(
    key: &str,
    id: &str,
    entries: &BTreeMap<String, Generic>,
) -> Result<SourcePolicy, Refusal> {
    let parts = SourceId::read(id);
    let (name, symbol) = (parts.provider(), parts.asked());
    if name.is_empty() || symbol.is_empty() {
        let reason = format!("{id:?} is not \"provider:symbol\"");
        return Err(Refusal::new(key, reason));
    }
    let adapter = provider(name).ok_or_else(|| unknown_provider(key, name))?;
    if adapter.subject() != Subject::Price {
        return Err(Refusal::new(
            key,
            format!(
                "{name} is asked about {}s, not for prices",
                adapter.subject().as_str()
            ),
        ));
    }
    let (root, selector) = if name == "generic" {
        let entry = entries
            .get(symbol)
            .ok_or_else(|| Refusal::new(key, format!("{id:?}: there is no [generic.{symbol}]")))?;
        let root = entry.root.clone().unwrap_or_else(|| symbol.to_owned());
        (root, Some(generic::selector(symbol, entry)?))
    } else {
        (name.to_owned(), None)
    };
    Ok(SourcePolicy {
        id: id.to_owned(),
        provider: name.to_owned(),
        symbol: symbol.to_owned(),
        root,
        selector,
    })
}

/// `"0.5%"` as a fraction.
fn percent(key: &str, text: &str) -> Result<Decimal, Refusal> {
    let value = text
        .strip_suffix('%')
        .and_then(|t| t.trim().parse::<Decimal>().ok())
        .filter(|d| !d.is_sign_negative() && *d <= Decimal::ONE_HUNDRED)
        .ok_or_else(|| Refusal::new(key, format!("{text:?} is not a percentage like \"0.5%\"")))?;
    Ok((value / Decimal::ONE_HUNDRED).normalize())
}
