//! The participant's view of one oracle.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::stream::BoxStream;
use oracle_schema::policy::policy_hash;
use oracle_schema::tlog::NoteKey;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, EventId, Verified};
use secp256k1::XOnlyPublicKey;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::Error;
use crate::attested::{Attested, check_event, check_key};
use crate::backoff::Backoff;
use crate::cache::Cache;
use crate::error::Cause;
use crate::evidence::LONGEST;
use crate::http::{Get, Http, JSON, TLV};
use crate::memory::Memory;
use crate::model::{EventInfo, EventsPage, OracleInfo, RawOracleInfo};
use crate::options::Options;
use crate::proof::{Trust, attested_of};
use crate::stream::{self, StreamEvent};

/// Longest time the server is asked to hold one request; its own limit is 60 s
/// and proxies tend to cut silent connections at about that.
const LONGEST_HOLD: Duration = Duration::from_secs(45);

/// Reads one oracle over HTTP and returns nothing unverified but what says so.
///
/// Cheap to clone; clones share connections, the trusted key and the cache of
/// what cannot change.
///
/// ```no_run
/// use oracle_client::{Client, Error, EventId};
///
/// # async fn demo() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new("http://127.0.0.1:8080")?;
/// println!("{} signs with {}", client.oracle().await?.name, client.key().await?);
///
/// let id: EventId = "ppcusd-daily@2026-11-22T16:00:00Z".parse()?;
/// println!("{}", client.event(&id).await?.state);
/// let policy = client.policy(&id).await?;
/// let announcement = client.announcement(&id).await?;
/// match client.attestation(&id).await {
///     Ok(attested) => println!("it is {}", attested.outcome_text()),
///     Err(error) if error.is_not_yet() => println!("not yet"),
///     Err(error) if error.is_never() => println!("never: {error}; take the refund"),
///     Err(Error::UnknownEvent(_)) => println!("no such event"),
///     Err(error) => return Err(error.into()),
/// }
///
/// let mut page = client.events(None).await?;
/// while let Some(cursor) = page.next_cursor.take() {
///     page = client.events(Some(&cursor)).await?;
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Client {
    pub(crate) http: Http,
    pub(crate) options: Options,
    key: Arc<OnceLock<XOnlyPublicKey>>,
    pub(crate) trust: Trust,
    pub(crate) cache: Cache,
}

impl Client {
    /// A client of the oracle at `url`, with default [`Options`].
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_options(url, Options::default())
    }

    /// A client of the oracle at `url`: an `http` or `https` address, below
    /// whose path the API begins.
    pub fn with_options(url: &str, options: Options) -> Result<Self, Error> {
        let key = options.key.map(OnceLock::from).unwrap_or_default();
        Ok(Self {
            http: Http::new(url, &options)?,
            cache: Cache::new(options.cache),
            trust: Trust::new(&options),
            options,
            key: Arc::new(key),
        })
    }

    /// Who the oracle says it is; its key must be the trusted one.
    pub async fn oracle(&self) -> Result<OracleInfo, Error> {
        let info = self
            .json::<RawOracleInfo>("oracle", &["v1", "oracle"])
            .await?
            .parse()?;
        if !self.options.unproven {
            self.trust.names(&info)?;
        }
        self.trusted_key("oracle", info.public_key)?;
        Ok(info)
    }

    /// What this client remembers; clones share it.
    pub fn memory(&self) -> &Memory {
        &self.options.memory
    }

    /// The identity that everything is proven against: the verifier key of the
    /// oracle's log.
    pub async fn identity(&self) -> Result<NoteKey, Error> {
        match self.trust.identity() {
            Some(identity) => Ok(identity),
            None => self.oracle().await?.identity(),
        }
    }

    /// The first key that is found is the one, unless one was given.
    pub(crate) fn trusted_key(&self, what: &'static str, got: XOnlyPublicKey) -> Result<(), Error> {
        check_key(what, *self.key.get_or_init(|| got), got)
    }

    /// The oracle's key, as the first proven event's log or `/v1/oracle` names it.
    pub async fn key(&self) -> Result<XOnlyPublicKey, Error> {
        match self.key.get() {
            Some(key) => Ok(*key),
            None => Ok(self.oracle().await?.public_key),
        }
    }

    /// What the server says about an event: state, reasons, times. Unsigned.
    pub async fn event(&self, id: &EventId) -> Result<EventInfo, Error> {
        let info: EventInfo = self
            .json("event", &["v1", "events", id.as_str()])
            .await
            .map_err(|e| e.about(id))?;
        check_event("event", id, Some(&info.event_id))?;
        Ok(info)
    }

    /// A page of events, oldest maturity first, after `cursor`. Unsigned.
    pub async fn events(&self, cursor: Option<&str>) -> Result<EventsPage, Error> {
        let query: Vec<(&str, &str)> = cursor.map(|c| ("cursor", c)).into_iter().collect();
        self.json_with("events", &["v1", "events"], &query).await
    }

    /// The policy by which the event is decided: the canonical document of the
    /// hash in the log's entry of the announcement; with [`Options::unproven`] of the
    /// hash that the server states.
    ///
    /// Fails with [`Error::NoPolicy`] if the server states none.
    pub async fn policy(&self, id: &EventId) -> Result<Vec<u8>, Error> {
        if !self.options.unproven {
            return Ok(self.proven(id).await?.policy.into_bytes());
        }
        self.stated_policy(id).await
    }

    /// The policy that the server states for the event, of which nothing is proven;
    /// before the announcement it may still change.
    ///
    /// Fails with [`Error::NoPolicy`] if the server states none.
    pub async fn stated_policy(&self, id: &EventId) -> Result<Vec<u8>, Error> {
        const WHAT: &str = "policy";
        let stated = self.event(id).await?.policy_hash;
        let stated = stated.ok_or_else(|| Error::NoPolicy(id.clone()))?;
        let mut hash = [0; 32];
        hex::decode_to_slice(&stated, &mut hash).map_err(|_| Error::Malformed {
            what: WHAT,
            reason: "policy_hash is not 32 bytes in hex".to_owned(),
        })?;
        if let Some(document) = self.cache.policies.get(&hash) {
            return Ok(document);
        }
        let path = ["v1", "events", id.as_str(), "policy"];
        let document = self
            .long(WHAT, &path, &[], LONGEST)
            .await
            .map_err(|e| e.about(id))?;
        if policy_hash(&document) != hash {
            return Err(Error::Malformed {
                what: WHAT,
                reason: format!("the document's hash is not {stated}"),
            });
        }
        self.cache.policies.keep(&hash, &document);
        Ok(document)
    }

    /// The announcement of the event, proven to be in the oracle's log.
    pub async fn announcement(&self, id: &EventId) -> Result<Verified<Announcement>, Error> {
        self.announcement_within(self.options.attempts, id).await
    }

    async fn announcement_within(
        &self,
        attempts: u32,
        id: &EventId,
    ) -> Result<Verified<Announcement>, Error> {
        const WHAT: &str = "announcement";
        if let Some(announcement) = self.cache.announcements.get(id) {
            return Ok(announcement);
        }
        if !self.options.unproven {
            let proven = self.proven_within(attempts, id).await?;
            return Ok(proven.announcement);
        }
        let path = ["v1", "announcements", id.as_str()];
        let hold = Duration::ZERO;
        let bytes = self.tlv(WHAT, &path, hold, attempts, id).await?;
        let announcement = Announcement::from_tlv(&bytes)
            .map_err(|source| Error::Decode { what: WHAT, source })?;
        check_event(WHAT, id, Some(&announcement.event.event_id))?;
        check_key(WHAT, self.key().await?, announcement.oracle_public_key)?;
        let verified = verify_announcement(announcement)
            .map_err(|source| Error::Verify { what: WHAT, source })?;
        self.options.memory.check(&verified)?;
        self.cache.announcements.keep(id, &verified);
        Ok(verified)
    }

    /// The event's announcement, attestation and outcome, all proven to be in the
    /// oracle's log.
    ///
    /// Fails with [`Error::NotAttested`] before the outcome is published
    /// ([`Error::NotAnnounced`] even before the promise of one) and
    /// with [`Error::Refunded`] or [`Error::Withdrawn`] if it never will be.
    pub async fn attestation(&self, id: &EventId) -> Result<Attested, Error> {
        if let Some(attested) = self.cache.attested.get(id) {
            return Ok(attested);
        }
        if !self.options.unproven {
            let proven = self.proven(id).await?;
            match attested_of(id, &proven) {
                Err(Error::NotAttested { .. }) => {}
                ended => return ended,
            }
        }
        // What the server says of it; a moment later there may be one.
        let announcement = self.announcement(id).await?;
        self.attestation_of(id, &announcement, None).await
    }

    /// Waits for the attestation: long polls, with growing pauses while the
    /// server is out of reach; a restart of the server is waited out. May take
    /// one request's time limit longer than `timeout`.
    ///
    /// Only the oracle's own words end it early: unknown event, refunded, withdrawn,
    /// or a message that fails verification. What something on the way answers instead
    /// ([`Error::NotTheOracle`]), what cannot be read and what cannot be reached is
    /// waited out. At the end of the time it returns the last obstacle:
    /// [`Error::NotAttested`], [`Error::NotAnnounced`], or why the server could not be
    /// asked.
    ///
    /// ```no_run
    /// # async fn demo(client: oracle_client::Client) -> Result<(), oracle_client::Error> {
    /// # let id = client.events(None).await?.events[0].event_id.clone();
    /// let attested = client.wait(&id, std::time::Duration::from_hours(2)).await?;
    /// println!("{}", attested.outcome_text());
    /// # Ok(())
    /// # }
    /// ```
    pub async fn wait(&self, id: &EventId, timeout: Duration) -> Result<Attested, Error> {
        let started = Instant::now();
        let left = || timeout.saturating_sub(started.elapsed());
        let mut backoff = Backoff::new(self.options.first_backoff, self.options.max_backoff);
        let (mut announcement, mut last) = (None, None);
        loop {
            let polled = Instant::now();
            let hold = Duration::from_secs(left().min(LONGEST_HOLD).as_secs());
            let most = left().saturating_add(self.options.timeout);
            let poll = self.poll(id, &mut announcement, hold);
            let obstacle = match tokio::time::timeout(most, poll).await {
                Ok(Ok(attested)) => return Ok(attested),
                Ok(Err(error))
                    if error.is_transient() || error.is_not_yet() || error.is_unreadable() =>
                {
                    error
                }
                Ok(Err(error)) => return Err(error),
                Err(_) => {
                    return Err(last.unwrap_or(Error::Transport {
                        what: "attestation",
                        source: Cause::Silent(most),
                    }));
                }
            };
            if left().is_zero() {
                return Err(obstacle);
            }
            // A server that held the request to its end has made the pause.
            if !hold.is_zero() && polled.elapsed() >= hold {
                backoff.reset();
            } else {
                let pause = backoff.pause(obstacle.retry_after());
                tokio::time::sleep(pause.min(left())).await;
            }
            last = Some(obstacle);
        }
    }

    /// News from the oracle, from after log position `from` on; `None` starts
    /// with what comes next.
    ///
    /// The stream reconnects and resumes by itself, from the last id that the server
    /// sent, be it a heartbeat's, and delivers each position once and in order; what
    /// was published while it was away comes first, however much that is. An `Err`
    /// reports a failed attempt; the stream goes on after it unless
    /// [`Error::is_transient`] says that trying again is pointless. News that cannot be
    /// read are asked for once more and then passed over, with an error each time.
    /// [`Error::AheadOfLog`] ends it: the log does not reach that far, so the oracle
    /// went back, or `from` is of another one. Without `from`, news begin with what is
    /// published after the first connection is there.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    ///
    /// # async fn demo(client: oracle_client::Client, saved: u64) -> Result<(), oracle_client::Error> {
    /// let mut news = client.watch(Some(saved));
    /// while let Some(item) = news.next().await {
    ///     match item {
    ///         Ok(event) => println!("{:?} {}", event.position(), event.event_id()),
    ///         Err(error) if error.is_transient() => eprintln!("{error}; trying again"),
    ///         Err(error) => return Err(error),
    ///     }
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch(&self, from: Option<u64>) -> BoxStream<'static, Result<StreamEvent, Error>> {
        stream::watch(self.http.clone(), &self.options, None, from)
    }

    /// As [`Self::watch`], of these events only: one to 100 of them. A server
    /// that is asked for none or more refuses, which ends the stream.
    ///
    /// Positions are those of the whole log, so `from` may come from either.
    ///
    /// ```no_run
    /// use futures::StreamExt;
    /// use oracle_client::EventId;
    ///
    /// # async fn demo(client: oracle_client::Client) -> Result<(), Box<dyn std::error::Error>> {
    /// let mine: EventId = "ppcusd-daily@2026-11-22T16:00:00Z".parse()?;
    /// let mut news = client.watch_events(&[mine], Some(0));
    /// while let Some(Ok(event)) = news.next().await {
    ///     println!("{:?} {}", event.position(), event.event_id());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn watch_events(
        &self,
        ids: &[EventId],
        from: Option<u64>,
    ) -> BoxStream<'static, Result<StreamEvent, Error>> {
        let ids: Vec<_> = ids.iter().map(EventId::as_str).collect();
        let only = Some(ids.join(","));
        stream::watch(self.http.clone(), &self.options, only, from)
    }

    /// One attempt of [`Self::wait`]; keeps the announcement for the next one.
    async fn poll(
        &self,
        id: &EventId,
        known: &mut Option<Verified<Announcement>>,
        hold: Duration,
    ) -> Result<Attested, Error> {
        if let Some(attested) = self.cache.attested.get(id) {
            return Ok(attested);
        }
        let announcement = match known.take() {
            Some(announcement) => announcement,
            None => self.announcement_within(1, id).await?,
        };
        let attested = self.attestation_of(id, &announcement, Some(hold)).await;
        if attested.is_err() {
            *known = Some(announcement);
        }
        attested
    }

    async fn attestation_of(
        &self,
        id: &EventId,
        announcement: &Verified<Announcement>,
        hold: Option<Duration>,
    ) -> Result<Attested, Error> {
        const WHAT: &str = "attestation";
        let path = ["v1", "attestations", id.as_str()];
        // Who holds has a loop of their own.
        let attempts = hold.map_or(self.options.attempts, |_| 1);
        let hold = hold.unwrap_or_default();
        let bytes = match self.tlv(WHAT, &path, hold, attempts, id).await {
            // Whether it is, the log says.
            Err(Error::Refunded { .. }) if !self.options.unproven => {
                return attested_of(id, &self.proven_within(attempts, id).await?);
            }
            answer => answer?,
        };
        let (attestation, _) =
            Attestation::from_tlv(&bytes).map_err(|source| Error::Decode { what: WHAT, source })?;
        check_event(WHAT, id, attestation.event_id.as_ref())?;
        let attestation = verify_attestation(attestation, announcement)
            .map_err(|source| Error::Verify { what: WHAT, source })?;
        let attested = Attested {
            announcement: announcement.clone(),
            attestation,
        };
        if !self.options.unproven {
            return attested_of(id, &self.proven_within(attempts, id).await?);
        }
        self.options.memory.learn(&attested.remembered())?;
        self.cache.attested.keep(id, &attested);
        Ok(attested)
    }

    async fn tlv(
        &self,
        what: &'static str,
        path: &[&str],
        hold: Duration,
        attempts: u32,
        id: &EventId,
    ) -> Result<Vec<u8>, Error> {
        let seconds = hold.as_secs().to_string();
        let query = [("format", "tlv"), ("wait", seconds.as_str())];
        let get = Get {
            what,
            path,
            // Without a hold the address stays the one that caches know.
            query: query
                .get(..1 + usize::from(!hold.is_zero()))
                .unwrap_or_default(),
            accept: TLV,
            hold,
            attempts,
        };
        self.http.get(get).await.map_err(|e| e.about(id))
    }

    pub(crate) async fn json<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &[&str],
    ) -> Result<T, Error> {
        self.json_with(what, path, &[]).await
    }

    pub(crate) async fn json_with<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Error> {
        let get = Get {
            what,
            path,
            query,
            accept: JSON,
            hold: Duration::ZERO,
            attempts: self.options.attempts,
        };
        let body = self.http.get(get).await?;
        serde_json::from_slice(&body).map_err(|e| Error::Malformed {
            what,
            reason: e.to_string(),
        })
    }
}
