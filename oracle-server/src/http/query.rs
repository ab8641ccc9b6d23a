//! Strict reading of query strings and path segments: what is not understood
//! is refused by name, never ignored and never clamped.

use std::borrow::Cow;

use axum::extract::{FromRequestParts, Path};
use axum::http::Uri;
use axum::http::request::Parts;
use chrono::{DateTime, Utc};
use oracle_schema::EventId;
use oracle_schema::hour::begin_of;
use url::form_urlencoded;

use super::problem::{Kind, Problem};

/// The parameters of one request, each known to the endpoint and given once.
#[derive(Debug)]
pub(crate) struct Query(Vec<(&'static str, String)>);

impl Query {
    /// Reads the query string of an endpoint that has exactly these parameters.
    ///
    /// `+` stands for itself (ids, signs and time zones hold it), not for a space.
    pub(crate) fn strict(uri: &Uri, known: &[&'static str]) -> Result<Self, Problem> {
        Self::read(&uri.query().unwrap_or_default().replace('+', "%2B"), known)
    }

    fn read(raw: &str, known: &[&'static str]) -> Result<Self, Problem> {
        let mut given: Vec<(&'static str, String)> = Vec::new();
        for (name, value) in form_urlencoded::parse(raw.as_bytes()) {
            let Some(name) = known.iter().find(|k| **k == name) else {
                let expected: Cow<'static, str> = if known.is_empty() {
                    "this address takes no parameters".into()
                } else {
                    format!("known parameters are {}", known.join(", ")).into()
                };
                return Err(Kind::UnknownParameter
                    .because(expected)
                    .field(name.into_owned()));
            };
            if given.iter().any(|(n, _)| n == name) {
                return Err(Problem::bad(*name, format!("{name} is given twice")));
            }
            if value.contains(char::REPLACEMENT_CHARACTER) {
                return Err(Problem::bad(*name, format!("{name} is not UTF-8")));
            }
            given.push((name, value.into_owned()));
        }
        Ok(Self(given))
    }

    /// Reads what a form of a page sends: `+` is a space, a field left empty is not given, and a
    /// local time of its date fields is one of UTC.
    pub(crate) fn of_form(
        uri: &Uri,
        known: &[&'static str],
        times: &[&str],
    ) -> Result<Self, Problem> {
        let Self(mut given) = Self::read(uri.query().unwrap_or_default(), known)?;
        given.retain(|(_, value)| !value.is_empty());
        for (name, value) in &mut given {
            if times.contains(name) {
                complete_time(value);
            }
        }
        Ok(Self(given))
    }

    /// The value as given.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(n, _)| *n == name)
            .map(|(_, v)| v.as_str())
    }

    /// A short text: 1 to 100 bytes without control characters.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Problem> {
        self.get(name)
            .map(|text| {
                if is_name(text) {
                    Ok(text.to_owned())
                } else {
                    Err(Problem::bad(
                        name,
                        format!("{name} must be 1 to 100 bytes without control characters"),
                    ))
                }
            })
            .transpose()
    }

    /// A whole number inside a range.
    pub(crate) fn number(
        &self,
        name: &'static str,
        range: std::ops::RangeInclusive<i64>,
    ) -> Result<Option<i64>, Problem> {
        self.get(name)
            .map(|text| {
                text.parse()
                    .ok()
                    // `+5` and `007` are other spellings of a number, not other numbers,
                    // but caches key by spelling: one is enough.
                    .filter(|n: &i64| range.contains(n) && n.to_string() == text)
                    .ok_or_else(|| {
                        let (low, high) = (range.start(), range.end());
                        Problem::bad(
                            name,
                            format!("{name} must be a whole number from {low} to {high}"),
                        )
                    })
            })
            .transpose()
    }

    /// A time, RFC 3339 with any offset.
    pub(crate) fn time(&self, name: &'static str) -> Result<Option<DateTime<Utc>>, Problem> {
        self.get(name)
            .map(|text| {
                DateTime::parse_from_rfc3339(text)
                    .map(|t| t.to_utc())
                    .map_err(|_| {
                        Problem::bad(
                            name,
                            format!("{name} must be an RFC 3339 time such as 2026-11-22T16:00:00Z"),
                        )
                    })
            })
            .transpose()
    }

    /// A switch: `1` or absent.
    pub(crate) fn switch(&self, name: &'static str) -> Result<bool, Problem> {
        match self.get(name) {
            None => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(Problem::bad(
                name,
                format!("{name} can only be 1, or absent"),
            )),
        }
    }
}

/// `2026-11-22T16:00`, as date fields write it, becomes RFC 3339.
fn complete_time(text: &mut String) {
    let shape: String = text
        .chars()
        .map(|c| if c.is_ascii_digit() { '0' } else { c })
        .collect();
    match shape.as_str() {
        "0000-00-00" => text.push_str("T00:00:00Z"),
        "0000-00-00T00:00" => text.push_str(":00Z"),
        "0000-00-00T00:00:00" => text.push('Z'),
        _ => {}
    }
}

fn is_name(text: &str) -> bool {
    (1..=EventId::MAX_BYTES).contains(&text.len()) && !text.chars().any(char::is_control)
}

/// The `{id}` segment of a path; what can be nobody's name is `unknown`.
async fn name<S: Send + Sync>(
    parts: &mut Parts,
    state: &S,
    unknown: fn(&str) -> Problem,
) -> Result<String, Problem> {
    let Path(id) = Path::<String>::from_request_parts(parts, state)
        .await
        .map_err(|_| Problem::bad("id", "the id is not percent-encoded UTF-8"))?;
    if is_name(&id) {
        Ok(id)
    } else {
        Err(unknown(&id))
    }
}

/// The percent-decoded `{id}` segment of a path.
///
/// A text that no event of this service can bear is answered like any other
/// unknown event, without asking the store.
#[derive(Debug)]
pub(crate) struct EventPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for EventPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        name(parts, state, Problem::unknown_event).await.map(Self)
    }
}

/// The percent-decoded `{id}` segment of a series' path.
#[derive(Debug)]
pub(crate) struct SeriesPath(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for SeriesPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        name(parts, state, Problem::unknown_series).await.map(Self)
    }
}

/// The `{hour}` segment of a path: `2026-11-22T16`, UTC, one spelling for each hour.
#[derive(Debug)]
pub(crate) struct HourPath(pub(crate) DateTime<Utc>);

impl<S: Send + Sync> FromRequestParts<S> for HourPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = || Problem::bad("hour", "hour is a UTC hour such as 2026-11-22T16");
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| bad())?;
        begin_of(&name).map(Self).ok_or_else(|| {
            let shape = name.replace(|c: char| c.is_ascii_digit(), "0");
            if shape == "0000-00-00T00" {
                Problem::unknown_hour("no day has such an hour")
            } else {
                bad()
            }
        })
    }
}

/// The `{sha256}` segment of a path: 64 lower-case hex digits, one name for each
/// document.
#[derive(Debug)]
pub(crate) struct HashPath(pub(crate) [u8; 32]);

impl<S: Send + Sync> FromRequestParts<S> for HashPath {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let bad = || Problem::bad("sha256", "sha256 is 64 lower-case hex digits");
        let Path(name) = Path::<String>::from_request_parts(parts, state)
            .await
            .map_err(|_| bad())?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&name, &mut hash)
            .ok()
            .filter(|()| !name.bytes().any(|b| b.is_ascii_uppercase()))
            .ok_or_else(bad)?;
        Ok(Self(hash))
    }
}

/// Percent-encodes a text as one path segment (RFC 3986 `pchar`).
pub(crate) fn path_segment(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut out, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~@:+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
        out
    })
}

/// Where a page of events ended: hex of crc32 ‖ maturity (8 bytes) ‖ event id.
/// Opaque to clients; the checksum tells a damaged one from an old one.
pub(crate) mod cursor {
    use oracle_schema::{EventId, Maturity};

    use super::Problem;

    /// After this event.
    pub(crate) fn encode(maturity: Maturity, event_id: &str) -> String {
        let mut body = maturity.unix().to_be_bytes().to_vec();
        body.extend_from_slice(event_id.as_bytes());
        let mut bytes = crc32fast::hash(&body).to_be_bytes().to_vec();
        bytes.append(&mut body);
        hex::encode(bytes)
    }

    /// The (maturity, event id) inside.
    pub(crate) fn decode(text: &str) -> Result<(Maturity, String), Problem> {
        read(text).ok_or_else(|| {
            Problem::bad(
                "cursor",
                "the cursor is damaged; use next_cursor exactly as given, or start without one",
            )
        })
    }

    fn read(text: &str) -> Option<(Maturity, String)> {
        let bytes = hex::decode(text).ok()?;
        let (crc, body) = bytes.split_first_chunk::<4>()?;
        let (maturity, id) = body.split_first_chunk::<8>()?;
        (crc32fast::hash(body) == u32::from_be_bytes(*crc)).then_some(())?;
        let id = String::from_utf8(id.to_vec()).ok()?;
        // Whoever forges a checksum still names an event.
        EventId::parse(&id).ok()?;
        let maturity = Maturity::from_unix(i64::from_be_bytes(*maturity)).ok()?;
        Some((maturity, id))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn query(raw: &str, known: &[&'static str]) -> Result<Query, Problem> {
        Query::strict(&format!("/x?{raw}").parse().unwrap(), known)
    }

    fn field(problem: &Problem) -> String {
        format!("{problem:?}")
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_name() {
        let problem = query("limt=5", &["limit"]).unwrap_err();
        assert_eq!(problem.kind(), Kind::UnknownParameter);
        assert!(field(&problem).contains("limt"));
    }

    #[test]
    fn a_repeated_parameter_is_refused() {
        assert_eq!(
            query("a=1&a=1", &["a"]).unwrap_err().kind(),
            Kind::BadParameter
        );
    }

    #[test]
    fn limits_are_refused_not_clamped() {
        for bad in [
            "0",
            "501",
            "-1",
            "1e2",
            "+5",
            "05",
            "",
            "99999999999999999999",
        ] {
            let q = query(&format!("limit={bad}"), &["limit"]).unwrap();
            assert!(q.number("limit", 1..=500).is_err(), "{bad}");
        }
        for good in ["1", "500"] {
            let q = query(&format!("limit={good}"), &["limit"]).unwrap();
            assert!(q.number("limit", 1..=500).unwrap().is_some());
        }
    }

    #[test]
    fn a_plus_sign_in_a_query_stands_for_itself() {
        let q = query(
            "prefix=+,0&from=2026-11-22T17:00:00+01:00",
            &["prefix", "from"],
        )
        .unwrap();
        assert_eq!(q.get("prefix"), Some("+,0"));
        assert_eq!(
            q.time("from").unwrap().unwrap().to_rfc3339(),
            "2026-11-22T16:00:00+00:00"
        );
    }

    #[test]
    fn control_characters_and_broken_utf8_never_reach_the_store() {
        assert!(query("q=%00", &["q"]).unwrap().text("q").is_err());
        assert!(query("q=%ff", &["q"]).is_err());
    }

    #[test]
    fn a_cursor_reads_back_and_any_damage_is_noticed() {
        let maturity = oracle_schema::Maturity::from_epoch(1_795_363_200);
        let text = cursor::encode(maturity, "ppcusd-daily@2026-11-22T16:00:00Z");
        assert_eq!(
            cursor::decode(&text).unwrap(),
            (maturity, "ppcusd-daily@2026-11-22T16:00:00Z".to_owned())
        );
        for i in 0..text.len() {
            let mut damaged = text.clone().into_bytes();
            damaged[i] = if damaged[i] == b'0' { b'1' } else { b'0' };
            let damaged = String::from_utf8(damaged).unwrap();
            assert!(cursor::decode(&damaged).is_err(), "{i}");
        }
        for short in ["", "00", "zz", "0000000000000000"] {
            assert!(cursor::decode(short).is_err());
        }
    }

    #[test]
    fn path_segments_keep_what_ids_hold_and_encode_the_rest() {
        assert_eq!(
            path_segment("a@2026-11-22T16:00:00Z"),
            "a@2026-11-22T16:00:00Z"
        );
        assert_eq!(path_segment("a/b?<ü"), "a%2Fb%3F%3C%C3%BC");
    }
}
