//! The C interface: what an app would otherwise have to write, for `dart:ffi`, C, Python and
//! whatever else calls C. `docs/for-flutter.md` walks through it.
//!
//! Nothing here fetches, keeps state or starts threads; every function may be called from any
//! thread. Each takes bytes, which stay the caller's and are not kept, and gives one
//! [`OracleAnswer`], which is the caller's to free.

mod abi;
mod adaptor;
mod points;
mod prove;

use std::ffi::c_char;

/// Done; `data` is the answer.
pub const ORACLE_OK: i32 = 0;
/// A null pointer with a length that is not 0.
pub const ORACLE_POINTER: i32 = 1;
/// More bytes than `ORACLE_MAX_INPUT`.
pub const ORACLE_TOO_LONG: i32 = 2;
/// The request is not one: not UTF-8, not JSON, a member missing, unknown or of another form.
/// The app is to be mended.
pub const ORACLE_REQUEST: i32 = 3;
/// What was asked about does not hold: a proof, a message, a signature. `error` says which.
pub const ORACLE_REFUSED: i32 = 4;
/// A fault of this library, caught. The app can go on.
pub const ORACLE_INTERNAL: i32 = 5;
/// The most bytes that an argument may have.
pub const ORACLE_MAX_INPUT: usize = 67_108_864;
/// Changes when functions, members or codes change their meaning; new ones may be added.
pub const ORACLE_ABI: u32 = 1;

/// What a function answers. Never null; free it with `oracle_free`, once.
#[repr(C)]
#[derive(Debug)]
pub struct OracleAnswer {
    /// `ORACLE_OK`, or why not.
    pub code: i32,
    /// JSON in UTF-8: the answer; or `error`, a stable name, and `message`, a sentence. Valid
    /// until `oracle_free`. It may hold secrets, which are wiped then.
    pub data: *const u8,
    /// Bytes of `data`; a zero byte follows, which is not counted.
    pub len: usize,
}

/// The `ORACLE_ABI` that the library was built with; compare it with the header's.
#[unsafe(no_mangle)]
pub extern "C" fn oracle_abi() -> u32 {
    ORACLE_ABI
}

/// The library's version, as text that ends with a zero byte. Static: never freed.
#[unsafe(no_mangle)]
pub extern "C" fn oracle_version() -> *const c_char {
    concat!(env!("CARGO_PKG_VERSION"), "\0").as_ptr().cast()
}

/// Wipes and frees an answer. Null is allowed.
///
/// # Safety
/// `answer` is null or was given by a function of this library, and was not freed before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_free(answer: *mut OracleAnswer) {
    // SAFETY: as the caller promises.
    unsafe { abi::free(answer) }
}

/// Verifies an event's bundle (`GET /v1/events/{id}/bundle`) under the oracle's identity, and
/// says what it proves. Before this, a wallet signs nothing.
///
/// - `bundle`: the document's bytes.
/// - `identity`: the verifier key of the oracle's log, as text, pinned by the wallet.
/// - `options`: none, or JSON with `witnesses` (a witness policy, text) and `known` (`size` and
///   `root` of the last checkpoint that the wallet saw of this log; ask for the bundle with
///   `?from=SIZE`).
///
/// Answer: `network`, `checkpoint` {`origin`, `size`, `root`}, `cosigned_by`, `announcement`
/// {`event_id`, `public_key`, `maturity`, `descriptor`, `tlv`}, `announcement_position`,
/// `nonce_proof` (hex or null), `policy_hash`, `policy` (text), `title`, `description`, `names`,
/// `attest_by` (Unix seconds), `end` (null; or `kind` `attested` with `attestation` {`outcome`,
/// `messages`, `tlv`}; or `refunded` with `reason`), `anchor_txid`. The caller compares
/// `event_id` and `network` with what it wanted.
///
/// Refused with the names of `schema/vectors/bundles.json`.
///
/// # Safety
/// Each pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_verify_bundle(
    bundle: *const u8,
    bundle_len: usize,
    identity: *const u8,
    identity_len: usize,
    options: *const u8,
    options_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [
                ("bundle", bundle, bundle_len),
                ("identity", identity, identity_len),
                ("options", options, options_len),
            ],
            |[bundle, identity, options]| prove::bundle(bundle, identity, options),
        )
    }
}

/// Verifies an hour's bundle (`GET /v1/bundles/{hour}`) under the oracle's identity.
///
/// - `hour`: the hour that was asked for, as in `2026-11-22T16`.
///
/// Answer: `network`, `public_key`, `complete` (the server's word), `next` (the hour in which the
/// log goes on; null unless complete), `checkpoint`, `first`, `before` {`size`, `root`}, `entries`:
/// for each `position` and `kind` (`announcement`, `attestation`, `nonce_proof`, `refund`,
/// `withdrawn`, `other`), and `tlv`, `event_id`, `policy_hash`, `announcement_position`, `proof`,
/// `reason` where the kind has them; `unknown`: positions that this version cannot read.
///
/// The caller compares `before` with `size` and `root` of the checkpoint of the last hour that it
/// has: if they differ, entries are missing or the log has forked. That the entries are in the log
/// is proven; their signatures are checked by `oracle_read_announcement`,
/// `oracle_read_attestation` and `oracle_verify_nonces`.
///
/// Refused with the names of `schema/vectors/hours.json`, but `gap`.
///
/// # Safety
/// Each pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_verify_hour(
    bundle: *const u8,
    bundle_len: usize,
    hour: *const u8,
    hour_len: usize,
    identity: *const u8,
    identity_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [
                ("bundle", bundle, bundle_len),
                ("hour", hour, hour_len),
                ("identity", identity, identity_len),
            ],
            |[bundle, hour, identity]| prove::hour(bundle, hour, identity),
        )
    }
}

/// Verifies a C2SP `tlog-proof`: that an entry is in the log of this identity.
///
/// - `entry`: its bytes; none if the proof holds it (`extra`).
///
/// Answer: `index`, `checkpoint`, `entry` (hex). Refused as `log-proof`.
///
/// # Safety
/// Each pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_verify_log_proof(
    proof: *const u8,
    proof_len: usize,
    entry: *const u8,
    entry_len: usize,
    identity: *const u8,
    identity_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [
                ("proof", proof, proof_len),
                ("entry", entry, entry_len),
                ("identity", identity, identity_len),
            ],
            |[proof, entry, identity]| prove::log_proof(proof, entry, identity),
        )
    }
}

/// Reads and verifies an announcement: TLV, its hex, or JSON. That its signature verifies does
/// not prove that the oracle's log has it; `oracle_verify_bundle` does.
///
/// Answer: `event_id`, `public_key`, `maturity`, `descriptor` (`outcomes`; or `base`, `signed`,
/// `nb_digits`, `unit`, `precision`), `tlv` (hex).
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_read_announcement(
    announcement: *const u8,
    announcement_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [("announcement", announcement, announcement_len)],
            |[announcement]| prove::announcement(announcement),
        )
    }
}

/// Reads an attestation and verifies it as the one of this announcement; both as TLV, its hex,
/// or JSON.
///
/// Answer: `outcome`, `messages`, `tlv` (hex).
///
/// # Safety
/// Each pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_read_attestation(
    attestation: *const u8,
    attestation_len: usize,
    announcement: *const u8,
    announcement_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [
                ("attestation", attestation, attestation_len),
                ("announcement", announcement, announcement_len),
            ],
            |[attestation, announcement]| prove::attestation(attestation, announcement),
        )
    }
}

/// Verifies that whoever made an announcement knows the scalars of its nonces. Sums over
/// several oracles rest on it.
///
/// - `proof`: 64 bytes.
///
/// Answer: an empty object.
///
/// # Safety
/// Each pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_verify_nonces(
    proof: *const u8,
    proof_len: usize,
    announcement: *const u8,
    announcement_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of(
            [
                ("proof", proof, proof_len),
                ("announcement", announcement, announcement_len),
            ],
            |[proof, announcement]| prove::nonces(proof, announcement),
        )
    }
}

/// Adaptor points, of one oracle or of several together, and their secrets once attested.
///
/// - `request`: `oracles`, for each `announcement` (hex of TLV, or JSON as text), `attestation`
///   (the same; optional), `nonce_proof` (hex) or `trust_nonces` (of several oracles each needs
///   one), and at most one of `outcome` (text), `prefix` (texts of the first nonces) and `range`
///   ([first, last], decimal text); none of them means every outcome of an enum event.
///
/// Answer: `reveal_locktime`, `points`: for each `subjects`, `point` (33 bytes), `xonly`, `odd_y`,
/// `secret` (of `point`) and `adaptor_scalar` (of the even point of `xonly`, as coinlib takes it);
/// both null unless it came true at every oracle. Refused as `points`, or as the messages are.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_points(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            points::points(request)
        })
    }
}

/// The fewest digit prefixes that cover a range of numbers.
///
/// - `request`: `digits` {`base`, `signed`, `nb_digits`} and `range` [first, last] as decimal text.
///
/// Answer: `prefixes`, each a list of texts. Refused as `range`.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_range(request: *const u8, request_len: usize) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            points::range(request)
        })
    }
}

/// The transactions of a numeric contract: ranges of equal payout that hold every number once.
///
/// - `request`: `digits` as above, and either `pieces` [{`range`, `payout`}], or `curve`
///   {`corners` [{`number`, `payout`}], `step`}: straight lines, flat before and after, rounded to
///   multiples of `step`. Numbers are decimal text; payouts are the coin's smallest units.
///
/// Answer: `groups`: for each `range`, `payout`, `prefixes`. Refused as `payout`: a gap, an
/// overlap, or too many.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_payout(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            points::payout(request)
        })
    }
}

/// Locktimes of CETs and refund.
///
/// - `request`: `maturities` and `attest_by`, Unix seconds, one of each oracle; `margin_s`, the
///   time to get a CET mined (a day is ample); `cet`, optional: the locktime wanted.
///
/// Answer: `cet`, `reveal`, `refund`. Refused as `locktime`. Nobody else checks that the refund is
/// after `attest_by`: take it from `oracle_verify_bundle`.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_locktimes(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            points::locktimes(request)
        })
    }
}

/// Signs a message for one key under a point. Two parties sign by MuSig2 instead (coinlib).
///
/// - `request`: `secret_key`, `message` (32 bytes), `point` (33 bytes; or 32, the even one), `aux`
///   (32 fresh random bytes), all hex.
///
/// Answer: `adaptor_signature` (65 bytes), and the same for coinlib: `pre_sig`, `parity`.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_adaptor_sign(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            adaptor::sign(request)
        })
    }
}

/// Verifies an adaptor signature. Do so before money depends on it.
///
/// - `request`: `adaptor_signature` (hex of 65 bytes, or coinlib's {`pre_sig`, `parity`}),
///   `public_key` (32 bytes), `message`, `point`.
///
/// Answer: `adaptor_signature`, `pre_sig`, `parity`. Refused with the names of
/// `schema/vectors/adaptor.json`.
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_adaptor_verify(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            adaptor::verify(request)
        })
    }
}

/// Completes an adaptor signature with the secret of its point, and verifies what comes out.
///
/// - `request`: `adaptor_signature`, `public_key`, `message` as above, `secret`: that of
///   `oracle_points` if it was signed under its `point`; its `adaptor_scalar` if it was signed
///   under the even point of its `xonly`, as coinlib's `DLCTerms` does.
///
/// Answer: `signature` (64 bytes, BIP340).
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_adaptor_adapt(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            adaptor::adapt(request)
        })
    }
}

/// The secret that a completed signature reveals, verified to open the point.
///
/// - `request`: `adaptor_signature`, `signature`, `point`.
///
/// Answer: `secret` (of `point`), `adaptor_scalar` (of the even point of its x).
///
/// # Safety
/// The pointer is null with a length of 0, or as many bytes as said can be read from it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn oracle_adaptor_extract(
    request: *const u8,
    request_len: usize,
) -> *mut OracleAnswer {
    // SAFETY: as the caller promises.
    unsafe {
        abi::answer_of([("request", request, request_len)], |[request]| {
            adaptor::extract(request)
        })
    }
}
