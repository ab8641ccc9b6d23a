//! The signature base: the text that is signed, line by line.

use super::{MAX_BASE_BYTES, Parameters, Request, SignatureError, fields, profile};

const NAMES: [&str; 5] = ["@method", "@authority", "@path", "@query", "content-digest"];

/// Why a stored text is no signature base of the profile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("signature base: {0}")]
pub struct BaseError(pub String);

/// The text that a signature covers (RFC 9421 section 2.5): the five
/// components and the parameters, one line each, no newline at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignatureBase {
    text: String,
}

impl SignatureBase {
    pub(super) fn new(
        request: &Request<'_>,
        content_digest: &str,
        parameters: &Parameters,
    ) -> Result<Self, SignatureError> {
        let query = format!("?{}", request.query.unwrap_or_default());
        let values = [
            ("method", request.method),
            ("authority", request.authority),
            ("path", request.path),
            ("query", query.as_str()),
            ("content-digest", content_digest),
        ];
        let mut text = String::new();
        for ((field, value), name) in values.into_iter().zip(NAMES) {
            // No line break can get in, so a base splits into its lines again.
            if value.is_empty() || !visible(value) {
                return Err(profile(field, "is not visible ASCII"));
            }
            text.extend(["\"", name, "\": ", value, "\n"]);
        }
        let parameters = parameters.to_string();
        text.extend(["\"@signature-params\": ", &parameters]);
        if text.len() > MAX_BASE_BYTES {
            return Err(profile("query", "makes the request too long to be signed"));
        }
        Ok(Self { text })
    }

    /// Reads a stored base and its parts; exactly what is written above.
    pub fn parse(text: &str) -> Result<BaseParts<'_>, BaseError> {
        let wrong = |what: &str| BaseError(what.to_owned());
        if text.len() > MAX_BASE_BYTES {
            return Err(wrong("too long"));
        }
        let mut lines = text.split('\n');
        let mut line = |name: &str| {
            lines
                .next()
                .and_then(|line| {
                    line.strip_prefix('"')?
                        .strip_prefix(name)?
                        .strip_prefix("\": ")
                })
                .ok_or_else(|| BaseError(format!("{name} is not where it is due")))
        };
        let mut component = |name: &str| {
            let value = line(name)?;
            if value.is_empty() || !visible(value) {
                return Err(BaseError(format!("{name} is not visible ASCII")));
            }
            Ok(value)
        };
        let [method, authority, path, query, digest] = NAMES;
        let (method, authority) = (component(method)?, component(authority)?);
        let (path, query) = (component(path)?, component(query)?);
        let content_digest = component(digest)?;
        let parameters = line("@signature-params")?;
        if lines.next().is_some() {
            return Err(wrong("lines after the parameters"));
        }
        if !query.starts_with('?') {
            return Err(wrong("@query does not begin with ?"));
        }
        let refused = |error: SignatureError| BaseError(error.to_string());
        Ok(BaseParts {
            method,
            authority,
            path,
            body_sha256: fields::parse_content_digest(content_digest).map_err(refused)?,
            parameters: Parameters::parse(parameters).map_err(refused)?,
        })
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

/// What a stored signature base says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseParts<'a> {
    /// `@method`.
    pub method: &'a str,
    /// `@authority`.
    pub authority: &'a str,
    /// `@path`, raw.
    pub path: &'a str,
    /// The digest in `content-digest`.
    pub body_sha256: [u8; 32],
    /// `@signature-params`.
    pub parameters: Parameters,
}

fn visible(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic())
}
