//! Work that is done for many events at once, and for each on its own where one of them
//! stands in the way.

use super::EngineError;

/// Does `work` for the batch as a whole; if that is refused for what its events are, for
/// each on its own, so that none blocks another. Answers those that were refused on their
/// own, and why; an error is the database's or the machine's, and what is not done then is
/// due still.
pub(super) async fn each_on_its_own<'a, T, F>(
    batch: &'a [T],
    work: impl Fn(&'a [T]) -> F,
) -> Result<Vec<(&'a T, EngineError)>, EngineError>
where
    F: Future<Output = Result<(), EngineError>>,
{
    let mut refused = Vec::new();
    match work(batch).await {
        Err(error) if error.is_about_the_events() => {}
        done => return done.map(|()| refused),
    }
    for one in batch {
        match work(std::slice::from_ref(one)).await {
            Ok(()) => {}
            Err(error) if error.is_about_the_events() => refused.push((one, error)),
            Err(error) => return Err(error),
        }
    }
    Ok(refused)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use std::cell::RefCell;

    use oracle_schema::EventId;

    use super::*;
    use crate::signer::SignerError;
    use crate::store::StoreError;

    fn refusal() -> EngineError {
        let event_id = EventId::one_off("bad").unwrap();
        SignerError::CheckFailed { event_id }.into()
    }

    #[tokio::test]
    async fn a_batch_without_a_bad_one_is_done_as_a_whole() {
        let done = RefCell::new(Vec::new());
        let done = &done;
        let work = |batch: &'static [u8]| async move {
            done.borrow_mut().push(batch.len());
            Ok(())
        };
        assert!(each_on_its_own(&[1, 2, 3], work).await.unwrap().is_empty());
        assert_eq!(*done.borrow(), [3]);
    }

    #[tokio::test]
    async fn a_bad_one_keeps_no_other_from_being_done() {
        let done = RefCell::new(Vec::new());
        let done = &done;
        let work = |batch: &'static [u8]| async move {
            if batch.contains(&2) {
                return Err(refusal());
            }
            done.borrow_mut().extend_from_slice(batch);
            Ok(())
        };
        let refused = each_on_its_own(&[1, 2, 3], work).await.unwrap();
        assert_eq!(refused.len(), 1);
        assert_eq!(*refused[0].0, 2);
        assert_eq!(*done.borrow(), [1, 3]);
    }

    #[tokio::test]
    async fn what_is_not_about_the_events_ends_it() {
        for fails_alone in [false, true] {
            let work = |batch: &'static [u8]| async move {
                if fails_alone && batch.len() > 1 {
                    return Err(refusal());
                }
                Err(StoreError::Held.into())
            };
            let error = each_on_its_own(&[1, 2], work).await.unwrap_err();
            assert!(!error.is_about_the_events());
        }
    }
}
