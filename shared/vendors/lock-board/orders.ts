import type { Bank } from '../../domain/bank.ts';
import type { Command } from '../../domain/command.ts';
import { supersedable } from '../../domain/command-reports.ts';
import type { Compartment } from '../../domain/compartment.ts';
import { isAtHome } from '../../domain/home.ts';
import { epochMs } from '../../domain/time.ts';
import { doorOf, journalled, type Memory, type NewEntry, withDoor } from './memory.ts';
import type { UnlockResult } from './messages.ts';

type Rejection = Extract<NewEntry, { type: 'command.rejected' }>['reason'];

/** Why a board is not asked to carry out a command, in the order in which other banks check it. */
const rejectionOf = (memory: Memory, command: Command, { heldBy }: Pick<Compartment, 'heldBy'>): Rejection | null => {
  const owner = isAtHome(heldBy) ? null : heldBy;
  if (owner !== command.transactionId) return 'wrong_transaction';
  return doorOf(memory, command.door).door === 'closed' ? null : 'door_busy';
};

/** No other bank could connect then, and see its commands. */
export const isCutOff = ({ lifecycle }: Pick<Bank, 'lifecycle'>): boolean =>
  lifecycle === 'inactive' || lifecycle === 'decommissioned';

/** A command may still be carried out: nobody has answered it, and it is not too late. */
export const isDue = (command: Command, now: number): boolean =>
  supersedable(command.state) && epochMs(command.notAfter) > now;

/**
 * What is to be done about a command: `send` it, or nothing (any more). It is remembered before it is sent, so that the
 * opening that follows is known to be its.
 */
export const takeOrder = (
  memory: Memory,
  command: Command,
  { bank, compartment, now }: { bank: Bank; compartment: Compartment; now: number },
): { memory: Memory; send: boolean } => {
  const { id: commandId, door, transactionId } = command;
  const { order, done } = doorOf(memory, door);
  // Ids sort by time: a newer command has taken its place.
  const isOver = commandId <= (done ?? '') || commandId < (order?.commandId ?? '');
  if (isOver || isCutOff(bank) || !isDue(command, now)) return { memory, send: false };
  if (order?.commandId === commandId) return { memory, send: !order.isTaken };
  const reason = rejectionOf(memory, command, compartment);
  if (reason !== null) {
    const rejected: NewEntry = { type: 'command.rejected', at: now, commandId, door, reason };
    return { memory: journalled(withDoor(memory, door, { done: commandId }), [rejected], bank, now), send: false };
  }
  const taken = { commandId, transactionId, notAfter: epochMs(command.notAfter), isTaken: false };
  return { memory: withDoor(memory, door, { order: taken }), send: true };
};

/** What a board's answer to a command says, in the words of the journal; an answer that was had before says nothing. */
export const takeAnswer = (
  memory: Memory,
  { id: commandId, door }: Pick<Command, 'id' | 'door'>,
  result: UnlockResult,
  { bank, now }: { bank: Bank; now: number },
): Memory => {
  const { order, contents } = doorOf(memory, door);
  if (order?.commandId !== commandId || order.isTaken) return memory;
  const { transactionId } = order;
  const acknowledged: NewEntry = { type: 'command.acknowledged', at: now, commandId, door };
  if (result === 'ok')
    return journalled(withDoor(memory, door, { order: { ...order, isTaken: true } }), [acknowledged], bank, now);
  if (result === 'busy') {
    const rejected: NewEntry = { type: 'command.rejected', at: now, commandId, door, reason: 'door_busy' };
    return journalled(withDoor(memory, door, { order: null, done: commandId }), [rejected], bank, now);
  }
  const jammed: NewEntry[] = [
    acknowledged,
    {
      type: 'lock.jammed',
      at: now,
      door,
      after: { door: 'closed', contents, lock: 'jammed' },
      transactionId,
      version: null,
      cause: { commandId },
    },
    { type: 'command.failed', at: now, commandId, door, reason: 'lock_jammed' },
  ];
  const change = { order: null, done: commandId, lock: 'jammed' } as const;
  return journalled(withDoor(memory, door, change), jammed, bank, now);
};
