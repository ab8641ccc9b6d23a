//! How much single outside parties choose (`schema::policy::choice_bits`).

use oracle_schema::policy::choice_bits;

use super::StartError;
use crate::config::OneOff;
use crate::store::Store;

/// What single outside parties choose stays within its budget, whoever adds to
/// it: the file here, operators over HTTP.
pub(super) async fn check_choice(
    store: &Store,
    new: &[&OneOff],
    most: u32,
) -> Result<(), StartError> {
    let sole: Vec<_> = new
        .iter()
        .filter(|e| e.definition.sole_outcomes > 0)
        .collect();
    if sole.is_empty() {
        return Ok(());
    }
    let mut open = store.open_choice().await?;
    let known = open.len();
    open.extend(sole.iter().map(|e| e.definition.sole_choice()));
    let bits = choice_bits(open.iter().copied());
    if bits <= most {
        return Ok(());
    }
    let fits = |n: &usize| choice_bits(open.iter().take(known + n).copied()) <= most;
    let first = (1..=sole.len()).find(|n| !fits(n)).unwrap_or(1);
    let event = sole.get(first - 1).map(|e| e.id.to_string());
    Err(StartError::ChoiceBudget {
        event: event.unwrap_or_default(),
        bits,
        most,
    })
}
