//! `[[operator]]`: who may create, report, approve and void; and panels of them.

use std::collections::{BTreeSet, HashSet};
use std::num::NonZeroU32;

use ed25519_dalek::VerifyingKey;
use oracle_schema::policy::{PanelMember, PanelPolicy};

use super::Refusal;
use super::file;
use super::place::Place;

/// A person with a key of his own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operator {
    /// `[A-Za-z0-9._-]{1,64}`; the `keyid` of requests.
    pub name: String,
    /// Ed25519, the canonical encoding of a point of large order.
    pub public_key: [u8; 32],
    /// What requests are accepted.
    pub scopes: BTreeSet<Scope>,
}

impl Operator {
    /// Whether requests of that scope are accepted.
    pub fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

/// What an operator may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Create events.
    Create,
    /// Report outcomes, on panels.
    Report,
    /// Approve others' reports and void proposals; veto.
    Approve,
    /// Propose that an event is void.
    Void,
}

impl Scope {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Report, Self::Approve, Self::Void];

    /// As configured.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Report => "report",
            Self::Approve => "approve",
            Self::Void => "void",
        }
    }
}

const MAX_NAME_BYTES: usize = 64;

pub(super) fn operators(sections: &[file::Operator]) -> Result<Vec<Operator>, Refusal> {
    let mut operators: Vec<Operator> = Vec::with_capacity(sections.len());
    for (index, section) in sections.iter().enumerate() {
        let place = Place::new(format!("operator[{index}] {:?}", section.name));
        let one = operator(&place, section)?;
        if operators.iter().any(|o| o.name == one.name) {
            return Err(place.refuse("name", "another operator has this name"));
        }
        if let Some(other) = operators.iter().find(|o| o.public_key == one.public_key) {
            return Err(place.refuse(
                "public_key",
                format!(
                    "is also {:?}'s: one person would have two votes",
                    other.name
                ),
            ));
        }
        operators.push(one);
    }
    Ok(operators)
}

fn operator(place: &Place, section: &file::Operator) -> Result<Operator, Refusal> {
    let name = section.name.as_str();
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if name.is_empty() || name.len() > MAX_NAME_BYTES || !name.chars().all(plain) {
        return Err(place.refuse("name", "must be 1 to 64 of A-Z a-z 0-9 . _ -"));
    }
    let mut scopes = BTreeSet::new();
    for (i, text) in section.scopes.iter().enumerate() {
        let key = format!("scopes[{i}]");
        let scope = Scope::ALL
            .into_iter()
            .find(|s| s.as_str() == text)
            .ok_or_else(|| {
                let known = Scope::ALL.map(Scope::as_str).join(", ");
                place.refuse(&key, format!("{text:?} is not a scope; known are {known}"))
            })?;
        if !scopes.insert(scope) {
            return Err(place.refuse(&key, format!("{text:?} occurs twice")));
        }
    }
    Ok(Operator {
        name: name.to_owned(),
        public_key: public_key(&section.public_key)
            .map_err(|reason| place.refuse("public_key", reason))?,
        scopes,
    })
}

/// A key under which a signature proves one author and one message.
fn public_key(text: &str) -> Result<[u8; 32], &'static str> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes)
        .map_err(|_| "must be 64 hexadecimal digits, an Ed25519 public key")?;
    let key = VerifyingKey::from_bytes(&bytes).map_err(|_| "is not a point of Ed25519's curve")?;
    if key.is_weak() {
        return Err("is a point of small order: anybody can sign under it");
    }
    if key.to_edwards().compress().to_bytes() != bytes {
        return Err("is not the canonical encoding of its point");
    }
    Ok(bytes)
}

/// Resolves the names of a panel to the keys that its policy pins.
pub(super) fn panel(
    place: &Place,
    names: &[String],
    k: u32,
    operators: &[Operator],
) -> Result<PanelPolicy, Refusal> {
    let mut seen = HashSet::new();
    let mut members = Vec::with_capacity(names.len());
    for (i, name) in names.iter().enumerate() {
        let key = format!("panel[{i}]");
        if !seen.insert(name) {
            return Err(place.refuse(&key, format!("{name:?} occurs twice")));
        }
        let operator = operators
            .iter()
            .find(|o| o.name == *name)
            .ok_or_else(|| place.refuse(&key, format!("there is no operator {name:?}")))?;
        if !operator.may(Scope::Report) {
            return Err(place.refuse(
                &key,
                format!("operator {name:?} does not have the scope \"report\""),
            ));
        }
        members.push(PanelMember {
            name: operator.name.clone(),
            public_key: hex::encode(operator.public_key),
        });
    }
    if members.is_empty() {
        return Err(place.refuse("panel", "names nobody"));
    }
    let k = NonZeroU32::new(k)
        .filter(|k| k.get() as usize <= members.len())
        .ok_or_else(|| {
            place.refuse(
                "k",
                format!("is {k}; must be 1 to {}, the panel's size", members.len()),
            )
        })?;
    Ok(PanelPolicy { members, k })
}
