//! Laws of the document as such; tests/run holds it against a running service.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::HashSet;

use oracle_schema::operator::{Approval, Reason, Report};
use oracle_schema::{Announcement, Attestation};
use serde_json::Value;

use super::complete::slugs;
use crate::http::problem::{Kind, PROBLEM_JSON};
use crate::http::{finished, public_routes};

fn written() -> Value {
    let (_, document) = public_routes(crate::web::routes()).split_for_parts();
    serde_json::to_value(document).unwrap()
}

fn finished_document() -> Value {
    let (_, document) = public_routes(crate::web::routes()).split_for_parts();
    finished(document, "https://oracle.example")
}

/// Every (operation, status, response).
fn responses(document: &Value) -> Vec<(String, String, Value)> {
    let mut found = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            for (status, response) in operation["responses"].as_object().unwrap() {
                found.push((format!("{method} {path}"), status.clone(), response.clone()));
            }
        }
    }
    found
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    value["$ref"].as_str().map_or(value, |reference| {
        let pointer = reference.strip_prefix('#').unwrap();
        document.pointer(pointer).expect(reference)
    })
}

#[test]
fn a_description_of_an_error_names_kinds_of_its_status_and_nothing_else() {
    for (operation, status, response) in responses(&written()) {
        if status.as_str() < "400" || operation == "get /readyz" {
            continue;
        }
        let description = response["description"].as_str().unwrap();
        assert!(slugs(description).count() > 0, "{operation} {status}");
        for slug in
            slugs(description).filter(|s| s.chars().all(|c| c == '-' || c.is_ascii_lowercase()))
        {
            let kind = Kind::ALL.iter().find(|kind| kind.slug() == slug);
            let kind = kind.unwrap_or_else(|| panic!("{operation} {status}: {slug}"));
            assert_eq!(kind.status().as_str(), status, "{operation}: {slug}");
        }
    }
}

#[test]
fn every_error_is_a_problem_with_an_example_of_each_of_its_kinds() {
    let document = finished_document();
    let mut documented = HashSet::new();
    for (operation, status, response) in responses(&document) {
        if status.as_str() < "400" || (operation == "get /readyz" && status == "503") {
            continue;
        }
        let problem = &resolved(&document, &response)["content"][PROBLEM_JSON];
        let kinds = problem["schema"]["allOf"][1]["properties"]["type"]["enum"].as_array();
        let kinds = kinds.unwrap_or_else(|| panic!("{operation} {status}"));
        let examples = problem["examples"].as_object().unwrap();
        assert_eq!(examples.len(), kinds.len(), "{operation} {status}");
        for (slug, example) in examples {
            let example = &example["value"];
            assert_eq!(example["type"], format!("/problems/{slug}"));
            assert_eq!(example["status"].to_string(), status, "{operation}: {slug}");
            documented.insert(slug.clone());
        }
    }
    let silent: Vec<_> = Kind::ALL
        .iter()
        .filter(|kind| !documented.contains(kind.slug()))
        .collect();
    assert_eq!(silent, [] as [&Kind; 0]);
}

#[test]
fn a_problem_that_passes_says_when_to_come_back() {
    let document = finished_document();
    for (operation, status, response) in responses(&document) {
        if status == "429" {
            let headers = &resolved(&document, &response)["headers"];
            assert!(headers["Retry-After"].is_object(), "{operation}");
        }
    }
}

#[test]
fn the_examples_of_messages_and_bodies_are_read_by_the_code_that_reads_them() {
    let document = finished_document();
    let example = |name: &str| document["components"]["schemas"][name]["example"].to_string();
    Announcement::from_json(example("DlcAnnouncement")).unwrap();
    Attestation::from_json(example("DlcAttestation")).unwrap();
    Report::parse(example("ReportBody").as_bytes()).unwrap();
    Approval::parse(example("ApprovalBody").as_bytes()).unwrap();
    Reason::parse(example("ReasonBody").as_bytes()).unwrap();
}

#[test]
fn parameters_are_described_and_shown_by_example() {
    let document = finished_document();
    for (path, item) in document["paths"].as_object().unwrap() {
        for parameter in item["get"]["parameters"].as_array().into_iter().flatten() {
            let name = format!("{path} {}", parameter["name"]);
            assert!(parameter["description"].is_string(), "{name}");
            // A reader of another dialect finds its own names in its own documents.
            if path.starts_with("/compat/") {
                continue;
            }
            let schema = resolved(&document, &parameter["schema"]);
            assert!(
                !parameter["example"].is_null() || !schema["examples"].is_null(),
                "{name}"
            );
        }
    }
}
