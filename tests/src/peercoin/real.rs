//! A real node, where there is one.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use oracle_schema::anchor::rpc;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

/// Names the `peercoind` to test with.
pub const PEERCOIND: &str = "PEERCOIND";

/// How long a node may take to answer for the first time.
const START: Duration = Duration::from_mins(1);

/// A `peercoind` of the test's own; killed when dropped.
pub struct RealNode {
    /// Where it listens.
    pub url: String,
    /// Its cookie file.
    pub cookie: PathBuf,
    _child: Child,
    _directory: tempfile::TempDir,
}

impl RealNode {
    /// Starts one on regtest, with a chain of its own and no minting.
    pub async fn start(program: &Path) -> Self {
        let directory = tempfile::tempdir().expect("a node");
        // Free when asked for; a node cannot be told to choose one itself.
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a node");
        let port = free.local_addr().expect("a node").port();
        drop(free);
        let mut child = Command::new(program)
            .args([
                "-regtest",
                "-minting=0",
                "-server=1",
                "-listen=0",
                "-dnsseed=0",
            ])
            .args(["-rpcbind=127.0.0.1", "-rpcallowip=127.0.0.1"])
            .arg(format!("-rpcport={port}"))
            .arg(format!("-datadir={}", directory.path().display()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .expect("a node");
        let cookie = directory.path().join("regtest/.cookie");
        let url = format!("http://127.0.0.1:{port}");
        let ready = tokio::time::timeout(START, async {
            while call(&url, &cookie, "getblockchaininfo", &json!([]))
                .await
                .is_none()
            {
                if let Some(status) = child.try_wait().expect("a node") {
                    panic!("{}: {status}", program.display());
                }
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        });
        ready.await.expect("the node never answered");
        Self {
            url,
            cookie,
            _child: child,
            _directory: directory,
        }
    }

    /// A method's result, which it must have.
    pub async fn call(&self, method: &str, params: &Value) -> Value {
        let result = call(&self.url, &self.cookie, method, params).await;
        result.unwrap_or_else(|| panic!("{method} failed"))
    }
}

/// A result; none while the node warms up, and its answers are errors.
async fn call(url: &str, cookie: &Path, method: &str, params: &Value) -> Option<Value> {
    let secret = std::fs::read_to_string(cookie).ok()?;
    let (user, password) = secret.trim().split_once(':')?;
    let request = reqwest::Client::new()
        .post(url)
        .basic_auth(user, Some(password))
        .body(rpc::request(method, params));
    let answer = request.send().await.ok()?.bytes().await.ok()?;
    rpc::result(&answer).ok()
}
