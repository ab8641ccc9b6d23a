//! Arithmetic on every core.

use std::num::NonZero;
use std::thread;

/// Below this a thread costs more than it saves.
const WORTH_A_THREAD: usize = 32;

/// `f` of every item, in order; the first error in item order wins.
pub(super) fn map<T: Sync, R: Send, E: Send>(
    items: &[T],
    f: impl Fn(&T) -> Result<R, E> + Sync,
) -> Result<Vec<R>, E> {
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let chunk = items.len().div_ceil(cores).max(WORTH_A_THREAD);
    if items.len() <= chunk {
        return items.iter().map(f).collect();
    }
    let parts: Vec<Result<Vec<R>, E>> = thread::scope(|scope| {
        let workers: Vec<_> = items
            .chunks(chunk)
            .map(|part| scope.spawn(|| part.iter().map(&f).collect()))
            .collect();
        workers
            .into_iter()
            .map(|w| w.join().unwrap_or_else(|p| std::panic::resume_unwind(p)))
            .collect()
    });
    let mut all = Vec::with_capacity(items.len());
    for part in parts {
        all.extend(part?);
    }
    Ok(all)
}
