//! The real `oracle-server` as child processes: started, killed, asked.
//!
//! Only here and in `crash/` does a test wait for the machine's clock: a child
//! process has no other. Nothing sleeps to be safe; conditions are polled until
//! a generous deadline.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;

/// Patience with a child that is to become ready or to end.
pub const PATIENCE: Duration = Duration::from_mins(1);

/// Where the tests find a Postgres server; each test makes its own database.
pub const POSTGRES_VARIABLE: &str = "ORACLE_TEST_POSTGRES";

/// Path of an `oracle-server` that is built already, of these sources.
const SERVER_VARIABLE: &str = "ORACLE_TEST_SERVER";

/// Path of the server's binary, of this test's own profile and sources.
///
/// `cargo test` builds another package's binary only by accident, and a stale
/// one would be tested in silence: cargo is asked once per process, which takes a
/// second when it is fresh. Whoever runs each test in a process of its own builds
/// the program before, and names it in `ORACLE_TEST_SERVER`.
///
/// # Panics
/// If the binary cannot be built.
#[allow(
    clippy::panic,
    reason = "tests only: nothing can be tested without the binary"
)]
pub async fn server_binary() -> &'static Path {
    static BINARY: tokio::sync::OnceCell<PathBuf> = tokio::sync::OnceCell::const_new();
    BINARY
        .get_or_init(|| async {
            if let Some(built) = std::env::var_os(SERVER_VARIABLE) {
                return built.into();
            }
            // target/PROFILE/deps/crash-… of this very process.
            let directory = std::env::current_exe()
                .ok()
                .and_then(|exe| Some(exe.parent()?.parent()?.to_owned()))
                .unwrap_or_default();
            let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
            let mut build = Command::new(cargo);
            build
                .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
                // The whole workspace and a test with it: the feature set that
                // `cargo test` has just built, so only the binary is linked.
                .args(["build", "--quiet", "--workspace"])
                .args(["--bin", "oracle-server", "--test", "crash"]);
            if directory.ends_with("release") {
                build.arg("--release");
            }
            match build.status().await {
                Ok(status) if status.success() => directory.join("oracle-server"),
                other => panic!("oracle-server was not built: {other:?}"),
            }
        })
        .await
}

/// Where a running child listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// Readers.
    pub public: SocketAddr,
    /// Health and metrics.
    pub admin: SocketAddr,
}

impl Addresses {
    /// `http://HOST:PORT` for readers.
    pub fn url(&self) -> String {
        format!("http://{}", self.public)
    }
}

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// All it wrote to stderr.
    pub stderr: Vec<String>,
}

impl Ended {
    /// The exit code; none if a signal ended it.
    pub fn code(&self) -> Option<i32> {
        self.status.code()
    }

    /// The lines that are not log lines: what an operator reads.
    pub fn said(&self) -> Vec<&str> {
        self.stderr
            .iter()
            .map(String::as_str)
            .filter(|line| !line.starts_with('{'))
            .collect()
    }
}

/// A running `oracle-server`; killed when dropped.
pub struct Server {
    child: Child,
    addresses: watch::Receiver<Option<Addresses>>,
    stderr: Arc<Mutex<Vec<String>>>,
    reader: tokio::task::JoinHandle<()>,
}

impl Server {
    /// Starts `oracle-server run --config CONFIG ARGS…`.
    ///
    /// # Panics
    /// If the process cannot be started.
    pub async fn run(config: &Path, args: &[&str]) -> Self {
        let mut words = vec!["run".as_ref(), "--config".as_ref(), config.as_os_str()];
        words.extend(args.iter().map(std::ffi::OsStr::new));
        Self::command(&words).await
    }

    /// The same from a shell that has done `first` (its limits, say).
    ///
    /// # Panics
    /// If the process cannot be started.
    pub async fn run_after(first: &str, config: &Path, args: &[&str]) -> Self {
        let binary = server_binary().await;
        let mut command = Command::new("sh");
        command
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
            .arg(binary)
            .args(["--log-format", "json", "run", "--config"])
            .arg(config)
            .args(args);
        Self::spawn(command)
    }

    /// Starts `oracle-server` with any arguments.
    ///
    /// # Panics
    /// If the process cannot be started.
    pub async fn command(args: &[&std::ffi::OsStr]) -> Self {
        let mut command = Command::new(server_binary().await);
        command.args(["--log-format", "json"]).args(args);
        Self::spawn(command)
    }

    #[allow(clippy::expect_used, reason = "tests only")]
    fn spawn(mut command: Command) -> Self {
        let mut child = command
            .env_remove("RUST_LOG")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .expect("oracle-server starts");
        let (found, addresses) = watch::channel(None);
        let stderr = Arc::new(Mutex::new(Vec::new()));
        let pipe = child.stderr.take();
        let kept = stderr.clone();
        let reader = tokio::spawn(async move {
            let Some(pipe) = pipe else { return };
            let mut lines = BufReader::new(pipe).lines();
            while let Ok(Some(line)) = lines.next_line().await {
                if let Some(serving) = serving(&line) {
                    found.send_replace(Some(serving));
                }
                kept.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        Self {
            child,
            addresses,
            stderr,
            reader,
        }
    }

    /// Told the addresses once the child listens.
    pub fn addresses(&self) -> watch::Receiver<Option<Addresses>> {
        self.addresses.clone()
    }

    /// Waits until the child listens.
    ///
    /// # Panics
    /// If it ends instead, or takes too long.
    #[allow(clippy::panic, reason = "tests only")]
    pub async fn ready(&mut self) -> Addresses {
        let mut addresses = self.addresses();
        let ready = tokio::time::timeout(PATIENCE, addresses.wait_for(Option::is_some)).await;
        match ready.map(|found| found.ok().and_then(|a| *a)) {
            Ok(Some(addresses)) => addresses,
            other => panic!("not ready ({other:?}):\n{}", self.log().join("\n")),
        }
    }

    /// What it wrote to stderr so far.
    pub fn log(&self) -> Vec<String> {
        self.stderr
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Its process id, while it runs.
    pub fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// SIGKILL, at this very moment.
    pub async fn kill(mut self) -> Ended {
        // An error means that it has ended already, which the status tells.
        let _ = self.child.start_kill();
        self.ended().await
    }

    /// SIGTERM.
    pub fn terminate(&self) {
        let pid = self
            .child
            .id()
            .and_then(|id| rustix::process::Pid::from_raw(id.try_into().ok()?));
        if let Some(pid) = pid {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
    }

    /// No file of it may become longer than this, or any again: writes beyond fail,
    /// as on a disk that is full. It has to ignore SIGXFSZ.
    pub fn limit_files(&self, bytes: Option<u64>) {
        use rustix::process::{Pid, Resource, Rlimit, prlimit};
        let pid = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.try_into().ok()?));
        let limit = Rlimit {
            current: bytes,
            maximum: None,
        };
        if let Some(pid) = pid {
            let _ = prlimit(Some(pid), Resource::Fsize, limit);
        }
    }

    /// Waits for the end.
    ///
    /// # Panics
    /// If it does not come.
    #[allow(clippy::panic, clippy::expect_used, reason = "tests only")]
    pub async fn ended(mut self) -> Ended {
        let Ok(status) = tokio::time::timeout(PATIENCE, self.child.wait()).await else {
            panic!("does not end:\n{}", self.log().join("\n"));
        };
        let status = status.expect("a child can be waited for");
        // The pipe ends with the process; all of it is read before it is told.
        let _ = (&mut self.reader).await;
        Ended {
            status,
            stderr: self.log(),
        }
    }
}

/// The addresses in the log line that tells them.
fn serving(line: &str) -> Option<Addresses> {
    let line: serde_json::Value = serde_json::from_str(line).ok()?;
    let fields = line.get("fields")?;
    let address = |name: &str| fields.get(name)?.as_str()?.parse().ok();
    (fields.get("message")?.as_str()? == "serving").then_some(())?;
    Some(Addresses {
        public: address("public")?,
        admin: address("admin")?,
    })
}
