//! The feeds against recorded shapes, against lying venues, and the rule
//! against everything.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod bars;
mod chain;
mod common;
mod deaf;
mod documented;
mod elections;
mod end_to_end;
mod panel;
mod prices_deaf;
mod properties;
mod recorded;
mod replay;
mod reworded;
mod rule;
mod sampled;
mod samples;
mod sports;
mod steered;
mod tables;
mod values;
mod venues;
