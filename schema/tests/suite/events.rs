//! The events that the vectors and the tests are about.

use oracle_schema::{Descriptor, DigitsDescriptor, EnumDescriptor};

use crate::oracle::{Announced, TestOracle};

pub(crate) fn choice(outcomes: &[&str]) -> Descriptor {
    let outcomes = outcomes.iter().map(ToString::to_string).collect();
    Descriptor::Enum(EnumDescriptor::new(outcomes).unwrap())
}

pub(crate) fn digits(base: u16, is_signed: bool, nb_digits: u16) -> Descriptor {
    let unit = "uUSD/PPC".to_owned();
    Descriptor::Digits(DigitsDescriptor::new(base, is_signed, unit, 0, nb_digits).unwrap())
}

pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) announced: Announced,
    pub(crate) texts: Vec<String>,
}

/// One event of every shape, and the outcome it has.
pub(crate) fn samples(oracle: &TestOracle) -> Vec<Sample> {
    let enum_sample = |name, id: &str, outcomes: &[&str], outcome: &str| Sample {
        name,
        announced: oracle.announce(id, 1_795_363_200, choice(outcomes)),
        texts: vec![outcome.to_owned()],
    };
    let digit_sample = |name, id: &str, descriptor: Descriptor, value: i128| {
        let Descriptor::Digits(cut) = &descriptor else {
            unreachable!("digit descriptor")
        };
        let texts = oracle_schema::Outcome::Digits(cut.split(value)).messages();
        Sample {
            name,
            announced: oracle.announce(id, 1_795_363_200, descriptor),
            texts,
        }
    };
    let longest_id = "x".repeat(100);
    let match_outcomes = ["home", "draw", "away", "void"];
    vec![
        enum_sample("enum", "bl1-2026-r9-fcb-bvb", &match_outcomes, "draw"),
        enum_sample("enum-single", "foregone", &["yes"], "yes"),
        enum_sample("enum-unicode", "münchen", &["Größe", "雨", "other"], "雨"),
        enum_sample("enum-longest-id", &longest_id, &["yes", "no"], "no"),
        digit_sample(
            "digits-base-2",
            "ppcusd-daily@2026-11-22T16:00:00Z",
            digits(2, false, 20),
            251_317,
        ),
        digit_sample("digits-base-10", "rain-mm", digits(10, false, 4), 70),
        digit_sample("digits-base-16", "hex", digits(16, false, 2), 0xf3),
        digit_sample("digits-signed", "celsius", digits(10, true, 3), -42),
        digit_sample("digits-signed-zero", "frost", digits(10, true, 3), 0),
        digit_sample("digits-one", "bit", digits(2, false, 1), 1),
    ]
}
