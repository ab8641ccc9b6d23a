//! A JSON-RPC server that answers as far as the examples ask.
//!
//! It is not a node: it has no blocks but their times, no proof of work, no
//! wallet but payments out of nothing. What it does have is what the examples'
//! node code is tested against: the shapes of a Peercoin node's answers, a set of
//! unspent outputs, and a rule for accepting transactions (consensus code, exact
//! fee, lock time against the median time of blocks).

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::routing::post;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bitcoin::bech32::segwit;
use bitcoin::consensus::encode::deserialize_hex;
use bitcoin::hashes::Hash as _;
use bitcoin::{Amount, OutPoint, ScriptBuf, Sequence, Transaction, TxOut, Txid};
use serde_json::{Value, json};

use crate::judge::{Refusal, check};

const COOKIE: &str = "__cookie__:6c6f6f706261636b";

/// The server; it stops with the test's runtime.
pub(crate) struct Loopback {
    address: SocketAddr,
    chain: Arc<Mutex<Chain>>,
    directory: tempfile::TempDir,
}

#[derive(Default)]
struct Chain {
    name: &'static str,
    wallets: Vec<Value>,
    now: i64,
    /// Times of the blocks.
    blocks: Vec<i64>,
    /// Unspent, with the number of the block that they are in.
    outputs: HashMap<OutPoint, (TxOut, usize)>,
    waiting: Vec<(Txid, Vec<TxOut>)>,
    paid: u8,
    confirmed: Vec<Txid>,
    refused: Vec<String>,
}

impl Loopback {
    pub(crate) async fn start(name: &'static str) -> Self {
        let chain = Arc::new(Mutex::new(Chain {
            name,
            ..Chain::default()
        }));
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(".cookie"), COOKIE).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new()
            .route("/", post(answer))
            .with_state(chain.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self {
            address,
            chain,
            directory,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn cookie(&self) -> PathBuf {
        self.directory.path().join(".cookie")
    }

    /// As a chain is that was used before: its last blocks have this time.
    pub(crate) fn mined_until(&self, unix: i64) {
        let mut chain = self.chain.lock().unwrap();
        chain.now = unix;
        for _ in 0..11 {
            chain.mine();
        }
    }

    /// What was put into blocks, in order.
    pub(crate) fn confirmed(&self) -> Vec<Txid> {
        self.chain.lock().unwrap().confirmed.clone()
    }

    /// Why transactions were refused, in order.
    pub(crate) fn refused(&self) -> Vec<String> {
        self.chain.lock().unwrap().refused.clone()
    }
}

async fn answer(
    State(chain): State<Arc<Mutex<Chain>>>,
    headers: HeaderMap,
    body: String,
) -> (StatusCode, String) {
    let expected = format!("Basic {}", BASE64_STANDARD.encode(COOKIE));
    let given = headers.get(header::AUTHORIZATION);
    if given.map(HeaderValue::as_bytes) != Some(expected.as_bytes()) {
        return (StatusCode::UNAUTHORIZED, String::new());
    }
    let request: Value = serde_json::from_str(&body).unwrap();
    let method = request["method"].as_str().unwrap();
    let result = chain.lock().unwrap().call(method, &request["params"]);
    let id = &request["id"];
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

type Answer = Result<Value, (i32, String)>;

impl Chain {
    fn call(&mut self, method: &str, params: &Value) -> Answer {
        match method {
            "getblockchaininfo" => Ok(json!({
                "chain": self.name,
                "blocks": self.blocks.len(),
                "mediantime": self.median(),
            })),
            "listwallets" => Ok(json!(self.wallets)),
            "createwallet" => {
                self.wallets.push(params[0].clone());
                Ok(json!({ "name": params[0], "warning": "" }))
            }
            "setmocktime" => {
                self.now = params[0].as_i64().unwrap();
                Ok(Value::Null)
            }
            "getnewaddress" => Ok(json!("pcrt1qloopback")),
            "generatetoaddress" => {
                // Far behind the chain's own time a node mines nothing.
                if self.now + 60 < self.median() {
                    return Err((-1, "TestBlockValidity failed: time-too-old".to_owned()));
                }
                for _ in 0..params[0].as_u64().unwrap() {
                    self.mine();
                }
                Ok(json!([]))
            }
            "sendtoaddress" => Ok(json!(self.pay(params).to_string())),
            "gettxout" => Ok(self.output(params)),
            "testmempoolaccept" => {
                let transaction = read(&params[0][0])?;
                let mut verdict = json!({ "txid": transaction.compute_txid().to_string() });
                // Peercoin's answer has no `allowed` where it would be true.
                if let Err(reason) = self.accepts(&transaction) {
                    verdict["allowed"] = json!(false);
                    verdict["reject-reason"] = json!(reason);
                    self.refused.push(reason);
                }
                Ok(json!([verdict]))
            }
            "sendrawtransaction" => {
                let transaction = read(&params[0])?;
                self.accepts(&transaction).map_err(|e| (-26, e))?;
                let txid = transaction.compute_txid();
                for input in &transaction.input {
                    self.outputs.remove(&input.previous_output);
                }
                self.waiting.push((txid, transaction.output));
                Ok(json!(txid.to_string()))
            }
            _ => Err((-32601, "Method not found".to_owned())),
        }
    }

    /// The median time of the last blocks.
    fn median(&self) -> i64 {
        let mut last: Vec<i64> = self.blocks.iter().rev().take(11).copied().collect();
        last.sort_unstable();
        last.get(last.len() / 2).copied().unwrap_or_default()
    }

    fn mine(&mut self) {
        let time = self.now.max(self.median() + 1);
        self.blocks.push(time);
        for (txid, outputs) in std::mem::take(&mut self.waiting) {
            for (output, vout) in outputs.into_iter().zip(0..) {
                let place = OutPoint::new(txid, vout);
                self.outputs.insert(place, (output, self.blocks.len()));
            }
            self.confirmed.push(txid);
        }
    }

    /// A payment out of nothing; its change comes first, as a wallet may have it.
    fn pay(&mut self, params: &Value) -> Txid {
        assert!(self.blocks.len() > 60, "no coinbase has matured");
        let (hrp, version, program) = segwit::decode(params[0].as_str().unwrap()).unwrap();
        assert_eq!((hrp.as_str(), version.to_u8()), ("pcrt", 1));
        let (coins, units) = params[1].as_str().unwrap().split_once('.').unwrap();
        assert_eq!(units.len(), 6, "an amount has six decimals");
        let value = format!("{coins}{units}").parse().unwrap();
        let script = ScriptBuf::from_bytes([vec![0x51, 0x20], program].concat());
        let output = |value, script_pubkey| TxOut {
            value: Amount::from_sat(value),
            script_pubkey,
        };
        self.paid += 1;
        let txid = Txid::from_byte_array([self.paid; 32]);
        let outputs = vec![output(10_000, ScriptBuf::new()), output(value, script)];
        self.waiting.push((txid, outputs));
        txid
    }

    fn output(&self, params: &Value) -> Value {
        let txid = params[0].as_str().unwrap().parse().unwrap();
        let vout = u32::try_from(params[1].as_u64().unwrap()).unwrap();
        assert_eq!(params[2], json!(false), "blocks only");
        match self.outputs.get(&OutPoint::new(txid, vout)) {
            Some((output, block)) => json!({
                "confirmations": self.blocks.len() + 1 - block,
                "scriptPubKey": { "hex": hex::encode(output.script_pubkey.as_bytes()) },
            }),
            None => Value::Null,
        }
    }

    fn accepts(&self, transaction: &Transaction) -> Result<(), String> {
        let timed = transaction
            .input
            .iter()
            .any(|i| i.sequence != Sequence::MAX);
        let lock_time = i64::from(transaction.lock_time.to_consensus_u32());
        if timed && lock_time >= self.median() {
            return Err("non-final".to_owned());
        }
        let mut spent = Vec::new();
        for input in &transaction.input {
            let output = self.outputs.get(&input.previous_output);
            let (output, _) = output.ok_or("missing-inputs")?;
            spent.push(output.clone());
        }
        match check(transaction, &spent) {
            Ok(()) => Ok(()),
            Err(Refusal::Script(_)) => Err("mandatory-script-verify-flag-failed".to_owned()),
            Err(Refusal::Fee(..)) => Err("fee is not exactly that of the size".to_owned()),
            Err(Refusal::Small(_)) => Err("dust".to_owned()),
            Err(Refusal::Version(_)) => Err("version".to_owned()),
        }
    }
}

fn read(hex: &Value) -> Result<Transaction, (i32, String)> {
    deserialize_hex(hex.as_str().unwrap()).map_err(|_| (-22, "TX decode failed".to_owned()))
}
