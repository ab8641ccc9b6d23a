//! Whose signatures make a checkpoint believable: logs, witnesses and the quorum
//! of them, as a text file.
//!
//! Source: C2SP `tlog-policy`. Keys are Ed25519; names are octets and mean nothing
//! outside of the file.

use std::collections::HashMap;

use super::Note;
use super::checkpoint::{Algorithm, KeyError, NoteError, NoteKey};

/// Longest policy that is read, bytes.
pub const MAX_POLICY_BYTES: usize = 64 * 1024;
/// The quorum that asks for nobody.
const NONE: &[u8] = b"none";

/// Which checkpoints are valid: signed by one of the logs and cosigned by a
/// quorum of the witnesses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    /// A group's members come before it.
    groups: Vec<Group>,
    quorum: Quorum,
}

/// A log whose checkpoints are accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// Its name is the origin.
    pub key: NoteKey,
    /// What it means is up to the reader of the policy.
    pub url: Option<String>,
}

/// Who cosigns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// In this file; octets that are not UTF-8 are replaced.
    pub name: String,
    /// The key of its cosignatures.
    pub key: NoteKey,
    /// Where checkpoints are submitted: C2SP `tlog-witness`' submission prefix.
    pub url: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Group {
    threshold: usize,
    members: Vec<Member>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Quorum {
    /// No cosignature is needed.
    Nobody,
    Member(Member),
}

/// By its place in the list of its kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Member {
    Witness(usize),
    Group(usize),
}

/// Why a text is no policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {fault}")]
pub struct PolicyError {
    /// Where, counted from 1.
    pub line: usize,
    /// What.
    pub fault: PolicyFault,
}

/// What is wrong with a line of a policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PolicyFault {
    /// Longer than [`MAX_POLICY_BYTES`].
    #[error("the policy is longer than {MAX_POLICY_BYTES} bytes")]
    TooLong,
    /// A control character other than tab and line feed.
    #[error("a control character")]
    Control,
    /// Not `log`, `witness`, `group` or `quorum`.
    #[error("must begin with log, witness, group, quorum or #")]
    Keyword,
    /// Too few or too many words.
    #[error("too few or too many words for what it begins with")]
    Words,
    /// A verifier key that is none.
    #[error("key: {0}")]
    Key(KeyError),
    /// A witness's key for a log or the other way round.
    #[error("key: a log's is of type 1, a witness's of type 4 (Ed25519)")]
    Algorithm,
    /// A URL that is not UTF-8.
    #[error("the URL is not UTF-8")]
    Url,
    /// A public key that another line of the same kind has.
    #[error("another line has this public key")]
    DuplicateKey,
    /// A name that is defined already, or `none`.
    #[error("the name is taken")]
    NameTaken,
    /// A name that no line before defines.
    #[error("no line before this defines the name")]
    UnknownName,
    /// A name that is a member of a group already.
    #[error("a name is a member of one group at most, and once")]
    MemberTwice,
    /// Not `all`, `any` or a number from 1 to that of the members.
    #[error("how many of a group is all, any, or a number from 1 to that of its members")]
    Threshold,
    /// A second quorum line.
    #[error("a second quorum")]
    SecondQuorum,
    /// No quorum line; the line is the one after the last.
    #[error("no quorum")]
    NoQuorum,
}

/// Why a checkpoint is not valid by a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotValid {
    /// A signature by a known key that does not verify.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// None of the policy's logs signed it.
    #[error("signed by none of the policy's logs")]
    Log,
    /// Too few witnesses cosigned it.
    #[error("the cosignatures do not meet the quorum; there are those of: {}", there(.0))]
    Quorum(
        /// The names of those who did.
        Vec<String>,
    ),
}

fn there(names: &[String]) -> String {
    if names.is_empty() {
        "nobody".to_owned()
    } else {
        names.join(", ")
    }
}

/// A cosignature that verifies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cosigned<'a> {
    /// By whom.
    pub witness: &'a Witness,
    /// When, as the witness says: Unix seconds.
    pub time_s: u64,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(text: &[u8]) -> Result<Self, PolicyError> {
        let fail = |line, fault| PolicyError { line, fault };
        if text.len() > MAX_POLICY_BYTES {
            return Err(fail(1, PolicyFault::TooLong));
        }
        let mut reading = Reading::default();
        let mut lines = 0;
        for (n, line) in text.split(|byte| *byte == b'\n').enumerate() {
            lines = n + 1;
            reading.line(line).map_err(|fault| fail(lines, fault))?;
        }
        let quorum = reading
            .quorum
            .ok_or_else(|| fail(lines, PolicyFault::NoQuorum))?;
        Ok(Self {
            logs: reading.logs,
            witnesses: reading.witnesses,
            groups: reading.groups,
            quorum,
        })
    }

    /// The logs, in the file's order. None: the reader knows the log from
    /// elsewhere.
    pub fn logs(&self) -> &[Log] {
        &self.logs
    }

    /// The witnesses, in the file's order.
    pub fn witnesses(&self) -> &[Witness] {
        &self.witnesses
    }

    /// Whether the witnesses for whom `has_cosigned` holds are a quorum.
    pub fn is_met_by(&self, has_cosigned: impl Fn(&Witness) -> bool) -> bool {
        let cosigned: Vec<bool> = self.witnesses.iter().map(has_cosigned).collect();
        let mut groups: Vec<bool> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            let counts = |member: &&Member| holds(**member, &cosigned, &groups);
            let count = group.members.iter().filter(counts).count();
            groups.push(count >= group.threshold);
        }
        match self.quorum {
            Quorum::Nobody => true,
            Quorum::Member(member) => holds(member, &cosigned, &groups),
        }
    }

    /// The witnesses that cosigned a checkpoint. Lines of unknown keys are
    /// passed over; one of a known key that does not verify refuses the note.
    pub fn cosigned(&self, note: &Note) -> Result<Vec<Cosigned<'_>>, NoteError> {
        let mut all = Vec::new();
        for witness in &self.witnesses {
            match note.signed_by(&witness.key) {
                Ok(time_s) => all.push(Cosigned { witness, time_s }),
                Err(NoteError::Unsigned(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(all)
    }

    /// Checks a checkpoint: that one of the logs signed it, where the policy
    /// names any (otherwise the caller checks that), and a quorum of the
    /// witnesses. Answers who of them did.
    pub fn check(&self, note: &Note) -> Result<Vec<Cosigned<'_>>, NotValid> {
        let mut is_signed = self.logs.is_empty();
        for log in &self.logs {
            match note.verify(&log.key) {
                Ok(_) => is_signed = true,
                Err(NoteError::Origin(_) | NoteError::Unsigned(_)) => {}
                Err(error) => return Err(error.into()),
            }
        }
        if !is_signed {
            return Err(NotValid::Log);
        }
        let all = self.cosigned(note)?;
        if self.is_met_by(|witness| all.iter().any(|c| c.witness.key == witness.key)) {
            return Ok(all);
        }
        let names = all.into_iter().map(|c| c.witness.name.clone());
        Err(NotValid::Quorum(names.collect()))
    }
}

fn holds(member: Member, witnesses: &[bool], groups: &[bool]) -> bool {
    let (list, index) = match member {
        Member::Witness(index) => (witnesses, index),
        Member::Group(index) => (groups, index),
    };
    list.get(index).copied().unwrap_or_default()
}

/// What the lines so far say.
#[derive(Default)]
struct Reading<'a> {
    logs: Vec<Log>,
    witnesses: Vec<Witness>,
    groups: Vec<Group>,
    /// Each with whether a group has it as a member.
    names: HashMap<&'a [u8], (Member, bool)>,
    quorum: Option<Quorum>,
}

impl<'a> Reading<'a> {
    fn line(&mut self, line: &'a [u8]) -> Result<(), PolicyFault> {
        let is_control = |byte: &u8| (*byte < b' ' && *byte != b'\t') || *byte == 0x7f;
        if line.iter().any(is_control) {
            return Err(PolicyFault::Control);
        }
        let words: Vec<&[u8]> = line
            .split(|byte| matches!(byte, b' ' | b'\t'))
            .filter(|word| !word.is_empty())
            .collect();
        match *words.as_slice() {
            [] => Ok(()),
            [first, ..] if first.starts_with(b"#") => Ok(()),
            [b"log", key] => self.log(key, None),
            [b"log", key, url] => self.log(key, Some(url)),
            [b"witness", name, key] => self.witness(name, key, None),
            [b"witness", name, key, url] => self.witness(name, key, Some(url)),
            [b"group", name, threshold, first, ref rest @ ..] => {
                self.group(name, threshold, std::iter::once(&first).chain(rest))
            }
            [b"quorum", name] => self.quorum(name),
            [b"log" | b"witness" | b"group" | b"quorum", ..] => Err(PolicyFault::Words),
            _ => Err(PolicyFault::Keyword),
        }
    }

    fn log(&mut self, key: &[u8], url: Option<&[u8]>) -> Result<(), PolicyFault> {
        let key = read_key(key, Algorithm::Ed25519)?;
        let same = |log: &Log| log.key.public_key() == key.public_key();
        if self.logs.iter().any(same) {
            return Err(PolicyFault::DuplicateKey);
        }
        let url = url.map(read_url).transpose()?;
        self.logs.push(Log { key, url });
        Ok(())
    }

    fn witness(
        &mut self,
        name: &'a [u8],
        key: &[u8],
        url: Option<&[u8]>,
    ) -> Result<(), PolicyFault> {
        let key = read_key(key, Algorithm::Cosignature)?;
        let same = |witness: &Witness| witness.key.public_key() == key.public_key();
        if self.witnesses.iter().any(same) {
            return Err(PolicyFault::DuplicateKey);
        }
        self.define(name, Member::Witness(self.witnesses.len()))?;
        self.witnesses.push(Witness {
            name: String::from_utf8_lossy(name).into_owned(),
            key,
            url: url.map(read_url).transpose()?,
        });
        Ok(())
    }

    fn group<'w>(
        &mut self,
        name: &'a [u8],
        threshold: &[u8],
        words: impl Iterator<Item = &'w &'a [u8]>,
    ) -> Result<(), PolicyFault>
    where
        'a: 'w,
    {
        let mut members = Vec::new();
        for word in words {
            let (member, is_taken) = self.names.get_mut(word).ok_or(PolicyFault::UnknownName)?;
            if std::mem::replace(is_taken, true) {
                return Err(PolicyFault::MemberTwice);
            }
            members.push(*member);
        }
        let threshold = match threshold {
            b"all" => members.len(),
            b"any" => 1,
            number => read_number(number)
                .filter(|k| (1..=members.len()).contains(k))
                .ok_or(PolicyFault::Threshold)?,
        };
        self.define(name, Member::Group(self.groups.len()))?;
        self.groups.push(Group { threshold, members });
        Ok(())
    }

    fn quorum(&mut self, name: &[u8]) -> Result<(), PolicyFault> {
        if self.quorum.is_some() {
            return Err(PolicyFault::SecondQuorum);
        }
        self.quorum = Some(if name == NONE {
            Quorum::Nobody
        } else {
            let (member, _) = self.names.get(name).ok_or(PolicyFault::UnknownName)?;
            Quorum::Member(*member)
        });
        Ok(())
    }

    fn define(&mut self, name: &'a [u8], member: Member) -> Result<(), PolicyFault> {
        if name == NONE || self.names.insert(name, (member, false)).is_some() {
            return Err(PolicyFault::NameTaken);
        }
        Ok(())
    }
}

fn read_key(word: &[u8], algorithm: Algorithm) -> Result<NoteKey, PolicyFault> {
    let text = std::str::from_utf8(word).map_err(|_| PolicyFault::Key(KeyError::Form))?;
    let key: NoteKey = text.parse().map_err(PolicyFault::Key)?;
    if key.algorithm() == algorithm {
        Ok(key)
    } else {
        Err(PolicyFault::Algorithm)
    }
}

fn read_url(word: &[u8]) -> Result<String, PolicyFault> {
    let text = std::str::from_utf8(word).map_err(|_| PolicyFault::Url)?;
    Ok(text.to_owned())
}

/// A decimal number: digits alone.
fn read_number(word: &[u8]) -> Option<usize> {
    if !word.iter().all(u8::is_ascii_digit) {
        return None;
    }
    std::str::from_utf8(word).ok()?.parse().ok()
}
