//! A contract between two parties on Peercoin, from an oracle's announcement to
//! coins that moved. The examples beside this directory differ in the event and
//! the payouts; everything else is here:
//!
//! - `terms`: stakes and payouts;
//! - `agreement`: the transactions that follow from them;
//! - `musig`: one key and one signature of two parties;
//! - `party`: what each party sends, and checks before it goes on;
//! - `transaction`: Peercoin's rules for transactions, and consensus code;
//! - `wallet`: a key, its coins' address and its signatures;
//! - `oracle`, `chain`, `node`, `report`: the world around.
//!
//! The order, and why it is this one:
//!
//! 1. Both verify the oracle's announcement. All points follow from it.
//! 2. They exchange offers: keys, coins, addresses. From then on both can compute
//!    every transaction, and nobody has to take one from the other.
//! 3. They exchange nonces, then halves of signatures, for every CET (encrypted
//!    to its outcome's point) and for the refund. Each checks every half and
//!    every whole. Nothing is at risk yet: what they sign spends an output that
//!    does not exist.
//! 4. Only now do they sign the funding transaction. Who signed it earlier could
//!    find its coins locked behind a signature that the other never gives. Nor do
//!    they sign it shortly before the maturity: who holds the other's signature
//!    could wait for the outcome, and publish only what it wins.
//! 5. The oracle attests. Its signature's scalar completes one CET, and no other.
//!    Either party publishes it.
//! 6. Should the oracle stay silent, the refund becomes valid a day after
//!    `attest_by`, the last moment at which it would have spoken.

// Each example is a crate of its own and uses its part.
#![allow(dead_code, reason = "payouts by outcome or along a curve")]
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they show what they do"
)]

pub(crate) mod agreement;
pub(crate) mod chain;
pub(crate) mod musig;
pub(crate) mod node;
pub(crate) mod oracle;
pub(crate) mod party;
pub(crate) mod report;
pub(crate) mod terms;
pub(crate) mod transaction;
pub(crate) mod wallet;

use std::error::Error;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use bitcoin::Transaction;
use chrono::{DateTime, Utc};
use clap::Parser;
use oracle_client::{Attested, Client, EventId};

use agreement::{Contract, Event};
use chain::Chain;
use oracle::Oracle;
use party::{Completed, Holder, Party};
use report::{Record, Settlement, Steps, coins};
use terms::Terms;

/// Whatever stops a run.
pub(crate) type Problem = Box<dyn Error + Send + Sync>;
pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

/// A check of a run.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(otherwise().into())
    }
}

/// Fresh randomness from the system.
pub(crate) fn random() -> Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes)?;
    Ok(bytes)
}

/// A contract between two parties, settled by an oracle.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// A running oracle; by default the project's demo is started for the run.
    #[arg(long)]
    url: Option<String>,
    /// The event; by default the next open one that suits.
    #[arg(long, requires = "url")]
    event: Option<EventId>,
    /// How long to wait for the attestation, seconds.
    #[arg(long, default_value_t = 120)]
    wait: u64,
    /// How long before the maturity the funding is signed at the latest, seconds.
    /// Enough for the demo, whose events mature within seconds; on a real chain
    /// hours, so that it is in a block well before.
    #[arg(long, default_value_t = 3)]
    margin: u32,
    /// The time (RFC 3339) to go by instead of the clock's, for an oracle whose
    /// time is not that of the clock.
    #[arg(long)]
    now: Option<DateTime<Utc>>,
    /// Writes all transactions to this file, as JSON.
    #[arg(long)]
    out: Option<PathBuf>,
    /// The oracle-server that the demo is started with, instead of building it.
    #[arg(long, conflicts_with = "url")]
    server: Option<PathBuf>,
    /// RPC address of a Peercoin node on regtest, to settle on its chain.
    #[arg(long, requires = "cookie")]
    node: Option<String>,
    /// The node's cookie file.
    #[arg(long, requires = "node")]
    cookie: Option<PathBuf>,
}

impl Options {
    fn now(&self) -> DateTime<Utc> {
        self.now.unwrap_or_else(Utc::now)
    }
}

/// The whole program but for its terms.
pub(crate) async fn main(terms: &Terms) -> ExitCode {
    match run(terms, &Options::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

async fn run(terms: &Terms, options: &Options) -> Result<()> {
    let oracle = Oracle::open(options).await?;
    let mut steps = Steps::new(terms.title);

    // Each party asks the oracle itself. On its key they agree beforehand, as on
    // the terms; a server that shows another one is refused.
    let of_alice = Client::new(&oracle.url)?;
    let key = Some(of_alice.key().await?);
    let options_of_bob = oracle_client::Options {
        key,
        ..oracle_client::Options::default()
    };
    let of_bob = Client::with_options(&oracle.url, options_of_bob)?;
    let id = Oracle::choose(&of_alice, terms, options).await?;
    let seen_by_alice = oracle::event(&of_alice, &id).await?;
    let seen_by_bob = oracle::event(&of_bob, &id).await?;
    let maturity = seen_by_alice.announcement.event.maturity;
    steps.done(&format!(
        "both verified the announcement of {id}, which matures at {maturity}"
    ));

    let chain = Chain::open(options, maturity.unix()).await?;
    let parties = agree(terms, [seen_by_alice, seen_by_bob], &chain).await?;
    let funding = fund(&parties, options, &chain, &mut steps).await?;
    println!("     waiting for the oracle …");
    let patience = Duration::from_secs(options.wait);
    let settlement = match of_alice.wait(&id, patience).await {
        Ok(attested) => Some(settle(&parties, &attested, &chain, &mut steps).await?),
        Err(oracle_client::Error::Refunded { reason, .. }) => {
            steps.done(&format!("the oracle will never attest: {reason}"));
            take_refund(&parties, &chain, &mut steps).await?;
            None
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(file) = &options.out {
        let [alice, _] = &parties;
        let record = Record {
            contract: &alice.contract,
            funding: &funding,
            refund: &alice.refund,
            settlement: settlement.as_ref(),
        };
        std::fs::write(file, serde_json::to_vec_pretty(&record.json())?)?;
    }
    println!("all checks passed, by {}", chain.judge());
    Ok(())
}

/// Offers, nonces, halves: all that travels between the wallets before the
/// funding transaction. What is sent is named; nothing else passes.
async fn agree(terms: &Terms, events: [Event; 2], chain: &Chain) -> Result<[Holder; 2]> {
    let (alice, bob) = (Party::new()?, Party::new()?);
    let stakes = [
        (&alice.script(), terms.stakes.alice),
        (&bob.script(), terms.stakes.bob),
    ];
    let [coin_of_alice, coin_of_bob] = chain.coins(stakes).await?;
    let (alice, offer_of_alice) = alice.offer(coin_of_alice);
    let (bob, offer_of_bob) = bob.offer(coin_of_bob);
    let offers = [&offer_of_alice, &offer_of_bob];

    // Each computes the contract for itself, from what it verified itself.
    let [seen_by_alice, seen_by_bob] = events;
    let (alice, nonces_of_alice) = alice.negotiate(Contract::new(seen_by_alice, terms, offers)?)?;
    let (bob, nonces_of_bob) = bob.negotiate(Contract::new(seen_by_bob, terms, offers)?)?;

    let (alice, halves_of_alice) = alice.sign(nonces_of_bob)?;
    let (bob, halves_of_bob) = bob.sign(nonces_of_alice)?;

    Ok([
        alice.check(&offer_of_bob, &halves_of_bob)?,
        bob.check(&offer_of_alice, &halves_of_alice)?,
    ])
}

/// Both sign the funding transaction, the last step before coins are bound.
///
/// It is published at once. A party whose signature the other has, but which does
/// not see the funding in a block well before the maturity, has to spend its own
/// coin elsewhere: the other may be waiting for the outcome.
async fn fund(
    parties: &[Holder; 2],
    options: &Options,
    chain: &Chain,
    steps: &mut Steps,
) -> Result<Transaction> {
    let [alice, bob] = parties;
    let contract = &alice.contract;
    steps.done(&format!(
        "both signed, and checked what the other signed: the refund and {} CETs, each encrypted \
         to its outcome's point",
        contract.cets.len()
    ));
    let margin = options.margin;
    let witnesses = [
        alice.sign_funding(options.now(), margin)?,
        bob.sign_funding(options.now(), margin)?,
    ];
    let funding = party::join_funding(contract, witnesses)?;
    chain.publish(&funding, &contract.spent).await?;
    steps.done(&format!(
        "funded {}: {} PPC; {}",
        contract.output.outpoint,
        coins(contract.output.output.value.to_sat()),
        cost(&funding)
    ));
    chain.refuse(&alice.refund).await?;
    steps.done(&format!(
        "refund {} can wait: valid from {}, a day after the oracle's last moment",
        alice.refund.compute_txid(),
        time(&alice.refund)?
    ));
    Ok(funding)
}

/// Alice publishes the CET of what came true; no other can be.
async fn settle(
    [alice, bob]: &[Holder; 2],
    attested: &Attested,
    chain: &Chain,
    steps: &mut Steps,
) -> Result<Settlement> {
    let contract = &alice.contract;
    let outcome = attested.outcome_text();
    steps.done(&format!("the oracle attested {outcome:?}; verified"));

    let completed = alice.complete(attested)?;
    let transactions = force_all(alice, &completed)?;
    chain.pass(lock_time(&completed.transaction)).await?;
    for (index, other) in transactions.iter().enumerate() {
        if index != completed.index {
            chain.refuse(other).await?;
        }
    }
    steps.done(&format!(
        "its scalar completes the CET of {:?} and none of the other {}",
        report::name(&completed.subject),
        transactions.len() - 1
    ));
    let spent = std::slice::from_ref(&contract.output.output);
    chain.publish(&completed.transaction, spent).await?;
    steps.done(&format!(
        "settled by {}; {}",
        completed.transaction.compute_txid(),
        cost(&completed.transaction)
    ));

    // Bob's copy alone, and what everybody sees on the chain.
    let secret = bob.extract(completed.index, &completed.transaction)?;
    ensure(secret == completed.secret, || {
        "the published CET gives away another secret than the oracle's".to_owned()
    })?;
    steps.done("Bob, had he not heard the oracle, learned its scalar from the published CET");

    report::table(contract, &completed);
    Ok(Settlement {
        outcome,
        completed,
        transactions,
    })
}

/// The way out if there never is an attestation. Either party can go it alone:
/// both hold the refund, signed by both.
async fn take_refund([_, bob]: &[Holder; 2], chain: &Chain, steps: &mut Steps) -> Result<()> {
    chain.pass(lock_time(&bob.refund)).await?;
    let spent = std::slice::from_ref(&bob.contract.output.output);
    chain.publish(&bob.refund, spent).await?;
    steps.done(&format!(
        "stakes returned by the refund {}; {}",
        bob.refund.compute_txid(),
        cost(&bob.refund)
    ));
    Ok(())
}

/// Size and fee of a signed transaction, for people.
fn cost(transaction: &Transaction) -> String {
    let size = transaction.total_size();
    format!("{size} bytes, fee {} units", transaction::fee_of_size(size))
}

/// Every CET with what the attestation makes of its signature. The consensus
/// code takes the one and refuses all others.
fn force_all(holder: &Holder, completed: &Completed) -> Result<Vec<Transaction>> {
    let contract = &holder.contract;
    let spent = std::slice::from_ref(&contract.output.output);
    (0..contract.cets.len())
        .map(|index| {
            if index == completed.index {
                return Ok(completed.transaction.clone());
            }
            let forced = holder.force(index, &completed.secret)?;
            ensure(transaction::consensus(&forced, spent).is_err(), || {
                format!("the consensus code takes the CET of another outcome ({index})")
            })?;
            Ok(forced)
        })
        .collect()
}

/// When a transaction becomes valid, Unix seconds.
fn lock_time(transaction: &Transaction) -> i64 {
    i64::from(transaction.lock_time.to_consensus_u32())
}

/// The same for people.
fn time(transaction: &Transaction) -> Result<String> {
    let at = chrono::DateTime::from_timestamp(lock_time(transaction), 0).ok_or("no such time")?;
    Ok(at.format("%FT%TZ").to_string())
}
