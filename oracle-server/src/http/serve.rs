//! The accept loop: bounded connections, bounded patience, graceful end.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tower::ServiceExt;

use super::admission::budget;
use super::held::{Held, Place};
use super::metrics::{CONNECTIONS, REFUSED};

/// Bytes of a request's head that are buffered at most.
const HEAD_BYTES: usize = 64 * 1024;
/// Pause after a failed accept (no file descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
const FULL: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nRetry-After: 1\r\n\
    Content-Length: 0\r\nConnection: close\r\n\r\n";

/// Bounds of one listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. One more is told 503 and closed at once: waiting
    /// in the backlog would hide the overload from balancers and clients.
    pub max_connections: usize,
    /// The same of one address, so that nobody takes all of them.
    pub per_client: NonZeroUsize,
    /// Addresses behind which there are many clients: they have no share of their own.
    pub trusted_proxies: Vec<IpAddr>,
    /// From the first moment (or the last answer) to a complete request head.
    pub header_timeout: Duration,
    /// How long answers under way may take after the shutdown signal.
    pub drain: Duration,
}

/// Connections of the admin listener at once: a share of its own, which no public
/// connection can take.
const ADMIN_CONNECTIONS: usize = 64;

impl Limits {
    /// Bounds of the admin listener.
    pub fn admin() -> Self {
        Self {
            max_connections: ADMIN_CONNECTIONS,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_connections: 10_000,
            per_client: NonZeroUsize::MAX,
            trusted_proxies: Vec::new(),
            header_timeout: Duration::from_secs(30),
            drain: Duration::from_secs(10),
        }
    }
}

/// Serves HTTP/1.1 until `shutdown` resolves, then stops accepting, lets
/// answers under way finish for [`Limits::drain`] and closes what is left.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    limits: Limits,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let slots = Arc::new(Semaphore::new(
        limits.max_connections.min(Semaphore::MAX_PERMITS),
    ));
    let held = Held::new(limits.per_client);
    let graceful = GracefulShutdown::new();
    let mut open = tokio::task::JoinSet::new();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            Some(_) = open.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Nothing about the listener itself: connections gone before
                // they were accepted, or the process out of descriptors.
                tracing::warn!(%error, "accept failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let Some(slot) = Slot::of(&slots, &held, &limits, peer.ip()) else {
            turn_away(&stream);
            continue;
        };
        // Answers are written whole; waiting for more to send only delays them.
        let _ = stream.set_nodelay(true);
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.header_timeout)
            .max_buf_size(HEAD_BYTES)
            .serve_connection(
                TokioIo::new(stream),
                hyper::service::service_fn({
                    let router = router.clone();
                    move |request| answer(router.clone(), request, peer)
                }),
            );
        let connection = graceful.watch(connection);
        open.spawn(async move {
            // Broken connections are the network's daily life, not ours.
            if let Err(error) = connection.await {
                tracing::trace!(%error, "connection ended");
            }
            drop(slot);
        });
    }
    drop(listener);
    if tokio::time::timeout(limits.drain, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::warn!(left = open.len(), "closing connections that did not finish");
    }
    open.shutdown().await;
    Ok(())
}

async fn answer(
    router: Router,
    mut request: Request<Incoming>,
    peer: SocketAddr,
) -> Result<axum::response::Response, Infallible> {
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request.map(Body::new)).await
}

/// Says why as well as a socket without a task can.
fn turn_away(stream: &TcpStream) {
    metrics::counter!(REFUSED).increment(1);
    // Best effort: the answer fits any socket buffer, and closing follows anyway.
    let _ = stream.try_write(FULL);
}

/// One connection's place, counted while it is held.
struct Slot {
    _permit: OwnedSemaphorePermit,
    _place: Option<Place>,
}

impl Slot {
    /// None where all are taken, or this address has its share.
    fn of(slots: &Arc<Semaphore>, held: &Arc<Held>, limits: &Limits, peer: IpAddr) -> Option<Self> {
        let peer = peer.to_canonical();
        let place = if limits.trusted_proxies.contains(&peer) {
            None
        } else {
            Some(held.place(budget(peer))?)
        };
        let permit = Arc::clone(slots).try_acquire_owned().ok()?;
        metrics::gauge!(CONNECTIONS).increment(1.0);
        Some(Self {
            _permit: permit,
            _place: place,
        })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        metrics::gauge!(CONNECTIONS).decrement(1.0);
    }
}
