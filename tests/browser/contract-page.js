/**
 * The script of a small page that bets with itself: two parties take the oracle's next
 * yes-or-no event, make a contract on it and settle it by what the oracle says. It knows
 * nothing but the published package and the oracle's address.
 *
 * @module
 */
// @ts-nocheck: what it imports is installed by the test
import { OracleClient } from 'peercoin-oracle-client';
import { COIN, Contract, Party, joinFunding } from 'peercoin-oracle-client/contract';

const asked = new URLSearchParams(location.search);
const client = new OracleClient(asked.get('oracle'), { identity: asked.get('identity') });
/** Seconds before the maturity at which the funding is signed at the latest. */
const MARGIN = 3;

/** A line of the page. */
function say(id, text) {
  const line = document.createElement('pre');
  line.id = id;
  line.textContent = text;
  document.body.append(line);
}

/** The next event of this kind that leaves time to agree on. */
async function nextEvent() {
  for (;;) {
    for await (const event of client.allEvents({ state: 'announced', kind: 'threshold' })) {
      if (Date.parse(event.maturity) > Date.now() + 1000 * (MARGIN + 5)) return event;
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
}

/** Everything that a chain would be given. */
async function bet() {
  const event = await nextEvent();
  const announcement = await client.announcement(event.event_id);
  say('event', event.title);
  const parties = [new Party(), new Party()];
  const stakes = [5n * COIN, 20n * COIN];
  const coins = parties.map((party, i) => ({ txid: `a${i}`.repeat(32), index: 0, amount: stakes[i] + COIN, script: party.script }));
  const offers = parties.map((party, i) => party.offer(coins[i]));
  const payouts = [{ when: { outcome: 'above' }, first: 25n * COIN }, { when: { outcome: 'not_above' }, first: 0n }];
  // Each computes and checks for itself what the other sends.
  const contracts = parties.map(() => new Contract({ announcement, attestBy: event.attest_by, stakes, payouts }, offers));
  const negotiating = parties.map((party, i) => party.negotiate(contracts[i], coins[i]));
  const signing = negotiating.map((one, i) => one.sign(negotiating[1 - i].nonces));
  const holders = signing.map((one, i) => one.check(signing[1 - i].halves));
  const time = { now: new Date(), margin: MARGIN };
  say('funding', joinFunding(contracts[0], holders.map((holder) => holder.signFunding(time))));
  say('refund', holders[0].refund);
  const { attestation, outcome } = await client.wait(event.event_id, { timeoutMs: 120_000 });
  const { transaction, index, signature } = holders[0].complete(attestation);
  say('secret', holders[1].extract(index, signature).point.compressed === contracts[1].cets[index].point.compressed ? 'learnt' : 'not learnt');
  say('settlement', transaction);
  say('outcome', outcome.text);
}

bet().catch((error) => say('outcome', `failed: ${error.stack}`));
