//! Rules: facts to a decision, pure.

pub mod agreement;
pub mod cause;
pub mod clock;
pub mod decision;
pub mod election;
pub mod facts;
pub mod grounds;
pub mod matches;
pub mod outcome;
pub mod panel;
pub mod price;
pub mod trace;
pub mod value;
pub mod words;

pub use cause::Cause;
pub use clock::{Doubt, Skews};
pub use decision::{Decision, FactTrace, Verdict, VoteTrace};
pub use grounds::Grounds;
pub use outcome::{OutcomeRuleError, descriptor, outcome};
pub use panel::OperatorReport;
pub use price::{CrossError, Fixing, cross, decide_leg};
pub use trace::{ClockCheck, SourceTrace, Trace};
pub use words::Words;

pub use crate::decimal::to_integer;
