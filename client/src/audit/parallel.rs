//! One function over many items on all cores.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Items that a thread takes at a time: enough that taking costs nothing, few
/// enough that all threads end together.
const AT_A_TIME: usize = 16;

/// `each` of the items, in their order; every thread makes itself a `state`.
pub(super) fn map<T: Sync, S, R: Send>(
    jobs: NonZeroUsize,
    items: &[T],
    state: impl Fn() -> S + Sync,
    each: impl Fn(&mut S, &T) -> R + Sync,
) -> Vec<R> {
    let chunks: Vec<&[T]> = items.chunks(AT_A_TIME).collect();
    let next = AtomicUsize::new(0);
    let work = || {
        let mut state = state();
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            let Some(chunk) = chunks.get(at) else {
                return done;
            };
            done.extend(
                chunk
                    .iter()
                    .map(|item| each(&mut state, item))
                    .map(|r| (at, r)),
            );
        }
    };
    let threads = jobs.get().min(chunks.len().max(1));
    let mut done: Vec<(usize, R)> = std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads).map(|_| scope.spawn(work)).collect();
        let mut done = work();
        for other in others {
            match other.join() {
                Ok(more) => done.extend(more),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        done
    });
    // Stable: within a chunk the order is the items'.
    done.sort_by_key(|(at, _)| *at);
    done.into_iter().map(|(_, result)| result).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results_are_in_the_order_of_the_items_whoever_made_them() {
        let items: Vec<u64> = (0..1000).collect();
        for jobs in [1, 2, 7] {
            let jobs = NonZeroUsize::new(jobs).unwrap();
            let twice = map(jobs, &items, || (), |(), n| n * 2);
            assert!(twice.iter().zip(0..).all(|(got, n)| *got == n * 2));
            assert_eq!(twice.len(), items.len());
        }
    }

    #[test]
    fn of_nothing_comes_nothing() {
        assert!(map(NonZeroUsize::MIN, &[0; 0], || (), |(), n: &i32| *n).is_empty());
    }
}
