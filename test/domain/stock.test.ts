import { describe, expect, it } from 'vitest';
import { issue } from '#shared/domain/access.ts';
import { type Compartment, changed, newCompartment } from '#shared/domain/compartment.ts';
import { runningDeadline } from '#shared/domain/deadline.ts';
import { doorGrants, whyNot } from '#shared/domain/grants.ts';
import {
  cancel,
  complete,
  confirm,
  createCancelled,
  createFromStock,
  expireIfDue,
  recallItem,
  stockDeadlines,
} from '#shared/domain/lifecycle.ts';
import { levelsOf, type StockUnit, sellable, unsellable, withdraw } from '#shared/domain/stock.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { Cloud, chosen, doorOf, freshFor, hours, Journal, minutes, parcelInput, unitInDoor } from './cloud-and-bank.ts';

const unit = 'stk_1';
const sale = 'txn_1';
const other = 'txn_2';
const door = '1';
const byStaff = { commandId: 'cmd_1' };
const grantsOf = (it: Transaction) => doorGrants(it, ({ id }) => `verifier of ${id}`).grants;

const stocked = (more: Partial<StockUnit> = {}) => {
  const cloud = new Cloud([doorOf(door), doorOf('2')]);
  const journal = new Journal();
  cloud.stock(unit, door, more);
  return {
    cloud,
    journal,
    at: () => cloud.compartment(door),
    unit: () => cloud.unit(unit),
    sale: () => cloud.transaction(sale),
  };
};
const promised = (more: Parameters<Cloud['sell']>[2] = {}) => {
  const world = stocked();
  world.cloud.sell(sale, unit, { payment: { amountMinor: 1_990, currency: 'CHF' }, ...more });
  return world;
};

describe('goods that are put into stock', () => {
  const placed = () => {
    const world = stocked({ state: 'placed', stockedAt: null });
    world.cloud.world.compartments.set(door, changed(newCompartment(door), { heldBy: unit }, false));
    return world;
  };
  const closes = (contents: 'filled' | 'empty' | 'unknown', cause: typeof byStaff | null) => {
    const world = placed();
    world.cloud.learn(world.journal.entry('door.closed', door, { contents }, { of: null, cause, at: minutes(4) }));
    return world;
  };

  it('are in stock once the bank sees them inside', () => {
    const { unit: it, at, cloud } = closes('filled', byStaff);
    expect(it()).toMatchObject({ state: 'in_stock', stockedAt: minutes(4) });
    expect(at()).toMatchObject({ heldBy: unit, availability: 'occupied' });
    expect(cloud.events.at(-1)).toMatchObject({
      type: 'stock_unit.stocked',
      occurredAt: minutes(4),
      data: { stockUnitId: unit, sku: 'umbrella', door, evidence: { seq: 1, cause: byStaff } },
    });
  });

  it('are not while the door stands open', () => {
    const { cloud, journal, unit: it } = placed();
    cloud.learn(journal.entry('door.opened', door, { door: 'open', contents: 'filled' }, { of: null, cause: byStaff }));
    expect(it().state).toBe('placed');
  });

  it.each([
    ['nothing was put in', 'empty', byStaff, 'placed'],
    ['a door without a sensor was opened for it', 'unknown', byStaff, 'in_stock'],
    ['a door without a sensor only says that it is there', 'unknown', null, 'placed'],
  ] as const)('when %s, a door that reads %s', (_, contents, cause, state) => {
    expect(closes(contents, cause).unit().state).toBe(state);
  });
});

describe('a sale out of stock', () => {
  it('takes over the door with the goods in it: nothing is deposited, and only a pickup is left to do', () => {
    const { sale: it, at, cloud } = promised();
    expect(cloud.eventsOf(sale)).toEqual(['created', 'reserved', 'deposited']);
    expect(it()).toMatchObject({ state: 'stored', door, stockUnitId: unit, items: [unitInDoor.item] });
    expect(it().credentials.map(({ step, state }) => [step, state])).toEqual([['pickup', 'active']]);
    expect(at()).toMatchObject({ heldBy: sale, availability: 'occupied' });
    expect(runningDeadline(it())).toEqual({ name: 'pickupBy', at: hours(72) });
  });

  it('opens once it is paid, without anything that must come first at the bank', () => {
    const { sale: it, cloud } = promised();
    expect(grantsOf(it())).toMatchObject([{ step: 'pickup', blocked: 'payment_pending' }]);
    cloud.decide(sale, (each) => confirm(each, 'payment', { by: 'key_1' }, minutes(3)));
    const [grant] = grantsOf(it());
    expect(grant).not.toHaveProperty('after');
    expect(grant).not.toHaveProperty('blocked');
    const [pickup] = it().credentials;
    expect(pickup && whyNot(it(), pickup, minutes(4))).toBeNull();
  });

  it('is picked up in the ways that were asked for', () => {
    const methods = ['badge', 'qr'] as const;
    const access = methods.map((method) => ({ step: 'pickup' as const, method, verifier: `of ${method}` }));
    const { sale: it } = promised({ access, conditions: [] });
    expect(it().credentials.map(({ method, state }) => [method, state])).toEqual(methods.map((m) => [m, 'active']));
    for (const each of it().credentials) expect(whyNot(it(), each, minutes(1))).toBeNull();
    const deposit = [{ step: 'deposit' as const, method: 'pin' as const }];
    expect(() => promised({ access: deposit })).toThrow('this sale has no step deposit');
  });

  it('that is picked up ends the unit as sold, and frees the door', () => {
    const { sale: it, unit: goods, at, cloud, journal } = promised({ conditions: [] });
    cloud.learn(journal.pickedUp(sale, door, minutes(5)));
    expect(it()).toMatchObject({ state: 'completed', flags: [] });
    expect(goods()).toMatchObject({ state: 'sold', soldBy: sale });
    expect(cloud.eventsOf(unit)).toEqual(['registered', 'sold']);
    expect(at()).toMatchObject({ heldBy: null, availability: 'available' });
    expect([...cloud.locks]).toEqual([]);
  });

  it('of which nothing is taken goes on', () => {
    const { sale: it, unit: goods, cloud, journal } = promised({ conditions: [] });
    cloud.learn(journal.closed('pickup', sale, door, 'filled', minutes(5)));
    expect([it().state, goods().state]).toEqual(['stored', 'in_stock']);
  });

  it.each(['cancelled', 'expired'] as const)('that is %s leaves the goods in their door, in stock again', (end) => {
    const { sale: it, unit: goods, at, cloud } = promised();
    cloud.now = hours(72);
    if (end === 'expired') cloud.decide(sale, expireIfDue);
    else cloud.decide(sale, (each, where, fresh, now) => cancel(each, where, 'by_caller', fresh, now));
    expect(it()).toMatchObject({ state: end, door, endedAt: hours(72) });
    if (end === 'expired') expect(it().expiredStage).toBe('pickup');
    expect(it().credentials.map(({ state, locked }) => [state, locked])).toEqual([
      [end === 'expired' ? 'expired' : 'revoked', false],
    ]);
    expect(goods().state).toBe('in_stock');
    expect(at()).toMatchObject({ heldBy: unit, availability: 'occupied' });
    expect(unsellable({ unit: goods(), compartment: at() }, cloud.now)).toBeNull();
  });

  it('completed by hand frees the door for others, not for the goods', () => {
    const { sale: it, at } = promised();
    const { compartments, transaction } = complete(it(), { ...at(), contents: 'unknown' }, 'at the till', minutes(9));
    expect(transaction.after.state).toBe('completed');
    expect(compartments[0]?.after).toMatchObject({ heldBy: null, availability: 'needs_clearing' });
  });

  it('that is recalled takes the goods out of the stock', () => {
    const { sale: it, unit: goods, at, cloud, journal } = promised();
    cloud.decide(sale, (each, compartment, fresh, now, target) =>
      recallItem(each, { compartment, target }, 'a fault of the series', fresh, now),
    );
    expect(at().heldBy).toBe(sale);
    cloud.learn(journal.recalled(sale, door, minutes(12)));
    expect(it().state).toBe('recalled');
    expect(goods()).toMatchObject({ state: 'withdrawn', withdrawnBecause: 'recalled' });
    expect(at()).toMatchObject({ heldBy: null, availability: 'available' });
  });

  it('whose cancellation came before it takes nothing', () => {
    const { cloud, at, unit: goods } = stocked();
    const input = { ...parcelInput(sale, { workflow: 'sale' }), stockUnitId: goods().id };
    const where = { compartment: at(), stockedAt: minutes(0) };
    const decided = createFromStock(input, where, 6, chosen, freshFor(sale, 'sale'), cloud.now);
    const { transaction, compartments, locks } = createCancelled(decided, 'by_caller', cloud.now);
    expect(transaction.after).toMatchObject({ state: 'cancelled', door: null, credentials: [], depositedAt: null });
    expect([compartments, locks.take]).toEqual([[], []]);
  });

  it('has no deadline for what is done already, and no credential for it', () => {
    const { sale: it, cloud } = promised();
    const ask = (name: string) => () =>
      stockDeadlines({ workflow: 'sale', deadlines: { [name]: hours(3) } }, cloud.now);
    for (const name of ['reserveUntil', 'depositBy'])
      expect(ask(name)).toThrow(`${name} is not a deadline of goods in stock`);
    expect(ask('pickupBy')()).toMatchObject({ deadlines: { pickupBy: hours(3) }, pickupWithinSeconds: null });
    const fresh = { credentialIds: ['crd_new'], keyVersion: 1 };
    expect(() => issue(it(), { step: 'deposit', method: 'pin' }, fresh, cloud.now)).toThrow('is over');
  });
});

describe('a bank that had not learned', () => {
  const gone = () => {
    const world = promised({ conditions: [] });
    world.cloud.decide(sale, (each, where, fresh, now) => cancel(each, where, 'by_caller', fresh, now));
    return world;
  };

  it('that a sale was cancelled: what it handed out is sold by it all the same, and late', () => {
    const { sale: it, unit: goods, at, cloud, journal } = gone();
    cloud.learn(journal.pickedUp(sale, door, minutes(8)));
    expect(it()).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(cloud.eventsOf(sale).slice(-3)).toEqual(['conflicted', 'picked_up', 'completed']);
    expect(goods()).toMatchObject({ state: 'sold', soldBy: sale });
    expect(at()).toMatchObject({ heldBy: null, availability: 'available' });
  });

  it('and the goods had been promised to another since: that sale ends rejected', () => {
    const { sale: it, unit: goods, at, cloud, journal } = gone();
    cloud.sell(other, unit, { conditions: [] }, minutes(9));
    cloud.learn(journal.pickedUp(sale, door, minutes(8)));
    expect(cloud.transaction(other)).toMatchObject({ state: 'rejected', rejectReason: 'compartment_empty' });
    expect(cloud.transaction(other).credentials.map(({ state }) => state)).toEqual(['revoked']);
    expect(it().state).toBe('completed');
    expect(goods().soldBy).toBe(sale);
    expect(at().heldBy).toBeNull();
    expect([...cloud.locks]).toEqual([]);
  });

  it('and another had bought them already: the second pickup is flagged, and the unit sold once', () => {
    const { sale: it, unit: goods, cloud, journal } = gone();
    cloud.sell(other, unit, { conditions: [] }, minutes(9));
    const late = journal.pickedUp(sale, door, minutes(8));
    cloud.learn(journal.pickedUp(other, door, minutes(10)));
    cloud.learn(late);
    expect(goods().soldBy).toBe(other);
    expect(cloud.eventsOf(unit)).toEqual(['registered', 'sold']);
    expect(it()).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(cloud.transaction(other)).toMatchObject({ state: 'completed', flags: [] });
  });

  it('and they were withdrawn and the door given to another since: that one keeps it', () => {
    const { sale: it, cloud, journal, at } = gone();
    cloud.world.stockUnits.set(unit, withdraw(cloud.unit(unit), at(), 'old').after);
    cloud.world.compartments.set(door, changed(at(), { heldBy: other, contents: 'empty' }, false));
    cloud.learn(journal.pickedUp(sale, door, minutes(8)));
    expect(it()).toMatchObject({ state: 'completed', flags: ['late'] });
    expect(at().heldBy).toBe(other);
    expect(cloud.unit(unit)).toMatchObject({ state: 'withdrawn', soldBy: null });
  });
});

describe('goods that are not where they should be', () => {
  const emptied = (world: ReturnType<typeof stocked>, cause: typeof byStaff | null) => {
    world.cloud.learn(world.journal.entry('contents.changed', door, { contents: 'empty' }, { of: null, cause }));
    return world;
  };

  it.each([
    ['after a command', byStaff],
    ['by nobody that is known', null],
  ])('are missing once their door is seen empty %s, and not sold', (_, cause) => {
    const { unit: it, at, cloud } = emptied(stocked(), cause);
    expect(it().state).toBe('missing');
    expect(cloud.events.at(-1)).toMatchObject({ type: 'stock_unit.missing', data: { evidence: { door } } });
    expect(at()).toMatchObject({ heldBy: unit, availability: 'reserved' });
    expect(unsellable({ unit: it(), compartment: at() }, cloud.now)).toMatchObject({ reason: 'out_of_stock' });
  });

  it('are in stock again when they are seen inside', () => {
    const { unit: it, cloud, journal } = emptied(stocked(), null);
    cloud.learn(journal.entry('door.closed', door, { contents: 'filled' }, { of: null, cause: byStaff }));
    expect(it().state).toBe('in_stock');
    expect(cloud.eventsOf(unit)).toEqual(['registered', 'missing', 'stocked']);
  });

  it('are missing while they are promised, too: the sale is disputed, and its end brings nothing back', () => {
    const { unit: it, sale: promisedTo, at, cloud } = emptied(promised(), null);
    expect(it().state).toBe('missing');
    expect(promisedTo()).toMatchObject({ state: 'stored', flags: ['payment_pending', 'disputed'] });
    cloud.decide(sale, (each, where, fresh, now) => cancel(each, where, 'by_staff', fresh, now));
    expect(at()).toMatchObject({ heldBy: unit, availability: 'reserved' });
    expect(it().state).toBe('missing');
  });

  it('are not missing by an old entry that comes late', () => {
    const { cloud, journal, unit: it } = stocked();
    const old = journal.entry('contents.changed', door, { contents: 'empty' }, { of: null, cause: null });
    cloud.learn(journal.entry('door.closed', door, { contents: 'filled' }, { of: null, cause: byStaff }));
    cloud.learn(old);
    expect(it().state).toBe('in_stock');
  });
});

describe('what is for sale', () => {
  const units = (...all: Partial<StockUnit>[]): StockUnit[] =>
    all.map((more, nth) => ({ ...unitInDoor, id: `stk_${nth + 1}`, door: String(nth + 1), ...more }));
  const doors = (count: number, more: Partial<Compartment> = {}): Compartment[] =>
    Array.from({ length: count }, (_, nth) => ({
      ...changed(newCompartment(String(nth + 1)), { heldBy: `stk_${nth + 1}`, contents: 'filled' }, true),
      ...more,
    }));
  const idsOf = (found: ReturnType<typeof sellable>) => found.map((it) => it.unit.id);

  it('goes by what keeps shortest, then by what lay there first', () => {
    const all = units(
      {},
      { bestBefore: hours(90) },
      { bestBefore: hours(50) },
      { stockedAt: '2026-02-01T12:00:00.000Z' },
    );
    expect(idsOf(sellable(all, doors(4), minutes(1)))).toEqual(['stk_3', 'stk_2', 'stk_4', 'stk_1']);
  });

  it('ends with the best-before date, and then the unit is seen but not sold', () => {
    const all = units({ bestBefore: hours(1) }, { bestBefore: hours(2) });
    expect(idsOf(sellable(all, doors(2), hours(1)))).toEqual(['stk_2']);
    const [first] = all;
    const [compartment = null] = doors(2);
    expect(first && unsellable({ unit: first, compartment }, hours(1))).toMatchObject({ reason: 'best_before_passed' });
    expect(levelsOf(all, doors(2), hours(1))).toEqual([
      { sku: 'umbrella', forSale: 1, promised: 0, placed: 0, missing: 0, pastBestBefore: 1 },
    ]);
  });

  it.each<[string, Partial<StockUnit>, Partial<Compartment>, string]>([
    ['promised', {}, { heldBy: 'txn_9' }, 'promised to txn_9'],
    ['not put in yet', { state: 'placed' }, {}, 'is placed'],
    ['sold', { state: 'sold', soldBy: 'txn_9' }, { heldBy: null }, 'is sold'],
    ['where somebody is at the door', {}, { doorState: 'open' }, 'somebody is at its door'],
    ['behind a door that jams', {}, { lock: 'jammed' }, 'out of service'],
    ['behind a door that is out of service', {}, { outOfService: 'broken' }, 'out of service'],
  ])('is nothing that is %s', (_, more, at, why) => {
    const all = units(more);
    const [compartment = null] = doors(1, at);
    expect(sellable(all, doors(1, at), minutes(1))).toEqual([]);
    const [first] = all;
    expect(first && unsellable({ unit: first, compartment }, minutes(1))?.message).toContain(why);
  });

  it('is counted by kind, and so is what is not', () => {
    const all = units({}, {}, { state: 'placed' }, { state: 'missing' }, { sku: 'socks' });
    const at = doors(5).map((it) => (it.door === '2' ? { ...it, heldBy: 'txn_9' } : it));
    expect(levelsOf(all, at, minutes(1))).toEqual([
      { sku: 'umbrella', forSale: 1, promised: 1, placed: 1, missing: 1, pastBestBefore: 0 },
      { sku: 'socks', forSale: 1, promised: 0, placed: 0, missing: 0, pastBestBefore: 0 },
    ]);
  });
});

describe('a withdrawal', () => {
  it('is refused while the goods are promised, and says to whom', () => {
    const { unit: it, at } = promised();
    expect(() => withdraw(it(), at(), 'old')).toThrow(`it is promised to ${sale}`);
  });

  it('is an end', () => {
    const { unit: it, at } = stocked();
    const { after } = withdraw(it(), at(), 'old');
    expect(after).toMatchObject({ state: 'withdrawn', withdrawnBecause: 'old' });
    expect(() => withdraw(after, null, 'again')).toThrow('it is withdrawn already');
  });
});
