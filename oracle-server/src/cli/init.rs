//! `init`: makes an oracle, or a standby's journal.

use super::{CliError, InitArgs};
use crate::create::{self, CreateError, Plan, make_passphrase};

#[allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "the command's output"
)]
pub(super) async fn init(args: InitArgs) -> Result<(), CliError> {
    let dir = args.dir;
    let data = dir.join("data");
    std::fs::create_dir_all(&data).map_err(CreateError::file(&data))?;
    let mut made_passphrase = false;
    let passphrase_file = match args.passphrase_file {
        Some(file) => std::path::absolute(&file).map_err(CreateError::file(&file))?,
        None if args.join => data.join("passphrase"),
        None => {
            made_passphrase = true;
            make_passphrase(&data.join("passphrase"))?
        }
    };
    let store = args
        .store
        .unwrap_or_else(|| "sqlite:data/oracle.db".to_owned());
    let shown = passphrase_file
        .strip_prefix(&dir)
        .unwrap_or(&passphrase_file)
        .display()
        .to_string();
    let config = |network: &str| config_text(network, &store, &shown);
    let plan = Plan {
        config: config(&args.network),
        dir,
        network: args.network,
        store: store.clone(),
        passphrase_file,
    };
    let (keys, identity) = if args.join {
        create::join(&plan, config).await?
    } else {
        match create::make(&plan).await {
            Ok(made) => made,
            Err(e) => {
                // As long as it opens nothing it is only in the way of the next try.
                if made_passphrase && !plan.dir.join("data/keystore.age").exists() {
                    let _ = std::fs::remove_file(&plan.passphrase_file);
                }
                return Err(e.into());
            }
        }
    };
    // Scripts read the key alone from stdout.
    eprintln!("identity, for participants to pin: {identity}");
    println!("{}", keys.public_key);
    Ok(())
}

/// The commented configuration that `init` leaves behind. Paths and URLs are
/// written as TOML strings, so no character in them can break the file.
fn config_text(network: &str, store: &str, passphrase_file: &str) -> String {
    let quoted = |text: &str| toml::Value::from(text).to_string();
    include_str!("oracle.toml")
        .replace("\"@network@\"", &quoted(network))
        .replace("\"@store@\"", &quoted(store))
        .replace("\"@passphrase_file@\"", &quoted(passphrase_file))
}
