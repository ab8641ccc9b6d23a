//! A Peercoin node on regtest, over JSON-RPC.
//!
//! Start it with `peercoind -regtest -minting=0`. It needs no wallet: blocks pay to a
//! key of this program, which spends the first ones' coins by a transaction that it
//! signs itself. The wallet of a node (0.15) would not: it counts a transaction's
//! confirmations in proof-of-stake blocks, of which regtest without minting has none,
//! so that a coin it has mined there never matures. For the chain itself, 60 blocks
//! of any kind are enough.
//!
//! What differs from Bitcoin's RPC and matters here: `testmempoolaccept` leaves out
//! `allowed` when it would accept.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::consensus::encode::serialize_hex;
use bitcoin::{Amount, Denomination, OutPoint, ScriptBuf, Transaction, TxOut, Txid};
use serde_json::{Value, json};

use super::transaction::{Coin, MIN_OUTPUT, fee_of_size, final_size, pay, unsigned, verify};
use super::wallet::Wallet;
use super::{Result, ensure};

/// A coin that a block paid can be spent so many blocks later, on regtest.
const MATURITY: u32 = 60;

/// The chain's time is the median of so many blocks.
const MEDIAN_OF: u32 = 11;

/// Blocks move the chain's time even while the node's stands still, by a second
/// every few blocks; those up to the funding by less than this, seconds.
const ROOM: i64 = 120;

/// A node, by its cookie.
pub(crate) struct Node {
    http: reqwest::Client,
    url: String,
    user: String,
    password: String,
    /// What its blocks pay to.
    miner: Wallet,
}

impl Node {
    /// Connects, and refuses any chain but regtest.
    ///
    /// The first of these times (Unix seconds) that its chain has not passed yet
    /// becomes the node's time: blocks get their times from it, and with them lock
    /// times come. A chain that has passed them all is refused.
    pub(crate) async fn open(url: &str, cookie: &Path, times: Range<i64>) -> Result<Self> {
        let secret =
            std::fs::read_to_string(cookie).map_err(|e| format!("{}: {e}", cookie.display()))?;
        let (user, password) = secret.trim().split_once(':').ok_or("no cookie file")?;
        let node = Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_mins(1))
                .build()?,
            url: url.to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            miner: Wallet::new()?,
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
        node.call("setmocktime", json!([now])).await?;
        Ok(node)
    }

    /// Pays so many units to each script, by one transaction that spends as many new
    /// blocks' coins as it takes, in a block.
    pub(crate) async fn pay<const N: usize>(
        &self,
        wanted: [(&ScriptBuf, u64); N],
    ) -> Result<[Coin; N]> {
        let mut blocks = self.mine(MATURITY).await?.into_iter();
        let mut coins = Vec::new();
        let mut payment = loop {
            let block = blocks.next().ok_or("the node's blocks pay too little")?;
            coins.push(self.mined_coin(&block).await?);
            if let Some(payment) = self.payment(&coins, &wanted) {
                break payment;
            }
            // With it the next block's coin can be spent too.
            self.mine(1).await?;
        };
        let spent: Vec<TxOut> = coins.into_iter().map(|coin| coin.output).collect();
        for index in 0..spent.len() {
            let witness = self.miner.sign(&payment, &spent, index)?;
            if let Some(input) = payment.input.get_mut(index) {
                input.witness = witness;
            }
        }
        verify(&payment, &spent)?;
        self.confirm(&payment).await?;
        let txid = payment.compute_txid();
        let mut vout = 0..;
        Ok(wanted.map(|(to, units)| Coin {
            outpoint: OutPoint::new(txid, vout.next().unwrap_or_default()),
            output: pay(to, units),
        }))
    }

    /// Unsigned, with the rest back to the miner; `None` if the coins are too few.
    fn payment(&self, coins: &[Coin], wanted: &[(&ScriptBuf, u64)]) -> Option<Transaction> {
        let change = self.miner.script();
        let mut outputs: Vec<_> = wanted.iter().map(|(to, units)| pay(to, *units)).collect();
        outputs.push(pay(&change, 0));
        let spends: Vec<OutPoint> = coins.iter().map(|coin| coin.outpoint).collect();
        let mut payment = unsigned(&spends, outputs, LockTime::ZERO);
        // Exactly the fee: what is left is known once the size is.
        let fee = fee_of_size(final_size(&payment));
        let due = fee + wanted.iter().map(|(_, units)| units).sum::<u64>();
        let there: u64 = coins.iter().map(|coin| coin.output.value.to_sat()).sum();
        let left = there.checked_sub(due).filter(|left| *left >= MIN_OUTPUT)?;
        *payment.output.last_mut()? = pay(&change, left);
        Some(payment)
    }

    /// What a block has paid.
    async fn mined_coin(&self, block: &str) -> Result<Coin> {
        let block = self.call("getblock", json!([block])).await?;
        let coinbase = block.pointer("/tx/0").ok_or("a block without a coinbase")?;
        let txid: Txid = text(coinbase)?.parse()?;
        let output = self.output(txid, 0).await?;
        let value = output.get("value").and_then(Value::as_number);
        let value = value.ok_or_else(|| format!("the coinbase {txid} is not there"))?;
        // A peercoin has as many units as Bitcoin's hundredth.
        let value = Amount::from_str_in(&value.to_string(), Denomination::CentiBitcoin)?;
        Ok(Coin {
            outpoint: OutPoint::new(txid, 0),
            output: pay(&self.miner.script(), value.to_sat()),
        })
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
        self.mine(MEDIAN_OF).await?;
        Ok(())
    }

    /// Their hashes, oldest first.
    async fn mine(&self, blocks: u32) -> Result<Vec<String>> {
        let to = format!("raw({})", self.miner.script().to_hex_string());
        let mined = self.call("generatetodescriptor", json!([blocks, to]));
        Ok(serde_json::from_value(mined.await?)?)
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
