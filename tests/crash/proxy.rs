//! A proxy before Postgres that cuts connections at their COMMIT: before it
//! arrives ("failed"), or after the answer and before anyone reads it
//! ("persisted, but reported failed").

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// Which COMMITs are cut: while armed, every third, the two ways in turn.
const EVERY: u32 = 3;

/// What the proxy did.
#[derive(Debug, Default)]
pub(crate) struct Cuts {
    armed: AtomicBool,
    commits: AtomicU32,
    /// COMMITs that the database never saw.
    pub(crate) failed: AtomicU32,
    /// COMMITs that it carried out, unbeknown to the client.
    pub(crate) persisted: AtomicU32,
}

impl Cuts {
    pub(crate) fn arm(&self, armed: bool) {
        self.armed.store(armed, Ordering::SeqCst);
    }

    /// What to do with the COMMIT that has just come.
    fn fate(&self) -> Fate {
        if !self.armed.load(Ordering::SeqCst) {
            return Fate::Pass;
        }
        let n = self.commits.fetch_add(1, Ordering::SeqCst) + 1;
        if !n.is_multiple_of(EVERY) {
            return Fate::Pass;
        }
        if (n / EVERY).is_multiple_of(2) {
            self.failed.fetch_add(1, Ordering::SeqCst);
            Fate::Fail
        } else {
            self.persisted.fetch_add(1, Ordering::SeqCst);
            Fate::Persist
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Pass,
    Fail,
    Persist,
}

/// Listens, and passes connections on to `upstream`.
pub(crate) async fn before(upstream: String) -> (SocketAddr, Arc<Cuts>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    let cuts = Arc::new(Cuts::default());
    let told = cuts.clone();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let (upstream, cuts) = (upstream.clone(), cuts.clone());
            tokio::spawn(async move {
                if let Ok(server) = TcpStream::connect(upstream).await {
                    // Whichever side ends, the other is dropped with it.
                    let _ = pass(client, server, &cuts).await;
                }
            });
        }
    });
    (address, told)
}

async fn pass(mut client: TcpStream, mut server: TcpStream, cuts: &Cuts) -> std::io::Result<()> {
    let (mut asked, mut answered) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        tokio::select! {
            n = client.read(&mut asked) => {
                let bytes = &asked[..n?];
                if bytes.is_empty() {
                    return Ok(());
                }
                let commits = bytes.windows(6).any(|w| w == b"COMMIT");
                match if commits { cuts.fate() } else { Fate::Pass } {
                    Fate::Pass => server.write_all(bytes).await?,
                    Fate::Fail => return Ok(()),
                    Fate::Persist => {
                        server.write_all(bytes).await?;
                        // Its answer means that it is done; nobody is told.
                        let answer = server.read(&mut answered).await?;
                        assert!(answer > 0, "no answer to a COMMIT");
                        return Ok(());
                    }
                }
            }
            n = server.read(&mut answered) => {
                let bytes = &answered[..n?];
                if bytes.is_empty() {
                    return Ok(());
                }
                client.write_all(bytes).await?;
            }
        }
    }
}
