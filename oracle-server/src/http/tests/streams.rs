//! Laws of streams: where they begin, what they send, who gets them.

use super::*;

#[tokio::test]
async fn a_stream_resumes_after_the_last_item_and_ends_with_the_service() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    world.announce("e2", yes_no()).await;
    world.mature();
    let (address, served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 1\r\n\r\n")
        .await
        .unwrap();
    // Position 0 is the genesis, 1 the announcement of e1, 2 the proof of its nonces.
    let missed = read_until(&mut stream, "id: 3\n").await;
    assert!(missed.contains("event: announced\n") && !missed.contains("id: 1\n"));
    world.attest("e1", "yes").await;
    let live = read_until(&mut stream, "id: 5\n").await;
    assert!(live.contains("event: attested\n"), "{live}");
    assert!(live.contains(r#""href":"/v1/attestations/e1""#));
    world.stop.send_replace(true);
    let mut rest = Vec::new();
    stream.read_to_end(&mut rest).await.unwrap();
    served.await.unwrap().unwrap();
}

/// Opens streams through a proxy that says who asks, until one is refused; how many
/// were not.
async fn open_streams(address: std::net::SocketAddr, client: &str) -> (Vec<TcpStream>, String) {
    let mut open = Vec::new();
    loop {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let ask =
            format!("GET /v1/stream HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: {client}\r\n\r\n");
        stream.write_all(ask.as_bytes()).await.unwrap();
        let head = read_until(&mut stream, "\r\n\r\n").await;
        if !head.starts_with("HTTP/1.1 200") {
            return (open, head);
        }
        open.push(stream);
    }
}

#[tokio::test]
async fn one_client_cannot_take_all_streams_and_gets_its_share_back() {
    let mut world = World::new().await;
    let settings = HttpConfig {
        held_per_client: NonZeroUsize::new(3).unwrap(),
        trusted_proxies: vec!["127.0.0.1".parse().unwrap()],
        ..settings()
    };
    world.announce("e", yes_no()).await;
    world.router = public_router(world.app.clone(), &settings);
    let (address, _served) = listening(&world, Limits::default()).await;
    let (greedy, refused) = open_streams(address, "192.0.2.1").await;
    assert_eq!(greedy.len(), 3);
    assert!(refused.starts_with("HTTP/1.1 429"), "{refused}");
    assert!(refused.contains("retry-after: "), "{refused}");
    // Long polls are held open too.
    let poll = Request::get("/v1/attestations/e?wait=60")
        .header("x-forwarded-for", "192.0.2.1")
        .extension(ConnectInfo(std::net::SocketAddr::from(([127, 0, 0, 1], 9))));
    let answer = world.send(poll.body(Body::empty()).unwrap()).await;
    answer.problem("rate-limited");
    let (others, _) = open_streams(address, "192.0.2.2").await;
    assert_eq!(others.len(), 3);
    drop(greedy);
    // A dropped connection is noticed when the service next looks at it.
    let again = async {
        while open_streams(address, "192.0.2.1").await.0.is_empty() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_mins(1), again)
        .await
        .unwrap();
}

#[tokio::test]
async fn a_stream_without_a_position_starts_at_the_live_end() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut text = read_until(&mut stream, "\r\n\r\n").await;
    world.announce("e2", yes_no()).await;
    text += &read_until(&mut stream, "id: 3\n").await;
    assert!(!text.contains("id: 1\n"));
}

#[tokio::test]
async fn a_reader_without_a_position_is_told_at_once_where_to_resume() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream?events=e1 HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let text = read_until(&mut stream, "id: 2\n\n").await;
    assert!(text.contains(": open\nid: 2\n\n"), "{text}");
    drop(stream);
    world.mature();
    world.attest("e1", "yes").await;
    // As a browser comes back, and as one that sets no headers.
    for (query, header) in [("", "Last-Event-ID: 2\r\n"), ("&after=2", "")] {
        let mut again = TcpStream::connect(address).await.unwrap();
        let ask = format!("GET /v1/stream?events=e1{query} HTTP/1.1\r\nHost: x\r\n{header}\r\n");
        again.write_all(ask.as_bytes()).await.unwrap();
        let text = read_until(&mut again, "id: 3\n").await;
        assert!(text.contains("event: attested\n"), "{text}");
    }
}

#[tokio::test]
async fn a_position_ahead_of_the_log_is_refused_and_both_are_named() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    let ask = |path: &str, last: Option<&str>| {
        let mut request = Request::get(path);
        if let Some(last) = last {
            request = request.header("last-event-id", last);
        }
        request.body(Body::empty()).unwrap()
    };
    // The log has the positions 0 to 2.
    for ahead in [
        "3",
        "100000",
        "9223372036854775807",
        "340282366920938463463374607431768211455",
    ] {
        for (request, field) in [
            (ask("/v1/stream", Some(ahead)), "Last-Event-ID"),
            (ask(&format!("/v1/stream?after={ahead}"), None), "after"),
            (
                ask("/v1/stream?events=e1&after=0", Some(ahead)),
                "Last-Event-ID",
            ),
        ] {
            let answer = world.send(request).await;
            assert_eq!(answer.status, StatusCode::CONFLICT);
            assert_eq!(answer.problem("ahead-of-log").as_deref(), Some(field));
            let detail = answer.json()["detail"].as_str().unwrap().to_owned();
            assert!(detail.contains(&format!("position {ahead} ")), "{detail}");
            assert!(detail.contains("last position is 2"), "{detail}");
            assert!(detail.contains("another oracle"), "{detail}");
        }
    }
    for garbage in ["", "-1", "1.5", "0x10", " ", "1e3"] {
        let answer = world.send(ask("/v1/stream", Some(garbage))).await;
        assert_eq!(
            answer.problem("bad-parameter").as_deref(),
            Some("Last-Event-ID"),
            "{garbage:?}"
        );
    }
    let answer = world.get("/v1/stream?after=x").await;
    assert_eq!(answer.problem("bad-parameter").as_deref(), Some("after"));
}

#[tokio::test]
async fn a_change_of_state_comes_before_what_is_published_and_moves_no_reader() {
    let mut world = World::new().await;
    world.announce("e1", yes_no()).await;
    world.mature();
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
        .await
        .unwrap();
    read_until(&mut stream, "id: 1\n").await;
    world.attest("e1", "yes").await;
    let text = read_until(&mut stream, "id: 3\n").await;
    let (state, item) = text.split_once("event: attested\n").unwrap();
    assert!(state.contains("event: state\n"), "{text}");
    assert!(state.contains(r#""state":"committed""#), "{text}");
    assert!(!state.contains("id: "), "{text}");
    assert!(!item.contains("event: state\n"), "{text}");
}

#[tokio::test]
async fn a_stream_of_some_events_is_silent_about_others() {
    let mut world = World::new().await;
    for id in ["e1", "e2", "e3"] {
        world.announce(id, yes_no()).await;
    }
    world.mature();
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream?events=e3,e1 HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n")
        .await
        .unwrap();
    let mut text = read_until(&mut stream, "id: 5\n").await;
    world.attest("e2", "yes").await;
    world.attest("e3", "yes").await;
    text += &read_until(&mut stream, "id: 8\n").await;
    assert!(text.contains("id: 1\n"), "{text}");
    assert!(!text.contains("e2"), "{text}");
}

#[tokio::test]
async fn a_stream_that_is_behind_by_more_than_a_block_gets_everything_once() {
    let mut world = World::new().await;
    let ids: Vec<String> = (0..1100).map(|n| format!("e{n}")).collect();
    for id in &ids {
        world.announce(id, yes_no()).await;
    }
    let (address, _served) = listening(&world, Limits::default()).await;
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET /v1/stream HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 500\r\n\r\n")
        .await
        .unwrap();
    let text = read_until(&mut stream, "id: 2199\n").await;
    let got: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("id: "))
        .collect();
    let due: Vec<String> = (501..=2199).step_by(2).map(|n| n.to_string()).collect();
    assert_eq!(got, due);
}
