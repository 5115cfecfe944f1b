import { describe, expect, it } from 'vitest';
import { envelopesOf, hashOf, hiddenAlways, personalHash } from '#shared/domain/chain.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { cancel, create, extend, hold, liftHold } from '#shared/domain/lifecycle.ts';
import { subjects } from '#shared/domain/subjects.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { catalogue, isEventType } from '../../events/catalogue.ts';
import { Envelope, firstPrevHash } from '../../events/envelope.ts';
import { Cloud, chosen, doorOf, freshFor, hours, Journal, minutes, parcelInput, startedAt } from './cloud-and-bank.ts';

/** A parcel that lived through a good deal. */
const lived = () => {
  const cloud = new Cloud([doorOf('1')]);
  const journal = new Journal();
  cloud.reserve('txn_1', { recipient: { name: 'Ada Example', phone: '+41790000001' }, salt: 'a salt' });
  cloud.decide('txn_1', (it, _at, _fresh, now) => extend(it, { reserveUntil: hours(30) }, now));
  cloud.learn(journal.opened('deposit', 'txn_1', '1', minutes(2)), journal.deposited('txn_1', '1', minutes(3)));
  cloud.decide('txn_1', (it) => hold(it, 'customs'));
  cloud.decide('txn_1', liftHold);
  cloud.decide('txn_1', (it, at, fresh, now) => cancel(it, at, 'by_caller', fresh, now));
  cloud.learn(journal.recalled('txn_1', '1', minutes(6)));
  return cloud;
};

describe('the events of a subject', () => {
  const cloud = lived();
  const { events } = cloud;
  const current = cloud.transaction('txn_1');

  it('are numbered from 1 without a gap, each an envelope with the data of its type', () => {
    expect(events.map((it) => it.sequence)).toEqual(events.map((_, nth) => nth + 1));
    for (const it of events) {
      expect(Envelope.safeParse(it).error).toBeUndefined();
      expect(isEventType(it.type) ? catalogue[it.type].safeParse(it.data).error : it.type).toBeUndefined();
    }
  });

  it('are a chain: each names the hash of the one before, and its own is of all it says', () => {
    let prevHash = firstPrevHash;
    for (const { hash, ...unsigned } of events) {
      expect(unsigned.prevHash).toBe(prevHash);
      expect(hashOf(unsigned)).toBe(hash);
      prevHash = hash;
    }
    expect(current).toMatchObject({ hash: prevHash, version: events.length });
  });

  it('cannot be changed, left out or put in another order without it showing', () => {
    const [first, second, third] = events;
    if (!first || !second || !third) throw new Error('it lived through more than that');
    const intact = (chain: Envelope[]) =>
      chain.every(
        ({ hash, ...rest }, nth) => hashOf(rest) === hash && rest.prevHash === (chain[nth - 1]?.hash ?? firstPrevHash),
      );
    expect(intact([first, second, third])).toBe(true);
    expect(intact([first, third])).toBe(false);
    expect(intact([second, first, third])).toBe(false);
    expect(intact([first, { ...second, occurredAt: startedAt, actor: { type: 'staff', id: 'x' } }, third])).toBe(false);
    expect(intact([first, { ...second, data: { ...second.data, door: '9' } }, third])).toBe(false);
  });

  it('tell the whole subject when their changes are laid one over the other', () => {
    const { personalHash: _, ...told }: Record<string, unknown> = Object.assign(
      {},
      ...events.map((it) => it.data.changes),
    );
    const hidden: readonly string[] = [...hiddenAlways, ...subjects.transaction.hidden];
    const shown = Object.fromEntries(Object.entries(current).filter(([name]) => !hidden.includes(name)));
    expect(told).toEqual(JSON.parse(JSON.stringify(shown)));
  });

  it('say of people only what can be checked as long as we know them', () => {
    const text = JSON.stringify(events);
    for (const personal of ['Ada', '+41790000001', 'a salt']) expect(text).not.toContain(personal);
    const { salt, recipient, parties } = current;
    expect(events[0]?.data.changes).toMatchObject({ personalHash: personalHash(salt, { recipient, parties }) });
    expect(personalHash('another salt', { recipient, parties })).not.toBe(personalHash(salt, { recipient, parties }));
  });

  it('never say a PIN, nor what it could be compared with', () => {
    const names = new Set<string>();
    JSON.stringify(events, (name, value: unknown) => {
      names.add(name);
      return value;
    });
    for (const secret of ['value', 'verifier', 'pin', 'secret']) expect(names.has(secret)).toBe(false);
  });

  it('of a later commit go on where the last one ended', () => {
    const kind = subjects.transaction;
    const circumstances = { actor: { type: 'system' as const, id: 's' }, now: startedAt, newEventId: () => 'evt_1' };
    const born = create(parcelInput('txn_1'), newCompartment('1'), 6, chosen, freshFor('txn_1'), startedAt);
    const first = envelopesOf(kind, born.transaction, circumstances);
    const saved: Transaction = { ...born.transaction.after, hash: first.at(-1)?.hash ?? '' };
    const [next] = envelopesOf(kind, hold(saved, 'customs').transaction, circumstances);
    expect(next).toMatchObject({ sequence: 3, prevHash: first[1]?.hash });
  });
});

describe('a hash', () => {
  it('is the same for the same values, in whatever order they are written', () => {
    expect(hashOf({ a: 1, b: { c: [1, 2], d: null } })).toBe(hashOf({ b: { d: null, c: [1, 2] }, a: 1 }));
    expect(hashOf({ a: 1, b: undefined })).toBe(hashOf({ a: 1 }));
    expect(hashOf({ a: [1, 2] })).not.toBe(hashOf({ a: [2, 1] }));
  });

  it('is that of RFC 8785, so that others can check it', () => {
    // sha256 of {"a":"€","b":1}
    expect(hashOf({ b: 1.0, a: '\u20ac' })).toBe('2c6fbbec1f6bfa5ea5d93187c7f6960ae2fbc3f05c442ebb923b9a6777b85c76');
  });
});
