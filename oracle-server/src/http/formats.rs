//! In which form an announcement or attestation is wanted: `?format=` decides,
//! else the Accept header (RFC 9110, 12.5.1).

use axum::http::HeaderMap;
use axum::http::header::ACCEPT;

use super::problem::{Kind, Problem};
use super::query::Query;

/// A form of a DLC message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    /// The ecosystem's camelCase JSON.
    Json,
    /// The TLV, spec layout.
    Tlv,
    /// That TLV in lower-case hex.
    Hex,
    /// The counted TLV of the rust-dlc family (attestations only).
    RustDlc,
    /// That TLV in lower-case hex.
    RustDlcHex,
}

impl Format {
    /// For `GET /v1/announcements/{id}`.
    pub(super) fn of_announcement(query: &Query, headers: &HeaderMap) -> Result<Self, Problem> {
        match query.get("format") {
            None => negotiate(headers),
            Some(name) => {
                plain(name).ok_or_else(|| Problem::bad("format", "format is json, tlv or hex"))
            }
        }
    }

    /// For `GET /v1/attestations/{id}`.
    pub(super) fn of_attestation(query: &Query, headers: &HeaderMap) -> Result<Self, Problem> {
        let hex = query.switch("hex")?;
        match query.get("format") {
            Some("rust-dlc") if hex => Ok(Self::RustDlcHex),
            Some("rust-dlc") => Ok(Self::RustDlc),
            _ if hex => Err(Problem::bad("hex", "hex=1 goes with format=rust-dlc only")),
            None => negotiate(headers),
            Some(name) => plain(name)
                .ok_or_else(|| Problem::bad("format", "format is json, tlv, hex or rust-dlc")),
        }
    }
}

fn plain(name: &str) -> Option<Format> {
    match name {
        "json" => Some(Format::Json),
        "tlv" => Some(Format::Tlv),
        "hex" => Some(Format::Hex),
        _ => None,
    }
}

/// What is served, best first: on equal wishes the first wins.
const OFFERS: [(&str, &str, Format); 3] = [
    ("application", "json", Format::Json),
    ("application", "octet-stream", Format::Tlv),
    ("text", "plain", Format::Hex),
];

fn negotiate(headers: &HeaderMap) -> Result<Format, Problem> {
    let ranges: Vec<Range<'_>> = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(Range::parse)
        .collect();
    if ranges.is_empty() {
        return Ok(Format::Json);
    }
    let mut best = None;
    for (main, sub, format) in OFFERS {
        let wish = wish(&ranges, main, sub);
        if wish > best.map_or(0, |(_, most)| most) {
            best = Some((format, wish));
        }
    }
    best.map(|(format, _)| format).ok_or_else(|| {
        Kind::NotAcceptable
            .because("served are application/json, application/octet-stream and text/plain")
            .field("Accept")
    })
}

/// One media range of an Accept header; weight in thousandths.
struct Range<'a> {
    main: &'a str,
    sub: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (main, sub) = parts.next()?.split_once('/')?;
        let weight = parts
            .find_map(|p| p.strip_prefix("q=").or_else(|| p.strip_prefix("Q=")))
            .map_or(Some(1000), thousandths)?;
        Some(Self { main, sub, weight })
    }

    fn specificity(&self, main: &str, sub: &str) -> Option<u8> {
        let main_fits = self.main.eq_ignore_ascii_case(main);
        match (self.main, self.sub) {
            ("*", "*") => Some(0),
            (_, "*") if main_fits => Some(1),
            _ if main_fits && self.sub.eq_ignore_ascii_case(sub) => Some(2),
            _ => None,
        }
    }
}

/// The weight that the most specific matching range gives; 0 for none.
fn wish(ranges: &[Range<'_>], main: &str, sub: &str) -> u16 {
    ranges
        .iter()
        .filter_map(|r| Some((r.specificity(main, sub)?, r.weight)))
        .max()
        .map_or(0, |(_, weight)| weight)
}

/// `0.85` → 850; RFC 9110 allows three decimals.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    let value: u16 = format!("{whole}{decimals:0<3}").parse().ok()?;
    (value <= 1000).then_some(value)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn accept(value: &str) -> Result<Format, Problem> {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, value.parse().unwrap());
        negotiate(&headers)
    }

    fn attestation(raw: &str) -> Result<Format, Problem> {
        let uri = format!("/x?{raw}").parse().unwrap();
        let query = Query::strict(&uri, &["format", "hex", "wait"])?;
        Format::of_attestation(&query, &HeaderMap::new())
    }

    #[test]
    fn the_accept_header_chooses_and_json_wins_ties() {
        assert_eq!(negotiate(&HeaderMap::new()), Ok(Format::Json));
        assert_eq!(accept("*/*"), Ok(Format::Json));
        assert_eq!(accept("application/octet-stream"), Ok(Format::Tlv));
        assert_eq!(accept("text/plain, */*;q=0.5"), Ok(Format::Hex));
        assert_eq!(accept("application/*;q=0.2, text/*;q=0.3"), Ok(Format::Hex));
        assert_eq!(accept("application/json;q=0, */*"), Ok(Format::Tlv));
        assert_eq!(
            accept("text/html,application/xhtml+xml,*/*;q=0.8"),
            Ok(Format::Json)
        );
        assert_eq!(accept("image/png").unwrap_err().kind(), Kind::NotAcceptable);
    }

    #[test]
    fn the_format_parameter_is_exact() {
        assert_eq!(attestation("format=rust-dlc"), Ok(Format::RustDlc));
        assert_eq!(attestation("format=rust-dlc&hex=1"), Ok(Format::RustDlcHex));
        assert_eq!(attestation("format=hex"), Ok(Format::Hex));
        for bad in [
            "format=JSON",
            "format=",
            "hex=1",
            "format=tlv&hex=1",
            "format=rust-dlc&hex=0",
        ] {
            assert_eq!(
                attestation(bad).unwrap_err().kind(),
                Kind::BadParameter,
                "{bad}"
            );
        }
    }
}
