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
        timeout(patience, Self::connect(url, tls))
            .await
            .map_err(|_| RelayError::Connect(patience))?
    }

    async fn connect(
        url: &Url,
        tls: impl FnOnce() -> Result<Arc<ClientConfig>, RelayError>,
    ) -> Result<Self, RelayError> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

    use tokio::net::TcpListener;
    use tokio::task::JoinHandle;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
    use tokio_rustls::rustls::{RootCertStore, ServerConfig};

    use super::*;

    /// For 127.0.0.1, signed by its own key.
    const CERTIFICATE: &[u8] = include_bytes!("testdata/relay-certificate.der");
    const KEY: &[u8] = include_bytes!("testdata/relay-key.der");
    const PATIENCE: Duration = Duration::from_secs(30);

    fn event() -> Event {
        Event {
            id: "ab".repeat(32),
            text: "[\"EVENT\",{}]".to_owned(),
        }
    }

    /// A relay with a certificate that nobody vouches for; it says these things
    /// once it has heard something, and hangs up.
    async fn relay(says: Vec<String>) -> (Url, JoinHandle<()>) {
        let key = PrivateKeyDer::try_from(KEY).unwrap();
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![CertificateDer::from(CERTIFICATE)], key)
            .unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("wss://{}/", listener.local_addr().unwrap());
        let task = tokio::spawn(async move {
            let (tcp, _) = listener.accept().await.unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(config));
            let Ok(stream) = acceptor.accept(tcp).await else {
                return;
            };
            let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
            let _ = socket.next().await;
            for text in says {
                // Whoever does not want to hear it has gone.
                let _ = socket.send(Message::text(text)).await;
            }
        });
        (Url::parse(&url).unwrap(), task)
    }

    fn trusting() -> Result<Arc<ClientConfig>, RelayError> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from(CERTIFICATE))?;
        let provider = Arc::new(aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Arc::new(config))
    }

    /// One event to a relay whose certificate is trusted.
    async fn exchange(says: Vec<String>) -> (Result<(), RelayError>, HashMap<String, Verdict>) {
        let (url, task) = relay(says).await;
        let mut connection = Connection::connect(&url, trusting).await.unwrap();
        let mut verdicts = HashMap::new();
        let result = connection
            .exchange(&[&event()], &mut verdicts, PATIENCE)
            .await;
        connection.close().await;
        task.await.unwrap();
        (result, verdicts)
    }

    #[tokio::test]
    async fn a_certificate_that_nobody_vouches_for_is_refused() {
        let (url, task) = relay(Vec::new()).await;
        let error = Connection::open(&url, PATIENCE).await.map(|_| ());
        let error = error.unwrap_err().to_string();
        assert!(error.contains("certificate"), "{error}");
        task.await.unwrap();
    }

    #[tokio::test]
    async fn an_answer_comes_through_tls_among_others() {
        let id = event().id;
        let says = vec![
            "[\"NOTICE\",\"hello\"]".to_owned(),
            format!("[\"OK\",{:?},true,\"\"]", "cd".repeat(32)),
            format!("[\"OK\",{id:?},true,\"\"]"),
        ];
        let (result, verdicts) = exchange(says).await;
        result.unwrap();
        assert_eq!(verdicts, HashMap::from([(id, Verdict::Accepted)]));
    }

    #[tokio::test]
    async fn a_message_that_is_too_long_ends_the_connection() {
        let (result, verdicts) = exchange(vec!["x".repeat(MAX_MESSAGE + 1)]).await;
        let error = result.unwrap_err();
        assert!(matches!(error, RelayError::WebSocket(_)), "{error}");
        assert!(verdicts.is_empty());
    }

    #[tokio::test]
    async fn a_relay_that_hangs_up_is_no_answer() {
        let (result, verdicts) = exchange(Vec::new()).await;
        assert!(result.is_err());
        assert!(verdicts.is_empty());
    }

    #[tokio::test]
    async fn a_relay_that_says_nothing_is_not_waited_for_longer_than_said() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/", listener.local_addr().unwrap());
        let url = Url::parse(&url).unwrap();
        let short = Duration::from_millis(50);
        let error = Connection::open(&url, short).await.map(|_| ());
        assert!(matches!(error, Err(RelayError::Connect(_))), "{error:?}");
    }
}
