import * as z from 'zod';
import { ConfigDocument } from '#shared/device/config.ts';
import { DoorGrants } from '#shared/device/shadow.ts';
import { shadowNames } from '#shared/device/topics.ts';
import { pursueRotation } from './certificate.ts';
import { obey } from './commands.ts';
import { journal } from './journal.ts';
import { afterTimeJump } from './lockout.ts';
import { answered, askAgain, askAnew, hasBegun, isFollowed, pumpRequests } from './requests.ts';
import type { Durable, Ram } from './state.ts';
import { certainTime, knowsCloudTime, timeFromAnswer, timeFromDelta } from './time.ts';
import { ram, remember, type Turn, write } from './turn.ts';

const Desired = z.record(z.string(), z.unknown());
const Delta = z.object({ version: z.int(), timestamp: z.int(), state: Desired });
const Document = z.object({
  version: z.int(),
  timestamp: z.int(),
  clientToken: z.string().optional(),
  state: z.object({ desired: Desired.optional() }),
});
const Rejected = z.object({ code: z.int(), timestamp: z.int().optional(), clientToken: z.string().optional() });

/** What arrives about a shadow, by the end of its topic. */
export const shadowNews: Record<string, (turn: Turn, name: string, payload: unknown) => void> = {
  'update/delta': (turn, name, payload) => {
    const { data } = Delta.safeParse(payload);
    if (!data) return;
    setTime(turn, timeFromDelta(turn.state, turn.now, data.timestamp));
    const isClosed = isOfGrants(name) && !hasBegun(turn.state.durable);
    // Only an answer starts the time, and a bank whose shadows were all missing has had none.
    if (!knowsCloudTime(turn.state)) askAgain(turn, isClosed ? shadowNames.config : name);
    if (isClosed) return;
    const { versions } = ram(turn).shadows;
    if (isOfGrants(name) && !isFollowed(turn, name)) askAnew(turn, name);
    else if (data.version > (versions[name] ?? -1)) take(turn, name, data.version, data.state);
  },
  'get/accepted': (turn, name, payload) => {
    const { data } = Document.safeParse(payload);
    if (!data) return;
    const isAnswer = heard(turn, name, data);
    const { versions } = ram(turn).shadows;
    const isKnown = isAnswer || isFollowed(turn, name);
    const isTrusted = !isOfGrants(name) || (isKnown && hasBegun(turn.state.durable));
    if (isTrusted && data.version >= (versions[name] ?? -1)) take(turn, name, data.version, data.state.desired ?? {});
    pumpRequests(turn);
  },
  /** No such shadow yet is an answer too, and on AWS it may tell the time. Other refusals are asked again when their wait is over. */
  'get/rejected': (turn, name, payload) => {
    const { data } = Rejected.safeParse(payload);
    if (data?.code !== 404) return;
    // Whatever comes is newer than nothing.
    if (heard(turn, name, data)) noteVersion(turn, name, ram(turn).shadows.versions[name] ?? 0);
    pumpRequests(turn);
  },
};

type Heard = { timestamp?: number; clientToken?: string };

/** Whether it answers what the bank has asked and waits for. */
const heard = (turn: Turn, name: string, { timestamp, clientToken }: Heard): boolean => {
  const sentAt = answered(turn, name, clientToken);
  if (sentAt !== null && timestamp !== undefined)
    setTime(turn, timeFromAnswer(turn.state, turn.now, timestamp, sentAt));
  return sentAt !== null;
};

const setTime = (turn: Turn, cloudTime: Ram['cloudTime']): void => {
  if (!cloudTime) return;
  const before = certainTime(turn.state, turn.now);
  const isFirst = ram(turn).cloudTime === null;
  remember(turn, { cloudTime });
  if (!isFirst) return;
  const { keypad } = turn.state.durable;
  const moved = afterTimeJump(keypad, before, certainTime(turn.state, turn.now));
  write(turn, { keypad: moved, floor: certainTime(turn.state, turn.now) });
};

const isOfGrants = (name: string): boolean => name.startsWith('grants-');

/** Which shadow it is decides what its document means. */
const readers: [RegExp, (turn: Turn, name: string, desired: Record<string, unknown>) => void][] = [
  [/^config$/, (turn, _name, desired) => takeConfig(turn, desired)],
  [/^grants-\d+$/, (turn, name, desired) => takeGrants(turn, name, desired)],
  [/^doors-\d+$/, (turn, _name, desired) => takeCommands(turn, desired)],
];

const noteVersion = (turn: Turn, name: string, version: number): void => {
  const { shadows } = ram(turn);
  remember(turn, { shadows: { ...shadows, versions: { ...shadows.versions, [name]: version } } });
};

const take = (turn: Turn, name: string, version: number, desired: Record<string, unknown>): void => {
  noteVersion(turn, name, version);
  readers.find(([pattern]) => pattern.test(name))?.[1](turn, name, desired);
};

const takeConfig = (turn: Turn, desired: Record<string, unknown>): void => {
  const { data } = ConfigDocument().safeParse(desired);
  if (!data || data.rev <= (turn.state.durable.config?.rev ?? -1)) return;
  const before = turn.state.durable.config?.rotation;
  write(turn, { config: data });
  if (data.rotation !== before) pursueRotation(turn);
};

const takeCommands = (turn: Turn, desired: Record<string, unknown>): void => {
  for (const [door, entry] of Object.entries(desired)) {
    const open = z.object({ open: z.unknown() }).safeParse(entry).data?.open;
    if (open != null) obey(turn, door, open);
  }
};

/** The bank's copy is replaced whole, if `rev` is higher. A door's entry that cannot be read opens nothing. */
const takeGrants = (turn: Turn, name: string, desired: Record<string, unknown>): void => {
  const { rev: rawRev, ...entries } = desired;
  const rev = z.int().nonnegative().safeParse(rawRev).data;
  if (rev === undefined || rev <= (turn.state.durable.grants[name]?.rev ?? -1)) return;
  const read = Object.entries(entries).map(([door, entry]) => ({ door, held: DoorGrants.safeParse(entry).data }));
  const doors = Object.fromEntries(read.flatMap(({ door, held }) => (held ? [[door, held]] : [])));
  for (const { door, held } of read) {
    if (!held) turn.outputs.push({ type: 'log', text: `unreadable grants of door ${door} in ${name}` });
  }
  const before = turn.state.durable.grants[name]?.doors ?? {};
  const kept = new Set(Object.values(doors).map(({ transactionId }) => transactionId));
  const removed = heldOf(Object.entries(before).filter(([, { transactionId }]) => !kept.has(transactionId)));
  const applied = heldOf(
    Object.entries(doors).filter(([door, { transactionId, version }]) => {
      const known = before[door];
      return known?.transactionId !== transactionId || known.version !== version;
    }),
  );
  const grants = { [name]: { rev, doors } };
  journal(
    turn,
    { type: 'grants.applied', k: Number(name.slice('grants-'.length)), rev, doors: applied, removed },
    { grants, uses: forgottenUses({ ...turn.state.durable, grants: { ...turn.state.durable.grants, ...grants } }) },
  );
};

const heldOf = (entries: [string, { transactionId: string; version: number }][]) =>
  Object.fromEntries(entries.map(([door, { transactionId, version }]) => [door, { transactionId, version }]));

const usesKept = 1000;

/** Uses of grants that no document speaks of any more; while one does, its count must stay. */
const forgottenUses = ({ grants, uses }: Pick<Durable, 'grants' | 'uses'>): Record<string, null> => {
  const ids = Object.keys(uses);
  if (ids.length < usesKept) return {};
  const held = Object.values(grants).flatMap(({ doors }) => Object.values(doors).flatMap((door) => door.grants));
  const spokenOf = new Set(held.flatMap(({ id, after }) => (after ? [id, after] : [id])));
  const over = ids.filter((id) => !spokenOf.has(id)).slice(0, usesKept / 2);
  return Object.fromEntries(over.map((id) => [id, null]));
};
