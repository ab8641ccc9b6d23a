//! Rules: facts to a decision, pure.

pub mod outcome;
pub mod price;
pub mod trace;

pub use outcome::{OutcomeRuleError, descriptor, outcome};
pub use price::{CrossError, Decision, cross, decide_leg};
pub use trace::{ClockCheck, SourceTrace, Trace};

pub use crate::decimal::to_integer;
