//! The market that the venues replay, and what an oracle must make of it:
//! computed here with integers alone, in another way than the service does.
//!
//! Every minute has a price of its own, so that a fixing taken from any other
//! minute is another outcome.

use oracle_feeds::loopback::LoopbackVenues;
use rust_decimal::Decimal;

/// Unix seconds of 2026-11-22T15:00:00Z, when every test begins.
pub const START: i64 = 1_795_359_600;

/// The generic venues of the thin PPC market.
pub const PPC_VENUES: [&str; 2] = ["ppcbtc_a", "ppcbtc_b"];

/// The providers of matches and elections.
pub const FACT_PROVIDERS: [&str; 9] = [
    "openligadb",
    "football-data",
    "api-football",
    "mlb",
    "nhl",
    "nba",
    "espn-nfl",
    "ap",
    "bundeswahlleiterin",
];

/// Every venue.
pub fn venues() -> impl Iterator<Item = &'static str> {
    LoopbackVenues::BUILT_IN.into_iter().chain(PPC_VENUES)
}

/// The close of a venue's minute.
pub fn price(venue: &str, _symbol: &str, minute_open: i64) -> Option<Decimal> {
    if PPC_VENUES.contains(&venue) {
        return Some(Decimal::new(ppcbtc_e10(venue, minute_open), 10));
    }
    Some(Decimal::new(btcusd_cents(venue, minute_open), 2))
}

/// Cents per bitcoin at a venue. The two middle venues agree, so that the
/// median stays where it is whichever one venue is missing or absurd.
fn btcusd_cents(venue: &str, minute_open: i64) -> i64 {
    let offset = match venue {
        "kraken" => 0,
        "gemini" => 20,
        _ => 10,
    };
    6_123_450 + 37 * minutes(minute_open) + offset
}

/// 10^-10 bitcoin per peercoin.
fn ppcbtc_e10(venue: &str, minute_open: i64) -> i64 {
    41_200 + minutes(minute_open) + if venue == "ppcbtc_b" { 2 } else { 0 }
}

fn minutes(minute_open: i64) -> i64 {
    (minute_open - START).div_euclid(60)
}

/// The fixing of BTC/USD at `at`, cents.
pub fn btcusd_fixing_cents(at: i64) -> i64 {
    btcusd_cents("coinbase", at - 60)
}

/// The exact fixing of PPC/USD at `at`, 10^-12 dollars.
pub fn ppcusd_fixing_e12(at: i64) -> i64 {
    // One above the lower venue: the mean of the two.
    (ppcbtc_e10("ppcbtc_a", at - 60) + 1) * btcusd_fixing_cents(at)
}

/// The same in whole microdollars, half to even.
pub fn ppcusd_fixing_micros(at: i64) -> i64 {
    let exact = ppcusd_fixing_e12(at);
    let (whole, rest) = (exact / 1_000_000, exact % 1_000_000);
    let up = rest > 500_000 || (rest == 500_000 && whole % 2 == 1);
    whole + i64::from(up)
}

/// Fixed digits of a number, most significant first, as they are signed.
pub fn digits(value: i64, base: i64, count: usize) -> Vec<String> {
    let mut rest = value;
    let mut digits = Vec::with_capacity(count);
    for _ in 0..count {
        digits.push((rest % base).to_string());
        rest /= base;
    }
    digits.reverse();
    digits
}
