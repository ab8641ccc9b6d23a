//! A Peercoin node on loopback: JSON-RPC over a chain, a mempool and a wallet of
//! this process.
//!
//! It is not a node: it has no peers, its blocks prove nothing, and its wallet has
//! one key. What it does have is what code that talks to a node can be tested
//! against: blocks with real headers and Merkle roots, unspent outputs,
//! transactions judged by consensus code and Peercoin's fee, confirmations counted as
//! Peercoin's wallet counts them, reorganisations, the shapes and codes of its
//! answers, and faults on demand.

mod chain;
mod methods;
mod real;
mod wallet;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bitcoin::{Amount, OutPoint, Transaction, TxOut, Txid};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use chain::{Chain, Proof};
pub use chain::{Judge, MATURITY, fee, judge, scripts};
pub use real::{PEERCOIND, RealNode};
use wallet::{Key, Wallet};

/// User and password of the cookie file.
const COOKIE: &str = "__cookie__:6c6f6f706261636b";

/// A result, or a code and words.
type Answer = Result<Value, (i64, String)>;

/// What a node does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It takes the request and says nothing, ever.
    Hang,
    /// It does nothing, and the connection breaks.
    Ignore,
    /// It does what was asked, and the answer is lost.
    Lose,
    /// It says so.
    Say(i64, &'static str),
}

/// The server; it stops with the test's runtime.
pub struct Node {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
    directory: tempfile::TempDir,
    task: JoinHandle<()>,
}

struct Inner {
    network: &'static str,
    chain: Chain,
    wallet: Wallet,
    password: String,
    faults: BTreeMap<&'static str, Fault>,
    calls: Vec<String>,
    /// What was sent, each time.
    sent: Vec<String>,
    refused: Vec<String>,
    /// What the wallet signed.
    signed: Vec<Transaction>,
}

impl Node {
    /// An empty chain of this name, judged by all of Peercoin's rules.
    pub async fn start(network: &'static str) -> Self {
        Self::judged_by(network, judge).await
    }

    /// The same with other rules.
    pub async fn judged_by(network: &'static str, judge: Judge) -> Self {
        let inner = Arc::new(Mutex::new(Inner {
            network,
            chain: Chain::new(judge),
            wallet: Wallet::new(),
            password: COOKIE.to_owned(),
            faults: BTreeMap::new(),
            calls: Vec::new(),
            sent: Vec::new(),
            refused: Vec::new(),
            signed: Vec::new(),
        }));
        let directory = tempfile::tempdir().expect("directory");
        std::fs::write(directory.path().join(".cookie"), COOKIE).expect("cookie");
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("port");
        let address = listener.local_addr().expect("address");
        let router = Router::new()
            .route("/", post(answer))
            .route("/wallet/{name}", post(answer))
            .with_state(inner.clone());
        let task = tokio::spawn(async move {
            let _ = axum::serve(listener, router).await;
        });
        Self {
            address,
            inner,
            directory,
            task,
        }
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its cookie file.
    pub fn cookie(&self) -> PathBuf {
        self.directory.path().join(".cookie")
    }

    /// Another password, in the cookie file or only in the node.
    pub fn change_password(&self, password: &str, is_told: bool) {
        let cookie = format!("__cookie__:{password}");
        if is_told {
            std::fs::write(self.cookie(), &cookie).expect("cookie");
        }
        self.lock().password = cookie;
    }

    /// Does this instead, at this method, or at any with "", until mended.
    pub fn fault(&self, method: &'static str, fault: Option<Fault>) {
        let mut inner = self.lock();
        match fault {
            Some(fault) => inner.faults.insert(method, fault),
            None => inner.faults.remove(method),
        };
    }

    /// How often a method was called.
    pub fn calls(&self, method: &str) -> usize {
        self.lock().calls.iter().filter(|m| *m == method).count()
    }

    /// Transactions that were sent, hex, each time anew.
    pub fn sent(&self) -> Vec<String> {
        self.lock().sent.clone()
    }

    /// Why transactions were refused by `testmempoolaccept`, in order.
    pub fn refused(&self) -> Vec<String> {
        self.lock().refused.clone()
    }

    /// What the wallet signed, sent or not.
    pub fn signed(&self) -> Vec<Transaction> {
        self.lock().signed.clone()
    }

    /// Everything in blocks but coinbases, in order.
    pub fn confirmed(&self) -> Vec<Txid> {
        let inner = self.lock();
        inner
            .chain
            .confirmed()
            .map(Transaction::compute_txid)
            .collect()
    }

    /// What waits.
    pub fn mempool(&self) -> Vec<Transaction> {
        self.lock().chain.mempool.clone()
    }

    /// Everything that is in a block or waits.
    pub fn alive(&self) -> Vec<Transaction> {
        let inner = self.lock();
        let waiting = inner.chain.mempool.iter();
        inner.chain.confirmed().chain(waiting).cloned().collect()
    }

    /// Sets its clock.
    pub fn set_time(&self, unix: i64) {
        self.lock().chain.now = unix;
    }

    /// Blocks of the network, by proof of stake, that pay to the wallet.
    pub fn mine(&self, blocks: usize) {
        self.grow(blocks, Proof::Stake);
    }

    /// Blocks by proof of work that pay to the wallet, as `generatetoaddress` makes
    /// them: what they pay never matures there.
    pub fn work(&self, blocks: usize) {
        self.grow(blocks, Proof::Work);
    }

    fn grow(&self, blocks: usize, proof: Proof) {
        let mut inner = self.lock();
        let miner = inner.wallet.script().clone();
        for _ in 0..blocks {
            inner.chain.mine(&miner, proof);
        }
    }

    /// Somebody with a mined coin pays the wallet, in a block.
    pub fn pay_wallet(&self, units: u64) {
        let mut inner = self.lock();
        let payer = Key::of([0x43; 32]);
        let mut mined = Vec::new();
        for _ in 0..MATURITY {
            mined.push(inner.chain.mine(payer.script(), Proof::Work));
        }
        let height = inner.chain.height(mined[0]).expect("just mined");
        let coinbase = &inner.chain.blocks[height].txdata[0];
        let coin = (
            OutPoint::new(coinbase.compute_txid(), 0),
            coinbase.output[0].clone(),
        );
        let output = TxOut {
            value: Amount::from_sat(units),
            script_pubkey: inner.wallet.script().clone(),
        };
        let payment = payer.pay(&coin, &[output]).expect("less than a block pays");
        inner.chain.send(payment.clone()).expect("a payment");
        inner.wallet.notice(&payment);
        inner.chain.mine(payer.script(), Proof::Work);
    }

    /// A block without anything that waits.
    pub fn mine_empty(&self) {
        let mut inner = self.lock();
        let miner = inner.wallet.script().clone();
        inner.chain.mine_with(&miner, Vec::new(), Proof::Stake);
    }

    /// Takes the last blocks back; what was in them waits again.
    pub fn reorganise(&self, depth: usize) {
        self.lock().chain.reorganise(depth);
    }

    /// The mempool is gone, as with a restart without a file of it.
    pub fn forget_mempool(&self) {
        self.lock().chain.mempool.clear();
    }

    /// Somebody who has the same key spends what this transaction spends, in a
    /// block.
    pub fn double_spend(&self, transaction: &Transaction) {
        let mut inner = self.lock();
        let mut other = transaction.clone();
        let script_pubkey = inner.wallet.script().clone();
        let kept: u64 = transaction.output.iter().map(|o| o.value.to_sat()).sum();
        other.output = vec![TxOut {
            value: Amount::from_sat(kept),
            script_pubkey: script_pubkey.clone(),
        }];
        let (other, is_signed) = inner.wallet.sign(&inner.chain, other);
        assert!(is_signed, "not the wallet's coins");
        inner
            .chain
            .mine_with(&script_pubkey, vec![other], Proof::Stake);
    }

    /// As a chain is that was used before: its last blocks have this time.
    pub fn mined_until(&self, unix: i64) {
        self.set_time(unix);
        self.mine(11);
    }

    /// Stops listening; connections break.
    pub fn stop(&self) {
        self.task.abort();
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().expect("a test that did not panic")
    }
}

async fn answer(
    State(inner): State<Arc<Mutex<Inner>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let (fault, result, id) = {
        let mut inner = inner.lock().expect("a test that did not panic");
        let expected = format!("Basic {}", BASE64_STANDARD.encode(&inner.password));
        let given = headers.get(header::AUTHORIZATION);
        if given.map(HeaderValue::as_bytes) != Some(expected.as_bytes()) {
            return (StatusCode::UNAUTHORIZED, String::new());
        }
        let request: Value = serde_json::from_str(&body).expect("a request");
        let method = request["method"].as_str().expect("a method");
        inner.calls.push(method.to_owned());
        let faults = &inner.faults;
        let fault = faults.get(method).or_else(|| faults.get("")).copied();
        let result = match fault {
            None | Some(Fault::Lose) => inner.call(method, &request["params"]),
            Some(Fault::Say(code, words)) => Err((code, words.to_owned())),
            Some(Fault::Hang | Fault::Ignore) => Ok(Value::Null),
        };
        (fault, result, request["id"].clone())
    };
    match fault {
        Some(Fault::Hang) => std::future::pending().await,
        // What a broken connection comes to: no JSON.
        Some(Fault::Ignore | Fault::Lose) => return (StatusCode::BAD_GATEWAY, String::new()),
        Some(Fault::Say(..)) | None => {}
    }
    match result {
        Ok(result) => {
            let answer = json!({ "result": result, "error": null, "id": id });
            (StatusCode::OK, answer.to_string())
        }
        Err((code, message)) => {
            let error = json!({ "code": code, "message": message });
            let answer = json!({ "result": null, "error": error, "id": id });
            (StatusCode::INTERNAL_SERVER_ERROR, answer.to_string())
        }
    }
}
