import * as contract from '#shared/api/stock-units.ts';
import { serveLine } from '#shared/domain/assignment.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { type Compartment, changed } from '#shared/domain/compartment.ts';
import { apply, born, type SubjectChange } from '#shared/domain/decision.ts';
import { homesFor } from '#shared/domain/home.ts';
import { leftBehind } from '#shared/domain/lifecycle.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { hasLeftStock, isPastBestBefore, levelsOf, place, type StockUnit, withdraw } from '#shared/domain/stock.ts';
import type { Instant } from '#shared/domain/time.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { live } from '#shared/live.ts';
import { readBankWithDoors } from '#shared/store/banks.ts';
import { compartmentWrite } from '#shared/store/commit.ts';
import { commitStockUnit, listStock, readDoors, readStockAt, readStockUnit } from '#shared/store/stock.ts';
import { Lost, type Write } from '#shared/store/table.ts';

const view = (unit: StockUnit, compartment: Compartment | null, now: Instant): contract.StockUnitView => {
  const isPromised = compartment !== null && !hasLeftStock(unit) && compartment.heldBy !== unit.id;
  return contract.StockUnitView.parse({
    ...unit,
    promisedTo: isPromised ? compartment.heldBy : null,
    isPastBestBefore: isPastBestBefore(unit, now),
  });
};

const answer = (unit: StockUnit, compartment: Compartment | null, now: Instant): Answer => ({
  body: view(unit, compartment, now),
  etag: unit.version,
});

/** So many doors, or so often the same, are tried before the caller is asked to come back. */
const attemptsMax = 3;

export const stockUnitHandlers = (deps: HttpDeps): Handlers => {
  const find = async ({ caller, ifMatch }: AnyCall, id: string): Promise<StockUnit> => {
    const unit = await readStockUnit(deps.table, caller.tenant, id);
    if (unit === null) throw new Refusal('not_found', `there is no stock unit ${id}`);
    if (ifMatch !== undefined && ifMatch !== unit.version)
      throw new Refusal('precondition_failed', `the unit is at version ${unit.version} now`);
    return unit;
  };

  const doorOf = async (unit: StockUnit): Promise<Compartment | null> =>
    (await readDoors(deps.table, [unit]))[0] ?? null;

  /** Writes a change of a unit with its answer; who else changed it or its door in between is for the caller to see. */
  const save = async (
    { circumstances, ifMatch, now, record }: AnyCall,
    change: SubjectChange<StockUnit>,
    compartment: Compartment | null,
    more: Write[] = [],
  ): Promise<Answer> => {
    const { after, writes } = commitStockUnit(change, circumstances);
    const made = answer(after, compartment, now);
    try {
      await deps.table.write([...writes, ...more, ...record(made)]);
    } catch (error) {
      if (!(error instanceof Lost) || error.to('idempotency')) throw error;
      if (error.to('subject') === undefined) throw error;
      if (ifMatch !== undefined) throw new Refusal('precondition_failed', 'the unit was changed meanwhile');
      throw new Refusal('busy', 'the unit is being changed by others right now', { retryAfterSeconds: 1 });
    }
    return made;
  };

  const bankWithDoors = async (
    { caller, now }: AnyCall,
    bankId: string,
  ): Promise<{ bank: Bank; compartments: Compartment[] }> => {
    const read = await readBankWithDoors(deps.table, caller.tenant, bankId, true);
    if (read === null)
      throw new Refusal('reservation_refused', `there is no bank ${bankId}`, { reason: 'bank_unknown' });
    // Who waits for a door has the first claim to what is free.
    const { left } = serveLine(read.waiting, read.bank, read.compartments, now);
    return { bank: read.bank, compartments: left };
  };

  /** Saves a change of a unit together with a door for it: the first that nobody else takes. */
  const saveWithDoor = async (
    call: AnyCall,
    { id, item }: Pick<StockUnit, 'id' | 'item'>,
    where: { bankId: string; door?: string | undefined },
    changeFor: (at: { bankId: string; siteId: string; door: string }) => SubjectChange<StockUnit>,
  ): Promise<Answer> => {
    const { bank, compartments } = await bankWithDoors(call, where.bankId);
    const doors = homesFor(item, id, { bank, compartments, door: where.door }, call.now);
    for (const before of doors.slice(0, attemptsMax)) {
      const change = changeFor({ bankId: bank.id, siteId: bank.siteId, door: before.door });
      const after = changed(before, { heldBy: id, until: null }, before.contents !== 'empty');
      try {
        return await save(call, change, after, [compartmentWrite(bank.id, { before, after })]);
      } catch (error) {
        if (!(error instanceof Lost) || error.to('compartment') === undefined) throw error;
      }
    }
    throw new Refusal('busy', 'others took the doors that fit at this very moment; try again', {
      retryAfterSeconds: 1,
    });
  };

  return {
    [contract.createStockUnit.id]: async (call: Call<typeof contract.createStockUnit>) => {
      const { body, caller, now } = call;
      const { bankId, door, ...said } = body;
      const unit: StockUnit = {
        ...said,
        id: deps.newId('stk'),
        tenant: caller.tenant,
        state: 'registered',
        bankId: null,
        siteId: null,
        door: null,
        stockedAt: null,
        soldBy: null,
        withdrawnBecause: null,
        createdAt: now,
        version: 1,
        hash: '',
      };
      if (bankId === undefined) return save(call, born(unit, 'stock_unit.registered'), null);
      return saveWithDoor(call, unit, { bankId, door }, (at) => born(unit, 'stock_unit.registered', [place(unit, at)]));
    },

    [contract.listStockUnits.id]: async ({ caller, query, cursors, now }: Call<typeof contract.listStockUnits>) => {
      const { limit, state, ...where } = query;
      const { units, next } = await listStock(deps.table, caller.tenant, where, { limit, after: await cursors.read() });
      const wanted = units.filter((it) => state === undefined || it.state === state);
      const compartments = await readDoors(deps.table, wanted);
      return {
        body: {
          data: wanted.map((unit, nth) => view(unit, compartments[nth] ?? null, now)),
          nextCursor: await cursors.give(next),
        },
      };
    },

    [contract.getStockUnit.id]: async (call: Call<typeof contract.getStockUnit>) => {
      const unit = await find(call, call.params.stockUnitId);
      return answer(unit, await doorOf(unit), call.now);
    },

    [contract.updateStockUnit.id]: async (call: Call<typeof contract.updateStockUnit>) => {
      const unit = await find(call, call.params.stockUnitId);
      refuseUnless(!hasLeftStock(unit), 'conflict', `it is ${unit.state} already`);
      const change = apply(unit, [{ type: 'stock_unit.updated', set: call.body }]);
      return save(call, change, await doorOf(unit));
    },

    [contract.placeStockUnit.id]: async (call: Call<typeof contract.placeStockUnit>) => {
      const unit = await find(call, call.params.stockUnitId);
      return saveWithDoor(call, unit, call.body, (at) => apply(unit, [place(unit, at)]));
    },

    [contract.withdrawStockUnit.id]: async (call: Call<typeof contract.withdrawStockUnit>) => {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const unit = await find(call, call.params.stockUnitId);
        const before = await doorOf(unit);
        const change = withdraw(unit, before, call.body.reason);
        if (before === null || unit.bankId === null) return save(call, change, null);
        // Whoever takes it out closes an empty door.
        const after = changed(before, { heldBy: null, ...leftBehind(before) }, false);
        try {
          return await save(call, change, after, [compartmentWrite(unit.bankId, { before, after })]);
        } catch (error) {
          // The bank told of its door meanwhile: what it told may matter.
          if (!(error instanceof Lost) || error.to('compartment') === undefined) throw error;
        }
      }
      throw new Refusal('busy', 'its door is in use at this very moment; try again', { retryAfterSeconds: 1 });
    },

    [contract.listStockLevels.id]: async ({ caller, params, now }: Call<typeof contract.listStockLevels>) => {
      const read = await readStockAt(deps.table, caller.tenant, params.bankId, { consistent: false });
      if (read === null) throw new Refusal('not_found', `there is no bank ${params.bankId}`);
      return { body: { data: levelsOf(read.units, read.compartments, now), nextCursor: null } };
    },
  };
};

export const handler = endpoint(
  [
    contract.createStockUnit,
    contract.listStockUnits,
    contract.getStockUnit,
    contract.updateStockUnit,
    contract.placeStockUnit,
    contract.withdrawStockUnit,
    contract.listStockLevels,
  ],
  () => {
    const deps = live();
    return { deps, handlers: stockUnitHandlers(deps) };
  },
);
