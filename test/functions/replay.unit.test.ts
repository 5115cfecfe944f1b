import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as contract from '#shared/api/assignment-policies.ts';
import { assign } from '#shared/domain/assignment.ts';
import { type AssignmentRules, defaultPolicy } from '#shared/domain/assignment-policy.ts';
import { changed, newCompartment } from '#shared/domain/compartment.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { seenCompartments, seenText } from '#shared/domain/seen.ts';
import { epochMs } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import type { Table } from '#shared/store/table.ts';
import { assignmentPolicyHandlers } from '../../functions/http/assignment-policies.ts';
import { anItem, bankOf, doorOf, hours, startedAt } from '../domain/cloud-and-bank.ts';
import { bankWithLine, doors } from '../support/waiting-table.ts';

const { id: _, ...rules } = defaultPolicy;

const replayed = async (table: Table, body: Record<string, unknown>, tenant = 'ten_1') => {
  const handlers = assignmentPolicyHandlers({
    table,
    rootKeys: async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} }),
    newId,
    clock: () => epochMs(startedAt),
  });
  const handler = handlers[contract.replayAssignments.id];
  const asked = contract.replayAssignments.body().parse(body);
  return contract.AssignmentReplay.parse(
    (await handler?.({ body: asked, caller: { tenant, mode: 'live' } } as never))?.body,
  );
};

describe('what another policy would have chosen', () => {
  const layout = [
    doorOf('1', { heightMm: 200, bottomMm: 1_600 }),
    doorOf('2', { bottomMm: 900 }),
    doorOf('3', { heightMm: 600, bottomMm: 900 }),
  ];
  const easy: AssignmentRules = { ...rules, criteria: [{ by: 'height', step: 300 }] };

  it('is told from what was free then, not from what is free now', async () => {
    const bank = await bankWithLine(bankOf(layout));
    const first = await bank.create();
    const second = await bank.create();
    expect([first.door, second.door]).toEqual(['1', '2']);
    await bank.cancel(first.id);
    const { policy, data, unknown } = await replayed(bank.table, {
      transactionIds: [first.id, second.id, 'txn_none'],
      rules: easy,
    });
    expect({ policy, unknown }).toEqual({ policy: 'the rules asked about', unknown: ['txn_none'] });
    expect(data).toMatchObject([
      {
        transactionId: first.id,
        chosen: { door: '1', policy: 'best-fit/1' },
        wouldBe: { candidates: 3 },
        differs: true,
      },
      { transactionId: second.id, chosen: { door: '2', candidates: 2 }, wouldBe: { candidates: 2 } },
    ]);
    expect(['2', '3']).toContain(data[0]?.wouldBe.door);
  });

  it('may be nothing', async () => {
    const bank = await bankWithLine(bankOf(layout));
    await bank.create();
    const { id } = await bank.create();
    const { data } = await replayed(bank.table, { transactionIds: [id], rules: { ...rules, takeLarger: false } });
    expect(data).toMatchObject([{ wouldBe: { door: null, refusal: 'no_fitting_compartment' }, differs: true }]);
  });

  it('is told of one who waited as well, from when they were served', async () => {
    const bank = await bankWithLine(doors(1));
    const { id: holder } = await bank.create();
    const { id } = await bank.create({ waitUntil: hours(4) });
    expect((await replayed(bank.table, { transactionIds: [id], version: 1 })).unknown).toEqual([id]);
    await bank.cancel(holder);
    bank.at(hours(1));
    await bank.serve();
    const { data } = await replayed(bank.table, { transactionIds: [id], version: 1 });
    expect(data).toMatchObject([{ decidedAt: hours(1), chosen: { door: '1' }, differs: false }]);
  });

  it('is not told of transactions of others', async () => {
    const bank = await bankWithLine(doors(1));
    const { id } = await bank.create();
    expect(await replayed(bank.table, { transactionIds: [id], version: 1 }, 'ten_2')).toMatchObject({
      data: [],
      unknown: [id],
    });
  });

  it.each([{}, { version: 1, rules }])('is asked of one policy, not of %j', (more) => {
    expect(contract.replayAssignments.body().safeParse({ transactionIds: ['txn_1'], ...more }).success).toBe(false);
  });
});

describe('what a decision saw', () => {
  it('is enough to come to the same by the same policy', () => {
    const door = fc.record({
      heightMm: fc.constantFrom(100, 200, 300, 400),
      bottomMm: fc.constantFrom(100, 900, 1_701),
      free: fc.boolean(),
      wear: fc.integer({ min: 0, max: 17_999 }),
    });
    fc.assert(
      fc.property(fc.array(door, { minLength: 1, maxLength: 120 }), fc.ulid(), (all, id) => {
        const layout = all.map(({ heightMm, bottomMm }, nth) => doorOf(String(nth + 1), { heightMm, bottomMm }));
        const compartments = all.map(({ free, wear }, nth) =>
          changed(newCompartment(String(nth + 1)), { wear, ...(!free && { heldBy: 'txn_2' }) }, false),
        );
        const choose = (seen: typeof compartments) => {
          const found = assign([anItem], id, bankOf(layout), seen, startedAt);
          return { ...found, doors: found.doors.map((it) => it.door) };
        };
        const text = seenText(layout, compartments, startedAt);
        expect(text).toHaveLength(layout.length);
        expect(choose(seenCompartments(layout, text))).toEqual(choose(compartments));
      }),
    );
  });
});
