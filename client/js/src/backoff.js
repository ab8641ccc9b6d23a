/**
 * Pauses between attempts: doubling, capped, scattered.
 *
 * @module
 */
import { SYSTEM_CLOCK } from './clock.js';

/** @import { Clock } from './clock.js' */

/** The next pause, growing with every use until {@link Backoff#reset}. */
export class Backoff {
  #first;
  #most;
  #next;
  #random;

  /**
   * @param {number} firstMs
   * @param {number} mostMs
   * @param {Clock} [clock]
   */
  constructor(firstMs, mostMs, clock = SYSTEM_CLOCK) {
    this.#first = firstMs;
    this.#most = mostMs;
    this.#next = firstMs;
    this.#random = clock.random;
  }

  reset() {
    this.#next = this.#first;
  }

  /**
   * A pause of at least what the server asked for and at most the maximum, so
   * that a server may slow its clients down but not stop them.
   *
   * Everyone who waits for one event loses the connection in one moment: half of
   * each pause is chance, so that they do not come back in one moment too.
   *
   * @param {number | null} [askedMs]
   * @returns {number} milliseconds
   */
  pause(askedMs) {
    const own = Math.min(this.#next, this.#most);
    this.#next = Math.min(own * 2, this.#most);
    const asked = askedMs ?? 0;
    if (asked >= this.#most) return this.#most * (1 - this.#random() / 4);
    return Math.min(Math.max(asked, own / 2) + (this.#random() * own) / 2, this.#most);
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends the pause by its reason
 * @param {Clock} [clock]
 * @returns {Promise<void>}
 */
export function sleep(ms, signal, clock = SYSTEM_CLOCK) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      cancel();
      reject(signal?.reason);
    };
    const cancel = clock.after(ms, () => {
      signal?.removeEventListener('abort', stop);
      resolve();
    });
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
