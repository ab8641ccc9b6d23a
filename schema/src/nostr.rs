//! Which Nostr events can carry announcements and attestations.

use std::ops::RangeInclusive;

/// Kinds 0, 3 and 5 are profile, contacts and deletion; of 10000 to 39999 a relay keeps only
/// an author's last event, or none (NIP-01).
const UNFIT_KINDS: [RangeInclusive<u16>; 4] = [0..=0, 3..=3, 5..=5, 10_000..=39_999];

/// Whether relays keep every event of this kind, and take it for what a message is.
pub fn is_fit_kind(kind: u16) -> bool {
    !UNFIT_KINDS.iter().any(|range| range.contains(&kind))
}
