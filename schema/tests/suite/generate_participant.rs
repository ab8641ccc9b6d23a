//! Makes the participants' vectors of points: several oracles, coinlib's form.

use std::collections::BTreeMap;

use oracle_schema::Descriptor;
use oracle_schema::codec::Layout;
use oracle_schema::point::{AdaptorSecret, OutcomePoint, adaptor_secret, prefix_point, sum};
use serde_json::{Value, json};

use crate::events::{choice, digits};
use crate::generate::file;
use crate::generate_nonce_proof::prove;
use crate::oracle::{Announced, TestOracle};

const MATURITY: u32 = 1_795_363_200;

/// One oracle's event, what it attests, and how much of it counts.
struct Part<'a> {
    oracle: &'a TestOracle,
    announced: Announced,
    texts: Vec<String>,
    count: usize,
}

impl<'a> Part<'a> {
    fn new(oracle: &'a TestOracle, id: &str, descriptor: Descriptor, texts: &[&str]) -> Self {
        Self {
            oracle,
            announced: oracle.announce(id, MATURITY, descriptor),
            texts: texts.iter().map(ToString::to_string).collect(),
            count: texts.len(),
        }
    }

    fn prefix(mut self, count: usize) -> Self {
        self.count = count;
        self
    }

    fn point(&self) -> OutcomePoint {
        let announcement = &self.announced.announcement;
        prefix_point(announcement, &self.texts[..self.count]).unwrap()
    }

    fn secret(&self) -> AdaptorSecret {
        let attestation = self.oracle.attest(&self.announced, &self.texts);
        adaptor_secret(&attestation.signatures[..self.count]).unwrap()
    }

    fn messages(&self) -> Value {
        let attestation = self.oracle.attest(&self.announced, &self.texts);
        json!({
            "announcement": hex::encode(self.announced.announcement.to_tlv()),
            "attestation": hex::encode(attestation.to_tlv(Layout::Spec)),
            "nonce_proof": hex::encode(prove(&self.announced)),
        })
    }
}

fn oracles() -> [TestOracle; 3] {
    ["first oracle", "second oracle", "third oracle"].map(TestOracle::new)
}

/// `joint.json`.
pub(crate) fn joint() -> Value {
    let [first, second, third] = &oracles();
    let match_texts = ["home", "draw", "away", "void"];
    let bits = "00111101010110110101";
    let bits: Vec<_> = bits.split("").filter(|bit| !bit.is_empty()).collect();
    let binary = |oracle, count| {
        Part::new(oracle, "ppcusd@joint", digits(2, false, 20), &bits).prefix(count)
    };
    let mut cases = vec![
        joint_case(
            "enum-three-oracles",
            &[first, second, third].map(|o| Part::new(o, "match", choice(&match_texts), &["draw"])),
        ),
        joint_case(
            "enum-worded-differently",
            &[
                Part::new(first, "match", choice(&match_texts), &["draw"]),
                Part::new(second, "1x2-7731", choice(&["1", "X", "2"]), &["X"]),
            ],
        ),
        joint_case(
            "signed-prefix",
            &[first, second].map(|o| {
                Part::new(o, "celsius", digits(10, true, 3), &["-", "0", "4", "2"]).prefix(3)
            }),
        ),
        joint_case(
            "base-16-whole",
            &[first, second].map(|o| Part::new(o, "hex", digits(16, false, 2), &["15", "3"])),
        ),
    ];
    for count in [1, 2, 7, 20] {
        let name = format!("binary-prefix-{count}");
        cases.push(joint_case(
            &name,
            &[binary(first, count), binary(second, count)],
        ));
    }
    // Two odd points may have an even sum and the reverse: every combination.
    let mut combinations = BTreeMap::new();
    for attempt in 0.. {
        if combinations.len() == 8 {
            break;
        }
        let id = format!("parity-{attempt}");
        let parts = [first, second].map(|o| Part::new(o, &id, choice(&["yes", "no"]), &["yes"]));
        let points = [parts[0].point(), parts[1].point()];
        let odd = |point: &OutcomePoint| if point.odd_y() { "odd" } else { "even" };
        let total = sum(&points).unwrap();
        let name = format!(
            "{}-{}-sum-{}",
            odd(&points[0]),
            odd(&points[1]),
            odd(&total)
        );
        combinations
            .entry(name.clone())
            .or_insert_with(|| joint_case(&name, &parts));
    }
    cases.extend(combinations.into_values());
    file(
        "Several oracles: the point is the sum of theirs, the secret the sum of their secrets \
         (mod n), each over its own prefix. secret_normalised is n - secret where the sum has an \
         odd y; the parts are never normalised. nonce_proof is that of the oracle's announcement \
         (docs/log-format.md, type 6): without it the sum is refused.",
        &cases,
    )
}

fn joint_case(name: &str, parts: &[Part<'_>]) -> Value {
    let oracles: Vec<_> = parts
        .iter()
        .map(|part| {
            let mut oracle = part.messages();
            oracle["prefix"] = json!(part.texts[..part.count]);
            oracle["compressed"] = json!(hex::encode(part.point().compressed()));
            oracle["secret"] = json!(hex::encode(part.secret().to_bytes()));
            oracle
        })
        .collect();
    let points: Vec<_> = parts.iter().map(Part::point).collect();
    let secrets: Vec<_> = parts.iter().map(Part::secret).collect();
    let (point, secret) = (sum(&points).unwrap(), AdaptorSecret::sum(&secrets).unwrap());
    json!({
        "name": name,
        "oracles": oracles,
        "compressed": hex::encode(point.compressed()),
        "xonly": hex::encode(point.xonly()),
        "odd_y": point.odd_y(),
        "secret": hex::encode(secret.to_bytes()),
        "secret_normalised": hex::encode(secret.normalised().to_bytes()),
    })
}

/// `coinlib.json`.
pub(crate) fn coinlib() -> Value {
    let [first, second, _] = &oracles();
    let match_texts = ["home", "draw", "away", "void"];
    let single = |texts: &[&str]| vec![texts.iter().map(ToString::to_string).collect::<Vec<_>>()];
    let enums: Vec<_> = match_texts.iter().map(|text| single(&[*text])).collect();
    let both: Vec<_> = [["yes", "ja"], ["no", "nein"]]
        .map(|row| row.map(|text| vec![text.to_owned()]).to_vec())
        .to_vec();
    // 30..=64 of 0..=99, as `ranges.json` groups it.
    let range = ["3", "4", "5", "60", "61", "62", "63", "64"];
    let groups: Vec<_> = range
        .map(|prefix| vec![prefix.chars().map(String::from).collect::<Vec<_>>()])
        .to_vec();
    let mut later = Part::new(second, "vote", choice(&["ja", "nein"]), &["nein"]);
    later.announced = second.announce("vote", MATURITY + 7_200, choice(&["ja", "nein"]));
    let cases = [
        coinlib_case(
            "enum",
            &[Part::new(
                first,
                "cup-final",
                choice(&match_texts),
                &["away"],
            )],
            &enums,
        ),
        coinlib_case(
            "range-of-prefixes",
            &[Part::new(first, "rain", digits(10, false, 2), &["6", "2"])],
            &groups,
        ),
        coinlib_case(
            "two-oracles-the-later-reveal-counts",
            &[
                Part::new(first, "vote", choice(&["yes", "no"]), &["no"]),
                later,
            ],
            &both,
        ),
    ];
    let (reveal, refund) = (MATURITY, MATURITY + 345_600);
    let rules = [
        (reveal, reveal, refund, None),
        (reveal - 86_400, reveal, refund, None),
        (reveal + 1, reveal, refund, Some("after-reveal")),
        (reveal, reveal, reveal, Some("after-refund")),
        (reveal, reveal, reveal - 1, Some("after-refund")),
        (499_999_999, reveal, refund, Some("not-a-timestamp")),
        (500_000_000, reveal, refund, None),
        (reveal, reveal, 420_000, Some("not-a-timestamp")),
    ];
    let rules = rules.map(|(cet, reveal, refund, error)| {
        json!({ "name": "locktimes", "cet": cet, "reveal": reveal, "refund": refund, "error": error })
    });
    file(
        "What coinlib's DLCTerms takes. outcomes: in the order coinlib serialises them (by x-only \
         point), each with one prefix per oracle; adaptor_scalar is for \
         SchnorrAdaptorSignature.adapt, null for what did not come true. reveal_locktime is the \
         latest maturity, the CETs' locktime; refund_locktime is attest_by + margin. Cases named \
         locktimes: whether a CET's and a refund's locktime go with a reveal.",
        &[cases.as_slice(), rules.as_slice()].concat(),
    )
}

fn coinlib_case(name: &str, parts: &[Part<'_>], outcomes: &[Vec<Vec<String>>]) -> Value {
    let mut entries = BTreeMap::new();
    for prefixes in outcomes {
        let points: Vec<_> = parts
            .iter()
            .zip(prefixes)
            .map(|(part, prefix)| prefix_point(&part.announced.announcement, prefix).unwrap())
            .collect();
        let point = sum(&points).unwrap();
        let true_for = |(part, prefix): (&Part<'_>, &Vec<String>)| part.texts.starts_with(prefix);
        let came_true = parts.iter().zip(prefixes).all(true_for);
        let secret = came_true.then(|| {
            let secrets: Vec<_> = parts
                .iter()
                .zip(prefixes)
                .map(|(part, prefix)| {
                    let attestation = part.oracle.attest(&part.announced, &part.texts);
                    adaptor_secret(&attestation.signatures[..prefix.len()]).unwrap()
                })
                .collect();
            AdaptorSecret::sum(&secrets).unwrap().normalised()
        });
        let entry = json!({
            "prefixes": prefixes,
            "xonly": hex::encode(point.xonly()),
            "adaptor_scalar": secret.map(|s| hex::encode(s.to_bytes())),
        });
        entries.insert(point.xonly(), entry);
    }
    let maturity = |part: &Part<'_>| part.announced.announcement.event.maturity.epoch();
    let reveal = parts.iter().map(maturity).max().unwrap();
    let (attest_by, margin) = (reveal + 259_200, 86_400);
    json!({
        "name": name,
        "oracles": parts.iter().map(Part::messages).collect::<Vec<_>>(),
        "reveal_locktime": reveal,
        "attest_by": attest_by,
        "margin": margin,
        "refund_locktime": attest_by + margin,
        "outcomes": entries.into_values().collect::<Vec<_>>(),
    })
}
