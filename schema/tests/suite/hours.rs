//! The log by hours, as a reader elsewhere would verify it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use oracle_schema::hour::{Hour, HourError, ProvenHour};
use oracle_schema::tlog::NoteKey;
use oracle_schema::tlog::tree::Appended;
use serde_json::Value;

use crate::vectors::{run, text};

fn tree(value: &Value) -> Appended {
    let left = value["left"].as_array().unwrap().iter().map(|hash| {
        let bytes = STANDARD.decode(text(hash)).unwrap();
        bytes.try_into().unwrap()
    });
    Appended::resume(value["size"].as_u64().unwrap(), left.collect()).unwrap()
}

fn proven(case: &Value) -> Result<(Hour, ProvenHour), HourError> {
    let hour = Hour::parse(case["document"].to_string().as_bytes())?;
    let identity: NoteKey = text(&case["identity"]).parse().unwrap();
    let proven = hour.verify(text(&case["hour"]), &identity)?;
    if case["before"].is_object() {
        proven.continues(&tree(&case["before"]))?;
    }
    Ok((hour, proven))
}

#[test]
fn hours_are_accepted_or_refused_for_the_named_reason() {
    run("hours.json", 43, |case| match proven(case) {
        Ok((hour, proven)) => {
            assert!(case["error"].is_null(), "{}", case["name"]);
            assert_eq!(proven.after, tree(&case["after"]), "{}", case["name"]);
            assert_eq!(case["complete"], hour.complete, "{}", case["name"]);
            let types = proven.entries.iter().map(|(_, e)| e.to_bytes().unwrap()[1]);
            let types: Vec<u8> = types.collect();
            assert_eq!(case["types"], serde_json::json!(types), "{}", case["name"]);
            let unknown = case
                .get("unknown")
                .cloned()
                .unwrap_or(serde_json::json!([]));
            assert_eq!(
                unknown,
                serde_json::json!(proven.unknown),
                "{}",
                case["name"]
            );
            assert_eq!(proven.len(), hour.entries.len());
            assert_eq!(proven.root_at(proven.first), Some(proven.before.root()));
            assert_eq!(
                proven.root_at(proven.after.size()),
                Some(proven.after.root())
            );
            assert_eq!(proven.root_at(proven.after.size() + 1), None);
        }
        Err(error) => assert_eq!(case["error"], error.name(), "{}: {error}", case["name"]),
    });
}
