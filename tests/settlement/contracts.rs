//! Every example against a real server, for several outcomes each.

use bitcoin::{Amount, TxOut};
use futures::future::LocalBoxFuture;

use crate::judge::{self, Contract, Refusal};
use crate::loopback;
use crate::program::{Program, Settled, WAITING};
use crate::run;
use crate::scripted::Scripted;

/// One peercoin, units.
const COIN: u64 = 1_000_000;
/// Fee of a settlement with two outputs, which the contract's output holds.
const TWO: u64 = 2_050;
/// Fee of one with one output.
const ONE: u64 = 1_620;

/// Lets an example make its contract, the oracle attest, the example settle.
fn settle<'a, F>(
    name: &'static str,
    oracle: Scripted,
    happens: impl FnOnce(Scripted) -> F + 'a,
) -> LocalBoxFuture<'a, Settled>
where
    F: Future<Output = Scripted>,
{
    settle_with(name, oracle, &[], happens)
}

/// The same with more arguments.
pub(crate) fn settle_with<'a, F>(
    name: &'static str,
    oracle: Scripted,
    more: &'a [&'a str],
    happens: impl FnOnce(Scripted) -> F + 'a,
) -> LocalBoxFuture<'a, Settled>
where
    F: Future<Output = Scripted>,
{
    Box::pin(async move {
        let url = oracle.url();
        let id = oracle.id.to_string();
        let now = oracle.now();
        let mut args = vec![
            "--url",
            url.as_str(),
            "--event",
            id.as_str(),
            "--now",
            now.as_str(),
            "--wait",
            "30",
        ];
        args.extend(more);
        let mut program = Program::start(name, &args);
        program.until(WAITING).await;
        // Serves until the example has what it waits for.
        let oracle = happens(oracle).await;
        let settled = program.succeeded().await;
        drop(oracle);
        settled
    })
}

/// What came true, and what it paid to Alice and to Bob; everything else checked.
fn paid(settled: &Settled) -> (String, [u64; 2]) {
    let contract = Contract::read(&settled.json);
    contract.assert_sound();
    (contract.outcome.clone().unwrap(), contract.settled().paid)
}

/// All of a pot with one output: the fee of the output that is not there stays
/// in it.
fn all(pot: u64) -> u64 {
    pot * COIN + TWO - ONE
}

#[test]
fn a_match_won_at_home_pays_who_backed_it() {
    run(async {
        let oracle = Scripted::sports_bet().await;
        let settled = settle("sports_bet", oracle, |o| o.finishes(2, 1)).await;
        assert_eq!(paid(&settled), ("home".to_owned(), [all(80), 0]));
        assert!(settled.said.contains("162 bytes, fee 1620 units"));
        let contract = Contract::read(&settled.json);
        let outcomes: Vec<&str> = contract.cets.iter().map(|c| c.outcome.as_str()).collect();
        assert_eq!(outcomes, ["home", "draw", "away", "void"]);
    });
}

#[test]
fn a_match_that_was_not_played_returns_the_stakes() {
    run(async {
        let oracle = Scripted::sports_bet().await;
        let settled = settle("sports_bet", oracle, Scripted::postponed).await;
        let stakes = [30 * COIN, 50 * COIN];
        assert_eq!(paid(&settled), ("void".to_owned(), stakes));
        assert!(settled.said.contains("205 bytes, fee 2050 units"));
    });
}

#[test]
fn a_binary_option_pays_its_holder_above_the_threshold() {
    run(async {
        let oracle = Scripted::binary_option("0.25").await;
        let settled = settle("binary_option", oracle, |o| o.closes_at(10)).await;
        assert_eq!(paid(&settled), ("above".to_owned(), [all(25), 0]));
    });
}

#[test]
fn a_binary_option_pays_its_writer_otherwise() {
    run(async {
        let oracle = Scripted::binary_option("0.30").await;
        let settled = settle("binary_option", oracle, |o| o.closes_at(10)).await;
        assert_eq!(paid(&settled), ("not_above".to_owned(), [0, all(25)]));
    });
}

/// The attested number of a future, and what it paid.
async fn future(factor: i64) -> (u64, [u64; 2], Contract) {
    let oracle = Scripted::future().await;
    let settled = settle("future", oracle, |o| o.closes_at(factor)).await;
    let (number, paid) = paid(&settled);
    (number.parse().unwrap(), paid, Contract::read(&settled.json))
}

#[test]
fn a_future_between_its_ends_pays_along_the_line() {
    run(async {
        let (number, [alice, bob], contract) = future(10).await;
        assert!((200_000..300_000).contains(&number), "{number}");
        // 100 PPC over 0.10 dollars, rounded to 5 PPC: a step is 5000 numbers.
        let steps = (number - 200_000 + 2_500) / 5_000;
        assert_eq!(alice, steps * 5 * COIN);
        assert_eq!(alice + bob, 100 * COIN);
        // Far fewer transactions than prices, yet one for each of them.
        assert!(contract.cets.len() < 1_000, "{}", contract.cets.len());
        assert_eq!(numbers(&contract), 1 << 20);
    });
}

/// How many numbers the CETs stand for; each exactly once.
fn numbers(contract: &Contract) -> u64 {
    let mut next = 0;
    for cet in &contract.cets {
        let (first, last) = cet.outcome.split_once('–').unwrap();
        assert_eq!(first.parse(), Ok(next));
        next = last.parse::<u64>().unwrap() + 1;
    }
    next
}

#[test]
fn a_future_above_its_cap_pays_the_long_side_everything() {
    run(async {
        let (number, paid, _) = future(20).await;
        assert!(number > 300_000, "{number}");
        assert_eq!(paid, [all(100), 0]);
    });
}

#[test]
fn a_future_below_its_floor_pays_the_short_side_everything() {
    run(async {
        let (number, paid, _) = future(5).await;
        assert!(number < 200_000, "{number}");
        assert_eq!(paid, [0, all(100)]);
    });
}

#[test]
fn an_election_that_a_third_candidate_wins_is_shared() {
    run(async {
        let oracle = Scripted::election().await;
        let settled = settle("election", oracle, |o| o.elects("18799")).await;
        assert_eq!(paid(&settled), ("other".to_owned(), [50 * COIN; 2]));
    });
}

#[test]
fn an_election_pays_who_backed_the_winner() {
    run(async {
        let oracle = Scripted::election().await;
        let settled = settle("election", oracle, |o| o.elects("18705")).await;
        assert_eq!(paid(&settled), ("birch".to_owned(), [0, all(100)]));
    });
}

#[test]
fn a_prediction_market_pays_what_its_operators_report() {
    run(async {
        for (answer, expected) in [("yes", [all(100), 0]), ("void", [40 * COIN, 60 * COIN])] {
            let oracle = Scripted::prediction_market().await;
            let settled = settle("prediction_market", oracle, |o| o.answered(answer)).await;
            assert_eq!(paid(&settled), (answer.to_owned(), expected));
        }
    });
}

#[test]
fn an_event_that_is_never_attested_returns_the_stakes() {
    run(async {
        let oracle = Scripted::binary_option("0.25").await;
        let settled = settle("binary_option", oracle, Scripted::gives_up).await;
        let contract = Contract::read(&settled.json);
        contract.assert_sound();
        assert_eq!(contract.outcome, None);
        let returned = contract.refund.0.output.iter().map(|o| o.value.to_sat());
        assert_eq!(returned.collect::<Vec<_>>(), [5 * COIN, 20 * COIN]);
        assert!(settled.said.contains("will never attest"));
    });
}

#[test]
fn an_event_that_has_matured_is_no_longer_signed_for() {
    run(async {
        let oracle = Scripted::sports_bet().await.finishes(0, 1).await;
        let url = oracle.url();
        let program = Program::start("sports_bet", &["--url", &url, "--event", "cup"]);
        let said = program.failed().await;
        assert!(said.contains("cup is attested, not open"), "{said}");
    });
}

#[test]
fn nothing_is_funded_shortly_before_the_maturity_though_the_event_is_still_open() {
    run(async {
        let oracle = Scripted::sports_bet().await;
        let url = oracle.url();
        let event = ["--url", &url, "--event", "cup"];
        let chain = loopback::start("regtest").await;
        let (node, cookie) = (chain.url(), chain.cookie());
        let node = ["--node", &node, "--cookie", cookie.to_str().unwrap()];
        // Half an hour is left.
        let now = oracle.now();
        let time = ["--now", &now, "--margin", "1800"];
        let program = Program::start("sports_bet", &[&event[..], &node, &time].concat());
        let said = program.failed().await;
        assert!(said.contains("too late to sign the funding"), "{said}");
        // The payment to both parties, and no funding.
        assert_eq!(chain.confirmed().len(), 1);
    });
}

#[test]
fn an_event_of_other_outcomes_than_the_contracts_is_not_signed_for() {
    run(async {
        let oracle = Scripted::election().await;
        let url = oracle.url();
        let program = Program::start("sports_bet", &["--url", &url, "--event", "senate"]);
        let said = program.failed().await;
        assert!(said.contains("says nothing about \"alder\""), "{said}");
    });
}

#[test]
fn the_fee_is_ten_units_a_byte_and_one_unit_less_is_refused() {
    assert_eq!(judge::fee(162), ONE);
    assert_eq!(judge::fee(205), TWO);
    assert_eq!(judge::fee(99), 1_000);
    run(async {
        let oracle = Scripted::binary_option("0.25").await;
        let settled = settle("binary_option", oracle, |o| o.closes_at(10)).await;
        let contract = Contract::read(&settled.json);
        let cet = &contract.settled().transaction;
        assert_eq!(cet.total_size(), 162);
        let spent = contract.output();
        assert_eq!(spent[0].value.to_sat() - cet.output[0].value.to_sat(), ONE);
        let less = TxOut {
            value: spent[0].value - Amount::ONE_SAT,
            ..spent[0].clone()
        };
        let refused = judge::exact_fee(cet, &[less]);
        assert_eq!(refused, Err(Refusal::Fee(ONE, ONE - 1)));
    });
}
