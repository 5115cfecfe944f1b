import type { Contents, DoorStatus } from '#shared/device/door.ts';
import type { DoorEntry } from '#shared/device/journal.ts';
import { mustScan } from '#shared/device/label.ts';
import { judge } from './climate.ts';
import { journal } from './journal.ts';
import { panel } from './panel.ts';
import { markForReport } from './requests.ts';
import { type Change, type Cycle, type DoorMemory, sensed } from './state.ts';
import { accessTime, certainTime } from './time.ts';
import { config, doorMemory, heldFor, ram, remember, type Turn } from './turn.ts';

/** A cycle that nobody the bank knows of began. */
export const unexplained = (turn: Turn, door: string): Cycle => {
  const held = heldFor(turn, door);
  return { transactionId: held?.transactionId ?? null, version: held?.version ?? null, cause: null, done: true };
};

/** An entry about a door: its whole state after it, and what the cycle says about why. */
export const doorFields = (turn: Turn, door: string, memory: DoorMemory, cycle = memory.cycle) => {
  const { transactionId, version, cause } = cycle ?? unexplained(turn, door);
  return { door, after: memory.known, transactionId, version, cause };
};

type Seen = Exclude<DoorEntry['type'], 'access.granted'>;

/** Journals what a door's sensors now say, with the memory and whatever else goes with it. */
const saw = (turn: Turn, type: Seen, door: string, memory: DoorMemory, cycle = memory.cycle, also: Change = {}): void =>
  journal(turn, { type, ...doorFields(turn, door, memory, cycle) }, { ...also, doors: { [door]: memory } });

const knowing = (memory: DoorMemory, known: Partial<DoorStatus>): DoorMemory => ({
  ...memory,
  known: { ...memory.known, ...known },
});

const openSince = (turn: Turn, door: string, since: number | null): void => {
  const { [door]: _, ...rest } = ram(turn).openSince;
  remember(turn, { openSince: since === null ? rest : { ...rest, [door]: since } });
};

/** The lock is tried. Whoever calls has persisted why. False: it is jammed, and the door stays shut. */
export const unlock = (turn: Turn, door: string, cycle: Cycle): boolean => {
  turn.outputs.push({ type: 'unlock', door, cycle });
  const before = doorMemory(turn, door);
  if (before.actual.lock === 'jammed') {
    saw(turn, 'lock.jammed', door, knowing(before, { lock: 'jammed' }), cycle);
    return false;
  }
  const opened = { ...before, cycle, actual: { ...before.actual, door: 'open' as const } };
  saw(turn, 'door.opened', door, knowing(opened, { door: 'open', lock: 'ok' }));
  openSince(turn, door, turn.now.mono);
  return true;
};

/** Prised open, or opened by key. */
export const force = (turn: Turn, door: string): void => {
  const before = doorMemory(turn, door);
  const opened = { ...before, cycle: unexplained(turn, door), actual: { ...before.actual, door: 'open' as const } };
  saw(turn, 'door.forced', door, knowing(opened, { door: 'open' }));
  openSince(turn, door, turn.now.mono);
};

export const ajar = (turn: Turn, door: string): void => {
  const before = doorMemory(turn, door);
  const next = { ...before, actual: { ...before.actual, door: 'ajar' as const } };
  saw(turn, 'door.ajar', door, knowing(next, { door: 'ajar' }));
};

/** Pushed shut, and the lock does not catch it. */
const unlatched = (turn: Turn, door: string, before: DoorMemory): void => {
  const next = { ...before, actual: { ...before.actual, door: 'ajar' as const } };
  saw(turn, 'lock.jammed', door, knowing(next, { door: 'ajar', lock: 'jammed' }));
};

export const close = (turn: Turn, door: string): void => {
  const before = doorMemory(turn, door);
  if (before.actual.lock === 'jammed') {
    unlatched(turn, door, before);
    return;
  }
  const shut = knowing({ ...before, actual: { ...before.actual, door: 'closed' } }, { door: 'closed', lock: 'ok' });
  const { memory, change } = settled(turn, { ...shut, item: itemAtClose(shut) });
  openSince(turn, door, null);
  noteMissedScan(turn, door, before.cycle, memory.cycle);
  saw(turn, 'door.closed', door, memory, memory.cycle, change);
  if (memory.cycle?.cause && 'commandId' in memory.cycle.cause) markForReport(turn, door);
  panel(turn, memory.cycle && !memory.cycle.done ? 'not_done' : 'closed', door);
};

/** The contents sensor noticed. News of a closed door belongs to its last cycle, the deposit or pickup just made. */
export const notice = (turn: Turn, door: string): void => {
  const { [door]: _, ...noticeAt } = ram(turn).noticeAt;
  remember(turn, { noticeAt });
  const before = doorMemory(turn, door);
  const contents = sensed(before);
  if (contents === before.known.contents) return;
  const seen = { ...knowing(before, { contents }), item: itemAfter(before, contents) };
  // A sensor that fails tells nothing of what the last person did.
  const hasFailed = contents === 'unknown';
  const { memory, change } = hasFailed ? { memory: seen, change: {} } : settled(turn, seen);
  noteMissedScan(turn, door, before.cycle, memory.cycle);
  saw(turn, 'contents.changed', door, memory, hasFailed ? unexplained(turn, door) : memory.cycle, change);
};

/** A step that is now done without its label, where that had to be scanned. */
const noteMissedScan = (turn: Turn, door: string, before: Cycle | null, after: Cycle | null): void => {
  const step = stepOf(after);
  const held = heldFor(turn, door);
  if (step === null || !after?.done || before?.done || after.scanned || after.transactionId === null) return;
  if (held?.transactionId !== after.transactionId || !mustScan(held.label, step)) return;
  journal(turn, { type: 'scan', door, value: '', result: 'missed', transactionId: after.transactionId, step });
};

const itemAfter = ({ item, cycle }: DoorMemory, contents: Contents): string | null => {
  if (contents === 'empty') return null;
  return contents === 'filled' ? (item ?? cycle?.transactionId ?? null) : item;
};

/** Without a sensor only a deposit is certain to leave an item; after any other opening the bank cannot know. */
const itemAtClose = ({ known, cycle, item }: DoorMemory): string | null => {
  if (known.contents !== 'unknown') return item;
  return stepOf(cycle) === 'deposit' ? (cycle?.transactionId ?? null) : null;
};

const stepOf = (cycle: Cycle | null) => (cycle?.cause && 'step' in cycle.cause ? cycle.cause.step : null);

/** The contents that show a step done once the door is closed (design.md section 4). */
const doneWith = {
  deposit: ['filled', 'unknown'],
  pickup: ['empty', 'unknown'],
  recall: ['empty', 'unknown'],
  use: ['empty', 'filled', 'unknown'],
} as const satisfies Record<NonNullable<ReturnType<typeof stepOf>>, Contents[]>;

/** Spends a use if the step is done; that, not the opening, is what spends it. */
const settled = (turn: Turn, memory: DoorMemory): { memory: DoorMemory; change: Change } => {
  const { cycle, known } = memory;
  const step = stepOf(cycle);
  const isDone = step !== null && (doneWith[step] as readonly Contents[]).includes(known.contents);
  if (!cycle?.cause || cycle.done || known.door !== 'closed' || !isDone) return { memory, change: {} };
  const done = { ...memory, cycle: { ...cycle, done: true } };
  return { memory: done, change: 'grantId' in cycle.cause ? spend(turn, cycle.cause, known) : {} };
};

/** As long as an app's token may live, and longer: what has ended by itself need not be remembered. */
const nonceKeptMs = 3_600_000;

type ByGrant = Extract<NonNullable<Cycle['cause']>, { grantId: string }>;

const spend = (turn: Turn, { grantId, tokenId }: ByGrant, known: DoorStatus): Change => {
  const before = turn.state.durable.uses[grantId];
  const count = (before?.count ?? 0) + 1;
  const time = accessTime(turn.state, turn.now)?.estimate ?? certainTime(turn.state, turn.now);
  const reopenUntil = known.contents === 'unknown' ? time + config(turn).reopenSeconds * 1000 : 0;
  const uses = { [grantId]: { count, at: before?.at ?? time, reopenUntil } };
  if (tokenId === undefined) return { uses };
  const over = Object.entries(turn.state.durable.spent).filter(([, until]) => until < time);
  const spent = { ...Object.fromEntries(over.map(([id]) => [id, null])), [tokenId]: time + nonceKeptMs };
  return { uses, spent };
};

/** After a power cut the controller looks at every door and journals what happened in the dark. */
export const lookAround = (turn: Turn): void => {
  for (const door of turn.state.layout.doors) {
    const memory = doorMemory(turn, door);
    const { actual, known } = memory;
    if (actual.door !== 'closed') openSince(turn, door, turn.now.mono);
    if (actual.door !== 'closed' && known.door === 'closed') force(turn, door);
    notice(turn, door);
    if (actual.door === 'closed' && known.door !== 'closed') close(turn, door);
    judge(turn, door);
  }
};

export const tickDoors = (turn: Turn): void => {
  const { openSince: since, noticeAt } = ram(turn);
  for (const [door, at] of Object.entries(noticeAt)) if (at <= turn.now.mono) notice(turn, door);
  const ajarAfterMs = config(turn).ajarAfterSeconds * 1000;
  for (const [door, at] of Object.entries(since)) {
    if (turn.now.mono >= at + ajarAfterMs && doorMemory(turn, door).known.door === 'open') ajar(turn, door);
  }
};

/** When `tickDoors` next has something to do. */
export const doorsWakeAt = (turn: Turn): number => {
  const ajarAfterMs = config(turn).ajarAfterSeconds * 1000;
  const waiting = Object.entries(ram(turn).openSince).filter(([door]) => doorMemory(turn, door).known.door === 'open');
  return Math.min(...Object.values(ram(turn).noticeAt), ...waiting.map(([, since]) => since + ajarAfterMs));
};
