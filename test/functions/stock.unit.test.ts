import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import * as contract from '#shared/api/stock-units.ts';
import * as transactions from '#shared/api/transactions.ts';
import { TransactionView } from '#shared/api/transactions.ts';
import type { DoorEntry, JournalEntry } from '#shared/device/journal.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { Compartment, newCompartment } from '#shared/domain/compartment.ts';
import type { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { StockLevel } from '#shared/domain/stock.ts';
import { epochMs, type Instant } from '#shared/domain/time.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import type { Table } from '#shared/store/table.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { stockUnitHandlers } from '../../functions/http/stock-units.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { anItem, bankOf, doorOf, hours, minutes, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const Unit = contract.StockUnitView;
const Units = z.object({ data: z.array(Unit), nextCursor: z.string().nullable() });

/** A bank of so many doors, who asks for what, and what happens at its doors. */
const shop = async (doors: number, more: Partial<Bank> = {}) => {
  const bank = bankOf(
    Array.from({ length: doors }, (_, nth) => doorOf(String(nth + 1))),
    more,
  );
  const held = memoryTable();
  await held.write(bankWrites(bank));
  let now: Instant = startedAt;
  let seq = 0;
  const depsOver = (table: Table) => ({ table, rootKeys, newId, clock: () => epochMs(now) });
  const call = async (id: string, asked: Record<string, unknown>, table: Table = held): Promise<unknown> => {
    const handler = { ...transactionHandlers(depsOver(table)), ...stockUnitHandlers(depsOver(table)) }[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const caller = { tenant: 'ten_1', apiKeyId: 'key_1', mode: 'live', system: null, ...(asked.caller ?? {}) };
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const cursors = cursorsOf(rootKeys, { tenant: caller.tenant, route: id, params: {}, query: Object(asked.query) });
    const all = { params: {}, now, circumstances, cursors, record: () => [], ...asked, caller };
    return (await handler(all as never)).body;
  };
  const take = (...entries: Omit<DoorEntry, 'seq' | 'at'>[]) =>
    journalConsumer({
      ...depsOver(held),
      link: {
        ack: async () => undefined,
        replay: async () => undefined,
        answer: async () => undefined,
        key: async () => undefined,
      },
      shadows: { change: async () => undefined },
      queue: { send: async () => undefined },
    })({
      bankId: bank.id,
      brokerTime: epochMs(now),
      journalId: 'jnl_1',
      entries: entries.map((it) => {
        seq += 1;
        return { ...it, seq, at: epochMs(now) } as JournalEntry;
      }),
    });
  const closed = (
    door: string,
    contents: 'filled' | 'empty',
    why: Pick<DoorEntry, 'transactionId' | 'cause'>,
  ): Omit<DoorEntry, 'seq' | 'at'> => ({
    type: 'door.closed',
    door,
    after: { door: 'closed', contents, lock: 'ok' },
    version: null,
    ...why,
  });
  const body = (more: Record<string, unknown>) =>
    transactions.createTransaction.body().parse({ workflow: 'sale', bankId: bank.id, ...more });
  const it = {
    bank,
    table: held,
    at: (later: Instant) => {
      now = later;
    },
    register: async (more: Record<string, unknown> = {}) =>
      Unit.parse(
        await call(contract.createStockUnit.id, {
          body: contract.createStockUnit.body().parse({ sku: 'umbrella', item: anItem, ...more }),
        }),
      ),
    act: async (route: { id: string }, stockUnitId: string, asked: Record<string, unknown> = {}, table?: Table) =>
      Unit.parse(await call(route.id, { params: { stockUnitId }, ...asked }, table)),
    read: async (stockUnitId: string) => Unit.parse(await call(contract.getStockUnit.id, { params: { stockUnitId } })),
    list: async (query: Record<string, unknown> = {}, caller: Record<string, unknown> = {}) =>
      Units.parse(
        await call(contract.listStockUnits.id, { caller, query: contract.listStockUnits.query().parse(query) }),
      ),
    levels: async () =>
      z
        .object({ data: z.array(StockLevel) })
        .parse(await call(contract.listStockLevels.id, { params: { bankId: bank.id } })).data,
    /** Staff open its door, put the goods in, and close it. */
    putIn: async (door: string | null) =>
      take(closed(door ?? '', 'filled', { transactionId: null, cause: { commandId: 'cmd_1' } })),
    stock: async (more: Record<string, unknown> = {}) => {
      const unit = await it.register({ bankId: bank.id, ...more });
      await it.putIn(unit.door);
      return unit;
    },
    sell: async (more: Record<string, unknown>, asked: Record<string, unknown> = {}, table?: Table) =>
      TransactionView.parse(
        await call(transactions.createTransaction.id, { body: body({ conditions: [], ...more }), ...asked }, table),
      ),
    check: async (more: Record<string, unknown>) =>
      transactions.Precheck().parse(await call(transactions.checkTransaction.id, { body: body(more) })),
    transaction: async (route: { id: string }, transactionId: string, asked: Record<string, unknown> = {}) =>
      TransactionView.parse(await call(route.id, { params: { transactionId }, ...asked })),
    pickUp: ({ id: transactionId, door, credentials }: TransactionView) =>
      take(
        closed(door ?? '', 'empty', {
          transactionId,
          cause: { grantId: credentials[0]?.id ?? '', step: 'pickup' },
        }),
      ),
    door: async (door: string | null) => {
      const row = await held.get(keys.compartment(bank.id, door ?? ''), true);
      return row === undefined ? newCompartment(door ?? '') : Compartment.parse(row);
    },
    /** The goods that somebody finds who looks for what is in stock. */
    shelved: () =>
      held
        .rows()
        .filter(({ PK }) => PK.startsWith('STOCKAT#') || PK.startsWith('STOCKOF#'))
        .map(({ id, state }) => [id, state]),
    told: (id: string) =>
      held
        .rows()
        .filter(({ PK, SK }) => PK.endsWith(`#${id}`) && SK.startsWith('C#'))
        .toSorted((a, b) => (a.SK < b.SK ? -1 : 1))
        .flatMap((row) => CommitRow.parse(row).events.map(({ type }) => type)),
  };
  return it;
};

const refusalOf = (attempt: Promise<unknown>): Promise<Refusal> =>
  attempt.then(
    () => {
      throw new Error('it was not refused');
    },
    (error: Refusal) => error,
  );

/** A view of the table on which something else happens right before the first write. */
const afterThat = (table: Table, what: () => Promise<unknown>): Table => {
  let isFirst = true;
  return {
    ...table,
    write: async (writes) => {
      if (isFirst) {
        isFirst = false;
        await what();
      }
      await table.write(writes);
    },
  };
};

describe('a unit of goods', () => {
  it('is registered, placed, put in, sold and taken, and each is told', async () => {
    const it = await shop(2);
    const { id } = await it.register({ externalIds: { erp: 'L-1' } });
    expect(await it.read(id)).toMatchObject({ state: 'registered', door: null, externalIds: { erp: 'L-1' } });
    const placed = await it.act(contract.placeStockUnit, id, { body: { bankId: it.bank.id } });
    expect(placed).toMatchObject({ state: 'placed', bankId: 'bnk_1', version: 2 });
    expect(await it.door(placed.door)).toMatchObject({ heldBy: id, availability: 'reserved' });
    expect(await refusalOf(it.sell({ sku: 'umbrella' }))).toMatchObject({ reason: 'out_of_stock' });

    await it.putIn(placed.door);
    expect(await it.read(id)).toMatchObject({ state: 'in_stock', promisedTo: null, version: 3 });
    const sale = await it.sell({ sku: 'umbrella' });
    expect(sale).toMatchObject({ state: 'stored', door: placed.door, stockUnitId: id, items: [anItem] });
    expect(await it.read(id)).toMatchObject({ state: 'in_stock', promisedTo: sale.id });
    await it.pickUp(sale);
    expect(await it.transaction(transactions.getTransaction, sale.id)).toMatchObject({ state: 'completed' });
    expect(await it.read(id)).toMatchObject({ state: 'sold', soldBy: sale.id, promisedTo: null });
    expect(await it.door(placed.door)).toMatchObject({ heldBy: null, availability: 'available' });
    expect(it.shelved()).toEqual([]);
    expect(it.told(id)).toEqual(['registered', 'placed', 'stocked', 'sold'].map((type) => `stock_unit.${type}`));
  });

  it('goes to one of those who want it, whoever is fastest', async () => {
    const it = await shop(6);
    for (let nth = 0; nth < 4; nth += 1) await it.stock();
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => it.sell({ sku: 'umbrella' })));
    const sales = outcomes.flatMap((each) => (each.status === 'fulfilled' ? [each.value] : []));
    const refused = outcomes.flatMap((each) => (each.status === 'rejected' ? [(each.reason as Refusal).code] : []));
    // Who lost too often is asked to come back; in the end every unit is sold, each once.
    for (const code of refused) expect(['reservation_refused', 'busy']).toContain(code);
    while (sales.length < 4) sales.push(await it.sell({ sku: 'umbrella' }));
    expect(new Set(sales.map(({ stockUnitId }) => stockUnitId)).size).toBe(4);
    expect(await refusalOf(it.sell({ sku: 'umbrella' }))).toMatchObject({ reason: 'out_of_stock' });
    expect(await it.levels()).toMatchObject([{ sku: 'umbrella', forSale: 0, promised: 4 }]);
  });

  it('that keeps shortest is sold first, and none that keeps no more', async () => {
    const it = await shop(4);
    const late = await it.stock({ bestBefore: hours(50) });
    const early = await it.stock({ bestBefore: hours(20) });
    const over = await it.stock({ bestBefore: hours(2) });
    it.at(hours(3));
    expect(await refusalOf(it.sell({ stockUnitId: over.id }))).toMatchObject({ reason: 'best_before_passed' });
    expect(await it.read(over.id)).toMatchObject({ state: 'in_stock', isPastBestBefore: true });
    expect(await it.check({ sku: 'umbrella' })).toMatchObject({ outcome: 'reserved', door: early.door, candidates: 2 });
    expect((await it.sell({ sku: 'umbrella' })).stockUnitId).toBe(early.id);
    expect((await it.sell({ sku: 'umbrella' })).stockUnitId).toBe(late.id);
    expect(await it.check({ sku: 'umbrella' })).toMatchObject({ outcome: 'refused', refusal: 'out_of_stock' });
    // Somebody looked: it keeps longer than was thought.
    await it.act(contract.updateStockUnit, over.id, { body: { bestBefore: hours(30) } });
    expect((await it.sell({ sku: 'umbrella' })).stockUnitId).toBe(over.id);
  });

  it('of a cancelled sale stays in its door and is sold again', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const first = await it.sell({ stockUnitId: unit.id });
    expect(await refusalOf(it.sell({ stockUnitId: unit.id }))).toMatchObject({
      reason: 'out_of_stock',
      existing: first.id,
    });
    await it.transaction(transactions.cancelTransaction, first.id, { body: { reason: 'by_caller' } });
    expect(await it.door('1')).toMatchObject({ heldBy: unit.id, availability: 'occupied', contents: 'filled' });
    expect((await it.sell({ stockUnitId: unit.id })).state).toBe('stored');
  });

  it('of a sale that nobody collected in time is in stock again when somebody looks', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const sale = await it.sell({ stockUnitId: unit.id, deadlines: { pickupBy: hours(2) } });
    it.at(hours(2));
    expect(await it.transaction(transactions.getTransaction, sale.id)).toMatchObject({
      state: 'expired',
      expiredStage: 'pickup',
    });
    expect(await it.read(unit.id)).toMatchObject({ state: 'in_stock', promisedTo: null });
  });

  it('of a sale that is completed by hand is sold, in the same commit', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const sale = await it.sell({ stockUnitId: unit.id });
    const wrong = it.transaction(transactions.completeTransaction, sale.id, { body: { reason: 'seen inside' } });
    expect((await refusalOf(wrong)).code).toBe('invalid_transition');
    expect((await it.read(unit.id)).state).toBe('in_stock');
    const row = await it.table.get(keys.transaction('ten_1', sale.id), true);
    const compartment = { ...(await it.door('1')), contents: 'unknown' };
    await it.table.write([
      { kind: 'other', expects: 'anything', put: { ...row, ...keys.transaction('ten_1', sale.id), compartment } },
    ]);
    await it.transaction(transactions.completeTransaction, sale.id, { body: { reason: 'at the till' } });
    expect(await it.read(unit.id)).toMatchObject({ state: 'sold', soldBy: sale.id });
    expect(await it.door('1')).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
  });

  it('is withdrawn by staff, and its door is offered once it is empty', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const sale = await it.sell({ stockUnitId: unit.id });
    const withdraw = () => it.act(contract.withdrawStockUnit, unit.id, { body: { reason: 'a fault' } });
    expect(await refusalOf(withdraw())).toMatchObject({ code: 'conflict', existing: sale.id });
    await it.transaction(transactions.cancelTransaction, sale.id, { body: { reason: 'by_staff' } });
    expect(await withdraw()).toMatchObject({ state: 'withdrawn', withdrawnBecause: 'a fault' });
    expect(await it.door('1')).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
    expect(await refusalOf(it.sell({ stockUnitId: unit.id }))).toMatchObject({ reason: 'out_of_stock' });
    expect((await refusalOf(withdraw())).code).toBe('conflict');
    expect(it.shelved()).toEqual([]);
  });

  it('that is withdrawn at the very moment of its sale is sold or withdrawn, never both', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const meanwhile = afterThat(it.table, () =>
      it.act(contract.withdrawStockUnit, unit.id, { body: { reason: 'a fault' } }),
    );
    expect(await refusalOf(it.sell({ sku: 'umbrella' }, {}, meanwhile))).toMatchObject({ reason: 'out_of_stock' });
    expect((await it.door('1')).heldBy).toBeNull();
  });

  it('is withdrawn though its bank tells of its door at that very moment, but not when it was sold', async () => {
    const it = await shop(2);
    const [told, sold] = [await it.stock(), await it.stock()];
    const withdraw = ({ id }: { id: string }, meanwhile: () => Promise<unknown>) =>
      it.act(contract.withdrawStockUnit, id, { body: { reason: 'a fault' } }, afterThat(it.table, meanwhile));
    expect(await withdraw(told, () => it.putIn(told.door))).toMatchObject({ state: 'withdrawn' });
    expect(await it.door(told.door)).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
    const refused = await refusalOf(withdraw(sold, () => it.sell({ stockUnitId: sold.id })));
    expect(refused).toMatchObject({ code: 'conflict', existing: (await it.door(sold.door)).heldBy });
  });

  it('is changed only as it was read', async () => {
    const it = await shop(1);
    const { id } = await it.register();
    await it.act(contract.updateStockUnit, id, { body: { metadata: { a: '1' } }, ifMatch: 1 });
    for (const [route, body] of [
      [contract.updateStockUnit, { metadata: {} }],
      [contract.placeStockUnit, { bankId: it.bank.id }],
      [contract.withdrawStockUnit, { reason: 'old' }],
    ] as const)
      expect((await refusalOf(it.act(route, id, { body, ifMatch: 1 }))).code).toBe('precondition_failed');
    expect(await it.read(id)).toMatchObject({ state: 'registered', metadata: { a: '1' }, version: 2 });
  });

  it('is listed by bank, kind and state, page by page, with whom it is promised to', async () => {
    const it = await shop(5);
    const [one, two] = [await it.stock(), await it.stock()];
    const socks = await it.stock({ sku: 'socks' });
    const loose = await it.register();
    const sale = await it.sell({ stockUnitId: two.id });
    const idsOf = async (query: Record<string, unknown>) => (await it.list(query)).data.map(({ id }) => id).toSorted();
    expect(await idsOf({ bankId: it.bank.id })).toEqual([one.id, two.id, socks.id].toSorted());
    expect(await idsOf({ bankId: it.bank.id, sku: 'socks' })).toEqual([socks.id]);
    expect(await idsOf({ sku: 'umbrella' })).toEqual([one.id, two.id, loose.id].toSorted());
    expect(await idsOf({ sku: 'umbrella', state: 'registered' })).toEqual([loose.id]);
    expect(await idsOf({ bankId: 'bnk_2' })).toEqual([]);
    const shown = (await it.list({ bankId: it.bank.id })).data;
    expect(shown.find(({ id }) => id === two.id)?.promisedTo).toBe(sale.id);

    await it.pickUp(sale);
    expect(await idsOf({ bankId: it.bank.id })).toEqual([one.id, socks.id].toSorted());
    expect(await idsOf({ state: 'sold' })).toEqual([two.id]);
    const first = await it.list({ limit: 3 });
    const rest = await it.list({ limit: 3, cursor: first.nextCursor });
    expect([...first.data, ...rest.data].map(({ id }) => id).toSorted()).toHaveLength(4);
  });

  it('takes two calls to the table to be listed or counted', async () => {
    const it = await shop(4);
    for (let nth = 0; nth < 3; nth += 1) await it.stock();
    for (const look of [() => it.list({ bankId: it.bank.id }), () => it.list(), it.levels]) {
      it.table.calls.length = 0;
      await look();
      expect(it.table.calls).toHaveLength(2);
    }
  });

  it('is nothing that another tenant could see, sell or count', async () => {
    const it = await shop(1);
    const unit = await it.stock();
    const caller = { tenant: 'ten_2' };
    for (const query of [{}, { bankId: it.bank.id }, { sku: 'umbrella' }])
      expect((await it.list(query, caller)).data).toEqual([]);
    expect((await refusalOf(it.act(contract.getStockUnit, unit.id, { caller }))).code).toBe('not_found');
    for (const what of [{ sku: 'umbrella' }, { stockUnitId: unit.id }])
      expect(await refusalOf(it.sell(what, { caller }))).toMatchObject({ reason: 'bank_unknown' });
  });

  it('is sold in the sandbox at a simulated bank only', async () => {
    const caller = { mode: 'test' };
    const real = await shop(1);
    await real.stock();
    expect((await refusalOf(real.sell({ sku: 'umbrella' }, { caller }))).code).toBe('forbidden');
    const simulated = await shop(1, { simulated: true });
    await simulated.stock();
    expect(await simulated.sell({ sku: 'umbrella' }, { caller })).toMatchObject({ state: 'stored', livemode: false });
  });
});

describe('a sale out of stock', () => {
  it.each<[string, Record<string, unknown>]>([
    ['/items', { items: [anItem] }],
    ['/waitUntil', { waitUntil: hours(4) }],
    ['/reservation', { reservation: 'soft' }],
    ['/sku', { stockUnitId: 'stk_1' }],
    ['/sku', { workflow: 'parcel' }],
    ['/assetId', { assetId: 'ast_1' }],
    ['/deadlines/depositBy', { deadlines: { depositBy: hours(1) } }],
    ['/deadlines/pickupBy', { deadlines: { pickupBy: minutes(-1) } }],
  ])('does not go with %s, which its check says too', async (pointer, more) => {
    const it = await shop(1);
    await it.stock();
    const refused = { code: 'invalid_request', errors: [{ pointer }] };
    expect(await refusalOf(it.sell({ sku: 'umbrella', ...more }))).toMatchObject(refused);
    expect(await refusalOf(it.check({ sku: 'umbrella', ...more }))).toMatchObject(refused);
  });

  it('of a unit at another bank says where it is', async () => {
    const it = await shop(1);
    const elsewhere = { ...it.bank, id: 'bnk_2' };
    await it.table.write(bankWrites(elsewhere));
    const unit = await it.stock();
    expect(await refusalOf(it.sell({ stockUnitId: unit.id, bankId: 'bnk_2' }))).toMatchObject({
      errors: [{ pointer: '/bankId', detail: 'the unit is at bnk_1' }],
    });
  });
});

describe('a place for goods', () => {
  it('is the door that is named, if they fit and nobody has it', async () => {
    const it = await shop(2);
    expect(await it.register({ bankId: it.bank.id, door: '2' })).toMatchObject({ state: 'placed', door: '2' });
    const again = it.register({ bankId: it.bank.id, door: '2' });
    expect(await refusalOf(again)).toMatchObject({ code: 'reservation_refused', reason: 'bank_full' });
    const large = { ...anItem, lengthMm: 3_000 };
    expect(await refusalOf(it.register({ bankId: it.bank.id, door: '1', item: large }))).toMatchObject({
      reason: 'dimensions_exceeded',
    });
    expect(await refusalOf(it.register({ bankId: it.bank.id, door: '9' }))).toMatchObject({ code: 'not_found' });
  });

  it('is none that somebody waits for', async () => {
    const it = await shop(1);
    const parcel = { workflow: 'parcel', items: [anItem] };
    const first = await it.sell(parcel);
    await it.sell({ ...parcel, waitUntil: hours(4) });
    await it.transaction(transactions.cancelTransaction, first.id, { body: { reason: 'by_caller' } });
    expect(await refusalOf(it.register({ bankId: it.bank.id }))).toMatchObject({ code: 'reservation_refused' });
  });

  it('is given once', async () => {
    const it = await shop(2);
    const unit = await it.register({ bankId: it.bank.id });
    const again = it.act(contract.placeStockUnit, unit.id, { body: { bankId: it.bank.id } });
    expect((await refusalOf(again)).message).toContain('a unit that is placed cannot be placed');
  });
});
