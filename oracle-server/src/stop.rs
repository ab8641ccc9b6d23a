//! The one stop signal: a watched flag, which becomes true when the process ends or
//! gives up the lead.

use tokio::sync::watch;

/// Resolves when `stop` says so. A sender that is gone is a stop too: whoever would
/// have said it is going down.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

/// What `work` comes to; none where the stop comes first, and then the work is dropped
/// where it stands.
pub(crate) async fn unless_stopped<T>(
    stop: &mut watch::Receiver<bool>,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        () = stopped(stop) => None,
        done = work => Some(done),
    }
}
