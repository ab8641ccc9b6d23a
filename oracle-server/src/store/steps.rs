//! The one writer of an event's state.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::event::OutcomeError;

use super::StoreError;
use super::db::{Arg, Tx, args};
use super::lead::LeaderTx;
use super::read::StateChange;
use crate::lifecycle::{self, Input, Standing, State, Step};

/// Why events were not changed. Nothing of the batch was.
#[derive(Debug, thiserror::Error)]
pub enum ChangeError {
    /// The database.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The state machine forbids it.
    #[error("event {event}: {source}")]
    Illegal {
        /// Which event.
        event: EventId,
        /// Why.
        source: lifecycle::Illegal,
    },
    /// Some of the events were somewhere else meanwhile.
    #[error("{expected} events were to change, {found} could")]
    Moved {
        /// Events in the batch.
        expected: u64,
        /// Events that stood where they had stood.
        found: u64,
    },
    /// The intent row holds another end.
    #[error("event {event} is already committed to {existing}")]
    Conflict {
        /// Which event.
        event: EventId,
        /// To what.
        existing: String,
    },
    /// The outcome is not one of the event's.
    #[error("event {event}: {source}")]
    Outcome {
        /// Which event.
        event: EventId,
        /// Why not.
        source: OutcomeError,
    },
    /// The journal remembers an end of another event under this name: an older
    /// database is about to announce something else under a burned id.
    #[error("event id {event} is burned: it was announced and ended with other content")]
    Burned {
        /// Which event.
        event: EventId,
    },
    /// A log entry that cannot be encoded.
    #[error("log entry of {event}: {reason}")]
    Entry {
        /// Which event.
        event: EventId,
        /// Why.
        reason: String,
    },
}

impl From<sqlx::Error> for ChangeError {
    fn from(e: sqlx::Error) -> Self {
        Self::Store(e.into())
    }
}

/// The step that `input` is for an event, as [`LeaderTx::take_steps`] takes it.
pub(super) fn step_of<'a>(
    event: &'a EventId,
    standing: &Standing,
    input: Input<'_>,
    now: DateTime<Utc>,
) -> Result<(&'a str, Step), ChangeError> {
    match lifecycle::step(standing, input, now) {
        Ok(step) => Ok((event.as_str(), step)),
        Err(source) => Err(ChangeError::Illegal {
            event: event.clone(),
            source,
        }),
    }
}

/// What a step does to the sentence that says why the event is where it is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reason<'a> {
    /// It stays.
    Keep,
    /// It goes.
    Clear,
    /// It is this.
    Set(&'a str),
}

impl LeaderTx<'_> {
    /// Takes all of the steps, each only from where it begins. An event that has moved
    /// since it was read refuses the batch, whose transaction is then not to be committed.
    pub(super) async fn take_steps(
        &mut self,
        steps: &[(&str, Step)],
        reason: Reason<'_>,
    ) -> Result<(), ChangeError> {
        let found = self.try_steps(steps, reason).await?;
        let expected = steps.len() as u64;
        if found == expected {
            return Ok(());
        }
        Err(ChangeError::Moved { expected, found })
    }

    /// The same for whom a moved event is no surprise: it is left alone. Answers how
    /// many were taken.
    pub(super) async fn try_steps(
        &mut self,
        steps: &[(&str, Step)],
        reason: Reason<'_>,
    ) -> Result<u64, StoreError> {
        let mut alike: HashMap<Step, Vec<&str>> = HashMap::new();
        for (id, step) in steps {
            alike.entry(*step).or_default().push(id);
        }
        let mut taken = 0;
        for (step, ids) in alike {
            let moved = self.move_events(&step, &ids, reason).await?;
            taken += moved;
            // The log's own news tell of the others.
            if moved == ids.len() as u64 && step.changes_state() && !step.is_logged() {
                for id in ids {
                    self.tell(StateChange {
                        event_id: id.to_owned(),
                        state: step.to(),
                    });
                }
            }
        }
        Ok(taken)
    }

    async fn move_events(
        &mut self,
        step: &Step,
        ids: &[&str],
        reason: Reason<'_>,
    ) -> Result<u64, StoreError> {
        let mut leading = args![
            step.to().as_str(),
            i64::from(step.is_vetoed()),
            step.from().as_str(),
            i64::from(step.was_vetoed())
        ];
        let set_reason = match reason {
            Reason::Keep => "",
            Reason::Clear => ", reason = NULL",
            Reason::Set(text) => {
                leading.push(Arg::from(text));
                ", reason = $5"
            }
        };
        let sql = format!(
            "UPDATE event SET state = $1, vetoed = $2{set_reason} \
             WHERE state = $3 AND vetoed = $4 AND event_id IN"
        );
        let moved = self.execute_in(&sql, ids, leading).await?;
        if step.changes_state() && moved > 0 {
            let left = "UPDATE event_count SET events = events - $1 WHERE state = $2";
            let count = i64::try_from(moved).unwrap_or(i64::MAX);
            self.execute(left, args![count, step.from().as_str()])
                .await?;
            self.count_events(step.to(), moved).await?;
        }
        Ok(moved)
    }

    /// Counts events that have come into a state.
    pub(super) async fn count_events(&mut self, state: State, new: u64) -> Result<(), StoreError> {
        if new == 0 {
            return Ok(());
        }
        let count = i64::try_from(new).unwrap_or(i64::MAX);
        self.execute(
            "INSERT INTO event_count (state, events) VALUES ($1, $2) \
             ON CONFLICT (state) DO UPDATE SET events = event_count.events + excluded.events",
            args![state.as_str(), count],
        )
        .await?;
        Ok(())
    }
}

/// Counts all events anew: who led last may have been a build that does not keep counts.
pub(super) async fn recount_events(tx: &mut Tx) -> Result<(), StoreError> {
    tx.execute("DELETE FROM event_count", args![]).await?;
    tx.execute(
        "INSERT INTO event_count (state, events) SELECT state, COUNT(*) FROM event GROUP BY state",
        args![],
    )
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::path::{Path, PathBuf};

    /// Every Rust file below a directory.
    fn sources(directory: &Path) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                files.extend(sources(&path));
            } else if path.extension().is_some_and(|e| e == "rs") {
                files.push(path);
            }
        }
        files
    }

    /// The statements on the table `event` that begin with `verb`, each up to its
    /// condition or values.
    fn statements<'a>(text: &'a str, verb: &'a str) -> impl Iterator<Item = &'a str> {
        text.match_indices(verb).map(|(at, _)| {
            let rest = text.get(at..).unwrap();
            let end = [" WHERE ", "VALUES", "\");", ";"]
                .into_iter()
                .filter_map(|end| rest.find(end))
                .min();
            rest.get(..end.unwrap_or(rest.len())).unwrap()
        })
    }

    fn writes_state(statement: &str) -> bool {
        statement
            .split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'))
            .any(|word| word == "state" || word == "vetoed")
    }

    #[test]
    fn nothing_else_writes_an_events_state() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut writers = Vec::new();
        for path in sources(&root) {
            let text = std::fs::read_to_string(&path).unwrap();
            // String literals go on behind a backslash.
            let text = text.replace("\\\n", " ");
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            let file = path.strip_prefix(&root).unwrap().display().to_string();
            for verb in ["UPDATE event ", "REPLACE INTO event ", "DELETE FROM event "] {
                let found = statements(&text, verb).filter(|s| writes_state(s));
                writers.extend(found.map(|_| format!("{verb}in {file}")));
            }
            let made = statements(&text, "INSERT INTO event (");
            writers.extend(made.map(|_| format!("INSERT in {file}")));
        }
        writers.sort();
        // The second is where events are made, as scheduled ones. This file names the
        // verbs itself, which is no statement that writes a state.
        assert_eq!(
            writers,
            [
                "INSERT in store/schedule.rs",
                "INSERT in store/steps.rs",
                "UPDATE event in store/steps.rs",
            ]
        );
    }
}
