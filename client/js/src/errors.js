/**
 * Everything that can go wrong. Every error of this package is an
 * {@link OracleError} with a stable `code`; its `message` is for people and
 * never repeats the address asked, which may be private.
 *
 * The unions of codes stand on one line each: TypeScript 7.0 writes broken
 * declarations of wrapped ones.
 *
 * @module
 */

/** Base of all errors of this package. */
export class OracleError extends Error {
  /**
   * @param {string} code stable name, for programs
   * @param {string} message for people
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(message, options);
    this.name = new.target.name;
    /** Stable name of what went wrong. @readonly */
    this.code = code;
  }
}

/**
 * What was handed over is nothing that the function takes: a mistake of the program,
 * and never of the oracle or the network.
 */
export class ArgumentError extends OracleError {
  /**
   * @param {string} argument its name
   * @param {string} problem
   */
  constructor(argument, problem) {
    super('argument', `${argument}: ${problem}`);
    /** Which one. @readonly */
    this.argument = argument;
  }
}

/** Bytes or JSON that are not exactly one well-formed message. */
export class CodecError extends OracleError {
  /**
   * @param {CodecErrorCode} code
   * @param {string} field the specification's name of the field; in JSON its path
   * @param {number} offset byte of the input at which the field begins; 0 in JSON
   * @param {string} problem
   */
  constructor(code, field, offset, problem) {
    super(code, `${field}: ${problem}`);
    /** @readonly @type {CodecErrorCode} */
    this.code = code;
    /** @readonly */
    this.field = field;
    /** @readonly */
    this.offset = offset;
  }
}

/**
 * As `schema/vectors/invalid.json` has them.
 * @typedef {'truncated' | 'trailing' | 'not-minimal' | 'type' | 'boolean' | 'utf8' | 'too-long' | 'empty' | 'count' | 'point' | 'descriptor' | 'event-id' | 'json' | 'json-shape'} CodecErrorCode
 */

/** A well-formed message that breaks a rule, or that its key did not sign. */
export class VerifyError extends OracleError {
  /**
   * @param {VerifyErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(code, message);
    /** @readonly @type {VerifyErrorCode} */
    this.code = code;
  }
}

/**
 * As `schema/vectors/invalid.json` has them; `unverified` is a message handed
 * over that did not come out of this package's verification.
 * @typedef {'nonce-count' | 'duplicate-nonce' | 'nonce-is-key' | 'announcement-signature' | 'event-id' | 'public-key' | 'signature-count' | 'outcome-count' | 'nonce' | 'outcome' | 'signature' | 'unverified'} VerifyErrorCode
 */

/** A point or a secret that does not exist, or does not fit. */
export class PointsError extends OracleError {
  /**
   * @param {PointsErrorCode} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(code, message, options);
    /** @readonly @type {PointsErrorCode} */
    this.code = code;
  }
}

/**
 * @typedef {'kind' | 'empty' | 'too-long' | 'value' | 'negative-zero' | 'too-many' | 'infinity' | 'scalar' | 'point' | 'base' | 'digits' | 'backwards' | 'above' | 'outside' | 'outcome' | 'mismatch' | 'selection' | 'nonce-proof' | 'nonces-not-proven'} PointsErrorCode
 */

/** An adaptor signature that is none, or does not do what was asked of it. */
export class AdaptorError extends OracleError {
  /**
   * @param {AdaptorErrorCode} code
   * @param {string} message
   */
  constructor(code, message) {
    super(code, message);
    /** @readonly @type {AdaptorErrorCode} */
    this.code = code;
  }
}

/**
 * @typedef {'length' | 'nonce' | 'scalar' | 'infinity' | 'invalid' | 'not-completed' | 'not-revealed'} AdaptorErrorCode
 */

/** Bytes that are no proof of nonces, or a proof of others. */
export class NonceProofError extends OracleError {
  /**
   * @param {'length' | 'commitment' | 'response' | 'wrong'} code as `schema/vectors/nonce_proof.json` has them
   * @param {string} message
   */
  constructor(code, message) {
    super(code, message);
  }
}

/** A contract that cannot be made, signed or settled this way. */
export class ContractError extends OracleError {
  /**
   * @param {'coin' | 'key' | 'count' | 'fee' | 'half' | 'nonce' | 'outcome' | 'output' | 'payout' | 'refund' | 'signature' | 'too-late' | 'used'} code
   * @param {string} message
   * @param {ErrorOptions} [options]
   */
  constructor(code, message, options) {
    super(code, message, options);
  }
}

/** Times or points that coinlib would refuse or confuse. */
export class CoinlibError extends OracleError {
  /**
   * @param {'not-a-timestamp' | 'after-reveal' | 'after-refund' | 'shared-point' | 'summand' | 'no-oracle'} code
   * @param {string} message
   */
  constructor(code, message) {
    super(code, message);
  }
}

/** A log that contradicts itself or its oracle's key. */
export class LogError extends OracleError {
  /**
   * @param {'genesis' | 'checkpoint' | 'inclusion' | 'consistency'} code what does not hold
   * @param {string} problem
   */
  constructor(code, problem) {
    super(code, `${code}: ${problem}`);
    /** What, without the code. @readonly */
    this.problem = problem;
  }
}

/** A text that is no verifier key of a log: no identity of an oracle. */
export class IdentityError extends OracleError {
  /**
   * @param {'form' | 'name' | 'key' | 'id' | 'algorithm'} code
   * @param {string} problem
   */
  constructor(code, problem) {
    super(code, `identity: ${problem}`);
  }
}

/** A text that is no policy of witnesses. */
export class WitnessesError extends OracleError {
  /**
   * @param {number} line counted from 1
   * @param {string} problem
   */
  constructor(line, problem) {
    super('witnesses', `witnesses, line ${line}: ${problem}`);
    /** @readonly */
    this.line = line;
  }
}

/**
 * A bundle that does not prove its event: what the server says is not in the log
 * of the identity.
 */
export class BundleError extends OracleError {
  /**
   * @param {BundleErrorCode} code
   * @param {BundlePart | null} part which part of the bundle, where it is one
   * @param {string} problem
   * @param {ErrorOptions} [options]
   */
  constructor(code, part, problem, options) {
    super(code, part === null ? problem : `${part}: ${problem}`, options);
    /** @readonly @type {BundleErrorCode} */
    this.code = code;
    /** @readonly */
    this.part = part;
  }
}

/** @typedef {'checkpoint' | 'genesis' | 'announcement' | 'nonce_proof' | 'attestation' | 'notice' | 'policy' | 'anchor' | 'consistency'} BundlePart */

/**
 * As `schema/vectors/bundles.json` has them; those of a rule or a signature that
 * does not hold are {@link VerifyErrorCode}.
 * @typedef {'too-long' | 'json' | 'format' | 'base64' | 'checkpoint' | 'quorum' | 'inclusion' | 'entry' | 'other-entry' | 'other-event' | 'other-log' | 'other-key' | 'other-announcement' | 'nonce-proof' | 'two-ends' | 'policy' | 'anchor' | 'anchor-too-early' | 'older' | 'forked' | 'no-consistency' | VerifyErrorCode} BundleErrorCode
 */

/**
 * An announcement with a nonce under which another announcement was attested. An
 * oracle announces a nonce once: this announcement is forged.
 */
export class NonceReusedError extends OracleError {
  /**
   * @param {string} id the event that the announcement names
   * @param {number} index of the nonce, from 0
   * @param {string} event the event whose attestation is known
   */
  constructor(id, index, event) {
    super(
      'nonce-reused',
      `announcement of event ${JSON.stringify(id)}: nonce ${index} was attested in the announcement of event ` +
        `${JSON.stringify(event)}; an oracle announces a nonce once: this announcement is forged`,
    );
    /** @readonly */
    this.index = index;
    /** @readonly */
    this.event = event;
  }
}

/** The server names another log than the identity. */
export class WrongIdentityError extends OracleError {
  /**
   * @param {string} expected verifier key
   * @param {string} got verifier key
   */
  constructor(expected, got) {
    super('wrong-identity', `oracle: its log is ${got}, the identity is ${expected}`);
    /** @readonly */
    this.expected = expected;
    /** @readonly */
    this.got = got;
  }
}

/** A memory with a line that is none: with a hole it would accept what it should refuse. */
export class MemoryError extends OracleError {
  /**
   * @param {number} line counted from 1
   */
  constructor(line) {
    super('memory', `memory: line ${line} is not a line of a memory`);
    /** @readonly */
    this.line = line;
  }
}

/**
 * The oracle could not be reached, fell silent, or the connection broke; `foreign`:
 * something else answered in its place, a proxy or a page to log in.
 */
export class TransportError extends OracleError {
  /**
   * @param {'unreachable' | 'timeout' | 'silent' | 'foreign'} code
   * @param {string} what what was asked for
   * @param {string} problem
   * @param {ErrorOptions & {status?: number, retryAfterMs?: number | null}} [options]
   */
  constructor(code, what, problem, options) {
    super(code, `${what}: ${problem}`, options);
    /** HTTP status of what answered instead, if something did. @readonly @type {number | null} */
    this.status = options?.status ?? null;
    /** When it wants to be asked again, if it said so. @readonly @type {number | null} */
    this.retryAfterMs = options?.retryAfterMs ?? null;
  }
}

/** An answer longer than anything this protocol needs. */
export class TooLargeError extends OracleError {
  /**
   * @param {string} what
   * @param {number} limit bytes
   */
  constructor(what, limit) {
    super('too-large', `${what}: answer is longer than ${limit} bytes`);
    /** @readonly */
    this.limit = limit;
  }
}

/** An answer that is not what the documented HTTP API says. */
export class MalformedError extends OracleError {
  /**
   * @param {string} what
   * @param {string} problem
   */
  constructor(what, problem) {
    super('malformed', `${what}: ${problem}`);
  }
}

/** A message or a server that names another oracle key than the trusted one. */
export class WrongKeyError extends OracleError {
  /**
   * @param {string} what
   * @param {string} expected x-only hex
   * @param {string} got x-only hex
   */
  constructor(what, expected, got) {
    super('wrong-key', `${what}: oracle key is ${got}, expected ${expected}`);
    /** @readonly */
    this.expected = expected;
    /** @readonly */
    this.got = got;
  }
}

/** The server answered with another event than the one asked for. */
export class WrongEventError extends OracleError {
  /**
   * @param {string} what
   * @param {string} asked
   * @param {string} got
   */
  constructor(what, asked, got) {
    super('wrong-event', `${what}: asked for event ${JSON.stringify(asked)}, got ${JSON.stringify(got)}`);
  }
}

/** A document whose SHA-256 is not the one it is known by. */
export class HashError extends OracleError {
  /**
   * @param {string} what
   * @param {string} expected hex
   * @param {string} got hex
   */
  constructor(what, expected, got) {
    super('wrong-hash', `${what}: SHA-256 is ${got}, expected ${expected}`);
  }
}

/**
 * A refusal of the server: an RFC 9457 problem. `code` is the last path segment
 * of the problem's type, for example `rate-limited`.
 */
export class ProblemError extends OracleError {
  /**
   * @param {string} what
   * @param {{status: number, slug: string, detail: string, retryAfterMs: number | null}} problem
   */
  constructor(what, { status, slug, detail, retryAfterMs }) {
    super(slug, `${what}: server answered ${status} ${slug}${detail && `: ${detail}`}`);
    /** HTTP status. @readonly */
    this.status = status;
    /** The server's explanation of this occurrence. @readonly */
    this.detail = detail;
    /** When the server wants to be asked again, if it said so. @readonly */
    this.retryAfterMs = retryAfterMs;
  }
}

/** 404 `unknown-event`: the server has no event of that name. */
export class UnknownEventError extends ProblemError {}

/** 404 `not-announced` or `not-attested`: published later, if ever. */
export class NotYetError extends ProblemError {}

/**
 * 410 `refunded` or `withdrawn`: there will never be an attestation. The log says
 * so (`isProven`), or it is the server's word; contracts end by their refund
 * transaction.
 */
export class NeverError extends ProblemError {
  /**
   * @param {string} what
   * @param {{status: number, slug: string, detail: string, retryAfterMs: number | null}} problem
   * @param {boolean} [isProven] whether the log has a notice of it
   */
  constructor(what, problem, isProven = false) {
    super(what, problem);
    if (isProven) this.message = `${what}: the log says that there will be none: ${problem.detail}`;
    /** @readonly */
    this.isProven = isProven;
  }
}

/**
 * 409 `ahead-of-log`: a position was named that the log has not reached. The oracle
 * went back to an older state, or the position is of another oracle.
 */
export class AheadOfLogError extends ProblemError {
  /**
   * @param {string} what
   * @param {{status: number, slug: string, detail: string, retryAfterMs: number | null}} problem
   * @param {bigint | null} [position] the one named
   */
  constructor(what, problem, position = null) {
    super(what, problem);
    const last = /last position is ([0-9]{1,19})/.exec(problem.detail)?.[1];
    /** The position that was named. @readonly */
    this.position = position;
    /** The last position of the log, as the server says; null where it does not. @readonly */
    this.last = last === undefined ? null : BigInt(last);
    if (position !== null) {
      const end = this.last === null ? '' : `, whose last position is ${this.last}`;
      this.message = `${what}: position ${position} lies ahead of the server's log${end}: the oracle went back, or it is another one (${problem.detail})`;
    }
  }
}

/**
 * Whether asking again later may help without anyone changing anything.
 *
 * @param {unknown} error
 * @returns {error is TransportError | ProblemError | BundleError}
 */
export function isTransient(error) {
  if (error instanceof TransportError) return true;
  // Witnesses cosign a moment after the oracle has signed.
  if (error instanceof BundleError) return error.code === 'quorum';
  if (!(error instanceof ProblemError)) return false;
  return error.status === 408 || error.status === 429 || error.status >= 500;
}
