//! URLs with the time asked about in them.
//!
//! `{unix}`, `{unix_ms}` and `{iso}` stand for that time in seconds, in
//! milliseconds and as `2026-10-01T16:00:00Z`; each takes an offset in seconds,
//! `{unix-300}`, because most venues want a range. Nothing else may stand in
//! braces: a placeholder that a source does not know goes out as it stands, and
//! the answer is then about some other time.

use std::fmt::Write as _;

use chrono::DateTime;

/// Longest offset, seconds: no venue is asked about another year.
const MAX_OFFSET: i64 = 366 * 86_400;

/// A URL whose placeholders are known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Literal(String),
    Time { unit: Unit, offset_s: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Milliseconds,
    Iso,
}

/// Why a text is not a [`Template`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TemplateError {
    /// In braces stands no time.
    #[error(
        "{{{0}}} is no placeholder; known are {{unix}}, {{unix_ms}} and {{iso}}, each with +N or -N \
         seconds"
    )]
    Unknown(String),
    /// A brace without its other one.
    #[error("a brace stands alone; braces are for {{unix}}, {{unix_ms}} and {{iso}} only")]
    Brace,
    /// Farther than any venue is asked.
    #[error("{{{0}}}: the offset is not a number of at most 31622400 seconds (366 days)")]
    Offset(String),
}

impl Template {
    /// Reads a text with placeholders, or says which of them is none.
    pub fn parse(text: &str) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((literal, tail)) = rest.split_once('{') {
            let (name, tail) = tail.split_once('}').ok_or(TemplateError::Brace)?;
            push_literal(&mut parts, literal)?;
            parts.push(placeholder(name)?);
            rest = tail;
        }
        push_literal(&mut parts, rest)?;
        Ok(Self { parts })
    }

    /// The text for `at`, Unix seconds; none for a time beyond any calendar.
    pub fn render(&self, at: i64) -> Option<String> {
        let mut text = String::new();
        for part in &self.parts {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                Part::Time { unit, offset_s } => {
                    let time = DateTime::from_timestamp(at.checked_add(*offset_s)?, 0)?;
                    // Writing to a String cannot fail.
                    let _ = match unit {
                        Unit::Seconds => write!(text, "{}", time.timestamp()),
                        Unit::Milliseconds => write!(text, "{}", time.timestamp_millis()),
                        Unit::Iso => write!(text, "{}", time.format("%FT%TZ")),
                    };
                }
            }
        }
        Some(text)
    }

    /// Whether the text depends on the time.
    pub fn has_time(&self) -> bool {
        let mut parts = self.parts.iter();
        parts.any(|part| matches!(part, Part::Time { .. }))
    }
}

fn push_literal(parts: &mut Vec<Part>, literal: &str) -> Result<(), TemplateError> {
    if literal.contains('}') {
        return Err(TemplateError::Brace);
    }
    if !literal.is_empty() {
        parts.push(Part::Literal(literal.to_owned()));
    }
    Ok(())
}

fn placeholder(name: &str) -> Result<Part, TemplateError> {
    let split = name.find(['+', '-']).unwrap_or(name.len());
    let (unit, offset) = name.split_at(split);
    let unit = match unit {
        "unix" => Unit::Seconds,
        "unix_ms" => Unit::Milliseconds,
        "iso" => Unit::Iso,
        _ => return Err(TemplateError::Unknown(name.to_owned())),
    };
    let offset_s = match offset {
        "" => 0,
        signed => seconds(signed).ok_or_else(|| TemplateError::Offset(name.to_owned()))?,
    };
    Ok(Part::Time { unit, offset_s })
}

/// `+300`, `-300`.
fn seconds(signed: &str) -> Option<i64> {
    let digits = signed.get(1..)?;
    // Parsing alone would let a second sign through.
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    let seconds: i64 = plain.then(|| signed.parse().ok()).flatten()?;
    (seconds.abs() <= MAX_OFFSET).then_some(seconds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    const T: i64 = 1_790_870_400;

    #[test]
    fn each_placeholder_is_the_time_asked_about_moved_by_its_offset() {
        for (text, url) in [
            ("/k?at={unix}", "/k?at=1790870400"),
            (
                "/k?from={unix-300}&to={unix+60}",
                "/k?from=1790870100&to=1790870460",
            ),
            ("/k?at={unix_ms-1}", "/k?at=1790870399000"),
            (
                "/{iso}/{iso-86400}",
                "/2026-10-01T16:00:00Z/2026-09-30T16:00:00Z",
            ),
            ("/ticker", "/ticker"),
            ("", ""),
        ] {
            let template = Template::parse(text).unwrap();
            assert_eq!(template.render(T).as_deref(), Some(url));
            assert_eq!(template.has_time(), text.contains('{'));
        }
    }

    #[test]
    fn whatever_else_stands_in_braces_is_refused() {
        for text in [
            "/{}",
            "/{ unix}",
            "/{UNIX}",
            "/{unix_s}",
            "/{date}",
            "/{isox}",
            "/{-300}",
            "/{maturity}",
            "/{{unix}}",
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(
                matches!(error, TemplateError::Unknown(_)),
                "{text}: {error}"
            );
        }
        for text in [
            "/{unix+}",
            "/{unix-5m}",
            "/{unix--5}",
            "/{unix+31622401}",
            "/{iso+99999999999999999999}",
        ] {
            let error = Template::parse(text).unwrap_err();
            assert!(matches!(error, TemplateError::Offset(_)), "{text}: {error}");
        }
        for text in ["/{unix", "/unix}", "}{", "/{unix}}", "{"] {
            let error = Template::parse(text).unwrap_err();
            assert!(matches!(error, TemplateError::Brace), "{text}: {error}");
        }
    }

    #[test]
    fn a_time_beyond_any_calendar_is_no_url() {
        let template = Template::parse("/{unix+1}").unwrap();
        assert_eq!(template.render(i64::MAX), None);
        assert_eq!(template.render(i64::MAX - 1), None);
    }
}
