import type { Step } from '#shared/device/access.ts';
import { defaultBankConfig } from '#shared/device/config.ts';
import type { DoorStatus } from '#shared/device/door.ts';
import type { Cause, ClimateEntry, DoorEntry } from '#shared/device/journal.ts';
import type { Asset } from '#shared/domain/asset.ts';
import { assign } from '#shared/domain/assignment.ts';
import type { Bank, LayoutDoor } from '#shared/domain/bank.ts';
import { envelopesOf, type SubjectKind } from '#shared/domain/chain.ts';
import { type Compartment, changed, newCompartment } from '#shared/domain/compartment.ts';
import { type Credential, stepAtDoor } from '#shared/domain/credential.ts';
import { apply, born, type SubjectChange } from '#shared/domain/decision.ts';
import { faultOfClimate } from '#shared/domain/faults.ts';
import type { Fresh } from '#shared/domain/issuing.ts';
import { type CreateInput, create, createFromStock, type TransactionDecision } from '#shared/domain/lifecycle.ts';
import { mergeDoorEntry } from '#shared/domain/merge.ts';
import type { World } from '#shared/domain/merge-context.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { StockUnit } from '#shared/domain/stock.ts';
import { subjects } from '#shared/domain/subjects.ts';
import { epochMs, type Instant, instant, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { type Workflow, workflowOf } from '#shared/domain/workflow.ts';
import type { Envelope } from '../../events/envelope.ts';

/*
 * The cloud's decisions and a bank's journal on a table, without rows, queues or clocks: what was decided, what happened
 * at the doors, and in which order the one learns of the other are all in the hands of the test.
 */

export const startedAt: Instant = '2026-03-01T12:00:00.000Z';
export const minutes = (count: number): Instant => plusSeconds(startedAt, count * 60);
export const hours = (count: number): Instant => plusSeconds(startedAt, count * 3600);

export const anItem = { lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_000, thermalClass: 'ambient' as const };

export const doorOf = (door: string, more: Partial<LayoutDoor> = {}): LayoutDoor => ({
  door,
  widthMm: 440,
  heightMm: 300,
  depthMm: 500,
  maxMassG: 20_000,
  thermalClass: 'ambient',
  bottomMm: 100,
  ...more,
});

export const bankOf = (layout: LayoutDoor[], more: Partial<Bank> = {}): Bank => ({
  id: 'bnk_1',
  tenant: 'ten_1',
  siteId: 'sit_1',
  name: 'Station',
  lifecycle: 'active',
  simulated: false,
  layout,
  config: defaultBankConfig,
  bankKey: { generation: 1, keyVersion: 1 },
  pinDigits: 6,
  createdAt: startedAt,
  version: 1,
  ...more,
});

export const parcelInput = (id: string, more: Partial<CreateInput> = {}): CreateInput => ({
  id,
  tenant: 'ten_1',
  salt: 'salt',
  workflow: 'parcel',
  siteId: 'sit_1',
  bankId: 'bnk_1',
  bankKey: { generation: 1, keyVersion: 1 },
  externalIds: {},
  source: null,
  items: [anItem],
  recipient: {},
  parties: {},
  payment: null,
  metadata: {},
  deadlines: {},
  ...more,
});

export const anAsset: Asset = {
  id: 'ast_1',
  tenant: 'ten_1',
  name: 'drill',
  externalId: null,
  item: anItem,
  metadata: {},
  bankId: 'bnk_1',
  siteId: 'sit_1',
  door: '1',
  returnsTo: 'own_door',
  retired: null,
  createdAt: startedAt,
  version: 1,
  hash: '',
};

export const chosen = { policy: 'test', candidates: 1, reason: 'first' };

/** A new parcel, reserved at that door. */
export const reserved = (id = 'txn_1', door = '1', more: Partial<CreateInput> = {}): Transaction =>
  create(parcelInput(id, more), newCompartment(door), 6, chosen, freshFor(id, more.workflow), startedAt).transaction
    .after;

/** A credential id for each step, by its first letter, and some for whatever else is asked for. */
export const freshFor = (id: string, workflow: Workflow = 'parcel'): Fresh => ({
  credentialIds: [...workflowOf(workflow).steps.map(({ step }) => `${id}_${step.slice(0, 1)}`), `${id}_x`, `${id}_y`],
  keyVersion: 1,
});

/** A good in stock, but for where. */
export const unitInDoor = {
  id: 'stk_1',
  tenant: 'ten_1',
  sku: 'umbrella',
  state: 'in_stock',
  externalIds: {},
  item: anItem,
  bestBefore: null,
  metadata: {},
  bankId: 'bnk_1',
  siteId: 'sit_1',
  door: '1',
  stockedAt: startedAt,
  soldBy: null,
  withdrawnBecause: null,
  createdAt: startedAt,
  version: 1,
  hash: '',
} satisfies StockUnit;

/** What happened at the doors of one bank, as its journal tells it: whole and in order here, however it arrives. */
export class Journal {
  private seq = 0;
  private readonly journalId: string;
  constructor(journalId = 'jnl_1') {
    this.journalId = journalId;
  }

  entry(
    type: DoorEntry['type'],
    door: string,
    after: Partial<DoorStatus>,
    why: { of: string | null; cause: Cause | null; at?: Instant },
  ): { journalId: string; entry: DoorEntry } {
    this.seq += 1;
    const fields = {
      seq: this.seq,
      at: epochMs(why.at ?? startedAt),
      door,
      after: { door: 'closed' as const, contents: 'empty' as const, lock: 'ok' as const, ...after },
      transactionId: why.of,
      version: why.of === null ? null : 2,
      cause: why.cause,
    };
    return {
      journalId: this.journalId,
      entry: type === 'access.granted' ? { ...fields, type, method: 'pin' } : { ...fields, type },
    };
  }

  opened(step: Step, of: string, door: string, at?: Instant, contents: DoorStatus['contents'] = 'empty'): Arriving {
    return this.entry('door.opened', door, { door: 'open', contents }, { of, cause: causeOf(of, step), ...dated(at) });
  }

  closed(step: Step, of: string, door: string, contents: DoorStatus['contents'], at?: Instant): Arriving {
    return this.entry('door.closed', door, { contents }, { of, cause: causeOf(of, step), ...dated(at) });
  }

  deposited(of: string, door: string, at?: Instant): Arriving {
    return this.closed('deposit', of, door, 'filled', at);
  }

  pickedUp(of: string, door: string, at?: Instant): Arriving {
    return this.closed('pickup', of, door, 'empty', at);
  }

  /** The same with a credential that has an id of its own. */
  pickedUpWith(grantId: string, of: string, door: string, at?: Instant): Arriving {
    const cause = { grantId, step: 'pickup' as const };
    return this.entry('door.closed', door, { contents: 'empty' }, { of, cause, ...dated(at) });
  }

  /** Whoever carries it has these rights, by their ids; a bank knows them as staff's and a depositor's. */
  carried(right: Credential, of: string, door: string, contents: DoorStatus['contents'], at?: Instant): Arriving {
    const cause = { grantId: right.id, step: stepAtDoor[right.step] };
    return this.entry('door.closed', door, { contents }, { of, cause, ...dated(at) });
  }

  recalled(of: string, door: string, at?: Instant): Arriving {
    return this.closed('recall', of, door, 'empty', at);
  }
}

export type Arriving = ReturnType<Journal['entry']>;

const dated = (at?: Instant) => (at === undefined ? {} : { at });
const causeOf = (of: string, step: Step): Cause => ({ grantId: `${of}_${step.slice(0, 1)}`, step });

/** The cloud's opinion of one bank, and all that it said. */
export class Cloud {
  now: Instant = minutes(10);
  readonly world: World;
  readonly events: Envelope[] = [];
  /** Which door each asset was given by what was learned. */
  readonly assetDoors = new Map<string, unknown>();
  /** What was said of compartments, by their doors. */
  readonly ofDoors: { door: string; type: string; data: Record<string, unknown> | undefined }[] = [];
  /** Credentials whose PINs are locked at the bank. */
  readonly locks = new Set<string>();
  private drawn = 0;

  constructor(layout: LayoutDoor[]) {
    this.world = {
      bank: bankOf(layout),
      compartments: new Map(layout.map(({ door }) => [door, newCompartment(door)])),
      transactions: new Map(),
      commands: new Map(),
      stockUnits: new Map(),
      arriving: new Map(),
    };
  }

  /** Ids that sort by when they were drawn, as ours do. */
  protected fresh(): Fresh {
    this.drawn += 2;
    return { credentialIds: [this.drawn - 1, this.drawn].map((nth) => `crd_${1000 + nth}`), keyVersion: 1 };
  }

  transaction(id: string): Transaction {
    const found = this.world.transactions.get(id);
    if (!found) throw new Error(`there is no ${id}`);
    return found;
  }

  compartment(door: string): Compartment {
    const found = this.world.compartments.get(door);
    if (!found) throw new Error(`there is no door ${door}`);
    return found;
  }

  /** The other door that is held for it, while its item is to be moved there. */
  target(id: string): Compartment | null {
    const { move } = this.transaction(id);
    return move?.stage === 'planned' ? this.compartment(move.to) : null;
  }

  /** Its newest credential of that step. */
  right(id: string, step: Credential['step']): Credential {
    const found = this.transaction(id).credentials.findLast((it) => it.step === step);
    if (!found) throw new Error(`${id} has no credential to ${step}`);
    return found;
  }

  heldDoors(id: string): string[] {
    return [...this.world.compartments.values()].filter((it) => it.heldBy === id).map((it) => it.door);
  }

  eventsOf(id: string): string[] {
    return this.events
      .filter((it) => it.subject === id)
      .map((it) => it.type.replace(/^(transaction|stock_unit)\./, ''));
  }

  /** Reserves a door for a new parcel; false if there is none. Ten minutes ago: time enough for something to happen. */
  reserve(id: string, more: Partial<CreateInput> = {}, at: Instant = startedAt): boolean {
    const input = parcelInput(id, more);
    const found = assign(input.items, id, this.world.bank, [...this.world.compartments.values()], this.now);
    const [compartment] = found.doors;
    if (!compartment) return false;
    this.save(id, create(input, compartment, 6, chosen, freshFor(id, input.workflow), at));
    return true;
  }

  /** A loan of an asset that has this door. */
  lend(id: string, assetId: string, home: Compartment): void {
    const input = parcelInput(id, { workflow: 'loan', assetId });
    this.save(id, create(input, home, 6, chosen, freshFor(id, 'loan'), startedAt));
  }

  /** Goods that lie in stock in this door. */
  stock(id: string, door: string, more: Partial<StockUnit> = {}): void {
    const unit: StockUnit = { ...unitInDoor, id, door, ...more };
    this.sayOfUnit(born(unit, 'stock_unit.registered'));
    const home = changed(this.compartment(door), { heldBy: id, contents: 'filled' }, true);
    this.world.compartments.set(door, home);
  }

  /** A sale of goods in stock. */
  sell(id: string, unitId: string, more: Partial<CreateInput> = {}, at: Instant = startedAt): void {
    const { door, item, stockedAt } = this.unit(unitId);
    const input = { ...parcelInput(id, { workflow: 'sale', items: [item], ...more }), stockUnitId: unitId };
    const compartment = this.compartment(door ?? '');
    const where = { compartment, stockedAt: stockedAt ?? at };
    // Nobody deposits it any more.
    const { keyVersion, credentialIds } = freshFor(id, 'sale');
    const fresh = { keyVersion, credentialIds: credentialIds.slice(1) };
    this.save(id, createFromStock(input, where, 6, chosen, fresh, at));
  }

  unit(id: string): StockUnit {
    const found = this.world.stockUnits.get(id);
    if (!found) throw new Error(`there is no ${id}`);
    return found;
  }

  /** Takes a decision on a transaction as it is now; one that comes to nothing changes nothing. */
  decide(
    id: string,
    how: (
      it: Transaction,
      at: Compartment,
      fresh: Fresh,
      now: Instant,
      target: Compartment | null,
    ) => TransactionDecision | null,
  ): void {
    const it = this.transaction(id);
    const decision = how(it, this.compartment(it.door ?? '1'), this.fresh(), this.now, this.target(id));
    if (decision) this.save(id, decision);
  }

  /** What arrives together is taken in the order it was written in. */
  learn(...arriving: Arriving[]): void {
    const inOrder = arriving.toSorted((a, b) => a.entry.seq - b.entry.seq);
    const world = { ...this.world, arriving: new Map(inOrder.map(({ entry }) => [entry.door, entry])) };
    for (const { journalId, entry } of inOrder) {
      const {
        emissions,
        take,
        drop,
        stock,
        assets = [],
        compartment = [],
      } = mergeDoorEntry(world, journalId, entry, this.fresh(), this.now);
      this.takeIn(entry.door, compartment);
      for (const it of assets) this.assetDoors.set(it.assetId, it.emissions.at(-1)?.set.door);
      for (const it of emissions) {
        this.say(it.transactionId, apply(this.transaction(it.transactionId), it.emissions));
      }
      if (stock) this.sayOfUnit(apply(this.unit(stock.unitId), [stock.emission]));
      this.lock(take, drop);
    }
  }

  /** The bank tells of a temperature. */
  learnOfClimate(journalId: string, entry: ClimateEntry): void {
    const { emissions, compartment = [] } = faultOfClimate(this.world, journalId, entry, this.now);
    this.takeIn(entry.door, compartment);
    for (const it of emissions) this.say(it.transactionId, apply(this.transaction(it.transactionId), it.emissions));
  }

  private takeIn(door: string, said: { type: string; data?: Record<string, unknown> }[]): void {
    this.ofDoors.push(...said.map(({ type, data }) => ({ door, type: type.replace('compartment.', ''), data })));
  }

  private save(id: string, { transaction, compartments, locks }: TransactionDecision): void {
    this.say(id, transaction);
    for (const { after } of compartments) this.world.compartments.set(after.door, after);
    this.lock(locks.take, locks.drop);
  }

  private sayOfUnit(change: SubjectChange<StockUnit>): void {
    this.tell(subjects.stockUnit, change, (after) => this.world.stockUnits.set(after.id, after));
  }

  private say(id: string, change: TransactionDecision['transaction']): void {
    this.tell(subjects.transaction, change, (after) => this.world.transactions.set(id, after));
  }

  protected tell<Subject extends { version: number; hash: string }>(
    kind: SubjectKind<Subject>,
    change: SubjectChange<Subject>,
    keep: (after: Subject) => void,
  ): void {
    const actor = { type: 'system' as const, id: 'test' };
    const newEventId = () => `evt_${this.events.length + 1}`;
    const events = envelopesOf(kind, change, { actor, now: this.now, newEventId });
    this.events.push(...events);
    keep({ ...change.after, hash: events.at(-1)?.hash ?? change.after.hash });
  }

  private lock(take: Credential[], drop: Credential[]): void {
    for (const { id } of take) this.locks.add(id);
    for (const { id } of drop) this.locks.delete(id);
  }
}

/** When the newest entry of the doors was made; journals count from 1. */
export const lastAt = (compartment: Compartment): Instant | null =>
  compartment.lastEntry && instant(compartment.lastEntry.at);

/** What an attempt is refused with; it is to be refused. */
export const refusalOf = (attempt: () => unknown): Refusal => {
  try {
    attempt();
  } catch (error) {
    if (error instanceof Refusal) return error;
    throw error;
  }
  throw new Error('it was not refused');
};
