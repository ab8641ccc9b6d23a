//! Whom a command believes: the oracle's identity, witnesses, what was proven
//! before.

use std::path::PathBuf;

use clap::Args;
use oracle_client::{Client, Memory, NoteKey, Options, WitnessPolicy};
use secp256k1::XOnlyPublicKey;

use super::output::{eline, note, printable};
use super::settings::settings;
use super::{Failure, key};

/// Why a signature of the oracle key is not enough.
pub(super) const KEY_PROVES_NOTHING: &str = "a signature of an oracle key proves nothing but an \
    attestation under a nonce that the oracle's log has announced";

/// What everything is proven against.
#[derive(Args)]
pub(super) struct Trust {
    /// The oracle's identity: the verifier key of its log, `origin+hash+key`, from
    /// the contract or the operator's own pages. Without it the one that the server
    /// names is believed
    #[arg(
        long,
        value_name = "VKEY",
        env = "ORACLE_IDENTITY",
        visible_alias = "log-key"
    )]
    identity: Option<NoteKey>,
    /// Believe nothing that these witnesses have not cosigned: a tlog-policy file
    #[arg(long, value_name = "FILE")]
    witnesses: Option<PathBuf>,
    /// The oracle's x-only public key in hex. It must be the one that the log
    /// names; given without --identity, what is found counts as unproven (exit 3)
    #[arg(long, value_name = "HEX", value_parser = key)]
    pub(super) key: Option<XOnlyPublicKey>,
    /// Where to remember what was proven, so that no later run accepts another log
    /// or an attested nonce in another announcement; by default
    /// `$XDG_STATE_HOME/oracle/memory` or `~/.local/state/oracle/memory`
    #[arg(long, value_name = "FILE", env = "ORACLE_MEMORY")]
    memory: Option<PathBuf>,
}

impl Trust {
    pub(super) fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            identity: self.identity()?,
            witnesses: self.witnesses()?,
            memory: self.memory()?,
            key: self.key,
            ..Options::default()
        })
    }

    pub(super) fn is_pinned(&self) -> Result<bool, Failure> {
        Ok(self.identity()?.is_some())
    }

    /// A log's key, not a witness's.
    pub(super) fn identity(&self) -> Result<Option<NoteKey>, Failure> {
        use oracle_schema::tlog::checkpoint::Algorithm;

        let settings = settings()?;
        match self.identity.as_ref().or(settings.identity.as_ref()) {
            Some(key) if key.algorithm() != Algorithm::Ed25519 => Err(Failure::Usage(
                "--identity: this is the key of a witness, not of a log".to_owned(),
            )),
            identity => Ok(identity.cloned()),
        }
    }

    pub(super) fn witnesses(&self) -> Result<Option<WitnessPolicy>, Failure> {
        let settings = settings()?;
        let Some(file) = self.witnesses.as_ref().or(settings.witnesses.as_ref()) else {
            return Ok(None);
        };
        let bad = |e: &dyn std::fmt::Display| {
            Failure::Usage(format!("--witnesses {}: {e}", file.display()))
        };
        let text = std::fs::read(file).map_err(|e| bad(&e))?;
        WitnessPolicy::parse(&text).map(Some).map_err(|e| bad(&e))
    }

    /// The file given, which must work; else the usual one, if it can be had.
    pub(super) fn memory(&self) -> Result<Memory, Failure> {
        let settings = settings()?;
        if let Some(file) = self.memory.as_ref().or(settings.memory.as_ref()) {
            return Ok(Memory::open(file)?);
        }
        let state = super::folder("XDG_STATE_HOME", ".local/state");
        let Some(folder) = state.map(|state| state.join("oracle")) else {
            return Ok(Memory::default());
        };
        if let Err(e) = std::fs::create_dir_all(&folder) {
            let folder = folder.display().to_string();
            note(&printable(&format!(
                "note: nothing is remembered: {folder}: {e}"
            )));
            return Ok(Memory::default());
        }
        Ok(Memory::open(&folder.join("memory"))?)
    }

    /// After the answer was printed: what it is worth. A key alone identifies
    /// nobody; with nothing at all the reader is told what to pin.
    pub(super) async fn verdict(&self, client: &Client) -> Result<(), Failure> {
        if self.is_pinned()? {
            return Ok(());
        }
        self.verdict_on(&client.identity().await?)
    }

    /// The same on what the log of an identity proves, which a server or a mirror named.
    pub(super) fn verdict_on(&self, named: &NoteKey) -> Result<(), Failure> {
        if self.is_pinned()? {
            return Ok(());
        }
        if self.key.is_some() {
            eline(&printable(&format!(
                "unproven: {KEY_PROVES_NOTHING}, and --key alone pins no log; this one's is \
                 --identity {named}"
            )));
            return Err(Failure::Verdict(3, None));
        }
        note(&printable(&format!(
            "note: no identity was pinned; this one's is --identity {named}"
        )));
        Ok(())
    }
}
