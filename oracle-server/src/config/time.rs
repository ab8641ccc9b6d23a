//! Whom the service can ask what time it is.

use std::collections::BTreeMap;

use oracle_feeds::provider::peercoin::PEERCOIN;
use oracle_feeds::provider::{GENERIC, GENERIC_NAME, provider};
use oracle_schema::policy::{FactSource, SourcePolicy};

use super::Config;

impl Config {
    /// The roots of all that is configured, and the name under which it is configured
    /// how each is reached. Nodes are none: as a rule they have their time from where the
    /// service has it.
    pub fn time_roots(&self) -> BTreeMap<String, String> {
        let mut roots = BTreeMap::new();
        let mut put = |root: &str, name: &str| {
            roots.entry(root.to_owned()).or_insert(name.to_owned());
        };
        let legs = self.prices.values().flat_map(|price| &price.legs);
        for source in legs.flat_map(|leg| &leg.sources) {
            put(&source.root, price_settings(source));
        }
        for (name, entry) in &self.generic {
            put(&entry.root, name);
        }
        let series = self.series.values().map(|series| &series.definition);
        let definitions = series.chain(self.events.iter().map(|event| &event.definition));
        for source in definitions.flat_map(|d| d.policy.rule.fact_sources()) {
            if source.provider != PEERCOIN {
                put(&source.root, fact_settings(source));
            }
        }
        for name in self.providers.keys() {
            if name != PEERCOIN && provider(name).is_some() {
                put(name, name);
            }
        }
        roots
    }
}

fn price_settings(source: &SourcePolicy) -> &str {
    match source.selector {
        Some(_) => &source.symbol,
        None => &source.provider,
    }
}

fn fact_settings(source: &FactSource) -> &str {
    let named = source.parameters.get(GENERIC_NAME);
    named
        .filter(|_| source.provider == GENERIC)
        .unwrap_or(&source.provider)
}
