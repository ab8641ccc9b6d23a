//! The examples on a chain: the code that talks to a node, against a loopback
//! server, and, where `PEERCOIND` names one, a real node on regtest.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bitcoin::Transaction;
use oracle_tests::peercoin::{PEERCOIND, RealNode};

use crate::contracts::settle_with;
use crate::judge::Contract;
use crate::loopback;
use crate::program::Program;
use crate::run;
use crate::scripted::{MATURITY, Scripted};

/// Settles on the node at `url`; all that can be checked without it is checked.
async fn settle_on<F>(
    name: &'static str,
    (url, cookie): (&str, &Path),
    oracle: Scripted,
    happens: impl FnOnce(Scripted) -> F,
) -> Contract
where
    F: Future<Output = Scripted>,
{
    let more = ["--node", url, "--cookie", cookie.to_str().unwrap()];
    let settled = settle_with(name, oracle, &more, happens).await;
    assert!(
        settled
            .said
            .contains("by consensus code and a Peercoin node")
    );
    let contract = Contract::read(&settled.json);
    contract.assert_sound();
    contract
}

#[test]
fn a_contract_is_funded_and_settled_over_rpc_and_only_its_true_cet_is_taken() {
    run(async {
        let chain = loopback::start("regtest").await;
        let oracle = Scripted::sports_bet().await;
        let node = (chain.url(), chain.cookie());
        let place = (node.0.as_str(), node.1.as_path());
        let contract = settle_on("sports_bet", place, oracle, |o| o.finishes(1, 1)).await;
        let settled = contract.settled();
        assert_eq!(settled.outcome, "draw");
        // A payment to both, then the contract's own.
        let confirmed = chain.confirmed();
        let own = [&contract.funding.0, &settled.transaction].map(Transaction::compute_txid);
        assert_eq!(confirmed[1..], own);
        // The refund came too early, and three CETs were for what did not happen.
        let script = "mandatory-script-verify-flag-failed";
        assert_eq!(chain.refused(), ["non-final", script, script, script]);
    });
}

#[test]
fn the_refund_is_taken_over_rpc_once_its_time_has_come() {
    run(async {
        let chain = loopback::start("regtest").await;
        let oracle = Scripted::binary_option("0.25").await;
        let node = (chain.url(), chain.cookie());
        let place = (node.0.as_str(), node.1.as_path());
        let contract = settle_on("binary_option", place, oracle, Scripted::gives_up).await;
        let own = [&contract.funding.0, &contract.refund.0].map(Transaction::compute_txid);
        assert_eq!(chain.confirmed()[1..], own);
        assert_eq!(chain.refused(), ["non-final"]);
    });
}

#[test]
fn no_chain_but_regtest_is_touched() {
    run(async {
        let chain = loopback::start("main").await;
        let oracle = Scripted::sports_bet().await;
        let (url, node) = (oracle.url(), chain.url());
        let cookie = chain.cookie();
        let mut args = vec!["--url", &url, "--event", "cup", "--node", &node, "--cookie"];
        args.push(cookie.to_str().unwrap());
        let said = Program::start("sports_bet", &args).failed().await;
        assert!(said.contains("the node is not on regtest"), "{said}");
        assert!(chain.confirmed().is_empty());
    });
}

#[test]
fn a_chain_that_is_ahead_goes_on_from_there_unless_it_is_past_the_maturity() {
    run(async {
        let chain = loopback::start("regtest").await;
        let node = (chain.url(), chain.cookie());
        let place = (node.0.as_str(), node.1.as_path());
        // A moment later than an hour before the event's maturity.
        chain.mined_until(MATURITY - 1800);
        let oracle = Scripted::sports_bet().await;
        settle_on("sports_bet", place, oracle, |o| o.finishes(1, 1)).await;
        let confirmed = chain.confirmed().len();

        // That contract has taken the chain past the maturity of the next.
        let oracle = Scripted::sports_bet().await;
        let (url, now) = (oracle.url(), oracle.now());
        let mut args = vec!["--url", &url, "--event", "cup", "--now", &now];
        args.extend(["--node", place.0, "--cookie", place.1.to_str().unwrap()]);
        let said = Program::start("sports_bet", &args).failed().await;
        assert!(said.contains("a new -datadir"), "{said}");
        assert_eq!(chain.confirmed().len(), confirmed);
    });
}

#[test]
fn contracts_are_settled_on_a_real_node() {
    let Some(program) = std::env::var_os(PEERCOIND).map(PathBuf::from) else {
        // Past the test harness, which keeps what passing tests print.
        let _ = writeln!(
            std::io::stderr(),
            "\n{PEERCOIND} is not set: contracts were NOT settled on a real Peercoin node"
        );
        return;
    };
    on_node(&program, "sports_bet", Scripted::sports_bet(), |o| {
        o.finishes(2, 1)
    });
    on_node(
        &program,
        "binary_option",
        Scripted::binary_option("0.30"),
        |o| o.closes_at(10),
    );
    on_node(&program, "future", Scripted::future(), |o| o.closes_at(10));
    on_node(&program, "election", Scripted::election(), |o| {
        o.elects("18799")
    });
    let market = Scripted::prediction_market();
    on_node(&program, "prediction_market", market, |o| o.answered("yes"));
    let option = Scripted::binary_option("0.25");
    on_node(&program, "binary_option", option, Scripted::gives_up);
}

/// One contract on a node and a chain of its own; says what is in that now.
fn on_node<F>(
    program: &Path,
    name: &'static str,
    oracle: impl Future<Output = Scripted>,
    happens: impl FnOnce(Scripted) -> F,
) where
    F: Future<Output = Scripted>,
{
    run(Box::pin(async {
        let node = RealNode::start(program).await;
        let place = (node.url.as_str(), node.cookie.as_path());
        let contract = Box::pin(settle_on(name, place, oracle.await, happens)).await;
        let (funding, how, ended) = match &contract.outcome {
            Some(outcome) => (
                &contract.funding.0,
                outcome.as_str(),
                &contract.settled().transaction,
            ),
            None => (&contract.funding.0, "refunded", &contract.refund.0),
        };
        let [funding, ended] = [funding, ended].map(Transaction::compute_txid);
        node.tell(&format!(
            "{name}: funded by {funding}, {how}, settled by {ended}"
        ));
    }));
}
