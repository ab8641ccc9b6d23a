//! The chain announcement → policy → evidence → decision → outcome: every
//! document has the hash that the log gives it, and deciding again by the policy
//! on the evidence leads to what was attested.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use futures::StreamExt as _;
use oracle_feeds::replay::{self, Conclusion, Evidence, Standing};
use oracle_schema::{Descriptor, EventId, Outcome};
use quick_cache::sync::Cache;

use super::documents::{Document, Documents, Hash, Known, Recorded};
use super::entries::Link;
use super::index::{Kind, Mention};
use super::report::{Finding, Subject, Totals};
use super::source::{Absent, Source};

/// Manifests that are fetched and replayed at a time.
const AT_ONCE: usize = 8;
/// Replays cached.
const REPLAYS: usize = 4096;

/// What a replay comes to; for prices it is that of every event under the same
/// policy and manifest.
#[derive(Debug)]
struct Replayed {
    maturity: i64,
    descriptor: Descriptor,
    outcome: Outcome,
    conclusion: Conclusion,
    why: String,
    withheld: u64,
}

/// Everything that links of one batch come to.
#[derive(Debug, Default)]
pub(super) struct Linked {
    pub(super) mentions: Vec<Mention>,
    pub(super) violations: Vec<Finding>,
    /// With the position to be checked again when it can be had.
    pub(super) missing: Vec<(u64, Finding)>,
    /// Positions that wait for a policy of which another entry says that it is
    /// missing.
    pub(super) waiting: Vec<u64>,
    pub(super) totals: Totals,
    /// Milliseconds from the settle delay's end to the decision, by event.
    pub(super) lateness: Vec<(i64, EventId)>,
}

/// Decides one outcome again.
type Decide = fn(&Evidence<'_>) -> replay::Report;

/// Decides outcomes again; what several events share is decided once.
pub(super) struct Replayer {
    documents: Documents,
    decide: Decide,
    replays: Cache<(Hash, Hash), Arc<Replayed>>,
}

impl Replayer {
    /// Policies are stored in `dir`.
    pub(super) fn new(source: Source, dir: &Path) -> io::Result<Self> {
        Ok(Self {
            documents: Documents::new(source, dir)?,
            decide: replay::replay,
            replays: Cache::new(REPLAYS),
        })
    }

    /// The policy under a hash, and whether it was read for this.
    pub(super) async fn policy(&self, hash: &Hash) -> io::Result<(Known, bool)> {
        self.documents.policy(hash).await
    }

    /// Checks the links of one batch; `due` says at which positions.
    pub(super) async fn check(
        &self,
        links: Vec<Link>,
        due: impl Fn(u64) -> bool,
    ) -> io::Result<Linked> {
        let mut linked = Linked::default();
        let mut named: BTreeMap<Hash, u64> = BTreeMap::new();
        for link in links.iter().filter(|link| due(link.position)) {
            let first = named.entry(link.policy_hash).or_insert(link.position);
            *first = link.position.min(*first);
        }
        let policies = self.load(&named, &mut linked).await?;
        let mut rounds: BTreeMap<Hash, Vec<Link>> = BTreeMap::new();
        for link in links {
            let known = policies.get(&link.policy_hash);
            if matches!(known, Some(Known::Absent(_))) {
                linked.waiting.push(link.position);
            }
            match &link.outcome {
                None => announced(&link, known, &mut linked),
                Some((manifest, _)) => rounds.entry(*manifest).or_default().push(link),
            }
        }
        let policies = &policies;
        let rounds = futures::stream::iter(rounds)
            .map(|(manifest, links)| self.round(manifest, links, policies));
        let mut rounds = rounds.buffered(AT_ONCE);
        while let Some(round) = rounds.next().await {
            linked.violations.extend(round.violations);
            linked.missing.extend(round.missing);
            linked.mentions.extend(round.mentions);
            linked.lateness.extend(round.lateness);
            linked.totals.add(&round.totals);
        }
        Ok(linked)
    }

    /// The policies under these hashes; what is wrong with one is said once, at
    /// the first entry that names it.
    async fn load(
        &self,
        named: &BTreeMap<Hash, u64>,
        linked: &mut Linked,
    ) -> io::Result<BTreeMap<Hash, Known>> {
        let mut all = BTreeMap::new();
        let loads = futures::stream::iter(named.iter());
        let mut loads = loads
            .map(async |(hash, position)| (*hash, *position, self.policy(hash).await))
            .buffered(AT_ONCE);
        while let Some((hash, position, loaded)) = loads.next().await {
            let (known, is_new) = loaded?;
            if is_new {
                let subject = Subject::Policy {
                    hash: hex::encode(hash),
                    position,
                };
                match &known {
                    Known::Read(_) => linked.totals.policies += 1,
                    Known::Wrong(why) => linked.violations.push(Finding::new(subject, why)),
                    Known::Absent(why) => {
                        linked.missing.push((position, Finding::new(subject, why)));
                    }
                }
            }
            all.insert(hash, known);
        }
        Ok(all)
    }

    /// The attestations that rest on one manifest.
    async fn round(
        &self,
        hash: Hash,
        links: Vec<Link>,
        policies: &BTreeMap<Hash, Known>,
    ) -> Linked {
        let mut linked = Linked::default();
        let recorded = match self.documents.recorded(&hash).await {
            Ok(recorded) => recorded,
            Err(absent) => {
                linked.missing.extend(links.iter().map(|link| {
                    let finding = Finding::new(manifest_of(link, &hash), &absent);
                    (link.position, finding)
                }));
                return linked;
            }
        };
        for link in links {
            let Some(Known::Read(document)) = policies.get(&link.policy_hash) else {
                // Said of the policy, and waiting for it.
                continue;
            };
            let document = document.clone();
            let claimed = recorded.operators.iter();
            let claimed = claimed.map(|key| Mention::new(Kind::Claimed, *key, link.position));
            linked.mentions.extend(claimed);
            if let Some(decided_ms) = recorded.decided_ms {
                let settled = i64::from(document.policy.rule.settle_delay_s());
                let settled = link.maturity.unix().saturating_add(settled);
                let late = decided_ms.saturating_sub(settled.saturating_mul(1000));
                linked.lateness.push((late, link.event_id.clone()));
            }
            self.outcome(&hash, &link, &document, &recorded, &mut linked)
                .await;
        }
        linked
    }

    async fn outcome(
        &self,
        hash: &Hash,
        link: &Link,
        document: &Arc<Document>,
        recorded: &Arc<Recorded>,
        linked: &mut Linked,
    ) {
        let key = (link.policy_hash, *hash);
        let known = self.replays.get(&key).filter(|known| known.is_of(link));
        let replayed = if let Some(known) = known {
            known
        } else {
            let replayed = replay(self.decide, *hash, link, document, recorded);
            let Some(replayed) = replayed.await else {
                linked.undecided(link, hash);
                return;
            };
            let replayed = Arc::new(replayed);
            // A rule about facts may ask operators, who speak of one event.
            let is_shared = document.policy.rule.price().is_some();
            if is_shared && replayed.conclusion != Conclusion::Mismatch {
                self.replays.insert(key, replayed.clone());
            }
            replayed
        };
        linked.totals.outcomes_replayed += 1;
        linked.totals.withheld += replayed.withheld;
        let finding = || Finding::new(manifest_of(link, hash), &replayed.why);
        match replayed.conclusion {
            Conclusion::Reproduced => {}
            Conclusion::Incomplete => linked.missing.push((link.position, finding())),
            Conclusion::Mismatch => linked.violations.push(finding()),
        }
    }
}

impl Linked {
    /// An outcome about which this audit knows nothing.
    fn undecided(&mut self, link: &Link, hash: &Hash) {
        let why = "could not be decided again: this program failed at it";
        let finding = Finding::new(manifest_of(link, hash), why);
        self.missing.push((link.position, finding));
    }
}

fn manifest_of(link: &Link, hash: &Hash) -> Subject {
    Subject::Manifest {
        hash: hex::encode(hash),
        position: link.position,
        event: link.event_id.to_string(),
    }
}

/// An announcement: its policy announces the same outcomes.
fn announced(link: &Link, known: Option<&Known>, linked: &mut Linked) {
    let mut mention = Mention::of_event(Kind::Announced, &link.event_id, link.position);
    mention.time.0 = link.maturity.epoch();
    if let Some(Known::Read(document)) = known {
        mention.time.1 = document.policy.give_up_after_s;
        if document.descriptor.as_ref() != Some(&link.descriptor) {
            let subject = Subject::Entry {
                position: link.position,
                what: format!("announcement of {}", link.event_id),
            };
            let why = "announces other outcomes than its policy has";
            linked.violations.push(Finding::new(subject, why));
        }
    }
    linked.mentions.push(mention);
}

impl Replayed {
    fn is_of(&self, link: &Link) -> bool {
        let outcome = link.outcome.as_ref().map(|(_, outcome)| outcome);
        self.maturity == link.maturity.unix()
            && self.descriptor == link.descriptor
            && Some(&self.outcome) == outcome
    }
}

/// `None` if the decision cannot be made here.
async fn replay(
    decide: Decide,
    manifest_sha256: Hash,
    link: &Link,
    document: &Arc<Document>,
    recorded: &Arc<Recorded>,
) -> Option<Replayed> {
    let (_, outcome) = link.outcome.as_ref()?;
    let (document, recorded) = (document.clone(), recorded.clone());
    let (id, descriptor) = (link.event_id.clone(), link.descriptor.clone());
    let (maturity, outcome) = (link.maturity.unix(), outcome.clone());
    let policy_hash = link.policy_hash;
    let replayed = move || {
        let report = decide(&Evidence {
            manifest: &recorded.manifest,
            manifest_sha256,
            policy: &document.bytes,
            policy_hash,
            event_id: &id,
            maturity,
            descriptor: &descriptor,
            outcome: &outcome,
            bodies: &recorded.bodies,
        });
        let withheld = report.count(|s| *s == Standing::Withheld);
        Replayed {
            conclusion: report.conclusion(),
            why: why(&report, &recorded.unavailable),
            withheld: withheld as u64,
            maturity,
            descriptor,
            outcome,
        }
    };
    tokio::task::spawn_blocking(replayed).await.ok()
}

/// Everything that is wrong; else everything that is not there.
fn why(report: &replay::Report, unavailable: &BTreeMap<String, Absent>) -> String {
    let is_wrong = report.conclusion() == Conclusion::Mismatch;
    let general = if is_wrong {
        &report.mismatches
    } else {
        &report.missing
    };
    let mut all = general.clone();
    for observation in &report.observations {
        let (Standing::Mismatch(why) | Standing::Missing(why)) = &observation.standing else {
            continue;
        };
        if is_wrong != matches!(observation.standing, Standing::Mismatch(_)) {
            continue;
        }
        let body = observation.sha256.as_deref().unwrap_or_default();
        let fetched = match unavailable.get(body) {
            Some(absent) => format!(" (evidence {body} {absent})"),
            None => String::new(),
        };
        let (source, attempt) = (&observation.source, observation.attempt);
        all.push(format!("{source} attempt={attempt}: {why}{fetched}"));
    }
    all.join("; ")
}

#[cfg(test)]
mod tests {
    use oracle_schema::policy::Policy;
    use oracle_schema::{EnumDescriptor, Maturity};
    use serde_json::json;

    use super::*;
    use crate::Options;

    fn fails(_: &Evidence<'_>) -> replay::Report {
        panic!("as a rule may over an answer that nobody thought of")
    }

    fn document() -> Document {
        let source = |name: &str| {
            json!({
                "id": format!("generic:{name}"), "provider": "generic", "symbol": name,
                "root": name,
                "selector": {
                    "url": format!("http://{name}.test/p?at={{unix}}"),
                    "value": "$.price", "time": "$.ts", "time_unit": "s",
                },
            })
        };
        let leg = json!({
            "name": "ppcusd", "method": "close1m_median", "sources": [source("a"), source("b")],
            "min_sources": 2, "max_deviation": "0.05", "max_trade_age_s": 900,
            "settle_delay_s": 0,
        });
        let policy: Policy = serde_json::from_value(json!({
            "version": 1, "give_up_after_s": 259_200,
            "rule": {
                "kind": "threshold", "above": "0.25",
                "price": {"name": "ppcusd", "legs": [leg]},
            },
        }))
        .unwrap();
        Document {
            bytes: Vec::new(),
            policy,
            descriptor: None,
        }
    }

    #[tokio::test]
    async fn an_outcome_at_which_the_audit_itself_fails_is_missing_and_asked_for_again() {
        let dir = tempfile::tempdir().unwrap();
        let source = Source::new(dir.path().to_str().unwrap(), &Options::default()).unwrap();
        let mut replayer = Replayer::new(source, dir.path()).unwrap();
        replayer.decide = fails;
        let link = Link {
            position: 7,
            event_id: EventId::parse("event").unwrap(),
            maturity: Maturity::from_epoch(1),
            descriptor: Descriptor::Enum(EnumDescriptor::normalised(&["above", "not"]).unwrap()),
            policy_hash: [1; 32],
            outcome: Some(([2; 32], Outcome::Enum("above".to_owned()))),
        };
        let (document, recorded) = (Arc::new(document()), Arc::new(Recorded::default()));
        let mut linked = Linked::default();
        let outcome = replayer.outcome(&[2; 32], &link, &document, &recorded, &mut linked);
        outcome.await;
        assert_eq!(linked.totals.outcomes_replayed, 0);
        let [(7, finding)] = linked.missing.as_slice() else {
            panic!("{:?}", linked.missing);
        };
        assert_eq!(finding.subject, manifest_of(&link, &[2; 32]));
    }
}
