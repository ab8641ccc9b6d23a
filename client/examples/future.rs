//! A future on the price of a peercoin, in 20 binary digits of millionths of a
//! dollar. Alice is long: at 0.20 dollars and below she gets nothing, at 0.30
//! and above all 100 PPC, in between a share that grows in a straight line.
//!
//! A million prices do not need a million transactions. Prices that are paid
//! alike share one, and a run of them is covered by a few prefixes of digits:
//! each prefix has one adaptor point, the sum of its digits' points.
//!
//! ```sh
//! cargo run --release -p oracle-client --example future
//! ```

mod contract;

use contract::terms::{Stakes, Terms, along};
use oracle_client::Descriptor;

/// Millionths of a dollar.
const FLOOR: i128 = 200_000;
const CAP: i128 = 300_000;

/// Shares are rounded to 5 PPC.
const STEP: u64 = 5_000_000;

#[tokio::main]
async fn main() -> std::process::ExitCode {
    contract::main(&Terms {
        title: "Future",
        kind: "digits",
        stakes: Stakes::coins(50, 50),
        payouts: |event, stakes| {
            let Descriptor::Digits(digits) = &event.event.descriptor else {
                return Err("the contract is about a number".into());
            };
            // Another unit would be another contract.
            if (digits.base(), digits.nb_digits(), digits.unit()) != (2, 20, "uUSD/PPC") {
                return Err("the contract is about 20 binary digits of uUSD/PPC".into());
            }
            along(event, &[(FLOOR, 0), (CAP, stakes.total())], STEP)
        },
    })
    .await
}
