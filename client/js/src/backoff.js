/**
 * Pauses between attempts: doubling, capped, scattered.
 *
 * @module
 */

/** The next pause, growing with every use until {@link Backoff#reset}. */
export class Backoff {
  #first;
  #most;
  #next;

  /**
   * @param {number} firstMs
   * @param {number} mostMs
   */
  constructor(firstMs, mostMs) {
    this.#first = firstMs;
    this.#most = mostMs;
    this.#next = firstMs;
  }

  reset() {
    this.#next = this.#first;
  }

  /**
   * A pause of at least what the server asked for and at most the maximum, so
   * that a server may slow its clients down but not stop them.
   *
   * @param {number | null} [askedMs]
   * @returns {number} milliseconds
   */
  pause(askedMs) {
    const own = this.#next;
    this.#next = Math.min(own * 2, this.#most);
    const base = Math.min(Math.max(own, askedMs ?? 0), this.#most);
    // Everyone who waits for one event is turned away in one moment; up to a
    // quarter less keeps them from coming back in one moment too.
    return base - (Math.random() * Math.min(own, base)) / 4;
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal] ends the pause by its reason
 * @returns {Promise<void>}
 */
export function sleep(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer);
      reject(signal?.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop);
      resolve();
    }, ms);
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
