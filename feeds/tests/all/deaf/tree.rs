//! JSON as a tree that keeps every number as it was written.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

/// A JSON value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Tree {
    /// Anything that holds nothing, as it stands in the text.
    Leaf(String),
    Array(Vec<Tree>),
    Object(BTreeMap<String, Tree>),
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Step {
    Key(String),
    Item(usize),
}

/// Where a value stands.
pub(super) type Place = Vec<Step>;

/// As people write it: `response[0].score.fulltime.home`.
pub(super) fn shown(place: &[Step]) -> String {
    let mut text = String::new();
    for step in place {
        match step {
            Step::Key(key) if text.is_empty() => text.push_str(key),
            Step::Key(key) => {
                text.push('.');
                text.push_str(key);
            }
            Step::Item(index) => text.extend(["[", &index.to_string(), "]"]),
        }
    }
    text
}

impl Tree {
    pub(super) fn parse(text: &str) -> Self {
        let text = text.trim();
        if text.starts_with('[') {
            let items: Vec<Box<RawValue>> = serde_json::from_str(text).unwrap();
            return Self::Array(items.iter().map(|i| Self::parse(i.get())).collect());
        }
        if text.starts_with('{') {
            let members: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).unwrap();
            let members = members.into_iter();
            return Self::Object(members.map(|(k, v)| (k, Self::parse(v.get()))).collect());
        }
        Self::Leaf(text.to_owned())
    }

    pub(super) fn write(&self) -> String {
        let joined = |parts: Vec<String>| parts.join(",");
        match self {
            Self::Leaf(text) => text.clone(),
            Self::Array(items) => format!("[{}]", joined(items.iter().map(Self::write).collect())),
            Self::Object(members) => {
                let member = |(k, v): (&String, &Self)| format!("{}:{}", quoted(k), v.write());
                format!("{{{}}}", joined(members.iter().map(member).collect()))
            }
        }
    }

    /// Every place below this one, parents first.
    pub(super) fn places(&self) -> Vec<Place> {
        let mut all = Vec::new();
        self.walk(&mut Vec::new(), &mut all);
        all
    }

    fn walk(&self, at: &mut Place, into: &mut Vec<Place>) {
        let mut visit = |step: Step, child: &Self| {
            at.push(step);
            into.push(at.clone());
            child.walk(at, into);
            at.pop();
        };
        match self {
            Self::Leaf(_) => {}
            Self::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    visit(Step::Item(index), item);
                }
            }
            Self::Object(members) => {
                for (key, member) in members {
                    visit(Step::Key(key.clone()), member);
                }
            }
        }
    }

    pub(super) fn get(&self, place: &[Step]) -> Option<&Self> {
        let Some((first, rest)) = place.split_first() else {
            return Some(self);
        };
        match (self, first) {
            (Self::Array(items), Step::Item(index)) => items.get(*index)?.get(rest),
            (Self::Object(members), Step::Key(key)) => members.get(key)?.get(rest),
            _ => None,
        }
    }

    pub(super) fn get_mut(&mut self, place: &[Step]) -> Option<&mut Self> {
        let Some((first, rest)) = place.split_first() else {
            return Some(self);
        };
        match (self, first) {
            (Self::Array(items), Step::Item(index)) => items.get_mut(*index)?.get_mut(rest),
            (Self::Object(members), Step::Key(key)) => members.get_mut(key)?.get_mut(rest),
            _ => None,
        }
    }
}

pub(super) fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}
