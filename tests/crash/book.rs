//! Everything a reader was ever shown, kept as bytes: none may change or go.

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use oracle_client::Client;
use oracle_schema::EventId;
use oracle_schema::tlog::checkpoint::Algorithm;
use oracle_schema::tlog::tile::{Content, Tile, WIDTH, unbundle};
use oracle_schema::tlog::{Hash, NoteKey, TlogProof};
use serde::Deserialize;

use crate::home::now;

/// How long published work may take to be finished after a crash: a round under
/// observation is leased for 30 s, then it comes back.
const QUIET_WITHIN: Duration = Duration::from_mins(2);

#[derive(Debug, Deserialize)]
pub(crate) struct Seen {
    pub(crate) event_id: String,
    pub(crate) state: String,
    pub(crate) announced_at: Option<DateTime<Utc>>,
    pub(crate) attested_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Deserialize)]
struct Page {
    events: Vec<Seen>,
    next_cursor: Option<String>,
}

/// What readers got, by event id.
#[derive(Debug, Default)]
pub(crate) struct Book {
    pub(crate) announcements: BTreeMap<String, Vec<u8>>,
    pub(crate) attestations: BTreeMap<String, Vec<u8>>,
    /// Checkpoints under which they were proved: sizes and roots.
    pub(crate) heads: BTreeMap<u64, Hash>,
    pub(crate) log_key: Option<NoteKey>,
    pub(crate) http: reqwest::Client,
}

impl Book {
    /// Events that mature in the interval, as the server lists them.
    pub(crate) async fn events(
        &self,
        url: &str,
        from: DateTime<Utc>,
        to: DateTime<Utc>,
    ) -> Result<Vec<Seen>, reqwest::Error> {
        let mut events = Vec::new();
        let mut cursor: Option<String> = None;
        loop {
            let time = |t: DateTime<Utc>| t.to_rfc3339_opts(SecondsFormat::Secs, true);
            let mut query = vec![
                ("from", time(from)),
                ("to", time(to)),
                ("limit", "500".to_owned()),
            ];
            query.extend(cursor.take().map(|c| ("cursor", c)));
            let body = self
                .http
                .get(format!("{url}/v1/events"))
                .query(&query)
                .send()
                .await?
                .error_for_status()?
                .bytes()
                .await?;
            let page: Page = serde_json::from_slice(&body).unwrap();
            events.extend(page.events);
            match page.next_cursor {
                Some(next) => cursor = Some(next),
                None => return Ok(events),
            }
        }
    }

    /// Reads what is new among recent events. An error only says that the
    /// server went away.
    pub(crate) async fn read(&mut self, url: &str) -> Result<(), reqwest::Error> {
        self.read_from(url, now() - TimeDelta::seconds(60)).await
    }

    /// Reads what is new among events that mature from then on.
    pub(crate) async fn read_from(
        &mut self,
        url: &str,
        from: DateTime<Utc>,
    ) -> Result<(), reqwest::Error> {
        let to = now() + TimeDelta::seconds(130);
        for event in self.events(url, from, to).await? {
            self.read_event(url, &event).await?;
        }
        Ok(())
    }

    /// Reads until `attestations` are there.
    pub(crate) async fn read_until(&mut self, url: &str, attestations: usize) {
        let waiting = async {
            while self.attestations.len() < attestations {
                self.read(url).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        };
        tokio::time::timeout(QUIET_WITHIN, waiting).await.unwrap();
    }

    async fn read_event(&mut self, url: &str, event: &Seen) -> Result<(), reqwest::Error> {
        let id = &event.event_id;
        if event.announced_at.is_some() && !self.announcements.contains_key(id) {
            let bytes = self.fetch(url, "announcements", id).await?;
            self.announcements.insert(id.clone(), bytes.clone());
            self.prove(url, id, "announcement", &bytes).await?;
        }
        if event.attested_at.is_some() && !self.attestations.contains_key(id) {
            let bytes = self.fetch(url, "attestations", id).await?;
            self.attestations.insert(id.clone(), bytes.clone());
            self.prove(url, id, "attestation", &bytes).await?;
        }
        Ok(())
    }

    /// What anyone can read is under the signed checkpoint, and is the entry
    /// that the proof is about.
    async fn prove(
        &mut self,
        url: &str,
        id: &str,
        of: &str,
        message: &[u8],
    ) -> Result<(), reqwest::Error> {
        let path = format!("/v1/proofs/{id}?format=tlog-proof&of={of}");
        let proof = String::from_utf8(self.get(url, &path).await?).unwrap();
        let proof: TlogProof = proof.parse().unwrap();
        let size = proof.note.checkpoint().size;
        let tile = Tile::of(Content::Entries, proof.index / WIDTH, size).unwrap();
        let bundle = self.get(url, &format!("/tile/{tile}")).await?;
        let within = usize::try_from(proof.index % WIDTH).unwrap();
        let entry = unbundle(&bundle).unwrap()[within];
        assert!(entry.ends_with(message), "{of} of {id}");
        if self.log_key.is_none() {
            let Ok(oracle) = Client::new(url).unwrap().oracle().await else {
                return Ok(());
            };
            let (origin, key) = (&oracle.log_origin, &oracle.log_public_key);
            self.log_key = Some(NoteKey::new(origin, Algorithm::Ed25519, key).unwrap());
        }
        let key = self.log_key.as_ref().unwrap();
        let root = proof.verify(entry, key).unwrap().root;
        let before = self.heads.insert(size, root);
        assert!(
            before.is_none_or(|before| before == root),
            "two heads of {size}"
        );
        Ok(())
    }

    async fn get(&self, url: &str, path: &str) -> Result<Vec<u8>, reqwest::Error> {
        let answer = self.http.get(format!("{url}{path}")).send().await?;
        answer.error_for_status()?.bytes().await.map(Vec::from)
    }

    async fn fetch(&self, url: &str, what: &str, id: &str) -> Result<Vec<u8>, reqwest::Error> {
        self.get(url, &format!("/v1/{what}/{id}?format=tlv")).await
    }

    /// Waits until every event that has matured by `until` is finished.
    pub(crate) async fn quiet(&self, url: &str, until: DateTime<Utc>) -> Vec<Seen> {
        let from = DateTime::UNIX_EPOCH;
        let mut open = Vec::new();
        let waiting = async {
            loop {
                let events = self.events(url, from, until).await.unwrap();
                open = events
                    .iter()
                    .filter(|e| {
                        !["attested", "voided", "refund", "withdrawn"].contains(&e.state.as_str())
                    })
                    .map(|e| format!("{} {}", e.event_id, e.state))
                    .collect();
                if open.is_empty() && now() > until {
                    return events;
                }
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        let Ok(events) = tokio::time::timeout(QUIET_WITHIN, waiting).await else {
            panic!("{} events are not finished: {open:?}", open.len());
        };
        events
    }

    /// Asks again for everything ever shown: the same bytes, and all of it
    /// verifies.
    pub(crate) async fn assert_unchanged(&self, url: &str) {
        let client = Client::new(url).unwrap();
        for (id, bytes) in &self.announcements {
            let again = self.fetch(url, "announcements", id).await;
            assert_eq!(&again.unwrap(), bytes, "announcement of {id}");
        }
        for (id, bytes) in &self.attestations {
            let again = self.fetch(url, "attestations", id).await;
            assert_eq!(&again.unwrap(), bytes, "attestation of {id}");
        }
        for id in self.announcements.keys() {
            let id = EventId::parse(id).unwrap();
            if self.attestations.contains_key(id.as_str()) {
                client.attestation(&id).await.unwrap();
            } else {
                client.announcement(&id).await.unwrap();
            }
        }
    }
}
