//! A small Nostr relay (NIP-01: EVENT and OK, REQ over what it has, and EOSE) that checks
//! ids and signatures by itself and answers as a test wants.

use std::collections::{BTreeMap, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{WebSocketStream, accept_async};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_mins(1);

/// What a relay does with an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reply {
    /// Keeps it and says so.
    Accept,
    /// `OK false` with this message.
    Deny(&'static str),
    /// Keeps it and hangs up without a word.
    HangUp,
    /// Says nothing, ever, and leaves the connection open.
    Silence,
}

/// An event as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The whole message, `["EVENT",{…}]`.
    pub text: String,
    /// The event in it.
    pub json: Value,
}

impl Event {
    /// Its id.
    pub fn id(&self) -> &str {
        self.json["id"].as_str().unwrap_or_default()
    }

    /// Its kind.
    pub fn kind(&self) -> u64 {
        self.json["kind"].as_u64().unwrap_or_default()
    }

    /// The value of its first tag of this name.
    pub fn tag(&self, name: &str) -> Option<&str> {
        let tags = self.json["tags"].as_array()?;
        tags.iter().find(|tag| tag[0] == name)?[1].as_str()
    }

    /// Whether a filter asks for it: each of its conditions holds (NIP-01).
    fn matches(&self, filter: &Value) -> bool {
        let conditions = filter.as_object().expect("a filter is an object");
        let e = &self.json;
        let created_at = e["created_at"].as_i64();
        conditions.iter().all(|(name, wanted)| {
            let has = |value: &Value| wanted.as_array().is_some_and(|w| w.contains(value));
            match name.as_str() {
                "ids" => has(&e["id"]),
                "authors" => has(&e["pubkey"]),
                "kinds" => has(&e["kind"]),
                "since" => created_at >= wanted.as_i64(),
                "until" => created_at <= wanted.as_i64(),
                "limit" => true,
                // Tags of one letter, and of each the first value.
                name if name.len() == 2 && name.starts_with('#') => e["tags"]
                    .as_array()
                    .is_some_and(|tags| tags.iter().any(|t| t[0] == name[1..] && has(&t[1]))),
                _ => panic!("relays know no filter {name}"),
            }
        })
    }

    /// Checks id and signature, from the JSON alone.
    fn check(&self) -> Result<(), String> {
        let e = &self.json;
        let fields = json!([
            0,
            e["pubkey"],
            e["created_at"],
            e["kind"],
            e["tags"],
            e["content"]
        ]);
        // Compact, and escaped as NIP-01 has it.
        let digest: [u8; 32] = Sha256::digest(fields.to_string()).into();
        if hex::encode(digest) != self.id() {
            return Err("invalid: id".to_owned());
        }
        let bytes = |key: &str| hex::decode(e[key].as_str().unwrap_or_default());
        let key: Option<[u8; 32]> = bytes("pubkey").ok().and_then(|b| b.try_into().ok());
        let sig: Option<[u8; 64]> = bytes("sig").ok().and_then(|b| b.try_into().ok());
        let (Some(key), Some(sig)) = (key, sig) else {
            return Err("invalid: length".to_owned());
        };
        XOnlyPublicKey::from_byte_array(key)
            .and_then(|key| Signature::from_byte_array(sig).verify(&digest, &key))
            .map_err(|e| format!("invalid: {e}"))
    }
}

type Rule = Arc<dyn Fn(&Event) -> Reply + Send + Sync>;

struct Inner {
    rule: Rule,
    is_down: bool,
    received: Vec<Event>,
    kept: BTreeMap<String, Event>,
    invalid: Vec<String>,
    connections: usize,
    pongs: usize,
}

/// A running relay on loopback.
pub struct Relay {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    changed: watch::Sender<()>,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Relay {
    /// Starts one that accepts everything.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("port");
        let address = listener.local_addr().expect("address");
        let inner = Arc::new(Mutex::new(Inner {
            rule: Arc::new(|_| Reply::Accept),
            is_down: false,
            received: Vec::new(),
            kept: BTreeMap::new(),
            invalid: Vec::new(),
            connections: 0,
            pongs: 0,
        }));
        let changed = watch::Sender::new(());
        let task = tokio::spawn(listen(listener, inner.clone(), changed.clone()));
        Self {
            address,
            inner,
            changed,
            task,
        }
    }

    /// `ws://HOST:PORT/`.
    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// How events are answered from now on.
    pub fn answers(&self, rule: impl Fn(&Event) -> Reply + Send + Sync + 'static) {
        self.inner().rule = Arc::new(rule);
    }

    /// Whether connections are dropped before anything is said.
    pub fn set_down(&self, is_down: bool) {
        self.inner().is_down = is_down;
    }

    /// Every event that came, in order, again and again where it was resent.
    pub fn received(&self) -> Vec<Event> {
        self.inner().received.clone()
    }

    /// The kept events of a kind, by id.
    pub fn kept(&self, kind: u64) -> Vec<Event> {
        let inner = self.inner();
        inner
            .kept
            .values()
            .filter(|e| e.kind() == kind)
            .cloned()
            .collect()
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.inner().connections
    }

    /// Answers to pings so far.
    pub fn pongs(&self) -> usize {
        self.inner().pongs
    }

    /// Waits until the relay's story is as it should be.
    pub async fn wait_until(&self, story: impl Fn(&[Event]) -> bool) {
        let mut changed = self.changed.subscribe();
        let told = async {
            while !story(&self.inner().received) {
                // The sender is ours.
                let _ = changed.changed().await;
            }
        };
        tokio::time::timeout(PATIENCE, told)
            .await
            .expect("the relay never heard of it");
    }

    /// What every test asks: each event was valid, one id was one text, and an
    /// attestation came after its announcement.
    pub fn assert_sound(&self) {
        let inner = self.inner();
        assert_eq!(inner.invalid, Vec::<String>::new());
        let mut texts: HashMap<&str, &str> = HashMap::new();
        for event in &inner.received {
            let first = texts.entry(event.id()).or_insert(&event.text);
            assert_eq!(*first, event.text, "resent with other bytes");
            if let Some(announcement) = event.tag("e") {
                assert!(
                    texts.contains_key(announcement),
                    "before its announcement: {}",
                    event.text
                );
            }
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn listen(listener: TcpListener, inner: Arc<Mutex<Inner>>, changed: watch::Sender<()>) {
    while let Ok((stream, _)) = listener.accept().await {
        let is_down = {
            let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
            inner.connections += 1;
            inner.is_down
        };
        if !is_down {
            tokio::spawn(serve(stream, inner.clone(), changed.clone()));
        }
    }
}

/// One connection, with all that a relay may say without being asked.
async fn serve(stream: TcpStream, inner: Arc<Mutex<Inner>>, changed: watch::Sender<()>) {
    let Ok(mut socket) = accept_async(stream).await else {
        return;
    };
    let hello = json!(["AUTH", "a challenge"]).to_string();
    let _ = socket.send(Message::text(hello)).await;
    while let Some(Ok(message)) = socket.next().await {
        let text = match message {
            Message::Text(text) => text.to_string(),
            Message::Pong(_) => {
                inner.lock().unwrap_or_else(PoisonError::into_inner).pongs += 1;
                continue;
            }
            _ => continue,
        };
        let json: Value = serde_json::from_str(&text).unwrap_or_default();
        match json[0].as_str() {
            Some("REQ") => {
                answer(&mut socket, &inner, &json).await;
                continue;
            }
            // Readers end what they asked for, and may log in: nothing comes of it.
            Some("CLOSE" | "AUTH") => continue,
            _ => {}
        }
        let event = Event {
            json: json[1].clone(),
            text,
        };
        let (reply, is_known) = take(&inner, &event);
        changed.send_replace(());
        let id = event.id();
        let answer = match reply {
            Reply::Accept if is_known => json!(["OK", id, true, "duplicate: already have it"]),
            Reply::Accept => json!(["OK", id, true, ""]),
            Reply::Deny(why) => json!(["OK", id, false, why]),
            Reply::HangUp => return,
            Reply::Silence => continue,
        };
        let _ = socket.send(Message::Ping("there?".into())).await;
        let notice = json!(["NOTICE", "welcome"]).to_string();
        let _ = socket.send(Message::text(notice)).await;
        let _ = socket.send(Message::text(answer.to_string())).await;
    }
}

/// Sends what is there of what was asked for, latest first, then EOSE.
async fn answer(socket: &mut WebSocketStream<TcpStream>, inner: &Mutex<Inner>, request: &Value) {
    let filters = request.as_array().map_or(&[][..], |parts| &parts[2..]);
    let mut wanted: Vec<Event> = {
        let inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = inner.kept.values();
        kept.filter(|e| filters.iter().any(|f| e.matches(f)))
            .cloned()
            .collect()
    };
    wanted.sort_by_key(|e| std::cmp::Reverse(e.json["created_at"].as_i64()));
    for event in wanted {
        let message = json!(["EVENT", request[1], event.json]).to_string();
        let _ = socket.send(Message::text(message)).await;
    }
    let end = json!(["EOSE", request[1]]).to_string();
    let _ = socket.send(Message::text(end)).await;
}

/// Notes an event; what is to be answered, and whether it was there before.
fn take(inner: &Mutex<Inner>, event: &Event) -> (Reply, bool) {
    let mut inner = inner.lock().unwrap_or_else(PoisonError::into_inner);
    inner.received.push(event.clone());
    if let Err(why) = event.check() {
        inner.invalid.push(format!("{why}: {}", event.text));
        return (Reply::Deny("invalid: not an event"), false);
    }
    let reply = (inner.rule.clone())(event);
    let is_known = inner.kept.contains_key(event.id());
    if matches!(reply, Reply::Accept | Reply::HangUp) {
        inner.kept.insert(event.id().to_owned(), event.clone());
    }
    (reply, is_known)
}
