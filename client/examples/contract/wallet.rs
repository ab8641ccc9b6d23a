//! One key that holds coins: what a party pays its stake from and is paid to, and
//! on a regtest chain what the blocks pay to.

use bitcoin::key::TapTweak as _;
use bitcoin::secp256k1::{Keypair, Message, Secp256k1, SecretKey};
use bitcoin::{ScriptBuf, Transaction, TxOut, Witness};

use super::transaction::{key_path, message};
use super::{Result, random};

/// A wallet of a single key.
pub(crate) struct Wallet(Keypair);

impl Wallet {
    /// With a new key, which nothing keeps. A real wallet derives it from its seed.
    pub(crate) fn new() -> Result<Self> {
        Self::of(&random()?)
    }

    /// Of a key.
    pub(crate) fn of(key: &[u8; 32]) -> Result<Self> {
        let key = SecretKey::from_slice(key)?;
        Ok(Self(Keypair::from_secret_key(&Secp256k1::new(), &key)))
    }

    /// Its address: a taproot output of one key (BIP86).
    pub(crate) fn script(&self) -> ScriptBuf {
        ScriptBuf::new_p2tr(&Secp256k1::new(), self.0.x_only_public_key().0, None)
    }

    /// What one input needs to spend a coin of this wallet; `spent` are the outputs
    /// that all inputs spend.
    pub(crate) fn sign(
        &self,
        transaction: &Transaction,
        spent: &[TxOut],
        input: usize,
    ) -> Result<Witness> {
        self.sign_with(transaction, spent, input, &random()?)
    }

    /// The same, with the signature's auxiliary randomness.
    pub(crate) fn sign_with(
        &self,
        transaction: &Transaction,
        spent: &[TxOut],
        input: usize,
        aux: &[u8; 32],
    ) -> Result<Witness> {
        let secp = Secp256k1::new();
        let key = self.0.tap_tweak(&secp, None).to_keypair();
        let message = Message::from_digest(message(transaction, spent, input)?);
        let signature = secp.sign_schnorr_with_aux_rand(&message, &key, aux);
        Ok(key_path(&signature.serialize()))
    }
}
