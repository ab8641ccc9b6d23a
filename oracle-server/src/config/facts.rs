//! Kinds match, election and operators: outcomes, sources, who must agree.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::num::NonZeroU32;

use oracle_feeds::decimal;
use oracle_feeds::provider::{Provider, Subject, provider, provider_names};
use oracle_schema::Maturity;
use oracle_schema::event::EnumDescriptor;
use oracle_schema::policy::{
    DigitsPolicy, ElectionBasis, ElectionPolicy, FactSource, Market, MatchBasis, MatchPolicy,
    OnDissent, OperatorsPolicy, PUSH, PanelPolicy, VOID,
};
use oracle_schema::source_id::SourceId;
use rust_decimal::Decimal;

use super::definition::number;
use super::file::{Entry, Outcomes, SourceValue};
use super::operators::panel;
use super::place::Place;
use super::{Context, Refusal, instant};

const STABLE_READS: u32 = 2;
/// The store keeps a few more of a row of equal readings, and not all.
const MAX_STABLE_READS: u32 = 10;
const READ_EVERY_S: u32 = 30;
const HOUR_S: u32 = 3600;
const VOID_AFTER_S: u32 = 48 * HOUR_S;
const SETTLE_DELAY_S: u32 = 2 * HOUR_S;
/// A call may be taken back: the hold before it counts.
const CALLED_SETTLE_DELAY_S: u32 = 24 * HOUR_S;

/// The name by which a panel stands among sources.
pub(super) const OPERATORS: &str = "operators";
/// Whose official results are `endgültig`.
const GERMANY: &str = "bundeswahlleiterin";
const DRAW: &str = "draw";
/// Beyond any score; keeps arithmetic exact.
const MAX_LINE: i64 = 10_000;
/// What changes a text and not its look: of no width, or of direction alone.
const INVISIBLE: [char; 15] = [
    '\u{ad}', '\u{200b}', '\u{200e}', '\u{200f}', '\u{202a}', '\u{202b}', '\u{202c}', '\u{202d}',
    '\u{202e}', '\u{2060}', '\u{2066}', '\u{2067}', '\u{2068}', '\u{2069}', '\u{feff}',
];
/// Outcomes of an election that mean no candidate.
const NO_CANDIDATE: [&str; 4] = ["other", "runoff", "tie", VOID];

/// `kind = "match"`.
pub(super) fn matched(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
    maturity: Maturity,
) -> Result<MatchPolicy, Refusal> {
    let Bet {
        market,
        line,
        outcomes,
        digits,
    } = bet(place, entry)?;
    let kickoff = place.required("kickoff", entry.kickoff.as_deref())?;
    let kickoff = instant(&place.at("kickoff"), kickoff)?;
    if kickoff >= maturity {
        return Err(place.refuse("kickoff", "must be before the maturity"));
    }
    let basis = named(
        place,
        "basis",
        place.required("basis", entry.basis.as_deref())?,
        &[
            ("regular_time", MatchBasis::RegularTime),
            ("final", MatchBasis::Final),
        ],
    )?;
    let on_dissent = entry.on_dissent.as_deref().unwrap_or("hold");
    let asked = Asked::read(place, entry, context, Subject::Match)?;
    for (i, source) in asked.sources.iter().enumerate() {
        let side = |name: &str| source.parameters.get(name);
        if side("home").is_some() && side("home") == side("away") {
            return Err(place.refuse(&format!("source[{i}].away"), "is the same side as home"));
        }
    }
    // Traders of a draw after nine innings would be paid by the tenth.
    if basis == MatchBasis::RegularTime
        && (market != Market::Result || outcomes.iter().any(|o| o == DRAW))
        && let Some(source) = asked.sources.iter().find(|s| never_drawn(s))
    {
        return Err(place.refuse(
            "basis",
            format!(
                "{} counts what is played beyond regular time, so it never says \"draw\" and tells no score of regular time",
                source.provider
            ),
        ));
    }
    Ok(MatchPolicy {
        outcomes,
        market,
        line,
        digits,
        kickoff: kickoff.unix(),
        basis,
        void_after_s: place.seconds("void_after", entry.void_after.as_deref(), VOID_AFTER_S)?,
        agree: asked.agree,
        stable_reads: asked.stable_reads,
        read_every_s: asked.read_every_s,
        settle_delay_s: settle_delay(place, entry, SETTLE_DELAY_S)?,
        on_dissent: named(
            place,
            "on_dissent",
            on_dissent,
            &[("hold", OnDissent::Hold)],
        )?,
        sources: asked.sources,
        panel: asked.panel,
    })
}

/// Whether the source has no result of regular time of its own.
fn never_drawn(source: &FactSource) -> bool {
    provider(&source.provider).is_some_and(|adapter| !adapter.tells_regular_time())
}

/// What of a match is bet on.
struct Bet {
    market: Market,
    line: Option<Decimal>,
    outcomes: Vec<String>,
    digits: Option<DigitsPolicy>,
}

fn bet(place: &Place, entry: &Entry) -> Result<Bet, Refusal> {
    let market = named(
        place,
        "market",
        entry.market.as_deref().unwrap_or("result"),
        &[
            ("result", Market::Result),
            ("total", Market::Total),
            ("spread", Market::Spread),
        ],
    )?;
    if market != Market::Result && entry.digits.is_some() {
        for (key, given) in [
            ("line", entry.line.is_some()),
            ("outcomes", entry.outcomes.is_some()),
        ] {
            if given {
                return Err(place.refuse(key, "does not go with digits: the number is attested"));
            }
        }
        return Ok(Bet {
            market,
            line: None,
            outcomes: Vec::new(),
            digits: Some(number(place, entry, 0, market == Market::Spread)?),
        });
    }
    for (key, given) in [
        ("digits", entry.digits.is_some()),
        ("base", entry.base.is_some()),
        ("unit", entry.unit.is_some()),
    ] {
        if given {
            let reason = "belongs to a total or spread that is attested as digits";
            return Err(place.refuse(key, reason));
        }
    }
    let line = line(place, entry, market)?;
    let outcomes = outcomes(place, entry)?;
    let known = market.outcomes();
    if let Some(other) = outcomes.iter().find(|o| !known.contains(&o.as_str())) {
        return Err(place.refuse(
            "outcomes",
            format!("{other:?} is not one of {}", known.join(", ")),
        ));
    }
    if let Some(line) = line {
        check_sides(place, &outcomes, market, line)?;
    }
    Ok(Bet {
        market,
        line,
        outcomes,
        digits: None,
    })
}

/// A multiple of one half, as many digits as it takes: `2.50` and `2.5` are one
/// policy.
fn line(place: &Place, entry: &Entry, market: Market) -> Result<Option<Decimal>, Refusal> {
    if market == Market::Result {
        return match entry.line {
            None => Ok(None),
            Some(_) => Err(place.refuse("line", "the result has none; see market")),
        };
    }
    let text = place.required("line", entry.line.as_deref())?;
    let line = decimal::parse(text)
        .map_err(|e| place.refuse("line", format!("{text:?}: {e}")))?
        .normalize();
    if !(line * Decimal::TWO).is_integer() || line.abs() > Decimal::from(MAX_LINE) {
        // A quarter line is two bets, each with half of the stake.
        return Err(place.refuse(
            "line",
            format!("{text:?} is not a multiple of 0.5 up to {MAX_LINE}"),
        ));
    }
    if market == Market::Total && line.is_sign_negative() {
        return Err(place.refuse("line", "a total is never below zero"));
    }
    Ok(Some(line))
}

/// Every score has an outcome, and no outcome is without a score.
fn check_sides(
    place: &Place,
    outcomes: &[String],
    market: Market,
    line: Decimal,
) -> Result<(), Refusal> {
    let has = |outcome: &str| outcomes.iter().any(|o| o == outcome);
    let [over, under] = match market {
        Market::Total => ["over", "under"],
        Market::Result | Market::Spread => ["home", "away"],
    };
    let push = line.is_integer();
    let due = [(over, true), (under, true), (PUSH, push)];
    match due.iter().find(|(outcome, due)| has(outcome) != *due) {
        None => Ok(()),
        Some((missing, true)) => Err(place.refuse(
            "outcomes",
            format!("{missing:?} is missing: a line of {line}"),
        )),
        Some((unfit, false)) => Err(place.refuse(
            "outcomes",
            format!("{unfit:?} cannot be: no score falls on {line}"),
        )),
    }
}

/// `kind = "election"`.
pub(super) fn election(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
) -> Result<ElectionPolicy, Refusal> {
    let outcomes = outcomes(place, entry)?;
    let basis = named(
        place,
        "basis",
        place.required("basis", entry.basis.as_deref())?,
        &[
            ("certified", ElectionBasis::Certified),
            ("called", ElectionBasis::Called),
            ("endgueltig", ElectionBasis::Endgueltig),
        ],
    )?;
    let default_delay = match basis {
        ElectionBasis::Called => CALLED_SETTLE_DELAY_S,
        ElectionBasis::Certified | ElectionBasis::Endgueltig => 0,
    };
    let mut asked = Asked::read(place, entry, context, Subject::Election)?;
    for source in &mut asked.sources {
        if let Some(adapter) = provider(&source.provider) {
            adapter.complete(basis, &mut source.parameters);
        }
    }
    if basis == ElectionBasis::Endgueltig
        && let Some(other) = asked.sources.iter().find(|s| s.provider != GERMANY)
    {
        return Err(place.refuse(
            "basis",
            format!(
                "only {GERMANY} says \"endgueltig\"; {} never does",
                other.id
            ),
        ));
    }
    Ok(ElectionPolicy {
        candidates: candidates(place, entry, &outcomes, &asked.sources)?,
        outcomes,
        basis,
        agree: asked.agree,
        stable_reads: asked.stable_reads,
        read_every_s: asked.read_every_s,
        settle_delay_s: settle_delay(place, entry, default_delay)?,
        sources: asked.sources,
        panel: asked.panel,
    })
}

/// `kind = "operators"`.
pub(super) fn operators(
    place: &Place,
    entry: &Entry,
    context: &Context<'_>,
) -> Result<OperatorsPolicy, Refusal> {
    let names = place.required("panel", entry.panel.as_deref())?;
    let k = place.required("k", entry.k)?;
    Ok(OperatorsPolicy {
        outcomes: outcomes(place, entry)?,
        panel: panel(place, names, k, context.operators)?,
        settle_delay_s: settle_delay(place, entry, SETTLE_DELAY_S)?,
    })
}

fn settle_delay(place: &Place, entry: &Entry, default: u32) -> Result<u32, Refusal> {
    place.seconds("settle_delay", entry.settle_delay.as_deref(), default)
}

/// One of a few names.
pub(super) fn named<T: Copy>(
    place: &Place,
    key: &str,
    text: &str,
    known: &[(&str, T)],
) -> Result<T, Refusal> {
    known
        .iter()
        .find_map(|(name, value)| (*name == text).then_some(*value))
        .ok_or_else(|| {
            let names: Vec<&str> = known.iter().map(|(name, _)| *name).collect();
            place.refuse(key, format!("{text:?} is not one of {}", names.join(", ")))
        })
}

fn positive(place: &Place, key: &str, value: u32) -> Result<NonZeroU32, Refusal> {
    NonZeroU32::new(value).ok_or_else(|| place.refuse(key, "must be at least 1"))
}

/// At least two, distinct, and such that nobody can mistake one for another.
fn outcomes(place: &Place, entry: &Entry) -> Result<Vec<String>, Refusal> {
    let outcomes = match place.required("outcomes", entry.outcomes.clone())? {
        Outcomes::Listed(outcomes) => outcomes,
        Outcomes::Tested(_) => return Err(place.refuse("outcomes", "is not a list of texts")),
    };
    check_outcomes(place, &outcomes)?;
    Ok(outcomes)
}

pub(super) fn check_outcomes(place: &Place, outcomes: &[String]) -> Result<(), Refusal> {
    if outcomes.len() < 2 {
        return Err(place.refuse("outcomes", "needs at least two"));
    }
    for outcome in outcomes {
        let unseen = |c: char| c.is_control() || INVISIBLE.contains(&c);
        if outcome.trim() != outcome || outcome.chars().any(unseen) {
            return Err(place.refuse(
                "outcomes",
                format!("{outcome:?} has blanks at an end, or characters that nobody sees"),
            ));
        }
    }
    EnumDescriptor::new(outcomes.to_vec()).map_err(|e| place.refuse("outcomes", e))?;
    Ok(())
}

/// Who is asked, how often, and how many must agree.
pub(super) struct Asked {
    pub(super) sources: Vec<FactSource>,
    pub(super) panel: Option<PanelPolicy>,
    pub(super) agree: NonZeroU32,
    pub(super) stable_reads: NonZeroU32,
    pub(super) read_every_s: NonZeroU32,
}

impl Asked {
    fn read(
        place: &Place,
        entry: &Entry,
        context: &Context<'_>,
        subject: Subject,
    ) -> Result<Self, Refusal> {
        Self::of(place, entry, context, |own, name, table| {
            source(own, name, table, subject)
        })
    }

    /// `source` reads one that is no panel.
    pub(super) fn of(
        place: &Place,
        entry: &Entry,
        context: &Context<'_>,
        source: impl Fn(&Place, &str, &Values) -> Result<FactSource, Refusal>,
    ) -> Result<Self, Refusal> {
        let tables = place.required("source", entry.source.as_deref())?;
        let mut sources: Vec<FactSource> = Vec::with_capacity(tables.len());
        let mut of_operators = None;
        for (i, table) in tables.iter().enumerate() {
            let own = Place::new(place.at(&format!("source[{i}]")));
            let name = provider_name(&own, &table.0)?;
            if name == OPERATORS {
                if of_operators.is_some() {
                    return Err(own.refuse("provider", "another source is a panel already"));
                }
                of_operators = Some(panel_source(&own, &table.0, context)?);
                continue;
            }
            let source = source(&own, name, &table.0)?;
            if sources.iter().any(|s| s.id == source.id) {
                return Err(own.refuse("provider", format!("{} occurs twice", source.id)));
            }
            sources.push(source);
        }
        if sources.is_empty() {
            return Err(place.refuse(
                "source",
                "needs a provider; what operators alone answer is kind \"operators\"",
            ));
        }
        Ok(Self {
            agree: agree(place, entry, &sources, of_operators.is_some())?,
            stable_reads: stable_reads(place, entry)?,
            read_every_s: positive(
                place,
                "read_every",
                place.seconds("read_every", entry.read_every.as_deref(), READ_EVERY_S)?,
            )?,
            sources,
            panel: of_operators,
        })
    }
}

fn stable_reads(place: &Place, entry: &Entry) -> Result<NonZeroU32, Refusal> {
    let reads = entry.stable_reads.unwrap_or(STABLE_READS);
    if reads > MAX_STABLE_READS {
        return Err(place.refuse(
            "stable_reads",
            format!("must be at most {MAX_STABLE_READS}"),
        ));
    }
    positive(place, "stable_reads", reads)
}

/// Independent roots that must agree: no more than there are.
fn agree(
    place: &Place,
    entry: &Entry,
    sources: &[FactSource],
    with_panel: bool,
) -> Result<NonZeroU32, Refusal> {
    let agree = positive(place, "agree", place.required("agree", entry.agree)?)?;
    let roots: HashSet<&str> = sources.iter().map(|s| s.root.as_str()).collect();
    let roots = roots.len() + usize::from(with_panel);
    if agree.get() as usize > roots {
        return Err(place.refuse(
            "agree",
            format!("is {agree}, but the sources have only {roots} independent roots"),
        ));
    }
    Ok(agree)
}

pub(super) type Values = BTreeMap<String, SourceValue>;

fn provider_name<'a>(place: &Place, table: &'a Values) -> Result<&'a str, Refusal> {
    match place.required("provider", table.get("provider"))? {
        SourceValue::Text(name) => Ok(name),
        _ => Err(place.refuse("provider", "must be a text")),
    }
}

fn source(
    place: &Place,
    name: &str,
    table: &Values,
    subject: Subject,
) -> Result<FactSource, Refusal> {
    let adapter = adapter(place, name, subject)?;
    let required = adapter.parameters();
    let optional = adapter.optional_parameters();
    check_names(place, name, table, &[required, optional].concat())?;
    let mut parameters = BTreeMap::new();
    let mut values = Vec::with_capacity(required.len());
    for parameter in required {
        let given = place.required(parameter, table.get(*parameter))?;
        let value = parameter_value(place, adapter, parameter, given)?;
        values.push(value.clone());
        parameters.insert((*parameter).to_owned(), value);
    }
    for parameter in optional {
        let Some(given) = table.get(*parameter) else {
            continue;
        };
        let value = parameter_value(place, adapter, parameter, given)?;
        values.push(format!("{parameter}={value}"));
        parameters.insert((*parameter).to_owned(), value);
    }
    Ok(FactSource {
        id: SourceId::write(name, &values.join("/")),
        provider: name.to_owned(),
        root: name.to_owned(),
        parameters,
    })
}

fn parameter_value(
    place: &Place,
    adapter: &dyn Provider,
    parameter: &str,
    given: &SourceValue,
) -> Result<String, Refusal> {
    let value = match given {
        SourceValue::Text(text) => text.clone(),
        SourceValue::Number(number) => number.to_string(),
        SourceValue::Names(_) => {
            return Err(place.refuse(parameter, "must be a text or a whole number"));
        }
    };
    adapter
        .check_parameter(parameter, &value)
        .map_err(|reason| place.refuse(parameter, reason))?;
    Ok(value)
}

fn adapter(place: &Place, name: &str, subject: Subject) -> Result<&'static dyn Provider, Refusal> {
    let fits = |p: &&dyn Provider| p.subject() == subject;
    if let Some(adapter) = provider(name) {
        return Some(adapter).filter(fits).ok_or_else(|| {
            place.refuse(
                "provider",
                format!(
                    "{name:?} is asked for a {}, not for a {}",
                    adapter.subject().as_str(),
                    subject.as_str()
                ),
            )
        });
    }
    let known: Vec<&str> = provider_names()
        .filter(|n| provider(n).is_some_and(|p| fits(&p)))
        .chain([OPERATORS])
        .collect();
    Err(place.refuse(
        "provider",
        format!("{name:?} is not a provider; known are {}", known.join(", ")),
    ))
}

/// Refuses what the provider has no use for.
pub(super) fn check_names(
    place: &Place,
    provider: &str,
    table: &Values,
    known: &[&str],
) -> Result<(), Refusal> {
    match table
        .keys()
        .find(|key| *key != "provider" && !known.contains(&key.as_str()))
    {
        None => Ok(()),
        Some(key) => Err(place.refuse(
            key,
            format!(
                "is not a key of provider {provider:?}; known are {}",
                known.join(", ")
            ),
        )),
    }
}

fn panel_source(
    place: &Place,
    table: &Values,
    context: &Context<'_>,
) -> Result<PanelPolicy, Refusal> {
    check_names(place, OPERATORS, table, &["panel", "k"])?;
    let SourceValue::Names(names) = place.required("panel", table.get("panel"))? else {
        return Err(place.refuse("panel", "must be a list of operators' names"));
    };
    let k = match place.required("k", table.get("k"))? {
        SourceValue::Number(k) => u32::try_from(*k).ok(),
        _ => None,
    };
    let k = k.ok_or_else(|| place.refuse("k", "must be a whole number"))?;
    panel(place, names, k, context.operators)
}

type Candidates = BTreeMap<String, BTreeMap<String, Vec<String>>>;

/// Every outcome that means candidates names them at every provider: one that
/// a provider does not know by id would look like an unnamed winner there.
fn candidates(
    place: &Place,
    entry: &Entry,
    outcomes: &[String],
    sources: &[FactSource],
) -> Result<Candidates, Refusal> {
    let mut candidates = Candidates::new();
    for (outcome, by_provider) in entry.candidates.iter().flat_map(|table| &table.0) {
        let own_key = format!("candidates.{outcome}");
        if NO_CANDIDATE.contains(&outcome.as_str()) {
            return Err(place.refuse(&own_key, "this outcome stands for no candidate"));
        }
        if !outcomes.contains(outcome) {
            return Err(place.refuse(&own_key, "is not one of the outcomes"));
        }
        for provider in by_provider.0.keys() {
            if !sources.iter().any(|s| s.provider == *provider) {
                return Err(place.refuse(
                    &format!("{own_key}.{provider}"),
                    "is not the provider of any source",
                ));
            }
        }
        candidates.insert(outcome.clone(), by_provider.0.clone());
    }
    for outcome in outcomes
        .iter()
        .filter(|o| !NO_CANDIDATE.contains(&o.as_str()))
    {
        for source in sources {
            let ids = candidates
                .get(outcome)
                .and_then(|by_provider| by_provider.get(&source.provider));
            if ids.is_none_or(Vec::is_empty) {
                return Err(place.refuse(
                    &format!("candidates.{outcome}.{}", source.provider),
                    "is missing: the ids of its candidates at this provider",
                ));
            }
        }
    }
    check_ids(place, &candidates)?;
    Ok(candidates)
}

/// One candidate stands for one outcome.
fn check_ids(place: &Place, candidates: &Candidates) -> Result<(), Refusal> {
    let mut outcome_of: HashMap<(&str, &str), &str> = HashMap::new();
    for (outcome, by_provider) in candidates {
        for (provider, ids) in by_provider {
            let key = format!("candidates.{outcome}.{provider}");
            for id in ids {
                if id.trim() != id || id.is_empty() || id.chars().any(char::is_control) {
                    return Err(place.refuse(&key, format!("{id:?} is not an id")));
                }
                if let Some(other) = outcome_of.insert((provider, id), outcome) {
                    return Err(place.refuse(&key, format!("{id:?} stands for {other:?} already")));
                }
            }
        }
    }
    Ok(())
}
