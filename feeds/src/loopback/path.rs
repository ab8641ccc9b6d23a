//! A deterministic price path.

use rust_decimal::Decimal;

/// A price near `base`, the same for the same arguments for ever: within 2 % of
/// `base`, smooth over hours, and within 0.01 % between venues.
///
/// It has as many decimal places as `base` has, and at least two more digits
/// should be spared there for it to move at all.
pub fn price_path(venue: &str, symbol: &str, base: Decimal, minute_open: i64) -> Decimal {
    let hour = minute_open.div_euclid(3600);
    let into = minute_open.rem_euclid(3600);
    let (from, to) = (offset(symbol, hour), offset(symbol, hour + 1));
    // Parts per million: a slope from hour to hour, a step each minute.
    let trend = from + (to - from) * into / 3600;
    let step = spread(hash(&[symbol, "m"], minute_open), 200);
    let venue = spread(hash(&[symbol, venue], minute_open), 100);
    let parts = Decimal::from(1_000_000 + trend + step + venue);
    (base * parts / Decimal::from(1_000_000)).round_dp(base.scale())
}

fn offset(symbol: &str, hour: i64) -> i64 {
    spread(hash(&[symbol, "h"], hour), 15_000)
}

/// −limit … limit.
fn spread(hash: u64, limit: i64) -> i64 {
    i64::try_from(hash % (2 * limit.unsigned_abs() + 1)).unwrap_or_default() - limit
}

/// FNV-1a with a final mix; quality hardly matters, stability does.
fn hash(texts: &[&str], n: i64) -> u64 {
    let bytes = texts.iter().flat_map(|t| t.bytes().chain([0]));
    let h = bytes
        .chain(n.to_le_bytes())
        .fold(0xcbf2_9ce4_8422_2325_u64, |h, b| {
            (h ^ u64::from(b)).wrapping_mul(0x0100_0000_01b3)
        });
    (h ^ (h >> 29)).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_is_stable_and_stays_near_its_base() {
        let base = Decimal::new(6_123_450, 2);
        let at =
            |venue, minute: i64| price_path(venue, "btcusd", base, 1_790_870_340 + 60 * minute);
        assert_eq!(at("kraken", 0), at("kraken", 0));
        let mut moved = false;
        for minute in 0_i64..500 {
            let (a, b) = (at("kraken", minute), at("gemini", minute));
            assert!((a - base).abs() < base * Decimal::new(2, 2), "{a}");
            assert!((a - b).abs() < base * Decimal::new(3, 4), "{a} {b}");
            moved |= a != at("kraken", 0);
        }
        assert!(moved);
    }
}
