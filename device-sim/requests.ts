import { shadowNames, topics } from '#shared/device/topics.ts';
import type { BankState, Durable, Ram } from './state.ts';
import { doorMemory, ram, remember, type Turn } from './turn.ts';

/*
 * What the bank asks of its shadows. AWS IoT takes 20 requests per second and 10 unanswered ones of a thing; the bank
 * stays below both, so that none is refused when a large bank comes back.
 */
export const pace = { perSecond: 16, pending: 8, answerMs: 5000, resyncMs: 3_600_000 } as const;

const shadows = (turn: Turn, change: Partial<Ram['shadows']>): void =>
  remember(turn, { shadows: { ...ram(turn).shadows, ...change } });

/** Grants before doors: a command for another transaction than the one that the bank has been told of is refused. */
const names = ({ layout, durable }: BankState): string[] => {
  const grants = shadowNames.allGrants(layout.doors.length);
  return shadowNames
    .all(layout.doors.length)
    .filter((name) => hasBegun(durable) || !grants.includes(name))
    .toSorted((a, b) => Number(a.startsWith('doors-')) - Number(b.startsWith('doors-')));
};

/**
 * The cloud has heard of this journal. Before that its grants may name some that were used up, by a disk that this one
 * took the place of; the cloud has cleared them away by the time it acknowledges anything.
 */
export const hasBegun = ({ acked }: Durable): boolean => acked > 0;

/**
 * What the shadow says is known since this journal has begun. For what comes unasked that must be so already: it may
 * have been on its way for longer.
 */
export const isFollowed = (turn: Turn, name: string): boolean =>
  turn.state.durable.grants[name] !== undefined || ram(turn).shadows.versions[name] !== undefined;

/** A new session: nothing asked before will be answered, and every shadow may have changed. */
export const startOver = (turn: Turn): void => {
  shadows(turn, { pending: {}, versions: {}, sentAt: [], report: [...turn.state.layout.doors] });
  askForAll(turn);
};

/** Asked for once an hour too: a delta that got lost would otherwise be missed until the next change. */
export const askForAll = (turn: Turn): void => {
  const queue = names(turn.state).map((name) => ({ op: 'get' as const, name }));
  shadows(turn, { queue, resyncAt: turn.now.mono + pace.resyncMs });
  queueReports(turn);
  pumpRequests(turn);
};

/** An answer that is under way may be older than what the bank has just heard of. */
export const askAnew = (turn: Turn, name: string): void => {
  const { [name]: _, ...pending } = ram(turn).shadows.pending;
  shadows(turn, { pending });
  askAgain(turn, name);
};

export const askForGrants = (turn: Turn): void => {
  for (const name of shadowNames.allGrants(turn.state.layout.doors.length)) askAgain(turn, name);
};

export const askAgain = (turn: Turn, name: string): void => {
  const { queue, pending } = ram(turn).shadows;
  if (pending[name] || queue.some((each) => each.op === 'get' && each.name === name)) return;
  shadows(turn, { queue: [...queue, { op: 'get', name }] });
  pumpRequests(turn);
};

/** The display state of a door is to be told again. */
export const markForReport = (turn: Turn, door: string): void => {
  const { report } = ram(turn).shadows;
  if (!ram(turn).connected) return;
  if (!report.includes(door)) shadows(turn, { report: [...report, door] });
  queueReports(turn);
  pumpRequests(turn);
};

const shadowOf = (turn: Turn, door: string): string => shadowNames.doors(turn.state.layout.doors.indexOf(door));

const queueReports = (turn: Turn): void => {
  const { queue, report } = ram(turn).shadows;
  const queued = new Set(queue.filter(({ op }) => op === 'report').map(({ name }) => name));
  const missing = new Set(report.map((door) => shadowOf(turn, door))).difference(queued);
  shadows(turn, { queue: [...queue, ...[...missing].map((name) => ({ op: 'report' as const, name }))] });
};

export const pumpRequests = (turn: Turn): void => {
  if (!ram(turn).connected) return;
  const now = turn.now.mono;
  let { queue, sentAt } = ram(turn).shadows;
  sentAt = sentAt.filter((at) => at > now - 1000);
  for (;;) {
    const [next, ...rest] = queue;
    const isFull = Object.keys(ram(turn).shadows.pending).length >= pace.pending || sentAt.length >= pace.perSecond;
    if (!next || isFull) break;
    queue = rest;
    sentAt = [...sentAt, now];
    if (next.op === 'get') get(turn, next.name);
    else report(turn, next.name);
  }
  shadows(turn, { queue, sentAt });
};

const publish = (turn: Turn, topic: string, payload: unknown): void => {
  turn.outputs.push({ type: 'publish', topic, payload, qos: 0 });
};

const get = (turn: Turn, name: string): void => {
  const { durable, layout } = turn.state;
  const { pending, token: last } = ram(turn).shadows;
  // A new disk counts its boots anew: its journal distinguishes what it asks from what the lost one did.
  const token = `${durable.journalId.slice(-8)}.${durable.boots}.${last + 1}`;
  shadows(turn, { token: last + 1, pending: { ...pending, [name]: { token, sentAt: turn.now.mono } } });
  publish(turn, topics(layout.bankId).shadow(name).get, { clientToken: token });
};

/** `reported` only, in as few bytes as can be read: with 24 open commands there is little room left in the shadow. */
const report = (turn: Turn, name: string): void => {
  const due = ram(turn).shadows.report;
  const doors = due.filter((door) => shadowOf(turn, door) === name);
  const reported = Object.fromEntries(
    doors.map((door) => {
      const { known } = doorMemory(turn, door);
      return [door, { is: `${known.door} ${known.contents} ${known.lock}` }];
    }),
  );
  shadows(turn, { report: due.filter((door) => !doors.includes(door)) });
  publish(turn, topics(turn.state.layout.bankId).shadow(name).update, { state: { reported } });
};

/** When the get was sent that this answers, monotonic milliseconds; null if it answers none that is waited for. */
export const answered = (turn: Turn, name: string, token: string | undefined): number | null => {
  const { [name]: asked, ...pending } = ram(turn).shadows.pending;
  if (!asked || asked.token !== token) return null;
  shadows(turn, { pending });
  return asked.sentAt;
};

export const tickRequests = (turn: Turn): void => {
  const now = turn.now.mono;
  const { pending, queue, resyncAt } = ram(turn).shadows;
  if (!ram(turn).connected) return;
  if (resyncAt !== null && resyncAt <= now) askForAll(turn);
  const late = Object.keys(pending).filter((name) => (pending[name]?.sentAt ?? now) + pace.answerMs <= now);
  const waiting = Object.fromEntries(Object.entries(pending).filter(([name]) => !late.includes(name)));
  const again = late.map((name) => ({ op: 'get' as const, name }));
  if (late.length > 0) shadows(turn, { pending: waiting, queue: [...queue, ...again] });
  if (ram(turn).shadows.queue.length > 0) pumpRequests(turn);
};

export const requestsWakeAt = (turn: Turn): number => {
  const { pending, queue, sentAt, resyncAt } = ram(turn).shadows;
  if (!ram(turn).connected) return Number.POSITIVE_INFINITY;
  const late = Object.values(pending).map((asked) => asked.sentAt + pace.answerMs);
  const isPaced = queue.length > 0 && Object.keys(pending).length < pace.pending;
  const free = isPaced ? (sentAt[0] ?? turn.now.mono) + 1000 : Number.POSITIVE_INFINITY;
  return Math.min(...late, free, resyncAt ?? Number.POSITIVE_INFINITY);
};
