//! What of a URL may be recorded.

use url::Url;

/// Query keys whose values are secrets, and what such keys end in
/// (`access_key`, `api-token`).
const SECRET_KEYS: [&str; 8] = [
    "key",
    "token",
    "secret",
    "signature",
    "password",
    "auth",
    "appid",
    "app_id",
];

/// Whether a query key looks like one whose value is a secret, in any case.
pub fn is_secret_key(key: &str) -> bool {
    let key = key.to_lowercase();
    SECRET_KEYS.iter().any(|secret| key.ends_with(secret))
}

/// The URL without credentials, fragment and the values of secret query keys.
pub(crate) fn redacted(url: &Url) -> Url {
    let mut shown = url.clone();
    shown.set_fragment(None);
    // Both fail only for URLs without a host, which are never fetched.
    let _ = shown.set_username("");
    let _ = shown.set_password(None);
    if url.query_pairs().any(|(key, _)| is_secret_key(&key)) {
        let pairs: Vec<(String, String)> = url
            .query_pairs()
            .map(|(key, value)| {
                let value = if is_secret_key(&key) {
                    "REDACTED".to_owned()
                } else {
                    value.into_owned()
                };
                (key.into_owned(), value)
            })
            .collect();
        shown.query_pairs_mut().clear().extend_pairs(pairs);
    }
    shown
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use super::*;

    fn shown(url: &str) -> String {
        redacted(&Url::parse(url).unwrap()).into()
    }

    #[test]
    fn no_secret_of_a_url_is_recorded() {
        assert_eq!(
            shown("https://user:pw@x.test/p?id=1&API_KEY=s3cret&token=t0p#f"),
            "https://x.test/p?id=1&API_KEY=REDACTED&token=REDACTED"
        );
        assert_eq!(shown("http://x.test/p?at=%20a"), "http://x.test/p?at=%20a");
    }
}
