#ifndef PEERCOIN_ORACLE_H
#define PEERCOIN_ORACLE_H

#include <stddef.h>
#include <stdint.h>

/**
 * Done; `data` is the answer.
 */
#define ORACLE_OK 0

/**
 * A null pointer with a length that is not 0.
 */
#define ORACLE_POINTER 1

/**
 * More bytes than `ORACLE_MAX_INPUT`.
 */
#define ORACLE_TOO_LONG 2

/**
 * The request is not one: not UTF-8, not JSON, a member missing, unknown or of another form.
 * The app is to be mended.
 */
#define ORACLE_REQUEST 3

/**
 * What was asked about does not hold: a proof, a message, a signature. `error` says which.
 */
#define ORACLE_REFUSED 4

/**
 * A fault of this library, caught. The app can go on.
 */
#define ORACLE_INTERNAL 5

/**
 * The most bytes that an argument may have.
 */
#define ORACLE_MAX_INPUT 67108864

/**
 * Changes when functions, members or codes change their meaning; new ones may be added.
 */
#define ORACLE_ABI 1

/**
 * What a function answers. Never null; free it with `oracle_free`, once.
 */
typedef struct OracleAnswer {
  /**
   * `ORACLE_OK`, or why not.
   */
  int32_t code;
  /**
   * JSON in UTF-8: the answer; or `error`, a stable name, and `message`, a sentence. Valid
   * until `oracle_free`. It may hold secrets, which are wiped then.
   */
  const uint8_t *data;
  /**
   * Bytes of `data`; a zero byte follows, which is not counted.
   */
  size_t len;
} OracleAnswer;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The `ORACLE_ABI` that the library was built with; compare it with the header's.
 */
uint32_t oracle_abi(void);

/**
 * The library's version, as text that ends with a zero byte. Static: never freed.
 */
const char *oracle_version(void);

/**
 * Wipes and frees an answer. Null is allowed.
 *
 * # Safety
 * `answer` is null or was given by a function of this library, and was not freed before.
 */
void oracle_free(struct OracleAnswer *answer);

/**
 * Verifies an event's bundle (`GET /v1/events/{id}/bundle`) under the oracle's identity, and
 * says what it proves. Before this, a wallet signs nothing.
 *
 * - `bundle`: the document's bytes.
 * - `identity`: the verifier key of the oracle's log, as text, pinned by the wallet.
 * - `options`: none, or JSON with `witnesses` (a witness policy, text) and `known` (`size` and
 *   `root` of the last checkpoint that the wallet saw of this log; ask for the bundle with
 *   `?from=SIZE`).
 *
 * Answer: `network`, `checkpoint` {`origin`, `size`, `root`}, `cosigned_by`, `announcement`
 * {`event_id`, `public_key`, `maturity`, `descriptor`, `tlv`}, `announcement_position`,
 * `nonce_proof` (hex or null), `policy_hash`, `policy` (text), `title`, `description`, `names`,
 * `attest_by` (Unix seconds), `end` (null; or `kind` `attested` with `attestation` {`outcome`,
 * `messages`, `tlv`}; or `refunded` with `reason`), `anchor_txid`. The caller compares
 * `event_id` and `network` with what it wanted.
 *
 * Refused with the names of `schema/vectors/bundles.json`.
 *
 * # Safety
 * Each pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_verify_bundle(const uint8_t *bundle,
                                          size_t bundle_len,
                                          const uint8_t *identity,
                                          size_t identity_len,
                                          const uint8_t *options,
                                          size_t options_len);

/**
 * Verifies an hour's bundle (`GET /v1/bundles/{hour}`) under the oracle's identity.
 *
 * - `hour`: the hour that was asked for, as in `2026-11-22T16`.
 *
 * Answer: `network`, `public_key`, `complete` (the server's word), `next` (the hour in which the
 * log goes on; null unless complete), `checkpoint`, `first`, `before` {`size`, `root`}, `entries`:
 * for each `position` and `kind` (`announcement`, `attestation`, `nonce_proof`, `refund`,
 * `withdrawn`, `other`), and `tlv`, `event_id`, `policy_hash`, `announcement_position`, `proof`,
 * `reason` where the kind has them; `unknown`: positions that this version cannot read.
 *
 * The caller compares `before` with `size` and `root` of the checkpoint of the last hour that it
 * has: if they differ, entries are missing or the log has forked. That the entries are in the log
 * is proven; their signatures are checked by `oracle_read_announcement`,
 * `oracle_read_attestation` and `oracle_verify_nonces`.
 *
 * Refused with the names of `schema/vectors/hours.json`, but `gap`.
 *
 * # Safety
 * Each pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_verify_hour(const uint8_t *bundle,
                                        size_t bundle_len,
                                        const uint8_t *hour,
                                        size_t hour_len,
                                        const uint8_t *identity,
                                        size_t identity_len);

/**
 * Verifies a C2SP `tlog-proof`: that an entry is in the log of this identity.
 *
 * - `entry`: its bytes; none if the proof holds it (`extra`).
 *
 * Answer: `index`, `checkpoint`, `entry` (hex). Refused as `log-proof`.
 *
 * # Safety
 * Each pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_verify_log_proof(const uint8_t *proof,
                                             size_t proof_len,
                                             const uint8_t *entry,
                                             size_t entry_len,
                                             const uint8_t *identity,
                                             size_t identity_len);

/**
 * Reads and verifies an announcement: TLV, its hex, or JSON. That its signature verifies does
 * not prove that the oracle's log has it; `oracle_verify_bundle` does.
 *
 * Answer: `event_id`, `public_key`, `maturity`, `descriptor` (`outcomes`; or `base`, `signed`,
 * `nb_digits`, `unit`, `precision`), `tlv` (hex).
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_read_announcement(const uint8_t *announcement, size_t announcement_len);

/**
 * Reads an attestation and verifies it as the one of this announcement; both as TLV, its hex,
 * or JSON.
 *
 * Answer: `outcome`, `messages`, `tlv` (hex).
 *
 * # Safety
 * Each pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_read_attestation(const uint8_t *attestation,
                                             size_t attestation_len,
                                             const uint8_t *announcement,
                                             size_t announcement_len);

/**
 * Verifies that whoever made an announcement knows the scalars of its nonces. Sums over
 * several oracles rest on it.
 *
 * - `proof`: 64 bytes.
 *
 * Answer: an empty object.
 *
 * # Safety
 * Each pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_verify_nonces(const uint8_t *proof,
                                          size_t proof_len,
                                          const uint8_t *announcement,
                                          size_t announcement_len);

/**
 * Adaptor points, of one oracle or of several together, and their secrets once attested.
 *
 * - `request`: `oracles`, for each `announcement` (hex of TLV, or JSON as text), `attestation`
 *   (the same; optional), `nonce_proof` (hex) or `trust_nonces` (of several oracles each needs
 *   one), and at most one of `outcome` (text), `prefix` (texts of the first nonces) and `range`
 *   ([first, last], decimal text); none of them means every outcome of an enum event.
 *
 * Answer: `reveal_locktime`, `points`: for each `subjects`, `point` (33 bytes), `xonly`, `odd_y`,
 * `secret` (of `point`) and `adaptor_scalar` (of the even point of `xonly`, as coinlib takes it);
 * both null unless it came true at every oracle. Refused as `points`, or as the messages are.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_points(const uint8_t *request, size_t request_len);

/**
 * The fewest digit prefixes that cover a range of numbers.
 *
 * - `request`: `digits` {`base`, `signed`, `nb_digits`} and `range` [first, last] as decimal text.
 *
 * Answer: `prefixes`, each a list of texts. Refused as `range`.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_range(const uint8_t *request, size_t request_len);

/**
 * The transactions of a numeric contract: ranges of equal payout that hold every number once.
 *
 * - `request`: `digits` as above, and either `pieces` [{`range`, `payout`}], or `curve`
 *   {`corners` [{`number`, `payout`}], `step`}: straight lines, flat before and after, rounded to
 *   multiples of `step`. Numbers are decimal text; payouts are the coin's smallest units.
 *
 * Answer: `groups`: for each `range`, `payout`, `prefixes`. Refused as `payout`: a gap, an
 * overlap, or too many.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_payout(const uint8_t *request, size_t request_len);

/**
 * Locktimes of CETs and refund.
 *
 * - `request`: `maturities` and `attest_by`, Unix seconds, one of each oracle; `margin_s`, the
 *   time to get a CET mined (a day is ample); `cet`, optional: the locktime wanted.
 *
 * Answer: `cet`, `reveal`, `refund`. Refused as `locktime`. Nobody else checks that the refund is
 * after `attest_by`: take it from `oracle_verify_bundle`.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_locktimes(const uint8_t *request, size_t request_len);

/**
 * Signs a message for one key under a point. Two parties sign by MuSig2 instead (coinlib).
 *
 * - `request`: `secret_key`, `message` (32 bytes), `point` (33 bytes; or 32, the even one), `aux`
 *   (32 fresh random bytes), all hex.
 *
 * Answer: `adaptor_signature` (65 bytes), and the same for coinlib: `pre_sig`, `parity`.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_adaptor_sign(const uint8_t *request, size_t request_len);

/**
 * Verifies an adaptor signature. Do so before money depends on it.
 *
 * - `request`: `adaptor_signature` (hex of 65 bytes, or coinlib's {`pre_sig`, `parity`}),
 *   `public_key` (32 bytes), `message`, `point`.
 *
 * Answer: `adaptor_signature`, `pre_sig`, `parity`. Refused with the names of
 * `schema/vectors/adaptor.json`.
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_adaptor_verify(const uint8_t *request, size_t request_len);

/**
 * Completes an adaptor signature with the secret of its point, and verifies what comes out.
 *
 * - `request`: `adaptor_signature`, `public_key`, `message` as above, `secret`: that of
 *   `oracle_points` if it was signed under its `point`; its `adaptor_scalar` if it was signed
 *   under the even point of its `xonly`, as coinlib's `DLCTerms` does.
 *
 * Answer: `signature` (64 bytes, BIP340).
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_adaptor_adapt(const uint8_t *request, size_t request_len);

/**
 * The secret that a completed signature reveals, verified to open the point.
 *
 * - `request`: `adaptor_signature`, `signature`, `point`.
 *
 * Answer: `secret` (of `point`), `adaptor_scalar` (of the even point of its x).
 *
 * # Safety
 * The pointer is null with a length of 0, or as many bytes as said can be read from it.
 */
struct OracleAnswer *oracle_adaptor_extract(const uint8_t *request, size_t request_len);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PEERCOIN_ORACLE_H */
