import * as z from 'zod';
import { step, wakeAt } from '../../device-sim/bank.ts';
import { type BankState, type Durable, type Layout, merge, newDurable, withEmptyDisk } from '../../device-sim/state.ts';
import type { DoorChange, EnterResult, Input, Output } from '../../device-sim/turn.ts';
import type { AccessMethod } from '../../shared/device/access.ts';
import { type ConfigDocument, defaultBankConfig } from '../../shared/device/config.ts';
import type { JournalEntry } from '../../shared/device/journal.ts';
import { JournalBatch } from '../../shared/device/messages.ts';
import type { DoorGrants, Grant } from '../../shared/device/shadow.ts';
import { topics } from '../../shared/device/topics.ts';
import { verifierOf } from '../../shared/device/verifier.ts';

export const bankId = 'bnk_test';
export const journalId = 'jnl_test';
/** After the first disk was lost. */
export const journalIdAfter = 'jnl_after';
export const bankKey = Buffer.alloc(32, 7);
/** Noon, so that seconds are easy to read in a failure. */
export const startedAt = Date.UTC(2026, 0, 5, 12);

/** A grant of `value`, live from a minute ago for an hour. */
export const grantOf = (id: string, step: Grant['step'], value: string, over: Partial<Grant> = {}): Grant => ({
  id,
  step,
  method: 'pin',
  verifier: verifierOf(bankKey, over.method ?? 'pin', value),
  notBefore: startedAt / 1000 - 60,
  notAfter: startedAt / 1000 + 3600,
  uses: 1,
  ...over,
});

export const held = (transactionId: string, grants: Grant[], version = 1): DoorGrants => ({
  transactionId,
  version,
  grants,
});

/** What a parcel needs at a door: the courier's PIN 111111 and, after it, the recipient's 222222. */
export const parcel = (transactionId = 'txn_1', version = 1): DoorGrants =>
  held(
    transactionId,
    [
      grantOf(`${transactionId}_d`, 'deposit', '111111'),
      grantOf(`${transactionId}_p`, 'pickup', '222222', { after: `${transactionId}_d` }),
    ],
    version,
  );

const deepFreeze = <T>(value: T): T => {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const each of Object.values(value)) deepFreeze(each);
  }
  return value;
};

type Options = Partial<Layout> & {
  /** False: the bank was never given its key. */
  key?: boolean;
};

/** Some types share a shape. */
type Told<T extends JournalEntry['type']> = JournalEntry & { type: T };

/** A bank on a table: its clock, disk, power and cloud are in our hands, and every state is frozen. */
export class Rig {
  readonly outputs: Output[] = [];
  /** The cloud answers what is asked of shadows, at once. */
  answering = true;
  /** Sees every output, as soon as the step is taken. */
  watch: (output: Output) => void = () => undefined;
  /** The cloud knew a PIN that the bank asked about, and the bank has heard it. */
  onWelcome: () => void = () => undefined;
  /** The power goes in the middle of the next step, after so many outputs were performed. */
  crashAfter: number | null = null;
  mono = 0;
  skewMs = 0;
  state: BankState;
  /** The bank's disk, as a restart would read it. */
  disk: Durable;
  private readonly layout: Layout;
  private readonly shadows = new Map<string, { version: number; desired: Record<string, unknown> }>();
  private entered = 0;

  constructor({ key = true, ...layout }: Options = {}) {
    this.layout = {
      bankId,
      doors: ['1', '2', '3'],
      contentsSensor: true,
      sensorLagMs: 0,
      batteryBackedClock: undefined,
      ...layout,
    };
    this.disk = newDurable(this.layout, journalId, startedAt);
    if (key) this.disk.key = { generation: 1, key: bankKey.toString('base64url') };
    this.state = { layout: this.layout, durable: deepFreeze(this.disk), ram: null };
    this.setShadow('config', defaultBankConfig);
  }

  /** Powered and connected, with what the cloud has for it. */
  static online(options: Options = {}): Rig {
    const rig = new Rig(options);
    rig.power(true);
    rig.put({ type: 'connected' });
    return rig;
  }

  /** Online, and the cloud has heard of its journal. */
  static begun(options: Options = {}): Rig {
    const rig = Rig.online(options);
    rig.ack(1);
    return rig;
  }

  /** That, and with grants for its doors. */
  static holding(doors: Record<string, DoorGrants>, options: Options = {}): Rig {
    const rig = Rig.begun(options);
    rig.grants(1, doors);
    return rig;
  }

  get time(): number {
    return startedAt + this.mono;
  }

  put(input: Input): Output[] {
    const now = { mono: this.mono, wall: this.time + this.skewMs };
    const next = step(this.state, input, now);
    const outputs = next.outputs.slice(0, this.crashAfter ?? undefined);
    const hasCrashed = this.crashAfter !== null;
    this.crashAfter = null;
    for (const output of outputs) {
      if (output.type === 'persist') this.disk = merge(this.disk, JSON.parse(JSON.stringify(output.change)));
    }
    this.state = deepFreeze(next.state);
    this.outputs.push(...outputs);
    for (const output of outputs) this.watch(output);
    if (hasCrashed) this.restart();
    else if (this.answering) for (const output of outputs) this.answer(output);
    return outputs;
  }

  /** Time passes, and the bank wakes whenever it wanted to. */
  advance(seconds: number): void {
    const target = this.mono + seconds * 1000;
    for (let wake = wakeAt(this.state); wake <= target; wake = wakeAt(this.state)) {
      this.mono = Math.max(this.mono, wake);
      this.put({ type: 'tick' });
    }
    this.mono = target;
  }

  power(on: boolean): void {
    this.put({ type: 'power', on });
  }

  /** As after SIGKILL: only the disk is left. */
  restart({ online = true } = {}): void {
    this.state = { layout: this.layout, durable: deepFreeze(structuredClone(this.disk)), ram: null };
    this.power(true);
    if (online) this.put({ type: 'connected' });
  }

  /** An empty disk in place of this one, which begins a journal of its own; the cloud hands the key over once more. */
  loseDisk(): void {
    this.disk = withEmptyDisk(this.layout, this.disk, journalIdAfter, this.time);
    this.restart();
    this.hear(topics(bankId).key, { generation: 1, key: bankKey.toString('base64url') });
  }

  config(change: Partial<ConfigDocument>): void {
    const rev = (this.state.durable.config?.rev ?? 0) + 1;
    this.setShadow('config', { ...defaultBankConfig, ...change, rev });
  }

  grants(rev: number, doors: Record<string, DoorGrants>, name = 'grants-0'): void {
    this.setShadow(name, { rev, ...doors });
  }

  command(door: string, commandId: string, over: { notAfter?: number; transactionId?: string } = {}): void {
    const open = { commandId, notAfter: Math.floor(this.time / 1000) + 30, ...over };
    this.setShadow('doors-0', { ...this.shadows.get('doors-0')?.desired, [door]: { open } });
  }

  /** Writes a shadow and sends its delta, if the bank is listening. */
  setShadow(name: string, desired: Record<string, unknown>): void {
    const version = (this.shadows.get(name)?.version ?? 0) + 1;
    this.shadows.set(name, { version, desired });
    if (this.state.ram?.connected) this.delta(name, version, desired);
  }

  delta(name: string, version: number, state: Record<string, unknown>): void {
    this.hear(topics(bankId).shadow(name).delta, { version, timestamp: Math.floor(this.time / 1000), state });
  }

  hear(topic: string, payload: unknown): Output[] {
    return this.put({ type: 'message', topic, payload });
  }

  ack(seq: number, of = journalId): void {
    this.hear(topics(bankId).ack, { journalId: of, seq });
  }

  /** The cloud answers what it was last asked, in time or not. */
  answerAsk(granted: boolean): void {
    const waiting = this.state.ram?.ask;
    const outputs = this.hear(topics(bankId).answer, { askId: waiting?.askId ?? 'ask_0', granted });
    // The power may go once that is on the disk, and before anybody is told.
    const isWelcome = outputs.some(
      (output) =>
        (output.type === 'entered' && output.result.granted) ||
        (granted && output.type === 'persist' && output.change.keypad?.failures === 0),
    );
    if (isWelcome && waiting?.method === 'pin') this.onWelcome();
  }

  /** Undefined while the person is kept waiting. */
  enter(value: string, method: AccessMethod = 'pin'): EnterResult | undefined {
    this.entered += 1;
    const id = String(this.entered);
    this.put({ type: 'enter', id, method, value });
    return this.answerTo(id);
  }

  /** What the n-th person at the panel was told. */
  answerTo(id: string): EnterResult | undefined {
    return this.outputs.filter((output) => output.type === 'entered').find((output) => output.id === id)?.result;
  }

  get lastAnswer(): EnterResult | undefined {
    return this.answerTo(String(this.entered));
  }

  door(door: string, change: DoorChange): string | undefined {
    const outputs = this.put({ type: 'door', door, change });
    return outputs.find((output) => output.type === 'changed')?.impossible;
  }

  /** Puts the item in, or takes it out, and closes. */
  use(door: string, contents: 'filled' | 'empty'): void {
    this.door(door, { contents });
    this.door(door, { door: 'closed' });
  }

  /** Everything ever written, by `seq`. */
  get journal(): JournalEntry[] {
    return this.outputs.flatMap((output) => (output.type === 'persist' ? (output.change.entries ?? []) : []));
  }

  entries<T extends JournalEntry['type']>(type: T): Told<T>[] {
    return this.journal.filter((entry): entry is Told<T> => entry.type === type);
  }

  published(topic: string): unknown[] {
    return this.outputs.flatMap((output) =>
      output.type === 'publish' && output.topic === topic ? [output.payload] : [],
    );
  }

  /** The batches sent so far, as their sequence numbers. */
  get sent(): number[][] {
    const batches = this.published(topics(bankId).journal).map((batch) => JournalBatch.parse(batch));
    return batches.map(({ entries }) => entries.map(({ seq }) => seq));
  }

  get unlocked(): string[] {
    return this.outputs.flatMap((output) => (output.type === 'unlock' ? [output.door] : []));
  }

  known(door: string) {
    return this.state.durable.doors[door]?.known;
  }

  private answer(output: Output): void {
    if (output.type !== 'publish') return;
    const [, name] = output.topic.match(/\/shadow\/name\/([^/]+)\/get$/) ?? [];
    if (name === undefined) return;
    const { clientToken } = z.object({ clientToken: z.string() }).parse(output.payload);
    const timestamp = Math.floor(this.time / 1000);
    const shadow = this.shadows.get(name);
    const own = topics(bankId).shadow(name);
    if (shadow) {
      const { version, desired } = shadow;
      this.hear(own.getAccepted, { version, timestamp, clientToken, state: { desired } });
    } else this.hear(own.getRejected, { code: 404, message: 'no such shadow', timestamp, clientToken });
  }
}
