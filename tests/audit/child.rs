//! What is measured, each in a process of its own.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::{Duration, Instant};

use oracle_client::Options;
use oracle_client::audit::{AuditOptions, Source};
use oracle_schema::log_entry::LogEntry;
use oracle_schema::tag::{announcement_hash, attestation_hash};
use oracle_schema::tlog::Note;
use oracle_schema::tlog::tile::{Content, Tile, WIDTH, unbundle};
use oracle_tests::made::Problem;
use secp256k1::XOnlyPublicKey;
use secp256k1::schnorr::Signature;
use serde_json::{Value, json};

use crate::log;

/// Signatures read before they are verified: their reading is not measured.
const AT_ONCE: usize = 200_000;

/// Audits the log in a directory, as `oracle audit DIR` does.
pub(crate) fn audit(dir: &Path) -> Result<Value, Problem> {
    let name = dir.to_str().ok_or("the directory's name is not UTF-8")?;
    let source = Source::new(name, &Options::default())?;
    let options = AuditOptions::at(log::NOW);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    let begun = Instant::now();
    let report = runtime.block_on(oracle_client::audit::audit(&source, &options, &|_| ()))?;
    let ms = begun.elapsed().as_millis();
    Ok(json!({
        "ms": ms,
        "verdict": report.verdict(),
        "violations": report.violations,
        "missing": report.missing,
        "totals": report.totals,
        "peak_rss_kib": peak_rss_kib()?,
    }))
}

/// Verifies every BIP340 signature of the log on all cores, and nothing else:
/// keys, messages and signatures are read before the clock starts.
pub(crate) fn verify(dir: &Path) -> Result<Value, Problem> {
    let jobs = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let note = std::fs::read_to_string(dir.join("checkpoint"))?;
    let size = Note::parse(&note)?.checkpoint().size;
    let (mut signed, mut count, mut spent) = (Vec::new(), 0_usize, Duration::ZERO);
    let bundles = size.div_ceil(WIDTH);
    for index in 0..bundles {
        let tile = Tile::of(Content::Entries, index, size).ok_or("no such bundle")?;
        let bytes = std::fs::read(dir.join(format!("tile/{tile}")))?;
        for entry in unbundle(&bytes).ok_or("a bundle is cut off")? {
            read(&LogEntry::from_bytes(entry)?, &mut signed);
        }
        if signed.len() >= AT_ONCE || index + 1 == bundles {
            let begun = Instant::now();
            verify_all(&signed, jobs)?;
            spent += begun.elapsed();
            count += signed.len();
            signed.clear();
        }
    }
    Ok(json!({
        "ms": spent.as_millis(),
        "signatures": count,
        "threads": jobs,
    }))
}

type Signed = (Signature, [u8; 32], XOnlyPublicKey);

fn read(entry: &LogEntry, signed: &mut Vec<Signed>) {
    match entry {
        LogEntry::Announcement { announcement, .. } => signed.push((
            announcement.signature,
            announcement_hash(&announcement.event.to_tlv()),
            announcement.oracle_public_key,
        )),
        LogEntry::Attestation { attestation, .. } => {
            let texts = attestation.outcomes.iter();
            signed.extend(texts.zip(&attestation.signatures).map(|(text, signature)| {
                (
                    *signature,
                    attestation_hash(text),
                    attestation.oracle_public_key,
                )
            }));
        }
        _ => {}
    }
}

fn verify_all(signed: &[Signed], jobs: NonZeroUsize) -> Result<(), Problem> {
    let share = signed.len().div_ceil(jobs.get()).max(1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = signed
            .chunks(share)
            .map(|share| {
                scope.spawn(move || {
                    share
                        .iter()
                        .all(|(signature, message, key)| signature.verify(message, key).is_ok())
                })
            })
            .collect();
        for thread in threads {
            if !thread.join().map_err(|_| "a thread died")? {
                return Err("a signature does not verify".into());
            }
        }
        Ok(())
    })
}

/// The most memory that this process had.
fn peak_rss_kib() -> Result<u64, Problem> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next());
    Ok(kib.ok_or("no VmHWM in /proc/self/status")?.parse()?)
}
