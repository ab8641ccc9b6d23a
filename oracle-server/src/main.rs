//! Command line of the oracle. Thin: parse, call, exit with the right code.

use std::process::ExitCode;

use clap::Parser as _;
use oracle_server::cli::Cli;

fn main() -> ExitCode {
    if let Err(e) = oracle_server::signer::harden() {
        eprintln!("warning: core dumps cannot be switched off: {e}");
    }
    oracle_server::cli::main(Cli::parse())
}
