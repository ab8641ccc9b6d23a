//! Answers that `oracle-server probe --save` recorded: each directory below
//! `samples/` whose `index.json` says what was asked is read again.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use oracle_feeds::sample::{Row, reread};

const RECORDED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/recorded");

fn readings(dir: &Path) -> BTreeMap<String, Vec<Row>> {
    let index = std::fs::read(dir.join("index.json")).unwrap();
    let rows: Vec<Row> = serde_json::from_slice(&index).unwrap();
    let mut readings: BTreeMap<String, Vec<Row>> = BTreeMap::new();
    for row in rows {
        readings.entry(row.reading.clone()).or_default().push(row);
    }
    readings
}

#[test]
fn what_was_recorded_is_read_as_it_was() {
    let dir = PathBuf::from(RECORDED);
    let readings = readings(&dir);
    assert!(!readings.is_empty());
    for (name, rows) in readings {
        let body = |file: &str| std::fs::read(dir.join(file)).ok();
        let (recorded, again) = reread(&rows, body).unwrap();
        assert_eq!(recorded, again, "{name}: {}", rows[0].expect);
    }
}

#[test]
fn a_reading_lacks_no_exchange_and_no_body() {
    let dir = PathBuf::from(RECORDED);
    for rows in readings(&dir).values() {
        assert!(reread(rows, |_| None).is_err(), "a body is missing");
        assert!(
            reread(&rows[1..], |_| Some(Vec::new())).is_err(),
            "an exchange is missing"
        );
        let mut other = rows.clone();
        other[0].read.verdict = "observation of another".to_owned();
        let body = |file: &str| std::fs::read(dir.join(file)).ok();
        let differs = reread(&other, body).map(|(recorded, again)| recorded != again);
        assert!(differs.unwrap_or(true));
    }
}
