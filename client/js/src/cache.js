/**
 * What never changes once verified, up to a number of entries.
 *
 * @module
 */

/**
 * Forgets what was used longest ago.
 *
 * @template T
 */
export class Cache {
  /** @type {Map<string, T>} */
  #entries = new Map();
  #most;

  /** @param {number} most entries */
  constructor(most) {
    this.#most = most;
  }

  /**
   * @param {string} key
   * @returns {T | undefined}
   */
  get(key) {
    const value = this.#entries.get(key);
    if (value !== undefined) {
      // A map keeps the order of insertion: this makes it the latest.
      this.#entries.delete(key);
      this.#entries.set(key, value);
    }
    return value;
  }

  /**
   * @param {string} key
   * @param {T} value
   */
  set(key, value) {
    this.#entries.delete(key);
    this.#entries.set(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most) break;
      this.#entries.delete(oldest);
    }
  }
}
