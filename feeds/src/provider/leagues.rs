//! What the adapters of the American leagues have in common: fields that are
//! looked at where they are used, and the score after regular time out of a line
//! score.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::matches::{self, contradiction};
use crate::fact::{MatchFact, MatchState, Score};
use crate::json;
use crate::observation::Reading;

/// A field that may be missing or of any shape until somebody needs it.
pub(super) type Raw<'a> = Option<&'a RawValue>;

/// The value of a field that the reading rests on.
pub(super) fn due<'a, T: Deserialize<'a>>(raw: Raw<'a>, name: &str) -> Result<T, Reading> {
    let text = raw
        .ok_or_else(|| contradiction(format!("unexpected JSON: no {name}")))?
        .get();
    serde_json::from_str(text)
        .map_err(|_| contradiction(format!("unexpected JSON: {name} is {}", json::quote(text))))
}

/// The value of a field that the reading can do without.
pub(super) fn hint<'a, T: Deserialize<'a>>(raw: Raw<'a>) -> Option<T> {
    serde_json::from_str(raw?.get()).ok()
}

/// A match of which only the state and the sides are known yet.
pub(super) fn fact(words: &str, state: MatchState, home: String, away: String) -> MatchFact {
    matches::fact(matches::literal(words, None), state, home, away)
}

/// Points of one side, each with the number of its period.
pub(super) type Line = Vec<(u32, u32)>;

/// The score after `regulation` of the `periods` that were played, where these
/// are more. Overtime only follows a level score, so a line score that is not
/// level there, or does not add up to the end, is not believed and leaves a
/// doubt. One that cannot be read says nothing: the final score stands without it.
pub(super) fn level_score(
    home: Option<Line>,
    away: Option<Line>,
    (regulation, periods): (u32, u32),
    end: Score,
    doubts: &mut Vec<String>,
) -> Option<Score> {
    let (home, away) = (home?, away?);
    let split = |line: &Line| split(line, regulation, periods);
    if let (Some((home, whole_home)), Some((away, whole_away))) = (split(&home), split(&away))
        && home == away
        && (whole_home, whole_away) == (end.home, end.away)
    {
        return Some(Score { home, away });
    }
    doubts.push(format!(
        "the periods are not those of a game that went from a level score to {}",
        matches::text(end)
    ));
    None
}

/// Points of regular time and of the whole game, if every period is there once.
fn split(line: &Line, regulation: u32, periods: u32) -> Option<(u32, u32)> {
    let numbers: BTreeSet<u32> = line.iter().map(|(number, _)| *number).collect();
    if numbers.len() != line.len() || !numbers.into_iter().eq(1..=periods) {
        return None;
    }
    let sum = |until: u32| {
        let counted = line.iter().filter(|(number, _)| *number <= until);
        counted
            .map(|(_, points)| *points)
            .try_fold(0, u32::checked_add)
    };
    Some((sum(regulation)?, sum(periods)?))
}
