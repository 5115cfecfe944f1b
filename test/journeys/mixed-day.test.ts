import { describe, expect, it } from 'vitest';
import { latchwork } from '../../client/index.ts';
import { noFaults } from '../../device-sim/faults.ts';
import { readFaults } from '../../device-sim/scenario.ts';
import type { LinkChange } from '../../local/panel.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { StockUnitView } from '../../shared/api/stock-units.ts';
import type { TransactionView } from '../../shared/api/transactions.ts';
import { Workflow } from '../../shared/domain/workflow.ts';
import { placeAsset } from '../../traffic/ground.ts';
import { type People as Played, stories } from '../../traffic/stories.ts';
import { caughtUp } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { anItem } from '../support/parcel.ts';
import { doorOf, type People, peopleAt } from '../support/people.ts';
import { type Bank, eventually, newBank, newTenant, ordinaryDoors, stack, type Tenant } from '../support/stack.ts';

/*
 * One bank, every workflow, sales out of stock too, and a network that comes and goes. CI is content with 7 transactions; all 300 run with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/mixed-day.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const count = full ? 301 : 7;
const atOnce = 4;
const patience = 90_000;

/** As the simulator has them, with the patience that outages need. */
const played = (people: People): Played<TransactionView> => ({
  ...people,
  pay: (it) => people.act(it, 'confirm-payment'),
  confirmIdentity: (it) => people.act(it, 'confirm', { condition: 'identity' }),
  cancel: (it) => people.act(it, 'cancel'),
  recall: (it) => people.act(it, 'recall', { reason: 'nobody came for it' }),
  atBank: (it) => people.atBank(it, patience),
  becomes: (it, state) => people.becomes(it, state, patience),
  // The renter ends it once what the sensor saw last is known.
  complete: (it) => eventually(() => people.act(it, 'complete', { reason: 'done' }), { within: patience }),
});

/** Staff have a door opened. A bank that is not reached takes no command; they are told so, and ask again. */
const staffOpen = async (tenant: Tenant, bank: Bank, door: string): Promise<void> => {
  const { api } = tenant;
  const { id } = await api.post('/v1/commands', { bankId: bank.id, door, reason: 'stock' }, CommandView);
  const opened = await eventually(
    async () => {
      const { state } = await api.get(`/v1/commands/${id}`, CommandView);
      const isOpen = (await bank.panel.state()).doors[door]?.door === 'open';
      expect(isOpen || ['rejected', 'failed', 'timed_out'].includes(state)).toBe(true);
      return isOpen;
    },
    { what: `the door ${door} opens, or it is told why not`, within: patience },
  );
  if (!opened) await staffOpen(tenant, bank, door);
};

/** Staff put goods into a door before anybody wants them; then somebody buys them there. */
const saleOutOfStock = async (
  tenant: Tenant,
  bank: Bank,
  people: Played<TransactionView>,
): Promise<TransactionView> => {
  const { api } = tenant;
  const body = { sku: 'umbrella', item: anItem, bankId: bank.id };
  const unit = await api.post('/v1/stock-units', body, StockUnitView);
  const door = unit.door ?? '';
  await staffOpen(tenant, bank, door);
  await bank.panel.fill(door);
  const read = () => api.get(`/v1/stock-units/${unit.id}`, StockUnitView);
  await eventually(async () => expect((await read()).state).toBe('in_stock'), { within: patience });
  const sale = await peopleAt(tenant, bank).begin('sale', {
    stockUnitId: unit.id,
    items: [],
    payment: { amountMinor: 990, currency: 'CHF' },
  });
  await people.pay(sale);
  await people.atBank(sale);
  await people.takeOut(sale);
  const ended = await people.becomes(sale, 'completed');
  expect(await read()).toMatchObject({ state: 'sold', soldBy: sale.id });
  return ended;
};

describe(`a day of ${count} transactions at one bank of 24 doors`, { timeout: full ? 1_800_000 : 300_000 }, () => {
  it('carries all six workflows and the stock through losses, repetitions and outages, and everything adds up', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: ordinaryDoors(24) });
    const people = played(peopleAt(tenant, bank));
    const { episodes } = await readFaults('storm');
    const api = latchwork({ baseUrl: stack.apiUrl, apiKey: tenant.apiKey });
    // One for each who may borrow at a time.
    const assets: string[] = [];
    for (let nth = 0; nth < atOnce; nth += 1) {
      assets.push(await placeAsset({ api }, { id: bank.id, controlUrl: bank.controlUrl, hands: bank.panel }));
    }

    const workflows = Workflow.options;
    const kinds = [...workflows, 'stock'] as const;
    const waiting = Array.from({ length: count }, (_, nth) => kinds[nth % kinds.length] ?? 'parcel');
    const ended: TransactionView[] = [];
    const work = async (asset: string): Promise<void> => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
        ended.push(
          next === 'stock'
            ? await saleOutOfStock(tenant, bank, people)
            : await stories[next](people, 'completed', asset),
        );
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
      const bad = episodes.flatMap(({ link }) =>
        link ? [link.online === false ? link : { ...noFaults, ...link }] : [],
      );
      const turns: LinkChange[] = [...bad, { online: false }, noFaults];
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
