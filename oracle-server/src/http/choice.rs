//! How much of what is open single parties can choose, as readers are told.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use oracle_schema::policy::{Choice, FORGEABLE_BITS, OpenChoice, Policy};
use serde::Serialize;
use tokio::sync::Mutex;
use utoipa::ToSchema;

use super::AppState;
use crate::keys::RoundKey;
use crate::store::{OpenPolicy, StoreError};

/// How long a cached figure is good: it is the sum over everything open, and everybody
/// asks for it.
const FRESH_FOR: Duration = Duration::from_secs(5);

/// Policies of one price that are told apart maturity by maturity; those beyond
/// are counted as if their maturities were others.
const TOLD_APART: usize = 62;

/// Bits of choice of one root over everything open, by `source`; of operators
/// without a label.
const SOURCE_BITS: &str = "oracle_choice_source_bits";
const OPERATOR_BITS: &str = "oracle_choice_operators_bits";
/// How many roots could forge a signature: an alarm above zero.
const FORGERS: &str = "oracle_choice_forgers";

/// The figure as it was computed last, by whoever has the turn.
#[derive(Default)]
pub(crate) struct Choices {
    last: RwLock<Option<Cached>>,
    turn: Mutex<()>,
}

#[derive(Clone)]
struct Cached {
    /// By [`crate::clock::Clock::uptime`].
    computed_at: Duration,
    open: Arc<OpenChoice>,
}

impl Choices {
    /// At most [`FRESH_FOR`] old; whoever asks while the next one is computed gets the
    /// one before, and waits only for the first.
    pub(crate) async fn get(&self, app: &AppState) -> Result<Arc<OpenChoice>, StoreError> {
        let fresh =
            |cached: &Cached| app.clock.uptime().saturating_sub(cached.computed_at) < FRESH_FOR;
        let _turn = match (self.last(), self.turn.try_lock()) {
            (Some(cached), _) if fresh(&cached) => return Ok(cached.open),
            (Some(cached), Err(_)) => return Ok(cached.open),
            (_, Ok(turn)) => turn,
            (None, Err(_)) => self.turn.lock().await,
        };
        let before = self.last();
        if let Some(cached) = before.as_ref().filter(|cached| fresh(cached)) {
            return Ok(Arc::clone(&cached.open));
        }
        let computed_at = app.clock.uptime();
        let open = Arc::new(open_choice(app).await?);
        report(before.as_ref().map(|cached| &*cached.open), &open);
        *self.last.write().unwrap_or_else(PoisonError::into_inner) = Some(Cached {
            computed_at,
            open: Arc::clone(&open),
        });
        Ok(open)
    }

    fn last(&self) -> Option<Cached> {
        // It is replaced as a whole, so nobody leaves it half written.
        self.last
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// A policy of prices with what is open under it.
struct Priced {
    policy: Arc<Policy>,
    open: OpenPolicy,
}

async fn open_choice(app: &AppState) -> Result<OpenChoice, StoreError> {
    let mut all = OpenChoice::default();
    // Events of one price share its value, and one price is one name and its legs.
    let mut prices: BTreeMap<RoundKey, Vec<Priced>> = BTreeMap::new();
    for open in app.store.open_questions().await? {
        // What this build cannot read was announced by a newer one.
        let Some(policy) = app.policies.of(&app.store, &open.policy_hash).await? else {
            continue;
        };
        match policy.rule.price() {
            Some(price) => {
                let key = RoundKey::of_price(price)?;
                prices.entry(key).or_default().push(Priced { policy, open });
            }
            None => all.add(&policy.rule.choice(), open.events),
        }
    }
    for sharing in prices.values() {
        for some in sharing.chunks(TOLD_APART) {
            add_prices(app, &mut all, some).await?;
        }
    }
    Ok(all)
}

/// Adds events of one price: those of one maturity are one question.
async fn add_prices(
    app: &AppState,
    all: &mut OpenChoice,
    sharing: &[Priced],
) -> Result<(), StoreError> {
    if let [only] = sharing {
        all.add(&only.policy.rule.choice(), only.open.maturities);
        return Ok(());
    }
    let hashes: Vec<[u8; 32]> = sharing.iter().map(|p| p.open.policy_hash).collect();
    for (together, maturities) in app.store.open_together(&hashes).await? {
        let rules = sharing.iter().enumerate();
        let rules = rules.filter(|(bit, _)| together >> bit & 1 == 1);
        let choice = Choice::shared(rules.map(|(_, p)| &p.policy.rule));
        all.add(&choice, maturities);
    }
    Ok(())
}

/// Publishes the figures, and says once when somebody can forge.
#[allow(
    clippy::cast_precision_loss,
    reason = "gauges are floats by their format"
)]
fn report(before: Option<&OpenChoice>, open: &OpenChoice) {
    let gauge = |root: &str| metrics::gauge!(SOURCE_BITS, "source" => root.to_owned());
    let gone = before.into_iter().flat_map(|before| before.sources.keys());
    for root in gone.filter(|root| !open.sources.contains_key(*root)) {
        gauge(root).set(0.0);
    }
    for (root, bits) in &open.sources {
        gauge(root).set(bits.whole() as f64);
    }
    metrics::gauge!(OPERATOR_BITS).set(open.operators.whole() as f64);
    metrics::gauge!(FORGERS).set(open.forgers().count() as f64);
    for root in open.forgers() {
        if before.is_none_or(|before| before.forgers().all(|known| known != root)) {
            tracing::warn!(
                source = root,
                limit = FORGEABLE_BITS,
                "a source can choose enough of the open events to forge a signature of the \
                 oracle's key; oracle-server check says how to shrink that"
            );
        }
    }
}

/// How much of what the announced events will sign single outside parties can
/// choose, in bits, at most. Whoever chooses 256 can forge a signature of the
/// oracle's key.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChoiceJson {
    /// Of all events together that one operator alone decides.
    #[schema(minimum = 0)]
    operators_bits: u64,
    /// By root of independence (all sources of one root are one party): how much
    /// that root alone can choose. Roots that can choose nothing are left out.
    sources: BTreeMap<String, u64>,
}

impl From<&OpenChoice> for ChoiceJson {
    fn from(open: &OpenChoice) -> Self {
        let sources = open.sources.iter();
        Self {
            operators_bits: open.operators.whole(),
            sources: sources.map(|(r, b)| (r.clone(), b.whole())).collect(),
        }
    }
}

/// The same in a report of health. Whoever can forge is an alarm, and no reason
/// for 503: the service does its job, and stopping it would help nobody.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ChoiceHealthJson {
    /// Bits, of all events together that one operator alone decides.
    #[schema(minimum = 0)]
    operators_bits: u64,
    /// Bits, by root of independence.
    sources: BTreeMap<String, u64>,
    /// Roots with 256 bits or more, who can forge a signature of the oracle's key;
    /// should be empty.
    forgers: Vec<String>,
}

impl From<&OpenChoice> for ChoiceHealthJson {
    fn from(open: &OpenChoice) -> Self {
        let ChoiceJson {
            operators_bits,
            sources,
        } = open.into();
        Self {
            operators_bits,
            sources,
            forgers: open.forgers().map(str::to_owned).collect(),
        }
    }
}
