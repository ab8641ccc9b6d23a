//! A thousand rounds of news through connections that are cut, delayed, replaced and
//! answered late or by somebody else: nothing is lost, doubled or out of order.
//!
//! The server here speaks the stream as the real one does (`http::stream`), with
//! heartbeats of milliseconds. `ORACLE_TEST_SEED` repeats a run; it is printed.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures::StreamExt;
use oracle_client::{Client, Error, EventId, Options, StreamEvent};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

const ROUNDS: u32 = 1000;
const EVENTS: u64 = 12;
/// Of the reader that names its events.
const NAMED: [&str; 2] = ["e3", "e7"];
const HEARTBEAT: Duration = Duration::from_millis(2);
/// How long a reader may take to catch up in one round.
const PATIENCE: Duration = Duration::from_secs(20);
/// Rounds after which the readers stay away while much happens.
const WEEK: u32 = 100;
/// Positions that go by meanwhile.
const BUSY_WEEK: u64 = 2000;

/// `SplitMix64`: the same numbers again for the same seed.
#[derive(Clone)]
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % sides
    }

    fn is_one_in(&mut self, sides: u64) -> bool {
        self.roll(sides) == 0
    }
}

fn seed() -> u64 {
    let given = std::env::var("ORACLE_TEST_SEED").ok();
    let seed = given.map_or_else(
        || getrandom::u64().unwrap(),
        |text| text.parse().expect("ORACLE_TEST_SEED is a number"),
    );
    println!("ORACLE_TEST_SEED={seed}");
    seed
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    position: u64,
    kind: &'static str,
    event: String,
}

/// What was published. Positions without an item are entries that nobody is told of.
#[derive(Default)]
struct Log {
    items: Vec<Item>,
    last: u64,
}

struct Oracle {
    log: Mutex<Log>,
    grown: watch::Sender<()>,
    dice: Mutex<Dice>,
    /// Cuts every connection that is open.
    cut: watch::Sender<u32>,
}

impl Oracle {
    fn roll(&self, sides: u64) -> u64 {
        self.dice.lock().unwrap().roll(sides)
    }

    fn publish(&self, entries: u64) {
        for _ in 0..entries {
            let kind =
                ["announced", "attested", "refunded", ""][usize::try_from(self.roll(4)).unwrap()];
            let event = format!("e{}", self.roll(EVENTS));
            let mut log = self.log.lock().unwrap();
            log.last += 1;
            let position = log.last;
            if !kind.is_empty() {
                log.items.push(Item {
                    position,
                    kind,
                    event,
                });
            }
        }
        self.grown.send_replace(());
    }

    /// Items behind `after` that are wanted, as sent, and the last position.
    fn past(&self, after: u64, only: Option<&[String]>) -> (String, u64) {
        let log = self.log.lock().unwrap();
        let items = log.items.iter().filter(|item| {
            item.position > after && only.is_none_or(|ids| ids.contains(&item.event))
        });
        let text = items.map(
            |Item {
                 position,
                 kind,
                 event,
             }| {
                format!("event: {kind}\nid: {position}\ndata: {{\"event_id\":\"{event}\"}}\n\n")
            },
        );
        (text.collect(), log.last)
    }

    async fn serve(self: Arc<Self>, listener: TcpListener) {
        let mut connections = JoinSet::new();
        while let Ok((socket, _)) = listener.accept().await {
            let oracle = Arc::clone(&self);
            let mut cut = self.cut.subscribe();
            cut.mark_unchanged();
            connections.spawn(async move {
                tokio::select! {
                    _ = cut.changed() => {}
                    _ = oracle.answer(socket) => {}
                }
            });
            while connections.try_join_next().is_some() {}
        }
    }

    async fn answer(&self, mut socket: TcpStream) -> std::io::Result<()> {
        let head = read_head(&mut socket).await?;
        if head.starts_with("GET /login") {
            return page(&mut socket, "200 OK", "text/html").await;
        }
        // Somebody on the way is slow, or answers himself.
        if self.roll(8) == 0 {
            tokio::time::sleep(Duration::from_millis(self.roll(6))).await;
        }
        match self.roll(24) {
            0 => return Ok(()),
            1 => return page(&mut socket, "403 Forbidden", "text/html").await,
            2 => return page(&mut socket, "200 OK", "text/html").await,
            3 => return page(&mut socket, "503 Service Unavailable", "text/html").await,
            4 => return page(&mut socket, "302 Found\r\nlocation: /login", "text/html").await,
            5 => {
                return socket
                    .write_all(b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n")
                    .await;
            }
            6 => return socket.write_all(b"HTTP/1.1 200 OK\r\ncontent-ty").await,
            _ => {}
        }
        let resume = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("last-event-id")
                .then(|| value.parse::<u64>().unwrap())
        });
        let only = head.split_once("events=").map(|(_, rest)| {
            let ids = rest.split([' ', '&']).next().unwrap_or_default();
            ids.split("%2C").map(str::to_owned).collect::<Vec<_>>()
        });
        self.stream(socket, resume, only.as_deref()).await
    }

    async fn stream(
        &self,
        socket: TcpStream,
        resume: Option<u64>,
        only: Option<&[String]>,
    ) -> std::io::Result<()> {
        let last = self.log.lock().unwrap().last;
        let mut cursor = resume.unwrap_or(last);
        assert!(cursor <= last, "resumed at {cursor}, ahead of {last}");
        let mut wire = Wire::open(socket, self).await?;
        if resume.is_none() {
            wire.write(&format!(": open\nid: {cursor}\n\n"), self)
                .await?;
        } else if self.roll(6) == 0 {
            // A proxy that hands out what it kept of an older connection.
            cursor = self.roll(cursor + 1);
        }
        let mut grown = self.grown.subscribe();
        loop {
            let (text, last) = self.past(cursor, only);
            wire.write(&text, self).await?;
            cursor = last;
            tokio::select! {
                _ = grown.changed() => {}
                () = tokio::time::sleep(HEARTBEAT) => {
                    wire.write(&format!(": heartbeat\nid: {cursor}\n\n"), self).await?;
                }
            }
        }
    }
}

/// A connection that may end or fall silent after any byte.
struct Wire {
    socket: TcpStream,
    is_chunked: bool,
    left: usize,
    is_cut: bool,
}

impl Wire {
    async fn open(mut socket: TcpStream, oracle: &Oracle) -> std::io::Result<Self> {
        let is_chunked = oracle.roll(2) == 0;
        let coding = if is_chunked {
            "transfer-encoding: chunked\r\n"
        } else {
            ""
        };
        let head = format!(
            "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\n{coding}connection: close\r\n\r\n"
        );
        socket.write_all(head.as_bytes()).await?;
        let most = if oracle.roll(3) == 0 { 100_000 } else { 600 };
        Ok(Self {
            socket,
            is_chunked,
            left: usize::try_from(oracle.roll(most)).unwrap(),
            is_cut: oracle.roll(12) != 0,
        })
    }

    /// In pieces cut anywhere; an error where the connection ends.
    async fn write(&mut self, text: &str, oracle: &Oracle) -> std::io::Result<()> {
        let mut rest = text.as_bytes();
        while !rest.is_empty() {
            let most = u64::try_from(rest.len()).unwrap();
            let size = 1 + usize::try_from(oracle.roll(most)).unwrap();
            let size = size.min(self.left);
            let (piece, more) = rest.split_at(size);
            rest = more;
            self.left -= size;
            if !piece.is_empty() {
                let framed = if self.is_chunked {
                    [format!("{size:x}\r\n").as_bytes(), piece, b"\r\n"].concat()
                } else {
                    piece.to_vec()
                };
                self.socket.write_all(&framed).await?;
            }
            if self.left == 0 {
                if !self.is_cut {
                    // Nobody closes it: the reader has to notice the silence.
                    std::future::pending::<()>().await;
                }
                return Err(std::io::ErrorKind::ConnectionReset.into());
            }
        }
        Ok(())
    }
}

async fn read_head(socket: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(socket.read_u8().await?);
    }
    Ok(String::from_utf8(head).unwrap())
}

async fn page(socket: &mut TcpStream, status: &str, media: &str) -> std::io::Result<()> {
    let body = "<title>Sign in</title>";
    let length = body.len();
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-type: {media}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    );
    socket.write_all(answer.as_bytes()).await
}

/// One reader: what it was told so far.
struct Reader {
    client: Client,
    only: Option<Vec<EventId>>,
    told: Vec<Item>,
    news: mpsc::Receiver<StreamEvent>,
}

impl Reader {
    fn new(client: &Client, only: Option<Vec<EventId>>) -> Self {
        let news = listen(client, only.as_deref(), 0);
        Self {
            client: client.clone(),
            only,
            told: Vec::new(),
            news,
        }
    }

    /// Goes away; with [`Self::come_back`] a new program goes on where this one ended.
    fn leave(&mut self) {
        self.news.close();
    }

    fn come_back(&mut self) {
        let last = self.told.last().map_or(0, |item| item.position);
        self.news = listen(&self.client, self.only.as_deref(), last);
    }

    /// Listens until it knows everything that is due.
    async fn catch_up(&mut self, oracle: &Oracle) {
        let due: Vec<Item> = {
            let log = oracle.log.lock().unwrap();
            let is_due = |item: &&Item| {
                let only = self.only.as_ref();
                only.is_none_or(|ids| ids.iter().any(|id| id.as_str() == item.event))
            };
            let items = log.items.iter().skip_while(|item| {
                self.told
                    .last()
                    .is_some_and(|last| item.position <= last.position)
            });
            items.filter(is_due).cloned().collect()
        };
        for item in due {
            let told = tokio::time::timeout(PATIENCE, self.news.recv()).await;
            let told = told.unwrap_or_else(|_| panic!("never told of {item:?}"));
            assert_eq!(told.map(|event| as_item(&event)), Some(item.clone()));
            self.told.push(item);
        }
        assert!(self.news.try_recv().is_err(), "told more than there is");
    }
}

fn listen(client: &Client, only: Option<&[EventId]>, from: u64) -> mpsc::Receiver<StreamEvent> {
    let mut news = match only {
        Some(ids) => client.watch_events(ids, Some(from)),
        None => client.watch(Some(from)),
    };
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(item) = news.next().await {
            match item {
                Ok(event) => {
                    if sender.send(event).await.is_err() {
                        return;
                    }
                }
                Err(error) => assert!(
                    matches!(error, Error::Transport { .. } | Error::NotTheOracle { .. }),
                    "{error}"
                ),
            }
        }
        panic!("the stream ended");
    });
    receiver
}

fn as_item(event: &StreamEvent) -> Item {
    Item {
        position: event.position().unwrap(),
        kind: match event {
            StreamEvent::Announced { .. } => "announced",
            StreamEvent::Attested { .. } => "attested",
            StreamEvent::Refunded { .. } => "refunded",
            StreamEvent::State { .. } => "state",
        },
        event: event.event_id().to_string(),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_rounds_lose_nothing() {
    let mut dice = Dice(seed());
    let oracle = Arc::new(Oracle {
        log: Mutex::default(),
        grown: watch::Sender::new(()),
        dice: Mutex::new(dice.clone()),
        cut: watch::Sender::new(0),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(Arc::clone(&oracle).serve(listener));
    let options = Options {
        timeout: Duration::from_millis(500),
        idle_timeout: Duration::from_millis(25),
        first_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(3),
        ..Options::default()
    };
    let client = Client::with_options(&url, options).unwrap();
    let named = NAMED.map(|id| EventId::parse(id).unwrap()).to_vec();
    let mut readers = [
        Reader::new(&client, None),
        Reader::new(&client, Some(named)),
    ];
    let started = Instant::now();
    for round in 1..=ROUNDS {
        let is_week = round % WEEK == 0;
        if is_week {
            readers.iter_mut().for_each(Reader::leave);
        }
        oracle.publish(if is_week { BUSY_WEEK } else { dice.roll(4) });
        if dice.is_one_in(3) {
            oracle.cut.send_replace(round);
            oracle.publish(dice.roll(3));
        }
        for reader in &mut readers {
            if is_week {
                reader.come_back();
            }
            reader.catch_up(&oracle).await;
        }
    }
    let told = readers.map(|reader| reader.told.len());
    println!("{told:?} items in {ROUNDS} rounds, {:?}", started.elapsed());
    assert!(told[0] > 10_000 && told[1] > 100);
}
