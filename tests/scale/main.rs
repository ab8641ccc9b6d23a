//! Ten thousand open events over twenty providers, each asked at most once a
//! second: who is asked how often, who waits how long, and whether everything
//! is attested.
//!
//! `scale [--events-per-subject 20] [--store postgres://…]` runs in real time,
//! for about seven minutes, and prints one JSON object a line. It fails if a
//! host was asked more often than it allows, if a question waited longer than a
//! fair turn, or if an event was not attested.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use clap::Parser;
use oracle_feeds::loopback::{
    LoopbackVenues, MatchStage, RecordedRequest, ScriptedMatch, ScriptedRace, kerg2,
};
use oracle_feeds::time::TimeSource;
use oracle_server::clock::{Clock as _, SystemClock};
use oracle_server::service::{self, Options};
use rust_decimal::Decimal;
use serde_json::{Value, json};

use oracle_server::store::Store;
use oracle_tests::made::{Problem, make, preamble};

type Result<T> = std::result::Result<T, Problem>;

/// Ten thousand events, twenty hosts.
#[derive(Debug, Parser)]
struct Args {
    /// Events about each match.
    #[arg(long, default_value_t = 20)]
    events_per_match: usize,
    /// Matches at each pair of sports providers.
    #[arg(long, default_value_t = 150)]
    matches: u64,
    /// Where the run's files go; a temporary directory where absent.
    #[arg(long)]
    dir: Option<PathBuf>,
    /// Gives up after this many seconds.
    #[arg(long, default_value_t = 720)]
    limit_s: u64,
}

/// Hosts with an adapter of their own.
const NAMED: [&str; 10] = [
    "kraken",
    "coinbase",
    "bitstamp",
    "gemini",
    "openligadb",
    "football-data",
    "api-football",
    "mlb",
    "ap",
    "bundeswahlleiterin",
];

/// Generic hosts, two to a price.
const GENERIC: usize = 10;

/// How long after the start everything about facts matures.
const MATURES: TimeDelta = TimeDelta::seconds(45);

/// Maturities of each price, this far apart.
const PRICE_MATURITIES: i64 = 20;
const PRICE_EVERY: i64 = 10;

/// Races at AP, areas at the Bundeswahlleiterin, and events about each.
const RACES: usize = 110;
const COUNTS: usize = 50;
const EVENTS_PER_RACE: usize = 10;

/// Levels of each price at each maturity.
const LEVELS: usize = 20;

#[derive(Debug)]
struct Now;

impl TimeSource for Now {
    fn now(&self) -> DateTime<Utc> {
        SystemClock.now()
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let args = Args::parse();
    match scale(&args).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            println!("{}", json!({"failed": e.to_string()}));
            ExitCode::FAILURE
        }
    }
}

async fn scale(args: &Args) -> Result<()> {
    let dir = match &args.dir {
        Some(dir) => tempfile::TempDir::new_in(dir)?,
        None => tempfile::TempDir::new()?,
    };
    let generic: Vec<String> = (0..GENERIC).map(|n| format!("venue{n}")).collect();
    let wanted: Vec<(&str, u16)> = NAMED
        .into_iter()
        .chain(generic.iter().map(String::as_str))
        .map(|name| (name, 0))
        .collect();
    let price = Arc::new(|_: &str, _: &str, _: i64| Some(Decimal::from(50)));
    let venues = LoopbackVenues::start(&wanted, Arc::new(Now), price).await?;
    let start = SystemClock.now();
    let (text, events) = configuration(&venues, args, start)?;
    play(&venues, args, start);
    let config = make(dir.path(), &text, Arc::new(SystemClock)).await?;
    let store = Store::open(&config.store_url, false).await?;
    let running = service::start(config, Options::default(), Arc::new(SystemClock)).await?;
    println!(
        "{}",
        json!({"scale": {"events": events, "hosts": wanted.len(), "limit_per_host": "1/s",
            "cores": std::thread::available_parallelism()?.get()}})
    );
    let end = start + TimeDelta::seconds(i64::try_from(args.limit_s)?);
    let left = attest(&store, end).await;
    running.stop().await?;
    let left = left?;
    report(&venues.requests(), events, args, start)?;
    if left > 0 {
        return Err(format!("{left} events are not attested").into());
    }
    Ok(())
}

/// Waits until nothing is open; says now and then how it goes. Answers how many
/// events were still open at the end.
async fn attest(store: &Store, end: DateTime<Utc>) -> Result<i64> {
    let mut said = SystemClock.now();
    loop {
        tokio::time::sleep(Duration::from_secs(2)).await;
        let counts: BTreeMap<String, i64> = store.reader().counts().await?.into_iter().collect();
        let attested = counts.get("attested").copied().unwrap_or_default();
        let left = counts.values().sum::<i64>() - attested;
        let now = SystemClock.now();
        if now - said > TimeDelta::seconds(30) {
            said = now;
            println!(
                "{}",
                json!({"so_far": {"attested": attested, "others": left}})
            );
        }
        if (left == 0 && attested > 0) || now > end {
            return Ok(left);
        }
    }
}

/// What the hosts saw, and whether that is fair and no more than they allow.
fn report(
    requests: &[RecordedRequest],
    events: usize,
    args: &Args,
    start: DateTime<Utc>,
) -> Result<()> {
    let mut hosts: BTreeMap<&str, Vec<&RecordedRequest>> = BTreeMap::new();
    for request in requests {
        hosts.entry(&request.venue).or_default().push(request);
    }
    let mut too_fast = Vec::new();
    let mut late = Vec::new();
    let mut lines: Vec<Value> = Vec::new();
    for (host, asked) in &hosts {
        let gaps = asked.windows(2).filter_map(|pair| match pair {
            [a, b] => Some((b.at - a.at).num_milliseconds()),
            _ => None,
        });
        let shortest = gaps.min().unwrap_or(i64::MAX);
        let mut first: BTreeMap<&str, DateTime<Utc>> = BTreeMap::new();
        for request in asked {
            first.entry(&request.path_and_query).or_insert(request.at);
        }
        let questions = first.len();
        let longest = first
            .values()
            .map(|at| (*at - start - MATURES).num_seconds())
            .max()
            .unwrap_or_default();
        lines.push(
            json!({"host": host, "requests": asked.len(), "questions": questions,
            "shortest_gap_ms": shortest, "last_first_answer_s": longest}),
        );
        // A request may leave up to a scheduler's turn late and the next on time.
        if shortest < 900 {
            too_fast.push(*host);
        }
        // Everybody's first turn comes before anybody's third.
        let fair = i64::try_from(questions)
            .unwrap_or(i64::MAX)
            .saturating_mul(3)
            + 60;
        if FACTS.contains(host) && longest > fair {
            late.push(*host);
        }
    }
    for line in lines {
        println!("{line}");
    }
    let questions: BTreeSet<(&str, &str)> = requests
        .iter()
        .map(|r| (r.venue.as_str(), r.path_and_query.as_str()))
        .collect();
    let took = requests
        .last()
        .map(|r| (r.at - start - MATURES).num_seconds())
        .unwrap_or_default();
    println!(
        "{}",
        json!({"done": {"events": events, "requests": requests.len(),
            "questions": questions.len(), "events_per_match": args.events_per_match,
            "seconds_from_maturity": took}})
    );
    if !too_fast.is_empty() {
        return Err(format!("asked too often: {}", too_fast.join(", ")).into());
    }
    if !late.is_empty() {
        return Err(format!("kept waiting: {}", late.join(", ")).into());
    }
    Ok(())
}

/// Hosts of facts, which are all asked about everything from one second on.
const FACTS: [&str; 6] = [
    "openligadb",
    "football-data",
    "api-football",
    "mlb",
    "ap",
    "bundeswahlleiterin",
];

const PAIRS: [[&str; 2]; 2] = [["openligadb", "football-data"], ["api-football", "mlb"]];

fn game(pair: usize, n: u64, kickoff: i64) -> ScriptedMatch {
    let pair = u64::try_from(pair).unwrap_or_default();
    ScriptedMatch {
        id: 1000 * (pair + 1) + n,
        home: 40,
        away: 7,
        kickoff,
        stage: MatchStage::Finished(2, 1),
    }
}

/// Everything is over and certified.
fn play(venues: &LoopbackVenues, args: &Args, start: DateTime<Utc>) {
    let kickoff = (start - TimeDelta::hours(2)).timestamp();
    for (index, pair) in PAIRS.iter().enumerate() {
        for n in 0..args.matches {
            for provider in pair {
                venues.set_match(provider, &game(index, n, kickoff));
            }
        }
    }
    for n in 0..RACES {
        let race = ScriptedRace {
            date: date(n),
            state: "GA".to_owned(),
            office: "S".to_owned(),
            candidates: vec![("18702".to_owned(), 20), ("18705".to_owned(), 10)],
            results_type: "certified",
            winner: Some("18702".to_owned()),
        };
        venues.set_answer("ap", &race.path(), race.body());
    }
    for n in 0..COUNTS {
        let body = kerg2("Endgültig", &[("CDU", 20), ("SPD", 25), ("CSU", 10)]);
        venues.set_answer("bundeswahlleiterin", &format!("/count/{n}/kerg2.csv"), body);
    }
}

/// A race of its own for each number: AP is asked by day.
fn date(n: usize) -> String {
    format!(
        "20{:02}-{:02}-{:02}",
        10 + n / 100,
        1 + n / 10 % 10,
        1 + n % 10
    )
}

/// The configuration file, and how many events it has.
fn configuration(
    venues: &LoopbackVenues,
    args: &Args,
    start: DateTime<Utc>,
) -> Result<(String, usize)> {
    let mut text = preamble("sqlite:data/oracle.db") + "max_open_choice_bits = 100000\n";
    for name in NAMED {
        let base = venues.base_url(name).ok_or("a host did not start")?;
        write!(
            text,
            "\n[provider.{name}]\nbase_url = \"{base}\"\nrate = \"1/s\"\n"
        )?;
    }
    for n in 0..GENERIC {
        let name = format!("venue{n}");
        let url = venues
            .generic_url(&name, "x")
            .ok_or("a host did not start")?;
        write!(
            text,
            "\n[generic.{name}]\nurl = \"{url}\"\nvalue = \"$.price\"\ntime = \"$.ts\"\n\
             time_unit = \"s\"\nrate = \"1/s\"\n"
        )?;
    }
    text.push_str(
        "\n[price.btcusd]\nmethod = \"close1m_median\"\nsources = [\"kraken:XBTUSD\", \
         \"coinbase:BTC-USD\", \"bitstamp:btcusd\", \"gemini:btcusd\"]\nmin_sources = 3\n\
         max_deviation = \"0.5%\"\nmax_trade_age = \"15m\"\nsettle_delay = \"0s\"\n",
    );
    for n in 0..GENERIC / 2 {
        write!(
            text,
            "\n[price.thin{n}]\nmethod = \"close1m_median\"\nsources = [\"generic:venue{}\", \
             \"generic:venue{}\"]\nmin_sources = 2\nmax_deviation = \"5%\"\n\
             max_trade_age = \"6h\"\nsettle_delay = \"0s\"\n",
            2 * n,
            2 * n + 1
        )?;
    }
    let mut events = matches(&mut text, args, start)?;
    events += elections(&mut text, start)?;
    events += prices(&mut text, start)?;
    Ok((text, events))
}

fn matches(text: &mut String, args: &Args, start: DateTime<Utc>) -> Result<usize> {
    let kickoff = start - TimeDelta::hours(2);
    let mut events = 0;
    for (index, [a, b]) in PAIRS.iter().enumerate() {
        for n in 0..args.matches {
            let id = game(index, n, 0).id;
            for copy in 0..args.events_per_match {
                write!(
                    text,
                    "\n[[event]]\nid = \"match-{id}-{copy}\"\nkind = \"match\"\n\
                     kickoff = \"{}\"\nmaturity = \"{}\"\nbasis = \"final\"\n\
                     outcomes = [\"home\", \"draw\", \"away\", \"void\"]\nagree = 2\n\
                     stable_reads = 2\nread_every = \"60s\"\nsettle_delay = \"1s\"\n\
                     source = [{{ provider = \"{a}\", match = \"{id}\", home = \"40\", away = \"7\" }}, \
                     {{ provider = \"{b}\", match = \"{id}\", home = \"40\", away = \"7\" }}]\n",
                    stamp(kickoff),
                    stamp(start + MATURES),
                )?;
                events += 1;
            }
        }
    }
    Ok(events)
}

fn elections(text: &mut String, start: DateTime<Utc>) -> Result<usize> {
    let maturity = stamp(start + MATURES);
    for n in 0..RACES {
        for copy in 0..EVENTS_PER_RACE {
            write!(
                text,
                "\n[[event]]\nid = \"race-{n}-{copy}\"\nkind = \"election\"\n\
                 maturity = \"{maturity}\"\nbasis = \"certified\"\n\
                 outcomes = [\"a\", \"b\", \"other\", \"void\"]\nagree = 1\nread_every = \"60s\"\n\
                 candidates = {{ a = {{ ap = [\"18702\"] }}, b = {{ ap = [\"18705\"] }} }}\n\
                 source = [{{ provider = \"ap\", date = \"{}\", state = \"GA\", office = \"S\" }}]\n",
                date(n)
            )?;
        }
    }
    for n in 0..COUNTS {
        for copy in 0..EVENTS_PER_RACE {
            write!(
                text,
                "\n[[event]]\nid = \"count-{n}-{copy}\"\nkind = \"election\"\n\
                 maturity = \"{maturity}\"\nbasis = \"endgueltig\"\n\
                 outcomes = [\"union\", \"spd\", \"other\", \"void\"]\nagree = 1\n\
                 read_every = \"60s\"\n\
                 candidates = {{ union = {{ bundeswahlleiterin = [\"CDU\", \"CSU\"] }}, \
                 spd = {{ bundeswahlleiterin = [\"SPD\"] }} }}\n\
                 source = [{{ provider = \"bundeswahlleiterin\", path = \"/count/{n}/kerg2.csv\", \
                 area = \"Bund\", vote = 2 }}]\n"
            )?;
        }
    }
    Ok((RACES + COUNTS) * EVENTS_PER_RACE)
}

fn prices(text: &mut String, start: DateTime<Utc>) -> Result<usize> {
    let mut events = 0;
    for price in
        std::iter::once("btcusd".to_owned()).chain((0..GENERIC / 2).map(|n| format!("thin{n}")))
    {
        for step in 0..PRICE_MATURITIES {
            let maturity = stamp(start + MATURES + TimeDelta::seconds(step * PRICE_EVERY));
            for level in 0..LEVELS {
                write!(
                    text,
                    "\n[[event]]\nid = \"{price}-{step}-{level}\"\nkind = \"threshold\"\n\
                     price = \"{price}\"\nabove = \"{level}\"\nmaturity = \"{maturity}\"\n"
                )?;
                events += 1;
            }
        }
    }
    Ok(events)
}

fn stamp(time: DateTime<Utc>) -> String {
    time.to_rfc3339_opts(SecondsFormat::Secs, true)
}
