//! What strangers can do to the process: to its log, its file descriptors and,
//! through them, to everything else.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use oracle_tests::process::{PATIENCE, Server};

use crate::book::Book;
use crate::home::{Home, calm, venues};

/// Sends one request on a connection of its own; the head of the answer.
fn ask(address: SocketAddr, request: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    // A reset after the answer is an answer too.
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_of_long_unsigned_requests_leaves_little_in_the_log_and_says_how_many() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let mut server = Server::run(&home.config(), &[]).await;
    let public = server.ready().await.public;
    let path = format!("/v1/events/{}/reports", "x".repeat(30_000));
    let flood = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nUser-Agent: {}\r\nContent-Length: 0\r\n\
         Connection: close\r\n\r\n",
        "y".repeat(10_000)
    );
    for _ in 0..500 {
        let answer = ask(public, &flood);
        assert!(answer.starts_with("HTTP/1.1 401"), "{answer:.200}");
    }
    // Each has a line, or is counted in the next line that is written.
    let accounted = async {
        loop {
            ask(public, &flood);
            let log = server.log();
            let of_line = |line: &String| {
                let line: serde_json::Value = serde_json::from_str(line).ok()?;
                Some(1 + line["fields"]["left_out"].as_u64()?)
            };
            if log.iter().filter_map(of_line).sum::<u64>() >= 500 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, accounted).await.unwrap();
    let log = server.log();
    let refused: Vec<&String> = log
        .iter()
        .filter(|l| l.contains("request refused"))
        .collect();
    assert!(refused.len() < 200, "{} lines", refused.len());
    assert!(
        refused.iter().all(|l| l.len() < 1000),
        "{:.2000}",
        refused[0]
    );
    assert!(log.iter().all(|l| !l.contains("yyyyyyyy")));
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn too_few_file_descriptors_refuse_the_start_and_say_what_to_set() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let server = Server::run_after("ulimit -n 1500", &home.config(), &[]).await;
    let ended = server.ended().await;
    assert_eq!(ended.code(), Some(1), "{:?}", ended.said());
    let said = ended.said().join("\n");
    for part in ["LimitNOFILE=11024", "1500", "http.max_connections"] {
        assert!(said.contains(part), "{part:?} in {said:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_starve_neither_the_admin_listener_nor_the_sources() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    let config = std::fs::read_to_string(home.config()).unwrap();
    // As many strangers with an address each would have them: all.
    let all = "[http]\nmax_connections = 300\nheld_per_client = 300\n";
    let config = config.replace("[http]\n", all);
    std::fs::write(home.config(), config).unwrap();
    // The soft limit alone would be used up by what is allowed to be open.
    let limits = "ulimit -Hn 1400; ulimit -Sn 256";
    let mut server = Server::run_after(limits, &home.config(), &[]).await;
    let addresses = server.ready().await;
    let mut idle = Vec::new();
    for _ in 0..400 {
        let mut stream = TcpStream::connect(addresses.public).unwrap();
        // Some of them begin a request and leave it there; the rest are turned away.
        let _ = stream.write_all(b"GET /v1/oracle HTTP/1.1\r\nX-Slow: ");
        idle.push(stream);
    }
    let healthy = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
    assert!(ask(addresses.admin, healthy).starts_with("HTTP/1.1 200"));
    let metrics = ask(addresses.admin, &healthy.replace("healthz", "metrics"));
    let refused = metrics
        .lines()
        .find_map(|l| l.strip_prefix("oracle_http_connections_refused_total "));
    assert!(refused.is_some_and(|n| n != "0"), "{metrics}");
    // What matures while they are all open is asked for and attested.
    let seen = venues.requests().len();
    let attested = async {
        let sql = "SELECT COUNT(*) FROM attestation";
        let before = home.database.number(sql).await;
        while home.database.number(sql).await < before + 4 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, attested).await.unwrap();
    assert!(venues.requests().len() > seen);
    drop(idle);
    let mut book = Book::default();
    book.read_until(&addresses.url(), 1).await;
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}

/// Of a running server, from the system: kilobytes that cannot reach the swap.
fn locked_kb(server: &Server) -> u64 {
    let id = server.id().unwrap();
    let status = std::fs::read_to_string(format!("/proc/{id}/status")).unwrap();
    let line = status
        .lines()
        .find_map(|l| l.strip_prefix("VmLck:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_reaches_the_swap_where_memory_may_be_locked_and_else_the_log_says_so() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, &calm(18));
    // The second without the privilege by which no limit holds.
    let unprivileged = "ulimit -l 64; exec setpriv --bounding-set=-ipc_lock \"$0\" \"$@\"";
    for first in ["true", unprivileged] {
        let mut server = Server::run_after(first, &home.config(), &[]).await;
        server.ready().await;
        let log = server.log();
        let says = |what: &str| log.iter().any(|line| line.contains(what));
        let is_locked = says("memory is locked");
        assert_ne!(is_locked, says("memory is not locked"), "{log:?}");
        assert_eq!(locked_kb(&server) > 0, is_locked, "{first}");
        assert!(first == "true" || says("LimitMEMLOCK=infinity"), "{log:?}");
        server.terminate();
        assert_eq!(server.ended().await.code(), Some(0));
    }
}
