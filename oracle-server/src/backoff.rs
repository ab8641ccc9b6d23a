//! Waits that double with every failure.

/// `first` after a failure, and twice as long for each of the `earlier` ones; `most` at
/// most. In whatever unit `first` and `most` are.
pub(crate) fn doubled(first: i64, earlier: i64, most: i64) -> i64 {
    let exponent = u32::try_from(earlier.clamp(0, 40)).unwrap_or_default();
    first.saturating_mul(2_i64.pow(exponent)).min(most)
}

#[cfg(test)]
mod tests {
    use super::doubled;

    #[test]
    fn waits_double_and_stay_within_their_bounds() {
        let waits: Vec<i64> = (-1..8).map(|earlier| doubled(3, earlier, 100)).collect();
        assert_eq!(waits, [3, 3, 6, 12, 24, 48, 96, 100, 100]);
        assert_eq!(doubled(i64::MAX, i64::MAX, 60), 60);
        assert_eq!(doubled(i64::MAX / 2, 40, i64::MAX), i64::MAX);
    }
}
