//! What strangers send to the public listener: odd paths, broken HTTP, bodies that
//! nobody wants. It is refused at once, and everything else goes on.

use std::time::Duration;

use oracle_tests::database::Backend;
use oracle_tests::world::{World, event_id};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::series::{CENTS, MATURITY, SETTLED};

laws! {
    nothing_that_strangers_send_is_served_or_stops_an_attestation,
}

/// How long a refusal may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// Targets of GET that are no resource of this service.
const TARGETS: &[&str] = &[
    "/../../etc/passwd",
    "/%2e%2e/%2e%2e/etc/passwd",
    "/static/../oracle.toml",
    "/static/%2e%2e%2foracle.toml",
    "/tile/0/../../checkpoint",
    "/tile/0/x999/999",
    "/tile/99/000",
    "/v1/events/%00",
    "/v1/events/%ff%fe",
    "/v1/events/..%2f..",
    "/v1/events/a%0d%0aX-Injected:%201",
    "/v1/events/%3Cscript%3Ealert(1)%3C%2Fscript%3E",
    "/v1/events?limit=99999999999999999999",
    "/v1/events?limit=-1",
    "/v1/events?limit=1&limit=2",
    "/v1/log/18446744073709551616",
    "/v1/log/-1",
    "/v1/stream?from=99999999999999999999",
    "/v1/attestations/a?wait=999999999999",
    "/v1/events/a/bundle?from=-1",
    "//v1//events//",
    "http://elsewhere.test/etc/passwd",
    "*",
];

/// Whole requests that are no HTTP, or ask for what nobody may.
fn broken() -> Vec<Vec<u8>> {
    let many = "x-1: 1\r\n".repeat(500);
    let nested = "[".repeat(100_000);
    let length = nested.len();
    let texts = [
        "GET\r\n\r\n".to_owned(),
        "GET / HTTP/9.9\r\nHost: x\r\n\r\n".to_owned(),
        "GET /\0 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "GET / HTTP/1.1\r\nHost x\r\n\r\n".to_owned(),
        format!("GET / HTTP/1.1\r\nHost: x\r\n{many}\r\n"),
        format!(
            "GET /v1/events/{} HTTP/1.1\r\nHost: x\r\n\r\n",
            "a".repeat(70_000)
        ),
        format!(
            "GET / HTTP/1.1\r\nHost: x\r\nX: {}\r\n\r\n",
            "a".repeat(70_000)
        ),
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\
         Content-Length: 3\r\n\r\n0\r\n\r\n"
            .to_owned(),
        // A body that never comes is not waited for.
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".to_owned(),
        format!("POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n\r\n{nested}"),
        "POST /v1/events HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\n\
         Content-Length: 3\r\n\r\nabc"
            .to_owned(),
        "DELETE /v1/events/a HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "PUT /checkpoint HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "CONNECT elsewhere.test:443 HTTP/1.1\r\nHost: x\r\n\r\n".to_owned(),
        "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(),
    ];
    let mut all: Vec<Vec<u8>> = texts.into_iter().map(String::into_bytes).collect();
    // The first bytes of TLS, and noise.
    all.push(vec![
        0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03,
    ]);
    all.push((0..=255).cycle().take(10_000).collect());
    all
}

/// The status of the answer; none where the connection was closed without one. Of a
/// `whole` request the answer is waited for, of another nothing more is sent.
async fn status(address: &str, request: &[u8], whole: bool) -> Option<u16> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // It may be closed before all of it was sent.
    let _ = stream.write_all(request).await;
    if !whole {
        let _ = stream.shutdown().await;
    }
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let _ = timeout(PATIENCE, read).await.expect("refused at once");
    let answer = String::from_utf8_lossy(&answer);
    let line = answer.lines().next()?;
    assert!(
        !answer.contains("root:") && !answer.contains("X-Injected: 1\r"),
        "{answer}"
    );
    line.split(' ').nth(1).map(|code| code.parse().unwrap())
}

async fn nothing_that_strangers_send_is_served_or_stops_an_attestation(backend: Backend) {
    let mut world = World::new(backend, CENTS).await;
    let address = world.url().trim_start_matches("http://").to_owned();
    for target in TARGETS {
        let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let code = status(&address, request.as_bytes(), true).await;
        assert!(matches!(code, Some(400..500)), "{target}: {code:?}");
    }
    for request in broken() {
        let code = status(&address, &request, false).await;
        let begin = String::from_utf8_lossy(&request[..request.len().min(80)]).into_owned();
        assert!(matches!(code, None | Some(400..500)), "{begin:?}: {code:?}");
    }
    assert_eq!(world.get("/healthz").await.status, 200);
    world.at(SETTLED).await;
    let id = event_id("btc-cents", MATURITY);
    assert_eq!(
        world.get(&format!("/v1/attestations/{id}")).await.status,
        200
    );
}
