//! Checkpoints: a size and a root, signed by the log and by who watches it.
//!
//! Source: C2SP `tlog-checkpoint`, `signed-note`, `tlog-cosignature`.

use std::fmt::Write as _;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use super::Hash;

/// Longest note that is read, bytes.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;
/// What a signature line begins with: an em dash and a space.
const SIGNATURE: &str = "\u{2014} ";

/// What a checkpoint says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Whose log.
    pub origin: String,
    /// How many leaves.
    pub size: u64,
    /// Their Merkle root.
    pub root: Hash,
}

/// Why a text is no checkpoint, or proves nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Longer than [`MAX_NOTE_BYTES`].
    #[error("the note is {0} bytes long; at most {MAX_NOTE_BYTES} are read")]
    TooLong(usize),
    /// A control character other than a line feed.
    #[error("the note has a control character in it")]
    Control,
    /// Text, an empty line and signature lines, each ended by a line feed.
    #[error("the note has no signatures behind an empty line")]
    Form,
    /// A signature line that is not one.
    #[error("signature line {0} is not `\u{2014} name base64`")]
    SignatureLine(usize),
    /// Fewer than three lines, or lines a checkpoint does not have.
    #[error("the note's text is not origin, size and root")]
    Text,
    /// The second line.
    #[error("size: not a decimal number without leading zeros below 2^63")]
    Size,
    /// The third line.
    #[error("root: not the base64 of 32 bytes")]
    Root,
    /// The checkpoint of another log.
    #[error("the checkpoint is of {0:?}")]
    Origin(String),
    /// No signature by this key.
    #[error("no signature by {0}")]
    Unsigned(String),
    /// A signature by this key that does not verify.
    #[error("the signature by {0} does not verify")]
    BadSignature(String),
}

impl Checkpoint {
    /// The text that is signed: origin, size and root, each on its line.
    pub fn text(&self) -> String {
        let root = STANDARD.encode(self.root);
        format!("{}\n{}\n{root}\n", self.origin, self.size)
    }

    /// Reads [`Self::text`]. Extension lines are refused: nobody audits them.
    fn from_text(text: &str) -> Result<Self, NoteError> {
        let mut lines = text.strip_suffix('\n').ok_or(NoteError::Text)?.split('\n');
        let (Some(origin), Some(size), Some(root), None) =
            (lines.next(), lines.next(), lines.next(), lines.next())
        else {
            return Err(NoteError::Text);
        };
        if origin.is_empty() {
            return Err(NoteError::Text);
        }
        let parsed: u64 = size.parse().map_err(|_| NoteError::Size)?;
        if parsed.to_string() != size || parsed >> 63 != 0 {
            return Err(NoteError::Size);
        }
        let root = STANDARD.decode(root).map_err(|_| NoteError::Root)?;
        Ok(Self {
            origin: origin.to_owned(),
            size: parsed,
            root: root.try_into().map_err(|_| NoteError::Root)?,
        })
    }
}

/// How a key signs notes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Algorithm {
    /// Ed25519 over the text: logs.
    Ed25519,
    /// Ed25519 over the time and the text: witnesses (`cosignature/v1`).
    Cosignature,
}

impl Algorithm {
    const fn byte(self) -> u8 {
        match self {
            Self::Ed25519 => 1,
            Self::Cosignature => 4,
        }
    }
}

/// A key that signs notes, under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NoteKey {
    name: String,
    algorithm: Algorithm,
    key: VerifyingKey,
}

/// Not a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Empty, or with a space, a plus or a control character in it.
    #[error("name: must not be empty, nor hold spaces or plus signs")]
    Name,
    /// Not a point, or a weak one.
    #[error("key: not an Ed25519 public key")]
    Key,
    /// Not `name+id+base64`.
    #[error("not a verifier key: name, key id and base64, joined by plus signs")]
    Form,
    /// The id is not that of the key.
    #[error("the key id is not that of this name and key")]
    Id,
}

impl NoteKey {
    /// A key with its name.
    pub fn new(name: &str, algorithm: Algorithm, key: &[u8; 32]) -> Result<Self, KeyError> {
        let is_bad = |c: char| c.is_whitespace() || c.is_control() || c == '+';
        if name.is_empty() || name.contains(is_bad) {
            return Err(KeyError::Name);
        }
        let key = VerifyingKey::from_bytes(key).map_err(|_| KeyError::Key)?;
        if key.is_weak() {
            return Err(KeyError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            algorithm,
            key,
        })
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How it signs.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The 32 bytes.
    pub fn public_key(&self) -> [u8; 32] {
        self.key.to_bytes()
    }

    /// First four bytes of `SHA-256(name ‖ 0x0a ‖ algorithm ‖ key)`.
    pub fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new_with_prefix(self.name.as_bytes());
        hash.update([b'\n', self.algorithm.byte()]);
        hash.update(self.key.as_bytes());
        let [a, b, c, d, ..]: [u8; 32] = hash.finalize().into();
        [a, b, c, d]
    }
}

/// A verifier key in the form of signed notes: `name+id+base64`.
impl std::fmt::Display for NoteKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut key = vec![self.algorithm.byte()];
        key.extend_from_slice(self.key.as_bytes());
        let id = hex::encode(self.id());
        write!(f, "{}+{id}+{}", self.name, STANDARD.encode(key))
    }
}

impl FromStr for NoteKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        // base64 has plus signs too: the first two are the separators.
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        let key = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (algorithm, key) = key.split_first().ok_or(KeyError::Form)?;
        let algorithm = match algorithm {
            1 => Algorithm::Ed25519,
            4 => Algorithm::Cosignature,
            _ => return Err(KeyError::Form),
        };
        let key = Self::new(name, algorithm, key.try_into().map_err(|_| KeyError::Key)?)?;
        if hex::encode(key.id()) == id {
            Ok(key)
        } else {
            Err(KeyError::Id)
        }
    }
}

/// The text that a witness signs: the time of the cosignature before the
/// checkpoint's.
pub fn cosigned_text(time_s: u64, text: &str) -> String {
    format!("cosignature/v1\ntime {time_s}\n{text}")
}

/// A checkpoint with signature lines; what they are worth says
/// [`Self::verify`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    checkpoint: Checkpoint,
    signatures: Vec<Line>,
}

/// One signature line.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    name: String,
    id: [u8; 4],
    signature: Vec<u8>,
}

impl Note {
    /// Reads a signed checkpoint.
    pub fn parse(note: &str) -> Result<Self, NoteError> {
        if note.len() > MAX_NOTE_BYTES {
            return Err(NoteError::TooLong(note.len()));
        }
        if note.chars().any(|c| c < ' ' && c != '\n') {
            return Err(NoteError::Control);
        }
        let (text, lines) = note.rsplit_once("\n\n").ok_or(NoteError::Form)?;
        let mut signatures = Vec::new();
        let lines = lines.strip_suffix('\n').ok_or(NoteError::Form)?;
        for (n, line) in lines.split('\n').enumerate() {
            signatures.push(Line::parse(line).ok_or(NoteError::SignatureLine(n + 1))?);
        }
        Ok(Self {
            checkpoint: Checkpoint::from_text(&format!("{text}\n"))?,
            signatures,
        })
    }

    /// A checkpoint with its log's signature.
    pub fn signed(checkpoint: Checkpoint, key: &NoteKey, signature: &[u8; 64]) -> Self {
        let line = Line {
            name: key.name.clone(),
            id: key.id(),
            signature: signature.to_vec(),
        };
        Self {
            checkpoint,
            signatures: vec![line],
        }
    }

    /// What it says, whoever signed it.
    pub fn checkpoint(&self) -> &Checkpoint {
        &self.checkpoint
    }

    /// What it says, if `key` signed it: a log's own signature, and the origin
    /// is the key's name.
    pub fn verify(&self, key: &NoteKey) -> Result<&Checkpoint, NoteError> {
        if self.checkpoint.origin != key.name {
            return Err(NoteError::Origin(self.checkpoint.origin.clone()));
        }
        self.signed_by(key).map(|_| &self.checkpoint)
    }

    /// The time of a witness's cosignature, Unix seconds; for a log's own
    /// signature, which has none, zero.
    ///
    /// A line of this key that does not verify refuses the note, whatever other
    /// lines of the key say.
    pub fn signed_by(&self, key: &NoteKey) -> Result<u64, NoteError> {
        self.found(key).map(|(time_s, _)| time_s)
    }

    /// The line that [`Self::signed_by`] finds, with its line feed: what is kept
    /// of a witness's answer.
    pub fn line_of(&self, key: &NoteKey) -> Result<String, NoteError> {
        self.found(key).map(|(_, line)| line.to_string())
    }

    /// Of several lines of a key the latest counts.
    fn found(&self, key: &NoteKey) -> Result<(u64, &Line), NoteError> {
        let bad = || NoteError::BadSignature(key.name.clone());
        let mut found: Option<(u64, &Line)> = None;
        for line in &self.signatures {
            if line.name == key.name && line.id == key.id() {
                let time_s = line.verify(key, &self.checkpoint.text()).ok_or_else(bad)?;
                if found.is_none_or(|(latest, _)| latest < time_s) {
                    found = Some((time_s, line));
                }
            }
        }
        found.ok_or_else(|| NoteError::Unsigned(key.name.clone()))
    }

    /// Adds signature lines; lines it has already are not repeated.
    pub fn add(&mut self, lines: &str) -> Result<(), NoteError> {
        for (n, line) in lines.lines().enumerate() {
            let line = Line::parse(line).ok_or(NoteError::SignatureLine(n + 1))?;
            if !self.signatures.contains(&line) {
                self.signatures.push(line);
            }
        }
        Ok(())
    }

    /// The note as served.
    pub fn to_text(&self) -> String {
        let mut text = self.checkpoint.text();
        text.push('\n');
        for line in &self.signatures {
            // Writing into a String does not fail.
            let _ = write!(text, "{line}");
        }
        text
    }
}

/// With its line feed.
impl std::fmt::Display for Line {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut bytes = self.id.to_vec();
        bytes.extend_from_slice(&self.signature);
        writeln!(f, "{SIGNATURE}{} {}", self.name, STANDARD.encode(bytes))
    }
}

impl Line {
    fn parse(line: &str) -> Option<Self> {
        let (name, signature) = line.strip_prefix(SIGNATURE)?.split_once(' ')?;
        let is_bad = |c: char| c.is_whitespace() || c == '+';
        let bytes = STANDARD.decode(signature).ok()?;
        let (id, signature) = bytes.split_first_chunk::<4>()?;
        if name.is_empty() || name.contains(is_bad) || signature.is_empty() {
            return None;
        }
        Some(Self {
            name: name.to_owned(),
            id: *id,
            signature: signature.to_vec(),
        })
    }

    fn verify(&self, key: &NoteKey, text: &str) -> Option<u64> {
        let (time, signature, text) = match key.algorithm {
            Algorithm::Ed25519 => (0, self.signature.as_slice(), text.to_owned()),
            Algorithm::Cosignature => {
                let (time, signature) = self.signature.split_first_chunk::<8>()?;
                let time = u64::from_be_bytes(*time);
                (time, signature, cosigned_text(time, text))
            }
        };
        let signature = Signature::from_slice(signature).ok()?;
        // Strict: no other bytes pass as the same signature.
        key.key.verify_strict(text.as_bytes(), &signature).ok()?;
        Some(time)
    }
}
