//! The contract itself: all its transactions, as both parties compute them from
//! the oracle's announcement, the terms and each other's offer.

use std::time::Duration;

use bitcoin::absolute::LockTime;
use bitcoin::{OutPoint, ScriptBuf, Transaction, TxOut};
use chrono::{DateTime, Utc};
use musig2::secp::Point;
use oracle_client::coinlib::{
    MedianTimeLocktime, check_locktimes, refund_locktime, reveal_locktime,
};
use oracle_client::points::{AdaptorPoint, adaptor_points};
use oracle_client::{Announcement, Attestation, Verified};

use super::musig::{JointKey, Task};
use super::terms::{Payout, Terms};
use super::transaction::{
    Coin, MIN_OUTPUT, fee_of_size, final_size, message, pay, settlement, settlement_fee, unsigned,
};
use super::{Result, ensure};

/// How long after the oracle's last moment the refund becomes valid, seconds. An
/// attestation in that last moment must still find its CET in a block before the
/// loser can ask for a refund: the chain's median time is about an hour behind,
/// and a party may be offline for a while.
const REFUND_MARGIN: Duration = Duration::from_hours(24);

/// What the contract is about.
#[derive(Debug, Clone)]
pub(crate) struct Event {
    /// The oracle's promise: signed, verified.
    pub(crate) announcement: Verified<Announcement>,
    /// No attestation comes after this. The service's word; the
    /// policy that it announced has the same figure.
    pub(crate) attest_by: DateTime<Utc>,
}

/// What each party tells the other first.
#[derive(Debug, Clone)]
pub(crate) struct Offer {
    /// Its half of the contract's key.
    pub(crate) key: Point,
    /// Where its share and its change go.
    pub(crate) payout: ScriptBuf,
    /// What it pays its stake from.
    pub(crate) coin: Coin,
}

/// A contract execution transaction and what it is encrypted to.
#[derive(Debug, Clone)]
pub(crate) struct Cet {
    /// The outcome, or the prefix of a number, and its adaptor point.
    pub(crate) when: AdaptorPoint,
    /// Alice's share; the rest is Bob's.
    pub(crate) alice: u64,
    /// Unsigned.
    pub(crate) transaction: Transaction,
    /// What is to be signed, and under which point.
    pub(crate) task: Task,
}

/// Everything that is signed, unsigned.
#[derive(Debug, Clone)]
pub(crate) struct Contract {
    pub(crate) event: Event,
    pub(crate) key: JointKey,
    /// Spends one coin of each.
    pub(crate) funding: Transaction,
    /// The coins that it spends.
    pub(crate) spent: Vec<TxOut>,
    /// The output under the key of both; all else spends it.
    pub(crate) output: Coin,
    pub(crate) cets: Vec<Cet>,
    pub(crate) refund: Transaction,
    pub(crate) refund_task: Task,
    payouts: Vec<Payout>,
}

impl Contract {
    /// Computes the contract; from the same offers both get the same bytes.
    pub(crate) fn new(event: Event, terms: &Terms, offers: [&Offer; 2]) -> Result<Self> {
        let [alice, bob] = offers;
        sound(offers)?;
        let key = JointKey::new([alice.key, bob.key])?;
        let (funding, output) = fund(&key, terms, offers)?;
        let spent = vec![output.output.clone()];
        let (reveal, refund_at) = lock_times(&event)?;

        let payouts = (terms.payouts)(&event.announcement, terms.stakes)?;
        let mut cets = Vec::new();
        for payout in &payouts {
            let rest = terms.stakes.total().checked_sub(payout.alice);
            let rest = rest.ok_or("a payout is more than both have staked")?;
            let shares = [(&alice.payout, payout.alice), (&bob.payout, rest)];
            let transaction = settlement(&output, shares, reveal)?;
            let message = message(&transaction, &spent, 0)?;
            // One point for an outcome, several for the prefixes of a range: the
            // same transaction, each time under another point.
            for when in adaptor_points(&event.announcement, None, &payout.when)? {
                let point = Some(when.point);
                cets.push(Cet {
                    when,
                    alice: payout.alice,
                    transaction: transaction.clone(),
                    task: Task { message, point },
                });
            }
        }

        let shares = [
            (&alice.payout, terms.stakes.alice),
            (&bob.payout, terms.stakes.bob),
        ];
        let refund = settlement(&output, shares, refund_at)?;
        let refund_task = Task {
            message: message(&refund, &spent, 0)?,
            point: None,
        };
        Ok(Self {
            spent: offers.map(|o| o.coin.output.clone()).to_vec(),
            event,
            key,
            funding,
            output,
            cets,
            refund,
            refund_task,
            payouts,
        })
    }

    /// All that both sign together, CETs first, the refund last.
    pub(crate) fn tasks(&self) -> Vec<Task> {
        let cets = self.cets.iter().map(|cet| cet.task);
        cets.chain([self.refund_task]).collect()
    }

    /// The CETs' points again, with the secret where an attestation opens one.
    pub(crate) fn opened(&self, attestation: &Verified<Attestation>) -> Result<Vec<AdaptorPoint>> {
        let mut opened = Vec::with_capacity(self.cets.len());
        for payout in &self.payouts {
            opened.extend(adaptor_points(
                &self.event.announcement,
                Some(attestation),
                &payout.when,
            )?);
        }
        Ok(opened)
    }
}

/// What can be said of the offers without a chain. That the coins exist, and are
/// unspent, each party's node has to say before it signs the funding.
fn sound(offers: [&Offer; 2]) -> Result<()> {
    let [alice, bob] = offers;
    // A coin spent without a witness would let its owner change the funding
    // transaction's id, and with it make CETs and refund worthless.
    let taproot = |o: &Offer| o.coin.output.script_pubkey.is_p2tr() && o.payout.is_p2tr();
    ensure(offers.iter().all(|o| taproot(o)), || {
        "coins and payouts have to be taproot outputs".to_owned()
    })?;
    // An offer is only words: the coin that it names may be the other party's.
    // That one has signed for it by signing its input, and would pay both stakes.
    ensure(alice.coin.outpoint != bob.coin.outpoint, || {
        "both offer the same coin".to_owned()
    })?;
    let script = |o: &Offer| o.coin.output.script_pubkey.clone();
    ensure(script(alice) != script(bob), || {
        "both offer coins of the same address: one party's".to_owned()
    })
}

/// The funding transaction, and its output under both keys.
///
/// That output holds both stakes and the fee of a settlement with two outputs.
/// Each party bears half of that fee and half of the funding transaction's own.
fn fund(key: &JointKey, terms: &Terms, offers: [&Offer; 2]) -> Result<(Transaction, Coin)> {
    let reserve = settlement_fee(2);
    let output = pay(&key.script()?, terms.stakes.total() + reserve);
    let coins = offers.map(|o| o.coin.outpoint);
    let changed = |change: [u64; 2]| {
        let [one, other] = offers;
        let outputs = vec![
            output.clone(),
            pay(&one.payout, change[0]),
            pay(&other.payout, change[1]),
        ];
        unsigned(&coins, outputs, LockTime::ZERO)
    };
    let fees = reserve + fee_of_size(final_size(&changed([0, 0])));
    let change = |offer: &Offer, stake: u64, fee: u64| {
        let value = offer.coin.output.value.to_sat();
        value
            .checked_sub(stake + fee)
            .filter(|change| *change >= MIN_OUTPUT)
            .ok_or_else(|| {
                format!("a coin of {value} units leaves no output for the change of {stake}")
            })
    };
    let [alice, bob] = offers;
    let funding = changed([
        change(alice, terms.stakes.alice, fees.div_ceil(2))?,
        change(bob, terms.stakes.bob, fees / 2)?,
    ]);
    let coin = Coin {
        outpoint: OutPoint::new(funding.compute_txid(), 0),
        output,
    };
    Ok((funding, coin))
}

/// From when CETs and refund are valid, by the chain's median time.
///
/// As coinlib wants it: a CET not after the expected reveal, which is the
/// maturity; the refund of the same type (a time, not a height) and later.
fn lock_times(event: &Event) -> Result<(LockTime, LockTime)> {
    let reveal = reveal_locktime(&[&event.announcement])?;
    let refund = refund_locktime(event.attest_by, REFUND_MARGIN)?;
    check_locktimes(reveal, reveal, refund)?;
    let attest_by = MedianTimeLocktime::new(event.attest_by.timestamp())?;
    ensure(attest_by.is_definitely_before(refund), || {
        "the refund would be valid before the oracle's last moment".to_owned()
    })?;
    let time = |at: MedianTimeLocktime| LockTime::from_time(at.value());
    Ok((time(reveal)?, time(refund)?))
}
