//! What a client believes: nothing that is not in the oracle's log, under a
//! checkpoint of the identity that was pinned, which continues every one that was
//! proven before.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use oracle_schema::bundle::{Bundle, BundleError, End, MAX_BUNDLE_BYTES, Proven};
use oracle_schema::tlog::{Checkpoint, NoteKey};
use oracle_schema::{Announcement, EventId, Verified};

use crate::attested::{Attested, check_event};
use crate::http::{Get, JSON};
use crate::model::OracleInfo;
use crate::{Client, Error, Options};

/// How often a bundle is asked for anew because another request of this client was
/// answered with a later checkpoint meanwhile.
const RACES: usize = 16;

/// The identity of one oracle: pinned, or the first that the server named.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<OnceLock<NoteKey>>);

impl Trust {
    pub(crate) fn new(options: &Options) -> Self {
        let pinned = options.identity.clone();
        Self(Arc::new(pinned.map(OnceLock::from).unwrap_or_default()))
    }

    pub(crate) fn identity(&self) -> Option<NoteKey> {
        self.0.get().cloned()
    }

    /// Takes the identity that the server names, or refuses another one.
    pub(crate) fn names(&self, info: &OracleInfo) -> Result<(), Error> {
        let got = info.identity()?;
        let expected = self.0.get_or_init(|| got.clone());
        if *expected == got {
            return Ok(());
        }
        Err(Error::WrongIdentity {
            expected: expected.to_string(),
            got: got.to_string(),
        })
    }
}

impl Client {
    /// Everything that the oracle's log proves about an event: its announcement,
    /// how it ended, the policy, under which checkpoint.
    ///
    /// ```no_run
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// # let id = client.events(None).await?.events[0].event_id.clone();
    /// let proven = client.proven(&id).await?;
    /// println!("entry {} of {}", proven.announcement_position, proven.checkpoint.size);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn proven(&self, id: &EventId) -> Result<Proven, Error> {
        self.proven_within(self.options.attempts, id).await
    }

    /// The same, with the bytes that prove it: an event's bundle, to be kept and
    /// verified again offline ([`oracle_schema::bundle`]).
    pub async fn proof(&self, id: &EventId) -> Result<(Proven, Vec<u8>), Error> {
        self.proof_within(self.options.attempts, id).await
    }

    pub(crate) async fn proven_within(&self, attempts: u32, id: &EventId) -> Result<Proven, Error> {
        let (proven, _) = self.proof_within(attempts, id).await?;
        Ok(proven)
    }

    async fn proof_within(&self, attempts: u32, id: &EventId) -> Result<(Proven, Vec<u8>), Error> {
        let identity = self.identity().await?;
        let memory = &self.options.memory;
        for _ in 0..RACES {
            let known = memory.head(&identity)?;
            let bytes = self.bundle_bytes(attempts, id, known.as_ref()).await?;
            let bundle = Bundle::parse(&bytes).map_err(unproven(id))?;
            let proven = bundle
                .verify(&identity, self.options.witnesses.as_ref())
                .map_err(unproven(id))?;
            check_event("bundle", id, Some(&proven.announcement.event.event_id))?;
            self.trusted_key("genesis", proven.genesis.oracle_public_key)?;
            if let Some(known) = &known {
                bundle
                    .continues(&proven.checkpoint, known)
                    .map_err(unproven(id))?;
            }
            memory.check(&proven.announcement)?;
            if memory.saw(&identity, known.as_ref(), &proven.checkpoint)? {
                self.remember(id, &proven)?;
                return Ok((proven, bytes));
            }
        }
        Err(Error::Malformed {
            what: "bundle",
            reason: format!("the log grew between {RACES} requests and the answers to them"),
        })
    }

    fn remember(&self, id: &EventId, proven: &Proven) -> Result<(), Error> {
        let memory = &self.options.memory;
        self.cache.announcements.keep(id, &proven.announcement);
        if let Ok(attested) = attested_of(id, proven) {
            memory.learn(&attested.remembered())?;
            self.cache.attested.keep(id, &attested);
        }
        Ok(())
    }

    /// The bundle as the server has it, with a proof that the log only grew since
    /// the checkpoint that is known.
    async fn bundle_bytes(
        &self,
        attempts: u32,
        id: &EventId,
        known: Option<&Checkpoint>,
    ) -> Result<Vec<u8>, Error> {
        let from = known.map_or(0, |known| known.size).to_string();
        let query = [("from", from.as_str())];
        let get = Get {
            what: "bundle",
            path: &["v1", "events", id.as_str(), "bundle"],
            query: if known.is_some() { &query } else { &[] },
            accept: JSON,
            hold: Duration::ZERO,
            attempts,
        };
        let bytes = self.http.get_up_to(MAX_BUNDLE_BYTES, get).await;
        bytes.map_err(|error| match (error, known) {
            (Error::Problem { kind, detail, .. }, Some(known)) if kind == "ahead-of-log" => {
                unproven(id)(BundleError::Shorter {
                    known: known.size,
                    detail,
                })
            }
            (error, _) => error.about(id),
        })
    }
}

pub(crate) fn unproven(id: &EventId) -> impl Fn(BundleError) -> Error {
    |source| Error::Unproven {
        id: id.clone(),
        source: Box::new(source),
    }
}

/// The attested event; [`Error::NotAttested`] or [`Error::Refunded`] as the log
/// says.
pub(crate) fn attested_of(id: &EventId, proven: &Proven) -> Result<Attested, Error> {
    ended(id, &proven.announcement, proven.end.as_ref())
}

/// The same of an announcement and its end.
pub(crate) fn ended(
    id: &EventId,
    announcement: &Verified<Announcement>,
    end: Option<&End>,
) -> Result<Attested, Error> {
    match end {
        Some(End::Attested { attestation, .. }) => Ok(Attested {
            announcement: announcement.clone(),
            attestation: attestation.clone(),
        }),
        Some(End::Refunded { reason, .. }) => Err(Error::Refunded {
            id: id.clone(),
            reason: reason.clone(),
        }),
        None => Err(Error::NotAttested {
            id: id.clone(),
            retry_after: None,
        }),
    }
}
