//! A server that says what the test tells it to, truth or not.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use futures::StreamExt;
use oracle_schema::codec::Layout;
use serde_json::json;

use super::{Announced, Log, ORIGIN, Oracle, identity_of};
use oracle_schema::Attestation;

const TLV: &str = "application/octet-stream";

/// One prepared answer.
#[derive(Clone)]
pub enum Answer {
    Bytes(Vec<u8>),
    Json(serde_json::Value),
    Problem(u16, &'static str),
    /// A problem that asks for a pause of so many seconds.
    Later(u16, &'static str, u64),
    /// Held until the asked `wait` is over or the given time is, then a
    /// `not-attested`.
    Hold(Duration),
    /// Headers that promise more body than comes before the connection ends.
    CutShort(Vec<u8>),
    /// What something on the way answers instead: status, media type, body.
    Page(u16, &'static str, &'static str),
    /// A redirect to another path.
    Moved(&'static str),
    /// An endless body.
    Flood,
    /// A stream of these chunks, left open or cut.
    Stream(Vec<&'static str>, After),
}

/// What happens to the connection after the last chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum After {
    Open,
    Cut,
}

/// A request seen: path and query, and the `Last-Event-ID` header.
pub type Seen = (String, Option<String>);

#[derive(Default)]
struct Script {
    log: Option<Log>,
    answers: HashMap<String, VecDeque<Answer>>,
    seen: Vec<Seen>,
}

/// Answers each path with its queue; the last answer of a queue repeats.
#[derive(Clone, Default)]
pub struct Server(Arc<Mutex<Script>>);

impl Server {
    /// A server of this oracle, on a free port. Returns its address too.
    pub async fn start(oracle: &Oracle) -> (Self, String) {
        let server = Self::default();
        server.0.lock().unwrap().log = Some(Log::home_of(oracle.clone()));
        server.put("/v1/oracle", [Answer::Json(about(oracle))]);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        server.serve(listener.into_std().unwrap());
        (server, url)
    }

    /// Serves on the runtime that this is called on, for as long as that lives.
    pub fn serve(&self, listener: std::net::TcpListener) {
        listener.set_nonblocking(true).unwrap();
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        let router = Router::new().fallback(answer).with_state(self.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
    }

    pub fn put(&self, path: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut script = self.0.lock().unwrap();
        let answers = answers.into_iter().collect();
        script.answers.insert(path.to_owned(), answers);
    }

    /// Publishes an announcement, as an honest server would.
    pub fn announce(&self, announced: &Announced) {
        self.log(|log| log.push_proven(announced));
        self.serve_announcement(announced);
    }

    /// The same, as a server before announcements had proofs of their nonces.
    pub fn announce_unproven(&self, announced: &Announced) {
        self.log(|log| log.push_announcement(&announced.announcement));
        self.serve_announcement(announced);
    }

    fn serve_announcement(&self, announced: &Announced) {
        let id = announced.announcement.event.event_id.as_str();
        let bytes = announced.announcement.to_tlv();
        self.put(&announcement_path(id), [Answer::Bytes(bytes)]);
        self.put(
            &attestation_path(id),
            [Answer::Problem(404, "not-attested")],
        );
    }

    /// Publishes an attestation under an event's name.
    pub fn attest(&self, id: &str, attestation: &Attestation) {
        self.log(|log| {
            let last = log.bundle(id, None).map(|b| b.announcement.leaf_index);
            last.map(|at| log.push_attestation(at, attestation.clone()))
        });
        let bytes = attestation.to_tlv(Layout::Spec);
        self.put(&attestation_path(id), [Answer::Bytes(bytes)]);
    }

    /// Reads or changes the log that the bundles are of.
    pub fn log<T>(&self, use_it: impl FnOnce(&mut Log) -> T) -> Option<T> {
        self.0.lock().unwrap().log.as_mut().map(use_it)
    }

    /// Requests whose path begins so, in order.
    pub fn seen(&self, path: &str) -> Vec<Seen> {
        let script = self.0.lock().unwrap();
        let seen = script.seen.iter();
        seen.filter(|(p, _)| p.starts_with(path)).cloned().collect()
    }
}

pub fn announcement_path(id: &str) -> String {
    format!("/v1/announcements/{id}")
}

pub fn attestation_path(id: &str) -> String {
    format!("/v1/attestations/{id}")
}

pub fn about(oracle: &Oracle) -> serde_json::Value {
    json!({
        "name": "Test oracle",
        "network": "peercoin-regtest",
        "public_key": oracle.key().to_string(),
        "log_origin": ORIGIN,
        "log_public_key": hex::encode(identity_of(oracle).public_key()),
        "server_version": "0.1.0",
        "dialect": "tagged",
        "open_choice_bits": 1.58,
        "max_open_choice_bits": 64,
        "choice": { "operators_bits": 2, "sources": { "kraken": 17 } },
        "said_by_a_later_server": true,
    })
}

async fn answer(State(server): State<Server>, request: Request) -> Response {
    let uri = request.uri();
    let wait = uri
        .query()
        .and_then(|q| q.split('&').find_map(|pair| pair.strip_prefix("wait=")))
        .and_then(|seconds| seconds.parse().ok())
        .map(Duration::from_secs);
    let found = {
        let mut script = server.0.lock().unwrap();
        let header = request.headers().get("last-event-id");
        let resume = header.map(|v| v.to_str().unwrap().to_owned());
        script.seen.push((uri.to_string(), resume));
        match script.answers.get_mut(uri.path()) {
            Some(queue) if queue.len() > 1 => queue.pop_front(),
            Some(queue) => queue.front().cloned(),
            None => script.log.as_ref().and_then(|log| bundle(log, uri)),
        }
    };
    match found.unwrap_or(Answer::Problem(404, "unknown-event")) {
        Answer::Bytes(bytes) => bytes.into_response(),
        Answer::Json(value) => (
            [(header::CONTENT_TYPE, "application/json")],
            value.to_string(),
        )
            .into_response(),
        Answer::Problem(status, kind) => problem(status, kind, 0),
        Answer::Later(status, kind, seconds) => problem(status, kind, seconds),
        Answer::Hold(time) => {
            tokio::time::sleep(time.min(wait.unwrap_or_default())).await;
            problem(404, "not-attested", 0)
        }
        Answer::CutShort(bytes) => {
            let length = (bytes.len() + 1).to_string();
            let body = chunks(vec![bytes], After::Cut);
            let head = [
                (header::CONTENT_LENGTH, length),
                (header::CONTENT_TYPE, TLV.to_owned()),
            ];
            (head, body).into_response()
        }
        Answer::Page(status, media, body) => {
            let status = StatusCode::from_u16(status).unwrap();
            (status, [(header::CONTENT_TYPE, media)], body).into_response()
        }
        Answer::Moved(path) => (StatusCode::FOUND, [(header::LOCATION, path)]).into_response(),
        Answer::Flood => {
            let chunk = Bytes::from(vec![b'0'; 64 * 1024]);
            let flood =
                futures::stream::repeat_with(move || Ok::<_, std::io::Error>(chunk.clone()));
            ([(header::CONTENT_TYPE, TLV)], Body::from_stream(flood)).into_response()
        }
        Answer::Stream(lines, after) => {
            let body = chunks(lines, after);
            ([(header::CONTENT_TYPE, "text/event-stream")], body).into_response()
        }
    }
}

/// The bundle that is asked for, out of the log.
fn bundle(log: &Log, uri: &Uri) -> Option<Answer> {
    let id = uri
        .path()
        .strip_prefix("/v1/events/")?
        .strip_suffix("/bundle")?;
    let from = uri.query().and_then(|q| q.strip_prefix("from="));
    let bundle = log.bundle(id, from.map(|size| size.parse().unwrap()))?;
    Some(Answer::Json(serde_json::to_value(bundle).unwrap()))
}

fn chunks<T: Into<Bytes>>(parts: Vec<T>, after: After) -> Body {
    let parts: Vec<_> = parts.into_iter().map(|p| Ok(p.into())).collect();
    let parts = futures::stream::iter(parts).then(async |part| {
        tokio::task::yield_now().await;
        part
    });
    let end = futures::stream::once(async move {
        // A pause is when hyper writes out what it has; an error would drop it.
        tokio::task::yield_now().await;
        if after == After::Open {
            std::future::pending::<()>().await;
        }
        Err(std::io::Error::other("cut"))
    });
    Body::from_stream(parts.chain(end))
}

fn problem(status: u16, kind: &str, retry_after: u64) -> Response {
    let body = json!({
        "type": format!("/problems/{kind}"),
        "title": "No",
        "status": status,
        "detail": format!("detail of {kind}"),
    });
    (
        StatusCode::from_u16(status).unwrap(),
        [
            (header::CONTENT_TYPE, "application/problem+json"),
            (header::RETRY_AFTER, &retry_after.to_string()),
        ],
        body.to_string(),
    )
        .into_response()
}
