//! `probe`: asks the configured sources once.

use std::sync::Arc;

use super::{CliError, ProbeArgs};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::probe::{self, Options};

#[allow(clippy::print_stdout, reason = "the command's output")]
pub(super) async fn probe(args: ProbeArgs) -> Result<(), CliError> {
    let config = Config::load(&args.config.config)?;
    let options = Options {
        source: args.source,
        at: args.at,
    };
    let report = probe::probe(&config, Arc::new(SystemClock), &options)
        .await
        .map_err(|e| CliError::Other(e.to_string()))?;
    print!("{report}");
    if let Some(dir) = &args.save {
        let saved = report.save(dir).map_err(|e| CliError::other("--save", e))?;
        println!("{saved} exchanges saved in {}", dir.display());
    }
    match report.readable() {
        (readable, all) if readable < all => Err(CliError::Other(format!(
            "{} of {all} sources did not answer as documented",
            all - readable
        ))),
        _ => Ok(()),
    }
}
