//! What a reader sets once for all commands, in a file.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use oracle_client::NoteKey;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

use super::Failure;

/// The file, where `ORACLE_CONFIG` names none; below the reader's configuration folder.
const FILE: &str = "oracle/config.toml";

/// Flags and environment go before it.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Settings {
    /// `--url`.
    pub(super) url: Option<String>,
    /// `--identity`.
    #[serde(deserialize_with = "identity")]
    pub(super) identity: Option<NoteKey>,
    /// `--witnesses`; relative to the file's folder.
    pub(super) witnesses: Option<PathBuf>,
    /// `--memory`; relative to the file's folder.
    pub(super) memory: Option<PathBuf>,
}

/// Read once.
pub(super) fn settings() -> Result<&'static Settings, Failure> {
    static SETTINGS: OnceLock<Result<Settings, String>> = OnceLock::new();
    let settings = SETTINGS.get_or_init(load);
    settings.as_ref().map_err(|e| Failure::Usage(e.clone()))
}

/// The usual file may be missing; one that was named may not.
fn load() -> Result<Settings, String> {
    let named = std::env::var_os("ORACLE_CONFIG").filter(|name| !name.is_empty());
    let is_named = named.is_some();
    let usual = || super::folder("XDG_CONFIG_HOME", ".config").map(|folder| folder.join(FILE));
    let Some(file) = named.map(PathBuf::from).or_else(usual) else {
        return Ok(Settings::default());
    };
    let bad = |e: &dyn std::fmt::Display| format!("{}: {e}", file.display());
    match std::fs::read_to_string(&file) {
        Ok(text) => parse(&text, file.parent()).map_err(|e| bad(&e)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound && !is_named => Ok(Settings::default()),
        Err(e) => Err(bad(&e)),
    }
}

fn identity<'de, D: Deserializer<'de>>(input: D) -> Result<Option<NoteKey>, D::Error> {
    let text = String::deserialize(input)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

fn parse(text: &str, folder: Option<&Path>) -> Result<Settings, toml::de::Error> {
    let mut settings: Settings = toml::from_str(text)?;
    for path in [&mut settings.witnesses, &mut settings.memory] {
        if let (Some(path), Some(folder)) = (path.as_mut(), folder) {
            *path = folder.join(&*path);
        }
    }
    Ok(settings)
}
