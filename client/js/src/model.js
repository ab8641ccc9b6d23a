/**
 * The JSON answers of the documented HTTP API, as far as a participant needs
 * them. Unknown members are kept, so that a server may say more.
 *
 * Nothing here is signed: it helps to find and to explain, and every value that
 * money depends on comes from a verified message instead.
 *
 * @module
 */
import { utf8ToText } from './bytes.js';
import { MalformedError } from './errors.js';
import { memberOf } from './http.js';

/**
 * Who the oracle says it is: `GET /v1/oracle`.
 *
 * @typedef {object} OracleInfo
 * @property {string} name
 * @property {string} network `peercoin`, `peercoin-testnet` or `peercoin-regtest`
 * @property {string} public_key the key P that signs announcements and attestations, x-only hex
 * @property {string} [identity] what to pin: the verifier key of its log
 * @property {string} log_origin
 * @property {string} log_public_key Ed25519, hex
 * @property {string} server_version
 * @property {string} dialect `tagged`
 * @property {number} [open_choice_bits] choice, in bits, over open events that one outside party alone decides
 * @property {number} [max_open_choice_bits] the bound on it
 * @property {ChoiceInfo} [choice]
 *
 * @typedef {object} ChoiceInfo
 * @property {number} operators_bits of all events together that one operator alone decides
 * @property {Readonly<Record<string, number>>} sources by root of independence
 */

/**
 * What the server says about an event: `GET /v1/events/{id}`. Times are RFC 3339.
 *
 * @typedef {object} EventInfo
 * @property {string} event_id
 * @property {string} kind `digits`, `threshold`, `match`, `election`, `fact` or `operators`
 * @property {string | null} title what it asks, in one line; the policy's title, its template filled in
 * @property {string | null} description what counts, what does not, where to look
 * @property {Readonly<Record<string, string>>} names for people, by role (`home`, `office`, …) or outcome
 * @property {EventState} state where it stands
 * @property {string} maturity when the outcome is fixed
 * @property {string | null} series
 * @property {string | null} reason why, for held, voided, refund and withdrawn
 * @property {string} attest_by no attestation comes after this; set refund locktimes after it
 * @property {string} policy_hash
 * @property {string | null} announced_at
 * @property {string | null} attested_at
 * @property {string | null} outcome null until attested
 * @property {string | null} next_attempt_at
 * @property {string} announce_at when it is or was due to be announced
 * @property {number | null} announcement_position of the announcement in the log
 * @property {number | null} attestation_position of the attestation in the log
 * @property {readonly string[]} [outcomes] of an enum event
 * @property {DigitsInfo} [digits] of a digit event: how the number is cut
 * @property {NostrIds} [nostr] of an announced event, where the oracle publishes to relays
 *
 * @typedef {object} NostrIds ids of the Nostr events that carry its messages, hex
 * @property {string} announcement
 * @property {string | null} attestation null until attested
 *
 * @typedef {object} DigitsInfo
 * @property {number} base
 * @property {number} nb_digits
 * @property {boolean} is_signed
 * @property {string} unit what the attested integer counts
 * @property {number} precision
 */

/**
 * @typedef {'scheduled' | 'announced' | 'matured' | 'provisional' | 'held' | 'committed' | 'attested' | 'voided' | 'refund' | 'withdrawn' | (string & {})} EventState
 */

/**
 * Which events: `GET /v1/events`.
 *
 * @typedef {object} EventQuery
 * @property {EventState} [state]
 * @property {string} [kind]
 * @property {string} [series]
 * @property {string} [from] least maturity, RFC 3339
 * @property {string} [to] greatest maturity, RFC 3339
 * @property {string} [q] part of the id, or of the title and the names in any case
 * @property {number} [limit] 1 to 500
 * @property {string} [cursor] from {@link EventsPage}
 */

/**
 * @typedef {object} EventsPage
 * @property {readonly EventInfo[]} events oldest maturity first
 * @property {string | null} next_cursor where to go on; null after the last page
 */

/**
 * What an outcome rests on: `GET /v1/events/{id}/evidence`.
 *
 * @typedef {object} EvidenceInfo
 * @property {readonly ObservationInfo[]} observations oldest first
 * @property {unknown} decision as the server words it
 * @property {string | null} manifest_sha256
 *
 * @typedef {object} ObservationInfo
 * @property {string} source
 * @property {string} verdict
 * @property {string | null} literal the value's literal text
 * @property {string | null} sha256 of the body, hex
 * @property {string | null} [leg] which leg of a price; null for facts
 * @property {string} [root] sources of one root count once
 * @property {string} [adapter] what read it, and its version
 * @property {string} [url] what was asked, without secrets
 * @property {string | null} [posted] the JSON that was posted there; null for a GET
 * @property {string} [sent_at]
 * @property {string} [received_at]
 * @property {number | null} [status] HTTP status; null when nothing answered
 * @property {string | null} [failure] why no complete answer came
 * @property {boolean} [public] whether the body is there
 * @property {string | null} [not_kept] why the body was not kept
 * @property {string | null} [effective_at] end of the bar used
 * @property {Readonly<Record<string, unknown>> | null} [fact] what was read of a match or an election
 * @property {string | null} [detail] what the verdict rests on
 * @property {number} [attempt] which attempt at the source
 * @property {number} [reads] equal readings in a row up to this one
 */

/**
 * That an event is in the log: `GET /v1/proofs/{id}`.
 *
 * @typedef {object} ProofsInfo
 * @property {string} checkpoint a signed note
 * @property {Inclusion} announcement
 * @property {Inclusion | null} attestation null until attested
 *
 * @typedef {object} Inclusion
 * @property {number} leaf_index position in the log
 * @property {readonly string[]} hashes base64, from the leaf's sibling upwards
 */

/**
 * What a series asks, and when: `GET /v1/series/{id}`. Times are RFC 3339.
 *
 * @typedef {object} SeriesInfo
 * @property {string} series_id
 * @property {string} kind `digits`, `threshold`, …
 * @property {string} title what its events ask, in one line, without their maturity
 * @property {string | null} description what counts, what does not, where to look
 * @property {Readonly<Record<string, string>>} names for people, by outcome or role
 * @property {PeriodInfo} period when its events mature
 * @property {number} announce_ahead_s how long before their maturity they are announced
 * @property {number} settle_delay_s from a maturity to the earliest decision
 * @property {number} give_up_after_s from a maturity to `attest_by`
 * @property {readonly string[]} [outcomes] of enum events
 * @property {DigitsInfo} [digits] of digit events: how the number is cut
 * @property {number} nonces of each announcement, and signatures of each attestation
 * @property {string} policy_hash of the policy of events to come, hex
 * @property {readonly UpcomingInfo[]} next its events ahead, the earliest maturity first
 * @property {string | null} next_from give it as `from` for those after; null where there are none
 *
 * @typedef {{readonly every_s: number} | {readonly cron: string} | {readonly listed: number}} PeriodInfo
 *
 * @typedef {object} UpcomingInfo
 * @property {string} event_id
 * @property {string} maturity when its outcome is fixed
 * @property {string} announce_at when it is or was due to be announced
 * @property {string} attest_by set refund locktimes after this
 * @property {EventState | null} state null until it is made, which is when it is due to be announced
 */

/**
 * @typedef {object} SeriesPage
 * @property {readonly SeriesInfo[]} series by name, each with its next event
 * @property {string | null} next_cursor where to go on; null after the last page
 */

/**
 * @param {Uint8Array} body
 * @returns {OracleInfo}
 */
export function readOracleInfo(body) {
  const info = new Shape('oracle', body);
  const texts = ['name', 'network', 'public_key', 'log_origin', 'log_public_key', 'server_version', 'dialect'];
  for (const key of texts) info.text(key);
  return info.as();
}

/**
 * @param {Uint8Array} body
 * @returns {EventInfo}
 */
export function readEventInfo(body) {
  return eventInfo(new Shape('event', body)).as();
}

/**
 * @param {Uint8Array} body
 * @returns {EventsPage}
 */
export function readEventsPage(body) {
  const page = new Shape('events', body);
  page.each('events', eventInfo);
  page.textOrNull('next_cursor');
  return page.as();
}

/**
 * @param {Uint8Array} body
 * @returns {SeriesInfo}
 */
export function readSeriesInfo(body) {
  return seriesInfo(new Shape('series', body)).as();
}

/**
 * @param {Uint8Array} body
 * @returns {SeriesPage}
 */
export function readSeriesPage(body) {
  const page = new Shape('series', body);
  page.each('series', seriesInfo);
  page.textOrNull('next_cursor');
  return page.as();
}

/** @param {Shape} info */
function seriesInfo(info) {
  for (const key of ['series_id', 'kind', 'title', 'policy_hash']) info.text(key);
  for (const key of ['description', 'next_from']) info.textOrNull(key);
  for (const key of ['announce_ahead_s', 'settle_delay_s', 'give_up_after_s', 'nonces']) info.position(key);
  info.textsByName('names');
  info.part('period', () => {});
  info.each('next', (event) => {
    for (const key of ['event_id', 'maturity', 'announce_at', 'attest_by']) event.text(key);
    event.textOrNull('state');
  });
  return info;
}

/**
 * @param {Uint8Array} body
 * @returns {EvidenceInfo}
 */
export function readEvidenceInfo(body) {
  const info = new Shape('evidence', body);
  info.each('observations', (observation) => {
    for (const key of ['source', 'verdict']) observation.text(key);
    for (const key of ['literal', 'sha256']) observation.textOrNull(key);
  });
  info.textOrNull('manifest_sha256');
  return info.as();
}

/**
 * @param {Uint8Array} body
 * @returns {ProofsInfo}
 */
export function readProofsInfo(body) {
  const info = new Shape('proofs', body);
  info.text('checkpoint');
  info.part('announcement', inclusion);
  info.part('attestation', inclusion, true);
  return info.as();
}

/** @param {Shape} proof */
function inclusion(proof) {
  proof.position('leaf_index');
  proof.texts('hashes');
}

const EVENT_TEXTS = ['event_id', 'kind', 'state', 'maturity', 'announce_at', 'attest_by', 'policy_hash'];
const EVENT_NULLABLE = [
  ...['title', 'description', 'series', 'reason'],
  ...['announced_at', 'attested_at', 'outcome', 'next_attempt_at'],
];

/** @param {Shape} info */
function eventInfo(info) {
  for (const key of EVENT_TEXTS) info.text(key);
  for (const key of EVENT_NULLABLE) info.textOrNull(key);
  for (const key of ['announcement_position', 'attestation_position']) info.positionOrNull(key);
  info.textsByName('names');
  return info;
}

/**
 * The members of a JSON object by name.
 *
 * @param {string} what
 * @param {Uint8Array | string} json
 * @returns {Shape}
 */
export function shapeOf(what, json) {
  return new Shape(what, json);
}

/** A JSON object whose members are checked one by one. */
class Shape {
  #what;
  #object;

  /**
   * @param {string} what
   * @param {Uint8Array | string | object | null} json text, or an object parsed already
   */
  constructor(what, json) {
    this.#what = what;
    /** @type {unknown} */
    let object = json;
    if (typeof json === 'string' || json instanceof Uint8Array) {
      try {
        object = JSON.parse(typeof json === 'string' ? json : (utf8ToText(json) ?? ''));
      } catch {
        throw new MalformedError(what, 'is not JSON');
      }
    }
    if (object === null || typeof object !== 'object') throw new MalformedError(what, 'is not an object');
    this.#object = object;
  }

  /**
   * @param {string} key
   * @returns {string}
   */
  text(key) {
    const value = memberOf(this.#object, key);
    if (typeof value !== 'string') throw new MalformedError(this.#what, `${key} is not a string`);
    return value;
  }

  /**
   * An absent member becomes null.
   *
   * @param {string} key
   */
  textOrNull(key) {
    const value = memberOf(this.#object, key) ?? null;
    if (value !== null && typeof value !== 'string') throw new MalformedError(this.#what, `${key} is not a string`);
    Object.assign(this.#object, { [key]: value });
  }

  /** @param {string} key */
  position(key) {
    const value = memberOf(this.#object, key);
    if (!Number.isSafeInteger(value) || Number(value) < 0) throw new MalformedError(this.#what, `${key} is not a position`);
  }

  /** An absent member becomes null. @param {string} key */
  positionOrNull(key) {
    if ((memberOf(this.#object, key) ?? null) === null) Object.assign(this.#object, { [key]: null });
    else this.position(key);
  }

  /** @param {string} key */
  texts(key) {
    const values = memberOf(this.#object, key);
    if (!Array.isArray(values) || values.some((value) => typeof value !== 'string')) {
      throw new MalformedError(this.#what, `${key} is not an array of strings`);
    }
  }

  /**
   * Texts by their names. An absent member becomes an empty object.
   *
   * @param {string} key
   */
  textsByName(key) {
    const value = memberOf(this.#object, key) ?? {};
    if (typeof value !== 'object' || Array.isArray(value) || Object.values(value).some((v) => typeof v !== 'string')) {
      throw new MalformedError(this.#what, `${key} is not an object of strings`);
    }
    Object.assign(this.#object, { [key]: value });
  }

  /**
   * A member that is an object; where it may, null.
   *
   * @param {string} key
   * @param {(item: Shape) => void} check
   * @param {boolean} [nullable]
   */
  part(key, check, nullable = false) {
    const value = memberOf(this.#object, key) ?? null;
    if (value === null && nullable) Object.assign(this.#object, { [key]: null });
    else check(new Shape(this.#what, typeof value === 'object' ? value : null));
  }

  /**
   * @param {string} key
   * @param {(item: Shape) => void} check
   */
  each(key, check) {
    const values = memberOf(this.#object, key);
    if (!Array.isArray(values)) throw new MalformedError(this.#what, `${key} is not an array`);
    for (const value of values) check(new Shape(this.#what, typeof value === 'object' ? value : null));
  }

  /**
   * The object, once its members have been checked.
   *
   * @template T
   * @returns {T}
   */
  as() {
    return /** @type {T} */ (this.#object);
  }
}
