//! What a policy asks, in the words of whoever configured it: title,
//! description, and names beside ids.
//!
//! One document serves all events of a series, so its texts are templates:
//! [`PLACEHOLDERS`] stand for what the event and the rule say themselves.

use std::collections::BTreeMap;

use chrono::DateTime;
use unicode_normalization::is_nfc;

use super::{Policy, Rule};

/// Longest title, characters.
pub const MAX_TITLE_CHARS: usize = 140;
/// Longest description, characters.
pub const MAX_DESCRIPTION_CHARS: usize = 4000;
/// Longest name, characters.
pub const MAX_NAME_CHARS: usize = 80;

/// What a template may say: the event's maturity (RFC 3339 UTC), the name of
/// the price, what the attested integer counts, the level of a threshold.
pub const PLACEHOLDERS: [&str; 4] = ["maturity", "price", "unit", "above"];

/// A policy's question as an event of it asks it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Question {
    /// What is asked, in one line.
    pub title: Option<String>,
    /// What counts, what does not, where to look; lines end in `\n`.
    pub description: Option<String>,
    /// For people, by role (`home`, `office`, …) or outcome.
    pub names: BTreeMap<String, String>,
}

impl Question {
    /// What a search looks in: title and names in lower case, one a line; none
    /// where there are none.
    pub fn searched(&self) -> Option<String> {
        let texts: Vec<String> = self
            .title
            .iter()
            .chain(self.names.values())
            .map(|text| text.to_lowercase())
            .collect();
        (!texts.is_empty()).then(|| texts.join("\n"))
    }
}

impl Policy {
    /// The question, its templates filled in; `maturity` in Unix seconds. Where
    /// that is not known, `{maturity}` stays.
    ///
    /// Never fails: what is no placeholder of the rule stays as it is.
    pub fn question(&self, maturity: Option<i64>) -> Question {
        let render = |template: &String| render(template, &self.rule, maturity);
        Question {
            title: self.title.as_ref().map(render),
            description: self.description.as_ref().map(render),
            names: self.names.clone(),
        }
    }

    /// What the policy asks in one line: its title, or one made of its rule.
    pub fn headline(&self, maturity: Option<i64>) -> String {
        match &self.title {
            Some(title) => render(title, &self.rule, maturity),
            None => generated(self, maturity),
        }
    }
}

/// Fills in a template. What is filled in is not looked at again.
fn render(template: &str, rule: &Rule, maturity: Option<i64>) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        text.push_str(before);
        let filled = after
            .split_once('}')
            .and_then(|(name, end)| Some((value(name, rule, maturity)?, end)));
        if let Some((value, end)) = filled {
            text.push_str(&value);
            rest = end;
        } else {
            text.push('{');
            rest = after;
        }
    }
    text.push_str(rest);
    text
}

/// What a placeholder stands for; none where the rule has no such thing.
fn value(name: &str, rule: &Rule, maturity: Option<i64>) -> Option<String> {
    match (name, rule) {
        ("maturity", _) => maturity.map(instant),
        ("price", rule) => rule.price().map(|price| price.name.clone()),
        ("unit", Rule::Digits { unit, .. }) => Some(unit.clone()),
        ("unit", rule) => rule.fact_digits().map(|digits| digits.unit.clone()),
        ("above", Rule::Threshold { above, .. }) => Some(above.to_string()),
        _ => None,
    }
}

/// Why a text cannot be part of a question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Nothing in it, or too much.
    #[error("must have 1 to {most} characters; it has {found}")]
    Length {
        /// Characters at most.
        most: usize,
        /// Characters it has, its templates filled in.
        found: usize,
    },
    /// Two texts that look the same could differ.
    #[error("is not in Unicode normalisation form C")]
    NotNfc,
    /// Blanks that nobody sees.
    #[error("has blanks at an end")]
    Blanks,
    /// A character that changes the text and not its look, or moves the rest.
    #[error("has a character that nobody sees, U+{0:04X}")]
    Unseen(u32),
    /// Braces are for placeholders alone.
    #[error("has {0:?}, which stands for nothing here; a brace begins one of {known}", known = listed())]
    Placeholder(String),
}

fn listed() -> String {
    PLACEHOLDERS.map(|name| format!("{{{name}}}")).join(", ")
}

/// Checks a title's template.
///
/// # Errors
///
/// [`TextError`], of the template or of what it becomes.
pub fn check_title(template: &str, rule: &Rule) -> Result<(), TextError> {
    check_template(template, rule, MAX_TITLE_CHARS, false)
}

/// Checks a description's template. Its lines may be many.
///
/// # Errors
///
/// [`TextError`], of the template or of what it becomes.
pub fn check_description(template: &str, rule: &Rule) -> Result<(), TextError> {
    check_template(template, rule, MAX_DESCRIPTION_CHARS, true)
}

/// Checks a name. It is no template.
///
/// # Errors
///
/// [`TextError`].
pub fn check_name(name: &str) -> Result<(), TextError> {
    check_text(name, MAX_NAME_CHARS, false)
}

fn check_template(template: &str, rule: &Rule, most: usize, lines: bool) -> Result<(), TextError> {
    check_text(template, most, lines)?;
    // Every maturity of a four-digit year is written in as many characters.
    let rendered = render(template, rule, Some(0));
    check_text(&rendered, most, lines)?;
    let mut rest = template;
    while let Some(at) = rest.find(['{', '}']) {
        let from = &rest[at..];
        let name = from.strip_prefix('{').and_then(|r| r.split_once('}'));
        match name {
            Some((name, end)) if value(name, rule, Some(0)).is_some() => rest = end,
            Some((name, _)) => return Err(TextError::Placeholder(format!("{{{name}}}"))),
            None => return Err(TextError::Placeholder(from.chars().take(1).collect())),
        }
    }
    Ok(())
}

fn check_text(text: &str, most: usize, lines: bool) -> Result<(), TextError> {
    let found = text.chars().count();
    if found == 0 || found > most {
        return Err(TextError::Length { most, found });
    }
    if text.trim() != text {
        return Err(TextError::Blanks);
    }
    let unseen = |c: &char| is_unseen(*c) && !(lines && *c == '\n');
    if let Some(c) = text.chars().find(unseen) {
        return Err(TextError::Unseen(u32::from(c)));
    }
    if !is_nfc(text) {
        return Err(TextError::NotNfc);
    }
    Ok(())
}

/// Whether a character changes a text and not its look (no width, direction
/// alone), breaks its line, or commands a terminal.
///
/// The joiners U+200C and U+200D are not among them: words of several
/// languages, and emoji, need them.
pub fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180e}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e007f}')
}

/// One line for a policy without a title.
fn generated(policy: &Policy, maturity: Option<i64>) -> String {
    let at = maturity.map(|at| format!(" at {}", instant(at)));
    let at = at.unwrap_or_default();
    let name = |key: &str| policy.names.get(key).map(String::as_str);
    match &policy.rule {
        Rule::Digits { price, unit, .. } => format!("{} in {unit}{at}", price.name),
        Rule::Threshold { price, above } => format!("Is {} above {above}{at}?", price.name),
        Rule::Match(rule) => {
            let kickoff = instant(rule.kickoff);
            match (name("home"), name("away")) {
                (Some(home), Some(away)) => format!("{home} v {away}, {kickoff}"),
                _ => format!("Match of {kickoff}"),
            }
        }
        Rule::Election(_) => match (name("office"), name("area")) {
            (Some(office), Some(area)) => format!("Who wins: {office}, {area}?"),
            (Some(one), None) | (None, Some(one)) => format!("Who wins: {one}?"),
            (None, None) => "Who wins the election?".to_owned(),
        },
        Rule::Fact(_) => format!("A public value{at}"),
        Rule::Operators(_) => "A question to operators".to_owned(),
    }
}

fn instant(unix: i64) -> String {
    DateTime::from_timestamp(unix, 0)
        .map_or_else(|| unix.to_string(), |t| t.format("%FT%TZ").to_string())
}
