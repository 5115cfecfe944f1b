import { isDoorEntry, type JournalEntry, type JournalEntryType } from '#shared/device/journal.ts';
import { JournalAck, ReplayRequest } from '#shared/device/messages.ts';
import { topics } from '#shared/device/topics.ts';
import { askForGrants, hasBegun } from './requests.ts';
import type { Change, Durable, Ram } from './state.ts';
import { heardNow, type NewEntry, ram, remember, type Turn, write, writeEntry } from './turn.ts';

/**
 * When an entry leaves the bank. `now`: somebody waits for it, or it ends a door's cycle. `hold`: goes with the batch
 * of its cycle, because every message costs.
 */
const urgency = {
  'access.granted': 'hold',
  'door.opened': 'hold',
  'door.closed': 'now',
  'door.ajar': 'now',
  'door.forced': 'now',
  'contents.changed': 'hold',
  'lock.jammed': 'now',
  'access.denied': 'now',
  'command.acknowledged': 'now',
  'command.rejected': 'now',
  'command.failed': 'now',
  'grants.applied': 'now',
  boot: 'now',
  scan: 'hold',
  'temperature.read': 'hold',
  'temperature.left_range': 'now',
  'temperature.back_in_range': 'now',
  'power.lost': 'now',
  'power.restored': 'now',
  tamper: 'now',
  'journal.truncated': 'now',
} as const satisfies Record<JournalEntryType, 'now' | 'hold'>;

export const limits = {
  /** Entries kept for resending and replay. */
  kept: 5000,
  /** Entries forgotten at a time when there is no room: dropping one by one would fill the journal with saying so. */
  dropped: 100,
  /** Well below the 128 KB of an AWS IoT message. */
  perBatch: 100,
  /** Entries under way without an acknowledgement. */
  window: 500,
  /** A door may stand open for long: the cloud should not wait for it to close. */
  holdMs: 5000,
  resendMs: { first: 2000, last: 60_000 },
} as const;

/** An opening by command is that command's result, and late news of a closed door has nothing left to wait for. */
const isUrgent = (turn: Turn, entry: JournalEntry): boolean => {
  if (urgency[entry.type] === 'now') return true;
  if (!isDoorEntry(entry)) return false;
  if (entry.type === 'door.opened') return entry.cause !== null && 'commandId' in entry.cause;
  return entry.type === 'contents.changed' && turn.state.durable.doors[entry.door]?.known.door === 'closed';
};

/** Writes an entry to the bank's disk, with what else it changes, and sends it now or with its door's cycle. */
export const journal = (turn: Turn, entry: NewEntry, change: Change = {}): void => {
  makeRoom(turn);
  const written = writeEntry(turn, entry, change);
  const { journal: sending } = ram(turn);
  if (isUrgent(turn, written)) flush(turn);
  else if (sending.holdUntil === null) {
    remember(turn, { journal: { ...sending, holdUntil: turn.now.mono + limits.holdMs } });
  }
};

/** Everything written so far is due. */
export const flush = (turn: Turn): void => {
  const { lastSeq } = turn.state.durable;
  remember(turn, { journal: { ...ram(turn).journal, due: lastSeq, holdUntil: null } });
  pump(turn);
};

const send = (turn: Turn, entries: JournalEntry[]): void => {
  const { layout, durable } = turn.state;
  for (let start = 0; start < entries.length; start += limits.perBatch) {
    turn.outputs.push({
      type: 'publish',
      topic: topics(layout.bankId).journal,
      payload: { journalId: durable.journalId, entries: entries.slice(start, start + limits.perBatch) },
      qos: 1,
    });
  }
};

const between = ({ entries }: Durable, from: number, to: number): JournalEntry[] =>
  entries.filter(({ seq }) => seq >= from && seq <= to);

/** What was dropped cannot be acknowledged before the cloud knows that it was, so the window does not hold this back. */
const beyond = ({ entries }: Durable, to: number): JournalEntry[] =>
  entries.filter(({ type, seq }) => type === 'journal.truncated' && seq > to);

const pump = (turn: Turn): void => {
  const { connected, journal: sending } = ram(turn);
  const { durable } = turn.state;
  if (!connected) return;
  const from = Math.max(durable.acked, sending.sent) + 1;
  const to = Math.min(sending.due, durable.acked + limits.window);
  if (to < from) return;
  send(turn, [...(from === durable.acked + 1 ? beyond(durable, to) : []), ...between(durable, from, to)]);
  const resendAt = sending.resendAt ?? turn.now.mono + sending.backoffMs;
  remember(turn, { journal: { ...sending, sent: to, resendAt } });
};

export const newSending = (acked: number): Ram['journal'] => ({
  sent: acked,
  due: acked,
  holdUntil: null,
  resendAt: null,
  backoffMs: limits.resendMs.first,
});

/** From the first unacknowledged entry on, at once, with the shortest wait before the next time. */
export const resendFromStart = (turn: Turn): void => {
  remember(turn, { journal: newSending(turn.state.durable.acked) });
  flush(turn);
};

export const tickJournal = (turn: Turn): void => {
  const { holdUntil } = ram(turn).journal;
  if (holdUntil !== null && holdUntil <= turn.now.mono) flush(turn);
  const { journal: sending, connected } = ram(turn);
  if (!connected || sending.resendAt === null || sending.resendAt > turn.now.mono) return;
  const backoffMs = Math.min(sending.backoffMs * 2, limits.resendMs.last);
  remember(turn, { journal: { ...sending, sent: turn.state.durable.acked, resendAt: null, backoffMs } });
  pump(turn);
};

export const journalWakeAt = (turn: Turn): number => {
  const { journal: sending, connected } = ram(turn);
  const resendAt = connected ? sending.resendAt : null;
  return Math.min(sending.holdUntil ?? Number.POSITIVE_INFINITY, resendAt ?? Number.POSITIVE_INFINITY);
};

/** The cloud has it for good, up to `seq`. An acknowledgement of another controller's journal says nothing of ours. */
export const acknowledged = (turn: Turn, payload: unknown): void => {
  const ack = JournalAck.safeParse(payload);
  const { durable } = turn.state;
  if (!ack.success || ack.data.journalId !== durable.journalId) return;
  const acked = Math.min(ack.data.seq, durable.lastSeq);
  if (acked <= durable.acked) return;
  // Lazy: if a crash forgets it, the entries are sent once more, which changes nothing.
  write(turn, { acked, ...heardNow(turn) }, { lazy: true });
  if (!hasBegun(durable)) askForGrants(turn);
  const { journal: sending } = ram(turn);
  const resendAt = acked < sending.sent ? turn.now.mono + limits.resendMs.first : null;
  remember(turn, { journal: { ...sending, resendAt, backoffMs: limits.resendMs.first } });
  pump(turn);
};

/** Sends a range again. Of what is kept no longer the bank says so, or the cloud would ask for ever. */
export const replay = (turn: Turn, payload: unknown): void => {
  const request = ReplayRequest.safeParse(payload);
  const { durable } = turn.state;
  if (!request.success || request.data.journalId !== durable.journalId) return;
  const { from } = request.data;
  const to = Math.min(request.data.to, durable.lastSeq);
  const kept = between(durable, from, to);
  if (ram(turn).connected) send(turn, kept);
  for (const gap of gaps(kept, from, to)) journal(turn, { type: 'journal.truncated', ...gap });
};

type Range = { from: number; to: number };

const gaps = (kept: JournalEntry[], from: number, to: number): Range[] => {
  const found: Range[] = [];
  let next = from;
  for (const { seq } of kept) {
    if (seq > next) found.push({ from: next, to: seq - 1 });
    next = seq + 1;
  }
  return next <= to ? [...found, { from: next, to }] : found;
};

/** Acknowledged entries go first, silently; then what a door did not do; what a door did, last of all. */
const makeRoom = (turn: Turn): void => {
  const { durable } = turn.state;
  if (durable.entries.length < limits.kept) return;
  const isAcked = ({ seq }: JournalEntry) => seq <= durable.acked;
  const isMinor = ({ type }: JournalEntry) => type === 'access.denied' || type === 'temperature.read';
  const silent = run(durable.entries, isAcked);
  const told = run(durable.entries, isMinor) ?? run(durable.entries, ({ type }) => type !== 'journal.truncated');
  if (silent) write(turn, { drop: silent });
  else if (told) writeEntry(turn, { type: 'journal.truncated', ...told }, { drop: told });
};

/** The first run of neighbours that may go. */
const run = (entries: JournalEntry[], mayGo: (entry: JournalEntry) => boolean): Range | null => {
  const start = entries.findIndex(mayGo);
  const [first] = entries.slice(start === -1 ? entries.length : start);
  if (!first) return null;
  let to = first.seq;
  for (const entry of entries.slice(start + 1, start + limits.dropped)) {
    if (entry.seq !== to + 1 || !mayGo(entry)) break;
    to = entry.seq;
  }
  return { from: first.seq, to };
};
