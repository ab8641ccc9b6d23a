//! The participant's view of one oracle.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures::stream::BoxStream;
use oracle_schema::verify::{verify_announcement, verify_attestation};
use oracle_schema::{Announcement, Attestation, EventId, Outcome, Verified};
use secp256k1::XOnlyPublicKey;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use crate::Error;
use crate::backoff::Backoff;
use crate::evidence::{self, Bundle, Stated};
use crate::http::{Get, Http};
use crate::model::{EventInfo, EventsPage, EvidenceInfo, OracleInfo, RawOracleInfo};
use crate::stream::{self, StreamEvent};

/// Longest time the server is asked to hold one request; its own limit is 60 s
/// and proxies tend to cut silent connections at about that.
const LONGEST_HOLD: Duration = Duration::from_secs(45);

const TLV: &str = "application/octet-stream";
const JSON: &str = "application/json";

/// How a client behaves. The default suits a person at a terminal.
#[derive(Debug, Clone)]
pub struct Options {
    /// The oracle's key P, when it is known from elsewhere (an offer, a
    /// contract). Without it the key that `/v1/oracle` names first is trusted
    /// for the client's lifetime.
    pub key: Option<XOnlyPublicKey>,
    /// Limit on one request, beyond the time the server is asked to hold it.
    pub timeout: Duration,
    /// A stream without a byte, heartbeats included, for so long is dead.
    pub idle_timeout: Duration,
    /// First pause between attempts.
    pub first_backoff: Duration,
    /// Longest pause between attempts, whatever the server asks for.
    pub max_backoff: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            key: None,
            timeout: Duration::from_secs(15),
            idle_timeout: Duration::from_mins(1),
            first_backoff: Duration::from_millis(500),
            max_backoff: Duration::from_secs(30),
        }
    }
}

/// An attested event, checked from the announcement's first byte to the
/// outcome's last.
#[derive(Debug)]
pub struct Attested {
    /// What was promised.
    pub announcement: Verified<Announcement>,
    /// What was signed.
    pub attestation: Verified<Attestation>,
}

impl Attested {
    /// What happened.
    pub fn outcome(&self) -> &Outcome {
        self.attestation.outcome()
    }

    /// The enum text, or the attested integer in decimal.
    pub fn outcome_text(&self) -> String {
        self.outcome().to_string()
    }
}

/// Reads one oracle over HTTP and returns nothing unverified but what says so.
///
/// Cheap to clone; clones share connections and the trusted key.
#[derive(Debug, Clone)]
pub struct Client {
    http: Http,
    options: Options,
    key: Arc<OnceCell<XOnlyPublicKey>>,
}

impl Client {
    /// A client of the oracle at `url`, with default [`Options`].
    pub fn new(url: &str) -> Result<Self, Error> {
        Self::with_options(url, Options::default())
    }

    /// A client of the oracle at `url`: an `http` or `https` address, below
    /// whose path the API begins.
    pub fn with_options(url: &str, options: Options) -> Result<Self, Error> {
        let key = OnceCell::new_with(options.key);
        Ok(Self {
            http: Http::new(url, options.timeout)?,
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
        let trusted = *self.key.get_or_init(async || info.public_key).await;
        check_key("oracle", trusted, info.public_key)?;
        Ok(info)
    }

    /// The key that everything is verified against.
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

    /// What the event's outcome rests on, as the server tells it. Unsigned.
    pub async fn evidence(&self, id: &EventId) -> Result<EvidenceInfo, Error> {
        self.json("evidence", &["v1", "events", id.as_str(), "evidence"])
            .await
            .map_err(|e| e.about(id))
    }

    /// What the event's outcome rests on, but for the providers' answers
    /// ([`Self::fetch_bodies`]): announcement and attestation verified, the rest
    /// to be replayed.
    ///
    /// Fails like [`Self::attestation`], and with [`Error::NoEvidence`].
    pub async fn bundle(&self, id: &EventId) -> Result<Bundle, Error> {
        let attested = self.attestation(id).await?;
        let none = || Error::NoEvidence(id.clone());
        let policy_hash = self.event(id).await?.policy_hash.ok_or_else(none)?;
        let stated = self.evidence(id).await?.manifest_sha256;
        let manifest_sha256 = stated.ok_or_else(none)?;
        let path = ["v1", "events", id.as_str(), "evidence"];
        let manifest = self.long("manifest", &path, &[("format", "manifest")]);
        let manifest = manifest.await.map_err(|e| e.about(id))?;
        let path = ["v1", "events", id.as_str(), "policy"];
        let policy = self.long("policy", &path, &[]).await;
        Ok(Bundle {
            stated: Stated {
                event_id: id.clone(),
                public_key: attested.announcement.oracle_public_key.to_string(),
                policy_hash,
                manifest_sha256,
            },
            attested,
            manifest,
            policy: policy.map_err(|e| e.about(id))?,
            bodies: BTreeMap::new(),
            unavailable: BTreeMap::new(),
        })
    }

    /// Fetches the providers' answers that a bundle lacks, as far as they may
    /// be passed on. What cannot be fetched is named in
    /// [`Bundle::unavailable`]; fails only where they grow beyond all bounds.
    pub async fn fetch_bodies(&self, bundle: &mut Bundle) -> Result<(), Error> {
        let mut room = evidence::MOST;
        for sha256 in evidence::named(&bundle.manifest, |o| o.public) {
            if bundle.bodies.contains_key(&sha256) {
                continue;
            }
            match self.evidence_body(&sha256).await {
                Ok(body) => {
                    room = room.checked_sub(body.len()).ok_or(Error::TooLarge {
                        what: "bodies",
                        limit: evidence::MOST,
                    })?;
                    bundle.bodies.insert(sha256, body);
                }
                Err(error) => {
                    bundle.unavailable.insert(sha256, error.to_string());
                }
            }
        }
        Ok(())
    }

    /// A recorded body by its SHA-256, hex; whether it has it is not checked
    /// here. Tries a few times while the server is out of reach or busy.
    pub async fn evidence_body(&self, sha256: &str) -> Result<Vec<u8>, Error> {
        const ATTEMPTS: u32 = 4;
        let mut backoff = Backoff::new(self.options.first_backoff, self.options.max_backoff);
        let mut attempt = 1;
        loop {
            match self
                .long("evidence body", &["v1", "evidence", sha256], &[])
                .await
            {
                Err(error) if error.is_transient() && attempt < ATTEMPTS => {
                    tokio::time::sleep(backoff.pause(error.retry_after())).await;
                    attempt += 1;
                }
                answer => return answer,
            }
        }
    }

    /// An answer that may be longer than any message.
    async fn long(
        &self,
        what: &'static str,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Vec<u8>, Error> {
        let get = Get {
            what,
            path,
            query,
            accept: "*/*",
            hold: Duration::ZERO,
        };
        self.http.get_up_to(evidence::LONGEST, get).await
    }

    /// The announcement of the event, verified and signed by the trusted key.
    pub async fn announcement(&self, id: &EventId) -> Result<Verified<Announcement>, Error> {
        const WHAT: &str = "announcement";
        let path = ["v1", "announcements", id.as_str()];
        let bytes = self.tlv(WHAT, &path, Duration::ZERO, id).await?;
        let announcement = Announcement::from_tlv(&bytes)
            .map_err(|source| Error::Decode { what: WHAT, source })?;
        check_event(WHAT, id, Some(&announcement.event.event_id))?;
        check_key(WHAT, self.key().await?, announcement.oracle_public_key)?;
        verify_announcement(announcement).map_err(|source| Error::Verify { what: WHAT, source })
    }

    /// The event's announcement, attestation and outcome, all verified.
    ///
    /// Fails with [`Error::NotAttested`] before the outcome is published
    /// ([`Error::NotAnnounced`] even before the promise of one) and
    /// with [`Error::Refunded`] or [`Error::Withdrawn`] if it never will be.
    pub async fn attestation(&self, id: &EventId) -> Result<Attested, Error> {
        let announcement = self.announcement(id).await?;
        let attestation = self.attestation_of(id, &announcement, None).await?;
        Ok(Attested {
            announcement,
            attestation,
        })
    }

    /// Waits for the attestation: long polls, with growing pauses while the
    /// server is out of reach. May take one request's time limit longer than
    /// `timeout`.
    ///
    /// Ends early when waiting is pointless: unknown event, refunded,
    /// withdrawn, or an answer that fails verification. At the end of the time
    /// it returns the last obstacle: [`Error::NotAttested`],
    /// [`Error::NotAnnounced`], or why the server could not be asked.
    pub async fn wait(&self, id: &EventId, timeout: Duration) -> Result<Attested, Error> {
        let started = Instant::now();
        let left = || timeout.saturating_sub(started.elapsed());
        let mut backoff = Backoff::new(self.options.first_backoff, self.options.max_backoff);
        let mut announcement = None;
        loop {
            let polled = Instant::now();
            let hold = Duration::from_secs(left().min(LONGEST_HOLD).as_secs());
            let obstacle = match self.poll(id, &mut announcement, hold).await {
                Ok(attested) => return Ok(attested),
                Err(error) if error.is_transient() => error,
                Err(error @ (Error::NotAttested { .. } | Error::NotAnnounced { .. })) => error,
                Err(error) => return Err(error),
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
        }
    }

    /// News from the oracle, from after log position `from` on; `None` starts
    /// with what comes next.
    ///
    /// The stream reconnects and resumes by itself and delivers each position
    /// once. An `Err` reports a failed attempt; the stream goes on after it
    /// unless [`Error::is_transient`] says that trying again is pointless.
    /// Without `from`, what is published while the first connection is down
    /// before its first event can be missed.
    pub fn watch(&self, from: Option<u64>) -> BoxStream<'static, Result<StreamEvent, Error>> {
        stream::watch(self.http.clone(), &self.options, from)
    }

    /// One attempt of [`Self::wait`]; keeps the announcement for the next one.
    async fn poll(
        &self,
        id: &EventId,
        known: &mut Option<Verified<Announcement>>,
        hold: Duration,
    ) -> Result<Attested, Error> {
        let announcement = match known.take() {
            Some(announcement) => announcement,
            None => self.announcement(id).await?,
        };
        match self.attestation_of(id, &announcement, Some(hold)).await {
            Ok(attestation) => Ok(Attested {
                announcement,
                attestation,
            }),
            Err(error) => {
                *known = Some(announcement);
                Err(error)
            }
        }
    }

    async fn attestation_of(
        &self,
        id: &EventId,
        announcement: &Verified<Announcement>,
        hold: Option<Duration>,
    ) -> Result<Verified<Attestation>, Error> {
        const WHAT: &str = "attestation";
        let path = ["v1", "attestations", id.as_str()];
        let bytes = self.tlv(WHAT, &path, hold.unwrap_or_default(), id).await?;
        let (attestation, _) =
            Attestation::from_tlv(&bytes).map_err(|source| Error::Decode { what: WHAT, source })?;
        check_event(WHAT, id, attestation.event_id.as_ref())?;
        verify_attestation(attestation, announcement)
            .map_err(|source| Error::Verify { what: WHAT, source })
    }

    async fn tlv(
        &self,
        what: &'static str,
        path: &[&str],
        hold: Duration,
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
        };
        self.http.get(get).await.map_err(|e| e.about(id))
    }

    async fn json<T: DeserializeOwned>(
        &self,
        what: &'static str,
        path: &[&str],
    ) -> Result<T, Error> {
        self.json_with(what, path, &[]).await
    }

    async fn json_with<T: DeserializeOwned>(
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
        };
        let body = self.http.get(get).await?;
        serde_json::from_slice(&body).map_err(|e| Error::Malformed {
            what,
            reason: e.to_string(),
        })
    }
}

/// A missing id is the wire's old form: the nonces tie it to its event.
pub(crate) fn check_event(
    what: &'static str,
    asked: &EventId,
    got: Option<&EventId>,
) -> Result<(), Error> {
    match got {
        Some(got) if got != asked => Err(Error::WrongEvent {
            what,
            asked: asked.clone(),
            got: got.to_string(),
        }),
        _ => Ok(()),
    }
}

pub(crate) fn check_key(
    what: &'static str,
    expected: XOnlyPublicKey,
    got: XOnlyPublicKey,
) -> Result<(), Error> {
    if expected == got {
        return Ok(());
    }
    Err(Error::WrongKey {
        what,
        expected: Box::new(expected),
        got: Box::new(got),
    })
}
