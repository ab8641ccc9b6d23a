//! The lists of states that queries ask for, each once. Partial indexes have some of
//! them too: SQLite uses such an index only where a query repeats its list word for
//! word, and a test holds the two together.

/// Announced, and without an end.
pub(super) const UNDECIDED: &str = "('announced', 'provisional', 'held')";

/// Without an end, announced or not: as the index `event_open` has it.
pub(super) const OPEN: &str = "('scheduled', 'announced', 'provisional', 'held')";

/// Announced, and not finished: as the indexes `event_overdue`, `event_late` and
/// `event_choice` have it.
pub(super) const UNFINISHED: &str = "('announced', 'provisional', 'held', 'committed')";

/// Whatever may still change.
pub(super) const NOT_FINAL: &str = "('scheduled', 'announced', 'provisional', 'held', 'committed')";

/// Undecided, and waiting for nobody but the sources.
pub(super) const UNHELD: &str = "('announced', 'provisional')";

/// Waiting for a first decision, announced or not.
pub(super) const UNHELD_OR_SCHEDULED: &str = "('scheduled', 'announced', 'provisional')";

/// Whatever is not attested, which nearly all events are in the end: as the index
/// `event_unattested` has it.
pub(super) const UNATTESTED: &str = "state <> 'attested'";

/// Never shown as published.
pub(super) const UNPUBLISHED: &str = "('scheduled', 'withdrawn')";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use chrono::DateTime;
    use oracle_schema::Maturity;
    use oracle_schema::sql::SQLITE;

    use super::*;
    use crate::lifecycle::{Input, Standing, State, step};

    fn list(is_in: impl Fn(State) -> bool) -> String {
        let names: Vec<String> = State::ALL
            .into_iter()
            .filter(|s| is_in(*s))
            .map(|s| format!("'{}'", s.as_str()))
            .collect();
        format!("({})", names.join(", "))
    }

    /// Whether the input is possible from a state at some time.
    fn takes(state: State, input: Input<'_>) -> bool {
        let at = |unix| DateTime::from_timestamp(unix, 0).unwrap();
        [0, 1_500, 9_999].into_iter().any(|now| {
            let event = Standing {
                state,
                is_vetoed: false,
                maturity: Maturity::from_epoch(1_000),
                attest_by: at(2_000),
            };
            step(&event, input, at(now)).is_ok()
        })
    }

    #[test]
    fn every_list_is_what_the_state_machine_makes_of_it() {
        let undecided = |s| takes(s, Input::GiveUp);
        let scheduled = |s| s == State::Scheduled;
        assert_eq!(UNDECIDED, list(undecided));
        assert_eq!(OPEN, list(|s| scheduled(s) || undecided(s)));
        assert_eq!(UNFINISHED, list(|s| takes(s, Input::Recommit)));
        assert_eq!(NOT_FINAL, list(|s| !s.is_final()));
        let unheld = |s| undecided(s) && s != State::Held;
        assert_eq!(UNHELD, list(unheld));
        assert_eq!(UNHELD_OR_SCHEDULED, list(|s| scheduled(s) || unheld(s)));
        assert_eq!(UNPUBLISHED, list(|s| scheduled(s) || s == State::Withdrawn));
    }

    #[test]
    fn partial_indexes_repeat_the_lists_word_for_word() {
        let migrations: String = SQLITE.iter().map(|(_, _, text)| *text).collect();
        let index = |name: &str| {
            let start = migrations.find(&format!("INDEX {name} ")).unwrap();
            let rest = migrations.get(start..).unwrap();
            rest.get(..rest.find(';').unwrap()).unwrap()
        };
        for (name, list) in [
            ("event_open", OPEN),
            ("event_overdue", UNFINISHED),
            ("event_late", UNFINISHED),
            ("event_choice", UNFINISHED),
        ] {
            let index = index(name);
            assert!(index.contains(&format!("state IN {list}")), "{index}");
        }
        assert!(index("event_unattested").ends_with(UNATTESTED));
    }
}
