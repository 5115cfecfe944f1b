import { OpenCommand } from '#shared/device/shadow.ts';
import { shadowNames } from '#shared/device/topics.ts';
import { unlock } from './doors.ts';
import { journal } from './journal.ts';
import { panel } from './panel.ts';
import { isFollowed, markForReport } from './requests.ts';
import type { Change } from './state.ts';
import { certainTime, knowsCloudTime, latestTime } from './time.ts';
import { doorMemory, heldFor, type NewEntry, type Turn } from './turn.ts';

type Rejection = Extract<NewEntry, { type: 'command.rejected' }>['reason'];
type Check = (turn: Turn, door: string, command: OpenCommand) => boolean;

/** Why a command is refused, in the order it is checked (design.md section 5). */
const refusals: [Rejection, Check][] = [
  ['duplicate', (turn, _door, { commandId }) => Object.hasOwn(turn.state.durable.commands, commandId)],
  ['no_cloud_time', (turn) => !knowsCloudTime(turn.state)],
  ['expired', (turn, _door, { notAfter }) => (latestTime(turn.state, turn.now) ?? 0) > notAfter * 1000],
  [
    'wrong_transaction',
    (turn, door, { transactionId }) => transactionId !== undefined && isOfAnother(turn, door, transactionId),
  ],
  ['door_busy', (turn, door) => doorMemory(turn, door).known.door !== 'closed'],
];

/** Whose door it is: as granted, else by whose item lies inside. */
const ownerOf = (turn: Turn, door: string): string | null =>
  heldFor(turn, door)?.transactionId ?? doorMemory(turn, door).item;

/** A bank that has not been told yet whose door it is takes the cloud's word for it. */
const isOfAnother = (turn: Turn, door: string, transactionId: string): boolean => {
  const owner = ownerOf(turn, door);
  const grants = shadowNames.grants(turn.state.layout.doors.indexOf(door));
  return owner === null ? isFollowed(turn, grants) : owner !== transactionId;
};

/**
 * Answers one `open` of a doors shadow, once. The shadow repeats a command in every delta until the cloud clears it, and
 * the cloud writes it again when it has not heard: exactly the same one is no news, and its answer is in the journal.
 */
export const obey = (turn: Turn, door: string, raw: unknown): void => {
  const parsed = OpenCommand.safeParse(raw);
  if (!parsed.success || !turn.state.layout.doors.includes(door)) {
    turn.outputs.push({ type: 'log', text: `not a command for a door of this bank: door ${door}` });
    return;
  }
  const command = parsed.data;
  const { commandId, notAfter } = command;
  const answered = turn.state.durable.commands[commandId];
  if (answered?.door === door && answered.notAfter === notAfter) return;

  const refusal = refusals.find(([, applies]) => applies(turn, door, command));
  if (refusal) {
    const [reason] = refusal;
    const change = reason === 'duplicate' ? {} : remembering(turn, door, command);
    journal(turn, { type: 'command.rejected', commandId, door, reason }, change);
  } else run(turn, door, command);
};

const run = (turn: Turn, door: string, command: OpenCommand): void => {
  const { commandId } = command;
  journal(turn, { type: 'command.acknowledged', commandId, door }, remembering(turn, door, command));
  const held = heldFor(turn, door);
  const transactionId = command.transactionId ?? held?.transactionId ?? null;
  const version = held && held.transactionId === transactionId ? held.version : null;
  if (unlock(turn, door, { transactionId, version, cause: { commandId }, done: true }))
    panel(turn, 'open_command', door);
  else journal(turn, { type: 'command.failed', commandId, door, reason: 'lock_jammed' });
  markForReport(turn, door);
};

const kept = 500;

/** Never again, run or refused. Forgotten only once its time is certainly over: then it is refused as expired. */
const remembering = (turn: Turn, door: string, { commandId, notAfter }: OpenCommand): Change => {
  const { commands } = turn.state.durable;
  const known = Object.entries(commands);
  const time = certainTime(turn.state, turn.now);
  const over =
    known.length < kept ? [] : known.filter(([, command]) => command.notAfter * 1000 < time).slice(0, kept / 2);
  const forgotten = Object.fromEntries(over.map(([id]) => [id, null]));
  return { commands: { ...forgotten, [commandId]: { door, notAfter } } };
};
