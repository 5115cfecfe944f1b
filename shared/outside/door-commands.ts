import type { OpenCommand } from '../device/shadow.ts';
import { shadowNames } from '../device/topics.ts';
import type { Command } from '../domain/command.ts';
import { epochMs } from '../domain/time.ts';
import type { Shadows } from './shadows.ts';

/** `open` as the shadow has it; null removes a key that an older command left behind, since shadows merge. */
const openOf = (command: Command): OpenCommand | { transactionId: null } => ({
  commandId: command.id,
  // Rounded down: the bank must not open when we would call it late.
  notAfter: Math.floor(epochMs(command.notAfter) / 1000),
  // A bank that asked about a credential does not know whose door it is yet, so it could only refuse the name.
  transactionId: command.credential ? null : command.transactionId,
});

const shownAt = (desired: Record<string, unknown>, door: string): string | undefined => {
  const entry = desired[door];
  if (typeof entry !== 'object' || entry === null || !('open' in entry)) return undefined;
  const { open } = entry;
  return typeof open === 'object' && open !== null && 'commandId' in open ? String(open.commandId) : undefined;
};

/**
 * Puts a command where its bank sees it; `position` is the door's place in the layout. Sent again, it makes a fresh
 * delta for a bank that missed the first. A newer command is never overwritten; ids sort by time.
 */
export const sendCommand = (shadows: Shadows, command: Command, position: number): Promise<void> =>
  shadows.change(command.bankId, shadowNames.doors(position), (desired) => {
    const shown = shownAt(desired, command.door);
    return shown !== undefined && shown > command.id ? null : { [command.door]: { open: openOf(command) } };
  });

/** Takes an answered or outdated command out of the shadow, only while it still shows that command. */
export const clearCommand = (shadows: Shadows, command: Command, position: number): Promise<void> =>
  shadows.change(command.bankId, shadowNames.doors(position), (desired) =>
    shownAt(desired, command.door) === command.id ? { [command.door]: null } : null,
  );
