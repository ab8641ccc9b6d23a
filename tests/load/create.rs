//! How fast operators' programs make events through the API, each answered once its event
//! is durable and in the log; and until when all of them are announced.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::Args;
use ed25519_dalek::SigningKey;
use oracle_schema::http_signature::{Parameters, Request, sign};
use oracle_server::clock::{Clock as _, TestClock};
use oracle_server::service::{self, Options};
use oracle_tests::config::{AUTHORITY, PUBLIC_URL};
use reqwest::Client;
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::http::Connection;
use crate::oracle::{Oracle, Result, Size, maturity, peak_kib, per_second};

/// How long the last event may take to be announced.
const PATIENCE: Duration = Duration::from_mins(2);
const PATH: &str = "/v1/events";

/// Programs that make events.
#[derive(Debug, Clone, Args)]
pub(crate) struct CreateArgs {
    /// Connections, each with one request under way.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Events of each kind.
    #[arg(long, default_value_t = 5000)]
    events: usize,
}

/// Who signs the requests.
struct Operator {
    key: SigningKey,
    clock: Arc<TestClock>,
    requests: AtomicUsize,
}

impl Operator {
    fn section(&self) -> String {
        let key = hex::encode(self.key.verifying_key().to_bytes());
        format!("\n[[operator]]\nname = \"maker\"\npublic_key = \"{key}\"\nscopes = [\"create\"]\n")
    }

    async fn create(&self, client: &Client, server: SocketAddr, body: &Value) -> Result<()> {
        let body = body.to_string().into_bytes();
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let now = self.clock.now().timestamp();
        let nonce = format!("nonce-number-{number:010}");
        let parameters = Parameters::new(now, now + 60, &nonce, "maker")?;
        let request = Request {
            method: "POST",
            authority: AUTHORITY,
            path: PATH,
            query: None,
            body: &body,
        };
        let fields = sign(&request, &parameters, &self.key)?;
        let response = client
            .post(format!("http://{server}{PATH}"))
            .header("content-digest", fields.content_digest)
            .header("signature-input", fields.signature_input)
            .header("signature", fields.signature)
            .body(body)
            .send()
            .await?;
        let status = response.status();
        if status == 201 {
            return Ok(());
        }
        Err(format!("{status}: {}", response.text().await?).into())
    }
}

pub(crate) async fn create(args: &CreateArgs, dir: &Path, store: &str) -> Result<()> {
    let size = Size {
        enums: 0,
        digits: 0,
    };
    let clock = Arc::new(TestClock::at(Oracle::start()));
    let operator = Arc::new(Operator {
        key: SigningKey::from_bytes(&[7; 32]),
        clock: clock.clone(),
        requests: AtomicUsize::new(0),
    });
    let more = operator.section();
    let public = format!("[http]\n{PUBLIC_URL}");
    let oracle = Oracle::make_with(dir, store, size, clock, |text| {
        text.replacen("[http]\n", &public, 1) + &more
    })
    .await?;
    let running = service::start(oracle.config, Options::default(), oracle.clock).await?;
    let server = running.public;
    for kind in ["threshold", "digits"] {
        let begun = Instant::now();
        let made = AtomicUsize::new(0);
        let made = Arc::new(made);
        let mut programs = JoinSet::new();
        for _ in 0..args.connections {
            let (operator, made, events) = (operator.clone(), made.clone(), args.events);
            programs.spawn(async move {
                let client = Client::new();
                loop {
                    let number = made.fetch_add(1, Ordering::Relaxed);
                    if number >= events {
                        return Ok(());
                    }
                    operator
                        .create(&client, server, &event(kind, number))
                        .await?;
                }
            });
        }
        while let Some(ended) = programs.join_next().await {
            let ended: Result<()> = ended?;
            ended?;
        }
        let created = begun.elapsed();
        all_announced(server, kind, args.events).await?;
        println!(
            "{}",
            json!({ "create": { "kind": kind, "connections": args.connections,
                "per_s": per_second(args.events, created),
                "announced_per_s": per_second(args.events, begun.elapsed()),
                "peak_kib": peak_kib() }})
        );
    }
    running.stop().await?;
    Ok(())
}

fn event(kind: &str, number: usize) -> Value {
    let at = maturity().to_rfc3339_opts(chrono::SecondsFormat::Secs, true);
    let id = id(kind, number);
    match kind {
        "threshold" => json!({ "id": id, "kind": kind, "price": "btcusd", "above": "60000",
            "maturity": at }),
        _ => json!({ "id": id, "kind": kind, "price": "btcusd", "decimals": 0, "base": 2,
            "digits": 20, "unit": "USD/BTC", "maturity": at }),
    }
}

fn id(kind: &str, number: usize) -> String {
    format!("{kind}-{number:07}")
}

async fn all_announced(server: SocketAddr, kind: &str, events: usize) -> Result<()> {
    let asked = async {
        let mut connection = Connection::open(server).await?;
        for number in (0..events).rev() {
            let path = format!("/v1/announcements/{}", id(kind, number));
            while connection.get(&path).await?.status != 200 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    };
    let within = tokio::time::timeout(PATIENCE, asked).await;
    within.map_err(|_| "not everything was announced in time")?
}
