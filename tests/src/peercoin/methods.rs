//! The methods, with a node's shapes and codes.

use bitcoin::consensus::encode::{deserialize, deserialize_hex, serialize_hex};
use bitcoin::consensus::serialize;
use bitcoin::script::{Builder, PushBytesBuf};
use bitcoin::{
    Amount, BlockHash, Denomination, MerkleBlock, OutPoint, ScriptBuf, Transaction, TxOut, Txid,
};
use serde_json::{Value, json};

use super::chain::Proof;
use super::{Answer, Inner};

impl Inner {
    pub(super) fn call(&mut self, method: &str, params: &Value) -> Answer {
        match method {
            "getblockchaininfo" => Ok(json!({
                "chain": self.network,
                "blocks": self.chain.blocks.len().saturating_sub(1),
                "mediantime": self.chain.median(),
            })),
            "setmocktime" => {
                self.chain.now = params[0].as_i64().expect("a time");
                Ok(Value::Null)
            }
            "generatetodescriptor" => self.generate(params),
            "getblock" => self.block(params),
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
        let script = params[1].as_str().expect("a descriptor");
        let script = script
            .strip_prefix("raw(")
            .and_then(|s| s.strip_suffix(')'));
        let miner = ScriptBuf::from_hex(script.expect("a raw script")).expect("a script");
        let blocks = params[0].as_u64().expect("a number");
        let hashes = (0..blocks).map(|_| self.chain.mine(&miner, Proof::Work).to_string());
        Ok(json!(hashes.collect::<Vec<_>>()))
    }

    fn block(&self, params: &Value) -> Answer {
        let hash: BlockHash = params[0].as_str().expect("a hash").parse().expect("a hash");
        let height = self.chain.height(hash);
        let height = height.ok_or((-5, "Block not found".to_owned()))?;
        let transactions = self.chain.blocks[height].txdata.iter();
        let txids: Vec<String> = transactions.map(|t| t.compute_txid().to_string()).collect();
        Ok(json!({ "hash": hash.to_string(), "height": height, "tx": txids }))
    }

    fn output(&self, params: &Value) -> Value {
        let vout = u32::try_from(params[1].as_u64().expect("a number")).expect("a number");
        assert_eq!(params[2], json!(false), "blocks only");
        let place = OutPoint::new(txid(&params[0]), vout);
        match self.chain.unspent().get(&place) {
            Some((output, height, _)) => json!({
                "confirmations": self.chain.blocks.len() - height,
                "value": peercoins(output.value),
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
                "confirmations": self.chain.stake_depth(height),
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
        let (funded, fee) = self.wallet.fund(&self.chain, &outputs)?;
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

/// As a node writes an amount: a number with a point.
fn peercoins(value: Amount) -> Value {
    // A peercoin has as many units as Bitcoin's hundredth.
    let text = value.to_string_in(Denomination::CentiBitcoin);
    serde_json::from_str(&text).expect("a number")
}

fn txid(value: &Value) -> Txid {
    value.as_str().expect("a txid").parse().expect("a txid")
}

fn read(hex: &Value) -> Result<Transaction, (i64, String)> {
    deserialize_hex(hex.as_str().expect("hex")).map_err(|_| (-22, "TX decode failed".to_owned()))
}
