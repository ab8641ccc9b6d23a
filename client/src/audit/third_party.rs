//! Other people's messages against the log: what the oracle signed for them and
//! did not log, or logged otherwise.

use std::collections::HashMap;
use std::io::{self, Read as _};
use std::path::Path;

use oracle_schema::codec::Layout;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::verify::verify_announcement;
use oracle_schema::{Announcement, Attestation, EventId};
use secp256k1::XOnlyPublicKey;

use super::index::{Family, IndexReader, Kind, Mention, event_key};
use super::report::{Finding, Report, Subject};
use super::spool::SpoolReader;
use crate::equivocation::{is_valid, nonce};

/// Longest file read, bytes; the largest possible message in hex fits.
const LONGEST: u64 = 32 * 1024 * 1024;

/// What the log says about one nonce.
struct Logged {
    announced: u64,
    /// The entry and text that it signs, and the attestation as hex.
    attested: Option<(u64, String, String)>,
}

struct ThirdParty<'a> {
    key: XOnlyPublicKey,
    index: &'a IndexReader,
    entries: SpoolReader,
    report: &'a mut Report,
    /// Messages signed, with their files, by nonce.
    seen: HashMap<[u8; 32], (String, String)>,
}

/// Compares every file in `dir` with the log.
pub(super) fn check(
    dir: &Path,
    key: XOnlyPublicKey,
    index: &IndexReader,
    entries: SpoolReader,
    report: &mut Report,
) -> io::Result<()> {
    let mut names = Vec::new();
    for file in std::fs::read_dir(dir)? {
        let file = file?;
        if file.file_type()?.is_file() {
            names.push(file.file_name());
        }
    }
    names.sort();
    let mut compared = ThirdParty {
        key,
        index,
        entries,
        report,
        seen: HashMap::new(),
    };
    for name in names {
        let mut bytes = Vec::new();
        let file = std::fs::File::open(dir.join(&name))?;
        file.take(LONGEST).read_to_end(&mut bytes)?;
        compared.file(&name.to_string_lossy(), &bytes)?;
    }
    Ok(())
}

impl ThirdParty<'_> {
    fn file(&mut self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if let Ok(attestation) = Attestation::from_any(bytes) {
            return self.attestation(name, &attestation);
        }
        if let Ok(announcement) = Announcement::from_any(bytes) {
            return self.announcement(name, announcement);
        }
        self.note(name, "is neither an announcement nor an attestation");
        Ok(())
    }

    fn note(&mut self, name: &str, why: &str) {
        self.report
            .notes
            .push(format!("file {name}: ignored: {why}"));
    }

    fn wrong(&mut self, name: &str, why: impl std::fmt::Display) {
        let subject = Subject::File(name.to_owned());
        self.report.violations.add(Finding::new(subject, why));
    }

    fn announcement(&mut self, name: &str, announcement: Announcement) -> io::Result<()> {
        if announcement.oracle_public_key != self.key {
            self.note(name, "is by another oracle");
            return Ok(());
        }
        let Ok(announcement) = verify_announcement(announcement) else {
            self.note(name, "is not valid, so it is not the oracle's");
            return Ok(());
        };
        self.report.totals.third_party += 1;
        let id = &announcement.event.event_id;
        match self.logged_announcement(id)? {
            Some((_, logged)) if logged == *announcement => {}
            Some((at, _)) => {
                self.wrong(name, format!("announces {id} otherwise than entry {at}"));
            }
            None => self.wrong(name, format!("announces {id}, which the log does not")),
        }
        Ok(())
    }

    fn attestation(&mut self, name: &str, attestation: &Attestation) -> io::Result<()> {
        if attestation.oracle_public_key != self.key {
            self.note(name, "is by another oracle");
            return Ok(());
        }
        let pairs = attestation.signatures.iter().zip(&attestation.outcomes);
        let valid: Vec<_> = pairs
            .filter(|(signature, text)| is_valid(signature, text, &self.key))
            .map(|(signature, text)| (nonce(signature), text.as_str()))
            .collect();
        if valid.is_empty() {
            self.note(
                name,
                "no signature in it is valid, so it is not the oracle's",
            );
            return Ok(());
        }
        self.report.totals.third_party += 1;
        for (nonce, text) in valid {
            // One finding a file says enough.
            if self.signed(name, nonce, text)? {
                break;
            }
        }
        Ok(())
    }

    /// Something the oracle signed. Whether it is wrong.
    fn signed(&mut self, name: &str, nonce: [u8; 32], text: &str) -> io::Result<bool> {
        let mine = (text.to_owned(), name.to_owned());
        let (other_text, other) = self.seen.entry(nonce).or_insert(mine).clone();
        if other_text != text {
            self.wrong(
                name,
                equivocation(text, &format!("file {other}"), &other_text),
            );
            let hint = format!("the key follows: oracle prove-equivocation {name} {other}");
            self.report.notes.push(hint);
            return Ok(true);
        }
        let Some(logged) = self.logged(&nonce)? else {
            let why = format!("signs {text:?} under a nonce that the log never announced");
            self.wrong(name, why);
            return Ok(true);
        };
        match logged.attested {
            Some((_, logged, _)) if logged == text => Ok(false),
            Some((at, logged, hex)) => {
                self.wrong(name, equivocation(text, &format!("entry {at}"), &logged));
                let hint = format!("the key follows: oracle prove-equivocation {name} {hex}");
                self.report.notes.push(hint);
                Ok(true)
            }
            None => {
                let at = logged.announced;
                let why = format!("attests the event of entry {at}, which the log does not");
                self.wrong(name, why);
                Ok(true)
            }
        }
    }

    /// What the log signed under a nonce.
    fn logged(&mut self, nonce: &[u8; 32]) -> io::Result<Option<Logged>> {
        let announced = self.index.of(Family::Nonces, nonce)?;
        let Some(announced) = announced.first().map(|mention| mention.position) else {
            return Ok(None);
        };
        let LogEntry::Announcement { announcement, .. } = self.entry(announced)? else {
            return Ok(None);
        };
        let id = &announcement.event.event_id;
        let mut attested = None;
        for mention in self
            .mentions_of(id)?
            .iter()
            .filter(|f| f.kind == Kind::Attested)
        {
            if let LogEntry::Attestation { attestation, .. } = self.entry(mention.position)? {
                let pairs = attestation.signatures.iter().zip(&attestation.outcomes);
                let mut pairs = pairs.filter(|(s, _)| self::nonce(s) == *nonce);
                let text = pairs.next().map(|(_, text)| text.clone());
                let hex = hex::encode(attestation.to_tlv(Layout::Spec));
                attested = attested.or(text.map(|text| (mention.position, text, hex)));
            }
        }
        Ok(Some(Logged {
            announced,
            attested,
        }))
    }

    fn logged_announcement(&mut self, id: &EventId) -> io::Result<Option<(u64, Announcement)>> {
        let mentions = self.mentions_of(id)?;
        let Some(mention) = mentions
            .iter()
            .find(|mention| mention.kind == Kind::Announced)
        else {
            return Ok(None);
        };
        Ok(match self.entry(mention.position)? {
            LogEntry::Announcement { announcement, .. } => Some((mention.position, announcement)),
            _ => None,
        })
    }

    fn mentions_of(&self, id: &EventId) -> io::Result<Vec<Mention>> {
        self.index.of(Family::Events, &event_key(id))
    }

    fn entry(&mut self, position: u64) -> io::Result<LogEntry> {
        LogEntry::from_bytes(&self.entries.entry(position)?).map_err(io::Error::other)
    }
}

fn equivocation(text: &str, whose: &str, other: &str) -> String {
    format!("signs {text:?} where {whose} signs {other:?} under the same nonce: equivocation")
}
