//! Anchors in Peercoin, checked against the log and against a node.
//!
//! An anchor is wrong if its transaction says something that the log never was,
//! or stands in no block where it is said to. Which block is in the chain, a node
//! says; all else follows from the bytes (`docs/anchors.md`).

use std::fmt;
use std::path::Path;
use std::time::Duration;

use oracle_schema::anchor::rpc::{self, AnswerError, NOT_FOUND};
use oracle_schema::anchor::{Anchor, ChainHash, VerifiedAnchor};
use oracle_schema::tlog::tree::{prove_consistency, verify_consistency};
use oracle_schema::tlog::{Checkpoint, NoteKey, Tile, TileSet};
use serde::Serialize;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

/// Longest answer of a node that is read, bytes.
const MAX_ANSWER: usize = 1024 * 1024;

/// A log that was verified, against which its anchors are checked.
#[derive(Debug, Clone)]
pub struct Log<'a> {
    /// Its head: origin, size and root.
    pub head: &'a Checkpoint,
    /// What signs its checkpoints.
    pub key: &'a NoteKey,
    /// Its network, as in the genesis entry.
    pub network: &'a str,
}

/// Where the hashes of the log's tree come from. They need not be believed: what
/// they lead to is compared with the head.
pub trait Tiles {
    /// The bytes of a tile of hashes; or why there are none.
    fn tile(&self, tile: Tile) -> impl Future<Output = Result<Vec<u8>, String>> + Send;
}

/// An anchor that is deep enough in the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Anchored {
    /// The log had at least so many entries …
    pub size: u64,
    /// … at this time, RFC 3339: the block's.
    pub confirmed_at: String,
    /// The block's place in the chain.
    pub height: u64,
    /// The block.
    pub block_hash: String,
    /// The transaction.
    pub txid: String,
}

/// `the log had at least 258 entries at 2026-11-22T16:00:00Z (block 812345, transaction …)`
impl fmt::Display for Anchored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the log had at least {} entries at {} (block {}, transaction {})",
            self.size, self.confirmed_at, self.height, self.txid
        )
    }
}

/// What an anchor is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// True, and in the chain as far as a node was asked.
    Anchored(Anchored),
    /// True, but in no block that is deep enough yet.
    Pending,
    /// Wrong: what an honest oracle never serves.
    Violation(String),
    /// Not to be decided now.
    Unknown(String),
}

/// Checks one anchor: that its transaction is in the block that it names and
/// says what this log's root was at that size, that the checkpoint is signed by the
/// log, and, where a node is given, that this block is in its main chain, at least
/// `confirmations` deep.
pub async fn check(
    anchor: &Anchor,
    log: &Log<'_>,
    tiles: &impl Tiles,
    node: Option<(&Node, u64)>,
) -> Verdict {
    let verified = match anchor.verify() {
        Ok(verified) => verified,
        Err(error) => return Verdict::Violation(error.to_string()),
    };
    match in_log(&verified, log, tiles).await {
        Ok(None) => {}
        Ok(Some(violation)) => return Verdict::Violation(violation),
        Err(missing) => return Verdict::Unknown(missing),
    }
    let (Some((header, height)), Some(confirmation)) = (verified.block, &anchor.confirmation)
    else {
        return Verdict::Pending;
    };
    if let Some((node, confirmations)) = node {
        match node.place(log.network, header.hash()).await {
            Ok(Place::Main { depth, at }) if at == height && depth >= confirmations => {}
            Ok(Place::Main { at, .. }) if at == height => return Verdict::Pending,
            Ok(Place::Main { at, .. }) => {
                let why = format!("its block is at height {at}, not {height}");
                return Verdict::Violation(why);
            }
            Ok(Place::Elsewhere { tip }) => {
                let block = header.hash();
                // Chains are reorganised, and nodes lag or follow another tip for a while.
                return if tip >= height.saturating_add(confirmations) {
                    Verdict::Violation(format!("its block {block} is not in the main chain"))
                } else {
                    Verdict::Unknown(format!(
                        "the node is at height {tip}, without the anchor's block {block} of height {height}"
                    ))
                };
            }
            Err(error) => return Verdict::Unknown(error.to_string()),
        }
    }
    Verdict::Anchored(Anchored {
        size: verified.payload.size,
        confirmed_at: confirmation.confirmed_at.clone(),
        height,
        block_hash: confirmation.block_hash.clone(),
        txid: anchor.txid.clone(),
    })
}

/// Whether the anchored root is the log's at that size; if not, why. An error is
/// something that could not be had.
async fn in_log(
    verified: &VerifiedAnchor,
    log: &Log<'_>,
    tiles: &impl Tiles,
) -> Result<Option<String>, String> {
    let (size, root) = (verified.payload.size, verified.payload.root);
    let head = log.head;
    if verified.note.checkpoint().origin != head.origin {
        return Ok(Some("it is of another log".to_owned()));
    }
    if let Err(error) = verified.note.verify(log.key) {
        return Ok(Some(format!("its checkpoint: {error}")));
    }
    if size > head.size {
        // Signed by the log: it once had more than it shows.
        let why = format!("it is of {size} entries; the log shows {}", head.size);
        return Ok(Some(why));
    }
    let Some(last) = size.checked_sub(1) else {
        return Ok(Some("it is of an empty log".to_owned()));
    };
    let mut set = TileSet::of(head.size);
    for tile in TileSet::needed(last, head.size) {
        set.insert(tile, tiles.tile(tile).await?);
    }
    let proof = prove_consistency(size, head.size, &set).map_err(|e| e.to_string())?;
    let proof = proof.ok_or("no proof of consistency")?;
    let proved = verify_consistency(size, &root, head.size, &head.root, &proof);
    Ok(proved
        .err()
        .map(|_| format!("the log's root at {size} entries is not the one anchored")))
}

/// Why a node says nothing.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The address.
    #[error("peercoin node: url: {0}")]
    Url(String),
    /// The file of user and password.
    #[error("{path}: {reason}")]
    Login {
        /// Which file.
        path: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No answer.
    #[error("peercoin node: {0}")]
    Transport(#[source] reqwest::Error),
    /// The node refuses user and password.
    #[error("peercoin node: it refuses this login")]
    Unauthorised,
    /// An error, in its words.
    #[error("peercoin node: {0}")]
    Answer(#[from] AnswerError),
    /// An answer of another shape.
    #[error("peercoin node: its answer is not as documented")]
    Shape,
    /// Another network than the log's.
    #[error("peercoin node: it is on chain {found:?}; network {network} is another")]
    WrongChain {
        /// The log's network.
        network: String,
        /// The node's chain.
        found: String,
    },
}

/// Where a block is.
enum Place {
    Main {
        depth: u64,
        at: u64,
    },
    /// Not in the main chain, which is at height `tip`.
    Elsewhere {
        tip: u64,
    },
}

/// A Peercoin node, asked over JSON-RPC for blocks alone; it needs no wallet and
/// no index.
pub struct Node {
    http: reqwest::Client,
    url: Url,
    user: String,
    password: Zeroizing<String>,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("host", &self.url.host_str())
            .finish_non_exhaustive()
    }
}

impl Node {
    /// A node by its address and a file that holds `user:password`, such as its
    /// cookie.
    pub fn new(url: &str, cookie: &Path, timeout: Duration) -> Result<Self, NodeError> {
        let url = Url::parse(url).map_err(|e| NodeError::Url(e.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") || !url.username().is_empty() {
            let why = "http:// or https://, without user and password";
            return Err(NodeError::Url(why.to_owned()));
        }
        let login = |reason: String| NodeError::Login {
            path: cookie.display().to_string(),
            reason,
        };
        let text = std::fs::read_to_string(cookie).map_err(|e| login(e.to_string()))?;
        let text = Zeroizing::new(text);
        let (user, password) =
            rpc::cookie(&text).ok_or_else(|| login("not user:password".to_owned()))?;
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(NodeError::Transport)?;
        Ok(Self {
            http,
            url,
            user: user.to_owned(),
            password: Zeroizing::new(password.to_owned()),
        })
    }

    async fn place(&self, network: &str, hash: ChainHash) -> Result<Place, NodeError> {
        let info = self.call("getblockchaininfo", &json!([])).await?;
        let found = info.get("chain").and_then(Value::as_str);
        if found.is_none() || found != rpc::chain_of(network) {
            return Err(NodeError::WrongChain {
                network: network.to_owned(),
                found: found.unwrap_or_default().chars().take(32).collect(),
            });
        }
        let number = |value: &Value, name| value.get(name).and_then(Value::as_i64);
        let unsigned = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
        let tip = unsigned(number(&info, "blocks")).ok_or(NodeError::Shape)?;
        let header = match self
            .call("getblockheader", &json!([hash.to_string()]))
            .await
        {
            Err(NodeError::Answer(e)) if e.code() == Some(NOT_FOUND) => {
                return Ok(Place::Elsewhere { tip });
            }
            header => header?,
        };
        let confirmations = number(&header, "confirmations").ok_or(NodeError::Shape)?;
        match u64::try_from(confirmations) {
            Ok(depth) if depth > 0 => Ok(Place::Main {
                depth,
                at: unsigned(number(&header, "height")).ok_or(NodeError::Shape)?,
            }),
            _ => Ok(Place::Elsewhere { tip }),
        }
    }

    async fn call(&self, method: &str, params: &Value) -> Result<Value, NodeError> {
        let transport = |e: reqwest::Error| NodeError::Transport(e.without_url());
        let mut answer = self
            .http
            .post(self.url.clone())
            .basic_auth(&self.user, Some(self.password.as_str()))
            .header("content-type", "application/json")
            .body(rpc::request(method, params))
            .send()
            .await
            .map_err(transport)?;
        if matches!(answer.status().as_u16(), 401 | 403) {
            return Err(NodeError::Unauthorised);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(transport)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(NodeError::Shape);
            }
            body.extend_from_slice(&chunk);
        }
        Ok(rpc::result(&body)?)
    }
}
