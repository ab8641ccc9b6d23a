//! `log export`: the log as files.

use super::{CliError, ExportArgs};
use crate::config::Config;
use crate::log;
use crate::store::Store;

#[allow(clippy::print_stdout, reason = "the command's answer")]
pub(super) async fn export(args: ExportArgs) -> Result<(), CliError> {
    let config = Config::load(&args.config.config)?;
    let store = Store::open(&config.store_url, false)
        .await
        .map_err(|e| CliError::other("store", e))?;
    let exported = log::export(&store.reader(), &args.dir).await;
    store.close().await;
    let exported = exported.map_err(|e| CliError::other("log export", e))?;
    println!(
        "{}: {} entries, {} more than before; {} files written",
        args.dir.display(),
        exported.size,
        exported.size - exported.before,
        exported.files,
    );
    Ok(())
}
