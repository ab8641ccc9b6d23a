//! The one state machine of an event.

/// How an event ends. One row of one kind per event, for ever.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum IntentKind {
    /// An outcome to sign.
    Attest,
    /// Announced, never to be signed.
    Refund,
    /// Never announced.
    Withdraw,
}

impl IntentKind {
    /// As stored: `attest`, `refund` or `withdraw`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Attest => "attest",
            Self::Refund => "refund",
            Self::Withdraw => "withdraw",
        }
    }

    /// The exact inverse of [`IntentKind::as_str`].
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "attest" => Some(Self::Attest),
            "refund" => Some(Self::Refund),
            "withdraw" => Some(Self::Withdraw),
            _ => None,
        }
    }
}
