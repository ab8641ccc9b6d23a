//! A prediction market: Alice buys "yes" for 40 PPC of 100, Bob "no" for 60. A
//! question that its operators declare void returns the stakes.
//!
//! ```sh
//! cargo run --release -p oracle-client --example prediction_market
//! ```

mod contract;

use contract::terms::{Stakes, Terms, by_outcome};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    contract::main(&Terms {
        title: "Prediction market",
        kind: "operators",
        stakes: Stakes::coins(40, 60),
        payouts: |event, stakes| {
            by_outcome(event, |outcome| match outcome {
                "yes" => Some(stakes.total()),
                "no" => Some(0),
                "void" => Some(stakes.alice),
                _ => None,
            })
        },
    })
    .await
}
