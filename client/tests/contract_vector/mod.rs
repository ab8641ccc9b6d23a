//! `schema/vectors/contract.json`: whole contracts with fixed keys and nonces, made by the
//! examples' code. `client/js` and `client/ffi/tests/contract.py` compute them again.

use std::collections::BTreeSet;

use bitcoin::consensus::encode::{deserialize_hex, serialize_hex};
use bitcoin::hashes::Hash as _;
use bitcoin::{OutPoint, Transaction, TxOut, Txid};
use chrono::DateTime;
use musig2::secp::{Point, Scalar};
use musig2::{AggNonce, PartialSignature, PubNonce, SecNonce};
use oracle_client::coinlib::SchnorrAdaptorSignature;
use oracle_client::points::{Selection, Subject};
use oracle_client::{Attestation, Attested, Descriptor, Verified};
use oracle_schema::codec::Layout;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::common::{Oracle, choice, digits};
use crate::contract::agreement::{Cet, Contract, Event, Offer};
use crate::contract::musig::JointKey;
use crate::contract::party::{Holder, fixed, join_funding};
use crate::contract::terms::{Stakes, Terms, along, by_outcome};
use crate::contract::transaction::{Coin, consensus, message, pay, verify};
use crate::{COIN, DAY};

const FILE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/../schema/vectors/contract.json"
);
const ABOUT: &str = "Contracts of two parties from their keys to settled coins (docs/settlement.md), \
    transactions in hex, amounts in units. Both know the announcement, attest_by (Unix seconds), \
    stakes and payouts (`first` is what the first party gets, the rest is the other's) and each \
    other's public_key, payout_script and coin. The key is MuSig2 (BIP327) of both public keys in \
    order, tweaked by BIP341 without a script tree. Each of cets and refund has two secret_nonces \
    (k1 and k2) and partial_signatures, in the order of the parties. The adaptor point, of the \
    parity that it has, is added to the first half of the sum of nonces before anything is hashed, \
    as libsecp256k1-zkp and coinlib do it: session_nonce. adaptor_signature is R' and s', pre_sig \
    and parity are the same for coinlib. Signatures of the funding have 32 zero bytes for aux. All \
    keys are public: nothing may ever rest on them.";

/// One contract.
struct Given {
    name: &'static str,
    descriptor: Descriptor,
    terms: Terms,
    texts: &'static [&'static str],
}

fn given() -> [Given; 2] {
    let outcomes = ["home", "draw", "away", "void"];
    [
        Given {
            name: "match",
            descriptor: choice(&outcomes),
            terms: Terms {
                title: "match",
                kind: "match",
                stakes: Stakes::coins(30, 50),
                payouts: |event, stakes| {
                    by_outcome(event, |outcome| match outcome {
                        "home" => Some(stakes.total()),
                        "void" => Some(stakes.alice),
                        _ => Some(0),
                    })
                },
            },
            texts: &["home"],
        },
        Given {
            name: "number",
            descriptor: digits(2, 5, false),
            terms: Terms {
                title: "number",
                kind: "price",
                stakes: Stakes::coins(3, 7),
                payouts: |event, stakes| {
                    let total = stakes.total();
                    along(event, &[(8, 0), (24, total)], total / 4)
                },
            },
            texts: &["0", "1", "1", "1", "0"],
        },
    ]
}

fn fixed_bytes(label: &str) -> [u8; 32] {
    Sha256::digest(format!("contract.json {label}")).into()
}

fn scalar(label: &str) -> Scalar {
    Scalar::from_slice(&fixed_bytes(label)).unwrap()
}

/// What the two parties do, with everything that would be random fixed.
struct Run {
    name: &'static str,
    wallets: [[u8; 32]; 2],
    secrets: [Scalar; 2],
    offers: [Offer; 2],
    nonces: [Vec<SecNonce>; 2],
    public: [Vec<PubNonce>; 2],
    halves: [Vec<PartialSignature>; 2],
    holders: [Holder; 2],
}

impl Run {
    fn new(name: &'static str, event: &Event, terms: &Terms) -> Self {
        let labels = ["first", "second"].map(|party| format!("{name} {party}"));
        let wallets = labels
            .each_ref()
            .map(|l| fixed_bytes(&format!("{l} wallet")));
        let secrets = labels.each_ref().map(|l| scalar(&format!("{l} secret")));
        let party = |i: usize| {
            let party = fixed::party(&wallets[i], &secrets[i].serialize()).unwrap();
            let number = u8::try_from(i + 1).unwrap();
            let output = pay(&party.script(), (40 + 20 * u64::from(number)) * COIN);
            let outpoint = OutPoint::new(Txid::from_byte_array([number; 32]), number.into());
            party.offer(Coin { outpoint, output })
        };
        let ((alice, offer), (bob, other)) = (party(0), party(1));
        let contract = Contract::new(event.clone(), terms, [&offer, &other]).unwrap();
        let nonces = [0, 1].map(|i: usize| {
            let key = secrets[i].base_point_mul();
            let tasks = 0..contract.tasks().len();
            let one = |task, half| scalar(&format!("{} {task} k{half}", labels[i]));
            let of = |task| SecNonce::new(one(task, 1), one(task, 2), key);
            tasks.map(of).collect::<Vec<_>>()
        });
        let of = nonces.clone();
        let [mine, theirs] = of;
        let (alice, of_alice) = fixed::negotiate(alice, contract.clone(), mine);
        let (bob, of_bob) = fixed::negotiate(bob, contract, theirs);
        let (alice, halves) = alice.sign(of_bob.clone()).unwrap();
        let (bob, others) = bob.sign(of_alice.clone()).unwrap();
        let holders = [
            alice.check(&other, &others).unwrap(),
            bob.check(&offer, &halves).unwrap(),
        ];
        Self {
            name,
            wallets,
            secrets,
            offers: [offer, other],
            nonces,
            public: [of_alice, of_bob],
            halves: [halves, others],
            holders,
        }
    }

    fn contract(&self) -> &Contract {
        &self.holders[0].contract
    }

    fn party(&self, i: usize) -> Value {
        let offer = &self.offers[i];
        json!({
            "secret_key": hex::encode(self.secrets[i].serialize()),
            "public_key": hex::encode(offer.key.serialize()),
            "wallet_secret_key": hex::encode(self.wallets[i]),
            "payout_script": hex::encode(&offer.payout),
            "coin": coin(&offer.coin),
        })
    }

    fn key(&self) -> Value {
        let key = &self.contract().key;
        let untweaked: Point = key.context().aggregated_pubkey_untweaked();
        let tweak: Scalar = key.context().tweak_sum().unwrap();
        let keys = key.context().pubkeys().iter();
        json!({
            "public_keys": keys.map(|key| hex::encode(key.serialize())).collect::<Vec<_>>(),
            "internal_key": hex::encode(untweaked.serialize_xonly()),
            "tweak": hex::encode(tweak.serialize()),
            "output_key": hex::encode(key.x_only().unwrap().to_byte_array()),
            "script": hex::encode(key.script().unwrap()),
        })
    }

    fn funding(&self) -> Value {
        let contract = self.contract();
        let witnesses = self
            .holders
            .each_ref()
            .map(|h| fixed::sign_funding(h).unwrap());
        let signatures: Vec<_> = witnesses.iter().map(|w| hex::encode(&w[0])).collect();
        let signed = join_funding(contract, witnesses).unwrap();
        let hash = |i| hex::encode(message(&contract.funding, &contract.spent, i).unwrap());
        json!({
            "unsigned": serialize_hex(&contract.funding),
            "txid": contract.funding.compute_txid().to_string(),
            "sighashes": [hash(0), hash(1)],
            "signatures": signatures,
            "transaction": serialize_hex(&signed),
            "output": coin(&contract.output),
        })
    }

    /// What both did for one signature.
    fn session(&self, task: usize) -> Value {
        let asked = &self.contract().tasks()[task];
        let public = self.public.each_ref().map(|nonces| &nonces[task]);
        let secret = self.nonces.each_ref().map(|nonces| {
            // The key behind the two scalars stands with the party.
            let bytes = nonces[task].serialize();
            hex::encode(&bytes[..64])
        });
        json!({
            "sighash": hex::encode(asked.message),
            "secret_nonces": secret,
            "public_nonces": public.map(|nonce| hex::encode(nonce.serialize())),
            "nonce_sum": hex::encode(AggNonce::sum(public).serialize()),
            "session_nonce": hex::encode(asked.sum(public).unwrap().serialize()),
            "partial_signatures": self.halves.each_ref().map(|h| hex::encode(h[task].serialize())),
        })
    }

    fn cet(&self, i: usize, cet: &Cet) -> Value {
        let adaptor = fixed::adaptor(&self.holders[0], i).unwrap();
        let coinlib = SchnorrAdaptorSignature::new(&adaptor, &cet.when.point).unwrap();
        let mut value = self.session(i);
        let more = json!({
            "when": subject(&cet.when.subject),
            "point": hex::encode(cet.when.point.compressed()),
            "first": cet.alice,
            "lock_time": cet.transaction.lock_time.to_consensus_u32(),
            "unsigned": serialize_hex(&cet.transaction),
            "adaptor_signature": adaptor.to_string(),
            "pre_sig": hex::encode(coinlib.pre_sig),
            "parity": coinlib.parity,
        });
        merge(&mut value, more);
        value
    }

    fn refund(&self) -> Value {
        let contract = self.contract();
        let mut value = self.session(contract.cets.len());
        let signed = &self.holders[0].refund;
        assert_eq!(signed, &self.holders[1].refund);
        let more = json!({
            "lock_time": contract.refund.lock_time.to_consensus_u32(),
            "unsigned": serialize_hex(&contract.refund),
            "signature": hex::encode(&signed.input[0].witness[0]),
            "transaction": serialize_hex(signed),
        });
        merge(&mut value, more);
        value
    }

    fn settled(&self, attested: &Attested) -> Value {
        let [alice, bob] = &self.holders;
        let completed = alice.complete(attested).unwrap();
        let revealed = bob
            .extract(completed.index, &completed.transaction)
            .unwrap();
        assert_eq!(revealed, completed.secret);
        json!({
            "attestation": hex::encode(attested.attestation.to_tlv(Layout::Spec)),
            "cet": completed.index,
            "secret": hex::encode(completed.secret.to_bytes()),
            "signature": hex::encode(&completed.transaction.input[0].witness[0]),
            "transaction": serialize_hex(&completed.transaction),
        })
    }

    fn json(&self, event: &Event, terms: &Terms, attestation: Verified<Attestation>) -> Value {
        let announcement = event.announcement.clone();
        let tlv = hex::encode(announcement.to_tlv());
        let payouts = (terms.payouts)(&announcement, terms.stakes).unwrap();
        let payouts = payouts.iter().map(|payout| {
            let mut value = selection(&payout.when);
            merge(&mut value, json!({ "first": payout.alice }));
            value
        });
        let cets = self.contract().cets.iter().enumerate();
        json!({
            "name": self.name,
            "announcement": tlv,
            "attest_by": event.attest_by.timestamp(),
            "stakes": [terms.stakes.alice, terms.stakes.bob],
            "payouts": payouts.collect::<Vec<_>>(),
            "parties": [self.party(0), self.party(1)],
            "key": self.key(),
            "funding": self.funding(),
            "cets": cets.map(|(i, cet)| self.cet(i, cet)).collect::<Vec<_>>(),
            "refund": self.refund(),
            "settled": self.settled(&Attested { announcement, attestation }),
        })
    }
}

fn merge(value: &mut Value, more: Value) {
    let Value::Object(more) = more else {
        unreachable!()
    };
    value.as_object_mut().unwrap().extend(more);
}

fn coin(coin: &Coin) -> Value {
    json!({
        "txid": coin.outpoint.txid.to_string(),
        "index": coin.outpoint.vout,
        "amount": coin.output.value.to_sat(),
        "script": hex::encode(&coin.output.script_pubkey),
    })
}

fn selection(selection: &Selection) -> Value {
    match selection {
        Selection::Outcome(outcome) => json!({ "outcome": outcome }),
        Selection::Range(range) => {
            let end = |n: &i128| i64::try_from(*n).unwrap();
            json!({ "range": [end(range.start()), end(range.end())] })
        }
        other => panic!("{other:?}"),
    }
}

fn subject(subject: &Subject) -> Value {
    match subject {
        Subject::Outcome(outcome) => json!({ "outcome": outcome }),
        Subject::Prefix { values, .. } => json!({ "prefix": values }),
        other @ Subject::Digit { .. } => panic!("{other:?}"),
    }
}

fn contents() -> Value {
    let oracle = Oracle::new("oracle");
    let case = |given: Given| {
        let announced = oracle.announce(given.name, given.descriptor);
        let announcement = verify_announcement(announced.announcement.clone()).unwrap();
        let attestation = oracle.attest(&announced, given.texts);
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        let attest_by = announcement.event.maturity.unix() + DAY;
        let event = Event {
            announcement,
            attest_by: DateTime::from_timestamp(attest_by, 0).unwrap(),
        };
        Run::new(given.name, &event, &given.terms).json(&event, &given.terms, attestation)
    };
    json!({ "about": ABOUT, "cases": given().map(case) })
}

#[test]
fn the_contracts_of_the_vectors_are_what_the_examples_make() {
    let made = contents();
    if std::env::var_os("WRITE_VECTORS").is_some() {
        let text = serde_json::to_string_pretty(&made).unwrap() + "\n";
        std::fs::write(FILE, text).unwrap();
    }
    assert!(
        read() == made,
        "{FILE}: `WRITE_VECTORS=1 cargo test --workspace --test contract` writes it"
    );
}

fn read() -> Value {
    serde_json::from_slice(&std::fs::read(FILE).unwrap()).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn transaction(value: &Value) -> Transaction {
    deserialize_hex(text(value)).unwrap()
}

fn output(coin: &Value) -> TxOut {
    let script = hex::decode(text(&coin["script"])).unwrap().into();
    pay(&script, coin["amount"].as_u64().unwrap())
}

/// Knows nothing of how they were made: the consensus code, with what each spends.
#[test]
fn what_the_vectors_publish_is_valid() {
    for case in read()["cases"].as_array().unwrap() {
        let coins = [0, 1].map(|i| output(&case["parties"][i]["coin"]));
        let funding = transaction(&case["funding"]["transaction"]);
        verify(&funding, &coins).unwrap();
        let funded = funding.output[0].clone();
        assert_eq!(funded, output(&case["funding"]["output"]));
        for settled in [&case["settled"], &case["refund"]] {
            let signed = transaction(&settled["transaction"]);
            assert_eq!(signed.input[0].previous_output.txid, funding.compute_txid());
            verify(&signed, std::slice::from_ref(&funded)).unwrap();
            let mut changed = signed;
            changed.output[0].value -= bitcoin::Amount::ONE_SAT;
            assert!(consensus(&changed, std::slice::from_ref(&funded)).is_err());
        }
    }
}

/// An implementation that forgets a sign somewhere fails at one of these.
#[test]
fn the_vectors_have_points_nonces_and_keys_of_either_parity() {
    let content = read();
    let cases = content["cases"].as_array().unwrap();
    let cets = || {
        cases
            .iter()
            .flat_map(|case| case["cets"].as_array().unwrap())
    };
    for odd in [false, true] {
        let tag = if odd { "03" } else { "02" };
        assert!(
            cets().any(|cet| text(&cet["point"]).starts_with(tag)),
            "{tag}"
        );
        assert!(cets().any(|cet| cet["parity"] == odd), "{odd}");
        let adapted = |cet: &&Value| text(&cet["point"]).starts_with(tag) && cet["parity"] == odd;
        assert!(cets().any(|cet| adapted(&cet)), "{odd}");
    }
    let is_odd = |case: &Value| {
        let key = |i| Point::from_hex(text(&case["key"]["public_keys"][i])).unwrap();
        let joint = JointKey::new([key(0), key(1)]).unwrap();
        let tweaked: Point = joint.context().aggregated_pubkey();
        tweaked.has_odd_y()
    };
    let odd: BTreeSet<bool> = cases.iter().map(is_odd).collect();
    assert_eq!(odd.len(), 2, "output keys");
}
