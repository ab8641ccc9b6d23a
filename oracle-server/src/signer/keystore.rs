//! The keystore: an `age` passphrase file with the three secrets.
//!
//! Inside is one JSON object: `version` 1, `network`, and as 64 hex characters
//! each `signing_key` (x), `nonce_seed` (independent of x: if x leaks, events
//! without an attestation stay unforgeable) and `log_key` (Ed25519 seed).

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use age::scrypt;
use secp256k1::SecretKey;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::error::SignerError;
use super::journal::sync_directory_of;

const VERSION: u32 = 1;
/// Nothing this service writes comes near it.
const MAX_BYTES: u64 = 64 * 1024;
/// scrypt's log2 N of a new keystore: 128 MiB and a few tenths of a second for each
/// guess at the passphrase, and for each start. Fixed: `age` would measure what the
/// machine can do in a second just then, so that one which was busy at `init` had a
/// keystore that is cheaper to attack for good.
pub(super) const WORK_FACTOR: u8 = 17;
/// Keystores of up to so much are read (4 GiB): earlier versions measured.
const MAX_WORK_FACTOR: u8 = 22;

/// What a keystore holds. Cleared on drop.
pub(super) struct Secrets {
    pub(super) network: String,
    pub(super) signing_key: SecretKey,
    pub(super) nonce_seed: Seed,
    pub(super) log_key: Seed,
}

/// 32 secret bytes. Boxed, since whatever is moved leaves a copy where it was.
type Seed = Box<Zeroizing<[u8; 32]>>;

impl Drop for Secrets {
    fn drop(&mut self) {
        self.signing_key.non_secure_erase();
    }
}

/// The JSON inside the encryption; lives as long as one call.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
struct Plain {
    version: u32,
    network: String,
    signing_key: String,
    nonce_seed: String,
    log_key: String,
}

impl Secrets {
    /// Fresh secrets from the system's randomness.
    pub(super) fn generate(network: &str) -> Result<Self, SignerError> {
        let signing_key = loop {
            // Out of range with probability 2^-128.
            if let Ok(key) = SecretKey::from_secret_bytes(**random()?) {
                break key;
            }
        };
        Ok(Self {
            network: network.to_owned(),
            signing_key,
            nonce_seed: random()?,
            log_key: random()?,
        })
    }

    /// Encrypts to `path`, readable by its owner only, and refuses to replace
    /// anything there. `work_factor` is scrypt's log2 N.
    pub(super) fn write(
        &self,
        path: &Path,
        passphrase: SecretString,
        work_factor: u8,
    ) -> Result<(), SignerError> {
        let plain = Plain {
            version: VERSION,
            network: self.network.clone(),
            signing_key: hex::encode(self.signing_key.as_secret_bytes()),
            nonce_seed: hex::encode(self.nonce_seed.as_slice()),
            log_key: hex::encode(self.log_key.as_slice()),
        };
        let bad = |reason: String| SignerError::Keystore {
            path: path.to_owned(),
            reason,
        };
        // Large enough never to be moved, which would leave a copy behind.
        let mut json = Zeroizing::new(Vec::with_capacity(1024 + self.network.len()));
        serde_json::to_writer(&mut *json, &plain).map_err(|e| bad(e.to_string()))?;
        let mut recipient = scrypt::Recipient::new(passphrase);
        recipient.set_work_factor(work_factor.clamp(1, MAX_WORK_FACTOR));
        let sealed = age::encrypt(&recipient, &json).map_err(|e| bad(e.to_string()))?;
        write_new(path, &sealed)
    }

    /// Decrypts `path`.
    pub(super) fn read(path: &Path, passphrase: SecretString) -> Result<Self, SignerError> {
        let bad = |reason: &str| SignerError::Keystore {
            path: path.to_owned(),
            reason: reason.to_owned(),
        };
        let sealed = read_private(path)?;
        let mut identity = scrypt::Identity::new(passphrase);
        identity.set_max_work_factor(MAX_WORK_FACTOR);
        let json = age::decrypt(&identity, &sealed)
            .map(Zeroizing::new)
            .map_err(|e| bad(&e.to_string()))?;
        // serde's own message could quote what it found; it is dropped.
        let plain: Plain =
            serde_json::from_slice(&json).map_err(|_| bad("its contents are not a keystore's"))?;
        if plain.version != VERSION {
            return Err(bad("its version is unknown"));
        }
        let bytes = |field: &str, text: &str| -> Result<Seed, SignerError> {
            let mut bytes = Box::new(Zeroizing::new([0_u8; 32]));
            hex::decode_to_slice(text, bytes.as_mut_slice())
                .map_err(|_| bad(&format!("{field} is not 32 bytes in hex")))?;
            Ok(bytes)
        };
        Ok(Self {
            network: plain.network.clone(),
            signing_key: SecretKey::from_secret_bytes(**bytes("signing_key", &plain.signing_key)?)
                .map_err(|_| bad("signing_key is not a key"))?,
            nonce_seed: bytes("nonce_seed", &plain.nonce_seed)?,
            log_key: bytes("log_key", &plain.log_key)?,
        })
    }
}

/// The passphrase from `file`, or from the systemd credential `passphrase`
/// where no file is configured. One trailing newline is not part of it.
pub fn read_passphrase(file: Option<&Path>) -> Result<SecretString, SignerError> {
    passphrase_from(file, std::env::var_os("CREDENTIALS_DIRECTORY").as_deref())
}

pub(super) fn passphrase_from(
    file: Option<&Path>,
    credentials: Option<&OsStr>,
) -> Result<SecretString, SignerError> {
    let (path, bytes) = match (file, credentials) {
        (Some(file), _) => (file.to_owned(), read_private(file)?),
        (None, Some(directory)) => {
            let path = Path::new(directory).join("passphrase");
            // systemd guards the directory itself and may grant access by ACL,
            // which shows as group bits: no mode to check here.
            let bytes = fs::read(&path)
                .map(Zeroizing::new)
                .map_err(SignerError::io("read", &path))?;
            (path, bytes)
        }
        (None, None) => return Err(SignerError::NoPassphrase),
    };
    let line = bytes.strip_suffix(b"\n").unwrap_or(&bytes);
    match std::str::from_utf8(line) {
        Ok(text) if !text.is_empty() => Ok(SecretString::from(text)),
        _ => Err(SignerError::BadPassphrase { path }),
    }
}

fn random() -> Result<Seed, SignerError> {
    let mut bytes = Box::new(Zeroizing::new([0_u8; 32]));
    getrandom::fill(bytes.as_mut_slice()).map_err(SignerError::Random)?;
    Ok(bytes)
}

/// Reads a file that only its owner can read.
fn read_private(path: &Path) -> Result<Zeroizing<Vec<u8>>, SignerError> {
    let file = File::open(path).map_err(SignerError::io("open", path))?;
    let metadata = file.metadata().map_err(SignerError::io("read", path))?;
    let mode = metadata.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(SignerError::Permissions {
            path: path.to_owned(),
            mode,
        });
    }
    let capacity = usize::try_from(metadata.len().min(MAX_BYTES)).unwrap_or_default();
    let mut bytes = Zeroizing::new(Vec::with_capacity(capacity + 1));
    file.take(MAX_BYTES)
        .read_to_end(&mut bytes)
        .map_err(SignerError::io("read", path))?;
    Ok(bytes)
}

/// Writes a whole new file or none: a reader never sees a part of it, a crash
/// leaves at most the temporary one.
fn write_new(path: &Path, bytes: &[u8]) -> Result<(), SignerError> {
    let exists = || SignerError::Exists {
        path: path.to_owned(),
    };
    if fs::symlink_metadata(path).is_ok() {
        return Err(exists());
    }
    let mut name = path.as_os_str().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = PathBuf::from(name);
    let written = (|| {
        let mut file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        // A link, unlike a rename, never replaces.
        fs::hard_link(&temporary, path)
    })();
    let removed = fs::remove_file(&temporary);
    written.map_err(|source| match source.kind() {
        io::ErrorKind::AlreadyExists => exists(),
        _ => SignerError::io("create", path)(source),
    })?;
    removed
        .and_then(|()| sync_directory_of(path))
        .map_err(SignerError::io("sync", path))
}
