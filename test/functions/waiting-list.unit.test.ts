import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TransactionView } from '#shared/api/transactions.ts';
import type { Instant } from '#shared/domain/time.ts';
import type { Table } from '#shared/store/table.ts';
import { anItem, bankOf, doorOf, hours } from '../domain/cloud-and-bank.ts';
import { inTurns } from '../support/turns.ts';
import { bankWithLine, doors } from '../support/waiting-table.ts';

const waitUntil = hours(4);
const large = { items: [{ ...anItem, lengthMm: 500, widthMm: 400, heightMm: 400 }] };

const fullBank = async (count = 1) => {
  const bank = await bankWithLine(doors(count));
  const holders: TransactionView[] = [];
  for (let nth = 0; nth < count; nth += 1) holders.push(await bank.create());
  return { bank, holders, first: holders[0]?.id ?? '' };
};

describe('a request at a full bank', () => {
  it('waits if it says until when: it has no door, nobody may open anything, and its time has not begun', async () => {
    const { bank } = await fullBank();
    const waits = await bank.create({ waitUntil });
    expect(waits).toMatchObject({ state: 'created', door: null, credentials: [], waiting: { until: waitUntil } });
    expect(bank.line()).toEqual([waits.id]);
  });

  it('does not wait if its system had cancelled it before it told of it', async () => {
    const { bank } = await fullBank();
    await bank.cancelAhead('shop', 'A-1');
    const made = await bank.create({ waitUntil, externalIds: { shop: 'A-1' } });
    expect(made).toMatchObject({ state: 'cancelled', cancelReason: 'by_caller', door: null, credentials: [] });
    expect(made).not.toHaveProperty('waiting');
    expect(bank.line()).toEqual([]);
  });

  it('is served when an event says that a door of its bank may be free, and not by one of goods that had none', async () => {
    const { bank, first } = await fullBank();
    const { id } = await bank.create({ waitUntil });
    await bank.cancel(first);
    await bank.hears(null);
    expect(bank.line()).toEqual([id]);
    await bank.hears();
    expect(bank.line()).toEqual([]);
    expect(await bank.read(id)).toMatchObject({ state: 'reserved', door: '1' });
  });

  it('is refused if it does not', async () => {
    const { bank } = await fullBank();
    await expect(bank.create()).rejects.toMatchObject({ reason: 'bank_full' });
  });

  it('does not wait for what will never be', async () => {
    const { bank } = await fullBank();
    const tooLarge = { items: [{ ...anItem, heightMm: 900 }], waitUntil };
    await expect(bank.create(tooLarge)).rejects.toMatchObject({ reason: 'dimensions_exceeded' });
  });

  it.each<[string, Record<string, unknown>]>([
    ['lies in the past', { waitUntil: '2026-03-01T11:00:00Z' }],
    ['must come before reserveUntil', { waitUntil, deadlines: { reserveUntil: hours(3) } }],
  ])('cannot wait until a time that %s', async (detail, more) => {
    const { bank } = await fullBank();
    const refused = { code: 'invalid_request', errors: [{ pointer: '/waitUntil', detail }] };
    await expect(bank.create(more)).rejects.toMatchObject(refused);
  });

  it('is told beforehand what would happen, by one call that books nothing', async () => {
    const { bank } = await fullBank();
    await bank.create({ waitUntil });
    const rows = bank.rows();
    bank.table.calls.length = 0;
    expect(await bank.check({ waitUntil })).toMatchObject({ outcome: 'waitlisted', refusal: 'bank_full', ahead: 1 });
    expect(bank.table.calls).toEqual(['query']);
    expect(await bank.check()).toMatchObject({
      outcome: 'refused',
      policy: 'best-fit/1',
      alternatives: [{ what: 'once_free', doors: ['1'] }],
    });
    expect(bank.rows()).toEqual(rows);
  });
});

describe('a compartment that frees', () => {
  it('goes to who waits first, once, with its deadlines counted from then', async () => {
    const { bank, first } = await fullBank();
    const head = await bank.create({ waitUntil });
    const next = await bank.create({ waitUntil });
    bank.at(hours(2));
    await bank.cancel(first);
    expect(await bank.serve()).toEqual({ served: 1, again: null });
    const served = await bank.read(head.id);
    expect(served).toMatchObject({ state: 'reserved', door: '1', waiting: null, version: 3 });
    expect(served.deadlines).toMatchObject({ reserveUntil: hours(26), depositBy: hours(50) });
    expect(served.credentials.map(({ step, state }) => [step, state])).toEqual([
      ['deposit', 'active'],
      ['pickup', 'issued'],
    ]);
    expect(served.assignment).toEqual({
      policy: 'best-fit/1',
      candidates: 1,
      reason: 'waited; the only one that fits',
    });
    expect(bank.line()).toEqual([next.id]);
    expect(await bank.serve()).toEqual({ served: 0, again: null });
  });

  it('gives as many credentials as were asked for when it began to wait', async () => {
    const { bank, first } = await fullBank();
    const methods = ['pin', 'qr', 'app'] as const;
    const head = await bank.create({ waitUntil, access: methods.map((method) => ({ step: 'pickup', method })) });
    await bank.cancel(first);
    await bank.serve();
    const served = await bank.read(head.id);
    expect(served.credentials.map(({ step, method }) => `${step} ${method}`)).toEqual([
      'deposit pin',
      ...methods.map((method) => `pickup ${method}`),
    ]);
  });

  it('is not told what is kept of the badge that it will open by', async () => {
    const { bank } = await fullBank();
    const head = await bank.create({ waitUntil, access: [{ step: 'pickup', method: 'badge', value: 'B-1234567' }] });
    expect(head.waiting).toEqual({ until: waitUntil, asked: expect.any(Object) });
    expect(JSON.stringify(head)).not.toMatch(/verifier|index|B-1234567/);
  });

  it('is not taken by one who comes later and does not wait', async () => {
    const { bank, first } = await fullBank();
    const head = await bank.create({ waitUntil });
    await bank.cancel(first);
    expect(await bank.check()).toMatchObject({ outcome: 'refused', refusal: 'bank_full' });
    await expect(bank.create()).rejects.toMatchObject({ reason: 'bank_full' });
    await bank.serve();
    expect(await bank.read(head.id)).toMatchObject({ state: 'reserved' });
  });

  it('goes to the first whom it fits', async () => {
    const bank = await bankWithLine(bankOf([doorOf('1'), doorOf('2', { heightMm: 600 })]));
    const small = await bank.create();
    await bank.create(large);
    const wantsLarge = await bank.create({ ...large, waitUntil });
    const wantsAny = await bank.create({ waitUntil });
    await bank.cancel(small.id);
    await bank.serve();
    expect(await bank.read(wantsAny.id)).toMatchObject({ state: 'reserved', door: '1' });
    expect(bank.line()).toEqual([wantsLarge.id]);
  });

  it('is looked at again when it is offered only later', async () => {
    const { bank, first } = await fullBank();
    await bank.create({ waitUntil });
    await bank.cancel(first);
    const row = bank.rows().find(({ SK }) => SK === 'D#1');
    const until = Date.parse(hours(1));
    if (row) await bank.table.write([{ kind: 'compartment', expects: 'anything', put: { ...row, until } }]);
    expect(await bank.serve()).toEqual({ served: 0, again: hours(1) });
    bank.at(hours(1));
    expect(await bank.serve()).toEqual({ served: 1, again: null });
  });
});

describe('one who waits', () => {
  it('can give up, and is in nobody’s way any more', async () => {
    const { bank, first } = await fullBank();
    const head = await bank.create({ waitUntil });
    expect(await bank.cancel(head.id)).toMatchObject({ state: 'cancelled', cancelReason: 'by_caller' });
    expect(bank.line()).toEqual([]);
    await bank.cancel(first);
    expect(await bank.create()).toMatchObject({ state: 'reserved' });
  });

  it('has waited long enough at their own time', async () => {
    const { bank } = await fullBank();
    const head = await bank.create({ waitUntil });
    bank.at(waitUntil);
    await bank.expire(head.id);
    expect(await bank.read(head.id)).toMatchObject({ state: 'expired', expiredStage: 'reservation' });
    expect(bank.line()).toEqual([]);
  });

  it('is found expired by who would serve them, and the door goes to the next', async () => {
    const { bank, first } = await fullBank();
    const head = await bank.create({ waitUntil: hours(1) });
    const next = await bank.create({ waitUntil });
    bank.at(hours(2));
    await bank.cancel(first);
    expect(await bank.serve()).toMatchObject({ served: 1 });
    expect(await bank.read(head.id)).toMatchObject({ state: 'expired' });
    expect(await bank.read(next.id)).toMatchObject({ state: 'reserved', door: '1' });
  });
});

describe('the sweep', () => {
  it('serves who was forgotten, and looks at those who go on waiting the next time', async () => {
    const { bank, first } = await fullBank();
    const head = await bank.create({ waitUntil });
    const next = await bank.create({ waitUntil });
    bank.at(hours(1));
    await bank.cancel(first);
    expect(await bank.sweep()).toMatchObject({ transactions: 1 });
    expect(await bank.read(head.id)).toMatchObject({ state: 'reserved', door: '1' });
    expect(await bank.sweep()).toMatchObject({ transactions: 0 });
    bank.at(hours(2));
    await bank.cancel(head.id);
    expect(await bank.sweep()).toMatchObject({ transactions: 1 });
    expect(await bank.read(next.id)).toMatchObject({ state: 'reserved', door: '1' });
    expect(bank.line()).toEqual([]);
  });
});

describe('in whatever order things happen at once', () => {
  const settles = async (
    frees: number,
    acts: (bank: Awaited<ReturnType<typeof bankWithLine>>, waiting: string[], table: Table) => Promise<unknown>[],
    s: fc.Scheduler,
    at: Instant,
  ) => {
    const { bank, holders } = await fullBank(2);
    const waiting: string[] = [];
    for (const until of [hours(1), hours(4), hours(4)]) waiting.push((await bank.create({ waitUntil: until })).id);
    bank.at(at);
    for (const { id } of holders.slice(0, frees)) await bank.cancel(id);
    const done = Promise.allSettled(acts(bank, waiting, inTurns(bank.table, s)));
    await s.waitFor(done);
    await bank.serve();
    const now = await Promise.all(waiting.map((id) => bank.read(id)));
    const reserved = now.filter(({ state }) => state === 'reserved');
    expect(new Set(reserved.map(({ door }) => door)).size).toBe(reserved.length);
    for (const { id, door, credentials } of reserved) {
      expect(bank.holders()).toContainEqual([door, id]);
      expect(credentials).toHaveLength(2);
    }
    expect(bank.line()).toEqual(now.filter(({ state }) => state === 'created').map(({ id }) => id));
    expect(bank.rows().filter(({ SK }) => SK.startsWith('P#'))).toHaveLength((reserved.length + 2 - frees) * 2);
    // Served once, if at all: created, waitlisted, reserved or given up or expired; given up may also come after reserved.
    for (const { state, version } of now)
      expect(version).toBeLessThanOrEqual(state === 'created' ? 2 : state === 'cancelled' ? 4 : 3);
    return { states: now.map(({ state }) => state), free: 2 - bank.holders().length };
  };

  it('two reactions serve two doors to two who wait', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const { states } = await settles(2, (it, _, table) => [it.serve(table), it.serve(table)], s, hours(0.5));
        expect(states).toEqual(['reserved', 'reserved', 'created']);
      }),
      { numRuns: 50 },
    ));

  it('the head gives up while they are served: the door is theirs no more, and the next one’s', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const acts = (it: Awaited<ReturnType<typeof bankWithLine>>, [head = '']: string[], table: Table) => [
          it.serve(table),
          it.cancel(head, table),
        ];
        const { states } = await settles(1, acts, s, hours(0.5));
        expect(states[0]).toBe('cancelled');
      }),
      { numRuns: 50 },
    ));

  it('the head’s time is over while they are served: nobody else loses by it', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const acts = (it: Awaited<ReturnType<typeof bankWithLine>>, [head = '']: string[], table: Table) => [
          it.serve(table),
          it.expire(head, table),
          it.serve(table),
        ];
        expect(await settles(1, acts, s, hours(1))).toEqual({ states: ['expired', 'reserved', 'created'], free: 0 });
      }),
      { numRuns: 50 },
    ));

  it('somebody who does not wait comes as well: who waits is served all the same', () =>
    fc.assert(
      fc.asyncProperty(fc.scheduler(), async (s) => {
        const acts = (it: Awaited<ReturnType<typeof bankWithLine>>, _: string[], table: Table) => [
          it.create({}, table),
          it.serve(table),
          it.serve(table),
        ];
        const { states, free } = await settles(2, acts, s, hours(0.5));
        expect(states).toEqual(['reserved', 'reserved', 'created']);
        expect(free).toBe(0);
      }),
      { numRuns: 50 },
    ));
});
