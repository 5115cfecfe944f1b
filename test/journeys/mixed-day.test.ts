import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { AssetView } from '../../shared/api/assets.ts';
import type { TransactionView } from '../../shared/api/transactions.ts';
import { Workflow } from '../../shared/domain/workflow.ts';
import { caughtUp } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem } from '../support/parcel.ts';
import { doorOf, type People, peopleAt } from '../support/people.ts';
import { eventually, newBank, newTenant, ordinaryDoors, type Tenant } from '../support/stack.ts';

/*
 * One bank, every workflow, and a network that comes and goes. CI is content with 6 transactions; all 300 run with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/mixed-day.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const count = full ? 300 : 6;
const atOnce = 4;
const patience = 90_000;

/** What the people of each workflow do, from the first request to the end. */
const stories = {
  sale: async (people: People) => {
    const sale = await people.begin('sale', { payment: { amountMinor: 990, currency: 'CHF' } });
    await people.act(sale, 'confirm-payment');
    return handedOver(people, sale);
  },
  release: async (people: People) => {
    const release = await people.begin('release', { conditions: ['identity'] });
    await people.act(release, 'confirm', { condition: 'identity' });
    return handedOver(people, release);
  },
  parcel: async (people: People) => handedOver(people, await people.begin('parcel')),
  return: async (people: People) => handedOver(people, await people.begin('return')),
  loan: async (people: People, assetId: string) => {
    const loan = await people.begin('loan', { assetId, items: [] });
    await people.atBank(loan, patience);
    await people.takeOut(loan);
    await people.putIn(loan);
    return people.becomes(loan, 'completed', patience);
  },
  rental: async (people: People) => {
    const rental = await people.begin('rental');
    await people.atBank(rental, patience);
    await people.use(rental, 'filled');
    await people.use(rental, 'empty');
    await people.becomes(rental, 'in_use', patience);
    // The renter ends it once what the sensor saw last is known.
    return eventually(() => people.act(rental, 'complete', { reason: 'done' }), { within: patience });
  },
} as const satisfies Record<Workflow, (people: People, assetId: string) => Promise<TransactionView>>;

const handedOver = async (people: People, it: TransactionView): Promise<TransactionView> => {
  await people.atBank(it, patience);
  await people.putIn(it);
  await people.takeOut(it);
  return people.becomes(it, 'completed', patience);
};

/** An asset that staff have put into its door. */
const placedAsset = async (tenant: Tenant, bank: Awaited<ReturnType<typeof newBank>>, nth: number): Promise<string> => {
  const { id, door } = await tenant.api.post(
    '/v1/assets',
    { bankId: bank.id, name: `Drill ${nth}`, item: anItem },
    AssetView,
  );
  await tenant.api.post('/v1/commands', { bankId: bank.id, door, reason: 'put it in' }, z.object({ id: z.string() }));
  await eventually(async () => expect((await bank.panel.state()).doors[door]?.door).toBe('open'));
  await bank.panel.fill(door);
  await eventually(async () => expect((await tenant.api.get(`/v1/assets/${id}`, AssetView)).state).toBe('home'));
  return id;
};

describe(`a day of ${count} transactions at one bank of 24 doors`, { timeout: full ? 1_800_000 : 300_000 }, () => {
  it('carries all six workflows through losses, repetitions and outages, and everything adds up', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: ordinaryDoors(24) });
    const people = peopleAt(tenant, bank);
    // One for each who may borrow at a time.
    const assets: string[] = [];
    for (let nth = 0; nth < atOnce; nth += 1) assets.push(await placedAsset(tenant, bank, nth));

    const workflows = Workflow.options;
    const waiting = Array.from({ length: count }, (_, nth) => workflows[nth % workflows.length] ?? 'parcel');
    const ended: TransactionView[] = [];
    const work = async (asset: string): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        ended.push(await stories[next](people, asset));
    };
    let over = false;
    /**
     * TCP loses nothing but with its connection: one that has lost something breaks in the end. Until then a bank that missed
     * a delta, and hears of no other change, does not know what it lacks.
     */
    const reach = async (wanted: number): Promise<void> => {
      while (!over && ended.length < wanted) {
        const before = ended.length;
        const goesOn = () => expect(over || ended.length > before).toBe(true);
        await eventually(goesOn, { within: 15_000 }).catch(async () => {
          await bank.panel.link({ online: false });
          await bank.panel.link({ online: true });
        });
      }
    };
    /** Every few transactions the network turns worse or better; twice it is gone. */
    const weather = async (): Promise<void> => {
      const turns = [
        { drop: 0.2, duplicate: 0.3, delayMs: 200 },
        { online: false },
        { drop: 0, duplicate: 1, delayMs: 0 },
        { drop: 0.3, duplicate: 0, delayMs: 500 },
        { online: false },
        { drop: 0, duplicate: 0, delayMs: 0 },
      ];
      for (const [nth, turn] of turns.entries()) {
        const from = Math.floor((count * (nth + 1)) / (turns.length + 1));
        await reach(from);
        await bank.panel.link(turn);
        if (turn.online !== false) continue;
        // Until something was done that it could not tell, or all wait for what it cannot learn.
        await eventually(async () => expect((await bank.panel.state()).journal.unacknowledged).toBeGreaterThan(5), {
          within: 4_000,
        }).catch(() => undefined);
        await bank.panel.link({ online: true });
      }
      await reach(count);
    };
    await Promise.all([...assets.map(work), weather()]).finally(() => {
      over = true;
    });
    await bank.panel.link({ online: true, drop: 0, duplicate: 0, delayMs: 0 });
    await caughtUp(bank);

    expect(ended).toHaveLength(count);
    expect(ended.map(({ state }) => state)).toEqual(ended.map(() => 'completed'));
    expect(new Set(ended.map(({ workflow }) => workflow))).toEqual(new Set(workflows));
    expect(new Set(ended.filter(({ workflow }) => workflow !== 'loan').map(doorOf)).size).toBeGreaterThan(1);
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});
