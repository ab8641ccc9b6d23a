//! Strict reading of untrusted JSON: no duplicate keys anywhere, numbers as
//! their literal text.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::fmt;

use rust_decimal::Decimal;
use serde::Deserialize;
use serde::de::{Deserializer, Error, MapAccess, Visitor};
use serde_json::error::Category;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::decimal;
use crate::observation::Reading;

/// Longest piece of a foreign text repeated in a reading.
const MAX_QUOTE: usize = 100;

/// How deep a text may be nested.
const MAX_DEPTH: usize = 128;

/// How often a byte may be read on average: each level of nesting reads what is in
/// it once more, and a large text that is deeply nested would take minutes.
const MAX_PASSES: usize = 16;

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
///
/// Numbers are not converted, so one that no float can hold is as good as any.
pub(crate) fn check(body: &[u8]) -> Result<(), Reading> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Err(Reading::transient("empty body"));
    }
    let raw: &RawValue = serde_json::from_slice(body).map_err(|e| refusal(&e))?;
    let mut budget = body.len().saturating_mul(MAX_PASSES);
    no_duplicates(raw, MAX_DEPTH, &mut budget)
}

/// Walks a whole JSON text and refuses a duplicate key at any depth.
fn no_duplicates(raw: &RawValue, depth: usize, budget: &mut usize) -> Result<(), Reading> {
    let text = raw.get();
    let too_deep = || Reading::transient("not JSON: nested too deeply");
    *budget = budget.checked_sub(text.len()).ok_or_else(too_deep)?;
    let inside: Vec<&RawValue> = match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str(text).map(|Members(values)| values),
        Some(b'[') => serde_json::from_str(text),
        _ => return Ok(()),
    }
    .map_err(|e| refusal(&e))?;
    let depth = depth.checked_sub(1).ok_or_else(too_deep)?;
    inside
        .into_iter()
        .try_for_each(|raw| no_duplicates(raw, depth, budget))
}

/// A checked text as a value. A number beyond every float stands in it as its text:
/// whoever uses one reads it from the literal.
pub(crate) fn value(raw: &RawValue) -> Value {
    serde_json::from_str(raw.get()).unwrap_or_else(|_| bounded(raw, MAX_DEPTH))
}

fn bounded(raw: &RawValue, depth: usize) -> Value {
    let text = raw.get();
    let Some(depth) = depth.checked_sub(1) else {
        return Value::Null;
    };
    match text.as_bytes().first() {
        Some(b'{') => serde_json::from_str::<BTreeMap<String, &RawValue>>(text)
            .unwrap_or_default()
            .into_iter()
            .map(|(key, raw)| (key, bounded(raw, depth)))
            .collect::<Map<_, _>>()
            .into(),
        Some(b'[') => serde_json::from_str::<Vec<&RawValue>>(text)
            .unwrap_or_default()
            .into_iter()
            .map(|raw| bounded(raw, depth))
            .collect::<Vec<_>>()
            .into(),
        _ => serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned())),
    }
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

/// The values of an object whose keys are all different.
struct Members<'a>(Vec<&'a RawValue>);

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
        let mut seen = HashSet::new();
        let mut values = Vec::new();
        while let Some((key, value)) = map.next_entry::<String, &RawValue>()? {
            values.push(value);
            if let Some(key) = seen.replace(key) {
                return Err(A::Error::custom(format_args!("duplicate key {key:?}")));
            }
        }
        Ok(Members(values))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_large_text_that_is_deeply_nested_is_refused_before_it_costs_much() {
        let nested = |depth: usize, zeros: usize| {
            let zeros = vec!["0"; zeros].join(",");
            format!("{}{zeros}{}", "[".repeat(depth), "]".repeat(depth))
        };
        let refused = check(nested(100, 100_000).as_bytes()).unwrap_err();
        assert!(refused.detail().contains("nested too deeply"));
        check(nested(10, 100_000).as_bytes()).unwrap();
        assert_eq!(
            value(&RawValue::from_string("[[1e999]]".to_owned()).unwrap())[0][0],
            "1e999"
        );
    }

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
        let deep = [b"[".repeat(100_000), b"]".repeat(100_000)].concat();
        for nested in [&deep[..100_000], &deep] {
            assert_eq!(check(nested).unwrap_err().verdict(), "transient");
        }
    }

    #[test]
    fn a_number_that_no_float_can_hold_is_a_number() {
        let body = br#"{"a": [1e999, {"b": -1E+999}], "c": 1.5, "d": "x"}"#;
        check(body).unwrap();
        let read = value(parse(body).unwrap());
        let expected = serde_json::json!({
            "a": ["1e999", {"b": "-1E+999"}], "c": 1.5, "d": "x"
        });
        assert_eq!(read, expected);
        let twice = br#"{"a": 1e999, "b": {"a": 1e999, "a": 1}}"#;
        assert_eq!(check(twice).unwrap_err().verdict(), "contradiction");
        for none in ["1e", "1e+", "01", "1.", "--1", "1e9 9"] {
            assert_eq!(check(none.as_bytes()).unwrap_err().verdict(), "transient");
        }
    }
}
