//! One of the two parties: what it keeps to itself, what it sends, and what it
//! checks before it goes a step further.
//!
//! Each step is a type that only the step before can make. So the funding
//! transaction, the first thing that puts coins at risk, can only be signed by a
//! party that holds everything it may need to get them out again.

use bitcoin::{ScriptBuf, Transaction, Witness};
use chrono::{DateTime, Utc};
use musig2::secp::Scalar;
use musig2::{AggNonce, PartialSignature, PubNonce, SecNonce};
use oracle_client::Attested;
use oracle_client::adaptor::{AdaptorError, AdaptorSignature};
use oracle_client::points::{AdaptorSecret, Subject};
use secp256k1::schnorr::Signature;

use super::agreement::{Cet, Contract, Offer};
use super::transaction::{Coin, key_path, verify};
use super::wallet::Wallet;
use super::{Result, ensure, musig, random};

/// A party with its secrets.
pub(crate) struct Party {
    /// Pays its stake, receives its share.
    wallet: Wallet,
    /// Its half of the contract's key, made for this contract alone.
    secret: Scalar,
}

impl Party {
    /// A party with new keys. A wallet would derive both from its seed.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            wallet: Wallet::new()?,
            secret: Scalar::from_slice(&random()?)?,
        })
    }

    /// Its wallet's address.
    pub(crate) fn script(&self) -> ScriptBuf {
        self.wallet.script()
    }

    /// What the other party needs to know; the coin is what this one will sign
    /// for.
    pub(crate) fn offer(self, coin: Coin) -> (Offering, Offer) {
        let offer = Offer {
            key: self.secret.base_point_mul(),
            payout: self.script(),
            coin: coin.clone(),
        };
        (Offering { party: self, coin }, offer)
    }
}

/// A party that has sent its offer.
pub(crate) struct Offering {
    party: Party,
    coin: Coin,
}

impl Offering {
    /// Computes the contract and makes a nonce for each of its signatures. The
    /// public halves go to the other party.
    pub(crate) fn negotiate(self, contract: Contract) -> Result<(Negotiating, Vec<PubNonce>)> {
        let secret = self.party.secret;
        let nonces = musig::nonces(&contract.key, secret, &contract.tasks())?;
        Ok(self.with_nonces(contract, nonces))
    }

    fn with_nonces(
        self,
        contract: Contract,
        nonces: Vec<SecNonce>,
    ) -> (Negotiating, Vec<PubNonce>) {
        let public = nonces.iter().map(SecNonce::public_nonce).collect();
        let negotiating = Negotiating {
            party: self.party,
            coin: self.coin,
            contract,
            nonces,
        };
        (negotiating, public)
    }
}

/// A party that has sent its nonces.
pub(crate) struct Negotiating {
    party: Party,
    coin: Coin,
    contract: Contract,
    nonces: Vec<SecNonce>,
}

impl Negotiating {
    /// Signs its half of everything. The halves go to the other party, who may be
    /// able to complete a CET with them before the oracle attests: by a nonce from
    /// which it took the point away. What such a CET spends does not exist yet, and
    /// the funding is never to be signed unless [`Signing::check`] accepts the
    /// other's halves, which under such a nonce nobody can make. The key is for this
    /// contract alone.
    pub(crate) fn sign(self, theirs: Vec<PubNonce>) -> Result<(Signing, Vec<PartialSignature>)> {
        let tasks = self.contract.tasks();
        ensure(theirs.len() == tasks.len(), || {
            format!("{} nonces for {} signatures", theirs.len(), tasks.len())
        })?;
        let mut halves = Vec::with_capacity(tasks.len());
        let mut both = Vec::with_capacity(tasks.len());
        for ((task, nonce), their) in tasks.iter().zip(self.nonces).zip(&theirs) {
            let sum = task.sum([&nonce.public_nonce(), their])?;
            let secret = self.party.secret;
            halves.push(musig::sign(&self.contract.key, secret, nonce, &sum, task)?);
            both.push(sum);
        }
        let signing = Signing {
            party: self.party,
            coin: self.coin,
            contract: self.contract,
            theirs,
            both,
            halves: halves.clone(),
        };
        Ok((signing, halves))
    }
}

/// A party that has sent its halves.
pub(crate) struct Signing {
    party: Party,
    coin: Coin,
    contract: Contract,
    theirs: Vec<PubNonce>,
    both: Vec<AggNonce>,
    halves: Vec<PartialSignature>,
}

impl Signing {
    /// Checks every half that the other party sent, and what the two make: each
    /// CET must become valid by the secret of its point, the refund be valid.
    pub(crate) fn check(self, other: &Offer, theirs: &[PartialSignature]) -> Result<Holder> {
        let contract = self.contract;
        let tasks = contract.tasks();
        ensure(theirs.len() == tasks.len(), || {
            format!("{} halves for {} signatures", theirs.len(), tasks.len())
        })?;
        let mut adaptors = Vec::with_capacity(contract.cets.len());
        let mut refund = contract.refund.clone();
        let nonces = self.theirs.iter().zip(&self.both);
        let halves = self.halves.iter().zip(theirs);
        for ((task, (nonce, both)), (own, their)) in tasks.iter().zip(nonces).zip(halves) {
            musig::verify_half(&contract.key, other.key, nonce, both, task, *their)?;
            let halves = [*own, *their];
            if let Some(point) = &task.point {
                adaptors.push(musig::join(&contract.key, both, task, point, halves)?);
            } else {
                let signature = musig::join_plain(&contract.key, both, task, halves)?;
                witness(&mut refund, key_path(&signature))?;
            }
        }
        verify(&refund, std::slice::from_ref(&contract.output.output))?;
        Ok(Holder {
            party: self.party,
            coin: self.coin,
            contract,
            adaptors,
            refund,
        })
    }
}

/// A party that holds all it may ever need: a verified adaptor signature for
/// each outcome, and the signed refund.
pub(crate) struct Holder {
    party: Party,
    coin: Coin,
    pub(crate) contract: Contract,
    adaptors: Vec<AdaptorSignature>,
    /// Signed; valid from its lock time on.
    pub(crate) refund: Transaction,
}

/// A CET completed by the oracle's attestation.
pub(crate) struct Completed {
    /// Which of the contract's CETs.
    pub(crate) index: usize,
    /// What came true.
    pub(crate) subject: Subject,
    /// What the attestation revealed.
    pub(crate) secret: AdaptorSecret,
    /// Ready for the chain.
    pub(crate) transaction: Transaction,
}

impl Holder {
    /// Signs its input of the funding transaction, and no other.
    ///
    /// Not from `margin` seconds before the maturity on: the other party could
    /// keep the signature until it knows the outcome, and publish the funding
    /// only if it has won.
    pub(crate) fn sign_funding(&self, now: DateTime<Utc>, margin: u32) -> Result<Witness> {
        let event = &self.contract.event.announcement.event;
        let latest = now.timestamp().saturating_add(margin.into());
        ensure(latest < event.maturity.unix(), || {
            format!(
                "too late to sign the funding: {} matures at {}, and {margin} s are needed before",
                event.event_id, event.maturity
            )
        })?;
        self.sign_own_input(&random()?)
    }

    fn sign_own_input(&self, aux: &[u8; 32]) -> Result<Witness> {
        let spent = &self.contract.spent;
        let input = self.own_input()?;
        let funding = &self.contract.funding;
        let wallet = &self.party.wallet;
        wallet.sign_with(funding, spent, input, aux)
    }

    /// Which input of the funding transaction spends this party's coin. Looked up
    /// by the coin's place: a script may be that of another coin, which the other
    /// party named.
    fn own_input(&self) -> Result<usize> {
        let inputs = self.contract.funding.input.iter();
        let mut own = inputs
            .zip(&self.contract.spent)
            .enumerate()
            .filter(|(_, (input, _))| input.previous_output == self.coin.outpoint);
        match (own.next(), own.next()) {
            (Some((index, (_, spent))), None) if *spent == self.coin.output => Ok(index),
            _ => Err("the funding transaction does not spend this party's coin once".into()),
        }
    }

    /// Completes the CET of what came true and verifies it as a node would.
    pub(crate) fn complete(&self, attested: &Attested) -> Result<Completed> {
        let opened = self.contract.opened(&attested.attestation)?;
        let opened = opened.into_iter().enumerate();
        let mut found = opened.filter_map(|(i, p)| Some((i, p.subject, p.secret?)));
        let (Some((index, subject, secret)), None) = (found.next(), found.next()) else {
            return Err("not exactly one CET is for what was attested".into());
        };
        let (cet, adaptor) = self.cet(index)?;
        let key = self.contract.key.x_only()?;
        let signature = adaptor.adapt(&secret, &key, &cet.task.message)?;
        let mut transaction = cet.transaction.clone();
        witness(&mut transaction, key_path(signature.as_byte_array()))?;
        verify(
            &transaction,
            std::slice::from_ref(&self.contract.output.output),
        )?;
        Ok(Completed {
            index,
            subject,
            secret,
            transaction,
        })
    }

    /// What becomes of another CET with a secret that is not its own: no
    /// signature, which the library says. The transaction that carries it all
    /// the same is for the consensus code to refuse.
    pub(crate) fn force(&self, index: usize, secret: &AdaptorSecret) -> Result<Transaction> {
        let (cet, adaptor) = self.cet(index)?;
        let key = self.contract.key.x_only()?;
        let adapted = adaptor.adapt(secret, &key, &cet.task.message);
        ensure(adapted == Err(AdaptorError::NotCompleted), || {
            format!("CET {index} was completed by the secret of another outcome")
        })?;
        let mut transaction = cet.transaction.clone();
        witness(&mut transaction, key_path(&musig::force(adaptor, secret)?))?;
        Ok(transaction)
    }

    /// The secret that a CET on the chain gives away: who did not hear the oracle
    /// learns it from the other party's settlement.
    pub(crate) fn extract(&self, index: usize, published: &Transaction) -> Result<AdaptorSecret> {
        let (cet, adaptor) = self.cet(index)?;
        let witness = published.input.first().map(|i| i.witness.to_vec());
        let Some([signature]) = witness.as_deref() else {
            return Err("the published transaction is no key-path spend".into());
        };
        let signature = Signature::from_byte_array(<[u8; 64]>::try_from(signature.as_slice())?);
        Ok(adaptor.extract(&signature, &cet.when.point)?)
    }

    fn cet(&self, index: usize) -> Result<(&Cet, &AdaptorSignature)> {
        let cet = self.contract.cets.get(index);
        let pair = cet.zip(self.adaptors.get(index));
        Ok(pair.ok_or("no such CET")?)
    }
}

/// The funding transaction with both signatures, verified.
pub(crate) fn join_funding(contract: &Contract, witnesses: [Witness; 2]) -> Result<Transaction> {
    let mut funding = contract.funding.clone();
    for (input, witness) in funding.input.iter_mut().zip(witnesses) {
        input.witness = witness;
    }
    verify(&funding, &contract.spent)?;
    Ok(funding)
}

fn witness(transaction: &mut Transaction, witness: Witness) -> Result<()> {
    let input = transaction.input.first_mut().ok_or("no input")?;
    input.witness = witness;
    Ok(())
}

/// For vectors, which are public: everything is the same each time. Nothing of value may
/// ever be signed by this.
#[cfg(test)]
pub(crate) mod fixed {
    use super::*;

    /// A party with these keys.
    pub(crate) fn party(wallet: &[u8; 32], secret: &[u8; 32]) -> Result<Party> {
        Ok(Party {
            wallet: Wallet::of(wallet)?,
            secret: Scalar::from_slice(secret)?,
        })
    }

    /// Negotiates with these nonces, one for each task.
    pub(crate) fn negotiate(
        offering: Offering,
        contract: Contract,
        nonces: Vec<SecNonce>,
    ) -> (Negotiating, Vec<PubNonce>) {
        offering.with_nonces(contract, nonces)
    }

    /// Signs its input of the funding without randomness, whenever it is.
    pub(crate) fn sign_funding(holder: &Holder) -> Result<Witness> {
        holder.sign_own_input(&[0; 32])
    }

    /// The adaptor signature of a CET.
    pub(crate) fn adaptor(holder: &Holder, index: usize) -> Result<AdaptorSignature> {
        Ok(*holder.cet(index)?.1)
    }
}
