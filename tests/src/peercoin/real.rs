//! A real node, where there is one.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, Denomination, OutPoint, ScriptBuf, TxOut, Txid};
use oracle_schema::anchor::rpc;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use super::chain::MATURITY;
use super::wallet::Key;

/// Names the `peercoind` to test with.
pub const PEERCOIND: &str = "PEERCOIND";

/// How long a node may take to answer for the first time.
const START: Duration = Duration::from_mins(1);

/// A `peercoind` of the test's own; killed when dropped.
pub struct RealNode {
    /// Where it listens.
    pub url: String,
    /// Its cookie file.
    pub cookie: PathBuf,
    /// What it calls itself, with its version.
    pub version: String,
    /// What its blocks pay to: the node's own wallet keeps mined coins immature.
    miner: Key,
    _child: Child,
    _directory: tempfile::TempDir,
}

impl RealNode {
    /// Starts one on regtest, with a chain of its own and no minting.
    pub async fn start(program: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a node");
        // Free when asked for; a node cannot be told to choose one itself.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a node");
        let port = free.local_addr().expect("a node").port();
        drop(free);
        let mut child = Command::new(program)
            .args([
                "-regtest",
                "-minting=0",
                "-server=1",
                "-listen=0",
                "-connect=0",
                "-discover=0",
                "-dnsseed=0",
            ])
            .args(["-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1"])
            .arg(format!("-rpcport={port}"))
            .arg(format!("-datadir={}", directory.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("a node");
        let cookie = directory.path().join("regtest/.cookie");
        let url = format!("http://127.0.0.1:{port}");
        let ready = tokio::time::timeout(START, async {
            while call(&url, &cookie, "getblockchaininfo", &json!([]))
                .await
                .is_err()
            {
                if let Some(status) = child.try_wait().expect("a node") {
                    panic!("{}: {status}", program.display());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        ready.await.expect("the node never answered");
        let mut node = Self {
            url,
            cookie,
            version: String::new(),
            miner: Key::of([0x42; 32]),
            _child: child,
            _directory: directory,
        };
        let info = node.call("getnetworkinfo", &json!([])).await;
        node.version = text(&info["subversion"]);
        node
    }

    /// A method's result, which it must have.
    pub async fn call(&self, method: &str, params: &Value) -> Value {
        let result = call(&self.url, &self.cookie, method, params).await;
        result.unwrap_or_else(|error| panic!("{method}: {error}"))
    }

    /// Blocks by proof of work; their hashes.
    pub async fn mine(&self, blocks: usize) -> Value {
        let to = format!("raw({})", self.miner.script().to_hex_string());
        self.call("generatetodescriptor", &json!([blocks, to]))
            .await
    }

    /// Pays an address of the node's wallet out of a mined coin, in a block.
    pub async fn pay(&self, address: &Value, units: u64) {
        let blocks = self.mine(MATURITY).await;
        let block = self.call("getblock", &json!([blocks[0]])).await;
        let coinbase: Txid = text(&block["tx"][0]).parse().expect("a txid");
        let mined = self
            .call("gettxout", &json!([coinbase.to_string(), 0, false]))
            .await;
        // A peercoin has as many units as Bitcoin's hundredth.
        let value = mined["value"].to_string();
        let value = Amount::from_str_in(&value, Denomination::CentiBitcoin);
        let coin = TxOut {
            value: value.expect("an amount"),
            script_pubkey: self.miner.script().clone(),
        };
        let known = self.call("validateaddress", &json!([address])).await;
        let script = ScriptBuf::from_hex(&text(&known["scriptPubKey"]));
        let output = TxOut {
            value: Amount::from_sat(units),
            script_pubkey: script.expect("a script"),
        };
        let coin = (OutPoint::new(coinbase, 0), coin);
        let payment = self.miner.pay(&coin, &[output]);
        let payment = serialize_hex(&payment.expect("less than a block pays"));
        self.call("sendrawtransaction", &json!([payment])).await;
        self.mine(1).await;
    }

    /// Says what the node was shown to do, past the test harness, which keeps what
    /// passing tests print.
    pub fn tell(&self, what: &str) {
        let _ = writeln!(std::io::stderr(), "\n{}: {what}", self.version);
    }
}

/// A result, or why there is none: while the node warms up, its answers are errors.
async fn call(url: &str, cookie: &Path, method: &str, params: &Value) -> Result<Value, String> {
    let secret = std::fs::read_to_string(cookie).map_err(|e| e.to_string())?;
    let (user, password) = secret.trim().split_once(':').ok_or("no cookie file")?;
    let request = reqwest::Client::new()
        .post(url)
        .basic_auth(user, Some(password))
        .body(rpc::request(method, params));
    let answer = request.send().await.map_err(|e| e.to_string())?;
    let answer = answer.bytes().await.map_err(|e| e.to_string())?;
    rpc::result(&answer).map_err(|e| e.to_string())
}

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}
