//! A WebSocket to a relay: bounded in time and size, verified TLS.

use std::collections::HashMap;
use std::collections::HashSet;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::{InvalidDnsNameError, ServerName};
use tokio_rustls::rustls::{self, ClientConfig};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};
use url::{Host, Url};

use super::nostr::{Event, Verdict};

/// Longest message of a relay; answers are a few hundred bytes.
const MAX_MESSAGE: usize = 64 * 1024;
/// How long a relay may take to say goodbye.
const FAREWELL: Duration = Duration::from_secs(1);

/// What went wrong with a relay as a whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum RelayError {
    /// No connection in time.
    #[error("no connection within {0:?}")]
    Connect(Duration),
    /// No answers in time.
    #[error("no answer within {0:?}")]
    Answer(Duration),
    /// It hung up.
    #[error("the relay closed the connection")]
    Closed,
    /// The system.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The name in the URL cannot have a certificate.
    #[error(transparent)]
    Name(#[from] InvalidDnsNameError),
    /// No trusted roots, or none that can be read.
    #[error("certificates: {0}")]
    Tls(#[from] rustls::Error),
    /// Not what WebSocket allows, or a message that is too long.
    #[error(transparent)]
    WebSocket(Box<tungstenite::Error>),
}

impl From<tungstenite::Error> for RelayError {
    fn from(error: tungstenite::Error) -> Self {
        match error {
            tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
                Self::Closed
            }
            other => Self::WebSocket(Box::new(other)),
        }
    }
}

/// TCP, with or without TLS.
trait Stream: AsyncRead + AsyncWrite + Send + Sync + Unpin {}
impl<T: AsyncRead + AsyncWrite + Send + Sync + Unpin> Stream for T {}

/// An open connection.
pub(super) struct Connection {
    socket: WebSocketStream<Box<dyn Stream>>,
}

impl Connection {
    /// Connects to a relay's `wss://` or `ws://` URL.
    pub(super) async fn open(url: &Url, patience: Duration) -> Result<Self, RelayError> {
        timeout(patience, Self::connect(url))
            .await
            .map_err(|_| RelayError::Connect(patience))?
    }

    async fn connect(url: &Url) -> Result<Self, RelayError> {
        let port = url.port_or_known_default().unwrap_or(443);
        let (tcp, name) = match url.host() {
            Some(Host::Ipv4(ip)) => (TcpStream::connect((ip, port)).await?, ip.to_string()),
            Some(Host::Ipv6(ip)) => (TcpStream::connect((ip, port)).await?, ip.to_string()),
            Some(Host::Domain(name)) => (TcpStream::connect((name, port)).await?, name.to_owned()),
            None => return Err(std::io::Error::from(std::io::ErrorKind::InvalidInput).into()),
        };
        tcp.set_nodelay(true)?;
        let stream: Box<dyn Stream> = if url.scheme() == "wss" {
            let name = ServerName::try_from(name)?;
            Box::new(TlsConnector::from(tls()?).connect(name, tcp).await?)
        } else {
            Box::new(tcp)
        };
        let config = WebSocketConfig::default()
            .max_message_size(Some(MAX_MESSAGE))
            .max_frame_size(Some(MAX_MESSAGE));
        let (socket, _) = client_async_with_config(url.as_str(), stream, Some(config)).await?;
        Ok(Self { socket })
    }

    /// Sends events in their order and collects the verdict on each, by id.
    /// What was heard before a failure stays in `verdicts`.
    pub(super) async fn exchange(
        &mut self,
        events: &[&Event],
        verdicts: &mut HashMap<String, Verdict>,
        patience: Duration,
    ) -> Result<(), RelayError> {
        timeout(patience, async {
            for event in events {
                self.socket.feed(Message::text(event.text.as_str())).await?;
            }
            self.socket.flush().await?;
            let mut open: HashSet<&str> = events.iter().map(|event| event.id.as_str()).collect();
            while !open.is_empty() {
                // Reading answers pings as well.
                let message = self.socket.next().await.ok_or(RelayError::Closed)??;
                let Message::Text(text) = message else {
                    continue;
                };
                // Notices, challenges and answers to nothing are passed over.
                if let Some((id, verdict)) = Verdict::read(&text)
                    && open.remove(id.as_str())
                {
                    verdicts.insert(id, verdict);
                }
            }
            Ok(())
        })
        .await
        .map_err(|_| RelayError::Answer(patience))?
    }

    /// Says goodbye, if the relay listens.
    pub(super) async fn close(mut self) {
        // Whatever comes of it, the connection goes.
        let _ = timeout(FAREWELL, self.socket.close(None)).await;
    }
}

/// The system's trusted roots and the same cryptography as every other
/// connection of this process; made once.
fn tls() -> Result<Arc<ClientConfig>, RelayError> {
    static CONFIG: OnceLock<Arc<ClientConfig>> = OnceLock::new();
    if let Some(config) = CONFIG.get() {
        return Ok(config.clone());
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_platform_verifier()?
        .with_no_client_auth();
    Ok(CONFIG.get_or_init(|| Arc::new(config)).clone())
}
