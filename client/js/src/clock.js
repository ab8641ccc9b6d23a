/**
 * Where time and chance come from. A test brings its own, and a thousand lost
 * connections take it seconds.
 *
 * @module
 */

/**
 * @typedef {object} Clock
 * @property {() => number} now milliseconds since some moment, never going back
 * @property {(ms: number, run: () => void) => () => void} after runs something later,
 *   unless what is returned is called before
 * @property {() => number} random from 0 to below 1
 */

/** @type {Clock} */
export const SYSTEM_CLOCK = Object.freeze({
  now: () => performance.now(),
  /** @type {Clock['after']} */
  after(ms, run) {
    // A longer time would be taken for none: 24 days are for ever here.
    const timer = setTimeout(run, Math.min(ms, 0x7fff_ffff));
    return () => clearTimeout(timer);
  },
  random: Math.random,
});
