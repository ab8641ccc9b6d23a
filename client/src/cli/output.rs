//! Printing what strangers wrote.

use std::borrow::Cow;
use std::io::{self, Write};

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
