import assert from 'node:assert/strict';
import { test } from 'node:test';

import {
  ArgumentError,
  HashError,
  MalformedError,
  NeverError,
  NotYetError,
  OracleClient,
  OracleError,
  ProblemError,
  TRUST_ON_FIRST_USE,
  TooLargeError,
  TransportError,
  UnknownEventError,
  VerifyError,
  WrongEventError,
  WrongKeyError,
  canonicalJson,
  encodeAttestation,
  readPolicy,
  verifyAttestation,
} from '../src/index.js';
import { sha256Hex } from '../src/tags.js';
import { FakeOracle } from './oracle.js';
import { problem, send, serve, serveAnswers } from './server.js';

/** @import { ClientOptions } from '../src/index.js' */

const oracle = new FakeOracle();
const ENUM = /** @type {const} */ ({ kind: 'enum', outcomes: ['home', 'draw', 'away'] });
const match = oracle.announce('match', ENUM);
const attested = oracle.attest('match', ['draw']);
const INFO = {
  ...{ name: 'Test', network: 'peercoin-regtest', public_key: oracle.publicKey, log_origin: 'test' },
  ...{ log_public_key: '00'.repeat(32), server_version: '0', dialect: 'tagged', open_choice_bits: 0 },
};

/** What every event has. */
const EVENT = { kind: 'match', state: 'announced', maturity: '2026-11-22T16:00:00Z', announce_at: 'x', attest_by: 'x', policy_hash: '00'.repeat(32) };

/**
 * @param {string} url
 * @param {Partial<ClientOptions>} [options]
 */
function client(url, options) {
  // The laws of HTTP; what is proven, and how, is in proof.test.js.
  return new OracleClient(url, { publicKey: oracle.publicKey, unproven: true, firstBackoffMs: 1, maxBackoffMs: 20, ...options });
}

test('an attestation comes back verified with its outcome, and is asked for once', async (t) => {
  const { url, requests } = await serveAnswers(t, FakeOracle.answers(match, attested));
  const reader = client(`${url}/`);
  for (const _ of [1, 2]) {
    const found = await reader.attestation('match');
    assert.deepEqual(found.outcome, { kind: 'enum', text: 'draw' });
    assert.equal(found.announcement.event.eventId, 'match');
  }
  assert.equal(requests.length, 2);
});

test('a kept attestation never meets another announcement than its own', async (t) => {
  const answers = FakeOracle.answers(match, attested);
  const { url, requests } = await serveAnswers(t, answers);
  const reader = client(url, { cacheEntries: 1 });
  const first = await reader.attestation('match');
  // The announcement is forgotten, and the oracle tells another story now.
  Object.assign(answers, FakeOracle.answers(oracle.announce('other', ENUM)));
  await reader.announcement('other');
  Object.assign(answers, FakeOracle.answers(oracle.announce('match', ENUM)));
  const now = await reader.announcement('match');
  assert.notEqual(now.signature, first.announcement.signature, 'the first was forgotten');
  for (const again of [await reader.attestation('match'), await reader.wait('match', { timeoutMs: 0 })]) {
    assert.equal(again.announcement, first.announcement);
    assert.equal(again.attestation, first.attestation);
    verifyAttestation(encodeAttestation(attested), again.announcement);
  }
  assert.equal(requests.filter(({ url: path }) => path?.startsWith('/v1/attestations/')).length, 1);
});

test('an oracle other than the pinned one is refused, whoever signed correctly', async (t) => {
  const other = new FakeOracle();
  const { url } = await serveAnswers(t, { '/v1/oracle': INFO, ...FakeOracle.answers(match, attested) });
  const pinned = client(url, { publicKey: other.publicKey });
  await assert.rejects(pinned.announcement('match'), WrongKeyError);
  await assert.rejects(pinned.oracle(), WrongKeyError);
});

test('the key of the first use is the key from then on', async (t) => {
  const other = new FakeOracle();
  /** @type {Record<string, Uint8Array | object>} */
  const answers = { '/v1/oracle': INFO, ...FakeOracle.answers(match, attested) };
  const { url } = await serveAnswers(t, answers);
  const trusting = client(url, { publicKey: TRUST_ON_FIRST_USE });
  assert.equal(await trusting.publicKey(), oracle.publicKey);
  await trusting.attestation('match');
  answers['/v1/oracle'] = { ...INFO, public_key: other.publicKey };
  await assert.rejects(trusting.oracle(), WrongKeyError);
  Object.assign(answers, FakeOracle.answers(other.announce('later', ENUM)));
  await assert.rejects(trusting.announcement('later'), WrongKeyError);
});

test('without a key, or with one that is none, there is no client', () => {
  for (const publicKey of ['', '00', 'ff'.repeat(32), `${oracle.publicKey}00`, undefined]) {
    assert.throws(() => client('http://127.0.0.1', /** @type {ClientOptions} */ ({ publicKey })), ArgumentError);
  }
  for (const url of ['', 'ftp://a', 'http://user:secret@127.0.0.1', 'nonsense']) {
    assert.throws(() => client(url), (error) => error instanceof ArgumentError && !error.message.includes('secret'));
  }
});

test('no bit of an announcement or attestation can change unnoticed', async (t) => {
  const answers = FakeOracle.answers(match, attested);
  const { url } = await serveAnswers(t, answers);
  for (const [path, whole] of Object.entries({ ...answers })) {
    // Every 13th bit: all fields are hit, in a bearable time.
    for (let bit = 0; bit < whole.length * 8; bit += 13) {
      const spoilt = Uint8Array.from(whole);
      spoilt[bit >> 3] = (spoilt[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      answers[path] = spoilt;
      await assert.rejects(client(url).attestation('match'), OracleError, `${path} bit ${bit}`);
    }
    answers[path] = whole;
  }
  await client(url).attestation('match');
});

test('a valid attestation of another outcome under another nonce is refused', async (t) => {
  const twin = oracle.announce('twin', ENUM);
  const elsewhere = { ...oracle.attest('twin', ['home']), eventId: 'match' };
  const { url } = await serveAnswers(t, FakeOracle.answers(match, elsewhere));
  await assert.rejects(client(url).attestation('match'), (error) => error instanceof VerifyError && error.code === 'nonce');
  assert.notEqual(twin.event.nonces[0], match.event.nonces[0]);
});

test('another event than the one asked for is refused', async (t) => {
  const [announcement, attestation] = [FakeOracle.answers(match), encodeAttestation(attested)];
  const other = oracle.announce('other', ENUM);
  const { url } = await serveAnswers(t, {
    ...FakeOracle.answers(other),
    '/v1/attestations/other': attestation,
    '/v1/announcements/wanted': Object.values(announcement)[0] ?? {},
    '/v1/events/wanted': { ...EVENT, event_id: 'match' },
  });
  await assert.rejects(client(url).announcement('wanted'), WrongEventError);
  await assert.rejects(client(url).attestation('other'), WrongEventError);
  await assert.rejects(client(url).event('wanted'), WrongEventError);
});

test('refusals have their own types and keep the slug, the reason and when to ask again', async (t) => {
  const cases = /** @type {const} */ ([
    [404, 'unknown-event', UnknownEventError],
    [404, 'not-announced', NotYetError],
    [404, 'not-attested', NotYetError],
    [410, 'refunded', NeverError],
    [410, 'withdrawn', NeverError],
    [400, 'bad-parameter', ProblemError],
  ]);
  for (const [status, slug, type] of cases) {
    const { url } = await serve(t, (_, response) => problem(response, status, slug, { 'retry-after': '7' }));
    await assert.rejects(client(url).announcement('match'), (error) => {
      assert.ok(error instanceof ProblemError);
      assert.equal(error.constructor, type);
      assert.deepEqual([error.status, error.code, error.detail, error.retryAfterMs], [status, slug, `because ${slug}`, 7000]);
      return true;
    });
  }
});

/** What stands between a client and its oracle, and answers. @type {Record<string, (request: import('node:http').IncomingMessage, response: import('node:http').ServerResponse) => void>} */
const STRANGERS = {
  'a 404 page': (_, response) => response.writeHead(404, { 'content-type': 'text/html' }).end('<html>not here</html>'),
  'a 403 page': (_, response) => response.writeHead(403, { 'content-type': 'text/html' }).end('<html>no</html>'),
  'a page to log in': (_, response) => response.writeHead(200, { 'content-type': 'text/html; charset=utf-8' }).end('<form>'),
  'a redirect to one': (request, response) => {
    if (request.url === '/login') response.writeHead(200, { 'content-type': 'text/html' }).end('<form>');
    else response.writeHead(302, { location: '/login' }).end();
  },
  'a redirect to nowhere': (_, response) => response.writeHead(302).end(),
  'an empty 200': (_, response) => response.writeHead(200).end(),
  'an empty 200 of the right type': (_, response) => response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(),
  'nothing': (_, response) => response.writeHead(204).end(),
  'JSON of another service': (_, response) => response.writeHead(401, { 'content-type': 'application/json' }).end('{"error":"no"}'),
  "another service's problem": (_, response) => {
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end('{"type":"about:blank","status":403}');
  },
  'a problem that is none': (_, response) => response.writeHead(404, { 'content-type': 'application/problem+json' }).end('<html>'),
  "another service's problem of a like name": (_, response) => {
    response.writeHead(403, { 'content-type': 'application/problem+json' }).end('{"type":"https://api.example/problems/forbidden","status":403}');
  },
  'a page in JSON': (_, response) => send(response, { login: '/portal' }),
  'bytes of something else': (_, response) => send(response, new TextEncoder().encode('<html>log in</html>'.repeat(20))),
  'half a message': (_, response) => send(response, Object.values(FakeOracle.answers(match))[0]?.subarray(0, 70)),
  'half of what was promised': (request, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream', 'content-length': '500' });
    response.write('half', () => request.socket.destroy());
  },
};

test('what answers in place of the oracle ends no wait, and is named when the time is over', async (t) => {
  for (const [name, stranger] of Object.entries(STRANGERS)) {
    let isThere = true;
    const { url } = await serve(t, (request, response) => {
      const { pathname } = new URL(request.url ?? '', 'http://x');
      if (isThere) stranger(request, response);
      else send(response, FakeOracle.answers(match, attested)[pathname]);
    });
    await assert.rejects(client(url).wait('match', { timeoutMs: 40 }), (error) => {
      assert.ok(error instanceof TransportError, `${name}: ${error}`);
      if (error.code !== 'unreachable') assert.equal(error.code, 'foreign', `${name}: ${error}`);
      assert.match(error.message, /^announcement: (what answered is not the oracle|the answer is cut off|the server cannot be reached)/);
      return true;
    });
    const waiting = client(url).wait('match', { timeoutMs: 60_000 });
    setTimeout(() => (isThere = false), 30);
    assert.equal((await waiting).outcome.text, 'draw', name);
  }
});

test('a refusal of something else is told with its status, and asked again', async (t) => {
  const { url, requests } = await serve(t, (_, response) => response.writeHead(403).end('<html>no</html>'));
  await assert.rejects(client(url, { retries: 1 }).event('match'), (error) => error instanceof TransportError && error.status === 403);
  assert.equal(requests.length, 2);
});

test('what floods in place of the oracle is waited out too', async (t) => {
  let isThere = true;
  const { url } = await serve(t, (request, response) => {
    const { pathname } = new URL(request.url ?? '', 'http://x');
    send(response, isThere ? new Uint8Array(5000) : FakeOracle.answers(match, attested)[pathname]);
  });
  const small = () => client(url, { maxBytes: 2000 });
  await assert.rejects(small().wait('match', { timeoutMs: 30 }), TooLargeError);
  const waiting = small().wait('match', { timeoutMs: 60_000 });
  setTimeout(() => (isThere = false), 30);
  assert.equal((await waiting).outcome.text, 'draw');
});

test('an event that is announced later is waited for', async (t) => {
  const answers = FakeOracle.answers(match, attested);
  let asked = 0;
  const { url } = await serve(t, (request, response) => {
    asked += 1;
    if (asked < 4) problem(response, 404, 'not-announced', { 'retry-after': '0' });
    else send(response, answers[new URL(request.url ?? '', 'http://x').pathname]);
  });
  assert.equal((await client(url).wait('match')).outcome.text, 'draw');
});

test('a busy or broken server is asked again, so often and no oftener', async (t) => {
  const answers = FakeOracle.answers(match);
  const { url, requests } = await serve(t, (request, response, nth) => {
    if (nth === 1) problem(response, 503, 'unavailable', { 'retry-after': '0' });
    else if (nth === 2) request.socket.destroy();
    else if (nth === 3) problem(response, 429, 'rate-limited', { 'retry-after': '99999' });
    else send(response, Object.values(answers)[0]);
  });
  await client(url).announcement('match');
  assert.equal(requests.length, 4);

  const dead = await serve(t, (_, response) => problem(response, 500, 'internal'));
  await assert.rejects(client(dead.url, { retries: 2 }).event('match'), ProblemError);
  assert.equal(dead.requests.length, 3);
});

test('what will not change is not asked for again', async (t) => {
  const { url, requests } = await serve(t, (_, response) => problem(response, 404, 'unknown-event'));
  await assert.rejects(client(url).announcement('match'), UnknownEventError);
  assert.equal(requests.length, 1);
});

test('a server that never answers, or trickles for ever, runs into the time limit', async (t) => {
  const mute = await serve(t, () => {});
  await assert.rejects(
    client(mute.url, { timeoutMs: 50, retries: 0 }).announcement('match'),
    (error) => error instanceof TransportError && error.code === 'timeout',
  );
  const trickling = await serve(t, (_, response) => {
    response.writeHead(200, { 'content-type': 'application/octet-stream' });
    const timer = setInterval(() => response.write('.'), 5);
    response.on('close', () => clearInterval(timer));
  });
  await assert.rejects(
    client(trickling.url, { timeoutMs: 100, retries: 0 }).announcement('match'),
    (error) => error instanceof TransportError && error.code === 'timeout',
  );
});

test('an answer beyond the limit is cut off, whatever its length claims', async (t) => {
  const { url } = await serve(t, (request, response) => {
    // No end and no content-length: only counting helps.
    const isTlv = request.url?.startsWith('/v1/announcements');
    response.writeHead(200, { 'content-type': isTlv ? 'application/octet-stream' : 'application/json' });
    const chunk = Buffer.alloc(64 * 1024);
    const more = () => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  });
  await assert.rejects(client(url).announcement('match'), TooLargeError);
  await assert.rejects(client(url).events(), TooLargeError);
});

test('an abort ends a request, a pause and a wait by its reason', async (t) => {
  const { url } = await serve(t, (_, response) => problem(response, 503, 'unavailable', { 'retry-after': '9' }));
  const mute = await serve(t, () => {});
  const reason = new Error('enough');
  const patient = { firstBackoffMs: 60_000, maxBackoffMs: 60_000 };
  for (const call of [
    (/** @type {AbortSignal} */ signal) => client(mute.url).announcement('match', { signal }),
    (/** @type {AbortSignal} */ signal) => client(url, patient).announcement('match', { signal }),
    (/** @type {AbortSignal} */ signal) => client(url, patient).wait('match', { signal }),
    (/** @type {AbortSignal} */ signal) => client(mute.url).stream({ signal }).next(),
  ]) {
    const controller = new AbortController();
    const called = call(controller.signal);
    setTimeout(() => controller.abort(reason), 30);
    await assert.rejects(called, reason);
    await assert.rejects(call(AbortSignal.abort(reason)), reason);
  }
});

test('waiting long-polls through not-yet and outages until the attestation is there', async (t) => {
  const answers = FakeOracle.answers(match, attested);
  /** @type {string[]} */
  const polls = [];
  const { url } = await serve(t, (request, response) => {
    const { pathname, search } = new URL(request.url ?? '', 'http://x');
    if (!pathname.startsWith('/v1/attestations')) return send(response, answers[pathname]);
    polls.push(search);
    if (polls.length === 1) return problem(response, 404, 'not-attested', { 'retry-after': '0' });
    if (polls.length === 2) return request.socket.destroy();
    return send(response, answers[pathname]);
  });
  const { outcome } = await client(url).wait('match', { timeoutMs: 5_900 });
  assert.equal(outcome.text, 'draw');
  assert.equal(polls[0], '?format=tlv&wait=5');
  assert.equal(polls.length, 3);
});

test('waiting ends at once where it is pointless, and with the obstacle at the end of its time', async (t) => {
  const answers = FakeOracle.answers(match);
  let slug = 'refunded';
  const { url } = await serve(t, (request, response) => {
    const answer = answers[new URL(request.url ?? '', 'http://x').pathname];
    if (answer) send(response, answer);
    else problem(response, slug === 'refunded' ? 410 : 404, slug);
  });
  await assert.rejects(client(url).wait('match'), NeverError);
  await assert.rejects(client(url).wait('other'), NeverError);
  slug = 'not-attested';
  await assert.rejects(client(url).wait('match', { timeoutMs: 60 }), NotYetError);
  slug = 'unknown-event';
  await assert.rejects(client(url).wait('match'), UnknownEventError);
});

test('a policy is the one whose hash the contract, or else the event, names', async (t) => {
  const text = canonicalJson({ rule: { kind: 'threshold' }, give_up_after_s: 1 });
  const hash = sha256Hex(new TextEncoder().encode(text));
  /** @type {Record<string, Uint8Array | object | string>} */
  const answers = {
    '/v1/events/e': { ...EVENT, event_id: 'e', policy_hash: hash },
    '/v1/events/e/policy': text,
  };
  const { url } = await serveAnswers(t, answers);
  assert.deepEqual((await client(url).policy('e')).document, JSON.parse(text));
  assert.equal((await client(url).policy('e', { expectedHash: hash.toUpperCase() })).hash, hash);
  await assert.rejects(client(url).policy('e', { expectedHash: '00'.repeat(32) }), HashError);
  answers['/v1/events/e/policy'] = `${text} `;
  await assert.rejects(client(url).policy('e'), HashError);
});

test('half a character is no text of a policy', () => {
  assert.deepEqual(readPolicy('{"\u{1f600}":"\u{1f600}"}').document, { '\u{1f600}': '\u{1f600}' });
  for (const text of ['"\\ud800"', '["\\udc00"]', '{"\\ud800":1}', '{"a":"\\ud83dx"}']) {
    assert.throws(() => readPolicy(text), MalformedError, text);
  }
});

test('recorded evidence is what its hash says', async (t) => {
  const body = new TextEncoder().encode('{"price":"1"}');
  const hash = sha256Hex(body);
  const wrong = '11'.repeat(32);
  const { url } = await serveAnswers(t, {
    '/v1/events/e/evidence': { observations: [{ source: 'a', verdict: 'observation', literal: '1', sha256: hash }] },
    [`/v1/evidence/${hash}`]: body,
    [`/v1/evidence/${wrong}`]: body,
  });
  const { observations, manifest_sha256 } = await client(url).evidence('e');
  assert.equal(manifest_sha256, null);
  assert.deepEqual(await client(url).evidenceBody(observations[0]?.sha256 ?? ''), body);
  await assert.rejects(client(url).evidenceBody(wrong), HashError);
});

test('events come page by page until there is no cursor', async (t) => {
  const event = { ...EVENT, more: 1 };
  const { url, requests } = await serve(t, (request, response) => {
    const last = request.url?.includes('cursor=next');
    const events = [{ ...event, event_id: last ? 'b' : 'a' }];
    send(response, { events, next_cursor: last ? null : 'next' });
  });
  const ids = [];
  for await (const { event_id } of client(url).allEvents({ state: 'announced', q: 'a&b' })) ids.push(event_id);
  assert.deepEqual(ids, ['a', 'b']);
  assert.equal(requests[0]?.url, '/v1/events?state=announced&q=a%26b');
});

test('pages without events that never end are refused', async (t) => {
  const { url, requests } = await serve(t, (_, response, nth) => send(response, { events: [], next_cursor: nth < 50 ? String(nth) : null }));
  await assert.rejects(client(url).allEvents().next(), MalformedError);
  assert.equal(requests.length, 1);
});

test('JSON of another shape than documented is refused by name', async (t) => {
  for (const answer of ['null', '[]', '{}', '{"event_id":1}', '{"event_id":"e","kind":"k","state":"s","maturity":"m","announce_at":"a","attest_by":"b","policy_hash":"c","reason":1}']) {
    const { url } = await serve(t, (_, response) => send(response, answer));
    await assert.rejects(client(url).event('e'), MalformedError, answer);
    await assert.rejects(client(url, { retries: 0 }).oracle(), (error) => error instanceof TransportError && error.code === 'foreign', answer);
    await assert.rejects(client(url).events(), MalformedError, answer);
    await assert.rejects(client(url).evidence('e'), MalformedError, answer);
  }
  const { url } = await serveAnswers(t, { '/v1/oracle': { ...INFO, dialect: 'legacy' } });
  await assert.rejects(client(url).oracle(), MalformedError);
  const { url: half } = await serveAnswers(t, { '/v1/oracle': { dialect: 'tagged' } });
  await assert.rejects(client(half).oracle(), MalformedError);
});

test('an id cannot leave its place in the address', async (t) => {
  const { url, requests } = await serveAnswers(t, {});
  for (const id of ['..', '.', '', '\ud800', 'e\u0301']) {
    await assert.rejects(client(url).announcement(id), ArgumentError, JSON.stringify(id));
  }
  await assert.rejects(client(url).announcement('../oracle?x=1#y'), UnknownEventError);
  assert.deepEqual(requests.map((request) => request.url), ['/v1/announcements/..%2Foracle%3Fx%3D1%23y?format=tlv']);
});

