//! An election bet: Alice and Bob each put 50 PPC on their candidate. Should
//! somebody else win, or nobody yet, each gets half; a void election returns the
//! stakes, which is the same here.
//!
//! ```sh
//! cargo run --release -p oracle-client --example election
//! ```

mod contract;

use contract::terms::{Stakes, Terms, by_outcome};

#[tokio::main]
async fn main() -> std::process::ExitCode {
    contract::main(&Terms {
        title: "Election bet",
        kind: "election",
        stakes: Stakes::coins(50, 50),
        payouts: |event, stakes| {
            by_outcome(event, |outcome| match outcome {
                "alder" => Some(stakes.total()),
                "birch" => Some(0),
                // Neither candidate: "other" is a third one, "runoff" decides later.
                "other" | "runoff" => Some(stakes.total() / 2),
                "void" => Some(stakes.alice),
                _ => None,
            })
        },
    })
    .await
}
