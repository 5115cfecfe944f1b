import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as stock from '../../shared/api/stock-units.ts';
import * as contract from '../../shared/api/transactions.ts';
import type { Step } from '../../shared/device/access.ts';
import type { StockState } from '../../shared/domain/stock.ts';
import { type Instant, plusSeconds } from '../../shared/domain/time.ts';
import type { TransactionState } from '../../shared/domain/transaction.ts';
import { readBankWithDoors } from '../../shared/store/banks.ts';
import { startedAt } from '../domain/cloud-and-bank.ts';
import { ownBank, ownTable } from '../support/own-bank.ts';

/*
 * The real decisions and the real store on the engine's DynamoDB, against a model of two pages: who has which door, and what
 * each transaction is. fast-check draws what people, deadlines and doors do, and shrinks what goes wrong; it prints the
 * seed.
 */
/** Those with goods in stock do far more each. */
const runs = { ordinary: 1_600, withStock: 400 };
const atOnce = 8;
const doors = ['1', '2'];
const anItem = { lengthMm: 300, widthMm: 200, heightMm: 100, thermalClass: 'ambient' };

const table = ownTable('model');

type Kind = 'parcel' | 'rental';
/** Goods that lie in stock, and have their door until they are sold or withdrawn. */
type Unit = { id: string; door: string; state: StockState };
type Known = {
  id: string;
  kind: Kind | 'sale';
  state: TransactionState;
  door: string;
  held: boolean;
  due: Instant | null;
  unit?: Unit;
};
type Model = { now: Instant; known: Known[]; units: Unit[]; inside: Map<string, boolean> };

const sale = (model: Model, unit: Unit): Known | undefined =>
  model.known.find((it) => it.unit === unit && ['stored', 'recall_due'].includes(it.state));
const holder = (model: Model, door: string): Known | Unit | undefined =>
  model.known.find((it) => it.door === door && ['reserved', 'stored', 'in_use', 'recall_due'].includes(it.state)) ??
  model.units.find((it) => it.door === door && ['placed', 'in_stock', 'missing'].includes(it.state));
const isFree = (model: Model, door: string): boolean => !holder(model, door) && !model.inside.get(door);

/** One bank on the table, its handlers, and its journal, at the model's time. */
class Real {
  private readonly model: Model;
  private readonly own;

  constructor(model: Model) {
    this.model = model;
    this.own = ownBank(table, doors, () => model.now);
  }

  readonly begin = () => this.own.begin();
  readonly ask = (route: { id: string }, params: object, body: object) => this.own.ask(route, params, body);
  readonly askOfStock = (route: { id: string }, params: object, body: object) =>
    this.own.askOfStock(route, params, body);
  readonly read = (it: Known) => this.own.read(it);
  get bankId(): string {
    return this.own.bank.id;
  }

  async closes(it: Known, step: Step, contents: 'filled' | 'empty'): Promise<void> {
    await this.own.hear(await this.own.closing(it, step, contents));
  }

  async staffCloses(it: Unit, contents: 'filled' | 'empty'): Promise<void> {
    await this.own.hear(await this.own.closingByStaff(it.door, contents));
  }

  /** In life the wake-up looks at a deadline, moments after it; here somebody who reads does. */
  async looks(): Promise<void> {
    for (const it of this.model.known) await this.read(it);
  }

  /** What is there is what the model says, transaction by transaction, good by good and door by door. */
  async agrees(): Promise<void> {
    for (const it of this.model.known) {
      const { state, door, flags } = await this.read(it);
      expect({ id: it.id, state, door, held: flags.includes('held') }).toEqual({
        id: it.id,
        state: it.state,
        door: it.door,
        held: it.held,
      });
    }
    for (const it of this.model.units) {
      const unit = await this.askOfStock(stock.getStockUnit, { stockUnitId: it.id }, {});
      const { id, state, door } = it;
      expect(unit).toMatchObject({ id, state, door, promisedTo: sale(this.model, it)?.id ?? null });
    }
    const found = await readBankWithDoors(table, this.own.bank.tenant, this.own.bank.id, true);
    for (const { door, heldBy, availability } of found?.compartments ?? []) {
      expect([door, heldBy]).toEqual([door, holder(this.model, door)?.id ?? null]);
      expect([door, availability === 'available']).toEqual([door, isFree(this.model, door)]);
    }
  }
}

type Command = fc.AsyncCommand<Model, Real>;

const create = (kind: Kind): Command => ({
  check: () => true,
  toString: () => `create a ${kind}`,
  run: async (model, real) => {
    const body = { workflow: kind, bankId: real.bankId, items: [anItem], recipient: {}, parties: {}, externalIds: {} };
    const ask = () => real.ask(contract.createTransaction, {}, { ...body, metadata: {}, deadlines: {} });
    const free = doors.filter((door) => isFree(model, door));
    let made = await ask();
    if (typeof made === 'string' && free.length > 0) {
      // A reservation holds its door until somebody looks at its deadline.
      await real.looks();
      made = await ask();
    }
    if (typeof made === 'string') {
      expect([made, free]).toEqual(['reservation_refused', []]);
      return;
    }
    expect(free).toContain(made.door);
    const due = made.deadlines.reserveUntil;
    model.known.push({ id: made.id, kind, state: 'reserved', door: made.door ?? '', held: false, due });
  },
});

const aUnit = { sku: 'umbrella', item: anItem, externalIds: {}, bestBefore: null, metadata: {} };

/** Goods get a door, if one is free. */
const register: Command = {
  check: () => true,
  toString: () => 'register goods',
  run: async (model, real) => {
    await real.looks();
    const free = doors.filter((door) => isFree(model, door));
    const made = await real.askOfStock(stock.createStockUnit, {}, { ...aUnit, bankId: real.bankId });
    if (typeof made === 'string') {
      expect([made, free]).toEqual(['reservation_refused', []]);
      return;
    }
    expect(free).toContain(made.door);
    model.units.push({ id: made.id, door: made.door ?? '', state: 'placed' });
  },
};

/** What is done with the nth good: not drawn where there is no such thing. */
const withUnit = (
  nth: number,
  what: string,
  run: (model: Model, real: Real, unit: Unit) => Promise<void>,
  when: (model: Model, unit: Unit) => boolean = () => true,
): Command => ({
  check: (model) => model.units[nth] !== undefined && when(model, model.units[nth]),
  toString: () => `${what} good ${nth}`,
  run: async (model, real) => {
    const unit = model.units[nth];
    if (unit !== undefined) await run(model, real, unit);
  },
});

/** Staff put it in or take it out; what is promised they leave alone. */
const staffLeave = (nth: number, contents: 'filled' | 'empty'): Command =>
  withUnit(
    nth,
    contents === 'filled' ? 'put in' : 'take out',
    async (model, real, unit) => {
      await real.staffCloses(unit, contents);
      model.inside.set(unit.door, contents === 'filled');
      if (contents === 'filled') unit.state = 'in_stock';
      else if (unit.state === 'in_stock') unit.state = 'missing';
    },
    (model, unit) => holder(model, unit.door) === unit,
  );

const buy = (nth: number): Command =>
  withUnit(nth, 'buy', async (model, real, unit) => {
    await real.looks();
    const body = { workflow: 'sale', bankId: real.bankId, stockUnitId: unit.id, items: [], conditions: [] };
    const more = { reservation: 'hard', recipient: {}, parties: {}, externalIds: {}, metadata: {}, deadlines: {} };
    const made = await real.ask(contract.createTransaction, {}, { ...body, ...more });
    const canBeHad = unit.state === 'in_stock' && sale(model, unit) === undefined;
    if (typeof made === 'string') {
      expect([made, canBeHad]).toEqual(['reservation_refused', false]);
      return;
    }
    expect([made.state, made.door, canBeHad]).toEqual(['stored', unit.door, true]);
    const due = plusSeconds(model.now, 72 * 3600);
    model.known.push({ id: made.id, kind: 'sale', state: 'stored', door: unit.door, held: false, due, unit });
  });

const withdraw = (nth: number): Command =>
  withUnit(nth, 'withdraw', async (model, real, unit) => {
    await real.looks();
    const answer = await real.askOfStock(stock.withdrawStockUnit, { stockUnitId: unit.id }, { reason: 'soiled' });
    const isThere = holder(model, unit.door) === unit;
    if (typeof answer === 'string') expect([answer, isThere]).toEqual(['conflict', false]);
    else {
      expect(isThere).toBe(true);
      unit.state = 'withdrawn';
    }
  });

/** A request to the nth transaction: the state it leads to, by the state it is in; any other is refused. */
const request = (
  nth: number,
  route: { id: string },
  body: object,
  leads: (it: Known) => Partial<Known> | null,
): Command => ({
  check: (model) => model.known.length > nth,
  toString: () => `${route.id} ${nth}`,
  run: async (model, real) => {
    const it = model.known[nth];
    if (it === undefined) return;
    const answer = await real.ask(route, { transactionId: it.id }, body);
    const change = leads(it);
    if (change === null) expect(answer).toBe('invalid_transition');
    else {
      expect(answer).toMatchObject({ id: it.id });
      Object.assign(it, change);
    }
  },
});

const cancel = (nth: number) =>
  request(nth, contract.cancelTransaction, { reason: 'by_caller' }, ({ state, unit }) => {
    if (state === 'reserved' || (state === 'stored' && unit)) return { state: 'cancelled', held: false, due: null };
    return state === 'stored' ? { state: 'recall_due', due: null } : null;
  });
const hold = (nth: number) =>
  request(nth, contract.holdTransaction, { reason: 'x' }, ({ state, held }) =>
    !held && ['reserved', 'stored', 'in_use'].includes(state) ? { held: true } : null,
  );
const lift = (nth: number) =>
  request(nth, contract.liftHold, {}, ({ state, held }) =>
    held && ['reserved', 'stored', 'in_use', 'recall_due'].includes(state) ? { held: false } : null,
  );
const recall = (nth: number) =>
  request(nth, contract.recallTransaction, { reason: 'x' }, ({ state }) =>
    state === 'stored' ? { state: 'recall_due', due: null } : null,
  );

type Deed = {
  step: Step;
  when: (it: Known) => boolean;
  leaves: 'filled' | 'empty';
  makes: (now: Instant) => Partial<Known>;
  /** What becomes of goods in stock. */
  unit?: StockState;
};

/** What is done at the door of the nth transaction by whoever may. */
const deeds: Deed[] = [
  {
    step: 'deposit',
    when: ({ kind, state }) => kind === 'parcel' && state === 'reserved',
    leaves: 'filled',
    makes: (now) => ({ state: 'stored', due: plusSeconds(now, 72 * 3600) }),
  },
  {
    step: 'pickup',
    when: ({ state, held }) => state === 'stored' && !held,
    leaves: 'empty',
    makes: () => ({ state: 'completed', due: null }),
    unit: 'sold',
  },
  {
    step: 'recall',
    when: ({ state }) => state === 'recall_due',
    leaves: 'empty',
    makes: () => ({ state: 'recalled', held: false, due: null }),
    unit: 'withdrawn',
  },
  {
    step: 'use',
    when: ({ kind, state, held }) => kind === 'rental' && state === 'reserved' && !held,
    leaves: 'empty',
    makes: (now) => ({ state: 'in_use', due: plusSeconds(now, 24 * 3600) }),
  },
];
const deed = (nth: number, { step, when, leaves, makes, unit }: Deed): Command => ({
  check: (model) => {
    const it = model.known[nth];
    return it !== undefined && when(it);
  },
  toString: () => `${step} ${nth}`,
  run: async (model, real) => {
    const it = model.known[nth];
    if (it === undefined) return;
    await real.closes(it, step, leaves);
    model.inside.set(it.door, leaves === 'filled');
    Object.assign(it, makes(model.now));
    if (it.unit && unit) it.unit.state = unit;
  },
});

/** Time passes; deadlines are evaluated by whoever reads. */
const pass = (hours: number): Command => ({
  check: () => true,
  toString: () => `${hours} h pass`,
  run: async (model) => {
    model.now = plusSeconds(model.now, hours * 3600);
    for (const it of model.known) {
      if (it.due === null || it.due > model.now) continue;
      const isRecalled = it.state === 'stored' && !it.unit;
      Object.assign(it, isRecalled ? { state: 'recall_due' } : { state: 'expired', held: false });
      it.due = null;
    }
  },
});

const nth = fc.nat({ max: 3 });
const commands = fc.commands(
  [
    fc.constantFrom<Kind>('parcel', 'rental').map(create),
    nth.map(cancel),
    nth.map(hold),
    nth.map(lift),
    nth.map(recall),
    fc.tuple(nth, fc.constantFrom(...deeds)).map(([at, what]) => deed(at, what)),
    fc.tuple(nth, fc.constantFrom(...deeds)).map(([at, what]) => deed(at, what)),
    fc.constantFrom(1, 30, 100).map(pass),
  ],
  { maxCommands: 7, size: 'max' },
);

/** The same where goods lie in stock. Of what is drawn, most cannot be done yet or any more, and is left out. */
const either = fc.nat({ max: 1 });
const commandsOfStock = fc.commands(
  [
    fc.constant(register),
    either.map((at) => staffLeave(at, 'filled')),
    either.map((at) => staffLeave(at, 'empty')),
    either.map(buy),
    either.map(withdraw),
    fc.constant(create('parcel')),
    either.map(cancel),
    either.map(hold),
    either.map(lift),
    either.map(recall),
    fc.tuple(either, fc.constantFrom(...deeds)).map(([at, what]) => deed(at, what)),
    fc.constantFrom(1, 30, 100).map(pass),
  ],
  { maxCommands: 30, size: 'max' },
);

describe('a bank, whatever is asked of it and done at its doors', () => {
  const isAsTheModelSays = async (drawing: typeof commands, runs: number): Promise<void> => {
    let left = runs;
    const some = async (): Promise<void> => {
      while (left > 0) {
        const numRuns = Math.min(25, left);
        left -= numRuns;
        await fc.assert(
          fc.asyncProperty(drawing, async (drawn) => {
            const model: Model = { now: startedAt, known: [], units: [], inside: new Map() };
            const real = new Real(model);
            await real.begin();
            await fc.asyncModelRun(() => ({ model, real }), drawn);
            await real.agrees();
          }),
          { numRuns },
        );
      }
    };
    await Promise.all(Array.from({ length: atOnce }, some));
  };

  it(`is as a model of two pages says, in ${runs.ordinary} runs`, { timeout: 600_000 }, () =>
    isAsTheModelSays(commands, runs.ordinary),
  );

  it(`is so with goods in stock, in ${runs.withStock} more`, { timeout: 600_000 }, () =>
    isAsTheModelSays(commandsOfStock, runs.withStock),
  );
});
