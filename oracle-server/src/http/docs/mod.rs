//! `/docs`: the same document as `/openapi.json`, as a page to try it out on.
//!
//! Written once, when the routes are; a script of our own sends what the forms
//! say. Nothing comes from elsewhere, and nothing inline is run.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::Extension;
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::cache::Representation;
use super::openapi::Html;
use super::problem::{PROBLEM_JSON, Problem};
use super::query::Query;

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
    connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const SIGNED: &str = "<p class=\"signed\">Needs an operator's signature, so it cannot be sent from \
    here: <code>oracle operator</code> signs and sends it.</p>\n";

/// The finished page.
#[derive(Clone)]
pub(super) struct Page(Arc<Representation>);

/// This API, to read and to try out.
#[utoipa::path(get, path = "/docs", tag = "pages",
    responses(
        (status = 200, description = "HTML.", content_type = "text/html", body = Html),
        (status = 304, description = "The reader has it.")))]
pub(super) async fn get_docs(
    Extension(Page(page)): Extension<Page>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    Query::strict(&uri, &[])?;
    let mut response = page.revalidated(&headers);
    response
        .headers_mut()
        .insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    Ok(response)
}

/// The page's script.
pub(super) async fn get_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("docs.js"))
}

/// The page's style sheet.
pub(super) async fn get_style() -> Response {
    asset("text/css; charset=utf-8", include_str!("docs.css"))
}

fn asset(content_type: &'static str, text: &'static str) -> Response {
    let caching = "public, max-age=3600";
    (
        [(CONTENT_TYPE, content_type), (CACHE_CONTROL, caching)],
        text,
    )
        .into_response()
}

impl Page {
    /// Of the completed document.
    pub(super) fn of(document: &Value) -> Self {
        let html = Writer { document }.page();
        Self(Arc::new(Representation::new(
            "text/html; charset=utf-8",
            html,
        )))
    }
}

/// A member that is a text, or nothing.
fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    value
        .get(name)
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
}

fn members<'a>(value: &'a Value, name: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value
        .get(name)
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
}

/// Text for element content and quoted attributes.
fn escape(text: &str) -> String {
    // Writing to a String cannot fail.
    askama::filters::escape(text, askama::filters::Html)
        .map_or_else(|never| match never {}, |safe| safe.to_string())
}

/// Text as HTML; what stands in backticks becomes code.
fn prose(text: &str) -> String {
    let mut html = String::new();
    for (i, part) in text.split('`').enumerate() {
        let part = escape(part);
        // Writing to a String cannot fail, here and below.
        let _ = if i % 2 == 1 {
            write!(html, "<code>{part}</code>")
        } else {
            write!(html, "{part}")
        };
    }
    html
}

fn pretty(value: &Value) -> String {
    // A document read from JSON can always be written as such.
    escape(&serde_json::to_string_pretty(value).unwrap_or_default())
}

/// As a form field has it: a text without its quotes.
fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// One operation of the document.
struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    body: &'a Value,
}

struct Writer<'a> {
    document: &'a Value,
}

impl<'a> Writer<'a> {
    fn page(&self) -> String {
        let info = self.document.get("info").unwrap_or(&Value::Null);
        let title = escape(text(info, "title"));
        let (mut links, mut sections) = (String::new(), String::new());
        for tag in list(self.document, "tags") {
            let name = text(tag, "name");
            let operations = self.operations(name);
            if operations.is_empty() {
                continue;
            }
            let name = escape(name);
            let _ = write!(links, "<a href=\"#{name}\">{name}</a> ");
            let about = prose(text(tag, "description"));
            let _ = write!(
                sections,
                "<section id=\"{name}\">\n<h2>{name}</h2>\n<p>{about}</p>\n"
            );
            for operation in operations {
                self.operation(&mut sections, &operation);
            }
            sections.push_str("</section>\n");
        }
        format!(
            "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
             <meta name=\"viewport\" content=\"width=device-width\"><title>API · {title}</title>\
             <link rel=\"stylesheet\" href=\"/docs.css\">\
             <script src=\"/docs.js\" defer></script></head><body>\n\
             <header><h1>{title}: the API</h1>\n<p>{about}</p>\n\
             <p><a href=\"/\">Events</a> · <a href=\"/openapi.json\">OpenAPI document</a></p>\n\
             <nav aria-label=\"Parts of the API\">{links}</nav></header>\n\
             <noscript><p>Without JavaScript this page can be read, and nothing sent.</p></noscript>\n\
             <datalist id=\"known-events\"></datalist>\n<main>\n{sections}</main></body></html>\n",
            about = prose(text(info, "description")),
        )
    }

    fn operations(&self, tag: &str) -> Vec<Operation<'a>> {
        members(self.document, "paths")
            .flat_map(|(path, item)| {
                item.as_object()
                    .into_iter()
                    .flatten()
                    .map(move |(method, body)| Operation { path, method, body })
            })
            .filter(|operation| list(operation.body, "tags").any(|t| t == tag))
            .collect()
    }

    fn operation(&self, html: &mut String, operation: &Operation<'a>) {
        let Operation { path, method, body } = operation;
        let id = escape(text(body, "operationId"));
        let _ = writeln!(
            html,
            "<details class=\"operation\" id=\"{id}\"><summary><span class=\"method {method}\">{verb}</span> \
             <code class=\"path\">{path}</code> <span class=\"about\">{summary}</span></summary>",
            verb = method.to_uppercase(),
            path = escape(path),
            summary = prose(text(body, "summary")),
        );
        for paragraph in text(body, "description")
            .split("\n\n")
            .filter(|p| !p.is_empty())
        {
            let _ = writeln!(html, "<p>{}</p>", prose(paragraph));
        }
        if *method == "get" {
            self.form(html, path, &id, body);
        } else {
            html.push_str(SIGNED);
            self.request_body(html, body);
        }
        self.answers(html, body);
        html.push_str("</details>\n");
    }

    fn form(&self, html: &mut String, path: &str, id: &str, operation: &'a Value) {
        let _ = writeln!(
            html,
            "<form data-path=\"{}\" autocomplete=\"off\">",
            escape(path)
        );
        for parameter in list(operation, "parameters") {
            self.field(html, id, parameter);
        }
        html.push_str(
            "<p class=\"buttons\"><button type=\"submit\">Send</button> \
             <button type=\"button\" class=\"stop\" hidden>Stop</button></p>\n\
             <h4>curl</h4><pre class=\"curl\" tabindex=\"0\"></pre>\n\
             <div class=\"answer\" role=\"status\" hidden><h4>Answer: <span class=\"line\"></span></h4>\
             <pre class=\"headers\" tabindex=\"0\"></pre><pre class=\"body\" tabindex=\"0\"></pre></div></form>\n",
        );
    }

    fn field(&self, html: &mut String, id: &str, parameter: &'a Value) {
        let name = escape(text(parameter, "name"));
        let schema = self.resolved(parameter.get("schema").unwrap_or(&Value::Null));
        let required = parameter.get("required").and_then(Value::as_bool) == Some(true);
        let needed = if required { " required" } else { "" };
        let place = escape(text(parameter, "in"));
        let about = prose(text(parameter, "description"));
        let attributes = format!(
            "id=\"{id}-{name}\" name=\"{name}\" data-in=\"{place}\" aria-describedby=\"{id}-{name}-about\"{needed}"
        );
        let field = if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            let options =
                values
                    .iter()
                    .fold("<option></option>".to_owned(), |mut options, value| {
                        let _ = write!(options, "<option>{}</option>", escape(&plain(value)));
                        options
                    });
            format!("<select {attributes}>{options}</select>")
        } else {
            let example = parameter
                .get("example")
                .or_else(|| list(schema, "examples").next());
            let example = escape(&example.map(plain).unwrap_or_default());
            let events = if name == "id" {
                " list=\"known-events\""
            } else {
                ""
            };
            format!(
                "<input {attributes}{events} placeholder=\"{example}\" spellcheck=\"false\" autocapitalize=\"off\">"
            )
        };
        let _ = writeln!(
            html,
            "<div class=\"field\"><label for=\"{id}-{name}\">{name} <span class=\"in\">{place}{suffix}</span></label>\
             {field}<span class=\"hint\" id=\"{id}-{name}-about\">{about}</span></div>",
            suffix = if required { ", required" } else { "" },
        );
    }

    fn request_body(&self, html: &mut String, operation: &'a Value) {
        let body = operation.get("requestBody").unwrap_or(&Value::Null);
        let schema = body
            .pointer("/content/application~1json/schema")
            .unwrap_or(&Value::Null);
        let _ = writeln!(
            html,
            "<h4>Body</h4><p>{}</p>",
            prose(text(body, "description"))
        );
        if let Some(example) = self.resolved(schema).get("example") {
            let _ = writeln!(html, "<pre tabindex=\"0\">{}</pre>", pretty(example));
        }
    }

    fn answers(&self, html: &mut String, operation: &'a Value) {
        html.push_str("<h4>Answers</h4><dl class=\"answers\">\n");
        for (status, response) in members(operation, "responses") {
            let whole = self.resolved(response);
            let about = response
                .get("description")
                .or_else(|| whole.get("description"));
            let about = prose(about.and_then(Value::as_str).unwrap_or_default());
            let _ = write!(html, "<dt>{}</dt><dd>{about}", escape(status));
            for (media, content) in members(whole, "content") {
                let schema = content.get("schema").unwrap_or(&Value::Null);
                let example = self.resolved(schema).get("example");
                match example.filter(|_| response.get("$ref").is_none()) {
                    Some(example) => {
                        let _ = write!(
                            html,
                            "<details><summary>Example of <code>{}</code></summary><pre tabindex=\"0\">{}</pre></details>",
                            escape(media),
                            pretty(example)
                        );
                    }
                    // Problems have one type; the page says it once.
                    None if media == PROBLEM_JSON => {}
                    None => {
                        let _ = write!(html, " <code class=\"media\">{}</code>", escape(media));
                    }
                }
            }
            html.push_str("</dd>\n");
        }
        html.push_str("</dl>\n");
    }

    /// What a reference names.
    fn resolved(&self, value: &'a Value) -> &'a Value {
        let pointer = value.get("$ref").and_then(Value::as_str);
        pointer
            .and_then(|pointer| self.document.pointer(pointer.strip_prefix('#')?))
            .unwrap_or(value)
    }
}
