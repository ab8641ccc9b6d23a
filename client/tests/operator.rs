//! The built `oracle operator`, against a server that checks signatures.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Stdio;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::{Request as Received, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use chrono::Utc;
use oracle_schema::http_signature::{FieldValues, Request, SignedRequest};
use oracle_schema::operator::{Approval, Reason, Report};
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::process::Command;

/// Exit code, stdout, stderr.
struct Ran(i32, String, String);

async fn run(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_oracle"))
        .arg("operator")
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    Ran(
        output.status.code().unwrap(),
        String::from_utf8(output.stdout).unwrap(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

/// What a server knows: its address, the operator's key, the answer to give;
/// and what it has seen.
struct Server {
    authority: String,
    public_key: [u8; 32],
    status: StatusCode,
    seen: Mutex<Vec<(String, Vec<u8>)>>,
}

async fn answer(State(server): State<Arc<Server>>, request: Received) -> Response {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap();
    let fields = parts.headers.iter();
    let fields = FieldValues::collect(fields.map(|(n, v)| (n.as_str(), v.as_bytes()))).unwrap();
    let request = Request {
        method: parts.method.as_str(),
        authority: &server.authority,
        path: parts.uri.path(),
        query: parts.uri.query(),
        body: &body,
    };
    let signed = SignedRequest::parse(&request, &fields).unwrap();
    assert_eq!(signed.operator(), "alice");
    let now = Utc::now().timestamp();
    let verified = signed.verify(&server.public_key, now).unwrap();
    let path = parts.uri.path().to_owned();
    server.seen.lock().unwrap().push((path, body.to_vec()));
    let answer = if server.status.is_success() {
        json!({
            "event_id": "pm", "state": "matured", "accepted": true,
            "sha256": hex::encode(verified.body_sha256()),
        })
    } else {
        json!({ "type": "/problems/not-on-panel", "title": "No", "detail": "not you" })
    };
    let media = if server.status.is_success() {
        "application/json"
    } else {
        "application/problem+json"
    };
    (server.status, [("content-type", media)], answer.to_string()).into_response()
}

struct World {
    server: Arc<Server>,
    url: String,
    key: String,
    dir: TempDir,
}

impl World {
    async fn new(status: StatusCode) -> Self {
        let dir = TempDir::new().unwrap();
        let key = path(&dir, "alice.key");
        let Ran(code, public, _) = run(&["keygen", "--out", &key]).await;
        assert_eq!(code, 0);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let authority = listener.local_addr().unwrap().to_string();
        let url = format!("http://{authority}");
        let server = Arc::new(Server {
            authority,
            public_key: hex::decode(public.trim()).unwrap().try_into().unwrap(),
            status,
            seen: Mutex::default(),
        });
        let router = Router::new().fallback(answer).with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            server,
            url,
            key,
            dir,
        }
    }

    async fn act(&self, arguments: &[&str]) -> Ran {
        let sender = [
            "--key",
            &self.key,
            "--operator",
            "alice",
            "--url",
            &self.url,
        ];
        run(&[arguments, &sender].concat()).await
    }

    fn last(&self) -> (String, Vec<u8>) {
        self.server.seen.lock().unwrap().last().unwrap().clone()
    }
}

fn path(dir: &TempDir, name: &str) -> String {
    dir.path().join(name).to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_key_is_made_once_and_for_its_owner_only() {
    let dir = TempDir::new().unwrap();
    let file = path(&dir, "key");
    let Ran(code, public, _) = run(&["keygen", "--out", &file]).await;
    assert_eq!((code, public.trim().len()), (0, 64));
    let secret = std::fs::read_to_string(&file).unwrap();
    assert_ne!(secret, public);
    let mode = std::fs::metadata(Path::new(&file)).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    let Ran(code, out, err) = run(&["keygen", "--out", &file]).await;
    assert_eq!((code, out.as_str()), (2, ""));
    assert!(err.contains("key file"), "{err}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), secret);
}

#[tokio::test]
async fn every_verb_sends_its_signed_body() {
    let world = World::new(StatusCode::ACCEPTED).await;
    let hash = "5a".repeat(32);
    let link = format!("https://chain.example/?a=1={hash}");
    let arguments = [
        "report",
        "p+m",
        "yes",
        "--evidence",
        &link,
        "--note",
        "seen",
    ];
    let Ran(code, out, err) = world.act(&arguments).await;
    assert_eq!(code, 0, "{err}");
    let (path, body) = world.last();
    assert_eq!(path, "/v1/events/p+m/reports");
    let report = Report::parse(&body).unwrap();
    assert_eq!(
        (report.outcome.as_str(), report.note.as_deref()),
        ("yes", Some("seen"))
    );
    assert_eq!(report.evidence[0].url, "https://chain.example/?a=1");
    let sha256 = hex::encode(Sha256::digest(&body));
    assert_eq!(out, format!("ok pm state=matured sha256={sha256}\n"));

    assert_eq!(world.act(&["approve", "pm", &hash]).await.0, 0);
    let (path, body) = world.last();
    assert_eq!(path, "/v1/events/pm/approvals");
    assert_eq!(Approval::parse(&body).unwrap().report, [0x5a; 32]);

    for verb in ["veto", "void"] {
        assert_eq!(world.act(&[verb, "pm", "--reason", "why"]).await.0, 0);
        let (path, body) = world.last();
        assert_eq!(path, format!("/v1/events/pm/{verb}"));
        assert_eq!(Reason::parse(&body).unwrap().reason, "why");
        assert_eq!(world.act(&[verb, "pm"]).await.0, 0);
        assert_eq!(Reason::parse(&world.last().1).unwrap().reason, "");
    }

    let file = self::path(&world.dir, "event.json");
    std::fs::write(&file, b"{ \"id\": \"pm\" }\n").unwrap();
    let Ran(code, out, _) = world.act(&["create", &file, "--json"]).await;
    assert_eq!(code, 0);
    assert_eq!(
        world.last(),
        ("/v1/events".to_owned(), b"{ \"id\": \"pm\" }\n".to_vec())
    );
    let json: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(json["accepted"], true);
}

#[tokio::test]
async fn a_refusal_names_its_kind() {
    let world = World::new(StatusCode::FORBIDDEN).await;
    let Ran(code, out, err) = world.act(&["report", "pm", "yes"]).await;
    assert_eq!((code, out.as_str()), (1, ""));
    assert!(err.contains("403 not-on-panel: not you"), "{err}");
}

#[tokio::test]
async fn what_cannot_be_used_is_refused_before_anything_is_sent() {
    let world = World::new(StatusCode::ACCEPTED).await;
    let file = path(&world.dir, "other");
    std::fs::write(&file, "not a key").unwrap();
    let bad: [&[&str]; 4] = [
        &["approve", "pm", "5a5a"],
        &["report", "pm", "yes", "--evidence", "https://chain.example"],
        &["create", "/nowhere.json"],
        &["report", "", "yes"],
    ];
    for arguments in bad {
        assert_eq!(world.act(arguments).await.0, 2, "{arguments:?}");
    }
    let sender = ["--key", &file, "--operator", "alice", "--url", &world.url];
    let Ran(code, _, err) = run(&[&["veto", "pm"], &sender[..]].concat()).await;
    assert_eq!(code, 2);
    assert!(!err.contains("not a key"), "{err}");
    assert!(world.server.seen.lock().unwrap().is_empty());
}
