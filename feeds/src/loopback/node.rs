//! A Peercoin node's RPC on 127.0.0.1, as far as facts need it: real HTTP, the
//! node's own shapes, codes and statuses (Peercoin Core 0.15), a chain that grows
//! and is reorganised when told to, a login, faults on demand.

use std::fmt::Write as _;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::lock;
use crate::time::TimeSource;

/// As a node writes it into its cookie file.
const COOKIE: &str = "__cookie__:6e6f74206f6e206c6f6f706261636b20616c6f6e65";
/// Blocks whose times make the median.
const MEDIAN_OF: usize = 11;

/// A result, JSON, or a code and words.
type Answer = Result<String, (i64, String)>;

/// What a node does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NodeFault {
    /// It has just started: error -28 to every call.
    WarmingUp,
    /// It has too much to do: HTTP 503 without JSON.
    Busy,
    /// Every call fails with this code.
    Fails(i64),
    /// It repeats the login that it was given.
    RepeatsLogin,
}

/// A block, as far as anybody asks.
#[derive(Debug, Clone)]
struct Block {
    hash: String,
    time: i64,
    difficulty: String,
    supply: String,
}

struct Inner {
    chain: &'static str,
    cookie: String,
    blocks: Vec<Block>,
    /// With their heights.
    stale: Vec<(usize, Block)>,
    difficulty: String,
    supply: String,
    salt: u32,
    is_indexed: bool,
    is_syncing: bool,
    fault: Option<NodeFault>,
    time: Option<Arc<dyn TimeSource>>,
    bodies: Vec<String>,
}

/// The server; it stops when this is dropped.
pub struct LoopbackNode {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    task: JoinHandle<()>,
}

impl Drop for LoopbackNode {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl LoopbackNode {
    /// A node of a chain (`main`, `test`, `regtest`) that has a first block of
    /// this time.
    pub async fn start(chain: &'static str, genesis: i64) -> io::Result<Self> {
        let inner = Arc::new(Mutex::new(Inner {
            chain,
            cookie: COOKIE.to_owned(),
            blocks: Vec::new(),
            stale: Vec::new(),
            difficulty: "28.5".to_owned(),
            supply: "29000000.000000".to_owned(),
            salt: 0,
            is_indexed: true,
            is_syncing: false,
            fault: None,
            time: None,
            bodies: Vec::new(),
        }));
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let router = Router::new().fallback(answer).with_state(inner.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        let node = Self {
            address,
            inner,
            task,
        };
        node.mine(genesis);
        Ok(node)
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What its cookie file holds.
    pub fn cookie(&self) -> String {
        self.lock().cookie.clone()
    }

    /// Another cookie, as after a restart.
    pub fn change_cookie(&self, cookie: &str) {
        cookie.clone_into(&mut self.lock().cookie);
    }

    /// Its answers are of the time there.
    pub fn keep_time(&self, time: Arc<dyn TimeSource>) {
        self.lock().time = Some(time);
    }

    /// A block of that time, and with what is set; its height.
    pub fn mine(&self, time: i64) -> usize {
        self.lock().mine(time)
    }

    /// Blocks after the last one, one each `spacing` seconds, until that time.
    pub fn mine_until(&self, time: i64, spacing: i64) {
        let mut inner = self.lock();
        let last = inner.blocks.last().map_or(0, |b| b.time);
        let mut next = last + spacing;
        while next <= time {
            inner.mine(next);
            next += spacing;
        }
    }

    /// The last blocks leave the main chain.
    pub fn reorganise(&self, depth: usize) {
        let mut inner = self.lock();
        let from = inner.blocks.len().saturating_sub(depth);
        let gone = inner.blocks.split_off(from);
        inner.stale.extend((from..).zip(gone));
    }

    /// The height of the last block.
    pub fn height(&self) -> usize {
        self.lock().blocks.len().saturating_sub(1)
    }

    /// The literal of the blocks to come.
    pub fn set_difficulty(&self, literal: &str) {
        literal.clone_into(&mut self.lock().difficulty);
    }

    /// The literal of the blocks to come.
    pub fn set_supply(&self, literal: &str) {
        literal.clone_into(&mut self.lock().supply);
    }

    /// Whether it runs with `-coinstatsindex=1`.
    pub fn set_indexed(&self, is_indexed: bool) {
        self.lock().is_indexed = is_indexed;
    }

    /// Whether it is still fetching the chain.
    pub fn set_syncing(&self, is_syncing: bool) {
        self.lock().is_syncing = is_syncing;
    }

    /// Breaks it, or mends it.
    pub fn set_fault(&self, fault: Option<NodeFault>) {
        self.lock().fault = fault;
    }

    /// What was posted with the right login, in order.
    pub fn posted(&self) -> Vec<String> {
        self.lock().bodies.clone()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        lock(&self.inner)
    }
}

impl Inner {
    fn mine(&mut self, time: i64) -> usize {
        self.salt += 1;
        let height = self.blocks.len();
        let previous = self.blocks.last().map(|b| b.hash.as_str());
        let name = format!("{}/{height}/{}/{previous:?}", self.chain, self.salt);
        self.blocks.push(Block {
            hash: hex::encode(Sha256::digest(name)),
            time,
            difficulty: self.difficulty.clone(),
            supply: self.supply.clone(),
        });
        height
    }

    fn median(&self, height: usize) -> i64 {
        let until = self.blocks.iter().take(height + 1);
        let skipped = (height + 1).saturating_sub(MEDIAN_OF);
        let mut times: Vec<i64> = until.skip(skipped).map(|b| b.time).collect();
        times.sort_unstable();
        times.get(times.len() / 2).copied().unwrap_or_default()
    }

    fn find(&self, hash: &str) -> Option<(usize, &Block, bool)> {
        let main = self.blocks.iter().enumerate();
        let stale = self.stale.iter().map(|(height, block)| (*height, block));
        main.map(|(height, block)| (height, block, true))
            .chain(stale.map(|(height, block)| (height, block, false)))
            .find(|(_, block, _)| block.hash == hash)
    }

    fn call(&self, method: &str, params: &Value) -> Answer {
        match self.fault {
            Some(NodeFault::WarmingUp) => return Err((-28, "Loading block index…".to_owned())),
            Some(NodeFault::Fails(code)) => return Err((code, "It fails".to_owned())),
            _ => {}
        }
        let first = params.get(0);
        match method {
            "getblockchaininfo" => Ok(self.chain_info()),
            "getblockcount" => Ok(self.blocks.len().saturating_sub(1).to_string()),
            "getblockhash" => {
                let height = first.and_then(Value::as_u64);
                let height = height.and_then(|h| usize::try_from(h).ok());
                let block = height.and_then(|h| self.blocks.get(h));
                let outside = || (-8, "Block height out of range".to_owned());
                Ok(format!("{:?}", block.ok_or_else(outside)?.hash))
            }
            "getblockheader" => self.header(first.and_then(Value::as_str).unwrap_or_default()),
            "gettxoutsetinfo" => self.coins(params),
            _ => Err((-32_601, "Method not found".to_owned())),
        }
    }

    fn chain_info(&self) -> String {
        let height = self.blocks.len().saturating_sub(1);
        let tip = self.blocks.last();
        format!(
            "{{\"chain\":\"{}\",\"blocks\":{height},\"headers\":{height},\
             \"bestblockhash\":\"{}\",\"difficulty\":{},\"time\":{},\"mediantime\":{},\
             \"verificationprogress\":0.9999987,\"initialblockdownload\":{},\
             \"chainwork\":\"{:064x}\",\"size_on_disk\":1534212345,\"warnings\":\"\"}}",
            self.chain,
            tip.map_or("", |b| b.hash.as_str()),
            tip.map_or("1", |b| b.difficulty.as_str()),
            tip.map_or(0, |b| b.time),
            self.median(height),
            self.is_syncing,
            height + 1,
        )
    }

    fn header(&self, hash: &str) -> Answer {
        let missing = || (-5, "Block not found".to_owned());
        let (height, block, is_main) = self.find(hash).ok_or_else(missing)?;
        let depth = self.blocks.len().saturating_sub(height);
        let confirmations = if is_main {
            depth.to_string()
        } else {
            "-1".to_owned()
        };
        let mut text = format!(
            "{{\"hash\":\"{hash}\",\"confirmations\":{confirmations},\"height\":{height},\
             \"version\":5,\"versionHex\":\"00000005\",\"merkleroot\":\"{:064x}\",\"time\":{},\
             \"mediantime\":{},\"nonce\":0,\"bits\":\"1c2a5d3f\",\"difficulty\":{},\
             \"chainwork\":\"{:064x}\",\"nTx\":2",
            height + 7,
            block.time,
            self.median(height),
            block.difficulty,
            height + 1,
        );
        let neighbour = |height: Option<usize>| height.and_then(|h| self.blocks.get(h));
        // Writing to a String cannot fail.
        if let Some(previous) = neighbour(height.checked_sub(1)) {
            let _ = write!(text, ",\"previousblockhash\":\"{}\"", previous.hash);
        }
        if let Some(next) = neighbour(height.checked_add(1).filter(|_| is_main)) {
            let _ = write!(text, ",\"nextblockhash\":\"{}\"", next.hash);
        }
        text.push('}');
        Ok(text)
    }

    fn coins(&self, params: &Value) -> Answer {
        let hash = params.get(1).and_then(Value::as_str).unwrap_or_default();
        if !self.is_indexed {
            let words = "Querying specific block heights requires coinstatsindex";
            return Err((-8, words.to_owned()));
        }
        let missing = || (-5, "Block not found".to_owned());
        let (height, block, _) = self.find(hash).ok_or_else(missing)?;
        let supply = &block.supply;
        Ok(format!(
            "{{\"height\":{height},\"bestblock\":\"{hash}\",\"txouts\":1234567,\
             \"bogosize\":92592525,\"total_amount\":{supply},\
             \"total_unspendable_amount\":0.000000,\"block_info\":{{\"prevout_spent\":10.000000,\
             \"coinbase\":0.000000,\"new_outputs_ex_coinbase\":10.120000,\
             \"unspendable\":0.000000,\"unspendables\":{{\"genesis_block\":0.000000,\
             \"scripts\":0.000000,\"unclaimed_rewards\":0.000000}}}}}}"
        ))
    }

    /// The answer to one call, and the code of its error.
    fn reply(&self, request: &Value) -> (Option<i64>, String) {
        let method = request.get("method").and_then(Value::as_str);
        let id = request.get("id").cloned().unwrap_or_default();
        let params = request.get("params").cloned().unwrap_or_default();
        match self.call(method.unwrap_or_default(), &params) {
            Ok(result) => {
                let text = format!("{{\"result\":{result},\"error\":null,\"id\":{id}}}");
                (None, text)
            }
            Err((code, words)) => {
                let error = format!("{{\"code\":{code},\"message\":{words:?}}}");
                let text = format!("{{\"result\":null,\"error\":{error},\"id\":{id}}}");
                (Some(code), text)
            }
        }
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    method: Method,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut inner = lock(&inner);
    let mut response = respond(&mut inner, &method, &headers, &body);
    let date = inner.time.as_ref().map(|time| time.now());
    let date = date.map(|now| now.format("%a, %d %b %Y %H:%M:%S GMT").to_string());
    if let Some(date) = date.and_then(|date| HeaderValue::from_str(&date).ok()) {
        response.headers_mut().insert(header::DATE, date);
    }
    response
}

fn respond(inner: &mut Inner, method: &Method, headers: &HeaderMap, body: &str) -> Response {
    if method != Method::POST {
        let words = "JSONRPC server handles only POST requests";
        return (StatusCode::METHOD_NOT_ALLOWED, words).into_response();
    }
    let expected = format!("Basic {}", BASE64_STANDARD.encode(&inner.cookie));
    let given = headers.get(header::AUTHORIZATION);
    if given.map(HeaderValue::as_bytes) != Some(expected.as_bytes()) {
        let asks = [(header::WWW_AUTHENTICATE, "Basic realm=\"jsonrpc\"")];
        return (StatusCode::UNAUTHORIZED, asks).into_response();
    }
    inner.bodies.push(body.to_owned());
    let json = [(header::CONTENT_TYPE, "application/json")];
    match inner.fault {
        Some(NodeFault::Busy) => {
            let words = "Work queue depth exceeded";
            return (StatusCode::SERVICE_UNAVAILABLE, words).into_response();
        }
        Some(NodeFault::RepeatsLogin) => {
            return (json, format!("{{\"result\":{expected:?}}}")).into_response();
        }
        _ => {}
    }
    let (status, text) = match serde_json::from_str(body) {
        Ok(Value::Array(requests)) => {
            let replies: Vec<String> = requests.iter().map(|r| inner.reply(r).1).collect();
            (StatusCode::OK, format!("[{}]", replies.join(",")))
        }
        Ok(request) => {
            let (code, text) = inner.reply(&request);
            let status = match code {
                None => StatusCode::OK,
                Some(-32_601) => StatusCode::NOT_FOUND,
                Some(_) => StatusCode::INTERNAL_SERVER_ERROR,
            };
            (status, text)
        }
        Err(_) => {
            let error = "{\"code\":-32700,\"message\":\"Parse error\"}";
            let text = format!("{{\"result\":null,\"error\":{error},\"id\":null}}");
            (StatusCode::INTERNAL_SERVER_ERROR, text)
        }
    };
    (status, json, text + "\n").into_response()
}
