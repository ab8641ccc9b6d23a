//! `oracle completions` and `oracle man`.

use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;

use super::{Cli, Failure, output};

const COMPLETION_EXAMPLES: &str = "\
Examples:
  oracle completions bash > ~/.local/share/bash-completion/completions/oracle
  oracle completions zsh > ~/.zfunc/_oracle
  oracle completions fish > ~/.config/fish/completions/oracle.fish";

/// Print what a shell needs to complete commands, flags and their values
#[derive(Args)]
#[command(after_help = COMPLETION_EXAMPLES)]
pub(super) struct Completions {
    /// Which shell
    shell: Shell,
}

impl Completions {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let mut script = Vec::new();
        clap_complete::generate(self.shell, &mut Cli::command(), "oracle", &mut script);
        Ok(std::io::stdout().lock().write_all(&script)?)
    }
}

const MAN_EXAMPLES: &str = "\
Examples:
  oracle man | man -l -
  oracle man --out ~/.local/share/man/man1";

/// Print the manual page, or write the pages of all commands
#[derive(Args)]
#[command(after_help = MAN_EXAMPLES)]
pub(super) struct Man {
    /// Write oracle.1 and one page for each command into this directory
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
}

impl Man {
    pub(super) fn run(&self) -> Result<(), Failure> {
        let Some(out) = &self.out else {
            let mut page = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut page)?;
            return Ok(std::io::stdout().lock().write_all(&page)?);
        };
        let written = std::fs::create_dir_all(out)
            .and_then(|()| clap_mangen::generate_to(Cli::command(), out));
        written.map_err(|e| Failure::Usage(format!("--out {}: {e}", out.display())))?;
        output::note(&format!("manual pages are in {}", out.display()));
        Ok(())
    }
}
