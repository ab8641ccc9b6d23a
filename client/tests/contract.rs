//! The contract code of the examples, between a party and one that cheats.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

mod common;
#[path = "../examples/contract/mod.rs"]
mod contract;
mod contract_vector;

use bitcoin::absolute::LockTime;
use bitcoin::hashes::Hash as _;
use bitcoin::secp256k1::{Message, Secp256k1, XOnlyPublicKey, schnorr};
use bitcoin::{OutPoint, ScriptBuf, Txid};
use chrono::{DateTime, Utc};
use common::{Announced, Oracle, choice};
use contract::agreement::{Contract, Event, Offer};
use contract::party::{Holder, Negotiating, Offering, Party, join_funding};
use contract::terms::{Stakes, Terms, by_outcome};
use contract::transaction::{Coin, fee_of_size, message, pay, settlement, settlement_fee, verify};
use musig2::{PartialSignature, PubNonce};
use oracle_client::Attested;
use oracle_schema::verify::{verify_announcement, verify_attestation};

const OUTCOMES: [&str; 3] = ["win", "lose", "draw"];
const COIN: u64 = 1_000_000;
const DAY: i64 = 86_400;
/// Seconds before the maturity from which on nobody signs a funding.
const MARGIN: u32 = 7_200;

const TERMS: Terms = Terms {
    title: "test",
    kind: "match",
    stakes: Stakes::coins(3, 7),
    payouts: |event, stakes| {
        by_outcome(event, |outcome| match outcome {
            "win" => Some(stakes.total()),
            "lose" => Some(0),
            _ => Some(stakes.alice),
        })
    },
};

fn announced() -> (Oracle, Announced) {
    let oracle = Oracle::new("oracle");
    let announced = oracle.announce("cup", choice(&OUTCOMES));
    (oracle, announced)
}

/// What an honest participant knows of the event.
fn event(announced: &Announced) -> Event {
    let announcement = verify_announcement(announced.announcement.clone()).unwrap();
    let attest_by = announcement.event.maturity.unix() + DAY;
    Event {
        announcement,
        attest_by: DateTime::from_timestamp(attest_by, 0).unwrap(),
    }
}

fn coin(script: &ScriptBuf, number: u8, units: u64) -> Coin {
    Coin {
        outpoint: OutPoint::new(Txid::from_byte_array([number; 32]), 0),
        output: pay(script, units),
    }
}

/// Two parties and what they offer.
struct Pair {
    parties: [Offering; 2],
    offers: [Offer; 2],
}

impl Pair {
    fn new() -> Self {
        let [alice, bob] = [(1, 4), (2, 8)].map(|(number, coins)| {
            let party = Party::new().unwrap();
            let coin = coin(&party.script(), number, coins * COIN);
            party.offer(coin)
        });
        Self {
            parties: [alice.0, bob.0],
            offers: [alice.1, bob.1],
        }
    }

    fn contract(&self, event: Event) -> contract::Result<Contract> {
        let [alice, bob] = &self.offers;
        Contract::new(event, &TERMS, [alice, bob])
    }

    /// Both have computed the contract, each from its own view of the event.
    fn negotiate(self, views: [Event; 2]) -> (Nonces, [Offer; 2]) {
        let [of_alice, of_bob] = views.map(|event| self.contract(event).unwrap());
        let [alice, bob] = self.parties;
        let (alice, from_alice) = alice.negotiate(of_alice).unwrap();
        let (bob, from_bob) = bob.negotiate(of_bob).unwrap();
        let nonces = Nonces {
            alice,
            bob,
            from_alice,
            from_bob,
        };
        (nonces, self.offers)
    }
}

/// Both hold everything but the funding.
fn holders(announced: &Announced) -> [Holder; 2] {
    let views = [event(announced), event(announced)];
    let (nonces, [of_alice, of_bob]) = Pair::new().negotiate(views);
    let (alice, from_alice) = nonces.alice.sign(nonces.from_bob).unwrap();
    let (bob, from_bob) = nonces.bob.sign(nonces.from_alice).unwrap();
    [
        alice.check(&of_bob, &from_bob).unwrap(),
        bob.check(&of_alice, &from_alice).unwrap(),
    ]
}

/// So many seconds before the event matures.
fn before_maturity(holder: &Holder, seconds: i64) -> DateTime<Utc> {
    let maturity = holder.contract.event.announcement.event.maturity.unix();
    DateTime::from_timestamp(maturity - seconds, 0).unwrap()
}

/// Signs the funding well before the maturity.
fn funded(holder: &Holder) -> contract::Result<bitcoin::Witness> {
    holder.sign_funding(before_maturity(holder, DAY), MARGIN)
}

struct Nonces {
    alice: Negotiating,
    bob: Negotiating,
    from_alice: Vec<PubNonce>,
    from_bob: Vec<PubNonce>,
}

/// Alice checks what Bob sent, after it was changed.
fn after(change: impl FnOnce(&mut Vec<PartialSignature>)) -> contract::Result<Holder> {
    let (_, announced) = announced();
    let (nonces, [_, offer_of_bob]) = Pair::new().negotiate([event(&announced), event(&announced)]);
    let (alice, _) = nonces.alice.sign(nonces.from_bob).unwrap();
    let (_, mut halves) = nonces.bob.sign(nonces.from_alice).unwrap();
    change(&mut halves);
    alice.check(&offer_of_bob, &halves)
}

#[test]
fn honest_halves_are_accepted() {
    assert!(after(|_| {}).is_ok());
}

#[test]
fn a_wrong_half_for_any_outcome_or_the_refund_is_refused() {
    for wrong in 0..=OUTCOMES.len() {
        // Another session's half is a scalar like any other.
        let refused = after(|halves| {
            let other = halves[(wrong + 1) % halves.len()];
            halves[wrong] = other;
        });
        assert!(refused.is_err(), "{wrong}");
    }
}

#[test]
fn what_is_missing_or_too_much_is_refused() {
    assert!(after(|halves| halves.truncate(OUTCOMES.len())).is_err());
    assert!(after(Vec::clear).is_err());
    assert!(after(|halves| halves.push(halves[0])).is_err());

    let (_, announced) = announced();
    let views = [event(&announced), event(&announced)];
    let (mut nonces, _) = Pair::new().negotiate(views);
    nonces.from_bob.pop();
    assert!(nonces.alice.sign(nonces.from_bob).is_err());
}

#[test]
fn halves_for_a_contract_with_another_refund_do_not_fit() {
    let (_, announced) = announced();
    let mut later = event(&announced);
    later.attest_by += chrono::TimeDelta::days(365);
    let (nonces, [_, offer_of_bob]) = Pair::new().negotiate([event(&announced), later]);
    let (alice, _) = nonces.alice.sign(nonces.from_bob).unwrap();
    let (_, halves) = nonces.bob.sign(nonces.from_alice).unwrap();
    assert!(alice.check(&offer_of_bob, &halves).is_err());
}

#[test]
fn every_outcome_completes_its_own_cet_and_no_other_whatever_the_parities() {
    // Each round has new keys and nonces: joint key, nonce sums and points come
    // with either parity.
    for round in 0..8 {
        let (oracle, announced) = announced();
        let [alice, bob] = holders(&announced);
        let witnesses = [funded(&alice).unwrap(), funded(&bob).unwrap()];
        join_funding(&alice.contract, witnesses).unwrap();

        let outcome = OUTCOMES[round % OUTCOMES.len()];
        let announcement = verify_announcement(announced.announcement.clone()).unwrap();
        let attestation = oracle.attest(&announced, &[outcome]);
        let attestation = verify_attestation(attestation, &announcement).unwrap();
        let attested = Attested {
            announcement,
            attestation,
        };
        let completed = alice.complete(&attested).unwrap();
        assert_eq!(completed.index, round % OUTCOMES.len());
        let spent = std::slice::from_ref(&alice.contract.output.output);
        verify(&completed.transaction, spent).unwrap();
        let revealed = bob.extract(completed.index, &completed.transaction);
        assert_eq!(revealed.unwrap(), completed.secret);
        for other in (0..OUTCOMES.len()).filter(|i| *i != completed.index) {
            let forced = alice.force(other, &completed.secret).unwrap();
            assert!(verify(&forced, spent).is_err());
            assert!(bob.extract(other, &completed.transaction).is_err());
        }
        // The completed one is no CET of another outcome's to be forced.
        assert!(alice.force(completed.index, &completed.secret).is_err());
    }
}

#[test]
fn funding_signed_for_the_wrong_input_is_refused() {
    let (_, announced) = announced();
    let [alice, bob] = holders(&announced);
    let swapped = [funded(&bob).unwrap(), funded(&alice).unwrap()];
    assert!(join_funding(&alice.contract, swapped).is_err());
}

#[test]
fn who_waits_for_the_outcome_gets_no_signature_of_the_funding() {
    let (_, announced) = announced();
    let [alice, bob] = holders(&announced);
    let margin = i64::from(MARGIN);
    for holder in [&alice, &bob] {
        let signed = |seconds| holder.sign_funding(before_maturity(holder, seconds), MARGIN);
        assert!(signed(margin + 1).is_ok());
        for late in [margin, 1, 0, -1, -DAY] {
            let refused = signed(late).unwrap_err().to_string();
            assert!(refused.contains("too late"), "{late}: {refused}");
        }
    }
}

#[test]
fn a_party_signs_its_own_coin_alone_even_beside_another_of_its_address() {
    let (_, announced) = announced();
    let [_, mut bob] = holders(&announced);
    // As if Alice had named, before Bob's, another coin of Bob's.
    let script = bob.contract.spent[1].script_pubkey.clone();
    bob.contract.spent[0].script_pubkey = script.clone();
    let witness = funded(&bob).unwrap().to_vec();
    let signature = schnorr::Signature::from_slice(&witness[0]).unwrap();
    let key = XOnlyPublicKey::from_slice(&script.as_bytes()[2..]).unwrap();
    let signs = |input| {
        let message = message(&bob.contract.funding, &bob.contract.spent, input).unwrap();
        let message = Message::from_digest(message);
        Secp256k1::verification_only().verify_schnorr(&signature, &message, &key)
    };
    assert!(signs(1).is_ok());
    assert!(signs(0).is_err());
}

#[test]
fn a_funding_without_the_coin_that_was_offered_is_not_signed() {
    let (_, announced) = announced();
    let refused = |change: fn(&mut Contract)| {
        let [mut alice, _] = holders(&announced);
        change(&mut alice.contract);
        let refused = funded(&alice).unwrap_err().to_string();
        assert!(refused.contains("this party's coin once"), "{refused}");
    };
    // Another place, with the script and the value of the party's coin.
    refused(|c| c.funding.input[0].previous_output.vout = 1);
    // The place twice.
    refused(|c| c.funding.input[1].previous_output = c.funding.input[0].previous_output);
    // The place, as something else.
    refused(|c| c.spent[0].value += bitcoin::Amount::ONE_SAT);
    refused(|c| c.spent[0].script_pubkey = c.spent[1].script_pubkey.clone());
}

#[test]
fn offers_that_could_bind_coins_for_ever_are_refused() {
    let (_, announced) = announced();
    let refused = |change: fn(&mut [Offer; 2])| {
        let mut pair = Pair::new();
        change(&mut pair.offers);
        let refused = pair.contract(event(&announced));
        refused.map(|_| ()).unwrap_err().to_string()
    };
    let legacy = refused(|[_, bob]| bob.coin.output.script_pubkey = ScriptBuf::new());
    assert!(legacy.contains("taproot"), "{legacy}");
    let payout = refused(|[_, bob]| bob.payout = ScriptBuf::new());
    assert!(payout.contains("taproot"), "{payout}");
    let same = refused(|[alice, bob]| bob.coin.outpoint = alice.coin.outpoint);
    assert!(same.contains("same coin"), "{same}");
    // Another coin of hers, which her signature would be good for as well.
    let hers = refused(|[alice, bob]| {
        bob.coin.output.script_pubkey = alice.coin.output.script_pubkey.clone();
    });
    assert!(hers.contains("same address"), "{hers}");
    let small = refused(|[alice, _]| alice.coin = coin(&alice.payout, 1, 3 * COIN + 10_000));
    assert!(small.contains("no output for the change"), "{small}");
}

#[test]
fn a_contract_whose_refund_could_come_before_the_attestation_is_refused() {
    let (_, announced) = announced();
    let mut event = event(&announced);
    event.attest_by -= chrono::TimeDelta::days(3);
    assert!(Pair::new().contract(event).is_err());
}

#[test]
fn a_contract_pays_out_what_was_staked_and_no_more() {
    let (_, announced) = announced();
    let pair = Pair::new();
    let [alice, bob] = &pair.offers;
    let greedy = Terms {
        payouts: |event, stakes| by_outcome(event, |_| Some(stakes.total() + 1)),
        ..TERMS
    };
    assert!(Contract::new(event(&announced), &greedy, [alice, bob]).is_err());
}

#[test]
fn a_key_path_settlement_costs_1620_units_with_one_output_and_2050_with_two() {
    assert_eq!([settlement_fee(1), settlement_fee(2)], [1_620, 2_050]);
    assert_eq!(fee_of_size(162), 1_620);
    assert_eq!([fee_of_size(1), fee_of_size(100)], [1_000, 1_000]);
}

#[test]
fn a_share_below_the_smallest_output_goes_to_the_other_with_the_fee_that_it_saves() {
    let script = Party::new().unwrap().script();
    let other = Party::new().unwrap().script();
    let held = 10 * COIN + settlement_fee(2);
    let output = coin(&script, 1, held);
    let outputs = |alice: u64| {
        let shares = [(&script, alice), (&other, 10 * COIN - alice)];
        let made = settlement(&output, shares, LockTime::ZERO).unwrap();
        made.output
            .iter()
            .map(|o| (o.script_pubkey == script, o.value.to_sat()))
            .collect::<Vec<_>>()
    };
    assert_eq!(outputs(10_000), [(true, 10_000), (false, 9_990_000)]);
    assert_eq!(outputs(9_999), [(false, held - 1_620)]);
    assert_eq!(outputs(0), [(false, held - 1_620)]);
    assert_eq!(outputs(10 * COIN), [(true, held - 1_620)]);

    let tiny = coin(&script, 1, 12_000);
    let shares = [(&script, 5_000), (&other, 5_000)];
    assert!(settlement(&tiny, shares, LockTime::ZERO).is_err());
}
