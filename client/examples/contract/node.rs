//! A Peercoin node on regtest, over JSON-RPC.
//!
//! Start it with `peercoind -regtest -minting=0`: a minting wallet would stake
//! the coins that are about to be spent. What differs from Bitcoin's RPC and
//! matters here: `testmempoolaccept` leaves out `allowed` when it would accept.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bitcoin::bech32::{Fe32, Hrp, segwit};
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{OutPoint, ScriptBuf, Transaction, Txid};
use serde_json::{Value, json};

use super::report::coins;
use super::transaction::{Coin, pay};
use super::{Result, ensure};

/// Regtest's coinbase matures after 60 blocks; some more, so that several mature.
const FIRST_BLOCKS: u32 = 70;

/// The chain's time is the median of so many blocks.
const MEDIAN_OF: u32 = 11;

/// Blocks move the chain's time even while the node's stands still, by a second
/// every few blocks; those up to the funding by less than this, seconds.
const ROOM: i64 = 120;

/// Prefix of regtest's addresses.
const HRP: &str = "pcrt";

/// A node, by its cookie.
pub(crate) struct Node {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
    /// Where blocks pay to.
    miner: String,
}

impl Node {
    /// Connects, refuses any chain but regtest, and makes a wallet with coins.
    ///
    /// The first of these times (Unix seconds) that its chain has not passed yet
    /// becomes the node's time: blocks get their times from it, and with them lock
    /// times come. A chain that has passed them all is refused.
    pub(crate) async fn open(url: &str, cookie: &Path, times: Range<i64>) -> Result<Self> {
        let secret =
            std::fs::read_to_string(cookie).map_err(|e| format!("{}: {e}", cookie.display()))?;
        let (user, password) = secret.trim().split_once(':').ok_or("no cookie file")?;
        let mut node = Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()?,
            url: url.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            miner: String::new(),
        };
        let chain = node.call("getblockchaininfo", json!([])).await?;
        ensure(chain.get("chain") == Some(&json!("regtest")), || {
            "the node is not on regtest: nothing is risked here".to_owned()
        })?;
        let median = chain.get("mediantime").and_then(Value::as_i64);
        let median = median.ok_or("getblockchaininfo says no mediantime")?;
        // What a chain was used for before stays in it: it goes on from there.
        let now = times.start.max(median + 1);
        ensure(now + ROOM <= times.end, || {
            format!(
                "the node's chain is at {median} (median time), the event matures at {}: an \
                 earlier contract has taken it there. Start the node with a new -datadir",
                times.end
            )
        })?;
        if node.call("listwallets", json!([])).await? == json!([]) {
            node.call("createwallet", json!(["contract"])).await?;
        }
        node.call("setmocktime", json!([now])).await?;
        node.miner = text(&node.call("getnewaddress", json!([])).await?)?;
        node.mine(FIRST_BLOCKS).await?;
        Ok(node)
    }

    /// Pays from the node's wallet to a script, in a block.
    pub(crate) async fn pay(&self, script: &ScriptBuf, units: u64) -> Result<Coin> {
        let sent = json!([address(script)?, coins(units)]);
        let txid: Txid = text(&self.call("sendtoaddress", sent).await?)?.parse()?;
        self.mine(1).await?;
        let wanted = hex::encode(script.as_bytes());
        // The wallet puts its change anywhere.
        for vout in 0..8 {
            let found = self.output(txid, vout).await?;
            if found.pointer("/scriptPubKey/hex") == Some(&json!(wanted)) {
                return Ok(Coin {
                    outpoint: OutPoint::new(txid, vout),
                    output: pay(script, units),
                });
            }
        }
        Err(format!("the wallet's payment {txid} has no output to {wanted}").into())
    }

    /// Why the node would refuse a transaction now; `None` if it would not.
    pub(crate) async fn refusal(&self, transaction: &Transaction) -> Result<Option<String>> {
        let answer = self
            .call("testmempoolaccept", json!([[serialize_hex(transaction)]]))
            .await?;
        let verdict = answer.get(0).ok_or("testmempoolaccept says nothing")?;
        let reason = verdict.get("reject-reason").and_then(Value::as_str);
        let allowed = verdict.get("allowed").and_then(Value::as_bool);
        Ok(match (reason, allowed) {
            (Some(reason), _) => Some(reason.to_owned()),
            (None, Some(false)) => Some("refused without a reason".to_owned()),
            // A Bitcoin node says so; Peercoin's leaves it out.
            (None, Some(true) | None) => None,
        })
    }

    /// Sends a transaction and mines it.
    pub(crate) async fn confirm(&self, transaction: &Transaction) -> Result<()> {
        let txid = transaction.compute_txid();
        self.call("sendrawtransaction", json!([serialize_hex(transaction)]))
            .await?;
        self.mine(1).await?;
        let output = self.output(txid, 0).await?;
        let mined = output.get("confirmations").and_then(Value::as_u64);
        ensure(mined >= Some(1), || {
            format!("{txid} was taken but is in no block")
        })
    }

    /// Lets the chain's median time pass `unix`.
    pub(crate) async fn pass(&self, unix: i64) -> Result<()> {
        self.call("setmocktime", json!([unix + 1])).await?;
        self.mine(MEDIAN_OF).await
    }

    async fn mine(&self, blocks: u32) -> Result<()> {
        self.call("generatetoaddress", json!([blocks, self.miner]))
            .await?;
        Ok(())
    }

    /// An unspent output in a block; `null` if there is none.
    async fn output(&self, txid: Txid, vout: u32) -> Result<Value> {
        let in_blocks_only = json!([txid.to_string(), vout, false]);
        self.call("gettxout", in_blocks_only).await
    }

    async fn call(&self, method: &str, params: Value) -> Result<Value> {
        let body = json!({ "jsonrpc": "1.0", "id": method, "method": method, "params": params });
        let answer = self
            .http
            .post(&self.url)
            .basic_auth(&self.user, Some(&self.password))
            .header("content-type", "application/json")
            .body(body.to_string())
            .send()
            .await
            .map_err(reqwest::Error::without_url)?;
        let status = answer.status();
        let bytes = answer.bytes().await.map_err(reqwest::Error::without_url)?;
        // An error of the method comes with status 500 and a JSON body.
        let answer: Value = serde_json::from_slice(&bytes)
            .map_err(|_| format!("{method}: the node answered {status}, no JSON"))?;
        match answer.get("error") {
            None | Some(Value::Null) => Ok(answer.get("result").cloned().unwrap_or_default()),
            Some(error) => Err(format!("{method}: {error}").into()),
        }
    }
}

fn text(value: &Value) -> Result<String> {
    let text = value.as_str().ok_or("the node's answer is no text")?;
    Ok(text.to_owned())
}

/// The regtest address of a taproot output.
fn address(script: &ScriptBuf) -> Result<String> {
    let program = script.as_bytes().get(2..).filter(|_| script.is_p2tr());
    let program = program.ok_or("not a taproot output")?;
    Ok(segwit::encode(Hrp::parse(HRP)?, Fe32::P, program)?)
}
