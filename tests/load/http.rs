//! As little HTTP as will do, so that the server is what is measured.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::oracle::{Result, per_second};

/// An answer with a body of known length.
pub(crate) struct Answer {
    /// HTTP status.
    pub(crate) status: u16,
    /// As sent.
    pub(crate) body: Vec<u8>,
}

/// A keep-alive connection.
pub(crate) struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Connection {
    pub(crate) async fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(server).await?;
        stream.set_nodelay(true)?;
        Ok(Self {
            stream,
            buffer: Vec::with_capacity(64 * 1024),
        })
    }

    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer> {
        let request = format!("GET {path} HTTP/1.1\r\nhost: measured\r\n\r\n");
        self.stream.write_all(request.as_bytes()).await?;
        self.buffer.clear();
        loop {
            if self.stream.read_buf(&mut self.buffer).await? == 0 {
                return Err("the server closed the connection".into());
            }
            if let Some((status, body, length)) = head(&self.buffer)? {
                while self.buffer.len() < body + length {
                    if self.stream.read_buf(&mut self.buffer).await? == 0 {
                        return Err("the server closed the connection".into());
                    }
                }
                let body = self.buffer.get(body..body + length).unwrap_or_default();
                return Ok(Answer {
                    status,
                    body: body.to_vec(),
                });
            }
        }
    }
}

/// Status, where the body starts and its length, once the head is complete.
fn head(bytes: &[u8]) -> Result<Option<(u16, usize, usize)>> {
    let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") else {
        return Ok(None);
    };
    let text = str::from_utf8(bytes.get(..end).unwrap_or_default())?;
    let status = text
        .split(' ')
        .nth(1)
        .ok_or("an answer without a status")?
        .parse()?;
    let length = text
        .lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .ok_or("an answer without a length")?
        .1
        .trim()
        .parse()?;
    Ok(Some((status, end + 4, length)))
}

/// What was measured over all connections.
pub(crate) struct Measured {
    /// Answers with status 200, per second.
    pub(crate) per_s: u128,
    /// Other answers.
    pub(crate) refused: usize,
    /// Of the answers with status 200, microseconds, ascending.
    latencies: Vec<u32>,
}

impl Measured {
    /// Latency that `percent` of the answers do not exceed, microseconds.
    pub(crate) fn percentile(&self, percent: usize) -> u32 {
        let last = self.latencies.len().saturating_sub(1);
        let rank = self.latencies.len() * percent / 100;
        self.latencies
            .get(rank.min(last))
            .copied()
            .unwrap_or_default()
    }
}

/// Asks for the paths in turn, on every connection, for that long: as fast as
/// it is answered, or once every `pace`.
pub(crate) async fn ask(
    server: SocketAddr,
    paths: &Arc<[String]>,
    connections: usize,
    seconds: Duration,
    pace: Option<Duration>,
) -> Result<Measured> {
    let begin = Instant::now();
    let mut asking = JoinSet::new();
    for first in 0..connections {
        let paths = paths.clone();
        asking.spawn(async move {
            let mut connection = Connection::open(server).await?;
            let (mut latencies, mut refused) = (Vec::new(), 0_usize);
            let mut ticks = pace.map(tokio::time::interval);
            // Every connection starts elsewhere in the list.
            let offset = first * paths.len() / connections.max(1);
            for path in paths.iter().cycle().skip(offset) {
                if let Some(ticks) = &mut ticks {
                    ticks.tick().await;
                }
                let asked = Instant::now();
                if asked - begin >= seconds {
                    break;
                }
                if connection.get(path).await?.status == 200 {
                    let latency = asked.elapsed().as_micros();
                    latencies.push(u32::try_from(latency).unwrap_or(u32::MAX));
                } else {
                    refused += 1;
                }
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>((latencies, refused))
        });
    }
    let (mut latencies, mut refused) = (Vec::new(), 0);
    while let Some(asked) = asking.join_next().await {
        let (more, other) = asked??;
        latencies.extend(more);
        refused += other;
    }
    let elapsed = begin.elapsed();
    latencies.sort_unstable();
    Ok(Measured {
        per_s: per_second(latencies.len(), elapsed),
        refused,
        latencies,
    })
}

/// Answers everything with these bytes; runs until the program ends.
pub(crate) async fn bare_responder(body: Vec<u8>) -> Result<SocketAddr> {
    let body = String::from_utf8(body)?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // As the server does it.
            let _ = stream.set_nodelay(true);
            let body = body.clone();
            tokio::spawn(async move {
                let answer = service_fn(|_| {
                    let response = hyper::Response::new(body.clone());
                    async { Ok::<_, Infallible>(response) }
                });
                hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), answer)
                    .await
            });
        }
    });
    Ok(address)
}
