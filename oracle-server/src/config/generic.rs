//! `[generic.*]`: JSON and tables that no built-in provider knows, and the
//! keys that providers ask for.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use oracle_feeds::fetch::{ApiKey, HeaderName, ProviderSettings};
use oracle_feeds::is_secret_key;
use oracle_feeds::provider::{GENERIC_NAME, Template, check_path, provider};
use oracle_schema::policy::{BarFormat, CsvFormat, DecimalMark, Selector};

use super::file::{Format, Generic};
use super::price::{check_url, timeout};
use super::{Refusal, rate, seconds};

const DEFAULT_DELIMITER: &str = ",";

/// Longest API key, bytes.
const MAX_KEY: usize = 4096;

/// How each generic entry is asked, every entry checked, used or not.
pub(super) fn settings(
    sections: &BTreeMap<String, Generic>,
    base: &Path,
) -> Result<BTreeMap<String, ProviderSettings>, Refusal> {
    let mut settings = BTreeMap::new();
    for (name, section) in sections {
        let key = format!("generic.{name}");
        if provider(name).is_some() {
            return Err(Refusal::new(key, "has the name of a built-in provider"));
        }
        // One without a time states a fact, and no price.
        if section.time.is_some() || section.history == Some(false) {
            selector(name, section)?;
        } else {
            of_no_price(name, section)?;
            fact(name, section)?;
        }
        let api_key = section
            .api_key_file
            .as_deref()
            .map(|file| api_key(&format!("{key}.api_key_file"), &base.join(file)))
            .transpose()?;
        let api_key_header = section
            .api_key_header
            .as_deref()
            .map(|header| key_header(&format!("{key}.api_key_header"), header))
            .transpose()?;
        if api_key.is_some() != api_key_header.is_some() {
            return Err(Refusal::new(
                key,
                "api_key_file and api_key_header go together",
            ));
        }
        settings.insert(
            name.clone(),
            ProviderSettings {
                base_url: Some(origin(&key, &section.url)?),
                timeout: timeout(&key, section.timeout.as_deref())?,
                rate: section
                    .rate
                    .as_deref()
                    .map(|r| rate(format!("{key}.rate"), r))
                    .transpose()?,
                api_key,
                api_key_header,
                login: None,
            },
        );
    }
    Ok(settings)
}

/// Refuses what is said of a price's time where there is none: an entry that lost
/// its `time` would else become a fact in silence.
fn of_no_price(name: &str, section: &Generic) -> Result<(), Refusal> {
    let given = [
        ("time_unit", section.time_unit.is_some()),
        ("bar", section.bar.is_some()),
        ("stamped", section.stamped.is_some()),
        ("volume", section.volume.is_some()),
    ];
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((key, _)) => Err(Refusal::new(
            format!("generic.{name}.{key}"),
            "belongs to a price, and without `time` the source states none",
        )),
    }
}

/// Scheme, host and port: where the entry's key may go.
fn origin(key: &str, url: &str) -> Result<String, Refusal> {
    let url = url::Url::parse(url).map_err(|e| Refusal::new(format!("{key}.url"), e))?;
    Ok(url.origin().ascii_serialization())
}

/// What the policies of this entry's prices say of it.
pub(super) fn selector(name: &str, section: &Generic) -> Result<Selector, Refusal> {
    let key = |k: &str| format!("generic.{name}.{k}");
    check_template(&key("url"), &section.url)?;
    let history = section.history.unwrap_or(true);
    if !history {
        check_ticker(&key, section)?;
    }
    let missing = |name: &str| Refusal::new(key(name), "is missing; a price has a time");
    match (&section.time, section.time_unit) {
        // A ticker may leave both out.
        (None, None) if !history => {}
        (None, _) => return Err(missing("time")),
        (Some(_), None) => return Err(missing("time_unit")),
        (Some(time), Some(_)) => check_place(&key("time"), section, time)?,
    }
    check_place(&key("value"), section, &section.value)?;
    if let Some(volume) = &section.volume {
        check_place(&key("volume"), section, volume)?;
    }
    Ok(Selector {
        url: section.url.clone(),
        value: section.value.clone(),
        time: section.time.clone(),
        time_unit: section.time_unit,
        exponent: section.exponent,
        csv: csv(&key, section)?,
        bar: bar(&key, section)?,
        history,
    })
}

/// A source that answers no question about the past is asked none.
fn check_ticker(key: &dyn Fn(&str) -> String, section: &Generic) -> Result<(), Refusal> {
    if section.bar.is_some() {
        let why = "= false does not go with `bar`: what lists bars has a history";
        return Err(Refusal::new(key("history"), why));
    }
    let template = Template::parse(&section.url).map_err(|e| Refusal::new(key("url"), e))?;
    if template.has_time() {
        let why = "asks about a time, and history = false says that it cannot be asked";
        return Err(Refusal::new(key("url"), why));
    }
    Ok(())
}

/// Longest bar: what is no older than a price may be.
const MAX_BAR_S: u32 = 86_400;

/// How the source writes bars, where it does. A time that may be either end of
/// a bar is refused: read as the wrong one, the price is from after T.
fn bar(key: &dyn Fn(&str) -> String, section: &Generic) -> Result<Option<BarFormat>, Refusal> {
    let Some(text) = &section.bar else {
        let without = [
            ("stamped", section.stamped.is_some()),
            ("volume", section.volume.is_some()),
        ];
        return match without.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Refusal::new(key(name), "belongs to a source with `bar`")),
            None => Ok(None),
        };
    };
    let length_s = NonZeroU32::new(seconds(key("bar"), text)?)
        .filter(|length| length.get() <= MAX_BAR_S)
        .ok_or_else(|| Refusal::new(key("bar"), "must be at least 1s and at most 1d"))?;
    let stamped = section.stamped.ok_or_else(|| {
        Refusal::new(
            key("stamped"),
            "is missing; \"open\" or \"close\": what `time` says of a bar",
        )
    })?;
    Ok(Some(BarFormat {
        length_s,
        stamped,
        volume: section.volume.clone(),
    }))
}

/// A path or a column's name.
fn check_place(key: &str, section: &Generic, place: &str) -> Result<(), Refusal> {
    match section.format {
        Format::Json => check_path(place).map_err(|e| Refusal::new(key, e)),
        Format::Csv if place.is_empty() => Err(Refusal::new(key, "names no column")),
        Format::Csv => Ok(()),
    }
}

/// How an entry is asked for a fact.
#[derive(Debug, Clone)]
pub struct GenericFact {
    /// Independence: sources of one root count once.
    pub(super) root: String,
    /// With placeholders.
    pub(super) url: String,
    /// Everything else that its policies say of it.
    pub(super) parameters: BTreeMap<String, String>,
}

/// What the policies of events about this entry's value say of it.
pub(super) fn fact(name: &str, section: &Generic) -> Result<GenericFact, Refusal> {
    let key = |k: &str| format!("generic.{name}.{k}");
    check_template(&key("url"), &section.url)?;
    check_place(&key("value"), section, &section.value)?;
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    let mut put = |name: &str, value: &str| {
        parameters.insert(name.to_owned(), value.to_owned());
    };
    put(GENERIC_NAME, name);
    put("value", &section.value);
    if section.exponent {
        put("exponent", "true");
    }
    if let Some(csv) = csv(&key, section)? {
        put("format", "csv");
        put("delimiter", &csv.delimiter.to_string());
        put(
            "decimal",
            match csv.decimal {
                DecimalMark::Point => ".",
                DecimalMark::Comma => ",",
            },
        );
        if let Some(row) = &csv.row {
            put("row_column", &row.column);
            put("row_equals", &row.equals);
        }
    }
    Ok(GenericFact {
        root: section.root.clone().unwrap_or_else(|| name.to_owned()),
        url: section.url.clone(),
        parameters,
    })
}

/// What the entries say that events about facts may name.
pub(super) fn facts(
    sections: &BTreeMap<String, Generic>,
) -> Result<BTreeMap<String, GenericFact>, Refusal> {
    let entries = sections.iter();
    entries
        .map(|(name, section)| Ok((name.clone(), fact(name, section)?)))
        .collect()
}

fn csv(key: &dyn Fn(&str) -> String, section: &Generic) -> Result<Option<CsvFormat>, Refusal> {
    if section.format == Format::Json {
        let foreign = [
            ("delimiter", section.delimiter.is_some()),
            ("decimal", section.decimal.is_some()),
            ("row", section.row.is_some()),
        ];
        return match foreign.iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Refusal::new(key(name), "belongs to format = \"csv\"")),
            None => Ok(None),
        };
    }
    if section.exponent {
        return Err(Refusal::new(
            key("exponent"),
            "belongs to format = \"json\"",
        ));
    }
    let decimal = section
        .decimal
        .ok_or_else(|| Refusal::new(key("decimal"), "is missing; \".\" or \",\""))?;
    let delimiter = section.delimiter.as_deref().unwrap_or(DEFAULT_DELIMITER);
    let mut characters = delimiter.chars();
    let delimiter = characters
        .next()
        .filter(|_| characters.next().is_none())
        .filter(|c| *c == '\t' || (c.is_ascii_punctuation() && !matches!(c, '"' | '.' | '-')))
        .ok_or_else(|| {
            Refusal::new(
                key("delimiter"),
                format!("{delimiter:?} is not one ASCII character like \",\" or \"\\t\""),
            )
        })?;
    if section.row.as_ref().is_some_and(|r| r.column.is_empty()) {
        return Err(Refusal::new(key("row.column"), "names no column"));
    }
    Ok(Some(CsvFormat {
        delimiter,
        decimal,
        row: section.row.clone(),
    }))
}

/// A URL with placeholders, which may stand wherever they do not change whom it
/// goes to.
pub(super) fn check_template(key: &str, text: &str) -> Result<(), Refusal> {
    check_public_url(key, text)?;
    let template = Template::parse(text).map_err(|e| Refusal::new(key, e))?;
    let host = |at| {
        let url = template.render(at)?;
        url::Url::parse(&url).ok().map(|url| url.origin())
    };
    if host(0).is_none() || host(0) != host(1) {
        return Err(Refusal::new(key, "a placeholder stands in the host"));
    }
    Ok(())
}

/// Policies are public, and the URL is part of them.
fn check_public_url(key: &str, text: &str) -> Result<(), Refusal> {
    check_url(key, text)?;
    let url = url::Url::parse(text).map_err(|e| Refusal::new(key, e))?;
    match url.query_pairs().find(|(name, _)| is_secret_key(name)) {
        None => Ok(()),
        Some((name, _)) => Err(Refusal::new(
            key,
            format!(
                "the query has {name:?}, which looks like a secret, and policies are public; \
                 use api_key_file and api_key_header"
            ),
        )),
    }
}

fn key_header(key: &str, text: &str) -> Result<HeaderName, Refusal> {
    text.parse::<HeaderName>()
        .map_err(|_| Refusal::new(key, format!("{text:?} is not the name of a header")))
}

/// The key in a file: one line, without its end.
pub(super) fn api_key(key: &str, file: &Path) -> Result<ApiKey, Refusal> {
    let shown = file.display();
    let metadata =
        std::fs::metadata(file).map_err(|e| Refusal::new(key, format!("{shown}: {e}")))?;
    // Containers and systemd hand out secrets with modes of their own, so this
    // is no refusal.
    if metadata.permissions().mode() & 0o077 != 0 {
        tracing::warn!(%shown, "the API key's file can be read by others");
    }
    let text =
        std::fs::read_to_string(file).map_err(|e| Refusal::new(key, format!("{shown}: {e}")))?;
    let text = text.trim();
    (text.len() <= MAX_KEY)
        .then(|| ApiKey::new(text))
        .flatten()
        .ok_or_else(|| Refusal::new(key, format!("{shown}: is not one line with a key")))
}
