import type { OpenCommand } from '../device/shadow.ts';
import { shadowNames } from '../device/topics.ts';
import type { Command } from '../domain/command.ts';
import { epochMs } from '../domain/time.ts';
import type { Shadows } from './shadows.ts';

const isObject = (it: unknown): it is Record<string, unknown> => typeof it === 'object' && it !== null;

/** `open` as the shadow shows it now; of an older command, of none. */
const shownAt = (desired: Record<string, unknown>, door: string): Record<string, unknown> => {
  const entry = desired[door];
  return isObject(entry) && isObject(entry.open) ? entry.open : {};
};

type Shown = Omit<OpenCommand, 'transactionId'> & { transactionId?: string | null };

const openOf = (command: Command, shown: Record<string, unknown>): Shown => {
  // A bank that asked about a credential does not know whose door it is yet, so it could only refuse the name.
  const transactionId = command.credential ? null : command.transactionId;
  // Shadows merge: what an older command left behind has to be taken away. Where nothing is, a null might be kept.
  const says = transactionId !== null || shown.transactionId !== undefined;
  return {
    commandId: command.id,
    // Rounded down: the bank must not open when we would call it late.
    notAfter: Math.floor(epochMs(command.notAfter) / 1000),
    ...(says ? { transactionId } : {}),
  };
};

/**
 * Puts a command where its bank sees it; `position` is the door's place in the layout. Sent again, it makes a fresh
 * delta for a bank that missed the first. A newer command is never overwritten; ids sort by time.
 */
export const sendCommand = (shadows: Shadows, command: Command, position: number): Promise<void> =>
  shadows.change(command.bankId, shadowNames.doors(position), (desired) => {
    const shown = shownAt(desired, command.door);
    return typeof shown.commandId === 'string' && shown.commandId > command.id
      ? null
      : { [command.door]: { open: openOf(command, shown) } };
  });

/** Takes an answered or outdated command out of the shadow, only while it still shows that command. */
export const clearCommand = (shadows: Shadows, command: Command, position: number): Promise<void> =>
  shadows.change(command.bankId, shadowNames.doors(position), (desired) =>
    shownAt(desired, command.door).commandId === command.id ? { [command.door]: null } : null,
  );
