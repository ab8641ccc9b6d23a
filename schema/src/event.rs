//! What an event is: its name, its maturity, the outcomes it can have.
//!
//! Source: dlcspecs `Messaging.md` (`oracle_event`, `enum_event_descriptor`,
//! `digit_decomposition_event_descriptor`) and `Oracle.md`.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use unicode_normalization::{UnicodeNormalization, is_nfc};

/// Longest string this crate reads or writes in a message, in bytes.
///
/// The wire allows more; nothing legitimate comes near it and a bound keeps a
/// hostile length from becoming an allocation.
pub const MAX_STRING_BYTES: usize = 4096;

/// Why a name is not an event or series id.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The empty string names nothing.
    #[error("id is empty")]
    Empty,
    /// Longer than its kind of id may be.
    #[error("id is {got} bytes long; at most {max} are allowed")]
    TooLong {
        /// Length found, bytes.
        got: usize,
        /// Length allowed, bytes.
        max: usize,
    },
    /// Shorter than its kind of id is.
    #[error("id is {got} bytes long; {least} are due")]
    TooShort {
        /// Length found, bytes.
        got: usize,
        /// Length due, bytes.
        least: usize,
    },
    /// Not in Unicode normalisation form C, so two spellings could look alike.
    #[error("id is not in Unicode normalisation form C")]
    NotNfc,
    /// A character that this kind of id may not hold.
    #[error(
        "id holds {0:?}; allowed are A-Z a-z 0-9 . _ : + - and it starts with a letter or digit"
    )]
    Character(char),
}

/// Name of one event. Burned for ever once announced.
///
/// Any non-empty NFC UTF-8 string is valid on the wire ([`EventId::parse`]);
/// the ids this service creates are narrower ([`EventId::one_off`],
/// [`EventId::in_series`]) so that every known reader accepts them.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EventId(String);

impl EventId {
    /// Longest id this service creates, bytes (node-dlc reads no more).
    pub const MAX_BYTES: usize = 100;

    /// An id as found in a message: non-empty NFC UTF-8.
    pub fn parse(id: &str) -> Result<Self, IdError> {
        if id.is_empty() {
            return Err(IdError::Empty);
        }
        if id.len() > MAX_STRING_BYTES {
            return Err(IdError::TooLong {
                got: id.len(),
                max: MAX_STRING_BYTES,
            });
        }
        if !is_nfc(id) {
            return Err(IdError::NotNfc);
        }
        Ok(Self(id.to_owned()))
    }

    /// An id that a person chose: `[A-Za-z0-9][A-Za-z0-9._:+-]{0,99}`.
    ///
    /// `@` is reserved for series, so nobody can squat their names.
    pub fn one_off(id: &str) -> Result<Self, IdError> {
        check_charset(id, Self::MAX_BYTES)?;
        Ok(Self(id.to_owned()))
    }

    /// `{series}@{maturity}`, for example `ppcusd-daily@2026-11-22T16:00:00Z`.
    pub fn in_series(series: &SeriesId, maturity: Maturity) -> Self {
        Self(format!("{series}@{maturity}"))
    }

    /// `{asset}{Unix seconds}`, for example `btcusd1795363200`: p2pd clients
    /// read asset and maturity out of the id.
    pub fn of_asset(asset: &AssetId, maturity: Maturity) -> Self {
        Self(format!("{asset}{}", maturity.epoch()))
    }

    /// The id as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of a series of events: `[A-Za-z0-9][A-Za-z0-9._:+-]{0,78}`, so that
/// `{series}@{maturity}` stays within [`EventId::MAX_BYTES`].
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SeriesId(String);

impl SeriesId {
    /// Longest series name, bytes.
    pub const MAX_BYTES: usize = 79;

    /// Parses a series name.
    pub fn parse(id: &str) -> Result<Self, IdError> {
        check_charset(id, Self::MAX_BYTES)?;
        Ok(Self(id.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Name of an asset of p2pd clients: six ASCII letters or digits, the first six
/// bytes of its events' ids.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AssetId(String);

impl AssetId {
    /// Length of every asset's name, bytes.
    pub const BYTES: usize = 6;

    /// Parses an asset's name.
    pub fn parse(id: &str) -> Result<Self, IdError> {
        check_charset(id, Self::BYTES)?;
        if let Some(c) = id.chars().find(|c| !c.is_ascii_alphanumeric()) {
            return Err(IdError::Character(c));
        }
        if id.len() < Self::BYTES {
            return Err(IdError::TooShort {
                got: id.len(),
                least: Self::BYTES,
            });
        }
        Ok(Self(id.to_owned()))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether an id is this asset's, for whatever maturity: its name and
    /// digits. Nobody else may take one.
    pub fn is_of(&self, id: &EventId) -> bool {
        id.0.strip_prefix(&self.0)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|b| b.is_ascii_digit()))
    }
}

fn check_charset(id: &str, max: usize) -> Result<(), IdError> {
    if id.is_empty() {
        return Err(IdError::Empty);
    }
    let bad = |(i, c): &(usize, char)| {
        !(c.is_ascii_alphanumeric() || (*i > 0 && matches!(c, '.' | '_' | ':' | '+' | '-')))
    };
    if let Some((_, c)) = id.chars().enumerate().find(bad) {
        return Err(IdError::Character(c));
    }
    if id.len() > max {
        return Err(IdError::TooLong { got: id.len(), max });
    }
    Ok(())
}

macro_rules! text_newtype {
    ($name:ident, $parse:path) => {
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{:?}", self.0)
            }
        }
        impl FromStr for $name {
            type Err = IdError;
            fn from_str(s: &str) -> Result<Self, IdError> {
                $parse(s)
            }
        }
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let s = String::deserialize(d)?;
                $parse(&s).map_err(serde::de::Error::custom)
            }
        }
    };
}
text_newtype!(EventId, EventId::parse);
text_newtype!(SeriesId, SeriesId::parse);
text_newtype!(AssetId, AssetId::parse);

/// When an event's outcome is fixed: whole Unix seconds, as the wire's `u32`
/// `event_maturity_epoch`. Displays as RFC 3339 UTC with a `Z`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Maturity(u32);

/// A time that the wire's 32-bit seconds cannot hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("maturity {0} is outside 1970-01-01T00:00:00Z … 2106-02-07T06:28:15Z")]
pub struct MaturityError(i64);

impl Maturity {
    /// From the wire's field.
    pub const fn from_epoch(seconds: u32) -> Self {
        Self(seconds)
    }

    /// From Unix seconds.
    pub fn from_unix(seconds: i64) -> Result<Self, MaturityError> {
        u32::try_from(seconds)
            .map(Self)
            .map_err(|_| MaturityError(seconds))
    }

    /// The wire's field.
    pub const fn epoch(self) -> u32 {
        self.0
    }

    /// Unix seconds.
    pub const fn unix(self) -> i64 {
        self.0 as i64
    }

    /// As a calendar time.
    pub fn to_datetime(self) -> DateTime<Utc> {
        // Every u32 is a valid chrono timestamp, so the default is unreachable.
        DateTime::from_timestamp(self.unix(), 0).unwrap_or_default()
    }
}

impl fmt::Display for Maturity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            &self
                .to_datetime()
                .to_rfc3339_opts(SecondsFormat::Secs, true),
        )
    }
}

impl fmt::Debug for Maturity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why a descriptor is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DescriptorError {
    /// An enum event with nothing to choose from.
    #[error("enum descriptor has no outcomes")]
    NoOutcomes,
    /// More outcomes than the wire's `u16` counts.
    #[error("enum descriptor has {0} outcomes; at most 65535 fit")]
    TooManyOutcomes(usize),
    /// An empty outcome.
    #[error("outcome {index} is empty")]
    EmptyOutcome {
        /// Position in the descriptor, from 0.
        index: usize,
    },
    /// Two outcomes that are the same text after NFC.
    #[error("outcome {0:?} occurs twice")]
    DuplicateOutcome(String),
    /// Text that is not in Unicode normalisation form C.
    #[error("{field} {text:?} is not in Unicode normalisation form C")]
    NotNfc {
        /// Which text: `outcome` or `unit`.
        field: &'static str,
        /// The text found.
        text: String,
    },
    /// Text longer than [`MAX_STRING_BYTES`].
    #[error("{field} is {got} bytes long; at most {MAX_STRING_BYTES} are allowed")]
    TooLong {
        /// Which text: `outcome` or `unit`.
        field: &'static str,
        /// Length found, bytes.
        got: usize,
    },
    /// A base in which no number can be written.
    #[error("base is {0}; it must be at least 2")]
    Base(u16),
    /// No digits at all.
    #[error("nb_digits is 0; it must be at least 1")]
    NoDigits,
    /// A sign and 65535 digits: one nonce more than the wire's `u16` counts.
    #[error("a sign and 65535 digits need more nonces than an event can list")]
    TooManyDigits,
}

/// The outcomes of an enum event: non-empty, NFC, distinct, in announced order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnumDescriptor {
    outcomes: Vec<String>,
}

impl EnumDescriptor {
    /// Outcomes exactly as they will be announced and signed.
    pub fn new(outcomes: Vec<String>) -> Result<Self, DescriptorError> {
        if outcomes.is_empty() {
            return Err(DescriptorError::NoOutcomes);
        }
        if outcomes.len() > usize::from(u16::MAX) {
            return Err(DescriptorError::TooManyOutcomes(outcomes.len()));
        }
        let mut seen = std::collections::HashSet::with_capacity(outcomes.len());
        for (index, outcome) in outcomes.iter().enumerate() {
            if outcome.is_empty() {
                return Err(DescriptorError::EmptyOutcome { index });
            }
            check_text("outcome", outcome)?;
            if !seen.insert(outcome.as_str()) {
                return Err(DescriptorError::DuplicateOutcome(outcome.clone()));
            }
        }
        Ok(Self { outcomes })
    }

    /// Outcomes as a person typed them, brought into NFC first.
    pub fn normalised<S: AsRef<str>>(outcomes: &[S]) -> Result<Self, DescriptorError> {
        Self::new(
            outcomes
                .iter()
                .map(|o| o.as_ref().nfc().collect())
                .collect(),
        )
    }

    /// In announced order.
    pub fn outcomes(&self) -> &[String] {
        &self.outcomes
    }
}

fn check_text(field: &'static str, text: &str) -> Result<(), DescriptorError> {
    if text.len() > MAX_STRING_BYTES {
        return Err(DescriptorError::TooLong {
            field,
            got: text.len(),
        });
    }
    if !is_nfc(text) {
        return Err(DescriptorError::NotNfc {
            field,
            text: text.to_owned(),
        });
    }
    Ok(())
}

/// How a number is cut into digits, each signed under its own nonce.
///
/// The value is `digits · base^precision` (dlcspecs `Oracle.md`; not
/// 10^precision), so this service always announces precision 0 and puts the
/// decimal scale into the unit and the policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DigitsDescriptor {
    base: u16,
    is_signed: bool,
    unit: String,
    precision: i32,
    nb_digits: u16,
}

impl DigitsDescriptor {
    /// Checks and holds the parts of a `digit_decomposition_event_descriptor`.
    pub fn new(
        base: u16,
        is_signed: bool,
        unit: String,
        precision: i32,
        nb_digits: u16,
    ) -> Result<Self, DescriptorError> {
        if base < 2 {
            return Err(DescriptorError::Base(base));
        }
        if nb_digits == 0 {
            return Err(DescriptorError::NoDigits);
        }
        if is_signed && nb_digits == u16::MAX {
            return Err(DescriptorError::TooManyDigits);
        }
        check_text("unit", &unit)?;
        Ok(Self {
            base,
            is_signed,
            unit,
            precision,
            nb_digits,
        })
    }

    /// Number base, at least 2.
    pub fn base(&self) -> u16 {
        self.base
    }
    /// Whether the first nonce signs `+` or `-`.
    pub fn is_signed(&self) -> bool {
        self.is_signed
    }
    /// What the number counts, for example `uUSD/PPC`. Free text.
    pub fn unit(&self) -> &str {
        &self.unit
    }
    /// Exponent of the base.
    pub fn precision(&self) -> i32 {
        self.precision
    }
    /// Digits, the sign not counted. At least 1.
    pub fn nb_digits(&self) -> u16 {
        self.nb_digits
    }

    /// `base^nb_digits − 1`, or `None` where that exceeds 127 bits.
    pub fn max(&self) -> Option<u128> {
        u128::from(self.base)
            .checked_pow(u32::from(self.nb_digits))
            .map(|p| p - 1)
            .filter(|m| *m <= i128::MAX.unsigned_abs())
    }

    /// Cuts a number into digits, clamping it to what the digits can hold:
    /// above the maximum becomes the maximum; below the minimum becomes
    /// −maximum if signed, 0 if unsigned.
    pub fn split(&self, value: i128) -> Digits {
        let magnitude = if value < 0 && !self.is_signed {
            0
        } else {
            value.unsigned_abs()
        };
        let mut rest = self.max().map_or(magnitude, |max| magnitude.min(max));
        let negative = value < 0 && self.is_signed;
        let base = u128::from(self.base);
        let mut digits = vec![0_u16; usize::from(self.nb_digits)];
        for digit in digits.iter_mut().rev() {
            // The remainder is below a u16 base.
            *digit = u16::try_from(rest % base).unwrap_or_default();
            rest /= base;
        }
        Digits {
            sign: self
                .is_signed
                .then_some(if negative { Sign::Minus } else { Sign::Plus }),
            places: digits,
            base: self.base,
        }
    }

    /// Reads digits back from their signed texts, most significant first (a
    /// sign first where the descriptor is signed).
    pub fn parse(&self, texts: &[String]) -> Result<Digits, OutcomeError> {
        let expected = usize::from(self.nb_digits) + usize::from(self.is_signed);
        if texts.len() != expected {
            return Err(OutcomeError::Count {
                got: texts.len(),
                expected,
            });
        }
        let mut rest = texts;
        let mut sign = None;
        if self.is_signed
            && let Some((first, tail)) = texts.split_first()
        {
            sign = Some(match first.as_str() {
                "+" => Sign::Plus,
                "-" => Sign::Minus,
                other => return Err(OutcomeError::NotADigit(other.to_owned())),
            });
            rest = tail;
        }
        let digits = rest
            .iter()
            .map(|text| {
                text.parse::<u16>()
                    .ok()
                    .filter(|d| *d < self.base && d.to_string() == *text)
                    .ok_or_else(|| OutcomeError::NotADigit(text.clone()))
            })
            .collect::<Result<Vec<_>, _>>()?;
        if sign == Some(Sign::Minus) && digits.iter().all(|d| *d == 0) {
            return Err(OutcomeError::NegativeZero);
        }
        Ok(Digits {
            sign,
            places: digits,
            base: self.base,
        })
    }
}

/// What an event can come out as.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Descriptor {
    /// One of a list of texts.
    Enum(EnumDescriptor),
    /// A number, digit by digit.
    Digits(DigitsDescriptor),
}

impl Descriptor {
    /// Nonces an announcement of this event carries: 1 for enum, one per digit
    /// (and one for the sign) for digits.
    pub fn nonce_count(&self) -> usize {
        match self {
            Self::Enum(_) => 1,
            Self::Digits(d) => usize::from(d.nb_digits) + usize::from(d.is_signed),
        }
    }

    /// An enum outcome, if the event has it.
    pub fn enum_outcome(&self, text: &str) -> Result<Outcome, OutcomeError> {
        match self {
            Self::Enum(d) if d.outcomes.iter().any(|o| o == text) => {
                Ok(Outcome::Enum(text.to_owned()))
            }
            _ => Err(OutcomeError::NotAnOutcome(text.to_owned())),
        }
    }

    /// The outcome of that text: one of the announced ones, or a whole number
    /// as [`Outcome`] displays it (`7`, never `07` or `+7`) that the digits can
    /// hold.
    pub fn outcome(&self, text: &str) -> Result<Outcome, OutcomeError> {
        let Self::Digits(descriptor) = self else {
            return self.enum_outcome(text);
        };
        text.parse()
            .ok()
            .map(|value| (value, descriptor.split(value)))
            .filter(|(value, digits)| digits.value() == Some(*value) && value.to_string() == text)
            .map(|(_, digits)| Outcome::Digits(digits))
            .ok_or_else(|| OutcomeError::NotAnOutcome(text.to_owned()))
    }

    /// The outcome that a list of signed texts states; the exact inverse of
    /// [`Outcome::messages`].
    pub fn parse_messages(&self, texts: &[String]) -> Result<Outcome, OutcomeError> {
        match self {
            Self::Enum(_) => match texts {
                [text] => self.enum_outcome(text),
                _ => Err(OutcomeError::Count {
                    got: texts.len(),
                    expected: 1,
                }),
            },
            Self::Digits(d) => d.parse(texts).map(Outcome::Digits),
        }
    }
}

/// Why a text or a list of texts is not an outcome of an event.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutcomeError {
    /// Not one of the announced outcomes.
    #[error("{0:?} is not an outcome of the event")]
    NotAnOutcome(String),
    /// Not a canonical digit of the base, or not a sign where one is due.
    #[error("{0:?} is not a digit of the event")]
    NotADigit(String),
    /// `-` over all zeros; zero is signed `+`.
    #[error("zero is signed '-'")]
    NegativeZero,
    /// More or fewer texts than nonces.
    #[error("{got} outcome values where the event has {expected}")]
    Count {
        /// Texts found.
        got: usize,
        /// Texts due.
        expected: usize,
    },
}

/// Sign of a signed digit event. Zero is `Plus`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// `+`, also for zero.
    Plus,
    /// `-`.
    Minus,
}

/// A number as its descriptor cuts it; only a [`DigitsDescriptor`] makes one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Digits {
    sign: Option<Sign>,
    places: Vec<u16>,
    base: u16,
}

impl Digits {
    /// Most significant first, leading zeros included.
    pub fn digits(&self) -> &[u16] {
        &self.places
    }

    /// `None` for unsigned events.
    pub fn sign(&self) -> Option<Sign> {
        self.sign
    }

    /// The attested integer, or `None` beyond 127 bits.
    pub fn value(&self) -> Option<i128> {
        let magnitude = self.places.iter().try_fold(0_i128, |acc, digit| {
            acc.checked_mul(i128::from(self.base))?
                .checked_add(i128::from(*digit))
        })?;
        Some(match self.sign {
            Some(Sign::Minus) => -magnitude,
            _ => magnitude,
        })
    }
}

/// What happened, inside its descriptor; made by [`Descriptor`] only.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// One of the announced texts.
    Enum(String),
    /// A number.
    Digits(Digits),
}

impl Outcome {
    /// The texts to sign, one per nonce in announced order: digits in base-10
    /// text (base 16 digit fifteen is `15`), the sign first.
    pub fn messages(&self) -> Vec<String> {
        match self {
            Self::Enum(text) => vec![text.clone()],
            Self::Digits(d) => d
                .sign
                .map(|s| match s {
                    Sign::Plus => "+".to_owned(),
                    Sign::Minus => "-".to_owned(),
                })
                .into_iter()
                .chain(d.places.iter().map(ToString::to_string))
                .collect(),
        }
    }
}

impl fmt::Display for Outcome {
    /// The enum text, or the attested integer in decimal.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Enum(text) => f.write_str(text),
            Self::Digits(d) => match d.value() {
                Some(value) => write!(f, "{value}"),
                None => f.write_str(&self.messages().join(",")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]
    use super::*;

    fn cut(base: u16, is_signed: bool, nb_digits: u16) -> DigitsDescriptor {
        DigitsDescriptor::new(base, is_signed, String::new(), 0, nb_digits).unwrap()
    }

    #[test]
    fn an_outcome_is_read_from_its_own_text_and_from_no_other() {
        let number = Descriptor::Digits(cut(10, true, 2));
        for value in [-99, -7, 0, 7, 99] {
            let outcome = number.outcome(&value.to_string()).unwrap();
            assert_eq!(outcome.to_string(), value.to_string());
        }
        for text in ["100", "-100", "07", "+7", "-0", "7 ", "", "7.0", "seven"] {
            assert!(number.outcome(text).is_err(), "{text:?}");
        }
        assert!(Descriptor::Digits(cut(10, false, 2)).outcome("-7").is_err());
        let choice = EnumDescriptor::normalised(&["yes", "no"]).unwrap();
        let choice = Descriptor::Enum(choice);
        assert_eq!(choice.outcome("no").unwrap().to_string(), "no");
        assert!(choice.outcome("No").is_err());
    }

    fn signed_texts(cut: &DigitsDescriptor, value: i128) -> String {
        Outcome::Digits(cut.split(value)).messages().join(" ")
    }

    #[test]
    fn digits_are_decimal_texts_most_significant_first_with_leading_zeros() {
        assert_eq!(signed_texts(&cut(10, false, 4), 70), "0 0 7 0");
        assert_eq!(signed_texts(&cut(16, false, 2), 0xf3), "15 3");
        assert_eq!(signed_texts(&cut(10, true, 3), -42), "- 0 4 2");
    }

    #[test]
    fn what_the_digits_cannot_hold_is_clamped() {
        assert_eq!(signed_texts(&cut(10, false, 2), 100), "9 9");
        assert_eq!(signed_texts(&cut(10, false, 2), -1), "0 0");
        assert_eq!(signed_texts(&cut(10, true, 2), -100), "- 9 9");
        assert_eq!(
            cut(2, false, 64).split(i128::MAX).value(),
            Some(i128::from(u64::MAX))
        );
        assert_eq!(cut(2, false, 200).split(i128::MAX).value(), Some(i128::MAX));
    }

    #[test]
    fn zero_is_signed_plus_and_never_minus() {
        let cut = cut(10, true, 2);
        assert_eq!(signed_texts(&cut, 0), "+ 0 0");
        let texts = ["-", "0", "0"].map(str::to_owned);
        assert_eq!(cut.parse(&texts), Err(OutcomeError::NegativeZero));
    }

    #[test]
    fn odd_numbers_above_the_reach_of_floats_keep_their_last_digit() {
        let value = (1 << 53) + 1;
        assert_eq!(cut(2, false, 64).split(value).value(), Some(value));
        assert!(signed_texts(&cut(2, false, 64), value).ends_with('1'));
    }

    #[test]
    fn only_the_canonical_text_of_a_digit_is_one() {
        let cut = cut(10, false, 1);
        for text in ["", "00", "07", "+7", " 7", "10", "-1", "a", "\u{0667}"] {
            let error = OutcomeError::NotADigit(text.to_owned());
            assert_eq!(cut.parse(&[text.to_owned()]), Err(error), "{text:?}");
        }
    }

    #[test]
    fn a_sign_and_65535_digits_are_refused_since_no_event_can_list_their_nonces() {
        let new = |is_signed, n| DigitsDescriptor::new(2, is_signed, String::new(), 0, n);
        assert_eq!(new(true, 65_535), Err(DescriptorError::TooManyDigits));
        assert!(new(false, 65_535).is_ok());
        assert!(new(true, 65_534).is_ok());
    }

    #[test]
    fn ids_of_people_and_of_series_cannot_meet() {
        assert_eq!(EventId::one_off("a@b"), Err(IdError::Character('@')));
        assert_eq!(EventId::one_off(".a"), Err(IdError::Character('.')));
        assert!(EventId::one_off(&"a".repeat(100)).is_ok());
        assert!(EventId::one_off(&"a".repeat(101)).is_err());
        let series = SeriesId::parse(&"a".repeat(79)).unwrap();
        let id = EventId::in_series(&series, Maturity::from_epoch(u32::MAX));
        assert_eq!(id.as_str().len(), EventId::MAX_BYTES);
    }

    #[test]
    fn an_asset_owns_its_name_followed_by_digits_and_nothing_else() {
        let asset = AssetId::parse("btcusd").unwrap();
        let id = EventId::of_asset(&asset, Maturity::from_epoch(1_795_363_200));
        assert_eq!(id.as_str(), "btcusd1795363200");
        for (id, owned) in [
            ("btcusd1795363200", true),
            ("btcusd0", true),
            ("btcusd", false),
            ("btcusd-1", false),
            ("btcusd1x", false),
            ("xbtcusd1", false),
            ("BTCUSD1", false),
        ] {
            assert_eq!(asset.is_of(&EventId::one_off(id).unwrap()), owned, "{id}");
        }
        for bad in ["", "btcus", "btcusd1", "btc-us", "btc us", "btcus\u{e9}"] {
            assert!(AssetId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_maturity_reads_as_utc_seconds() {
        assert_eq!(
            Maturity::from_epoch(1_795_363_200).to_string(),
            "2026-11-22T16:00:00Z"
        );
        assert!(Maturity::from_unix(-1).is_err());
        assert!(Maturity::from_unix(1 << 32).is_err());
    }

    #[test]
    fn outcomes_that_only_look_different_are_the_same() {
        let twice = EnumDescriptor::normalised(&["\u{fc}", "u\u{308}"]);
        assert_eq!(
            twice,
            Err(DescriptorError::DuplicateOutcome("\u{fc}".to_owned()))
        );
    }
}
