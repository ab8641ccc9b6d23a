/**
 * A clock that jumps to whatever is due next, and a network on it that breaks at
 * random, by a seed.
 *
 * @module
 */

/** @import { Clock } from '../src/clock.js' */

/**
 * Numbers from 0 to below 1, the same ones for one seed (mulberry32).
 *
 * @param {number} seed
 * @returns {() => number}
 */
export function seeded(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** The seed of this run: `ORACLE_TEST_SEED`, or one that nobody knew before. */
export function seedOfRun() {
  const given = process.env['ORACLE_TEST_SEED'];
  return given === undefined ? Math.floor(Math.random() * 2 ** 32) : Number(given);
}

/** @implements {Clock} */
export class VirtualClock {
  #time = 0;
  #count = 0;
  /** @type {{at: number, nth: number, run: () => void}[]} */
  #timers = [];
  random;

  /** @param {() => number} random */
  constructor(random) {
    this.random = random;
  }

  now = () => this.#time;

  /** @type {Clock['after']} */
  after = (ms, run) => {
    const timer = { at: this.#time + Math.max(0, ms), nth: (this.#count += 1), run };
    const later = this.#timers.findIndex(({ at, nth }) => at > timer.at || (at === timer.at && nth > timer.nth));
    this.#timers.splice(later < 0 ? this.#timers.length : later, 0, timer);
    return () => {
      const index = this.#timers.indexOf(timer);
      if (index >= 0) this.#timers.splice(index, 1);
    };
  };

  /** @param {number} ms @returns {Promise<void>} */
  pause = (ms) => new Promise((resolve) => void this.after(ms, resolve));

  /** From `least` to below `most`. @param {number} least @param {number} most */
  between = (least, most) => least + this.random() * (most - least);

  /** @param {number} share */
  chance = (share) => this.random() < share;

  /**
   * Lets time pass until the work is done.
   *
   * @template T
   * @param {Promise<T>} work
   * @param {() => Promise<void>} [turn] lets everything happen that is due now
   * @returns {Promise<T>}
   */
  async run(work, turn = () => new Promise((resolve) => void setImmediate(resolve))) {
    let isDone = false;
    const done = () => (isDone = true);
    work.then(done, done);
    for (;;) {
      await turn();
      if (isDone) return work;
      const next = this.#timers.shift();
      if (!next) throw new Error('nothing will ever happen any more');
      this.#time = next.at;
      // A day is longer than anything a test waits for.
      if (this.#time > 86_400_000) throw new Error('a day has passed');
      next.run();
    }
  }
}

/** An item of the log. @typedef {{position: number, kind: string, eventId: string, at: number}} Item */

/** An answer before anything happens to it on its way. @typedef {{status: number, type: string, headers?: Record<string, string>, body: AsyncIterable<string | Uint8Array>}} Said */

/** How a connection goes. @typedef {'refused' | 'mute' | 'foreign' | 'cut' | 'broken' | 'silent' | 'whole'} Fate */

/** @param {string | Uint8Array} text */
async function* once(text) {
  yield text;
}

/** What proxies and portals answer. @type {readonly (() => Said)[]} */
const STRANGERS = [
  () => ({ status: 200, type: 'text/html; charset=utf-8', body: once('<form>log in</form>') }),
  () => ({ status: 403, type: 'text/html', body: once('<html>no</html>') }),
  () => ({ status: 404, type: 'text/html', body: once('<html>where?</html>') }),
  () => ({ status: 200, type: '', body: once('') }),
  () => ({ status: 502, type: 'text/plain', body: once('bad gateway') }),
  () => ({ status: 403, type: 'application/problem+json', body: once('{"type":"about:blank"}') }),
];

/** A network between a client and an oracle, which refuses, cuts, delays and replaces. */
export class Network {
  #clock;
  #peaceAt;
  /** The first id that came over whole, of an item or a heartbeat. @type {number | null} */
  firstId = null;
  /** How many connections went which way. @type {Record<string, number>} */
  fates = {};

  /**
   * @param {VirtualClock} clock
   * @param {number} peaceAt when nothing breaks any more, else nothing could be proved
   */
  constructor(clock, peaceAt) {
    this.#clock = clock;
    this.#peaceAt = peaceAt;
  }

  /** @param {readonly Fate[]} [without] fates that this client cannot bear @returns {Fate} */
  fate(without = []) {
    const { random, now } = this.#clock;
    const isAtPeace = now() >= this.#peaceAt;
    /** @type {[Fate, number][]} */
    const shares = [['refused', 0.2], ['foreign', 0.2], ['mute', 0.03], ['broken', 0.2], ['cut', 0.2], ['silent', 0.1], ['whole', 0.05]];
    let left = random();
    const drawn = shares.find(([, share]) => (left -= share) < 0)?.[0] ?? 'whole';
    const fate = isAtPeace || without.includes(drawn) ? 'whole' : drawn;
    this.fates[fate] = (this.fates[fate] ?? 0) + 1;
    return fate;
  }

  /** A `fetch` to a server. @param {(url: URL, headers: Headers) => Said} server */
  fetch(server) {
    /** @param {string} url @param {RequestInit} init @returns {Promise<Response>} */
    return async (url, { headers, signal }) => {
      const aborted = new Promise((_, reject) => {
        const stop = () => reject(signal?.reason);
        if (signal?.aborted) stop();
        else signal?.addEventListener('abort', stop, { once: true });
      });
      aborted.catch(() => {});
      const answered = this.#answered(server, new URL(url), new Headers(headers), signal ?? undefined);
      return /** @type {Promise<Response>} */ (Promise.race([answered, aborted]));
    };
  }

  /**
   * @param {(url: URL, headers: Headers) => Said} server
   * @param {URL} url
   * @param {Headers} headers
   * @param {AbortSignal | undefined} signal
   */
  async #answered(server, url, headers, signal) {
    const { pause, between, random } = this.#clock;
    const fate = this.fate();
    await pause(between(1, fate === 'whole' ? 300 : 4000));
    if (fate === 'refused') throw new TypeError('fetch failed', { cause: new Error('ECONNREFUSED') });
    if (fate === 'mute') await new Promise(() => {});
    const stranger = STRANGERS[Math.floor(random() * STRANGERS.length)];
    const said = fate === 'foreign' && stranger ? stranger() : server(url, headers);
    const body = new ReadableStream({ start: (controller) => void this.#carry(said.body, fate, controller, signal) });
    return new Response(body, { status: said.status, headers: { ...(said.type && { 'content-type': said.type }), ...said.headers } });
  }

  /**
   * Carries a body over in pieces cut anywhere, until the connection's fate.
   *
   * @param {AsyncIterable<string | Uint8Array>} body
   * @param {Fate} fate
   * @param {ReadableStreamDefaultController<Uint8Array>} controller
   * @param {AbortSignal | undefined} signal
   */
  async #carry(body, fate, controller, signal) {
    const end = { isOver: false };
    const over = (/** @type {() => void} */ how) => {
      if (end.isOver) return;
      end.isOver = true;
      how();
    };
    signal?.addEventListener('abort', () => over(() => controller.error(signal.reason)), { once: true });
    const stop = fate === 'broken' ? () => controller.error(new TypeError('terminated')) : fate === 'cut' ? () => controller.close() : () => {};
    let heard = '';
    for await (const bytes of this.pieces(body, fate, () => end.isOver)) {
      if (end.isOver) return;
      controller.enqueue(bytes);
      if (this.firstId !== null) continue;
      heard += new TextDecoder('latin1').decode(bytes);
      const id = /^id: ([0-9]+)\n\n/m.exec(heard)?.[1];
      if (id !== undefined) this.firstId = Number(id);
    }
    // What breaks takes along what nobody has read yet.
    await this.#clock.pause(1);
    over(fate === 'whole' || fate === 'foreign' ? () => controller.close() : stop);
  }

  /**
   * @param {AsyncIterable<string | Uint8Array>} body
   * @param {Fate} fate
   * @param {() => boolean} isOver
   * @returns {AsyncGenerator<Uint8Array, void, void>}
   */
  async *pieces(body, fate, isOver) {
    const { pause, between, chance, now } = this.#clock;
    const breaksAt = fate === 'broken' || fate === 'cut' || fate === 'silent' ? now() + between(0, 40_000) : Infinity;
    for await (const text of body) {
      let bytes = typeof text === 'string' ? new TextEncoder().encode(text) : text;
      // What is on its way when it breaks comes in part.
      const isLast = now() >= breaksAt || (breaksAt < Infinity && chance(0.1));
      if (isLast) bytes = bytes.subarray(0, Math.floor(between(0, bytes.length)));
      if (chance(0.2) && bytes.length > 1) {
        const at = Math.floor(between(1, bytes.length));
        yield bytes.subarray(0, at);
        bytes = bytes.subarray(at);
        await pause(between(0, 2000));
      }
      if (isOver()) return;
      if (bytes.length > 0) yield bytes;
      if (isLast) return;
    }
  }
}

/** The stream of an oracle whose log grows as planned. */
export class Oracle {
  #clock;
  #items;
  /** How often a reader was told older items again. */
  repeats = 0;

  /**
   * @param {VirtualClock} clock
   * @param {readonly Item[]} items in order
   */
  constructor(clock, items) {
    this.#clock = clock;
    this.#items = items;
  }

  #published() {
    return this.#items.filter(({ at }) => at <= this.#clock.now()).at(-1)?.position ?? 0;
  }

  /**
   * `/v1/stream`. A proxy may answer with what an earlier connection had asked for:
   * older items come again.
   *
   * @param {string | null} lastEventId
   * @param {string | null} events
   * @param {number} [stale] how many positions too old the answer is
   * @returns {AsyncGenerator<string, void, void>}
   */
  async *stream(lastEventId, events, stale = 0) {
    const { pause, now } = this.#clock;
    const wanted = events?.split(',');
    let cursor = lastEventId === null ? this.#published() : Math.max(0, Number(lastEventId) - stale);
    let index = this.#items.findIndex(({ position }) => position > cursor);
    if (index < 0) index = this.#items.length;
    if (stale > 0) this.repeats += 1;
    if (lastEventId === null) yield `:\nid: ${cursor}\n\n`;
    for (;;) {
      const beat = now() + 15_000;
      for (;;) {
        const next = this.#items[index];
        if (!next || next.at > beat) break;
        if (next.at > now()) await pause(next.at - now());
        cursor = next.position;
        index += 1;
        if (wanted && !wanted.includes(next.eventId)) continue;
        const data = JSON.stringify({ event_id: next.eventId, position: next.position });
        yield `event: ${next.kind}\ndata: ${data}\nid: ${next.position}\n\n`;
      }
      await pause(beat - now());
      yield `: heartbeat\nid: ${cursor}\n\n`;
    }
  }
}

/**
 * A server for undici's own connections: its `EventSource` takes no `fetch`.
 *
 * @param {VirtualClock} clock
 * @param {Network} network
 * @param {(headers: Headers) => AsyncIterable<string>} server
 */
export function dispatcherOf(clock, network, server) {
  /** @param {any} handler @param {Headers} headers */
  const answer = async (handler, headers) => {
    let isOver = false;
    handler.onConnect(() => (isOver = true));
    // The standard has a browser give up for good on any other answer; a network that
    // fails it has to bear.
    const fate = network.fate(['foreign', 'mute', 'silent']);
    await clock.pause(clock.between(1, 4000));
    if (fate === 'refused') return handler.onError(new Error('ECONNREFUSED'));
    handler.onHeaders(200, [Buffer.from('content-type'), Buffer.from('text/event-stream')], () => {}, 'OK');
    for await (const bytes of network.pieces(server(headers), fate, () => isOver)) {
      if (isOver) return;
      handler.onData(Buffer.from(bytes));
    }
    // A body that breaks off looks like one that ends: at an error undici's gives up, unlike a browser's.
    if (!isOver) handler.onComplete([]);
  };
  return {
    eventSourceOptions: undefined,
    /** @param {{headers: any}} options @param {any} handler */
    dispatch({ headers }, handler) {
      void answer(handler, new Headers(headers));
      return true;
    },
  };
}
