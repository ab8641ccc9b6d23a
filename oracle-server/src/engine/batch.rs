//! Work that is done for many events at once, and for each on its own where one of them
//! stands in the way.

use super::EngineError;

/// Does `work` for the batch as a whole; if that is refused for what its events are, for
/// each on its own, so that none blocks another. Answers those that were refused on their
/// own, and why, and whether all were tried: an error is the database's or the machine's,
/// and what is not done then is due still. What was refused before it is refused all the
/// same: otherwise the next tick would begin with it again.
pub(super) async fn each_on_its_own<'a, T, F>(
    batch: &'a [T],
    work: impl Fn(&'a [T]) -> F,
) -> (Vec<(&'a T, EngineError)>, Result<(), EngineError>)
where
    F: Future<Output = Result<(), EngineError>>,
{
    let mut refused = Vec::new();
    match work(batch).await {
        Err(error) if error.is_about_the_events() => {}
        done => return (refused, done),
    }
    for one in batch {
        match work(std::slice::from_ref(one)).await {
            Ok(()) => {}
            Err(error) if error.is_about_the_events() => refused.push((one, error)),
            Err(error) => return (refused, Err(error)),
        }
    }
    (refused, Ok(()))
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
        let (refused, all) = each_on_its_own(&[1, 2, 3], work).await;
        all.unwrap();
        assert!(refused.is_empty());
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
        let (refused, all) = each_on_its_own(&[1, 2, 3], work).await;
        all.unwrap();
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
            let (_, all) = each_on_its_own(&[1, 2], work).await;
            assert!(!all.unwrap_err().is_about_the_events());
        }
    }

    #[tokio::test]
    async fn what_was_refused_before_such_an_error_is_answered_too() {
        let work = |batch: &'static [u8]| async move {
            match batch {
                [2] => Err(StoreError::Held.into()),
                _ => Err(refusal()),
            }
        };
        let (refused, all) = each_on_its_own(&[1, 2, 3], work).await;
        assert_eq!(refused.len(), 1);
        assert_eq!(*refused[0].0, 1);
        assert!(!all.unwrap_err().is_about_the_events());
    }
}
