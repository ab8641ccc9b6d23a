//! The examples as programs: found, started, listened to.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

/// Patience with an example; none takes a tenth of it.
const PATIENCE: Duration = Duration::from_mins(1);

/// What every example says before it waits.
pub(crate) const WAITING: &str = "waiting for the oracle";

/// The examples' programs are beside this test's: `target/PROFILE/examples`.
fn path(name: &str) -> PathBuf {
    let this = std::env::current_exe().unwrap();
    let profile = this.parent().and_then(Path::parent).unwrap();
    let program = profile.join("examples").join(name);
    assert!(
        program.is_file(),
        "{} is not built; `cargo test --workspace` builds the examples, and so does \
         `cargo build --workspace --examples`",
        program.display()
    );
    program
}

/// A running example; killed when dropped.
pub(crate) struct Program {
    name: &'static str,
    child: Child,
    lines: Lines<BufReader<ChildStdout>>,
    said: Vec<String>,
    out: PathBuf,
    _directory: tempfile::TempDir,
}

impl Program {
    pub(crate) fn start(name: &'static str, args: &[&str]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("transactions.json");
        let mut child = Command::new(path(name))
            .args(args)
            .arg("--out")
            .arg(&out)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            name,
            child,
            lines,
            said: Vec::new(),
            out,
            _directory: directory,
        }
    }

    /// Listens until the program says this.
    pub(crate) async fn until(&mut self, words: &str) {
        let listen = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                let found = line.contains(words);
                self.said.push(line);
                if found {
                    return true;
                }
            }
            false
        };
        let found = tokio::time::timeout(PATIENCE, listen).await;
        if found != Ok(true) {
            let errors = self.errors().await;
            panic!(
                "{} never said {words:?} ({found:?}):\n{}\n{errors}",
                self.name,
                self.said.join("\n")
            );
        }
    }

    /// Waits for its end, which must be a good one; what it wrote.
    pub(crate) async fn succeeded(mut self) -> Settled {
        self.until("all checks passed").await;
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(status.unwrap().unwrap().success(), "{}", self.name);
        let json = std::fs::read(&self.out).unwrap();
        Settled {
            said: self.said.join("\n"),
            json: serde_json::from_slice(&json).unwrap(),
        }
    }

    /// Waits for its end, which must be a failure; what it said of it.
    pub(crate) async fn failed(mut self) -> String {
        let status = tokio::time::timeout(PATIENCE, self.child.wait()).await;
        assert!(!status.unwrap().unwrap().success(), "{}", self.name);
        assert!(!self.out.exists(), "transactions of a failed run");
        self.errors().await
    }

    async fn errors(&mut self) -> String {
        let mut errors = String::new();
        if let Some(mut pipe) = self.child.stderr.take() {
            let _ = self.child.start_kill();
            pipe.read_to_string(&mut errors).await.unwrap();
        }
        errors
    }
}

/// What an example said and wrote.
pub(crate) struct Settled {
    pub(crate) said: String,
    pub(crate) json: Value,
}
