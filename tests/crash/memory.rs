//! What a running oracle's memory holds of its keys.

use std::fs::File;
use std::io::Read as _;
use std::os::unix::fs::FileExt as _;
use std::path::Path;

use oracle_tests::process::Server;
use secp256k1::SecretKey;
use secrecy::SecretString;

use crate::book::Book;
use crate::home::{BUSY, Home, venues};

/// Read from a process at once, bytes.
const PIECE: usize = 1024 * 1024;

/// A page that nothing was written to. None of what is looked for begins in one, as none
/// begins with more than a few zeros.
const PAGE: [u8; 4096] = [0; 4096];

/// The secrets in a keystore, by name.
fn secrets(home: &Path) -> Vec<(&'static str, Vec<u8>)> {
    let passphrase = std::fs::read_to_string(home.join("passphrase")).unwrap();
    let passphrase = SecretString::from(passphrase.trim_end().to_owned());
    let sealed = std::fs::read(home.join("keystore.age")).unwrap();
    let identity = age::scrypt::Identity::new(passphrase);
    let json = age::decrypt(&identity, &sealed).unwrap();
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let named = |name: &'static str| (name, hex::decode(json[name].as_str().unwrap()).unwrap());
    ["signing_key", "log_key", "nonce_seed"].map(named).to_vec()
}

/// Memory that a process can write, or has written: (from, to).
fn regions(pid: u32) -> Vec<(u64, u64)> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let region = |line: &str| {
        let mut words = line.split_ascii_whitespace();
        let (from, to) = words.next()?.split_once('-')?;
        let readable = words.next()?.starts_with('r');
        let hex = |text| u64::from_str_radix(text, 16).ok();
        let region = (hex(from)?, hex(to)?);
        // The kernel's own pages, which nobody reads.
        let is_kernels = line.ends_with("[vvar]") || line.ends_with("[vsyscall]");
        (readable && !is_kernels).then_some(region)
    };
    maps.lines().filter_map(region).collect()
}

/// Adds what begins in the first `starts` bytes.
fn count_in(piece: &[u8], starts: usize, wanted: &[Vec<u8>], found: &mut [usize]) {
    let mut begins = [false; 256];
    for wanted in wanted {
        begins[usize::from(wanted[0])] = true;
    }
    for (at, byte) in piece[..starts].iter().enumerate() {
        if begins[usize::from(*byte)] {
            for (wanted, found) in wanted.iter().zip(&mut *found) {
                *found += usize::from(piece[at..].starts_with(wanted));
            }
        }
    }
}

/// How often each of these stands in a process's memory.
fn count(pid: u32, wanted: &[Vec<u8>]) -> Vec<usize> {
    let longest = wanted.iter().map(Vec::len).max().unwrap_or(1);
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap_or_else(|e| {
        panic!(
            "/proc/{pid}/mem cannot be opened ({e}): this test needs the right to trace its \
             child, which lets nobody of its own user do so; run it as root, or with \
             CAP_SYS_PTRACE, where ptrace_scope is no 3. Without it nothing is shown"
        )
    });
    let mut found = vec![0; wanted.len()];
    let mut read = 0;
    let mut buffer = vec![0; PIECE + longest];
    for (from, to) in regions(pid) {
        let mut at = from;
        while at < to {
            let room = usize::try_from(to - at).unwrap().min(buffer.len());
            let piece = &mut buffer[..room];
            // A map may have ended since it was listed.
            let Ok(length) = memory.read_at(piece, at) else {
                break;
            };
            let (piece, step) = (&piece[..length], length.min(PIECE));
            if step == 0 {
                break;
            }
            read += step;
            // What begins beyond the step is found with the next piece.
            for (start, page) in piece[..step].chunks(PAGE.len()).enumerate() {
                if page != &PAGE[..page.len()] {
                    let start = start * PAGE.len();
                    count_in(&piece[start..], page.len(), wanted, &mut found);
                }
            }
            at += u64::try_from(step).unwrap();
        }
    }
    assert!(
        read > 4 * PIECE,
        "only {read} bytes of the process were read"
    );
    found
}

/// Whether what is looked for would be found: a text that the process was started with.
fn is_read(pid: u32) {
    let mut line = Vec::new();
    let mut file = File::open(format!("/proc/{pid}/cmdline")).unwrap();
    file.read_to_end(&mut line).unwrap();
    let found = count(pid, &[line]);
    assert!(found[0] > 0, "the process's own arguments are not found");
}

#[tokio::test(flavor = "multi_thread")]
async fn memory_holds_one_copy_of_each_private_key() {
    let venues = venues().await;
    let home = Home::sqlite().await;
    home.configure(&venues, BUSY);
    let mut server = Server::run(&home.config(), &[]).await;
    let url = server.ready().await.url();
    // It has announced, proven, attested and signed heads.
    Book::default().read_until(&url, 3).await;
    let pid = server.id().unwrap();
    if let Err(e) = File::open(format!("/proc/{pid}/mem"))
        && !rustix::process::geteuid().is_root()
    {
        eprintln!("left out: a process's memory cannot be read here ({e}); run it as root");
        return;
    }
    is_read(pid);
    let secrets = secrets(home.dir.path());
    let mut wanted: Vec<Vec<u8>> = secrets.iter().map(|(_, key)| key.clone()).collect();
    // As the keystore has them.
    wanted.extend(secrets.iter().map(|(_, key)| hex::encode(key).into_bytes()));
    let signing_key: [u8; 32] = wanted[0].clone().try_into().unwrap();
    let negated = SecretKey::from_secret_bytes(signing_key).unwrap().negate();
    wanted.push(negated.to_secret_bytes().to_vec());
    let found = count(pid, &wanted);
    println!("signing_key, log_key, nonce_seed; in hex; signing_key negated: {found:?}");
    assert_eq!(found[..2], [1, 1], "copies of signing_key and log_key");
    // Of the seed only what nonces are derived from is kept.
    assert_eq!(found[2], 0, "copies of nonce_seed");
    assert_eq!(found[3..6], [0, 0, 0], "copies in hex");
    assert_eq!(found[6], 0, "copies of the negated signing_key");
    server.terminate();
    assert_eq!(server.ended().await.code(), Some(0));
}
