//! A small witness (C2SP `tlog-witness`) that checks what it cosigns by itself,
//! over loopback HTTP, and does worse when a test wants it to.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::header::{CONTENT_TYPE, LOCATION};
use axum::http::{HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::tlog::checkpoint::{Algorithm, cosigned_text};
use oracle_schema::tlog::tree::verify_consistency;
use oracle_schema::tlog::{Checkpoint, Hash, Note, NoteKey};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// A body made out of the checkpoint that was submitted.
pub type Lie = Arc<dyn Fn(&Signing, &Checkpoint) -> Vec<u8> + Send + Sync>;

/// What a witness does with a submission.
#[derive(Clone)]
pub enum Mood {
    /// Checks it and answers.
    Honest,
    /// Never answers.
    Silent,
    /// Checks it and answers once [`Witness::release`] lets it.
    Held,
    /// Answers this status.
    Status(u16),
    /// Sends elsewhere.
    Redirect(String),
    /// Says a conflict with this size.
    Conflict(&'static str),
    /// Answers 200 and whatever this makes.
    Lying(Lie),
}

/// A witness's key.
#[derive(Clone)]
pub struct Signing {
    /// Under its name.
    pub key: NoteKey,
    secret: SigningKey,
}

impl Signing {
    fn new(name: &str, seed: u8) -> Self {
        let secret = SigningKey::from_bytes(&[seed; 32]);
        let public = secret.verifying_key().to_bytes();
        Self {
            key: NoteKey::new(name, Algorithm::Cosignature, &public).expect("key"),
            secret,
        }
    }

    /// A line that says this of a checkpoint.
    pub fn line(&self, checkpoint: &Checkpoint, time_s: u64) -> String {
        self.line_as(self.key.name(), self.key.id(), checkpoint, time_s)
    }

    /// The same under another name and key id.
    pub fn line_as(&self, name: &str, id: [u8; 4], checkpoint: &Checkpoint, time_s: u64) -> String {
        let text = cosigned_text(time_s, &checkpoint.text());
        let mut bytes = id.to_vec();
        bytes.extend_from_slice(&time_s.to_be_bytes());
        bytes.extend_from_slice(&self.secret.sign(text.as_bytes()).to_bytes());
        format!("\u{2014} {name} {}\n", BASE64.encode(bytes))
    }
}

struct Inner {
    log: Option<NoteKey>,
    last: Option<Checkpoint>,
    mood: Mood,
    time_s: u64,
    mirrored: Option<String>,
    asked: Vec<(u64, u64)>,
    under_way: usize,
    most_under_way: usize,
}

struct Shared {
    signing: Signing,
    inner: Mutex<Inner>,
    permits: Semaphore,
    changed: watch::Sender<()>,
}

/// A running witness; it is a mirror as well when it has something to show.
pub struct Witness {
    shared: Arc<Shared>,
    address: SocketAddr,
    task: JoinHandle<()>,
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Witness {
    /// A witness of that name whose clock stands at `time_s`; it knows no log.
    pub async fn start(name: &str, seed: u8, time_s: i64) -> Self {
        let shared = Arc::new(Shared {
            signing: Signing::new(name, seed),
            inner: Mutex::new(Inner {
                log: None,
                last: None,
                mood: Mood::Honest,
                time_s: time_s.unsigned_abs(),
                mirrored: None,
                asked: Vec::new(),
                under_way: 0,
                most_under_way: 0,
            }),
            permits: Semaphore::new(0),
            changed: watch::Sender::new(()),
        });
        let router = Router::new()
            .route("/w/add-checkpoint", post(add_checkpoint))
            .route("/checkpoint", get(checkpoint))
            .with_state(shared.clone());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let task = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("server");
        });
        Self {
            shared,
            address,
            task,
        }
    }

    /// The verifier key.
    pub fn key(&self) -> &NoteKey {
        &self.shared.signing.key
    }

    /// The line of a policy, under this name.
    pub fn policy_line(&self, name: &str) -> String {
        format!("witness {name} {} http://{}/w/\n", self.key(), self.address)
    }

    /// Where it mirrors.
    pub fn mirror_url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Cosigns this log from now on.
    pub fn trust(&self, log: &NoteKey) {
        self.inner().log = Some(log.clone());
    }

    /// What it does from now on.
    pub fn set_mood(&self, mood: Mood) {
        self.inner().mood = mood;
    }

    /// What it believes it cosigned last.
    pub fn set_last(&self, last: Option<Checkpoint>) {
        self.inner().last = last;
    }

    /// What it cosigned last.
    pub fn last(&self) -> Option<Checkpoint> {
        self.inner().last.clone()
    }

    /// What it shows as a mirror.
    pub fn mirror(&self, note: &str) {
        self.inner().mirrored = Some(note.to_owned());
    }

    /// Lets one submission that is held go on.
    pub fn release(&self) {
        self.shared.permits.add_permits(1);
    }

    /// Every submission so far: old size and size.
    pub fn asked(&self) -> Vec<(u64, u64)> {
        self.inner().asked.clone()
    }

    /// Most submissions at once so far.
    pub fn most_under_way(&self) -> usize {
        self.inner().most_under_way
    }

    /// Waits until its story is as it should be.
    pub async fn wait_until(&self, story: impl Fn(&Self) -> bool) {
        let mut changed = self.shared.changed.subscribe();
        let told = async {
            while !story(self) {
                // The sender is ours.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, told)
            .await
            .expect("the witness never got there");
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.shared.inner()
    }
}

/// Writes a policy file and answers the section that names it.
pub fn section(dir: &Path, policy: &str, more: &str) -> String {
    let file = dir.join("witness.policy");
    std::fs::write(&file, policy).expect("policy");
    format!("\n[witness]\npolicy = \"{}\"\n{more}\n", file.display())
}

impl Shared {
    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn checkpoint(State(shared): State<Arc<Shared>>) -> Response {
    let mirrored = shared.inner().mirrored.clone();
    mirrored.map_or_else(
        || StatusCode::NOT_FOUND.into_response(),
        IntoResponse::into_response,
    )
}

/// Counts a submission for as long as it is under way.
struct UnderWay(Arc<Shared>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.inner().under_way -= 1;
        self.0.changed.send_replace(());
    }
}

async fn add_checkpoint(State(shared): State<Arc<Shared>>, body: String) -> Response {
    let Some(submission) = Submission::read(&body) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    let mood = {
        let mut inner = shared.inner();
        inner
            .asked
            .push((submission.old, submission.note.checkpoint().size));
        inner.under_way += 1;
        inner.most_under_way = inner.most_under_way.max(inner.under_way);
        inner.mood.clone()
    };
    let _under_way = UnderWay(shared.clone());
    shared.changed.send_replace(());
    match mood {
        Mood::Honest => {}
        Mood::Silent => std::future::pending().await,
        Mood::Held => {
            let permit = shared.permits.acquire().await.expect("never closed");
            permit.forget();
        }
        Mood::Status(status) => {
            let status = StatusCode::from_u16(status).expect("a status");
            return (status, "because\u{7}\n").into_response();
        }
        Mood::Redirect(to) => return (StatusCode::FOUND, [(LOCATION, to)]).into_response(),
        Mood::Conflict(size) => return conflict(size.to_owned()),
        Mood::Lying(lie) => {
            return lie(&shared.signing, submission.note.checkpoint()).into_response();
        }
    }
    cosign(&shared, &submission)
}

fn conflict(size: String) -> Response {
    let header: (HeaderName, &str) = (CONTENT_TYPE, "text/x.tlog.size");
    (StatusCode::CONFLICT, [header], size).into_response()
}

/// The checks of the specification, in its order.
fn cosign(shared: &Shared, submission: &Submission) -> Response {
    let mut inner = shared.inner();
    let checkpoint = submission.note.checkpoint();
    let Some(log) = &inner.log else {
        return StatusCode::NOT_FOUND.into_response();
    };
    if log.name() != checkpoint.origin {
        return StatusCode::NOT_FOUND.into_response();
    }
    if submission.note.verify(log).is_err() {
        return StatusCode::FORBIDDEN.into_response();
    }
    if submission.old > checkpoint.size {
        return StatusCode::BAD_REQUEST.into_response();
    }
    let last = inner.last.clone();
    let known = last.as_ref().map_or(0, |last| last.size);
    if submission.old != known {
        return conflict(format!("{known}\n"));
    }
    if let Some(last) = last {
        if last.size == checkpoint.size && last.root != checkpoint.root {
            return conflict(format!("{known}\n"));
        }
        let verified = verify_consistency(
            last.size,
            &last.root,
            checkpoint.size,
            &checkpoint.root,
            &submission.proof,
        );
        if verified.is_err() {
            return StatusCode::UNPROCESSABLE_ENTITY.into_response();
        }
    } else if !submission.proof.is_empty() {
        return StatusCode::UNPROCESSABLE_ENTITY.into_response();
    }
    inner.last = Some(checkpoint.clone());
    let time_s = inner.time_s;
    drop(inner);
    shared.changed.send_replace(());
    shared.signing.line(checkpoint, time_s).into_response()
}

struct Submission {
    old: u64,
    proof: Vec<Hash>,
    note: Note,
}

impl Submission {
    /// As strict as the specification.
    fn read(body: &str) -> Option<Self> {
        let (head, note) = body.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let old = lines.next()?.strip_prefix("old ")?;
        let size: u64 = old.parse().ok()?;
        if size.to_string() != old {
            return None;
        }
        let mut proof = Vec::new();
        for line in lines {
            proof.push(BASE64.decode(line).ok()?.try_into().ok()?);
        }
        (proof.len() <= 63).then_some(())?;
        Some(Self {
            old: size,
            proof,
            note: Note::parse(note).ok()?,
        })
    }
}
