import { step, wakeAt } from '../../device-sim/bank.ts';
import { type BankState, type Cycle, type Durable, type Layout, merge, newDurable } from '../../device-sim/state.ts';
import type { EnterResult, Input, Output } from '../../device-sim/turn.ts';
import { Ask } from '../../shared/device/ask.ts';
import { defaultBankConfig } from '../../shared/device/config.ts';
import { isDoorEntry, type JournalEntry } from '../../shared/device/journal.ts';
import { JournalBatch } from '../../shared/device/messages.ts';
import type { DoorGrants } from '../../shared/device/shadow.ts';
import { topics } from '../../shared/device/topics.ts';
import { verifierOf } from '../../shared/device/verifier.ts';
import type { Command } from '../../shared/domain/command.ts';
import { commandIdOf, commandReport } from '../../shared/domain/command-reports.ts';
import { order, timeOutIfDue } from '../../shared/domain/commanding.ts';
import type { Credential } from '../../shared/domain/credential.ts';
import { apply, type SubjectChange } from '../../shared/domain/decision.ts';
import { doorGrants, doorOf, whyNot } from '../../shared/domain/grants.ts';
import { expireIfDue } from '../../shared/domain/lifecycle.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { subjects } from '../../shared/domain/subjects.ts';
import { epochMs, instant, plusSeconds } from '../../shared/domain/time.ts';
import { contiguous } from '../../shared/store/journal.ts';
import { Cloud, doorOf as layoutDoor, startedAt } from './cloud-and-bank.ts';

const bankId = 'bnk_1';
const labels = ['1', '2'];
const bankKey = Buffer.alloc(32, 7);
const beganAt = epochMs(startedAt);
const own = topics(bankId);

/** The same PIN for a credential wherever it is asked for, and no other's. */
const pins = new Map<string, { pin: string; verifier: string }>();
const pinOf = ({ id }: Pick<Credential, 'id'>): { pin: string; verifier: string } => {
  const known = pins.get(id);
  if (known) return known;
  const pin = String(pins.size + 1).padStart(6, '0');
  const made = { pin, verifier: verifierOf(bankKey, 'pin', pin) };
  pins.set(id, made);
  return made;
};

/** The cloud's decisions with commands, and what it has taken of the bank's journal: each entry once, however it comes. */
class CloudOfBank extends Cloud {
  readonly recorded = new Set<number>();
  private readonly asked = new Set<string>();
  private commandsDrawn = 0;

  constructor() {
    super(labels.map((door) => layoutDoor(door)));
  }

  hear(journalId: string, entries: JournalEntry[]): void {
    const fresh = entries.filter(({ seq }) => !this.recorded.has(seq)).toSorted((a, b) => a.seq - b.seq);
    for (const entry of fresh) {
      this.recorded.add(entry.seq);
      const command = this.world.commands.get(commandIdOf(entry) ?? '');
      const reports = command ? commandReport(command, entry) : [];
      if (command && reports.length > 0) this.sayOfCommand(apply(command, reports));
    }
    this.learn(...fresh.filter(isDoorEntry).map((entry) => ({ journalId, entry })));
  }

  get acknowledged(): number {
    return contiguous(0, this.recorded);
  }

  /** What is due becomes so whenever somebody looks. */
  look(): void {
    for (const { id } of this.world.transactions.values())
      this.decide(id, (it, at, fresh, now, target) => expireIfDue(it, at, fresh, now, target));
    for (const command of this.world.commands.values()) {
      const change = timeOutIfDue(command, this.now);
      if (change) this.sayOfCommand(change);
    }
  }

  command(door: string, seconds: number, credential: Command['credential'] = null): Command {
    const compartment = this.compartment(door);
    const previous = this.world.commands.get(compartment.commandId ?? '') ?? null;
    this.commandsDrawn += 1;
    const id = `cmd_${1000 + this.commandsDrawn}`;
    const input = { id, reason: 'x', notAfter: plusSeconds(this.now, seconds), credential };
    const ordered = order(this.world.bank, compartment, previous, input, this.now);
    if (ordered.superseded) this.sayOfCommand(ordered.superseded);
    this.sayOfCommand(ordered.command);
    this.world.compartments.set(door, ordered.compartment.after);
    return ordered.command.after;
  }

  /** A door command, or the reason why not; null for a question that was answered before. */
  answer({ askId, verifier }: Ask): Command | { reason: string } | null {
    if (this.asked.has(askId)) return null;
    this.asked.add(askId);
    for (const it of this.world.transactions.values())
      for (const credential of it.credentials) {
        if (pinOf(credential).verifier !== verifier) continue;
        const denial = whyNot(it, credential, this.now);
        const door = doorOf(it, credential);
        if (denial || door === null) return denial ?? { reason: 'credential_revoked' };
        return this.command(door, 10, { id: credential.id, step: credential.step });
      }
    return { reason: 'wrong_credential' };
  }

  /** What the bank may decide alone, as it is now. */
  get grants(): Record<string, DoorGrants> {
    const held = [...this.world.compartments.values()].flatMap(({ door, heldBy }) => {
      const it = this.world.transactions.get(heldBy ?? '');
      return it ? [[door, doorGrants(it, (credential) => pinOf(credential).verifier, door)] as const] : [];
    });
    return Object.fromEntries(held);
  }

  private sayOfCommand(change: SubjectChange<Command>): void {
    this.tell(subjects.command, change, (after) => this.world.commands.set(after.id, after));
  }
}

/** The door is at another command: whoever asked is left to wait in vain, and asks again. */
const answerOf = <Answer>(how: () => Answer): Answer | null => {
  try {
    return how();
  } catch (error) {
    if (error instanceof Refusal) return null;
    throw error;
  }
};

type Message = { topic: string; payload: unknown; sentAt: number; isShort: boolean };
type Unlocked = { door: string; cycle: Cycle; at: number; grantsRev: number; toleranceMs: number };

/** A bank and its cloud, with a link that keeps every message until the test says what becomes of it. */
export class Together {
  readonly cloud = new CloudOfBank();
  state: BankState;
  readonly up: Message[] = [];
  readonly down: Message[] = [];
  skewMs = 0;
  mono = 500;
  /** The power goes in the middle of the next step, after so many outputs were performed. */
  crashAfter: number | null = null;
  /** Everything that the locks did, and what the bank wrote. */
  readonly unlocked: Unlocked[] = [];
  readonly journal: JournalEntry[] = [];
  /** What was spent, and with which entry. */
  readonly spent: { grantId: string; count: number; seq: number }[] = [];
  /** `grants-0` as the cloud has ever shown it. */
  readonly shown = new Map<number, Record<string, DoorGrants>>();
  watch: (output: Output) => void = () => undefined;
  private readonly shadows = new Map<string, { version: number; desired: Record<string, unknown> }>();
  private readonly layout: Layout;
  private entered = 0;
  private lastResult: EnterResult | undefined;

  constructor(hardware: { contentsSensor: boolean; batteryBackedClock: boolean }) {
    const { contentsSensor, batteryBackedClock } = hardware;
    this.layout = { bankId, doors: labels, contentsSensor, sensorLagMs: 0, batteryBackedClock };
    const disk = newDurable(this.layout, 'jnl_1', beganAt);
    this.state = {
      layout: this.layout,
      durable: { ...disk, key: { generation: 1, key: bankKey.toString('base64url') } },
      ram: null,
    };
    this.cloud.now = instant(this.time);
    this.setShadow('config', { ...defaultBankConfig, batteryBackedClock });
    this.put({ type: 'power', on: true });
    this.connect();
    this.settle();
  }

  get time(): number {
    return beganAt + this.mono;
  }

  get isConnected(): boolean {
    return this.state.ram?.connected === true;
  }

  put(input: Input): void {
    const before = this.state.durable;
    const next = step(this.state, input, { mono: this.mono, wall: this.time + this.skewMs });
    const hasCrashed = this.crashAfter !== null;
    const outputs = next.outputs.slice(0, this.crashAfter ?? undefined);
    this.crashAfter = null;
    let disk: Durable = before;
    this.state = next.state;
    for (const output of outputs) {
      if (output.type === 'persist') {
        if (hasCrashed) disk = merge(disk, output.change);
        this.wrote(output.change);
      } else if (output.type === 'unlock') this.opened(output.door, output.cycle);
      else if (output.type === 'entered') this.lastResult = output.result;
      else if (output.type === 'publish' && next.state.ram?.connected) {
        const { topic, payload, expirySeconds } = output;
        this.up.push({ topic, payload, sentAt: this.mono, isShort: expirySeconds !== undefined });
      }
      this.watch(output);
    }
    if (hasCrashed) this.restart(disk);
  }

  /** As after SIGKILL: only the disk is left. */
  restart(disk: Durable = this.state.durable): void {
    this.down.length = 0;
    this.state = { layout: this.layout, durable: disk, ram: null };
    this.put({ type: 'power', on: true });
  }

  connect(): void {
    if (this.state.ram && !this.state.ram.connected) this.put({ type: 'connected' });
  }

  /** Sessions are clean: what was coming down is lost. */
  disconnect(): void {
    this.down.length = 0;
    this.put({ type: 'disconnected' });
  }

  /** Time passes, and the bank wakes whenever it wanted to. */
  advance(seconds: number): void {
    const target = this.mono + seconds * 1000;
    for (let wake = wakeAt(this.state); wake <= target; wake = wakeAt(this.state)) {
      this.mono = Math.max(this.mono, wake);
      this.put({ type: 'tick' });
    }
    this.mono = target;
    this.cloud.now = instant(this.time);
  }

  /** Whoever comes with the newest PIN of that step. */
  enter(transactionId: string, wanted: Credential['step']): EnterResult | undefined {
    const credential = this.cloud.transaction(transactionId).credentials.findLast((it) => it.step === wanted);
    return credential && this.type(pinOf(credential).pin);
  }

  /** Undefined while the person is kept waiting. */
  type(value: string): EnterResult | undefined {
    this.entered += 1;
    this.lastResult = undefined;
    this.put({ type: 'enter', id: String(this.entered), method: 'pin', value });
    return this.lastResult;
  }

  /** Something is put in or taken out of an open door, and it is closed. */
  use(door: string, contents: 'filled' | 'empty'): void {
    this.put({ type: 'door', door, change: { contents } });
    this.put({ type: 'door', door, change: { door: 'closed' } });
  }

  command(door: string, seconds: number): void {
    this.send(this.cloud.command(door, seconds));
  }

  /** The cloud says what the bank may decide alone, as it is now. */
  showGrants(): void {
    const rev = (this.shown.size === 0 ? 0 : Math.max(...this.shown.keys())) + 1;
    this.shown.set(rev, this.cloud.grants);
    this.setShadow('grants-0', { rev, ...this.cloud.grants });
  }

  /** The nth message that is under way arrives; a copy of it may stay. */
  deliver(way: 'up' | 'down', nth: number, { isCopied = false } = {}): void {
    const queue = this[way];
    const [message] = isCopied ? queue.slice(nth % queue.length) : queue.splice(nth % queue.length, 1);
    if (!message) return;
    if (way === 'up') this.arrives(message);
    else if (this.isConnected) this.put({ type: 'message', topic: message.topic, payload: message.payload });
  }

  lose(way: 'up' | 'down', nth: number): void {
    const queue = this[way];
    if (queue.length > 0) queue.splice(nth % queue.length, 1);
  }

  /** All that is under way arrives, and all that follows from it. */
  settle(): void {
    for (let round = 0; round < 200 && this.up.length + this.down.length > 0; round += 1) {
      while (this.up.length > 0) this.deliver('up', 0);
      while (this.down.length > 0) this.deliver('down', 0);
    }
  }

  private send(command: Command): void {
    const { door, id, transactionId, credential, notAfter } = command;
    const names = credential || transactionId === null ? {} : { transactionId };
    const open = { commandId: id, notAfter: Math.floor(epochMs(notAfter) / 1000), ...names };
    this.setShadow('doors-0', { ...this.shadows.get('doors-0')?.desired, [door]: { open } });
  }

  private setShadow(name: string, desired: Record<string, unknown>): void {
    const version = (this.shadows.get(name)?.version ?? 0) + 1;
    this.shadows.set(name, { version, desired });
    this.tellBank(own.shadow(name).delta, { version, timestamp: Math.floor(this.time / 1000), state: desired });
  }

  private tellBank(topic: string, payload: unknown): void {
    if (this.isConnected) this.down.push({ topic, payload, sentAt: this.mono, isShort: false });
  }

  private arrives({ topic, payload, sentAt, isShort }: Message): void {
    // Its expiry has passed.
    if (isShort && this.mono - sentAt > 5_000) return;
    const [, name] = topic.match(/\/shadow\/name\/([^/]+)\/get$/) ?? [];
    if (name !== undefined) this.answerGet(name, payload);
    else if (topic === own.journal) this.takeJournal(JournalBatch.parse(payload));
    else if (topic === own.ask) this.answerAsk(Ask.parse(payload));
  }

  private answerGet(name: string, payload: unknown): void {
    const { clientToken } = Object(payload);
    const shadow = this.shadows.get(name);
    const timestamp = Math.floor(this.time / 1000);
    if (!shadow) this.tellBank(own.shadow(name).getRejected, { code: 404, message: 'none', timestamp, clientToken });
    else {
      const { version, desired } = shadow;
      this.tellBank(own.shadow(name).getAccepted, { version, timestamp, clientToken, state: { desired } });
    }
  }

  private takeJournal({ journalId, entries }: JournalBatch): void {
    const hasBegun = this.cloud.acknowledged > 0;
    this.cloud.hear(journalId, entries);
    const seq = this.cloud.acknowledged;
    if (!hasBegun && seq > 0) this.showGrants();
    this.tellBank(own.ack, { journalId, seq });
    const last = Math.max(...entries.map((it) => it.seq));
    const next = [...this.cloud.recorded].filter((it) => it > seq).toSorted((a, b) => a - b)[0];
    if (last > seq && next !== undefined) this.tellBank(own.replay, { journalId, from: seq + 1, to: next - 1 });
  }

  private answerAsk(ask: Ask): void {
    const answer = answerOf(() => this.cloud.answer(ask));
    if (answer === null) return;
    if ('door' in answer) {
      this.send(answer);
      this.tellBank(own.answer, { askId: ask.askId, granted: true, door: answer.door });
    } else this.tellBank(own.answer, { askId: ask.askId, granted: false, reason: answer.reason });
  }

  private wrote({
    entries = [],
    uses = {},
  }: {
    entries?: JournalEntry[];
    uses?: Record<string, { count: number } | null>;
  }) {
    this.journal.push(...entries);
    const seq = entries.at(-1)?.seq ?? 0;
    for (const [grantId, use] of Object.entries(uses)) if (use) this.spent.push({ grantId, count: use.count, seq });
  }

  private opened(door: string, cycle: Cycle): void {
    const { ram, durable } = this.state;
    const grantsRev = durable.grants['grants-0']?.rev ?? 0;
    // The cloud tells whole seconds, and an answer is waited for 5 s; a clock of its own is as wrong as it was turned.
    const toleranceMs = 6_500 + (ram?.cloudTime ? 0 : Math.abs(this.skewMs));
    this.unlocked.push({ door, cycle, at: this.time, grantsRev, toleranceMs });
  }
}
