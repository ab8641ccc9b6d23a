//! What may stand in the log, and how much of it strangers can cause.
//!
//! Whoever sends requests must neither fill the disk that the service signs on nor
//! write lines that look like the service's own. What they send is shown cut and
//! escaped ([`Shown`]), what is written because of them comes at a bounded rate
//! ([`Throttle`]), and no line at all is longer than [`LONGEST_LINE`].

use std::fmt;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// Characters of what somebody sent that one field of a line shows.
const SHOWN: usize = 120;

/// Bytes of one line at most, its end included.
const LONGEST_LINE: usize = 16 * 1024;

/// Bytes of a longer line that are shown.
const SHOWN_OF_LINE: usize = 4 * 1024;

/// Lines that were left out of the log, by what they were about.
const LEFT_OUT: &str = "oracle_log_lines_left_out_total";

/// A text from outside as a log line may have it: the beginning, in one line,
/// without characters that command a terminal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<T>(pub(crate) T);

impl<T: AsRef<str>> fmt::Display for Shown<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.as_ref();
        let end = text.char_indices().nth(SHOWN).map(|(end, _)| end);
        let shown = end.and_then(|end| text.get(..end)).unwrap_or(text);
        for c in shown.chars() {
            // Quotes are harmless in a field and common in errors.
            if matches!(c, '"' | '\'') {
                f.write_char(c)?;
            } else {
                fmt::Display::fmt(&c.escape_debug(), f)?;
            }
        }
        if let Some(end) = end {
            write!(f, "… ({} bytes more)", text.len() - end)?;
        }
        Ok(())
    }
}

/// Lets some lines of one kind through, and counts the rest.
pub(crate) struct Throttle {
    about: &'static str,
    limiter: DefaultDirectRateLimiter,
    left_out: AtomicU64,
}

/// Lines at once, and then in each second, of what requests cause.
const BURST: NonZeroU32 = NonZeroU32::new(20).unwrap();
const EACH_SECOND: NonZeroU32 = NonZeroU32::new(2).unwrap();

/// Requests that were refused, before or after their signature was checked.
pub(crate) static REFUSED: LazyLock<Throttle> = LazyLock::new(|| Throttle::new("refused"));

/// Requests that the service failed on.
pub(crate) static FAILED: LazyLock<Throttle> = LazyLock::new(|| Throttle::new("failed"));

impl Throttle {
    fn new(about: &'static str) -> Self {
        Self {
            about,
            limiter: RateLimiter::direct(Quota::per_second(EACH_SECOND).allow_burst(BURST)),
            left_out: AtomicU64::new(0),
        }
    }

    /// Whether a line may be written now, and how many were left out since the
    /// last one, which the line says.
    pub(crate) fn admit(&self) -> Option<u64> {
        if self.limiter.check().is_ok() {
            return Some(self.left_out.swap(0, Ordering::Relaxed));
        }
        self.left_out.fetch_add(1, Ordering::Relaxed);
        metrics::counter!(LEFT_OUT, "about" => self.about).increment(1);
        None
    }
}

/// Where lines go: each is one write, and a longer one is cut.
pub(crate) struct Lines<W> {
    to: W,
    json: bool,
}

impl<W: Write> Lines<W> {
    /// Lines of text, or of JSON objects, of which a cut one is an object too.
    pub(crate) fn new(to: W, json: bool) -> Self {
        Self { to, json }
    }

    fn cut(&self, line: &[u8]) -> Vec<u8> {
        let shown = line.get(..SHOWN_OF_LINE).unwrap_or(line);
        let shown = String::from_utf8_lossy(shown);
        let left_out = line.len().saturating_sub(SHOWN_OF_LINE);
        let cut = if self.json {
            serde_json::json!({
                "level": "WARN",
                "fields": {
                    "message": "a log line was too long and is cut",
                    "begins": shown,
                    "left_out_bytes": left_out,
                },
            })
            .to_string()
        } else {
            format!("{shown}… ({left_out} bytes more)")
        };
        let mut cut = cut.into_bytes();
        cut.push(b'\n');
        cut
    }
}

impl<W: Write> Write for Lines<W> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if line.len() <= LONGEST_LINE {
            self.to.write_all(line)?;
        } else {
            let cut = self.cut(line);
            self.to.write_all(&cut)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn what_strangers_send_is_shown_short_in_one_line_and_without_commands() {
        let shown = Shown(format!("/v1/\u{1b}[2J\n\u{202e}{}", "a".repeat(60_000))).to_string();
        assert!(shown.len() < 200, "{shown}");
        assert!(shown.chars().all(|c| !c.is_control()), "{shown}");
        assert!(!shown.contains('\u{202e}'), "{shown}");
        assert!(shown.starts_with("/v1/\\u{1b}[2J\\n"), "{shown}");
        assert!(shown.ends_with("bytes more)"), "{shown}");
        assert_eq!(Shown("/v1/events/a").to_string(), "/v1/events/a");
    }

    #[test]
    fn beyond_the_rate_lines_are_counted_and_the_next_one_can_say_so() {
        let throttle = Throttle::new("test");
        let mut written = 0_u64;
        let mut noted = 0;
        for _ in 0..10_000 {
            if let Some(left_out) = throttle.admit() {
                written += 1;
                noted += left_out;
            }
        }
        assert!(written < 1_000, "{written} lines");
        let unsaid = throttle.left_out.load(Ordering::Relaxed);
        assert_eq!(written + noted + unsaid, 10_000, "none is forgotten");
    }

    #[test]
    fn no_line_is_longer_than_the_bound_and_json_stays_json() {
        for json in [false, true] {
            let mut to = Vec::new();
            let long = format!("{{\"a\":\"{}\"}}\n", "\u{1b}é".repeat(100_000));
            Lines::new(&mut to, json)
                .write_all(long.as_bytes())
                .unwrap();
            assert!(to.len() < LONGEST_LINE * 2, "{} bytes", to.len());
            let text = String::from_utf8(to).unwrap();
            assert_eq!(text.matches('\n').count(), 1);
            if json {
                let line: serde_json::Value = serde_json::from_str(&text).unwrap();
                assert_eq!(line["level"], "WARN");
            }
        }
        let mut to = Vec::new();
        Lines::new(&mut to, true).write_all(b"{}\n").unwrap();
        assert_eq!(to, b"{}\n");
    }
}
