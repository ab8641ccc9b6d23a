//! What announcing, attesting and encoding cost, beside the raw curve operations
//! they are made of, in one run. The ratios at the end are the point: they hold
//! on any machine.

#![allow(
    clippy::disallowed_types,
    reason = "raw curve operations with a key of no worth, to compare with"
)]
#![allow(
    missing_docs,
    reason = "criterion's macros make undocumented functions"
)]

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, TimeDelta, Utc};
use criterion::Criterion;
use hkdf::Hkdf;
use oracle_schema::bundle::Bundle;
use oracle_schema::codec::Layout;
use oracle_schema::log_entry::LogEntry;
use oracle_schema::nonce_proof::NonceProof;
use oracle_schema::tlog::NoteKey;
use oracle_schema::{
    Announcement, Attestation, Descriptor, DigitsDescriptor, EnumDescriptor, EventId, Maturity,
    OracleEvent, Outcome,
};
use oracle_server::clock::TestClock;
use oracle_server::guard;
use oracle_server::keys::{Question, RoundKey};
use oracle_server::lifecycle::{Standing, State};
use oracle_server::signer::{Draft, Signer, SignerConfig};
use oracle_server::store::{CommittedOutcome, NewEvent, OracleRow, SignedEvent, Store};
use secp256k1::schnorr::Signature;
use secp256k1::{Scalar, SecretKey};
use sha2::{Digest as _, Sha256, Sha512};

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

const MATURITY: u32 = 1_800_000_000;
const POLICY: &[u8] = b"{}";

/// One event with everything that is done to it.
struct Subject {
    name: &'static str,
    draft: Draft,
    ticket: CommittedOutcome,
    announcement: Announcement,
    attestation: Attestation,
}

/// Shortest time per operation seen, picoseconds, by name.
#[derive(Default)]
struct Times(RefCell<BTreeMap<String, u128>>);

impl Times {
    /// Measures `f` with criterion and remembers its fastest sample.
    fn measure<R>(&self, c: &mut Criterion, name: &str, mut f: impl FnMut() -> R) {
        c.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                #[allow(clippy::disallowed_methods, reason = "a measured duration")]
                let begin = Instant::now();
                for _ in 0..iterations {
                    black_box(f());
                }
                let elapsed = begin.elapsed();
                let each = elapsed.as_nanos() * 1000 / u128::from(iterations.max(1));
                let mut times = self.0.borrow_mut();
                let best = times.entry(name.to_owned()).or_insert(each);
                *best = each.min(*best);
                elapsed
            });
        });
    }

    /// `whole` as hundredths of `count` times `part`.
    fn ratio(&self, whole: &str, count: u128, part: &str) -> u128 {
        let times = self.0.borrow();
        let of = |name| times.get(name).copied().unwrap_or_default();
        of(whole) * 100 / (of(part) * count).max(1)
    }

    fn print(&self, whole: &str, count: u128, part: &str) {
        let hundredths = self.ratio(whole, count, part);
        println!(
            "{whole} = {}.{:02} x {count} x {part}",
            hundredths / 100,
            hundredths % 100
        );
    }
}

fn raw(c: &mut Criterion, times: &Times) -> Result<()> {
    let key = SecretKey::from_secret_bytes([3; 32])?;
    let nonce = Scalar::from_be_bytes([5; 32])?;
    let challenge = Scalar::from_be_bytes([7; 32])?;
    let keypair = key.keypair();
    let (public, _) = keypair.x_only_public_key();
    let digest = [9; 32];
    let signature = keypair.sign_schnorr_no_aux_rand(&digest);
    times.measure(c, "raw/k*G", || key.public_key());
    times.measure(c, "raw/schnorr sign", || {
        keypair.sign_schnorr_no_aux_rand(&digest)
    });
    times.measure(c, "raw/schnorr verify", || {
        signature.verify(&digest, &public)
    });
    times.measure(c, "raw/s = k + e*x", || {
        key.mul_tweak(&challenge)
            .and_then(|ex| ex.add_tweak(&nonce))
    });
    times.measure(c, "raw/sha256 of 128 bytes", || Sha256::digest([1; 128]));
    Ok(())
}

fn subjects(c: &mut Criterion, times: &Times, signer: &Signer, subjects: &[Subject]) {
    for s in subjects {
        let name = |what: &str| format!("{what}/{}", s.name);
        times.measure(c, &name("announce"), || {
            signer.announce(std::slice::from_ref(&s.draft))
        });
        times.measure(c, &name("attest"), || {
            signer.attest(std::slice::from_ref(&s.ticket))
        });
        times.measure(c, &name("encode announcement"), || s.announcement.to_tlv());
        let tlv = s.announcement.to_tlv();
        times.measure(c, &name("decode announcement"), || {
            Announcement::from_tlv(&tlv)
        });
        times.measure(c, &name("encode attestation"), || {
            s.attestation.to_tlv(Layout::Spec)
        });
        let entry = LogEntry::Attestation {
            announcement_position: 1,
            manifest_sha256: [0; 32],
            attestation: s.attestation.clone(),
        };
        times.measure(c, &name("encode log entry"), || entry.to_bytes());
    }
}

/// Names of vectors of bundles, and the signatures to verify in each: the
/// checkpoint's and the genesis', the announcement's, the outcome's. The latter two
/// have a proof of the nonces beside.
const BUNDLES: [(&str, u128); 4] = [
    ("attested", 4),
    ("attested-digits", 23),
    ("nonces-proven", 4),
    ("nonces-proven-digits", 23),
];

/// What a reader's verification of a whole bundle costs, from its bytes.
fn bundles(c: &mut Criterion, times: &Times) -> Result<()> {
    let vectors = include_str!("../../schema/vectors/bundles.json");
    let vectors: serde_json::Value = serde_json::from_str(vectors)?;
    let cases = vectors["cases"].as_array().ok_or("no cases")?;
    for (name, _) in BUNDLES {
        let case = cases.iter().find(|case| case["name"] == name);
        let case = case.ok_or("no such case")?;
        let identity: NoteKey = case["identity"].as_str().ok_or("no identity")?.parse()?;
        let bytes = case["bundle"].to_string();
        times.measure(c, &format!("verify bundle/{name}"), || {
            Bundle::parse(bytes.as_bytes()).and_then(|bundle| bundle.verify(&identity, None))
        });
    }
    Ok(())
}

/// How many nonces are proven, each with its measurement's name.
const PROVEN: [(&str, u16); 3] = [("1 nonce", 1), ("2 nonces", 2), ("20 nonces", 20)];

/// What an announcement's proof costs its oracle, and whoever checks it.
fn proofs(c: &mut Criterion, times: &Times) -> Result<()> {
    let seed = Hkdf::<Sha512>::new(None, &[8; 32]);
    let public = |secret: &SecretKey| secret.x_only_public_key().0;
    for (name, count) in PROVEN {
        let secrets: Vec<SecretKey> = (1..=count)
            .map(|n| SecretKey::from_secret_bytes([u8::try_from(n)?; 32]).map_err(Into::into))
            .collect::<Result<_>>()?;
        // Nobody's signature: a proof says nothing of it.
        let announcement = Announcement {
            signature: Signature::from_byte_array([1; 64]),
            oracle_public_key: public(&SecretKey::from_secret_bytes([99; 32])?),
            event: OracleEvent {
                nonces: secrets.iter().map(public).collect(),
                maturity: Maturity::from_epoch(MATURITY),
                descriptor: Descriptor::Digits(DigitsDescriptor::new(
                    2,
                    false,
                    String::new(),
                    0,
                    count,
                )?),
                event_id: EventId::one_off("proven")?,
            },
        };
        let proof = NonceProof::prove(&announcement, &secrets, &seed)?;
        times.measure(c, &format!("prove/{name}"), || {
            NonceProof::prove(&announcement, &secrets, &seed)
        });
        times.measure(c, &format!("verify proof/{name}"), || {
            proof.verify(&announcement)
        });
    }
    Ok(())
}

/// A signer, and subjects that a real store has committed and that the journal
/// holds: what is measured is arithmetic, not the disk.
async fn prepare(dir: &std::path::Path) -> Result<(Arc<Signer>, Vec<Subject>)> {
    let files = SignerConfig {
        keystore: dir.join("keystore.age"),
        passphrase: "of a measurement".to_owned().into(),
        journal: dir.join("journal"),
    };
    let maturity = Maturity::from_epoch(MATURITY);
    let now = maturity.to_datetime();
    let keys = Signer::create_with_work_factor(&files, "peercoin-regtest", 2)?;
    let signer = Arc::new(Signer::open(files, Arc::new(TestClock::at(now)))?);
    let store = Store::open(&format!("sqlite:{}", dir.join("db").display()), true).await?;
    let oracle = OracleRow {
        public_key: keys.public_key.to_byte_array(),
        log_public_key: keys.log_public_key,
        log_origin: "bench".to_owned(),
        network: "peercoin-regtest".to_owned(),
    };
    store
        .initialise(&oracle, &keys.journal_id, b"genesis", now)
        .await?;
    store.take_lead().await?;
    guard::open_log(&store, &signer, now).await?;
    signer.gate().open();
    let digits = DigitsDescriptor::new(2, false, "USD/BTC".to_owned(), 0, 20)?;
    let outcomes = vec!["above".to_owned(), "not_above".to_owned()];
    let events = [
        (
            "enum",
            Descriptor::Enum(EnumDescriptor::new(outcomes)?),
            Outcome::Enum("above".to_owned()),
        ),
        (
            "20 digits",
            Descriptor::Digits(digits.clone()),
            Outcome::Digits(digits.split(654_321)),
        ),
    ];
    let mut prepared = Vec::new();
    for (round_key, (name, descriptor, outcome)) in ["p0", "p1"].into_iter().zip(events) {
        let draft = Draft {
            event_id: EventId::one_off(&format!("btcusd-2027-01-15-{round_key}"))?,
            maturity,
            descriptor,
            policy_hash: Sha256::digest(POLICY).into(),
        };
        let ticket = commit(&store, &signer, &draft, round_key, outcome).await?;
        let tickets = std::slice::from_ref(&ticket.0);
        let attested = signer.attest(tickets)?.into_iter().next();
        prepared.push(Subject {
            name,
            draft,
            attestation: attested.ok_or("nothing was signed")?.attestation,
            announcement: ticket.1,
            ticket: ticket.0,
        });
    }
    store.close().await;
    Ok((signer, prepared))
}

/// Takes a draft through the store to its ticket.
async fn commit(
    store: &Store,
    signer: &Signer,
    draft: &Draft,
    round_key: &str,
    outcome: Outcome,
) -> Result<(CommittedOutcome, Announcement)> {
    let at = draft.maturity.to_datetime();
    let event = NewEvent {
        event_id: draft.event_id.clone(),
        series: None,
        kind: "bench",
        maturity: draft.maturity,
        attest_by: at + TimeDelta::hours(1),
        announce_at: at - TimeDelta::hours(1),
        overdue_at: at + TimeDelta::minutes(1),
        round_due: at,
        sample_from: None,
        descriptor: draft.descriptor.clone(),
        policy_hash: draft.policy_hash,
        round_key: RoundKey::read(round_key.to_owned()),
        question: Question::read("{}".to_owned()),
        subjects: Vec::new(),
        sole_outcomes: 0,
        search: None,
    };
    let policy = (draft.policy_hash, POLICY.to_vec());
    store.schedule(&[event], &[], &[policy]).await?;
    let batch = signer.announce(std::slice::from_ref(draft))?;
    let announced = batch.into_iter().next().ok_or("nothing was announced")?;
    let announcement = announced.announcement.clone();
    let row = SignedEvent {
        standing: Standing {
            state: State::Scheduled,
            is_vetoed: false,
            maturity: draft.maturity,
            attest_by: DateTime::<Utc>::MAX_UTC,
        },
        announcement: announced.announcement,
        tlv: announced.tlv,
        nonce_map: announced.nonce_map,
        content_hash: announced.content_hash,
        policy_hash: draft.policy_hash,
        nonce_proof: announced.nonce_proof,
    };
    let now = draft.maturity.to_datetime();
    let before = now - TimeDelta::seconds(1);
    store.publish_announcements(&[row], before).await?;
    let candidates = store
        .candidates(round_key, draft.maturity, "", now, 1)
        .await?;
    let decided: Vec<_> = candidates
        .into_iter()
        .map(|c| (c, outcome.clone()))
        .collect();
    let tickets = store.commit_outcomes(&decided, &[7; 32], now).await?;
    let ticket = tickets.into_iter().next().ok_or("nothing was committed")?;
    Ok((ticket, announcement))
}

fn main() -> Result<()> {
    let dir = tempfile::tempdir()?;
    let runtime = tokio::runtime::Runtime::new()?;
    let (signer, prepared) = runtime.block_on(prepare(dir.path()))?;
    let mut criterion = Criterion::default()
        .sample_size(30)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    let times = Times::default();
    raw(&mut criterion, &times)?;
    subjects(&mut criterion, &times, &signer, &prepared);
    bundles(&mut criterion, &times)?;
    proofs(&mut criterion, &times)?;
    criterion.final_summary();
    println!("\nfastest samples compared:");
    for (name, signatures) in BUNDLES {
        let whole = format!("verify bundle/{name}");
        times.print(&whole, signatures, "raw/schnorr verify");
    }
    for (name, nonces) in PROVEN {
        times.print(&format!("prove/{name}"), nonces.into(), "raw/k*G");
        let whole = format!("verify proof/{name}");
        times.print(&whole, nonces.into(), "raw/schnorr verify");
    }
    for (name, nonces) in [("enum", 1), ("20 digits", 20)] {
        // An announcement needs a multiplication per nonce, one signature and
        // its verification; an attestation one tweak per digit and one check.
        times.print(&format!("announce/{name}"), nonces, "raw/k*G");
        times.print(&format!("attest/{name}"), nonces, "raw/s = k + e*x");
        times.print(&format!("attest/{name}"), nonces, "raw/schnorr sign");
        times.print(&format!("attest/{name}"), 1, "raw/schnorr verify");
        times.print(
            &format!("encode announcement/{name}"),
            1,
            "raw/sha256 of 128 bytes",
        );
        times.print(
            &format!("encode attestation/{name}"),
            1,
            "raw/sha256 of 128 bytes",
        );
    }
    Ok(())
}
