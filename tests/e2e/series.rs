//! Series that the laws are shown on, all maturing at [`MATURITY`].

use oracle_tests::market::START;

/// Half an hour after the start.
pub(crate) const MATURITY: i64 = START + 1800;
/// When the last bar counts as final.
pub(crate) const SETTLED: i64 = MATURITY + 60;

/// BTC/USD in cents, base 10.
pub(crate) const CENTS: &str = r#"
[[series]]
id = "btc-cents"
kind = "digits"
price = "btcusd"
decimals = 2
base = 10
digits = 9
unit = "cent/BTC"
at = ["2026-11-22T15:30:00Z"]
announce_ahead = "1d"
"#;

/// PPC/USD in microdollars, base 2.
pub(crate) const MICROS: &str = r#"
[[series]]
id = "ppc-micros"
kind = "digits"
price = "ppcusd"
decimals = 6
base = 2
digits = 20
unit = "uUSD/PPC"
at = ["2026-11-22T15:30:00Z"]
announce_ahead = "1d"
"#;

/// A binary option on PPC/USD.
pub(crate) fn threshold(id: &str, above: &str) -> String {
    format!(
        r#"
[[series]]
id = "{id}"
kind = "threshold"
price = "ppcusd"
above = "{above}"
at = ["2026-11-22T15:30:00Z"]
announce_ahead = "1d"
"#
    )
}

/// BTC/USD in cents at each of these times of the first day.
pub(crate) fn cents_at(times: &[i64]) -> String {
    let at: Vec<String> = times
        .iter()
        .map(|t| format!("{:?}", oracle_tests::world::instant(*t).to_rfc3339()))
        .collect();
    CENTS.replace(r#""2026-11-22T15:30:00Z""#, &at.join(", "))
}
