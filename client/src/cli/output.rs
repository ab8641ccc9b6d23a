//! Printing what strangers wrote.

use std::borrow::Cow;
use std::io::{self, IsTerminal as _, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oracle_schema::policy::question::is_unseen;

/// Text safe for a terminal: what nobody sees, reorders text or commands the
/// terminal becomes visible escapes, so that no server can redraw the screen.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_unseen) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        if is_unseen(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// One line on stdout, flushed so that a pipe's reader sees it at once.
pub(super) fn line(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{text}")?;
    out.flush()
}

/// One line on stderr. There is nobody left to tell if that fails.
pub(super) fn eline(text: &str) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// `--quiet`.
static QUIET: AtomicBool = AtomicBool::new(false);

/// From now on nothing but errors and verdicts on stderr.
pub(super) fn be_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// A line on stderr that a script may want to be without.
pub(super) fn note(text: &str) {
    if !QUIET.load(Ordering::Relaxed) {
        eline(&printable(text));
    }
}

/// Whether somebody watches, to whom progress can be shown.
pub(super) fn is_watched() -> bool {
    !QUIET.load(Ordering::Relaxed) && io::stderr().is_terminal()
}

/// Back to the line's beginning, and erase it.
pub(super) const ERASE: &str = "\r\u{1b}[2K";

/// Runs something that may take as long as `timeout`, and tells who watches that it
/// still runs.
pub(super) async fn with_patience<T>(
    what: &str,
    timeout: Duration,
    running: impl Future<Output = T>,
) -> T {
    if !is_watched() {
        return running.await;
    }
    let started = Instant::now();
    let mut tick = tokio::time::interval(Duration::from_secs(1));
    let whole = |time: Duration| humantime::format_duration(Duration::from_secs(time.as_secs()));
    let mut running = std::pin::pin!(running);
    loop {
        tokio::select! {
            done = &mut running => {
                let _ = write!(io::stderr().lock(), "{ERASE}");
                return done;
            }
            _ = tick.tick() => {
                let (elapsed, timeout) = (whole(started.elapsed()), whole(timeout));
                let mut err = io::stderr().lock();
                // There is nobody left to tell if that fails.
                let _ = write!(err, "{ERASE}{}: {elapsed} of {timeout}", printable(what));
                let _ = err.flush();
            }
        }
    }
}

/// JSON on stdout, indented for people or on one line for `watch`.
pub(super) fn json(value: &serde_json::Value, pretty: bool) -> io::Result<()> {
    line(&if pretty {
        format!("{value:#}")
    } else {
        value.to_string()
    })
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn a_server_cannot_redraw_the_terminal() {
        assert_eq!(printable("plain Ärger"), "plain Ärger");
        assert_eq!(printable("\u{1b}[2Jok"), "\\u{1b}[2Jok");
        assert_eq!(printable("a\u{202e}b\nc"), "a\\u{202e}b\\u{a}c");
    }
}
