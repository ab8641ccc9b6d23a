//! Strict reading of untrusted JSON: no duplicate keys anywhere, numbers as
//! their literal text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::HashSet;
use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;

use crate::decimal;
use crate::observation::Reading;

/// Longest piece of a foreign text repeated in a reading.
const MAX_QUOTE: usize = 100;

/// Parses a body after checking that it is one JSON text without duplicate
/// keys.
///
/// Not JSON at all (a web page, a cut body, nothing) is transient; JSON of
/// another shape than documented is a contradiction.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Reading> {
    check(body)?;
    serde_json::from_slice(body).map_err(|e| refusal(&e))
}

/// Checks that a body is one JSON text without duplicate keys.
pub(crate) fn check(body: &[u8]) -> Result<(), Reading> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Reading::transient("empty body"));
    }
    let mut reader = serde_json::Deserializer::from_slice(body);
    NoDuplicates
        .deserialize(&mut reader)
        .and_then(|()| reader.end())
        .map_err(|e| refusal(&e))
}

fn refusal(error: &serde_json::Error) -> Reading {
    match error.classify() {
        Category::Eof => Reading::transient("truncated JSON"),
        Category::Syntax | Category::Io => {
            Reading::transient(format!("not JSON (line {})", error.line()))
        }
        Category::Data => Reading::Contradiction(format!("unexpected JSON: {}", quote(error))),
    }
}

/// A foreign text made safe for a reading: printable, single-line, short.
pub(crate) fn quote(text: impl fmt::Display) -> String {
    text.to_string()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .take(MAX_QUOTE)
        .collect()
}

/// The text of a JSON number or string.
pub(crate) fn text(raw: &RawValue) -> Result<Cow<'_, str>, Reading> {
    let raw = raw.get();
    if raw.starts_with('"') {
        return serde_json::from_str(raw)
            .map(Cow::Owned)
            .map_err(|e| refusal(&e));
    }
    if raw.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return Ok(Cow::Borrowed(raw));
    }
    Err(Reading::Contradiction(format!(
        "{} where a number is due",
        quote(raw)
    )))
}

/// A number (or decimal string) with its literal text.
pub(crate) fn number(raw: &RawValue, field: &str) -> Result<(String, Decimal), Reading> {
    let literal = text(raw)?;
    let value = decimal::parse(&literal)
        .map_err(|e| Reading::Contradiction(format!("{field} {:?}: {e}", quote(&literal))))?;
    Ok((literal.into_owned(), value))
}

/// Whether a number (or decimal string) is more than zero; a negative one is
/// refused. Only its sign is read, so exponents and long fractions are fine.
pub(crate) fn is_positive(raw: &RawValue, field: &str) -> Result<bool, Reading> {
    let literal = text(raw)?;
    let refused =
        |why: &str| Reading::Contradiction(format!("{field} {:?}: {why}", quote(&literal)));
    match decimal::sign(&literal).map_err(|e| refused(&e.to_string()))? {
        Ordering::Less => Err(refused("negative")),
        Ordering::Equal => Ok(false),
        Ordering::Greater => Ok(true),
    }
}

/// A whole number (or a string of one).
pub(crate) fn integer(raw: &RawValue, field: &str) -> Result<i64, Reading> {
    let literal = text(raw)?;
    literal.parse().map_err(|_| {
        Reading::Contradiction(format!("{field} {:?}: not an integer", quote(&literal)))
    })
}

/// A field of an answer that may be missing or of any shape without making the
/// rest unreadable: it is refused, or passed over, where it is used.
#[derive(Debug, Clone, Default)]
pub(crate) enum Field<T> {
    /// Missing, or null.
    #[default]
    Absent,
    /// Of another shape than documented; the beginning of its text.
    Odd(String),
    /// As documented.
    Is(T),
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Field<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let raw = <&'de RawValue>::deserialize(deserializer)?.get();
        if raw == "null" {
            return Ok(Self::Absent);
        }
        Ok(serde_json::from_str(raw).map_or_else(|_| Self::Odd(quote(raw)), Self::Is))
    }
}

impl<T> Field<T> {
    /// The value, for a use that can do without.
    pub(crate) fn hint(self) -> Option<T> {
        match self {
            Self::Is(value) => Some(value),
            Self::Absent | Self::Odd(_) => None,
        }
    }

    pub(crate) fn as_ref(&self) -> Field<&T> {
        match self {
            Self::Absent => Field::Absent,
            Self::Odd(text) => Field::Odd(text.clone()),
            Self::Is(value) => Field::Is(value),
        }
    }

    /// The value if there is one; another shape is a contradiction that names
    /// the field.
    pub(crate) fn clean(self, name: &str) -> Result<Option<T>, Reading> {
        match self {
            Self::Is(value) => Ok(Some(value)),
            Self::Absent => Ok(None),
            Self::Odd(text) => Err(Reading::Contradiction(format!(
                "unexpected JSON: {name} is {text}"
            ))),
        }
    }

    /// The value, which the decision cannot do without.
    pub(crate) fn due(self, name: &str) -> Result<T, Reading> {
        let missing = || Reading::Contradiction(format!("unexpected JSON: no {name}"));
        self.clean(name)?.ok_or_else(missing)
    }
}

/// Walks a whole JSON text and fails on a duplicate key at any depth.
struct NoDuplicates;

impl<'de> DeserializeSeed<'de> for NoDuplicates {
    type Value = ();
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for NoDuplicates {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }
    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }
    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }
    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }
    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }
    fn visit_str<E: Error>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Self)?.is_some() {}
        Ok(())
    }
    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            map.next_value_seed(Self)?;
            if let Some(key) = seen.replace(key) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn duplicate_keys_are_refused_at_any_depth() {
        for body in [r#"{"a":1,"a":1}"#, r#"[{"x":[{"b":1,"c":2,"b":3}]}]"#] {
            let refused = check(body.as_bytes()).unwrap_err();
            assert_eq!(refused.verdict(), "contradiction", "{body}");
            assert!(refused.detail().contains("duplicate key"));
        }
        check(br#"[{"a":1},{"a":1}]"#).unwrap();
    }

    #[test]
    fn what_is_not_json_is_transient() {
        for body in [
            "",
            "  \n",
            "<html></html>",
            r#"{"a":[1"#,
            "{} {}",
            "\u{feff}{}",
            "NaN",
        ] {
            assert_eq!(
                check(body.as_bytes()).unwrap_err().verdict(),
                "transient",
                "{body:?}"
            );
        }
        assert_eq!(
            check(&[b'"', 0xff, b'"']).unwrap_err().verdict(),
            "transient"
        );
        assert_eq!(
            check(&b"[".repeat(100_000)).unwrap_err().verdict(),
            "transient"
        );
    }
}
