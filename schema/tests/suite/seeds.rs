//! Seeds of the fuzz targets: every valid and every refused message of the
//! vectors, one file each.

use serde_json::Value;

use crate::generate;

/// Path under `fuzz/seeds` and content of every seed.
pub(crate) fn files() -> Vec<(String, Vec<u8>)> {
    let vectors = generate::files();
    let cases = |file: &str| -> Vec<Value> {
        let (_, content) = vectors.iter().find(|(name, _)| *name == file).unwrap();
        content["cases"].as_array().unwrap().clone()
    };
    let mut out = Vec::new();
    let mut add = |target: &str, index: usize, bytes: Vec<u8>| {
        out.push((format!("{target}/{index:02}"), bytes));
    };
    let binary = |case: &Value, key: &str| hex::decode(case[key].as_str().unwrap()).unwrap();
    for (i, case) in cases("announcements.json").iter().enumerate() {
        add("announcement_tlv", i, binary(case, "tlv"));
        add(
            "announcement_json",
            i,
            case["json"].to_string().into_bytes(),
        );
    }
    for (i, case) in cases("anchors.json").iter().enumerate() {
        let key = ["transaction", "proof"]
            .into_iter()
            .find(|key| case[*key].is_string());
        add("anchor", i, binary(case, key.unwrap()));
    }
    for (i, case) in cases("attestations.json").iter().enumerate() {
        add("attestation_tlv", 2 * i, binary(case, "tlv"));
        add(
            "attestation_tlv",
            2 * i + 1,
            binary(case, "tlv_counted_without_event_id"),
        );
        add("attestation_json", i, case["json"].to_string().into_bytes());
    }
    for (i, case) in cases("invalid.json").iter().enumerate() {
        let input = case["input"].as_str().unwrap();
        match case["form"].as_str().unwrap() {
            form @ ("announcement" | "attestation") => {
                add(&format!("{form}_tlv"), 30 + i, hex::decode(input).unwrap());
            }
            form => add(form, 30 + i, input.as_bytes().to_vec()),
        }
    }
    for (i, case) in cases("log_entries.json").iter().enumerate() {
        // The over-long entry is one byte repeated; a seed of it teaches nothing.
        if case["error"] != "entry-too-long" {
            add("log_entry", i, binary(case, "entry"));
        }
    }
    for (i, case) in cases("nonce_proof.json").iter().enumerate() {
        add("nonce_proof", i, binary(case, "proof"));
    }
    for (i, case) in cases("operator_requests.json").iter().enumerate() {
        let mut seed = Vec::new();
        for field in ["content_digest", "signature_input", "signature", "path"] {
            seed.extend_from_slice(case[field].as_str().unwrap().as_bytes());
            seed.push(b'\n');
        }
        seed.extend(binary(case, "body"));
        add("operator_request", i, seed);
    }
    for (i, case) in cases("operator_bodies.json").iter().enumerate() {
        add("operator_body", i, binary(case, "body"));
    }
    for (i, case) in cases("tlog.json").iter().enumerate() {
        let text = |key: &str| case[key].as_str().unwrap().as_bytes().to_vec();
        match case["kind"].as_str().unwrap() {
            "tile" => add("tile_name", i, text("name")),
            "note" => add("note", i, text("text")),
            "tlog-proof" => add("tlog_proof", i, text("text")),
            _ => {}
        }
    }
    for (i, case) in cases("bundles.json").iter().enumerate() {
        if i < 4 || case["name"] == "nonces-proven" {
            add("bundle", i, case["bundle"].to_string().into_bytes());
        }
    }
    for (i, case) in cases("hours.json").iter().enumerate() {
        // Every refused one differs from these in a place or two.
        if case["error"].is_null() {
            add("hour", i, case["document"].to_string().into_bytes());
        }
    }
    for (i, case) in cases("policies.json").iter().enumerate() {
        add(
            "policy",
            i,
            case["canonical"].as_str().unwrap().as_bytes().to_vec(),
        );
    }
    out
}
