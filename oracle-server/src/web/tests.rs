//! Laws of the pages, through the public router. What they look like, and what
//! their scripts do, is tried in a browser (tests/browser).

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::io::Write as _;

use super::*;

#[test]
fn an_asset_has_another_address_for_other_bytes() {
    for name in [
        "explorer.css",
        "icon.svg",
        "live.js",
        "verify.js",
        "client.js",
    ] {
        let path = assets::path(name);
        let (stem, extension) = name.split_once('.').unwrap();
        let hash = path
            .strip_prefix(&format!("/assets/{stem}."))
            .and_then(|rest| rest.strip_suffix(&format!(".{extension}")))
            .unwrap();
        assert_eq!(hash.len(), 16, "{path}");
    }
}

/// As the compression layer sends it.
fn compressed(text: &str) -> usize {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap().len()
}

#[test]
fn style_and_scripts_together_leave_room_for_every_page() {
    let all: usize = [
        include_str!("assets/explorer.css"),
        include_str!("assets/live.js"),
        include_str!("assets/verify.js"),
        include_str!("assets/client.js"),
    ]
    .into_iter()
    .map(compressed)
    .sum();
    assert!(all < 56 * 1024, "{all} bytes");
}

#[test]
fn no_page_has_anything_inline_or_from_elsewhere() {
    for template in [
        include_str!("templates/base.html"),
        include_str!("templates/event.html"),
        include_str!("templates/events.html"),
        include_str!("templates/failure.html"),
        include_str!("templates/lateness.html"),
        include_str!("templates/lines.html"),
        include_str!("templates/log.html"),
        include_str!("templates/operators.html"),
        include_str!("templates/oracle.html"),
        include_str!("templates/overview.html"),
        include_str!("templates/series.html"),
        include_str!("templates/votes.html"),
    ] {
        for banned in [
            "style=\"", " onclick", "<style", "|safe", "http://", "https://", "//cdn",
        ] {
            assert!(!template.contains(banned), "{banned} in {template:.80}");
        }
        for script in template.split("<script").skip(1) {
            assert!(script.starts_with(" type=\"module\" src=\"{{ super::assets::path("));
        }
    }
}
