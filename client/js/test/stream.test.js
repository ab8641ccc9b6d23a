import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Backoff } from '../src/backoff.js';
import { AheadOfLogError, ArgumentError, MalformedError, OracleClient, ProblemError, TooLargeError, TransportError } from '../src/index.js';
import { EventParser } from '../src/sse.js';
import { FakeOracle } from './oracle.js';
import { problem, serve } from './server.js';

/** @import { ClientOptions, News, StreamOptions } from '../src/index.js' */

const { publicKey } = new FakeOracle();
const HEAD = { 'content-type': 'text/event-stream' };

/**
 * @param {string} url
 * @param {StreamOptions} [stream]
 * @param {Partial<ClientOptions>} [options]
 */
function open(url, stream, options) {
  return new OracleClient(url, { publicKey, firstBackoffMs: 1, maxBackoffMs: 20, ...options }).stream(stream);
}

/**
 * @param {AsyncIterable<News>} stream
 * @param {number} count
 */
async function take(stream, count) {
  /** @type {News[]} */
  const taken = [];
  for await (const news of stream) if (taken.push(news) === count) break;
  return taken;
}

/**
 * @param {string} kind
 * @param {number} id
 * @param {string} [data]
 */
function item(kind, id, data = `{"event_id":"e${id}","position":${id}}`) {
  return `event: ${kind}\nid: ${id}\ndata: ${data}\n\n`;
}

test('a broken stream resumes after the last position and repeats nothing', async (t) => {
  const { url, requests } = await serve(t, (request, response, nth) => {
    response.writeHead(200, HEAD);
    if (nth === 1) response.end(item('announced', 4) + item('attested', 5));
    else if (nth === 2) response.write(item('attested', 5), () => request.socket.destroy());
    else response.write(item('attested', 5) + item('refunded', 7));
  });
  let lost = 0;
  const events = ['e4', 'a@b'];
  const news = await take(open(url, { after: 3, events, onDisconnect: () => (lost += 1) }), 3);
  assert.deepEqual(news, [
    { kind: 'announced', position: 4n, eventId: 'e4' },
    { kind: 'attested', position: 5n, eventId: 'e5' },
    { kind: 'refunded', position: 7n, eventId: 'e7' },
  ]);
  assert.deepEqual(requests.map(({ headers }) => headers['last-event-id']), ['3', '5', '5']);
  assert.deepEqual(new Set(requests.map(({ url: path }) => path)), new Set(['/v1/stream?events=e4%2Ca%40b']));
  assert.equal(lost, 2);
});

test('changes of state carry no position and kinds of a later server are skipped', async (t) => {
  const { url, requests } = await serve(t, (_, response) => {
    response.writeHead(200, HEAD);
    response.write(': hello\n\n');
    response.write(`${item('cosigned', 8)}event: state\ndata: {"event_id":"e","state":"held"}\n\n`);
  });
  assert.deepEqual(await take(open(url), 1), [{ kind: 'state', position: null, eventId: 'e', state: 'held' }]);
  assert.equal(requests[0]?.headers['last-event-id'], undefined);
  assert.equal(requests[0]?.url, '/v1/stream');
});

test('heartbeats keep a stream alive and silence ends the connection', async (t) => {
  const { url } = await serve(t, (_, response, nth) => {
    response.writeHead(200, HEAD);
    if (nth === 1) return void response.write(': beat\n\n');
    let beats = 0;
    const timer = setInterval(() => {
      beats += 1;
      response.write(beats < 15 ? ': beat\n\n' : item('attested', 1));
    }, 100);
    response.on('close', () => clearInterval(timer));
  });
  /** @type {unknown[]} */
  const lost = [];
  const stream = open(url, { onDisconnect: (error) => lost.push(error) }, { idleTimeoutMs: 1000 });
  assert.equal((await take(stream, 1))[0]?.position, 1n);
  assert.equal(lost.length, 1);
  assert.ok(lost[0] instanceof TransportError && lost[0].code === 'silent');
});

test('leaving the loop closes the connection', async (t) => {
  /** @type {() => void} */
  let closed = () => {};
  const gone = new Promise((resolve) => (closed = () => resolve(true)));
  const { url } = await serve(t, (_, response) => {
    response.on('close', closed);
    response.writeHead(200, HEAD);
    response.write(item('attested', 1));
  });
  await take(open(url), 1);
  assert.equal(await gone, true);
});

test('a busy server is asked again and a refusal ends the stream', async (t) => {
  const { url, requests } = await serve(t, (_, response, nth) => {
    if (nth < 3) problem(response, 503, 'unavailable');
    else problem(response, 400, 'bad-parameter');
  });
  await assert.rejects(take(open(url), 1), (error) => error instanceof ProblemError && error.code === 'bad-parameter');
  assert.equal(requests.length, 3);
});

test('every id is the place to resume from, of heartbeats and of what a later server sends too', async (t) => {
  const { url, requests } = await serve(t, (_, response, nth) => {
    response.writeHead(200, HEAD);
    // The first half of an id is none, nor is what lacks its empty line.
    if (nth === 1) response.end(':\nid: 40\n\n: heartbeat\nid: 41\n\n: heartbeat\nid: 49');
    else if (nth === 2) response.end(`${item('cosigned', 44)}: heartbeat\nid: 50\n`);
    else response.write(item('attested', 45));
  });
  assert.equal((await take(open(url, { events: ['e45'] }), 1))[0]?.position, 45n);
  assert.deepEqual(requests.map(({ headers }) => headers['last-event-id']), [undefined, '41', '44']);
});

test('a position ahead of the log ends the stream, and both are named', async (t) => {
  const detail = 'position 100000 lies ahead of this log, whose last position is 61: compare the identity';
  const refusing = await serve(t, (_, response) => problem(response, 409, 'ahead-of-log', {}, detail));
  const telling = await serve(t, (_, response) => response.writeHead(200, HEAD).write(`event: ahead-of-log\ndata: ${JSON.stringify({ detail })}\n\n`));
  for (const { url } of [refusing, telling]) {
    await assert.rejects(take(open(url, { after: 100_000n }), 1), (error) => {
      assert.ok(error instanceof AheadOfLogError);
      assert.deepEqual([error.code, error.position, error.last], ['ahead-of-log', 100_000n, 61n]);
      assert.match(error.message, /position 100000 .* last position is 61/);
      return true;
    });
  }
  // Also one that was resumed from: the oracle went back meanwhile.
  const back = await serve(t, (_, response, nth) => {
    if (nth === 1) response.writeHead(200, HEAD).end(item('attested', 70));
    else problem(response, 409, 'ahead-of-log', {}, detail);
  });
  await assert.rejects(take(open(back.url), 2), (error) => error instanceof AheadOfLogError && error.position === 70n);
});

test('a page in place of the stream is told and waited out', async (t) => {
  const { url } = await serve(t, (_, response, nth) => {
    if (nth === 1) response.writeHead(200, { 'content-type': 'text/html' }).end('<form>');
    else if (nth === 2) response.writeHead(403, { 'content-type': 'text/html' }).end('<html>');
    else response.writeHead(200, HEAD).write(item('attested', 1));
  });
  /** @type {unknown[]} */
  const lost = [];
  await take(open(url, { onDisconnect: (error) => lost.push(error) }), 1);
  assert.deepEqual(lost.map((error) => error instanceof TransportError && [error.code, error.status]), [['foreign', 200], ['foreign', 403]]);
});

test('what is no position and no list of events is refused by name', async () => {
  for (const after of [-1, 1.5, -1n, '7', null, NaN]) {
    await assert.rejects(open('http://127.0.0.1:1', /** @type {any} */ ({ after })).next(), (error) => error instanceof ArgumentError && error.argument === 'after');
  }
  for (const events of ['e', [], [''], ['a,b'], [7], Array(101).fill('e')]) {
    await assert.rejects(open('http://127.0.0.1:1', /** @type {any} */ ({ events })).next(), (error) => error instanceof ArgumentError && error.argument === 'events');
  }
});

test('those who lose a connection in one moment do not come back in one moment', () => {
  for (const asked of [null, 3000, 90_000]) {
    const pauses = Array.from({ length: 200 }, () => new Backoff(500, 30_000).pause(asked));
    const [least, most] = [Math.min(...pauses), Math.max(...pauses)];
    assert.ok(most - least > 150, `${least} to ${most}`);
    assert.ok(least >= Math.min(asked ?? 0, 22_500) && most <= Math.max(500, Math.min((asked ?? 0) + 250, 30_000)), `${least} to ${most}`);
  }
});

test('damage is an error, not silence', async (t) => {
  for (const text of [item('attested', 1, 'no json'), item('attested', 1, '{}'), 'event: attested\nid: x\ndata: {"event_id":"e"}\n\n']) {
    const { url } = await serve(t, (_, response) => response.writeHead(200, HEAD).write(text));
    await assert.rejects(take(open(url), 1), MalformedError, text);
  }
});

test('an event without end is cut off', async (t) => {
  for (const text of ['data: '.padEnd(70_000, 'x'), 'data: x\n'.repeat(12_000)]) {
    const { url } = await serve(t, (_, response) => response.writeHead(200, HEAD).write(text));
    await assert.rejects(take(open(url), 1), TooLargeError);
  }
});

test('a stream cut anywhere, with any line ends, reads the same', () => {
  const text = '\ufeff: c\nevent: a\ndata: 1\ndata:2\nid: 7\n\ndata\n\nid: 8\n\nevent: ü€😀\ndata: {"x": ":"}\n\nevent: lost\n';
  const expected = [
    { event: 'a', data: '1\n2', id: '7' },
    { event: 'message', data: '', id: '7' },
    { event: 'message', data: null, id: '8' },
    { event: 'ü€😀', data: '{"x": ":"}', id: '8' },
  ];
  for (const end of ['\n', '\r', '\r\n']) {
    const bytes = new TextEncoder().encode(text.replaceAll('\n', end));
    for (const size of [1, 2, 3, 5, bytes.length]) {
      const parser = new EventParser(1000);
      const events = [];
      for (let at = 0; at < bytes.length; at += size) events.push(...parser.push(bytes.subarray(at, at + size)));
      assert.deepEqual(events, expected, `${JSON.stringify(end)} in pieces of ${size}`);
    }
  }
});
