//! A sports bet: Alice backs the home side with 30 PPC, Bob stands against it
//! with 50 PPC. A draw is Bob's, and a match that was not played costs nobody
//! anything.
//!
//! ```sh
//! cargo run --release -p oracle-client --example sports_bet
//! ```

mod contract;

use contract::terms::{Stakes, Terms, by_outcome};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    contract::main(&Terms {
        title: "Sports bet",
        kind: "match",
        stakes: Stakes::coins(30, 50),
        payouts: |event, stakes| {
            by_outcome(event, |outcome| match outcome {
                "home" => Some(stakes.total()),
                "draw" | "away" => Some(0),
                "void" => Some(stakes.alice),
                _ => None,
            })
        },
    })
    .await
}
