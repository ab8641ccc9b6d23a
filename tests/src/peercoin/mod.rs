//! A Peercoin node on loopback: JSON-RPC over a chain, a mempool and a wallet of
//! this process.
//!
//! It is not a node: it has no peers, no proof of work or of stake, and its wallet
//! has one key. What it does have is what code that talks to a node can be tested
//! against: blocks with real headers and Merkle roots, unspent outputs,
//! transactions judged by consensus code and Peercoin's fee, reorganisations, the
//! shapes and codes of its answers, and faults on demand.

mod chain;
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
use bitcoin::bech32::segwit;
use bitcoin::consensus::encode::{deserialize, deserialize_hex, serialize_hex};
use bitcoin::consensus::serialize;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{Amount, BlockHash, MerkleBlock, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use chain::Chain;
pub use chain::{Judge, MATURITY, fee, judge, scripts};
pub use real::{PEERCOIND, RealNode};
use wallet::{Wallet, unfunded};

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
    wallets: Vec<Value>,
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
            wallets: Vec::new(),
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

    /// Blocks that pay to the wallet.
    pub fn mine(&self, blocks: usize) {
        let mut inner = self.lock();
        let miner = inner.wallet.script().clone();
        for _ in 0..blocks {
            inner.chain.mine(&miner);
        }
    }

    /// A block without anything that waits.
    pub fn mine_empty(&self) {
        let mut inner = self.lock();
        let miner = inner.wallet.script().clone();
        inner.chain.mine_with(&miner, Vec::new());
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
        inner.chain.mine_with(&script_pubkey, vec![other]);
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

impl Inner {
    fn call(&mut self, method: &str, params: &Value) -> Answer {
        match method {
            "getblockchaininfo" => Ok(json!({
                "chain": self.network,
                "blocks": self.chain.blocks.len().saturating_sub(1),
                "mediantime": self.chain.median(),
            })),
            "listwallets" => Ok(json!(self.wallets)),
            "createwallet" => {
                self.wallets.push(params[0].clone());
                Ok(json!({ "name": params[0], "warning": "" }))
            }
            "setmocktime" => {
                self.chain.now = params[0].as_i64().expect("a time");
                Ok(Value::Null)
            }
            "getnewaddress" => Ok(json!("pcrt1qloopback")),
            "generatetoaddress" => self.generate(params),
            "sendtoaddress" => self.pay(params),
            "gettxout" => Ok(self.output(params)),
            "getblockheader" => self.block_header(params),
            "gettxoutproof" => self.proof(params),
            "gettransaction" => self.transaction(params),
            "getrawtransaction" => self.raw_transaction(params),
            "getmempoolentry" => {
                let id = txid(&params[0]);
                let waits = self.chain.mempool.iter().any(|t| t.compute_txid() == id);
                let missing = || (-5, "Transaction not in mempool".to_owned());
                waits.then(|| json!({})).ok_or_else(missing)
            }
            "createrawtransaction" => create(params),
            "fundrawtransaction" => self.fund(params),
            "signrawtransactionwithwallet" => {
                let (signed, complete) = self.wallet.sign(&self.chain, read(&params[0])?);
                self.signed.push(signed.clone());
                Ok(json!({ "hex": serialize_hex(&signed), "complete": complete }))
            }
            "testmempoolaccept" => {
                let transaction = read(&params[0][0])?;
                let mut verdict = json!({ "txid": transaction.compute_txid().to_string() });
                // Peercoin's answer has no `allowed` where it would be true.
                if let Err(reason) = self.chain.accepts(&transaction) {
                    verdict["allowed"] = json!(false);
                    verdict["reject-reason"] = json!(reason);
                    self.refused.push(reason);
                }
                Ok(json!([verdict]))
            }
            "sendrawtransaction" => {
                self.sent.push(params[0].as_str().expect("hex").to_owned());
                let transaction = read(&params[0])?;
                let txid = self.chain.send(transaction.clone())?;
                self.wallet.notice(&transaction);
                Ok(json!(txid.to_string()))
            }
            _ => Err((-32601, "Method not found".to_owned())),
        }
    }

    fn generate(&mut self, params: &Value) -> Answer {
        // Far behind the chain's own time a node mines nothing.
        if self.chain.now + 60 < self.chain.median() {
            return Err((-1, "TestBlockValidity failed: time-too-old".to_owned()));
        }
        let miner = self.wallet.script().clone();
        let blocks = params[0].as_u64().expect("a number");
        let hashes = (0..blocks).map(|_| self.chain.mine(&miner).to_string());
        Ok(json!(hashes.collect::<Vec<_>>()))
    }

    fn pay(&mut self, params: &Value) -> Answer {
        let address = params[0].as_str().expect("an address");
        let (hrp, version, program) = segwit::decode(address).expect("an address");
        assert_eq!((hrp.as_str(), version.to_u8()), ("pcrt", 1));
        let amount = params[1].as_str().expect("an amount");
        let (coins, units) = amount.split_once('.').expect("an amount");
        assert_eq!(units.len(), 6, "an amount has six decimals");
        let value = format!("{coins}{units}").parse().expect("an amount");
        let script = ScriptBuf::from_bytes([vec![0x51, 0x20], program].concat());
        let transaction = self.wallet.pay(&self.chain, script, value)?;
        let txid = self.chain.send(transaction.clone())?;
        self.wallet.notice(&transaction);
        Ok(json!(txid.to_string()))
    }

    fn output(&self, params: &Value) -> Value {
        let vout = u32::try_from(params[1].as_u64().expect("a number")).expect("a number");
        assert_eq!(params[2], json!(false), "blocks only");
        let place = OutPoint::new(txid(&params[0]), vout);
        match self.chain.unspent().get(&place) {
            Some((output, height, _)) => json!({
                "confirmations": self.chain.blocks.len() - height,
                "scriptPubKey": { "hex": hex::encode(output.script_pubkey.as_bytes()) },
            }),
            None => Value::Null,
        }
    }

    fn block_header(&self, params: &Value) -> Answer {
        let hash: BlockHash = params[0].as_str().expect("a hash").parse().expect("a hash");
        if let Some(height) = self.chain.height(hash) {
            return Ok(json!({
                "hash": hash.to_string(),
                "height": height,
                "time": self.chain.blocks[height].header.time,
                "confirmations": self.chain.blocks.len() - height,
            }));
        }
        let stale = self.chain.stale.iter().find(|b| b.block_hash() == hash);
        let stale = stale.ok_or((-5, "Block not found".to_owned()))?;
        Ok(json!({
            "hash": hash.to_string(),
            "height": 0,
            "time": stale.header.time,
            "confirmations": -1,
        }))
    }

    fn proof(&self, params: &Value) -> Answer {
        let wanted = txid(&params[0][0]);
        let hash: BlockHash = params[1].as_str().expect("a hash").parse().expect("a hash");
        let blocks = self.chain.blocks.iter().chain(&self.chain.stale);
        let block = blocks.into_iter().find(|b| b.block_hash() == hash);
        let block = block.ok_or((-5, "Block not found".to_owned()))?;
        let txids: Vec<Txid> = block.txdata.iter().map(Transaction::compute_txid).collect();
        if !txids.contains(&wanted) {
            let words = "Not all transactions found in specified or retrieved block";
            return Err((-5, words.to_owned()));
        }
        let proof =
            MerkleBlock::from_header_txids_with_predicate(&block.header, &txids, |t| *t == wanted);
        Ok(json!(hex::encode(serialize(&proof))))
    }

    fn transaction(&self, params: &Value) -> Answer {
        let id = txid(&params[0]);
        if !self.wallet.knows(id) {
            return Err((-5, "Invalid or non-wallet transaction id".to_owned()));
        }
        Ok(if let Some((height, block)) = self.chain.block_of(id) {
            json!({
                "txid": id.to_string(),
                "confirmations": self.chain.blocks.len() - height,
                "blockhash": block.block_hash().to_string(),
                "blockheight": height,
            })
        } else {
            let conflict = self.wallet.conflict(&self.chain, id);
            let depth = conflict.map_or(0, |n| -i64::try_from(n).expect("a number"));
            json!({ "txid": id.to_string(), "confirmations": depth })
        })
    }

    /// Without an index of all transactions: the mempool.
    fn raw_transaction(&self, params: &Value) -> Answer {
        let id = txid(&params[0]);
        let waits = self.chain.mempool.iter().any(|t| t.compute_txid() == id);
        if waits {
            return Ok(json!({ "txid": id.to_string() }));
        }
        let words = "No such mempool transaction. Use -txindex or provide a block hash";
        Err((-5, words.to_owned()))
    }

    fn fund(&self, params: &Value) -> Answer {
        assert_eq!(
            params[2],
            json!(false),
            "it could be read as one with witnesses"
        );
        let bytes = hex::decode(params[0].as_str().expect("hex")).expect("hex");
        let [3, 0, 0, 0, 0, outputs @ .., 0, 0, 0, 0] = bytes.as_slice() else {
            return Err((-22, "TX decode failed".to_owned()));
        };
        let outputs: Vec<TxOut> = deserialize(outputs).expect("outputs");
        let (funded, fee) = self.wallet.fund(&self.chain, unfunded(outputs))?;
        // With inputs and without witnesses there is one way to read it.
        Ok(json!({ "hex": serialize_hex(&funded), "fee": fee, "changepos": 0 }))
    }
}

fn create(params: &Value) -> Answer {
    assert_eq!(params[0], json!([]), "the wallet chooses inputs");
    let outputs = params[1].as_object().expect("outputs");
    let data = outputs.get("data").and_then(Value::as_str);
    let Some(data) = data.filter(|_| outputs.len() == 1) else {
        return Err((-8, "Invalid parameter".to_owned()));
    };
    let data = hex::decode(data).map_err(|_| (-8, "Data must be hexadecimal".to_owned()))?;
    let data = PushBytesBuf::try_from(data).expect("short data");
    let output = TxOut {
        value: Amount::ZERO,
        script_pubkey: Builder::new()
            .push_opcode(bitcoin::opcodes::all::OP_RETURN)
            .push_slice(data)
            .into_script(),
    };
    // Version 3, no inputs, the outputs, no lock time: as a node writes it.
    let bytes = [
        &[3, 0, 0, 0, 0],
        serialize(&vec![output]).as_slice(),
        &[0; 4],
    ]
    .concat();
    Ok(json!(hex::encode(bytes)))
}

fn txid(value: &Value) -> Txid {
    value.as_str().expect("a txid").parse().expect("a txid")
}

fn read(hex: &Value) -> Result<Transaction, (i64, String)> {
    deserialize_hex(hex.as_str().expect("hex")).map_err(|_| (-22, "TX decode failed".to_owned()))
}
