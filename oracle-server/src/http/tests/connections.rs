//! Laws of connections: broken, slow or too many.

use super::*;

#[tokio::test]
async fn a_request_with_two_lengths_is_refused_and_its_connection_closed() {
    let world = World::new().await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let smuggled = "GET /v1/oracle HTTP/1.1\r\nHost: x\r\n\r\n";
    let length = format!("Content-Length: {}\r\n", smuggled.len() + 5);
    let chunked = "Transfer-Encoding: chunked\r\n";
    for fields in [
        format!("{length}{chunked}"),
        format!("{chunked}{length}"),
        chunked.to_owned(),
    ] {
        for line in ["POST /v1/events", "GET /v1/oracle", "GET /nothing"] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let request = format!("{line} HTTP/1.1\r\nHost: x\r\n{fields}\r\n0\r\n\r\n{smuggled}");
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut answer = Vec::new();
            // A reset after the answer is a close too.
            let _ = stream.read_to_end(&mut answer).await;
            let answer = String::from_utf8_lossy(&answer);
            assert!(answer.starts_with("HTTP/1.1 400"), "{line}: {answer}");
            assert!(answer.contains("connection: close"), "{line}: {answer}");
            assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{line}: {answer}");
        }
    }
}

#[tokio::test]
async fn a_request_head_that_never_ends_is_dropped() {
    let world = World::new().await;
    let limits = Limits {
        header_timeout: Duration::from_millis(20),
        ..Limits::default()
    };
    let (address, _served) = listening(&world, limits).await;
    let mut slow = TcpStream::connect(address).await.unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nX-Slow: ").await.unwrap();
    let mut answer = Vec::new();
    // Ends only because the service closes.
    let _ = slow.read_to_end(&mut answer).await;
    assert!(!answer.starts_with(b"HTTP/1.1 200"));
}

#[tokio::test]
async fn one_connection_too_many_is_told_so_and_closed() {
    let world = World::new().await;
    let limits = Limits {
        max_connections: 1,
        ..Limits::default()
    };
    let (address, _served) = listening(&world, limits).await;
    let mut first = TcpStream::connect(address).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    first.write_all(request).await.unwrap();
    read_until(&mut first, r#""status":"ok""#).await;
    let mut second = TcpStream::connect(address).await.unwrap();
    let mut answer = String::new();
    second.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
    // The first is not disturbed.
    first.write_all(request).await.unwrap();
    read_until(&mut first, r#""status":"ok""#).await;
}

#[tokio::test]
async fn idle_connections_of_one_address_leave_room_for_others_and_a_proxys_are_not_counted() {
    let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n";
    for (trusted_proxies, is_full) in [(vec![], true), (vec![[127, 0, 0, 1].into()], false)] {
        let world = World::new().await;
        let limits = Limits {
            max_connections: 4,
            per_client: NonZeroUsize::new(2).unwrap(),
            trusted_proxies,
            ..Limits::default()
        };
        let (address, _served) = listening(&world, limits).await;
        let mut idle = Vec::new();
        for _ in 0..2 {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request).await.unwrap();
            read_until(&mut stream, r#""status":"ok""#).await;
            idle.push(stream);
        }
        let mut one_more = TcpStream::connect(address).await.unwrap();
        if is_full {
            read_until(&mut one_more, "HTTP/1.1 503").await;
        } else {
            one_more.write_all(request).await.unwrap();
            read_until(&mut one_more, r#""status":"ok""#).await;
        }
    }
}

#[tokio::test]
async fn a_panicking_handler_is_a_problem_and_not_a_dropped_connection() {
    let broken = Router::new().route(
        "/broken",
        axum::routing::get(async || -> StatusCode { panic!("on purpose") }),
    );
    let request = Request::get("/broken").body(Body::empty()).unwrap();
    let answer = with_common_layers(broken, None)
        .oneshot(request)
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(answer.headers()["content-type"], problem::PROBLEM_JSON);
}
