//! What the process says of itself: written by the engine, read by HTTP.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Utc};
use oracle_feeds::health::Health;

use crate::store::BodiesToday;

/// Bytes free below which the health report says so.
const LITTLE_ROOM: u64 = 1024 * MIB;

/// Bytes free below which the service is not ready: somebody has to make room.
const ALMOST_NO_ROOM: u64 = 128 * MIB;

const MIB: u64 = 1024 * 1024;

/// How the process is doing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthReport {
    /// Whether this process announces and attests.
    pub leader: bool,
    /// Whether the signing journal can be used. Never names a path.
    pub journal: Condition,
    /// Whether this process announces and attests.
    pub signing: Condition,
    /// Providers, by name; a generic source by its own.
    pub providers: BTreeMap<String, ProviderHealth>,
    /// What is known about the clock.
    pub clock: ClockHealth,
    /// Passes of the engine in a row that could not be finished. Nothing is lost by
    /// one, and while they last nothing is attested.
    pub failed_passes: u32,
    /// Room where the service writes; whoever leads.
    pub disk: DiskHealth,
    /// What came of bodies today.
    pub bodies: BodiesToday,
}

/// Whether something works.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// It does; `ok`.
    #[default]
    Works,
    /// It does not: why, for people.
    Fails(String),
}

impl Condition {
    /// Whether it works.
    pub fn works(&self) -> bool {
        *self == Self::Works
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Works => "ok",
            Self::Fails(why) => why,
        })
    }
}

/// What is known about the clock besides what it says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClockHealth {
    /// Whether it jumped ahead, by the monotonic clock, and no provider has
    /// said yet that it is right; or a provider contradicts it since the start.
    pub jumped: bool,
    /// How far it is ahead of each root that told the time within an hour,
    /// seconds.
    pub ahead_s: BTreeMap<String, i64>,
    /// Roots that say alike that it is wrong.
    pub doubt: Option<ClockDoubt>,
    /// Why it is not believed for everything, or what waits for somebody to tell the
    /// time.
    pub unconfirmed: Option<Unconfirmed>,
    /// Whether something has waited for that for more than a minute.
    pub is_held: bool,
}

/// Why the clock is not believed for everything, or what waits for somebody to tell
/// the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unconfirmed {
    /// Answers contradict it: nothing is announced, and no facts are decided.
    Contradicted,
    /// Nobody has told the time since the start: nothing is announced, and no facts
    /// are decided.
    SinceStart,
    /// It jumped ahead: nothing is announced, and no facts are decided.
    Jumped,
    /// Nobody has confirmed it since the start.
    Never,
    /// Too few have told the time since the start: nothing is refunded.
    TooFew,
    /// It is believed, and decisions wait for an answer that tells the time.
    Wanted,
}

impl fmt::Display for Unconfirmed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Contradicted => {
                "answers contradict the clock, and nothing is announced and no facts are \
                 decided until more of them confirm it: set it right"
            }
            Self::SinceStart => {
                "no answer has told the time since the start, and nothing is announced and no \
                 facts are decided until one confirms the clock: see that the providers can be \
                 reached, or start with --accept-clock"
            }
            Self::Jumped => {
                "the clock has jumped ahead, and nothing is announced and no facts are decided \
                 until an answer confirms it"
            }
            Self::Never => "no answer has confirmed the clock since the start",
            Self::TooFew => {
                "too few answers have told the time since the start, and nothing is refunded"
            }
            Self::Wanted => {
                "no answer has told the time lately, and decisions wait for one that does: \
                 the sources send no Date, or cannot be reached"
            }
        })
    }
}

/// Independent roots that say alike that the clock is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClockDoubt {
    /// How far it is ahead of theirs, seconds; negative where it is behind.
    pub ahead_s: i64,
    /// Two at least.
    pub roots: Vec<String>,
    /// Since when, by the doubted clock.
    pub since: DateTime<Utc>,
}

impl HealthReport {
    /// Of a process that leads and has seen nothing yet.
    pub fn leading() -> Self {
        Self {
            leader: true,
            ..Self::standby()
        }
    }

    /// Of a process that only reads: it has no journal to be wrong.
    pub fn standby() -> Self {
        Self {
            leader: false,
            journal: Condition::Works,
            signing: Condition::Works,
            providers: BTreeMap::new(),
            clock: ClockHealth::default(),
            failed_passes: 0,
            disk: DiskHealth::default(),
            bodies: BodiesToday::default(),
        }
    }

    /// `ok`, or that bodies of answers are not kept.
    pub fn evidence(&self) -> String {
        let BodiesToday { dropped, limit, .. } = self.bodies;
        match dropped {
            0 => "ok".to_owned(),
            _ => format!(
                "sources send more than is kept of a day: {dropped} bytes of bodies were not \
                 kept today; see who sends it (oracle_evidence_bytes_total), or raise \
                 store.evidence_per_day ({limit} bytes)"
            ),
        }
    }

    /// Begins anew, as one that leads or one that only reads. The disk is the same.
    pub fn begin(&mut self, leader: bool) {
        let disk = std::mem::take(&mut self.disk);
        *self = Self {
            leader,
            disk,
            ..Self::standby()
        };
    }
}

/// How much room is left.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DiskHealth {
    /// Bytes free to the service, by what is written there: `database` (with
    /// SQLite) and `journal`. Of what cannot be asked there is no figure.
    pub free: BTreeMap<&'static str, u64>,
}

impl DiskHealth {
    /// Where there is least.
    fn least(&self) -> Option<(&'static str, u64)> {
        let all = self.free.iter().map(|(name, free)| (*name, *free));
        all.min_by_key(|(_, free)| *free)
    }

    /// `ok`, or where how little is left. Never a path.
    pub fn reason(&self) -> String {
        match self.least() {
            Some((name, free)) if free < LITTLE_ROOM => format!(
                "{} MiB are left on the disk of the {name}; make room, below {} MiB the \
                 service is not ready",
                free / MIB,
                ALMOST_NO_ROOM / MIB
            ),
            _ => "ok".to_owned(),
        }
    }

    /// So little that people must look.
    pub fn is_little(&self) -> bool {
        self.least().is_some_and(|(_, free)| free < LITTLE_ROOM)
    }

    /// So little that writing may fail at any moment.
    pub fn is_almost_full(&self) -> bool {
        self.least().is_some_and(|(_, free)| free < ALMOST_NO_ROOM)
    }
}

/// How a provider is doing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ProviderHealth {
    /// The last answer held an observation.
    pub ok: bool,
    /// When one last did.
    pub last_success_at: Option<DateTime<Utc>>,
    /// Why the last answer held none, if it did not; without secrets.
    pub last_error: Option<String>,
    /// Success, lag and deviation; whether it is left alone for a while.
    pub record: Health,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `/readyz` publishes them: who rewords one does so here too.
    #[test]
    fn the_sentences_are_these() {
        let contradicted = "answers contradict the clock, and nothing is announced and no facts \
                            are decided until more of them confirm it: set it right";
        let since_start = "no answer has told the time since the start, and nothing is announced \
                           and no facts are decided until one confirms the clock: see that the \
                           providers can be reached, or start with --accept-clock";
        let jumped = "the clock has jumped ahead, and nothing is announced and no facts are \
                      decided until an answer confirms it";
        let too_few = "too few answers have told the time since the start, and nothing is refunded";
        let wanted = "no answer has told the time lately, and decisions wait for one that does: \
                      the sources send no Date, or cannot be reached";
        for (why, text) in [
            (Unconfirmed::Contradicted, contradicted),
            (Unconfirmed::SinceStart, since_start),
            (Unconfirmed::Jumped, jumped),
            (
                Unconfirmed::Never,
                "no answer has confirmed the clock since the start",
            ),
            (Unconfirmed::TooFew, too_few),
            (Unconfirmed::Wanted, wanted),
        ] {
            assert_eq!(why.to_string(), text, "{why:?}");
        }
        assert_eq!(Condition::Works.to_string(), "ok");
        assert_eq!(Condition::Fails("full".to_owned()).to_string(), "full");
        // Not even this is read as another condition than its own.
        assert!(!Condition::Fails("ok".to_owned()).works());
    }

    fn with(journal: u64, database: u64) -> DiskHealth {
        DiskHealth {
            free: BTreeMap::from([("journal", journal), ("database", database)]),
        }
    }

    #[test]
    fn little_room_is_told_before_it_is_gone() {
        assert_eq!(with(LITTLE_ROOM, LITTLE_ROOM).reason(), "ok");
        let little = with(LITTLE_ROOM, LITTLE_ROOM - MIB);
        assert!(little.reason().starts_with("1023 MiB"), "{little:?}");
        assert!(little.reason().contains("database"), "{little:?}");
        assert!(!little.is_almost_full(), "still ready");
        assert!(with(ALMOST_NO_ROOM - 1, LITTLE_ROOM).is_almost_full());
        assert_eq!(DiskHealth::default().reason(), "ok");
    }
}
