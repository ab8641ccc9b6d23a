//! The oracle's log, kept in a directory by hours: whoever has it looks events up
//! without telling the oracle, or anybody on the way, which.
//!
//! The directory has `mirror.json`, which says of which log it is, and one file an
//! hour in `hours/`, as the server gave it. All of it is verified anew when the
//! mirror is opened, so a directory that was copied from elsewhere proves as much as
//! one that was fetched.

mod disk;
mod index;
mod last;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use oracle_schema::EventId;
use oracle_schema::hour::begin_of;
use oracle_schema::tlog::{Checkpoint, NoteKey};
use serde::{Deserialize, Serialize};

use self::disk::{failed, file_of, hours_in, lock, put, read_file};
use self::index::Index;
pub use self::index::MirroredEvent;
use self::last::Last;
use crate::attested::Attested;
use crate::hours::{HourOfLog, next_of};
use crate::proof::ended;
use crate::{Client, Error};

/// What [`About::format`] says.
const FORMAT: &str = "peercoin-dlc-oracle/mirror/v1";
const ABOUT: &str = "mirror.json";
const HOURS: &str = "hours";
/// Hours before the log's first checkpoint that are passed over: a year of them.
const MOST_BEFORE: usize = 366 * 24;

/// `mirror.json`.
#[derive(Serialize, Deserialize)]
struct About {
    format: String,
    /// Of which log it is.
    identity: String,
}

/// A local copy of an oracle's log, kept by hours.
///
/// ```no_run
/// use oracle_client::{Client, Error, Mirror, Options};
///
/// # async fn demo(options: Options, id: oracle_client::EventId) -> Result<(), Error> {
/// let client = Client::with_options("https://oracle.example/", options)?;
/// let mut mirror = Mirror::open("mirror".as_ref(), &client.identity().await?)?;
/// mirror.sync(&client, None).await?;
/// match mirror.attestation(&id) {
///     Ok(attested) => println!("it is {}", attested.outcome_text()),
///     Err(error) if error.is_not_yet() => println!("not yet"),
///     Err(error) => return Err(error),
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Mirror {
    dir: PathBuf,
    identity: NoteKey,
    /// Held from the first sync on, so that two processes never write at once. Reading
    /// needs none: files are replaced whole.
    lock: Option<File>,
    /// The first hour, and the tree that it goes on from.
    begin: Option<String>,
    last: Option<Last>,
    index: Index,
}

/// One hour that a mirror got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Its name.
    pub hour: String,
    /// How many entries it has that the mirror had not.
    pub entries: usize,
    /// Entries of the log at its end.
    pub size: u64,
    /// Whether it is over; if not, it is asked for again by the next sync.
    pub complete: bool,
}

/// What a sync has brought.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Synced {
    /// Hours that were fetched.
    pub hours: usize,
    /// Entries that the mirror had not.
    pub entries: usize,
}

impl Mirror {
    /// Opens the mirror in a directory, which is made if it does not exist, and
    /// verifies every hour in it.
    ///
    /// Fails with [`Error::Mirror`] if it is of another log or an hour is missing, and
    /// with [`Error::Hour`] if one proves nothing.
    pub fn open(dir: &Path, identity: &NoteKey) -> Result<Self, Error> {
        let hours = dir.join(HOURS);
        std::fs::create_dir_all(&hours).map_err(|e| failed(&hours, e))?;
        match Self::identity_of(dir)? {
            Some(kept) if kept != *identity => {
                return Err(failed(
                    dir,
                    format!("it is of the log {kept}, not of {identity}"),
                ));
            }
            Some(_) => {}
            None => {
                let about = About {
                    format: FORMAT.to_owned(),
                    identity: identity.to_string(),
                };
                let about = serde_json::to_vec_pretty(&about);
                let about = about.map_err(|e| failed(dir, e))?;
                put(dir, ABOUT, &about)?;
            }
        }
        let mut mirror = Self {
            dir: dir.to_owned(),
            identity: identity.clone(),
            lock: None,
            begin: None,
            last: None,
            index: Index::default(),
        };
        mirror.read()?;
        Ok(mirror)
    }

    /// The identity of the log that a directory says to mirror: of use to who has none,
    /// and no proof of anything. `None` if there is no mirror.
    pub fn identity_of(dir: &Path) -> Result<Option<NoteKey>, Error> {
        let file = dir.join(ABOUT);
        let bytes = match std::fs::read(&file) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(|e| failed(&file, e))?,
        };
        let about: About = serde_json::from_slice(&bytes).map_err(|e| failed(&file, e))?;
        if about.format != FORMAT {
            let why = format!("format is {:?}; this build reads {FORMAT:?}", about.format);
            return Err(failed(&file, why));
        }
        let identity = about.identity.parse();
        identity.map(Some).map_err(|e| failed(&file, e))
    }

    /// The hours that are there, each verified and going on from the one before.
    fn read(&mut self) -> Result<(), Error> {
        let dir = self.dir.join(HOURS);
        for hour in hours_in(&dir)? {
            if let Some(last) = &self.last
                && last.next.as_ref() != Some(&hour)
            {
                let due = last.next.as_ref().unwrap_or(&last.hour);
                let why = format!("hour {due} is missing or not over, and there are later ones");
                return Err(failed(&dir, why));
            }
            let bytes = read_file(&dir.join(file_of(&hour)))?;
            let found = HourOfLog::verify(bytes, &hour, &self.identity)?;
            if let Some(last) = &self.last {
                last.continues(&hour, &found.proven)?;
            }
            self.take(&hour, found);
        }
        Ok(())
    }

    /// Fetches every hour from the last one that the mirror has to the one that is not
    /// over, and keeps them. A mirror without an hour begins with the log, or with the
    /// hour `since`. What was fetched stays, whatever ends it; the next sync goes on there.
    ///
    /// Fails with [`Error::Forked`], [`Error::Shorter`] or [`Error::Hour`] if what the
    /// server has does not go on from what the mirror has; the mirror stays as it was. And
    /// with [`Error::Mirror`] while another process syncs it.
    pub async fn sync(&mut self, client: &Client, since: Option<&str>) -> Result<Synced, Error> {
        let mut synced = Synced::default();
        let mut before = None;
        while let Some(step) = self.step(client, since).await? {
            synced.hours += 1;
            synced.entries += step.entries;
            // The same hour twice: the server says now this of it, and now that.
            if !step.complete || before.as_ref() == Some(&step.hour) {
                break;
            }
            before = Some(step.hour);
        }
        Ok(synced)
    }

    /// Fetches and keeps one hour: the next one, or the last one again if it was not
    /// over. `None` if the server says that it is ahead.
    pub async fn step(
        &mut self,
        client: &Client,
        since: Option<&str>,
    ) -> Result<Option<Step>, Error> {
        let named = client.identity().await?;
        if named != self.identity {
            return Err(Error::WrongIdentity {
                expected: self.identity.to_string(),
                got: named.to_string(),
            });
        }
        self.begin_to_write()?;
        let Some((mut hour, mut found)) = self.fetch(client, since).await? else {
            return Ok(None);
        };
        let goes_on = match &self.last {
            Some(last) => last.continues(&hour, &found.proven),
            None => Ok(()),
        };
        if let Err(error) = goes_on {
            (hour, found) = self.grown(client).await?.ok_or(error)?;
        }
        if let Some(last) = &self.last {
            last.continues(&hour, &found.proven)?;
            // Otherwise a server could name one empty hour after the other, without end.
            if last.next.as_ref() == Some(&hour) && found.proven.is_empty() {
                return Err(failed(
                    &self.dir,
                    format!(
                        "the server says that the log goes on in hour {hour}, which has nothing"
                    ),
                ));
            }
        }
        put(&self.dir.join(HOURS), &file_of(&hour), &found.bytes)?;
        Ok(Some(self.take(&hour, found)))
    }

    /// Keeps other processes from writing, and takes in what they wrote since this one
    /// read the directory.
    fn begin_to_write(&mut self) -> Result<(), Error> {
        if self.lock.is_some() {
            return Ok(());
        }
        self.lock = Some(lock(&self.dir)?);
        let is_current = self.last.as_ref().is_some_and(|last| {
            let dir = self.dir.join(HOURS);
            let length = std::fs::metadata(dir.join(file_of(&last.hour))).map(|m| m.len());
            let next = last.next.as_ref();
            let has_later = next.is_some_and(|hour| dir.join(file_of(hour)).exists());
            length.is_ok_and(|length| length == last.length) && !has_later
        });
        if is_current {
            return Ok(());
        }
        (self.begin, self.last, self.index) = (None, None, Index::default());
        self.read()
    }

    async fn fetch(
        &self,
        client: &Client,
        since: Option<&str>,
    ) -> Result<Option<(String, HourOfLog)>, Error> {
        let mut hour = self.due(client, since).await?;
        let mut passed = 0;
        loop {
            match client.hour(&hour).await {
                Ok(found) => return Ok(Some((hour, found))),
                Err(error) if is_unknown(&error) => {
                    if self.last.as_ref().is_some_and(|last| last.next.is_some()) {
                        return self.grown(client).await;
                    }
                    if error.retry_after().is_some() {
                        return Ok(None);
                    }
                    // The log was made before its first checkpoint was signed.
                    let is_before = self.last.is_none() && since.is_none();
                    passed += 1;
                    if !is_before || passed > MOST_BEFORE {
                        return Err(error);
                    }
                    hour = self.after(&hour)?;
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// The last hour once more, where what it said comes next is not there or does not go
    /// on: that an hour is over, and which is next, is not signed, and may have been said
    /// too early. `None` if it says the same again.
    async fn grown(&self, client: &Client) -> Result<Option<(String, HourOfLog)>, Error> {
        let Some(last) = self.last.as_ref().filter(|last| last.next.is_some()) else {
            return Ok(None);
        };
        let found = client.hour(&last.hour).await?;
        let is_same = found.proven.checkpoint == last.checkpoint && found.proven.next == last.next;
        Ok((!is_same).then(|| (last.hour.clone(), found)))
    }

    /// The hour to ask for.
    async fn due(&self, client: &Client, since: Option<&str>) -> Result<String, Error> {
        if let Some(since) = since.filter(|since| begin_of(since).is_none()) {
            let why = format!("{since:?} is not an hour such as 2026-11-22T16");
            return Err(failed(&self.dir, why));
        }
        let Some(last) = &self.last else {
            return match since {
                Some(since) => Ok(since.to_owned()),
                None => client.first_hour().await,
            };
        };
        if let (Some(since), Some(begin)) = (since, &self.begin)
            && since < begin.as_str()
        {
            let why = format!(
                "it begins with hour {begin}; make another in a new directory to begin with {since}"
            );
            return Err(failed(&self.dir, why));
        }
        let Some(next) = &last.next else {
            return Ok(last.hour.clone());
        };
        Ok(next.clone())
    }

    fn after(&self, hour: &str) -> Result<String, Error> {
        next_of(hour).ok_or_else(|| failed(&self.dir, format!("no hour comes after {hour}")))
    }

    /// Adds an hour that goes on from the last one.
    fn take(&mut self, hour: &str, found: HourOfLog) -> Step {
        let HourOfLog {
            bytes,
            complete,
            proven,
        } = found;
        let is_same = self.last.as_ref().is_some_and(|last| last.hour == hour);
        let known = match &self.last {
            Some(last) if is_same => last.after.size(),
            _ => proven.first,
        };
        let size = proven.checkpoint.size;
        let entries = self.index.add(known, &proven);
        self.begin.get_or_insert_with(|| hour.to_owned());
        self.last = Some(Last {
            hour: hour.to_owned(),
            length: bytes.len() as u64,
            next: proven.next,
            before: proven.before,
            checkpoint: proven.checkpoint,
            after: proven.after,
        });
        Step {
            hour: hour.to_owned(),
            entries,
            size,
            complete,
        }
    }

    /// Of which log it is.
    pub fn identity(&self) -> &NoteKey {
        &self.identity
    }

    /// The hours that it has, the first and the last; `None` before the first sync.
    pub fn hours(&self) -> Option<(&str, &str)> {
        Some((self.begin.as_deref()?, &self.last.as_ref()?.hour))
    }

    /// The last checkpoint that it has.
    pub fn head(&self) -> Option<&Checkpoint> {
        self.last.as_ref().map(|last| &last.checkpoint)
    }

    /// Everything that the mirror proves about an event.
    ///
    /// Fails with [`Error::NotMirrored`] if it has no announcement of it, with
    /// [`Error::Withdrawn`] if the log says that there will be none, and with what is
    /// wrong where an entry of the log breaks a rule.
    pub fn event(&self, id: &EventId) -> Result<MirroredEvent, Error> {
        let found = self.index.event(id)?;
        found.ok_or_else(|| Error::NotMirrored {
            id: id.clone(),
            hours: self
                .hours()
                .map(|(first, last)| format!("from {first} to {last}")),
        })
    }

    /// The event's announcement and attestation, verified.
    ///
    /// Fails as [`Self::event`], with [`Error::NotAttested`] if the mirror has no outcome
    /// of it, and with [`Error::Refunded`] if there will be none.
    pub fn attestation(&self, id: &EventId) -> Result<Attested, Error> {
        let event = self.event(id)?;
        ended(id, &event.announcement, event.end.as_ref())
    }

    /// The events that the mirror has announcements of.
    pub fn event_ids(&self) -> impl Iterator<Item = &str> {
        self.index.event_ids()
    }
}

/// Whether the server says that there is no such hour.
fn is_unknown(error: &Error) -> bool {
    matches!(error, Error::Problem { status: 404, kind, .. } if kind == "unknown-hour")
}
