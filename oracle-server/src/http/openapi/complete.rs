//! What the document says of every operation alike: its problems with all
//! their kinds, the headers of its answers, how operators sign.
//!
//! An annotation names the kinds of problems of its own by their slugs, in
//! backticks, in the description of the status; [`Kind`] has the rest.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::http::cache::{BRIEFLY, IMMUTABLE, NO_STORE, REVALIDATE, VARY_BY};
use crate::http::problem::{Kind, PROBLEM_JSON};

/// What every address can answer.
const EVERYWHERE: [Kind; 9] = [
    Kind::BadParameter,
    Kind::UnknownParameter,
    Kind::MethodNotAllowed,
    Kind::NotAcceptable,
    Kind::TooLarge,
    Kind::RateLimited,
    Kind::Internal,
    Kind::Unavailable,
    Kind::Timeout,
];

/// What every operator's request can be answered.
const SIGNED: [Kind; 6] = [
    Kind::Unsigned,
    Kind::BadSignature,
    Kind::Replayed,
    Kind::Expired,
    Kind::Scope,
    Kind::BadBody,
];

/// Problems that say when to ask again.
const LATER: [Kind; 5] = [
    Kind::NotAnnounced,
    Kind::NotAttested,
    Kind::NotCosigned,
    Kind::RateLimited,
    Kind::Unavailable,
];

const SIGNING: &str = "An HTTP message signature (RFC 9421) of a configured operator with Ed25519, \
    in one profile: label `sig1`; components `\"@method\" \"@authority\" \"@path\" \"@query\" \
    \"content-digest\"`; parameters `created`, `expires` (at most 60 s later), `nonce` (16 to 64 \
    characters, used once for ever), `keyid` (the operator's name), `alg=\"ed25519\"`, \
    `tag=\"oracle-operator\"`, all in this order. The request carries the headers \
    `Content-Digest`, `Signature-Input` and `Signature`; the body is at most 16 KiB. \
    `oracle operator` of the client crate makes such requests.";

type Object = Map<String, Value>;

/// Completes what the routes wrote.
pub(crate) fn complete(mut document: Value, public_url: &str) -> Value {
    let mut responses = Object::new();
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for (method, operation) in item.as_object_mut().into_iter().flatten() {
            if let Some(operation) = operation.as_object_mut() {
                name(operation, path);
                complete_operation(operation, method == "post", &mut responses);
            }
        }
    }
    if let Some(root) = document.as_object_mut() {
        root.insert("servers".to_owned(), json!([{ "url": public_url }]));
        let components = object(root, "components");
        components.insert(
            "securitySchemes".to_owned(),
            json!({ "operator": {
                "type": "apiKey", "in": "header", "name": "Signature", "description": SIGNING,
            }}),
        );
        let retry = json!({
            "description": "Seconds after which asking again makes sense.",
            "schema": { "type": "integer", "minimum": 1 },
        });
        components.insert("responses".to_owned(), Value::Object(responses));
        components.insert("headers".to_owned(), json!({
            "ETag": {
                "description": "Of this representation; weak.", "required": true,
                "schema": { "type": "string", "pattern": "^W/\"[0-9a-f]{32}\"$" },
            },
            "Cached": caching("What is published never changes; the log's head is good for a moment; anything else is asked for again.", &[IMMUTABLE, BRIEFLY, REVALIDATE]),
            "Vary": caching("What the representation depends on.", &[VARY_BY]),
            "NotStored": caching("True only now.", &[NO_STORE]),
            "RequestId": {
                "description": "Names this request in the service's log.", "required": true,
                "schema": { "type": "string" },
            },
            "RetryAfter": retry,
        }));
    }
    document
}

/// Operations of a dialect have its name before their own, which others have too.
fn name(operation: &mut Object, path: &str) {
    let dialect = path
        .strip_prefix("/compat/")
        .and_then(|rest| rest.split('/').next());
    if let (Some(dialect), Some(id)) = (dialect, operation.get_mut("operationId")) {
        *id = json!(format!("{dialect}_{}", id.as_str().unwrap_or_default()));
    }
}

fn caching(description: &str, values: &[&str]) -> Value {
    json!({
        "description": description, "required": true,
        "schema": { "type": "string", "enum": values },
    })
}

/// A member that is an object, made if need be.
fn object<'a>(parent: &'a mut Object, name: &str) -> &'a mut Object {
    let member = parent.entry(name).or_insert_with(|| json!({}));
    if !member.is_object() {
        *member = json!({});
    }
    match member {
        Value::Object(object) => object,
        _ => unreachable!("made an object above"),
    }
}

fn complete_operation(operation: &mut Object, signed: bool, shared: &mut Object) {
    if signed {
        operation.insert("security".to_owned(), json!([{ "operator": [] }]));
        add_parameters(operation, &SIGNED_HEADERS.map(header_parameter));
    }
    let responses = object(operation, "responses");
    let cached = responses.contains_key("304");
    for (status, response) in responses.iter_mut() {
        if let Some(response) = response.as_object_mut() {
            add_headers(response, cached && matches!(status.as_str(), "200" | "304"));
        }
    }
    for (status, kinds) in problems(responses, signed) {
        let slugs: Vec<&str> = kinds.iter().map(|kind| kind.slug()).collect();
        let name = slugs.join(".");
        let mut response = json!({ "$ref": format!("#/components/responses/{name}") });
        if let Some(own) = responses.get(&status).and_then(|r| r.get("description")) {
            response["description"] = own.clone();
        }
        shared
            .entry(name)
            .or_insert_with(|| problem_response(&kinds));
        responses.insert(status, response);
    }
    say_present(operation);
    if cached {
        let known = header_parameter((
            "If-None-Match",
            "`ETag` of what the reader has.",
            "W/\"0123456789abcdef0123456789abcdef\"",
        ));
        add_parameters(operation, &[known]);
    }
}

/// A parameter that may be left out is still never null.
fn say_present(operation: &mut Object) {
    let parameters = operation
        .get_mut("parameters")
        .and_then(Value::as_array_mut);
    for parameter in parameters.into_iter().flatten() {
        if let Some(kind) = parameter.pointer_mut("/schema/type")
            && let Some([first, ..]) = kind.as_array().map(Vec::as_slice)
        {
            *kind = first.clone();
        }
    }
}

type HeaderText = (&'static str, &'static str, &'static str);

const SIGNED_HEADERS: [HeaderText; 3] = [
    (
        "Content-Digest",
        "SHA-256 of the body as sent (RFC 9530).",
        "sha-256=:RK/0qy18MlBSVnWgjwz6lZEWjP/lF5HF9bvEF8FabDg=:",
    ),
    (
        "Signature-Input",
        "What is signed, by whom, and for how long (RFC 9421).",
        "sig1=(\"@method\" \"@authority\" \"@path\" \"@query\" \"content-digest\");created=1795363200;expires=1795363260;nonce=\"0123456789abcdef\";keyid=\"alice\";alg=\"ed25519\";tag=\"oracle-operator\"",
    ),
    (
        "Signature",
        "Ed25519 over it (RFC 9421).",
        "sig1=:6QeDH4CEjRBppTcbQCQQNkvfHF+DB7AITFXxzi3KghUl9mpKheqLceSCp084LSzl6+7o/bIXL0d99JANMQU2wA==:",
    ),
];

fn header_parameter((name, description, example): HeaderText) -> Value {
    json!({
        "name": name, "in": "header", "required": false, "description": description,
        "schema": { "type": "string" }, "example": example,
    })
}

fn add_parameters(operation: &mut Object, parameters: &[Value]) {
    let list = operation.entry("parameters").or_insert_with(|| json!([]));
    if let Some(list) = list.as_array_mut() {
        list.extend_from_slice(parameters);
    }
}

/// The kinds of problems by status: of every operation, and those that the
/// descriptions name.
fn problems(responses: &Object, signed: bool) -> BTreeMap<String, Vec<Kind>> {
    let named = responses.iter().flat_map(|(status, response)| {
        let description = response.get("description").and_then(Value::as_str);
        slugs(description.unwrap_or_default())
            .filter_map(|slug| Kind::ALL.iter().find(|kind| kind.slug() == slug))
            .filter(move |kind| kind.status().as_str() == status)
    });
    let common = EVERYWHERE
        .iter()
        .chain(if signed { &SIGNED[..] } else { &[] });
    let mut table = BTreeMap::<String, Vec<Kind>>::new();
    for kind in common.chain(named) {
        let kinds = table.entry(kind.status().as_str().to_owned()).or_default();
        if !kinds.contains(kind) {
            kinds.push(*kind);
        }
    }
    // `/readyz` says 503 with a report instead.
    table.retain(|status, _| {
        let content = responses.get(status).and_then(|r| r.get("content"));
        content.is_none_or(|content| content.get(PROBLEM_JSON).is_some())
    });
    table
}

/// What stands in backticks.
pub(super) fn slugs(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn problem_response(kinds: &[Kind]) -> Value {
    let lines: Vec<String> = kinds
        .iter()
        .map(|kind| format!("`{}`: {}.", kind.slug(), kind.title()))
        .collect();
    let types: Vec<String> = kinds.iter().map(|kind| kind.uri()).collect();
    let examples: Object = kinds
        .iter()
        .map(|kind| (kind.slug().to_owned(), json!({ "value": kind.example() })))
        .collect();
    let mut response = json!({
        "description": lines.join(" "),
        "content": { PROBLEM_JSON: {
            "schema": { "allOf": [
                { "$ref": "#/components/schemas/ProblemJson" },
                { "properties": { "type": { "enum": types } } },
            ] },
            "examples": examples,
        } },
    });
    if let Some(response) = response.as_object_mut() {
        add_headers(response, false);
        if kinds.iter().any(|kind| LATER.contains(kind)) {
            let reference = json!({ "$ref": "#/components/headers/RetryAfter" });
            object(response, "headers").insert("Retry-After".to_owned(), reference);
        }
    }
    response
}

fn add_headers(response: &mut Object, cached: bool) {
    let headers = object(response, "headers");
    let mut add = |name: &str, component: &str| {
        let reference = format!("#/components/headers/{component}");
        headers.insert(name.to_owned(), json!({ "$ref": reference }));
    };
    add("X-Request-Id", "RequestId");
    if cached {
        add("ETag", "ETag");
        add("Vary", "Vary");
        add("Cache-Control", "Cached");
    } else {
        add("Cache-Control", "NotStored");
    }
}
