//! Where in the configuration a refusal belongs.

use super::{Refusal, seconds};

/// Where an entry stands, so that refusals can name its keys.
pub(super) struct Place(String);

impl Place {
    /// `prefix`: the entry's own key; empty where it stands alone.
    pub(super) fn new(prefix: impl Into<String>) -> Self {
        Self(prefix.into())
    }

    /// A key of the entry, dotted.
    pub(super) fn at(&self, key: &str) -> String {
        match self.0.as_str() {
            "" => key.to_owned(),
            prefix => format!("{prefix}.{key}"),
        }
    }

    /// A refusal of one key.
    pub(super) fn refuse(&self, key: &str, reason: impl ToString) -> Refusal {
        Refusal::new(self.at(key), reason)
    }

    /// What must be given.
    pub(super) fn required<T>(&self, key: &str, value: Option<T>) -> Result<T, Refusal> {
        value.ok_or_else(|| self.refuse(key, "is missing"))
    }

    /// A whole number of seconds, or the default.
    pub(super) fn seconds(
        &self,
        key: &str,
        text: Option<&str>,
        default: u32,
    ) -> Result<u32, Refusal> {
        text.map_or(Ok(default), |t| seconds(self.at(key), t))
    }
}
