//! `title`, `description`, `names`: what an event asks, for people.

use std::collections::BTreeMap;

use oracle_schema::policy::Rule;
use oracle_schema::policy::question::{check_description, check_name, check_title};

use super::Refusal;
use super::file::Entry;
use super::place::Place;

/// The keys, of every kind.
pub(super) const KEYS: [&str; 3] = ["title", "description", "names"];
/// Kinds of which nothing but the title says what they ask.
const MUST_BE_ASKED: [&str; 2] = ["fact", "operators"];

/// The three texts, checked.
#[derive(Debug, Default)]
pub(super) struct Texts {
    pub(super) title: Option<String>,
    pub(super) description: Option<String>,
    pub(super) names: BTreeMap<String, String>,
}

/// Reads them; `outcomes` is what can come out, where that is a list.
pub(super) fn texts(
    place: &Place,
    entry: &Entry,
    rule: &Rule,
    outcomes: &[String],
) -> Result<Texts, Refusal> {
    if entry.title.is_none() && MUST_BE_ASKED.contains(&entry.kind.as_str()) {
        return Err(place.refuse(
            "title",
            format!("is missing: kind {:?} asks what its title says", entry.kind),
        ));
    }
    if let Some(title) = &entry.title {
        check_title(title, rule).map_err(|e| place.refuse("title", e))?;
    }
    if let Some(description) = &entry.description {
        check_description(description, rule).map_err(|e| place.refuse("description", e))?;
    }
    let names = entry.names.as_ref().map(|table| table.0.clone());
    let names = names.unwrap_or_default();
    for (key, name) in &names {
        let own_key = format!("names.{key}");
        let roles = roles(&entry.kind);
        if !roles.contains(&key.as_str()) && !outcomes.contains(key) {
            let known: Vec<&str> = roles
                .iter()
                .copied()
                .chain(outcomes.iter().map(String::as_str))
                .collect();
            let known = match known.as_slice() {
                [] => format!("kind {:?} has nothing to name", entry.kind),
                known => format!("known are {}", known.join(", ")),
            };
            return Err(place.refuse(
                &own_key,
                format!("is nothing that the event knows; {known}"),
            ));
        }
        check_name(name).map_err(|e| place.refuse(&own_key, e))?;
    }
    Ok(Texts {
        title: entry.title.clone(),
        description: entry.description.clone(),
        names,
    })
}

/// What a kind has besides outcomes that people call by a name.
fn roles(kind: &str) -> &'static [&'static str] {
    match kind {
        "match" => &["home", "away", "competition"],
        "election" => &["office", "area"],
        "operators" => &["home", "away", "competition", "office", "area"],
        _ => &[],
    }
}
