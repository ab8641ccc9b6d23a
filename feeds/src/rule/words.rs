//! Words for people, which nothing decides by.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Words for people. They can be shown, and joined to others; there is no way to
/// look for something in them, so a rule that needs to know what they say has to
/// be told by the variant that carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Words(String);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<String> for Words {
    fn from(words: String) -> Self {
        Self(words)
    }
}

impl From<&str> for Words {
    fn from(words: &str) -> Self {
        Self(words.to_owned())
    }
}
