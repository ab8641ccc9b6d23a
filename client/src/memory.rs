//! What a reader remembers of an oracle from one run to the next: the largest
//! checkpoint of each log, so that a later one must continue it, and the attested
//! nonces, so that none is accepted in another announcement.
//!
//! Processes that share a file see each other's lines with the next question.
//!
//! In a file it is lines of text, added at the end and never changed:
//!
//! ```text
//! log <size> <root, hex> <identity>
//! attested <event digest, hex> <nonces, hex, with commas> <event id>
//! ```

use std::collections::HashMap;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use oracle_schema::nonces::{AttestedEvent, AttestedNonces};
use oracle_schema::tlog::{Checkpoint, NoteKey};
use oracle_schema::{Announcement, EventId};

use crate::Error;

/// Longest file that is read, bytes.
const MOST: u64 = 1024 * 1024 * 1024;

/// Shared by a client's clones. The same file may be used by several processes:
/// each adds whole lines.
#[derive(Debug, Clone, Default)]
pub struct Memory(Arc<Mutex<Inner>>);

#[derive(Debug, Default)]
struct Inner {
    /// By identity.
    heads: HashMap<String, Checkpoint>,
    nonces: AttestedNonces,
    file: Option<Kept>,
}

#[derive(Debug)]
struct Kept {
    path: PathBuf,
    file: File,
    /// So much of it is known, bytes.
    length: u64,
}

impl Kept {
    /// Keeps other processes from reading and writing.
    fn lock(&self) -> Result<Locked, Error> {
        let locked = self.file.try_clone().and_then(Locked::of);
        locked.map_err(|e| self.failed(e))
    }

    fn failed(&self, reason: impl std::fmt::Display) -> Error {
        Error::Memory {
            file: self.path.display().to_string(),
            reason: reason.to_string(),
        }
    }

    /// The whole lines that are not known yet, and the byte at which they begin.
    fn news(&mut self) -> Result<Option<(u64, String)>, Error> {
        let mut news = String::new();
        let read = (|| {
            let known = self.length;
            let now = self.file.metadata()?.len();
            if now == known {
                return Ok(());
            }
            if now < known {
                return Err(std::io::Error::other(
                    "it became shorter while it was in use",
                ));
            }
            if now > MOST {
                return Err(std::io::Error::other(format!("longer than {MOST} bytes")));
            }
            let mut file = &self.file;
            file.seek(SeekFrom::Start(known))?;
            file.take(now - known).read_to_string(&mut news)?;
            // A process that was killed while it wrote leaves part of a line.
            let whole = news.rfind('\n').map_or(0, |end| end + 1);
            self.length = known + whole as u64;
            if whole < news.len() {
                news.truncate(whole);
                self.file.set_len(self.length)?;
            }
            Ok(())
        })();
        let known = self.length - news.len() as u64;
        read.map_err(|e| self.failed(e))?;
        Ok((!news.is_empty()).then_some((known, news)))
    }

    /// Adds a whole line or nothing.
    fn add(&mut self, line: &str) -> Result<(), Error> {
        let mut writer = &self.file;
        let added = writer.write_all(line.as_bytes()).inspect_err(|_| {
            // Half a line would be refused at the next start.
            let _ = self.file.set_len(self.length);
        });
        added.map_err(|e| self.failed(e))?;
        self.length += line.len() as u64;
        Ok(())
    }
}

impl Memory {
    /// Reads the memory kept in a file, which is made if it does not exist.
    /// Fails with [`Error::Memory`] on a line that is none: a memory with a hole in
    /// it would accept what it should refuse.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let failed = |reason: String| Error::Memory {
            file: path.display().to_string(),
            reason,
        };
        let file = OpenOptions::new()
            .read(true)
            .append(true)
            .create(true)
            .open(path)
            .map_err(|e| failed(e.to_string()))?;
        let inner = Inner {
            file: Some(Kept {
                path: path.to_owned(),
                file,
                length: 0,
            }),
            ..Inner::default()
        };
        let memory = Self(Arc::new(Mutex::new(inner)));
        memory.with(|_| Ok(()))?;
        Ok(memory)
    }

    /// The largest checkpoint of a log that was proven so far.
    pub fn head(&self, identity: &NoteKey) -> Result<Option<Checkpoint>, Error> {
        self.with(|inner| Ok(inner.heads.get(&identity.to_string()).cloned()))
    }

    /// Remembers a checkpoint of a log, which was shown to continue `known`. False,
    /// and nothing is remembered, if another one was remembered meanwhile: nobody
    /// has shown yet how the two belong together.
    pub(crate) fn saw(
        &self,
        identity: &NoteKey,
        known: Option<&Checkpoint>,
        head: &Checkpoint,
    ) -> Result<bool, Error> {
        self.with(|inner| {
            let identity = identity.to_string();
            let now = inner.heads.get(&identity);
            if now == Some(head) {
                return Ok(true);
            }
            if now != known {
                return Ok(false);
            }
            let root = hex::encode(head.root);
            inner.add(&format!("log {} {root} {identity}\n", head.size))?;
            inner.heads.insert(identity, head.clone());
            Ok(true)
        })
    }

    /// Refuses an announcement with a nonce that was attested under in another.
    pub fn check(&self, announcement: &Announcement) -> Result<(), Error> {
        self.with(|inner| {
            let checked = inner.nonces.check(announcement);
            checked.map_err(|reused| Error::NonceReused {
                id: announcement.event.event_id.clone(),
                reused,
            })
        })
    }

    /// Remembers the nonces of an attested event.
    pub fn learn(&self, event: &AttestedEvent) -> Result<(), Error> {
        self.with(|inner| {
            if inner.nonces.knows(event) {
                return Ok(());
            }
            let nonces: Vec<String> = event.nonces.iter().map(hex::encode).collect();
            let (digest, nonces) = (hex::encode(event.digest), nonces.join(","));
            // An id may hold any character: a line feed would let the oracle write lines
            // of its own. What is compared is the digest; the name is for people.
            let name = event.event_id.as_str();
            let name = name.replace(char::is_control, "\u{fffd}");
            inner.add(&format!("attested {digest} {nonces} {name}\n"))?;
            inner.nonces.learn(event);
            Ok(())
        })
    }

    fn with<T>(&self, use_it: impl FnOnce(&mut Inner) -> Result<T, Error>) -> Result<T, Error> {
        // No code that holds the lock can leave it half changed.
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // Between what is read and what is added no other process writes.
        let locked = inner.file.as_ref().map(Kept::lock).transpose()?;
        inner.catch_up()?;
        let used = use_it(&mut inner);
        drop(locked);
        used
    }
}

impl Inner {
    /// Reads what other processes have added.
    fn catch_up(&mut self) -> Result<(), Error> {
        let Some(kept) = &mut self.file else {
            return Ok(());
        };
        let Some((begin, news)) = kept.news()? else {
            return Ok(());
        };
        let (mut at, mut broken) = (begin, None);
        for line in news.lines() {
            if let Err(why) = self.read(line) {
                broken = Some(why);
                break;
            }
            at += line.len() as u64 + 1;
        }
        match (broken, &mut self.file) {
            (Some(why), Some(kept)) => {
                // It stays unread, so that no later question passes over it.
                kept.length = at;
                Err(kept.failed(format!("at byte {at}: {why}")))
            }
            _ => Ok(()),
        }
    }

    fn add(&mut self, line: &str) -> Result<(), Error> {
        self.file.as_mut().map_or(Ok(()), |kept| kept.add(line))
    }

    fn read(&mut self, line: &str) -> Result<(), &'static str> {
        match self.parse(line) {
            None => Err("not a line of a memory"),
            Some(false) => Err("another log than an earlier line of the same identity and size"),
            Some(true) => Ok(()),
        }
    }

    /// False for what contradicts an earlier line.
    fn parse(&mut self, line: &str) -> Option<bool> {
        let (kind, rest) = line.split_once(' ')?;
        let mut parts = rest.splitn(3, ' ');
        let (first, second, name) = (parts.next()?, parts.next()?, parts.next()?);
        match kind {
            "log" => {
                let key: NoteKey = name.parse().ok()?;
                let head = Checkpoint {
                    origin: key.name().to_owned(),
                    size: first.parse().ok()?,
                    root: hash(second)?,
                };
                let known = self.heads.entry(name.to_owned()).or_insert(head.clone());
                if known.size == head.size && known.root != head.root {
                    return Some(false);
                }
                if known.size < head.size {
                    *known = head;
                }
            }
            "attested" => {
                self.nonces.learn(&AttestedEvent {
                    event_id: EventId::parse(name).ok()?,
                    digest: hash(first)?,
                    nonces: second.split(',').map(hash).collect::<Option<_>>()?,
                });
            }
            _ => return None,
        }
        Some(true)
    }
}

/// A lock on the file, against other processes, for as long as it lives.
struct Locked(File);

impl Locked {
    fn of(file: File) -> std::io::Result<Self> {
        file.lock()?;
        Ok(Self(file))
    }
}

impl Drop for Locked {
    fn drop(&mut self) {
        // It goes with the file at the latest.
        let _ = self.0.unlock();
    }
}

fn hash(text: &str) -> Option<[u8; 32]> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]

    use oracle_schema::nonces::AttestedEvent;
    use oracle_schema::tlog::Checkpoint;
    use oracle_schema::tlog::checkpoint::{Algorithm, NoteKey};

    use super::Memory;

    fn key() -> NoteKey {
        // The public key of RFC 8032's first test.
        let key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
        let mut bytes = [0; 32];
        hex::decode_to_slice(key, &mut bytes).unwrap();
        NoteKey::new("oracle.test/log", Algorithm::Ed25519, &bytes).unwrap()
    }

    fn head(size: u64) -> Checkpoint {
        Checkpoint {
            origin: "oracle.test/log".to_owned(),
            size,
            root: [u8::try_from(size).unwrap(); 32],
        }
    }

    #[test]
    fn the_largest_checkpoint_survives_the_process() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        let memory = Memory::open(&file).unwrap();
        assert!(memory.saw(&key(), None, &head(3)).unwrap());
        assert!(memory.saw(&key(), Some(&head(3)), &head(9)).unwrap());
        // Shown to continue what is no longer the last one.
        assert!(!memory.saw(&key(), Some(&head(3)), &head(11)).unwrap());
        let attested = AttestedEvent {
            event_id: "an event".parse().unwrap(),
            digest: [1; 32],
            nonces: vec![[2; 32], [3; 32]],
        };
        memory.learn(&attested).unwrap();
        let again = Memory::open(&file).unwrap();
        assert_eq!(again.head(&key()).unwrap(), Some(head(9)));
        again.learn(&attested).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 3, "nothing is written twice: {text}");
    }

    #[test]
    fn an_oracle_writes_no_lines_of_its_own_into_a_readers_memory() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        let forged = format!("x\nlog 99 {} {}", "00".repeat(32), key());
        let attested = AttestedEvent {
            event_id: forged.parse().unwrap(),
            digest: [1; 32],
            nonces: vec![[2; 32]],
        };
        Memory::open(&file).unwrap().learn(&attested).unwrap();
        let again = Memory::open(&file).unwrap();
        assert_eq!(again.head(&key()).unwrap(), None);
        let lines = std::fs::read_to_string(&file).unwrap();
        assert_eq!(lines.lines().count(), 1, "{lines}");
    }

    #[test]
    fn what_one_process_learns_another_knows_with_its_next_question() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        let [one, other] = [(); 2].map(|()| Memory::open(&file).unwrap());
        assert!(one.saw(&key(), None, &head(3)).unwrap());
        assert_eq!(other.head(&key()).unwrap(), Some(head(3)));
        // It was shown to continue nothing, and there is something to continue.
        assert!(!other.saw(&key(), None, &head(9)).unwrap());
        let attested = AttestedEvent {
            event_id: "an event".parse().unwrap(),
            digest: [1; 32],
            nonces: vec![[2; 32]],
        };
        other.learn(&attested).unwrap();
        one.learn(&attested).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text.lines().count(), 2, "nothing is written twice: {text}");
        std::fs::write(&file, "log 3\n").unwrap();
        let error = one.head(&key()).unwrap_err().to_string();
        assert!(error.contains("shorter"), "{error}");
    }

    #[test]
    fn a_memory_of_two_logs_under_one_identity_says_so() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        let line = |root: &str| format!("log 3 {} {}\n", root.repeat(32), key());
        std::fs::write(&file, line("00") + &line("11")).unwrap();
        let error = Memory::open(&file).unwrap_err().to_string();
        assert!(error.contains("another log"), "{error}");
    }

    #[test]
    fn a_memory_with_a_broken_line_is_refused_and_named() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("memory");
        let line = format!("log 3 {} {}\n", "00".repeat(32), key());
        std::fs::write(&file, format!("{line}log 4\n")).unwrap();
        let error = Memory::open(&file).unwrap_err().to_string();
        let begin = format!("at byte {}", line.len());
        assert!(error.contains(&begin), "{error}");
    }
}
