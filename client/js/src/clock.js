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
    const timer = setTimeout(run, ms);
    return () => clearTimeout(timer);
  },
  random: Math.random,
});
