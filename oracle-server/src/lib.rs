//! A Peercoin DLC oracle.
//!
//! One way through: observation → decision → committed outcome → signature →
//! log entry → head → reader. [`engine`] is the only orchestration, [`store`]
//! the only SQL, [`signer`] the only place with secrets, [`clock`] the only
//! clock; [`guard`] is what a process has to pass before it may sign; [`http`] and the
//! pages for people over it, [`web`], see neither feeds nor signer, and [`listener`] puts the
//! two together; [`follow`] passes on what is published, and nothing waits for it. Which module
//! may import which stands in docs/architecture.md, and a test holds it there.

mod backoff;
pub mod cli;
pub mod clock;
pub mod command;
pub mod config;
pub mod create;
pub mod demo;
pub mod descriptors;
pub mod disk;
pub mod engine;
pub mod follow;
pub mod guard;
pub mod health;
pub mod http;
pub mod keys;
pub mod lifecycle;
pub mod listener;
pub mod log;
mod logging;
pub mod memory;
pub mod probe;
pub mod service;
pub mod signer;
mod stop;
pub mod store;
pub mod web;
