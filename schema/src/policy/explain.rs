//! A policy in plain words: when it attests, holds, voids or refunds.

use std::fmt::Write as _;

use super::{
    Compare, DigitsPolicy, ElectionBasis, ElectionPolicy, FactPolicy, FactSource, FactTest,
    LegPolicy, Market, MatchBasis, MatchPolicy, Method, OnDissent, OperatorsPolicy, PUSH,
    PanelPolicy, Policy, PricePolicy, Rule, SamplePolicy, SourcePolicy, Stamp, VOID,
};
use chrono::DateTime;
use rust_decimal::Decimal;

/// What a policy means, one sentence an entry: what it asks, what is attested,
/// who is asked and who must agree, when it is decided, what voids, what holds,
/// and when it is refunded. No entry has a line break.
///
/// `maturity` (Unix seconds) turns spans into dates where it is known.
pub fn explain(policy: &Policy, maturity: Option<i64>) -> Vec<String> {
    let mut sentences = asks(policy, maturity);
    sentences.extend(ruled(&policy.rule));
    sentences.push(refund(policy, maturity));
    sentences
}

/// The question as it was put, if it was.
fn asks(policy: &Policy, maturity: Option<i64>) -> Vec<String> {
    let question = policy.question(maturity);
    let mut sentences = Vec::new();
    sentences.extend(question.title.map(|title| format!("asks: {title}")));
    sentences.extend(question.description.map(|text| {
        let words: Vec<&str> = text.split_whitespace().collect();
        format!("that is: {}", words.join(" "))
    }));
    let named = question.names.iter();
    let named: Vec<String> = named
        .map(|(key, name)| format!("{key} is {name}"))
        .collect();
    if !named.is_empty() {
        sentences.push(format!("for people, {}; ids decide", listed(&named)));
    }
    sentences
}

fn ruled(rule: &Rule) -> Vec<String> {
    match rule {
        Rule::Digits {
            price,
            decimals,
            base,
            digits,
            unit,
        } => {
            let what = format!(
                "attests {} x 10^{decimals} in {unit}, rounded half-even, as {digits} digits of \
                 base {base}; clamped to 0 … {base}^{digits}-1",
                price.name
            );
            priced(what, price)
        }
        Rule::Threshold { price, above } => {
            let what = format!(
                "attests \"above\" if {} > {above} (strictly, unrounded), else \"not_above\"",
                price.name
            );
            priced(what, price)
        }
        Rule::Match(policy) => matched(policy),
        Rule::Election(policy) => elected(policy),
        Rule::Fact(policy) => stated(policy),
        Rule::Operators(policy) => reported(policy),
    }
}

/// What in a policy a careful person would think about twice. Nothing here is
/// wrong; it is only weaker than it could be.
///
/// `maturity` in Unix seconds, where it is known.
pub fn warnings(policy: &Policy, maturity: Option<i64>) -> Vec<String> {
    let mut warnings = Vec::new();
    if let Some(price) = policy.rule.price() {
        for leg in price.legs.iter().filter(|l| l.min_sources.get() == 1) {
            warnings.push(format!(
                "{}: min_sources = 1: one source alone can fix the price",
                leg.name
            ));
        }
        for leg in &price.legs {
            warnings.extend(leg.sources.iter().filter_map(|s| timeless(leg, s)));
        }
    }
    if policy.rule.has_sole_decider() {
        warnings.push(match &policy.rule {
            Rule::Operators(_) => "k = 1: one operator alone decides the outcome".to_owned(),
            _ => "agree = 1: one source alone decides the outcome".to_owned(),
        });
    }
    let sources = policy.rule.fact_sources();
    let editable = |s: &FactSource| s.provider == "openligadb";
    if !sources.is_empty() && sources.iter().all(editable) && policy.rule.panel().is_none() {
        warnings.push(
            "openligadb is the only source: any of its logged-in users may edit a result for days"
                .to_owned(),
        );
    }
    if let (Rule::Match(rule), Some(at)) = (&policy.rule, maturity) {
        let window = rule.kickoff.saturating_add(i64::from(rule.void_after_s));
        let give_up = at.saturating_add(i64::from(policy.give_up_after_s));
        if rule.outcomes.iter().any(|o| o == VOID)
            && give_up <= window.saturating_add(i64::from(rule.settle_delay_s))
        {
            warnings.push(format!(
                "give_up_after is over at {}, before a match that is not played can become void: \
                 it is refunded instead",
                instant(give_up)
            ));
        }
    }
    if let Some(soonest) = soonest_s(&policy.rule)
        && soonest >= u64::from(policy.give_up_after_s)
    {
        warnings.push(
            "give_up_after is over before the reads and settle_delay are: it can only be refunded"
                .to_owned(),
        );
    }
    warnings.extend(not_ascii(policy));
    warnings
}

/// Signed texts outside ASCII, over which a wallet in wide use stumbles.
fn not_ascii(policy: &Policy) -> Option<String> {
    let outcomes = policy.rule.outcomes().unwrap_or_default().iter();
    let unit = match &policy.rule {
        Rule::Digits { unit, .. } => Some(unit),
        rule => rule.fact_digits().map(|digits| &digits.unit),
    };
    let signed: Vec<String> = outcomes
        .chain(unit)
        .filter(|text| !text.is_ascii())
        .map(|text| format!("{text:?}"))
        .collect();
    (!signed.is_empty()).then(|| {
        format!(
            "outside ASCII: {}; @node-dlc/messaging counts characters where the wire counts bytes \
             and calls such an announcement's signature invalid: its wallets cannot use the event. \
             Sign plain letters, and give the outcome a name for people with `names`",
            listed(&signed)
        )
    })
}

/// What a ticker without a time cannot tell.
fn timeless(leg: &LegPolicy, source: &SourcePolicy) -> Option<String> {
    let selector = source.selector.as_ref().filter(|_| source.is_sampled())?;
    selector.time.is_none().then(|| {
        format!(
            "{}: {} states no time: a market that stands still cannot be told from a live one \
             there",
            leg.name, source.id
        )
    })
}

/// Seconds from maturity that stable reads and the settle delay take at least.
fn soonest_s(rule: &Rule) -> Option<u64> {
    let stable_reads = match rule {
        Rule::Match(policy) => policy.stable_reads,
        Rule::Election(policy) => policy.stable_reads,
        Rule::Fact(policy) => policy.stable_reads,
        _ => return None,
    };
    let between = u64::from(stable_reads.get() - 1) * u64::from(rule.read_every_s()?.get());
    Some(between + u64::from(rule.settle_delay_s()))
}

fn priced(what: String, price: &PricePolicy) -> Vec<String> {
    let mut sentences = vec![what];
    if price.legs.len() != 1 {
        let names: Vec<&str> = price.legs.iter().map(|l| l.name.as_str()).collect();
        sentences.push(format!(
            "{} is the product of {}",
            price.name,
            names.join(" and ")
        ));
    }
    for each in &price.legs {
        sentences.push(leg(each));
        sentences.extend(lag(each));
    }
    sentences
}

/// How long a leg waits for sources that lag, where it says so.
fn lag(leg: &LegPolicy) -> Option<String> {
    Some(format!(
        "{}: a source that has not shown that it moved past maturity is waited for until {} after \
         it, however many others have answered; then the others decide",
        leg.name,
        span(leg.max_lag_s?)
    ))
}

fn leg(leg: &LegPolicy) -> String {
    let Method::Close1mMedian = leg.method;
    let sources = || leg.sources.iter();
    let built_in = sources().filter(|s| s.selector.is_none());
    let bars: Vec<&str> = built_in.map(|s| s.id.as_str()).collect();
    let stated: Vec<&str> = sources()
        .filter(|s| !s.is_sampled() && s.selector.as_ref().is_some_and(|s| s.bar.is_none()))
        .map(|s| s.id.as_str())
        .collect();
    let mut from = Vec::new();
    if !bars.is_empty() {
        from.push(format!(
            "the close of the last one-minute bar with trades of {}",
            listed(&bars)
        ));
    }
    from.extend(sources().filter_map(listed_bars));
    if !stated.is_empty() {
        from.push(format!(
            "the price that {} {} with its own time",
            listed(&stated),
            if stated.len() == 1 { "states" } else { "state" }
        ));
    }
    from.extend(sources().filter_map(|source| sampled(leg, source)));
    format!(
        "{}: from {} after maturity the median of {}, at most {} older than maturity; those more \
         than {} % from the median are dropped once; at least {} independent must be left, else \
         it waits and asks again",
        leg.name,
        span(leg.settle_delay_s),
        from.join(", and "),
        span(leg.max_trade_age_s),
        (leg.max_deviation * Decimal::ONE_HUNDRED).normalize(),
        leg.min_sources
    )
}

/// How a source without history is read.
fn sampled(leg: &LegPolicy, source: &SourcePolicy) -> Option<String> {
    let selector = source.selector.as_ref().filter(|_| source.is_sampled())?;
    let time = match selector.time {
        Some(_) => "with its own time",
        None => "without a time",
    };
    Some(match leg.sample {
        Some(SamplePolicy { every_s, from_s }) => format!(
            "the price that {} states {time}, read every {} from {} before maturity up to it, of \
             which the last reading counts",
            source.id,
            span(every_s.get()),
            span(from_s.get())
        ),
        None => format!("no price of {}, which is never read", source.id),
    })
}

/// How a generic source that lists bars is read.
fn listed_bars(source: &SourcePolicy) -> Option<String> {
    let bar = source.selector.as_ref()?.bar.as_ref()?;
    Some(format!(
        "the close of the last bar of {} {} of {}, whose times are when bars {}",
        span(bar.length_s.get()),
        match bar.volume {
            Some(_) => "with a volume",
            None => "listed",
        },
        source.id,
        match bar.stamped {
            Stamp::Open => "open",
            Stamp::Close => "close",
        }
    ))
}

fn matched(policy: &MatchPolicy) -> Vec<String> {
    let innings = policy.sources.iter().any(|s| s.provider == "mlb");
    let basis = match policy.basis {
        MatchBasis::RegularTime if innings => {
            "after regular time and its stoppage time; for mlb extra innings count"
        }
        MatchBasis::RegularTime => "after regular time and its stoppage time",
        MatchBasis::Final => "in the end, extra time and penalties included",
    };
    let mut sentences = vec![
        format!("{}: the result {basis}", bet(policy)),
        asked(
            &policy.sources,
            policy.panel.as_ref(),
            policy.agree.get(),
            policy.stable_reads.get(),
            policy.read_every_s.get(),
        ),
        settled(policy.settle_delay_s),
    ];
    let until = instant(
        policy
            .kickoff
            .saturating_add(i64::from(policy.void_after_s)),
    );
    if policy.outcomes.iter().any(|o| o == VOID) {
        sentences.push(format!(
            "void if {} of them say that it is cancelled, awarded or a walkover, that it was \
             played more than {} from the announced kickoff, or, after {until}, that it is not \
             finished; a source that does not answer never makes it void",
            policy.agree,
            span(policy.void_after_s)
        ));
    } else if policy.digits.is_some() {
        sentences.push(format!(
            "digits cannot say void: cancelled, awarded, or not finished by {until} is held, and \
             refunded in the end"
        ));
    } else {
        sentences.push(format!(
            "there is no outcome void: cancelled, awarded, or not finished by {until} is held"
        ));
    }
    let OnDissent::Hold = policy.on_dissent;
    sentences.push(held(&format!(
        "another pair of teams, a match finished before its kickoff, a result that no outcome \
         stands for, or no decision by {until}"
    )));
    sentences
}

/// What of the match is attested.
fn bet(policy: &MatchPolicy) -> String {
    let of = format!("of the match of {}", instant(policy.kickoff));
    let number = match policy.market {
        Market::Result => return format!("attests {} {of}", choice(&policy.outcomes)),
        Market::Total => "the total: the home side's score plus the away side's",
        Market::Spread => "the spread: the home side's score minus the away side's",
    };
    let shootout = "goals of a penalty shootout are not counted";
    if let Some(digits) = &policy.digits {
        return format!("attests {number} {of}, {}; {shootout}", cut(digits));
    }
    let line = policy.line.unwrap_or_default();
    let push = if policy.outcomes.iter().any(|o| o == PUSH) {
        ", \"push\" if they are equal"
    } else {
        ""
    };
    let rule = match policy.market {
        Market::Spread => format!(
            "\"home\" if the home side's score plus {line} is above the away side's, \"away\" if \
             below"
        ),
        Market::Result | Market::Total => {
            format!("\"over\" if both sides' scores together are above {line}, \"under\" if below")
        }
    };
    format!("attests {rule}{push} {of}; {shootout}")
}

/// How a number is cut into digits.
fn cut(digits: &DigitsPolicy) -> String {
    let DigitsPolicy {
        base,
        digits,
        decimals,
        unit,
        signed,
    } = digits;
    let scale = match decimals {
        0 => String::new(),
        _ => format!("x 10^{decimals} "),
    };
    let (sign, lowest) = if *signed {
        ("a sign and ", format!("-({base}^{digits}-1)"))
    } else {
        ("", "0".to_owned())
    };
    format!(
        "{scale}in {unit}, rounded half-even, as {sign}{digits} digits of base {base}; clamped to \
         {lowest} … {base}^{digits}-1"
    )
}

fn elected(policy: &ElectionPolicy) -> Vec<String> {
    let basis = match policy.basis {
        ElectionBasis::Certified => "certified, or official and final",
        ElectionBasis::Called => "called or certified",
        ElectionBasis::Endgueltig => "the official final result (endgültig)",
    };
    let mut sentences = vec![
        format!(
            "attests {}: who won, once the result is {basis}",
            choice(&policy.outcomes)
        ),
        asked(
            &policy.sources,
            policy.panel.as_ref(),
            policy.agree.get(),
            policy.stable_reads.get(),
            policy.read_every_s.get(),
        ),
    ];
    if policy.sources.iter().any(|s| s.provider == "ap") {
        sentences.push(
            "a winner whom AP names though another leads the count settles for twice the delay, an hour at least"
                .to_owned(),
        );
    }
    for (outcome, by_provider) in &policy.candidates {
        let ids: Vec<String> = by_provider
            .iter()
            .map(|(provider, ids)| format!("{} of {provider}", listed(ids)))
            .collect();
        sentences.push(format!("{outcome:?} stands for {}", ids.join(", and for ")));
    }
    let has = |outcome: &str| policy.outcomes.iter().any(|o| o == outcome);
    let mut objects = vec!["several winners", "a race that a source cannot decide"];
    for (outcome, what) in [
        ("other", "a winner that no outcome names"),
        ("runoff", "a run-off"),
        ("tie", "a tie"),
    ] {
        if has(outcome) {
            sentences.push(format!("{what} is {outcome:?}"));
        } else {
            objects.push(what);
        }
    }
    sentences.push(settled(policy.settle_delay_s));
    if has(VOID) {
        sentences.push(if policy.panel.is_some() {
            "void only by operators' word; no provider's result makes it void".to_owned()
        } else {
            "void only if two operators say so; no result makes it void".to_owned()
        });
    }
    sentences.push(held(&listed(&objects)));
    sentences
}

fn stated(policy: &FactPolicy) -> Vec<String> {
    let mut sentences = match &policy.digits {
        Some(digits) => vec![format!("attests the value, {}", cut(digits))],
        None => vec![format!(
            "attests {} by the value, compared {}",
            choice(&policy.outcomes),
            match policy.compare {
                Compare::Text => "as text, byte for byte",
                Compare::Number => "as an exact number",
            }
        )],
    };
    for (outcome, test) in &policy.tests {
        sentences.push(format!(
            "{outcome:?} if it {}",
            match test {
                FactTest::Equals(value) => format!("is {value:?}"),
                FactTest::OneOf(values) => format!("is {}", choice(values)),
                FactTest::Above(level) => format!("is above {level} (strictly)"),
                FactTest::Below(level) => format!("is below {level} (strictly)"),
                FactTest::Other(_) => "is anything else".to_owned(),
            }
        ));
    }
    for source in &policy.sources {
        let parameter = |name: &str| source.parameters.get(name);
        if let (Some(value), Some(url)) = (parameter("value"), parameter("url")) {
            sentences.push(format!("{}: {value} of {url}", source.id));
        }
        sentences.extend(of_chain(source));
    }
    sentences.push(asked(
        &policy.sources,
        policy.panel.as_ref(),
        policy.agree.get(),
        policy.stable_reads.get(),
        policy.read_every_s.get(),
    ));
    sentences.push(settled(policy.settle_delay_s));
    sentences.push(held("a value that no outcome stands for"));
    sentences
}

/// What is asked of a Peercoin node.
fn of_chain(source: &FactSource) -> Option<String> {
    let parameter = |name: &str| source.parameters.get(name).map(String::as_str);
    if source.provider != "peercoin" {
        return None;
    }
    let what = match parameter("of")? {
        "height" => "the height",
        "time" => "the time (Unix seconds)",
        "difficulty" => "the difficulty (that of the block's own kind)",
        "supply" => "the coins in unspent outputs after the block (PPC)",
        other => other,
    };
    let (chain, deep) = (parameter("chain")?, parameter("confirmations")?);
    let of = match (parameter("height"), parameter("until")) {
        (Some(height), _) => format!("of the block of height {height}, once it"),
        (None, until) => format!(
            "of the last block whose median time is not after {}, once the block after it",
            until?.parse().map_or_else(|_| "?".to_owned(), instant)
        ),
    };
    Some(format!(
        "{}: {what} {of} has {deep} confirmations on chain {chain}",
        source.id
    ))
}

fn reported(policy: &OperatorsPolicy) -> Vec<String> {
    let panel = &policy.panel;
    vec![
        format!(
            "attests {} by the reports of {}, made after maturity",
            choice(&policy.outcomes),
            members(panel)
        ),
        format!(
            "decided {} after the report that made {} equal ones, even beside one that differs; \
             one operator's veto stops it until then",
            span(policy.settle_delay_s),
            panel.k
        ),
        format!(
            "held after a veto, or once {} equal reports can no longer be reached; an operator who \
             contradicts himself has no vote; two operators together release or void a held event",
            panel.k
        ),
    ]
}

fn asked(
    sources: &[FactSource],
    panel: Option<&PanelPolicy>,
    agree: u32,
    stable_reads: u32,
    read_every_s: u32,
) -> String {
    let mut names: Vec<String> = sources.iter().map(|s| s.id.clone()).collect();
    if let Some(panel) = panel {
        names.push(format!(
            "operators ({} equal reports of {})",
            panel.k,
            members(panel)
        ));
    }
    let mut text = format!(
        "asks {} from maturity, every {}",
        listed(&names),
        span(read_every_s)
    );
    // Writing to a String cannot fail.
    let _ = match agree {
        1 => write!(text, "; one independent source is enough"),
        _ => write!(text, "; {agree} independent ones must agree"),
    };
    if stable_reads > 1 {
        let _ = write!(
            text,
            ", each with {stable_reads} equal reads one after another"
        );
    }
    text
}

fn settled(settle_delay_s: u32) -> String {
    if settle_delay_s == 0 {
        return "decided as soon as they agree".to_owned();
    }
    format!(
        "decided {} after they first agree, if they still say so; any change begins that time again",
        span(settle_delay_s)
    )
}

fn held(also: &str) -> String {
    format!(
        "held while sources contradict each other, while too few are left beside one whose answer \
         cannot be read (an unknown status or shape, another id), and on {also}; it goes on when \
         they agree again; two operators together release or void a held event"
    )
}

fn refund(policy: &Policy, maturity: Option<i64>) -> String {
    let missing = match policy.rule.price() {
        Some(_) => "fixing",
        None => "outcome",
    };
    let after = span(policy.give_up_after_s);
    match maturity {
        Some(at) => format!(
            "without {} {missing} by {} ({after} after maturity): refund, irrevocably",
            article(missing),
            instant(at.saturating_add(i64::from(policy.give_up_after_s)))
        ),
        None => format!(
            "without {} {missing} {after} after maturity: refund, irrevocably",
            article(missing)
        ),
    }
}

fn article(word: &str) -> &'static str {
    if word.starts_with('o') { "an" } else { "a" }
}

fn members(panel: &PanelPolicy) -> String {
    let names: Vec<&str> = panel.members.iter().map(|m| m.name.as_str()).collect();
    listed(&names)
}

/// `"home", "draw" or "away"`.
fn choice(outcomes: &[String]) -> String {
    let quoted: Vec<String> = outcomes.iter().map(|o| format!("{o:?}")).collect();
    joined(&quoted, "or")
}

/// `a, b and c`.
fn listed(names: &[impl AsRef<str>]) -> String {
    joined(names, "and")
}

fn joined(names: &[impl AsRef<str>], last: &str) -> String {
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    match names.split_last() {
        None => "nobody".to_owned(),
        Some((only, [])) => (*only).to_owned(),
        Some((end, before)) => format!("{} {last} {end}", before.join(", ")),
    }
}

/// `1d 12h`: exact, in the units that the configuration is written in.
fn span(seconds: u32) -> String {
    let parts = [
        (seconds / 86_400, "d"),
        (seconds / 3600 % 24, "h"),
        (seconds / 60 % 60, "m"),
        (seconds % 60, "s"),
    ];
    let parts: Vec<String> = parts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| format!("{count}{unit}"))
        .collect();
    if parts.is_empty() {
        return "0s".to_owned();
    }
    parts.join(" ")
}

fn instant(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .map_or_else(|| unix.to_string(), |t| t.format("%FT%TZ").to_string())
}
