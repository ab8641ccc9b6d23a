//! A binary option: Alice pays 5 PPC for the right to 25 should the price be
//! above the event's threshold; Bob writes it.
//!
//! A price has no void: if it cannot be determined, the oracle never attests,
//! and the refund returns the stakes.
//!
//! ```sh
//! cargo run --release -p oracle-client --example binary_option
//! ```

mod contract;

use contract::terms::{Stakes, Terms, by_outcome};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    contract::main(&Terms {
        title: "Binary option",
        kind: "threshold",
        stakes: Stakes::coins(5, 20),
        payouts: |event, stakes| {
            by_outcome(event, |outcome| match outcome {
                "above" => Some(stakes.total()),
                "not_above" => Some(0),
                _ => None,
            })
        },
    })
    .await
}
