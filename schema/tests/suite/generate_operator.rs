//! Vectors of operator requests.

use ed25519_dalek::SigningKey;
use oracle_schema::http_signature::{
    FieldValues, Parameters, Request, SignatureError, SignedRequest, VerifiedRequest, sign,
};
use oracle_schema::operator::{Approval, Evidence, Reason, Report, Verb};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::generate::file;

pub(crate) const NOW: i64 = 1_795_363_200;
pub(crate) const EVENT: &str = "pm-upgrade-2026";

/// An operator whose key is the hash of the name.
pub(crate) fn key(name: &str) -> SigningKey {
    SigningKey::from_bytes(&Sha256::digest(name).into())
}

/// A request as a receiver sees it, with its fields.
#[derive(Clone)]
pub(crate) struct Sample {
    pub(crate) name: String,
    pub(crate) method: String,
    pub(crate) authority: String,
    pub(crate) path: String,
    pub(crate) query: Option<String>,
    pub(crate) body: Vec<u8>,
    pub(crate) fields: FieldValues,
    pub(crate) now: i64,
}

impl Sample {
    pub(crate) fn request(&self) -> Request<'_> {
        Request {
            method: &self.method,
            authority: &self.authority,
            path: &self.path,
            query: self.query.as_deref(),
            body: &self.body,
        }
    }

    pub(crate) fn sign_again(&mut self, parameters: &Parameters) {
        self.fields = sign(&self.request(), parameters, &key(parameters.keyid())).unwrap();
    }

    pub(crate) fn verified(
        &self,
        public_key: &[u8; 32],
    ) -> Result<VerifiedRequest, SignatureError> {
        SignedRequest::parse(&self.request(), &self.fields)?.verify(public_key, self.now)
    }
}

pub(crate) fn parameters(nonce: &str) -> Parameters {
    Parameters::new(NOW, NOW + 60, nonce, "alice").unwrap()
}

pub(crate) fn signed(name: &str, path: &str, body: &Value) -> Sample {
    let mut sample = Sample {
        name: name.to_owned(),
        method: "POST".to_owned(),
        authority: "oracle.example".to_owned(),
        path: path.to_owned(),
        query: None,
        body: body.to_string().into_bytes(),
        fields: FieldValues {
            content_digest: String::new(),
            signature_input: String::new(),
            signature: String::new(),
        },
        now: NOW + 1,
    };
    sample.sign_again(&parameters("0123456789abcdef"));
    sample
}

/// One request of every verb, and its verb.
pub(crate) fn verbs() -> Vec<(Verb, Sample)> {
    let report = Report {
        outcome: "yes".to_owned(),
        evidence: vec![Evidence {
            url: "https://chain.example/block/900000".to_owned(),
            sha256: [0x5a; 32],
        }],
        note: Some("activated at height 900000".to_owned()),
    };
    let reason = Reason {
        reason: "the question was asked wrongly".to_owned(),
    };
    let report_body = report.to_json();
    let approval = Approval {
        report: Sha256::digest(report_body.to_string()).into(),
    };
    let event = json!({
        "id": EVENT, "kind": "operators", "maturity": "2026-11-22T16:00:00Z",
        "title": "Does the upgrade of 2026 activate on the main chain?",
        "outcomes": ["yes", "no", "void"], "panel": ["alice", "bob"], "k": 2,
        "settle_delay": "2h",
    });
    let about = |segment: &str| format!("/v1/events/{EVENT}/{segment}");
    vec![
        (Verb::Create, signed("create", "/v1/events", &event)),
        (
            Verb::Report,
            signed("report", &about("reports"), &report_body),
        ),
        (
            Verb::Approve,
            signed("approve", &about("approvals"), &approval.to_json()),
        ),
        (
            Verb::Veto,
            signed("veto", &about("veto"), &reason.to_json()),
        ),
        (
            Verb::Void,
            signed("void", &about("void"), &reason.to_json()),
        ),
    ]
}

/// Requests that are valid, in every way the profile leaves open.
pub(crate) fn valid() -> Vec<Sample> {
    let mut samples: Vec<Sample> = verbs().into_iter().map(|(_, sample)| sample).collect();
    let report = samples[1].clone();
    let edit = |name: &str, change: &dyn Fn(&mut Sample)| {
        let mut sample = report.clone();
        name.clone_into(&mut sample.name);
        change(&mut sample);
        sample
    };
    let again = |sample: &mut Sample, nonce: &str| sample.sign_again(&parameters(nonce));
    samples.extend([
        edit("empty query", &|s| s.query = Some(String::new())),
        edit("query", &|s| {
            s.query = Some("a=1&b=%20".to_owned());
            again(s, "0123456789abcdef");
        }),
        edit("port and escaped path", &|s| {
            "127.0.0.1:8080".clone_into(&mut s.authority);
            "/v1/events/pm%2Dupgrade%2D2026/reports".clone_into(&mut s.path);
            again(s, "0123456789abcdef");
        }),
        edit("longest nonce of odd characters", &|s| {
            let nonce: String = (' '..='~').filter(|c| !"\"\\".contains(*c)).collect();
            again(s, &nonce[..64]);
        }),
        edit("empty body", &|s| {
            s.body.clear();
            again(s, "0123456789abcdef");
        }),
        edit("five seconds early", &|s| s.now = NOW - 5),
        edit("five seconds late", &|s| s.now = NOW + 65),
    ]);
    samples
}

/// What is done to a report, and under which name.
type Edit<'a> = (&'static str, &'a dyn Fn(&mut Sample));

fn edited((name, change): Edit<'_>) -> Sample {
    let mut sample = verbs().swap_remove(1).1;
    name.clone_into(&mut sample.name);
    change(&mut sample);
    sample
}

/// Requests to be refused, and the problem that answers them.
pub(crate) fn refused() -> Vec<(&'static str, Sample)> {
    let late: [Edit<'_>; 2] = [
        ("six seconds early", &|s| s.now = NOW - 6),
        ("six seconds late", &|s| s.now = NOW + 66),
    ];
    let late = late.map(|edit| ("expired", edited(edit)));
    let bad = altered().into_iter().chain(inputs()).chain(values());
    let bad = bad.map(|sample| ("bad-signature", sample));
    late.into_iter().chain(bad).collect()
}

/// Another request than the one signed.
fn altered() -> Vec<Sample> {
    let by = |s: &Sample, name: &str| {
        sign(&s.request(), &parameters("0123456789abcdef"), &key(name)).unwrap()
    };
    let edits: [Edit<'_>; 9] = [
        ("another method", &|s| "PUT".clone_into(&mut s.method)),
        ("another host", &|s| {
            "oracle.test".clone_into(&mut s.authority);
        }),
        ("another path", &|s| {
            s.path = s.path.replace("reports", "veto");
        }),
        ("the path spelt otherwise", &|s| {
            s.path = s.path.replace('-', "%2d");
        }),
        ("another query", &|s| s.query = Some("a".to_owned())),
        ("another body", &|s| s.body.push(b' ')),
        ("another body with its digest", &|s| {
            s.body.push(b' ');
            s.fields.content_digest = by(s, "alice").content_digest;
        }),
        ("signed by another operator", &|s| s.fields = by(s, "bob")),
        ("line break in the path", &|s| {
            s.path = s.path.replace("/v1", "/\n\"@path\": /v1");
            sign_carelessly(s);
        }),
    ];
    edits.into_iter().map(edited).collect()
}

/// Edits of `Signature-Input`: name, what is replaced, by what.
const INPUTS: [(&str, &str, &str); 19] = [
    ("label sig2", "sig1=", "sig2="),
    ("two labels", "sig1=", "sig0=(), sig1="),
    ("component missing", r#" "@query""#, ""),
    ("component twice", r#""@query""#, r#""@query" "@query""#),
    (
        "components in another order",
        r#""@method" "@authority""#,
        r#""@authority" "@method""#,
    ),
    ("component parameter", r#""@path""#, r#""@path";req"#),
    (
        "two spaces between components",
        r#"" "@path""#,
        r#""  "@path""#,
    ),
    ("space before a parameter", ";created", "; created"),
    ("created signed", "created=1", "created=+1"),
    ("created with a leading zero", "created=1", "created=01"),
    ("created as a decimal", ";expires", ".0;expires"),
    (
        "expires 61 s later",
        "expires=1795363260",
        "expires=1795363261",
    ),
    (
        "expires not later",
        "expires=1795363260",
        "expires=1795363200",
    ),
    (
        "nonce of 15 characters",
        "0123456789abcdef",
        "0123456789abcde",
    ),
    (
        "nonce with an escape",
        "0123456789abcdef",
        r"0123456789abcdef\\",
    ),
    ("no algorithm", r#";alg="ed25519""#, ""),
    ("another algorithm", "ed25519", "rsa-pss-sha512"),
    ("another tag", "oracle-operator", "other"),
    (
        "one parameter more",
        r#"tag="oracle-operator""#,
        r#"tag="oracle-operator";x"#,
    ),
];

/// Each is signed as a careless signer would, so that only the strict reading
/// can refuse it.
fn inputs() -> Vec<Sample> {
    let edit = |(name, from, to): (&'static str, &str, &str)| {
        edited((name, &|s| {
            let input = s.fields.signature_input.replacen(from, to, 1);
            assert_ne!(input, s.fields.signature_input, "{name}");
            s.fields.signature_input = input;
            sign_carelessly(s);
        }))
    };
    INPUTS.into_iter().map(edit).collect()
}

/// Edits of the other two fields: name, what is replaced, by what.
const VALUES: [(&str, &str, &str); 7] = [
    ("signature of another label", "sig1", "sig2"),
    ("signature without padding", "==:", ":"),
    ("signature in parentheses", "=:", "=(:"),
    ("digest sha-512", "sha-256", "sha-512"),
    ("digest in capitals", "sha-256", "SHA-256"),
    ("two digests", "sha-256", "sha-512=::, sha-256"),
    ("digest with a space", "=:", "= :"),
];

fn values() -> Vec<Sample> {
    let edit = |(name, from, to): (&'static str, &str, &str)| {
        edited((name, &|s| {
            if name.contains("digest") {
                s.fields.content_digest = s.fields.content_digest.replacen(from, to, 1);
                sign_carelessly(s);
            } else {
                s.fields.signature = s.fields.signature.replacen(from, to, 1);
            }
        }))
    };
    VALUES.into_iter().map(edit).collect()
}

/// Signs whatever the fields say, as RFC 9421 builds it, without the profile.
fn sign_carelessly(sample: &mut Sample) {
    use base64::Engine as _;
    use ed25519_dalek::Signer as _;
    let input = &sample.fields.signature_input;
    let (_, parameters) = input.rsplit_once("sig1=").unwrap_or(("", input));
    let base = format!(
        "\"@method\": {}\n\"@authority\": {}\n\"@path\": {}\n\"@query\": ?{}\n\
         \"content-digest\": {}\n\"@signature-params\": {parameters}",
        sample.method,
        sample.authority,
        sample.path,
        sample.query.as_deref().unwrap_or_default(),
        sample.fields.content_digest,
    );
    let signature = key("alice").sign(base.as_bytes()).to_bytes();
    let text = base64::engine::general_purpose::STANDARD.encode(signature);
    sample.fields.signature = format!("sig1=:{text}:");
}

fn case(sample: &Sample, error: Option<&str>) -> Value {
    json!({
        "name": sample.name,
        "method": sample.method,
        "authority": sample.authority,
        "path": sample.path,
        "query": sample.query,
        "body": hex::encode(&sample.body),
        "content_digest": sample.fields.content_digest,
        "signature_input": sample.fields.signature_input,
        "signature": sample.fields.signature,
        "public_key": hex::encode(key("alice").verifying_key().to_bytes()),
        "now": sample.now,
        "error": error,
    })
}

pub(crate) fn cases() -> Value {
    let mut cases = Vec::new();
    for sample in valid() {
        let request = sample
            .verified(&key("alice").verifying_key().to_bytes())
            .unwrap();
        let mut case = case(&sample, None);
        case["operator_secret"] = json!(hex::encode(key("alice").to_bytes()));
        case["base"] = json!(request.base());
        case["nonce"] = json!(request.nonce());
        case["created"] = json!(request.created());
        case["body_sha256"] = json!(hex::encode(request.body_sha256()));
        cases.push(case);
    }
    cases.extend(
        refused()
            .iter()
            .map(|(error, sample)| case(sample, Some(error))),
    );
    file(
        "Signed operator requests (RFC 9421, one profile) and the problem that answers those to \
         be refused. base is the exact text signed; body is hex, now the receiver's time in Unix \
         seconds.",
        &cases,
    )
}

/// Bodies and what is wrong with them: the member at fault, `body` for the
/// body as a whole, or nothing.
pub(crate) fn bodies() -> Value {
    let case = |form: &str, (body, error): Row| json!({ "form": form, "body": hex::encode(body), "error": error });
    let reports = reports().into_iter().map(|row| case("report", row));
    let approvals = approvals().into_iter().map(|row| case("approval", row));
    let reasons = reasons().into_iter().map(|row| case("reason", row));
    file(
        "Bodies of operator requests. error is null, or the member at fault, or \"body\".",
        &reports.chain(approvals).chain(reasons).collect::<Vec<_>>(),
    )
}

/// A body, and what is wrong with it.
type Row = (String, Option<&'static str>);

const SHA: &str = "5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a5a";

fn reports() -> Vec<Row> {
    let said = |more: Value| {
        let mut body = json!({ "outcome": "yes" });
        let members = more.as_object().unwrap().clone();
        body.as_object_mut().unwrap().extend(members);
        body.to_string()
    };
    let link = |url: &str| json!({ "url": url, "sha256": SHA });
    let good = link("https://chain.example/1");
    let many = |n: usize| said(json!({ "evidence": vec![good.clone(); n] }));
    let noted = |n: usize| said(json!({ "note": "ä".repeat(n) }));
    let evidence = |value: Value| said(json!({ "evidence": [value] }));
    let spaced = r#"{"outcome":"yes"}"#.to_owned() + &" ".repeat(16_384);
    let unhashed = json!({ "url": "https://chain.example/1" });
    let surplus = json!({ "url": "https://chain.example/1", "sha256": SHA, "x": 1 });
    vec![
        (said(json!({})), None),
        (many(16), None),
        (
            r#"{"evidence":[],"outcome":"雨","note":""}"#.to_owned(),
            None,
        ),
        (noted(2000), None),
        (many(17), Some("evidence")),
        (noted(2001), Some("note")),
        ("{}".to_owned(), Some("outcome")),
        (r#"{"outcome":""}"#.to_owned(), Some("outcome")),
        (r#"{"outcome":1}"#.to_owned(), Some("outcome")),
        (said(json!({ "note": null })), Some("note")),
        (said(json!({ "more": 1 })), Some("more")),
        (
            r#"{"outcome":"yes","outcome":"yes"}"#.to_owned(),
            Some("body"),
        ),
        (r#"["yes"]"#.to_owned(), Some("body")),
        (r#"{"outcome":"yes"} x"#.to_owned(), Some("body")),
        (String::new(), Some("body")),
        (spaced, Some("body")),
        (
            evidence(link("ftp://chain.example/1")),
            Some("evidence[0].url"),
        ),
        (evidence(link("https://")), Some("evidence[0].url")),
        (
            evidence(link("https://chain.example/a b")),
            Some("evidence[0].url"),
        ),
        (evidence(unhashed), Some("evidence[0].sha256")),
        (evidence(surplus), Some("evidence[0].x")),
        (
            evidence(json!("https://chain.example/1")),
            Some("evidence[0]"),
        ),
    ]
}

fn approvals() -> Vec<Row> {
    let named = |sha256: &str| json!({ "report": sha256 }).to_string();
    vec![
        (named(SHA), None),
        (named(&SHA[2..]), Some("report")),
        (named(&SHA.replace('5', "g")), Some("report")),
        (json!({ "sha256": SHA }).to_string(), Some("report")),
    ]
}

fn reasons() -> Vec<Row> {
    let why = |reason: &str| json!({ "reason": reason }).to_string();
    vec![
        (why("asked wrongly"), None),
        (why(""), None),
        (json!({ "reason": ["x"] }).to_string(), Some("reason")),
        (why(&"x".repeat(2001)), Some("reason")),
    ]
}
