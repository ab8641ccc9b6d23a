//! `identity`: what participants pin.

use super::{CliError, ConfigArg};
use crate::config::Config;
use crate::store::Store;

#[allow(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn identity(args: ConfigArg) -> Result<(), CliError> {
    let config = Config::load(&args.config)?;
    let store = Store::open(&config.store_url, false)
        .await
        .map_err(|e| CliError::other("store", e))?;
    let oracle = store.oracle().await;
    store.close().await;
    let identity = oracle
        .and_then(|oracle| oracle.identity())
        .map_err(|e| CliError::other("store", e))?;
    println!("{identity}");
    Ok(())
}
