//! Adaptor points as a table, where they are few enough to be read.

use oracle_schema::Descriptor;
use serde::Deserialize;

use crate::http::AppState;
use crate::http::points::points;
use crate::http::problem::Problem;
use crate::store::read::EventView;

/// Points that a page shows; contracts ask the API for sums of them anyway.
const MOST_SHOWN: usize = 80;

/// The points of an event.
#[derive(Default)]
pub(super) struct Points {
    /// Outcome or digit value, and its point; empty where there is none to show.
    pub(super) rows: Vec<PointRow>,
    /// More than a page shows.
    pub(super) too_many: bool,
}

/// One line.
pub(super) struct PointRow {
    /// Which digit, from 1; none of an enum event.
    pub(super) digit: Option<usize>,
    pub(super) value: String,
    pub(super) compressed: String,
    /// What came out.
    pub(super) came_true: bool,
}

#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    outcomes: Vec<OutcomeJson>,
    #[serde(default)]
    digits: Vec<DigitJson>,
}

#[derive(Deserialize)]
struct OutcomeJson {
    outcome: String,
    compressed: String,
}

#[derive(Deserialize)]
struct DigitJson {
    index: usize,
    values: Vec<ValueJson>,
}

#[derive(Deserialize)]
struct ValueJson {
    value: String,
    compressed: String,
}

/// The points of an announced event, as `/v1/events/{id}/points` has them.
pub(super) async fn of(app: &AppState, event: &EventView) -> Result<Points, Problem> {
    if event.announced_at.is_none() {
        return Ok(Points::default());
    }
    let count = match &event.descriptor {
        Descriptor::Enum(d) => d.outcomes().len(),
        Descriptor::Digits(d) => usize::from(d.nb_digits()).saturating_mul(usize::from(d.base())),
    };
    if count > MOST_SHOWN {
        return Ok(Points {
            too_many: true,
            ..Points::default()
        });
    }
    let document = points(app, event.event_id.as_str()).await?;
    let Ok(written) = serde_json::from_slice::<Written>(document.body()) else {
        return Ok(Points::default());
    };
    let outcome = event.outcome.as_deref();
    let of_outcomes = written.outcomes.into_iter().map(|o| PointRow {
        digit: None,
        came_true: outcome == Some(o.outcome.as_str()),
        value: o.outcome,
        compressed: o.compressed,
    });
    let of_digits = written.digits.into_iter().flat_map(|digit| {
        digit.values.into_iter().map(move |v| PointRow {
            digit: Some(digit.index + 1),
            value: v.value,
            compressed: v.compressed,
            came_true: false,
        })
    });
    Ok(Points {
        rows: of_outcomes.chain(of_digits).collect(),
        too_many: false,
    })
}
