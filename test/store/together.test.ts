import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { firstPrevHash } from '../../events/envelope.ts';
import { deadlineConsumer } from '../../functions/queue/deadlines.ts';
import * as contract from '../../shared/api/transactions.ts';
import { type Instant, instant, plusSeconds } from '../../shared/domain/time.ts';
import { readBankWithDoors } from '../../shared/store/banks.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { keys, ranges } from '../../shared/store/rows.ts';
import type { Table } from '../../shared/store/table.ts';
import { startedAt } from '../domain/cloud-and-bank.ts';
import { type Deposited, ownBank, ownTable } from '../support/own-bank.ts';

/*
 * An API call, an event of the bank and a deadline that come in the same moment: each has read before any has written,
 * and the first writes are made in a given order, so that whoever is not the first has decided on what is true no more.
 */

const table = ownTable('together');

const parties = ['call', 'bank', 'deadline'] as const;
type Party = (typeof parties)[number];

const orders: Party[][] = parties.flatMap((first) =>
  parties
    .filter((it) => it !== first)
    .map((second) => [first, second, ...parties.filter((it) => it !== first && it !== second)]),
);

/** Views of the table, one for each party, whose first writes wait for all parties and are then made in this order. */
const lockstep = (order: readonly Party[]) => {
  const reached = new Map(order.map((party) => [party, Promise.withResolvers<void>()]));
  const done = new Map(order.map((party) => [party, Promise.withResolvers<void>()]));
  const lost: Party[] = [];
  const view = (party: Party): Table => {
    let first = true;
    return {
      ...table,
      write: async (writes) => {
        if (!first) return table.write(writes);
        first = false;
        reached.get(party)?.resolve();
        await Promise.all([...reached.values()].map((it) => it.promise));
        const before = order[order.indexOf(party) - 1];
        if (before !== undefined) await done.get(before)?.promise;
        try {
          await table.write(writes);
        } catch (error) {
          lost.push(party);
          throw error;
        } finally {
          done.get(party)?.resolve();
        }
      },
    };
  };
  /** Whoever needs no write keeps nobody waiting. */
  const over = (party: Party) => {
    reached.get(party)?.resolve();
    done.get(party)?.resolve();
  };
  return { view, over, lost };
};

type World = { now: Instant; own: ReturnType<typeof ownBank> };

const newWorld = async (): Promise<World> => {
  const world: World = { now: startedAt, own: ownBank(table, ['1'], () => world.now) };
  await world.own.begin();
  return world;
};

const reserve = async ({ own }: World): Promise<contract.TransactionView> => {
  const items = [{ lengthMm: 300, widthMm: 200, heightMm: 100, thermalClass: 'ambient' }];
  const body = { workflow: 'parcel', bankId: own.bank.id, items, recipient: {}, parties: {}, externalIds: {} };
  const made = await own.ask(contract.createTransaction, {}, { ...body, metadata: {}, deadlines: {} });
  if (typeof made === 'string') throw new Error(`it was not reserved: ${made}`);
  return made;
};

type Deeds = {
  /** When the deadline is: all three come a second later, and what the bank tells happened a second before. */
  due: string;
  call: { route: { id: string }; body: object };
  bank: { step: 'deposit' | 'pickup'; contents: 'filled' | 'empty' };
};

const Log = z.array(CommitRow);

const together = async (world: World, it: Deposited, order: readonly Party[], { due, call, bank }: Deeds) => {
  const { own } = world;
  const { view, over, lost } = lockstep(order);
  world.now = plusSeconds(instant(Date.parse(due)), -1);
  const told = await own.closing(it, bank.step, bank.contents);
  world.now = plusSeconds(world.now, 2);
  const deadline = deadlineConsumer({ ...own.depsWith(view('deadline')), schedules: { send: async () => undefined } });
  const doing = {
    call: () => own.ask(call.route, { transactionId: it.id }, call.body, view('call')),
    bank: () => own.hear(told, view('bank')),
    deadline: () => deadline({ kind: 'transaction', tenant: own.bank.tenant, id: it.id }),
  };
  const answers = await Promise.all(parties.map((party) => doing[party]().finally(() => over(party))));

  const { rows } = await table.query(ranges.events(keys.transaction(own.bank.tenant, it.id).PK), { consistent: true });
  const events = Log.parse(rows).flatMap((commit) => commit.events);
  const found = await readBankWithDoors(table, own.bank.tenant, own.bank.id, true);
  return { answer: answers[0], lost, events, read: await own.read(it), door: found?.compartments[0] };
};

/** Numbered without a gap and each hashed over the one before: no commit took the place of another. */
const nothingIsLost = ({ events, read }: Awaited<ReturnType<typeof together>>): void => {
  expect(events.map((it) => it.sequence)).toEqual(events.map((_, nth) => nth + 1));
  expect(events.map((it) => it.prevHash)).toEqual([firstPrevHash, ...events.slice(0, -1).map((it) => it.hash)]);
  expect(read.version).toBe(events.length);
};

const count = (events: readonly { type: string }[], type: string): number =>
  events.filter((it) => it.type === type).length;

describe.each(orders)('in the same moment, first %s, then %s, then %s:', (...order) => {
  it('a pickup counts, an extension that was promised is on record, and nobody is sent to clear the door twice', async () => {
    const world = await newWorld();
    const parcel = await reserve(world);
    await world.own.hear(await world.own.closing(parcel, 'deposit', 'filled'));
    const { deadlines } = await world.own.read(parcel);
    const due = deadlines.pickupBy ?? '';
    const pickupBy = plusSeconds(instant(Date.parse(due)), 86_400);
    const outcome = await together(world, parcel, order, {
      due,
      call: { route: contract.extendTransaction, body: { pickupBy } },
      bank: { step: 'pickup', contents: 'empty' },
    });

    nothingIsLost(outcome);
    const { answer, events, lost, read, door } = outcome;
    expect(lost.length).toBeGreaterThanOrEqual(1);
    expect(read.state).toBe('completed');
    expect(door).toMatchObject({ heldBy: null, availability: 'available', contents: 'empty' });
    expect(count(events, 'transaction.extended')).toBe(typeof answer === 'string' ? 0 : 1);
    if (typeof answer === 'string') expect(answer).toBe('invalid_transition');
    expect(count(events, 'transaction.recall_started')).toBeLessThanOrEqual(1);
    expect(read.credentials.filter((it) => it.state === 'active')).toEqual([]);
  });

  it('a deposit is in its door for staff to take out, whoever ended the reservation', async () => {
    const world = await newWorld();
    const parcel = await reserve(world);
    const outcome = await together(world, parcel, order, {
      due: parcel.deadlines.reserveUntil ?? '',
      call: { route: contract.cancelTransaction, body: { reason: 'by_caller' } },
      bank: { step: 'deposit', contents: 'filled' },
    });

    nothingIsLost(outcome);
    const { answer, events, lost, read, door } = outcome;
    expect(lost.length).toBeGreaterThanOrEqual(1);
    expect(read.state).toBe('recall_due');
    expect(door).toMatchObject({ heldBy: parcel.id, contents: 'filled' });
    // In its time it is a deposit; after an end, what was decided and what happened stand in one event.
    expect(count(events, 'transaction.deposited') + count(events, 'transaction.conflicted')).toBe(1);
    if (typeof answer === 'string') expect(answer).toBe('invalid_transition');
    const staff = read.credentials.filter((it) => it.state === 'active');
    expect(staff.map((it) => it.step)).toEqual(['recall']);
  });
});
