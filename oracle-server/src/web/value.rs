//! An outcome as far as its policy says what it means; no floats.

use oracle_schema::Descriptor;
use oracle_schema::policy::meaning::bound;
pub(super) use oracle_schema::policy::meaning::with_point;
use oracle_schema::policy::{Policy, Rule};

use super::words::{Badge, Distance, Stamp, late};
use crate::http::AppState;
use crate::http::query::path_segment;
use crate::store::StoreError;
use crate::store::read::EventView;

/// What came out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Value {
    /// As attested.
    pub(super) outcome: String,
    /// What an attested integer counts.
    pub(super) unit: Option<String>,
    /// The price that it stands for, exact.
    pub(super) price: Option<Price>,
}

/// The price behind an attested integer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Price {
    /// Name in the policy.
    pub(super) name: String,
    /// The integer with its decimal point.
    pub(super) decimal: String,
    /// `≥` or `≤` where the digits may have cut it off, else empty.
    pub(super) bound: &'static str,
}

impl Value {
    /// Of an outcome under a descriptor and, where it can be read, its policy.
    pub(super) fn of(outcome: &str, descriptor: &Descriptor, policy: Option<&Policy>) -> Self {
        let Descriptor::Digits(digits) = descriptor else {
            return Self {
                outcome: outcome.to_owned(),
                unit: None,
                price: None,
            };
        };
        let price = match policy.map(|p| &p.rule) {
            Some(Rule::Digits {
                price, decimals, ..
            }) => Some(Price {
                name: price.name.clone(),
                decimal: with_point(outcome, usize::try_from(*decimals).unwrap_or(usize::MAX)),
                bound: bound(outcome, digits.base(), digits.nb_digits()),
            }),
            _ => None,
        };
        Self {
            outcome: outcome.to_owned(),
            unit: Some(digits.unit().to_owned()),
            price,
        }
    }
}

/// An event as a line of a list.
pub(super) struct Line {
    pub(super) id: String,
    /// What it asks, where its policy can be read.
    pub(super) title: Option<String>,
    pub(super) href: String,
    pub(super) kind: String,
    pub(super) state: Badge,
    pub(super) maturity: Stamp,
    pub(super) distance: Distance,
    pub(super) value: Option<Value>,
    pub(super) reason: Option<String>,
    /// Attestation after maturity.
    pub(super) lateness: Option<String>,
    pub(super) lateness_ms: Option<i64>,
}

/// The page of an event.
pub(super) fn event_href(id: &str) -> String {
    format!("/events/{}", path_segment(id))
}

/// The page of a series.
pub(super) fn series_href(id: &str) -> String {
    format!("/series/{}", path_segment(id))
}

/// Events as lines, each with what its policy says about its outcome.
pub(super) async fn lines(app: &AppState, events: Vec<EventView>) -> Result<Vec<Line>, StoreError> {
    let mut lines = Vec::with_capacity(events.len());
    for event in events {
        let policy = app.policies.of(&app.store, &event.policy_hash).await?;
        lines.push(line(app, event, policy.as_deref()));
    }
    Ok(lines)
}

fn line(app: &AppState, event: EventView, policy: Option<&Policy>) -> Line {
    let matures_at = chrono::DateTime::from_timestamp(event.maturity.unix(), 0).unwrap_or_default();
    let value = event
        .outcome
        .as_deref()
        .map(|outcome| Value::of(outcome, &event.descriptor, policy));
    let lateness_ms = event
        .attested_at
        .map(|at| (at - matures_at).num_milliseconds());
    Line {
        href: event_href(event.event_id.as_str()),
        id: event.event_id.to_string(),
        title: policy.map(|p| p.headline(Some(event.maturity.unix()))),
        kind: event.kind,
        state: Badge(event.state),
        maturity: Stamp(matures_at),
        distance: Distance {
            to: matures_at,
            from: app.clock.now(),
        },
        value,
        reason: event.reason,
        lateness: lateness_ms.map(late),
        lateness_ms,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_decimal_has_exactly_the_digits_of_the_integer() {
        for (integer, decimals, text) in [
            ("251234", 6, "0.251234"),
            ("1251234", 6, "1.251234"),
            ("7", 6, "0.000007"),
            ("0", 2, "0.00"),
            ("-5", 1, "-0.5"),
            ("97431", 0, "97431"),
            (
                "123456789012345678901234567890",
                10,
                "12345678901234567890.1234567890",
            ),
        ] {
            assert_eq!(with_point(integer, decimals), text);
        }
    }

    #[test]
    fn an_outcome_at_the_edge_of_its_digits_says_that_it_may_be_cut() {
        assert_eq!(bound("7", 2, 3), "≥ ");
        assert_eq!(bound("0", 2, 3), "≤ ");
        assert_eq!(bound("6", 2, 3), "");
        // Too large to know is not cut, as far as anyone can tell.
        assert_eq!(bound("7", 65_535, 1_000), "");
    }
}
