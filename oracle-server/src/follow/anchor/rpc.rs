//! A Peercoin node's JSON-RPC, as far as anchors need it.
//!
//! Names and answers as of Peercoin Core 0.15. Nothing here repeats an address's
//! credentials, a password or a cookie.

use std::time::Duration;

use oracle_schema::anchor::rpc::{self, ALREADY_IN_CHAIN, AnswerError, NOT_FOUND, WARMING_UP};
use oracle_schema::anchor::{BlockHeader, ChainHash, MerkleBranch, Payload, branch_of};
use reqwest::StatusCode;
use serde_json::{Value, json};
use url::Url;
use zeroize::Zeroizing;

use crate::config::{Anchor, RpcLogin};

/// Longest answer that is read, bytes.
const MAX_ANSWER: usize = 4 * 1024 * 1024;

/// Why a node did not do it.
#[derive(Debug, thiserror::Error)]
pub(super) enum NodeError {
    /// Cookie or password.
    #[error("{path}: {reason}")]
    Login {
        /// The file.
        path: String,
        /// What is wrong with it, without its content.
        reason: String,
    },
    /// No answer, or not within the time.
    #[error("{method}: {source}")]
    Transport {
        /// Which method.
        method: &'static str,
        /// The cause, without the address.
        source: reqwest::Error,
    },
    /// The node does not know this user or password.
    #[error("the node refuses this login")]
    Unauthorised,
    /// Longer than any answer can be.
    #[error("{method}: the answer is longer than {MAX_ANSWER} bytes")]
    TooLong {
        /// Which method.
        method: &'static str,
    },
    /// An error, in its words.
    #[error("{method}: {error}")]
    Answer {
        /// Which method.
        method: &'static str,
        /// What it says.
        error: AnswerError,
    },
    /// An answer of another shape than documented.
    #[error("{method}: {reason}")]
    Shape {
        /// Which method.
        method: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// Another network than the oracle's.
    #[error("the node is on chain {found:?}; network {network} is {due:?}")]
    WrongChain {
        /// The oracle's network.
        network: String,
        /// Its chain.
        due: &'static str,
        /// The node's.
        found: String,
    },
}

impl NodeError {
    /// Whether it is about what was asked for, and not about the node.
    pub(super) fn is_of_one(&self) -> bool {
        match self {
            Self::Answer { error, .. } => error.code().is_some_and(|code| code != WARMING_UP),
            Self::Shape { .. } | Self::TooLong { .. } => true,
            _ => false,
        }
    }

    /// The node's code, where the method failed.
    pub(super) fn code(&self) -> Option<i64> {
        match self {
            Self::Answer { error, .. } => error.code(),
            _ => None,
        }
    }
}

/// Where a transaction is, as the node's wallet knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// The wallet has never seen it.
    Unknown,
    /// In no block, and it does not wait for one either.
    Nowhere,
    /// In the mempool.
    Mempool,
    /// Something else spent what it spends, so many blocks ago.
    Conflicted(u64),
    /// In a block of the main chain.
    Block(ChainHash),
}

/// A block of the main chain.
pub(super) struct Block {
    /// Its place.
    pub(super) height: u64,
    /// Blocks from it on, itself included.
    pub(super) depth: u64,
}

/// A node, by its address.
#[derive(Clone)]
pub(super) struct Node {
    http: reqwest::Client,
    url: Url,
    wallet_url: Url,
    login: RpcLogin,
    timeout: Duration,
}

/// A node with its login of now: a cookie changes with every start of it.
pub(super) struct Session<'a> {
    node: &'a Node,
    user: String,
    password: Zeroizing<String>,
}

impl Node {
    pub(super) fn new(config: &Anchor) -> Result<Self, reqwest::Error> {
        let http = reqwest::Client::builder()
            .timeout(config.timeout)
            .redirect(reqwest::redirect::Policy::none())
            // The node is a neighbour; its password is for nobody in between.
            .no_proxy()
            .build()?;
        let mut wallet_url = config.rpc.clone();
        if let (Some(wallet), Ok(mut path)) = (&config.wallet, wallet_url.path_segments_mut()) {
            path.pop_if_empty().extend(["wallet", wallet]);
        }
        Ok(Self {
            http,
            url: config.rpc.clone(),
            wallet_url,
            login: config.login.clone(),
            timeout: config.timeout,
        })
    }

    /// Reads the login and makes sure that this is a node of the network.
    pub(super) async fn open(&self, network: &str) -> Result<Session<'_>, NodeError> {
        let (user, password) = self.read_login()?;
        let session = Session {
            node: self,
            user,
            password,
        };
        let info = session.call("getblockchaininfo", &json!([])).await?;
        let found = info
            .get("chain")
            .and_then(Value::as_str)
            .unwrap_or_default();
        let due = rpc::chain_of(network).unwrap_or_default();
        if found == due {
            return Ok(session);
        }
        Err(NodeError::WrongChain {
            network: network.to_owned(),
            due,
            found: found.chars().filter(|c| !c.is_control()).take(32).collect(),
        })
    }

    fn read_login(&self) -> Result<(String, Zeroizing<String>), NodeError> {
        let read = |path: &std::path::Path| {
            std::fs::read_to_string(path)
                .map(Zeroizing::new)
                .map_err(|e| NodeError::Login {
                    path: path.display().to_string(),
                    reason: e.to_string(),
                })
        };
        match &self.login {
            RpcLogin::Cookie(path) => {
                let text = read(path)?;
                let (user, password) = rpc::cookie(&text).ok_or_else(|| NodeError::Login {
                    path: path.display().to_string(),
                    reason: "not a cookie file (user:password)".to_owned(),
                })?;
                Ok((user.to_owned(), Zeroizing::new(password.to_owned())))
            }
            RpcLogin::Password { user, file } => {
                let text = read(file)?;
                let password = Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned());
                Ok((user.clone(), password))
            }
        }
    }
}

impl Session<'_> {
    /// A signed transaction with this one anchor, not yet sent.
    pub(super) async fn make(&self, payload: &Payload) -> Result<Vec<u8>, NodeError> {
        let outputs = json!({ "data": hex::encode(payload.to_bytes()) });
        let raw = self
            .wallet("createrawtransaction", &json!([[], outputs]))
            .await?;
        // Without inputs it has the look of one with witnesses; it is none.
        let method = "fundrawtransaction";
        let funded = self.wallet(method, &json!([raw, {}, false])).await?;
        let funded = funded
            .get("hex")
            .ok_or_else(|| shape(method, "no transaction"))?;
        let method = "signrawtransactionwithwallet";
        let signed = self.wallet(method, &json!([funded])).await?;
        if signed.get("complete").and_then(Value::as_bool) != Some(true) {
            return Err(shape(method, "the wallet cannot sign all of it"));
        }
        bytes(method, signed.get("hex"))
    }

    /// Why the node would not take a transaction; `None` if it would.
    pub(super) async fn refusal(&self, transaction: &[u8]) -> Result<Option<String>, NodeError> {
        let method = "testmempoolaccept";
        let answer = self
            .call(method, &json!([[hex::encode(transaction)]]))
            .await?;
        let verdict = answer.get(0).ok_or_else(|| shape(method, "no verdict"))?;
        let reason = verdict.get("reject-reason").and_then(Value::as_str);
        // Where it would take it, Peercoin's answer leaves `allowed` out.
        let is_allowed = verdict.get("allowed").and_then(Value::as_bool) != Some(false);
        Ok(match (reason, is_allowed) {
            (None, true) => None,
            (reason, _) => Some(reason.unwrap_or("no reason given").to_owned()),
        })
    }

    /// Sends a transaction, or the same again.
    pub(super) async fn send(&self, transaction: &[u8]) -> Result<(), NodeError> {
        let sent = self
            .call("sendrawtransaction", &json!([hex::encode(transaction)]))
            .await;
        match sent {
            Err(e) if e.code() == Some(ALREADY_IN_CHAIN) => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// Where a transaction of the wallet's is. What the wallet does not know, a
    /// node with an index of all transactions may.
    pub(super) async fn place(&self, txid: ChainHash) -> Result<Place, NodeError> {
        let method = "gettransaction";
        let id = txid.to_string();
        let (answer, is_indexed) = match self.wallet(method, &json!([id])).await {
            Err(e) if e.code() == Some(NOT_FOUND) => {
                match self.call("getrawtransaction", &json!([id, true])).await {
                    Err(e) if e.code() == Some(NOT_FOUND) => return Ok(Place::Unknown),
                    answer => (answer?, true),
                }
            }
            answer => (answer?, false),
        };
        let depth = answer
            .get("confirmations")
            .and_then(Value::as_i64)
            .unwrap_or_default();
        if depth < 0 {
            return Ok(Place::Conflicted(depth.unsigned_abs()));
        }
        match answer.get("blockhash").and_then(Value::as_str) {
            Some(hash) if depth > 0 => hash
                .parse()
                .map(Place::Block)
                .map_err(|e| shape(method, format!("blockhash: {e}"))),
            // What is in no block, and the wallet does not know, is known from there.
            _ if is_indexed => Ok(Place::Mempool),
            _ => match self.call("getmempoolentry", &json!([id])).await {
                Err(e) if e.code() == Some(NOT_FOUND) => Ok(Place::Nowhere),
                entry => entry.map(|_| Place::Mempool),
            },
        }
    }

    /// A block, if it is in the main chain.
    pub(super) async fn block(&self, hash: ChainHash) -> Result<Option<Block>, NodeError> {
        let method = "getblockheader";
        let answer = match self.call(method, &json!([hash.to_string()])).await {
            Err(e) if e.code() == Some(NOT_FOUND) => return Ok(None),
            answer => answer?,
        };
        let number = |name| answer.get(name).and_then(Value::as_i64);
        // Off the main chain it is -1.
        let Some(depth) = number("confirmations").and_then(|n| u64::try_from(n).ok()) else {
            return Ok(None);
        };
        let height = number("height").and_then(|n| u64::try_from(n).ok());
        let height = height.ok_or_else(|| shape(method, "no height"))?;
        Ok((depth > 0).then_some(Block { height, depth }))
    }

    /// That a transaction is in a block, checked.
    pub(super) async fn proof(
        &self,
        txid: ChainHash,
        block: ChainHash,
    ) -> Result<(BlockHeader, MerkleBranch), NodeError> {
        let method = "gettxoutproof";
        let params = json!([[txid.to_string()], block.to_string()]);
        let proof = bytes(method, Some(&self.call(method, &params).await?))?;
        let (header, branch) = branch_of(txid, &proof).map_err(|e| shape(method, e.to_string()))?;
        if header.hash() != block {
            return Err(shape(method, "it is of another block"));
        }
        Ok((header, branch))
    }

    async fn call(&self, method: &'static str, params: &Value) -> Result<Value, NodeError> {
        self.ask(&self.node.url, method, params).await
    }

    /// The same, to the configured wallet.
    async fn wallet(&self, method: &'static str, params: &Value) -> Result<Value, NodeError> {
        self.ask(&self.node.wallet_url, method, params).await
    }

    async fn ask(
        &self,
        url: &Url,
        method: &'static str,
        params: &Value,
    ) -> Result<Value, NodeError> {
        let transport = |e: reqwest::Error| NodeError::Transport {
            method,
            source: e.without_url(),
        };
        let mut answer = self
            .node
            .http
            .post(url.clone())
            .timeout(self.node.timeout)
            .basic_auth(&self.user, Some(self.password.as_str()))
            .header("content-type", "application/json")
            .body(rpc::request(method, params))
            .send()
            .await
            .map_err(transport)?;
        if matches!(
            answer.status(),
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN
        ) {
            return Err(NodeError::Unauthorised);
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(transport)? {
            if body.len().saturating_add(chunk.len()) > MAX_ANSWER {
                return Err(NodeError::TooLong { method });
            }
            body.extend_from_slice(&chunk);
        }
        // An error of a method comes with status 500 and a JSON body.
        rpc::result(&body).map_err(|error| NodeError::Answer { method, error })
    }
}

fn bytes(method: &'static str, hex: Option<&Value>) -> Result<Vec<u8>, NodeError> {
    hex.and_then(Value::as_str)
        .and_then(|text| hex::decode(text).ok())
        .ok_or_else(|| shape(method, "no hex"))
}

fn shape(method: &'static str, reason: impl Into<String>) -> NodeError {
    NodeError::Shape {
        method,
        reason: reason.into(),
    }
}
