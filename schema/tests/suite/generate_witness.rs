//! Vectors of witness policies (C2SP `tlog-policy`) with checkpoints that they
//! accept and refuse.

use std::fmt::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer as _, SigningKey};
use oracle_schema::tlog::checkpoint::{Algorithm, cosigned_text};
use oracle_schema::tlog::{Checkpoint, Note, NoteKey};
use serde_json::{Value, json};

use crate::generate::file;

/// The log of the vectors.
const ORIGIN: &str = "oracle.example/log";
/// When witnesses cosign, plus their number.
const TIME_S: u64 = 1_795_363_200;

fn secret(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn key(name: &str, algorithm: Algorithm, seed: u8) -> NoteKey {
    let public = secret(seed).verifying_key().to_bytes();
    NoteKey::new(name, algorithm, &public).unwrap()
}

/// The key of the log, or of another one.
fn log(seed: u8) -> NoteKey {
    key(ORIGIN, Algorithm::Ed25519, seed)
}

fn witness(n: u8) -> NoteKey {
    key(&format!("w{n}.example"), Algorithm::Cosignature, 10 + n)
}

/// A checkpoint signed by the log with this seed and cosigned by these.
fn note(log_seed: u8, witnesses: &[u8]) -> String {
    let checkpoint = Checkpoint {
        origin: ORIGIN.to_owned(),
        size: 7,
        root: [9; 32],
    };
    let text = checkpoint.text();
    let signature = secret(log_seed).sign(text.as_bytes()).to_bytes();
    let mut note = Note::signed(checkpoint, &log(log_seed), &signature).to_text();
    for n in witnesses {
        let time_s = TIME_S + u64::from(*n);
        let signed = cosigned_text(time_s, &text);
        let mut bytes = witness(*n).id().to_vec();
        bytes.extend_from_slice(&time_s.to_be_bytes());
        bytes.extend_from_slice(&secret(10 + n).sign(signed.as_bytes()).to_bytes());
        // Writing to a String cannot fail.
        let _ = writeln!(note, "\u{2014} w{n}.example {}", STANDARD.encode(bytes));
    }
    note
}

/// `{log}`, `{other}` and `{1}` … `{6}` stand for keys.
fn fill(policy: &str) -> String {
    let mut text = policy
        .replace("{log}", &log(1).to_string())
        .replace("{other}", &log(2).to_string());
    for n in 1..=6 {
        text = text.replace(&format!("{{{n}}}"), &witness(n).to_string());
    }
    text
}

const SIX: &str = "witness X1 {1}\nwitness X2 {2}\nwitness X3 {3}\n\
    witness Y1 {4} https://y1.example/submit\nwitness Y2 {5}\nwitness Y3 {6}\n";

/// Name, policy, and checkpoints: the log's seed, who cosigned, whether it is
/// valid.
type Valid = (&'static str, String, Vec<(u8, &'static [u8], bool)>);

fn valid() -> Vec<Valid> {
    vec![
        (
            "two levels of groups",
            format!(
                "# the example of the specification\nlog {{log}}\n\n{SIX}\
                 group X-witnesses 2 X1 X2 X3\ngroup Y-witnesses any Y1 Y2 Y3\n\
                 group X-and-Y all X-witnesses Y-witnesses\nquorum X-and-Y\n"
            ),
            vec![
                (1, &[1, 2, 4], true),
                (1, &[1, 2, 3, 4, 5, 6], true),
                (1, &[2, 3, 6], true),
                (1, &[1, 2, 3], false),
                (1, &[1, 4, 5, 6], false),
                (1, &[], false),
                (2, &[1, 2, 4], false),
            ],
        ),
        (
            "one witness",
            "witness only {1}\nquorum only\nlog {other} http://127.0.0.1/\nlog {log}".to_owned(),
            vec![
                (1, &[1], true),
                (2, &[1], true),
                (1, &[2, 3], false),
                (3, &[1], false),
            ],
        ),
        (
            "nobody",
            "quorum none\n".to_owned(),
            vec![(1, &[], true), (1, &[1], true)],
        ),
        (
            "nobody, though some are known",
            format!("log {{log}}\n{SIX}quorum none\n"),
            vec![(1, &[], true), (2, &[], false)],
        ),
        (
            "white space, comments and names of any letters",
            "\t # witness none\n \t\nwitness\tl\u{fc}beck \t{1}  https://w.example/\u{e4} \n\
             witness #2 {2}\n group g 1 #2 l\u{fc}beck\nquorum g\n"
                .to_owned(),
            vec![(1, &[1], true), (1, &[2], true), (1, &[], false)],
        ),
        (
            "a group behind the quorum, which is another",
            format!("{SIX}group a any X1\nquorum a\ngroup b all a X2\n"),
            vec![(1, &[1], true), (1, &[2], false)],
        ),
    ]
}

/// Name, policy, line, error.
type Invalid = (&'static str, String, usize, &'static str);

fn six(rest: &str) -> String {
    format!("{SIX}{rest}")
}

fn invalid_quorums() -> Vec<Invalid> {
    vec![
        ("no quorum", six(""), 7, "no-quorum"),
        ("nothing", String::new(), 1, "no-quorum"),
        (
            "two quorums",
            six("quorum X1\nquorum X1\n"),
            8,
            "second-quorum",
        ),
        ("unknown quorum", six("quorum X4\n"), 7, "unknown-name"),
        (
            "quorum before the witness",
            "quorum X1\nwitness X1 {1}\n".to_owned(),
            1,
            "unknown-name",
        ),
        (
            "a name in other letters",
            six("quorum x1\n"),
            7,
            "unknown-name",
        ),
    ]
}

fn invalid_groups() -> Vec<Invalid> {
    vec![
        (
            "unknown member",
            six("group g any X1 X9\nquorum g\n"),
            7,
            "unknown-name",
        ),
        (
            "a group in itself",
            six("group g any X1 g\nquorum g\n"),
            7,
            "unknown-name",
        ),
        (
            "none as a member",
            six("group g any none\nquorum g\n"),
            7,
            "unknown-name",
        ),
        (
            "a member twice",
            six("group g any X1 X1\nquorum g\n"),
            7,
            "member-twice",
        ),
        (
            "a member of two groups",
            six("group a any X1\ngroup b any X1\nquorum b\n"),
            8,
            "member-twice",
        ),
        (
            "none of the members",
            six("group g 0 X1\nquorum g\n"),
            7,
            "threshold",
        ),
        (
            "more than the members",
            six("group g 3 X1 X2\nquorum g\n"),
            7,
            "threshold",
        ),
        (
            "a signed threshold",
            six("group g +1 X1 X2\nquorum g\n"),
            7,
            "threshold",
        ),
        (
            "an endless threshold",
            six("group g 99999999999999999999999 X1\nquorum g\n"),
            7,
            "threshold",
        ),
        ("some", six("group g some X1\nquorum g\n"), 7, "threshold"),
    ]
}

fn invalid_names_and_keys() -> Vec<Invalid> {
    vec![
        (
            "a witness's name twice",
            six("witness X1 {log}\nquorum X1\n"),
            7,
            "algorithm",
        ),
        (
            "a group named as a witness",
            six("group X1 any X2\nquorum X1\n"),
            7,
            "name-taken",
        ),
        (
            "a group named none",
            six("group none any X2\nquorum none\n"),
            7,
            "name-taken",
        ),
        (
            "a witness named none",
            "witness none {1}\nquorum none\n".to_owned(),
            1,
            "name-taken",
        ),
        (
            "a witness's key twice",
            six("witness X4 {1}\nquorum X1\n"),
            7,
            "duplicate-key",
        ),
        (
            "a log's key twice",
            "log {log}\nlog {log} https://x.example\nquorum none\n".to_owned(),
            2,
            "duplicate-key",
        ),
        (
            "a witness's key for a log",
            "log {1}\nquorum none\n".to_owned(),
            1,
            "algorithm",
        ),
        (
            "a key with another id",
            six(&format!(
                "witness X4 {}\nquorum X1\n",
                witness(7).to_string().replacen('+', "+0", 1)
            )),
            7,
            "key",
        ),
        ("no key", six("witness X4 secret\nquorum X1\n"), 7, "key"),
    ]
}

fn invalid_lines() -> Vec<Invalid> {
    vec![
        (
            "a group of nobody",
            six("group g any\nquorum X1\n"),
            7,
            "words",
        ),
        (
            "a witness without a key",
            six("witness X4\nquorum X1\n"),
            7,
            "words",
        ),
        ("too many words", six("quorum X1 X2\n"), 7, "words"),
        (
            "a comment behind words",
            six("quorum X1 # one\n"),
            7,
            "words",
        ),
        ("another word", six("Quorum X1\n"), 7, "keyword"),
        (
            "carriage returns",
            "quorum none\r\n".to_owned(),
            1,
            "control",
        ),
        (
            "a delete character",
            "# \u{7f}\nquorum none\n".to_owned(),
            1,
            "control",
        ),
    ]
}

/// `witness_policies.json`.
pub(crate) fn cases() -> Value {
    let mut cases = Vec::new();
    for (name, policy, notes) in valid() {
        let notes = notes.into_iter().map(|(log_seed, witnesses, valid)| {
            let times: Vec<u64> = witnesses.iter().map(|n| TIME_S + u64::from(*n)).collect();
            json!({ "note": note(log_seed, witnesses), "times": times, "valid": valid })
        });
        let notes: Vec<Value> = notes.collect();
        cases.push(json!({ "name": name, "policy": fill(&policy), "notes": notes }));
    }
    let invalid = [
        invalid_quorums(),
        invalid_groups(),
        invalid_names_and_keys(),
        invalid_lines(),
    ];
    for (name, policy, line, error) in invalid.into_iter().flatten() {
        cases.push(json!({ "name": name, "policy": fill(&policy), "line": line, "error": error }));
    }
    file(
        "Witness policies (C2SP tlog-policy): with notes, those that are valid by it; with an \
         error, one that must be refused, and its line. The times are those of the notes' \
         cosignatures, of which those by unknown keys do not count.",
        &cases,
    )
}
