//! Style and scripts, embedded, under addresses that change with their content.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use sha2::{Digest, Sha256};

use crate::http::cache::Representation;
use crate::http::problem::Kind;

struct Asset {
    /// As the templates name it.
    name: &'static str,
    /// `/assets/{stem}.{hash}.{extension}`.
    path: String,
    content: Representation,
}

const FILES: [(&str, &str, &str); 5] = [
    (
        "explorer.css",
        "text/css; charset=utf-8",
        include_str!("assets/explorer.css"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("assets/icon.svg")),
    (
        "live.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/live.js"),
    ),
    (
        "verify.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/verify.js"),
    ),
    (
        "client.js",
        "text/javascript; charset=utf-8",
        include_str!("assets/client.js"),
    ),
];

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    let asset = |(name, content_type, text): (&'static str, &'static str, &'static str)| {
        let hash = hex::encode(Sha256::digest(text));
        let (stem, extension) = name.split_once('.').unwrap_or((name, ""));
        Asset {
            name,
            path: format!(
                "/assets/{stem}.{}.{extension}",
                hash.get(..16).unwrap_or_default()
            ),
            content: Representation::new(content_type, text),
        }
    };
    FILES.into_iter().map(asset).collect()
});

/// The address of an asset; that of the site for a name that there is not.
pub(super) fn path(name: &str) -> &'static str {
    let found = ASSETS.iter().find(|asset| asset.name == name);
    found.map_or("/", |asset| asset.path.as_str())
}

/// One asset. It never changes under its address.
pub(crate) async fn get_asset(Path(name): Path<String>, headers: HeaderMap) -> Response {
    let found = ASSETS
        .iter()
        .find(|asset| asset.path.strip_prefix("/assets/") == Some(name.as_str()));
    match found {
        Some(asset) => asset.content.immutable(&headers),
        None => Kind::NotFound
            .because("no style or script of this version has this name")
            .into_response(),
    }
}
