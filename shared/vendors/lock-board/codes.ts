import { createHash } from 'node:crypto';
import type { AccessMethod } from '../../device/access.ts';
import { nextFor } from '../../device/denial.ts';
import { afterFailure, afterSuccess, lockedUntil } from '../../device/lockout.ts';
import type { Bank } from '../../domain/bank.ts';
import type { Memory, NewEntry } from './memory.ts';
import type { Code } from './messages.ts';

/** Who typed it longer ago has gone, or tries again. */
const typedWithinMs = 60_000;

/** More than a bank has; of those that were silent longest nothing is remembered. */
const terminalsMost = 32;

/** Codes that were not heard before and whose people still stand there. */
export const freshCodes = ({ terminals }: Memory, codes: readonly Code[], now: number): Code[] =>
  codes
    .filter(({ terminal, code, ts }) => {
      const known = Object.hasOwn(terminals, terminal) ? (terminals[terminal] ?? 0) : 0;
      return code !== '' && Number(ts) > Math.max(known, now - typedWithinMs);
    })
    .toSorted((a, b) => Number(a.ts) - Number(b.ts));

/** What a code may be that somebody types, and what is asked about it. */
export type Fitting = { method: AccessMethod; verifier: string };

/** The same for the same typing, so that a question that is asked twice opens once. */
const askIdOf = ({ journalId }: Memory, { terminal, ts }: Code): string =>
  `${journalId}_${ts}_${createHash('sha256').update(terminal).digest('base64url').slice(0, 8)}`;

const heardFrom = ({ terminals }: Memory, { terminal, ts }: Code): Memory['terminals'] => {
  const { [terminal]: _, ...others } = terminals;
  const kept = Object.entries(others).toSorted(([, a], [, b]) => b - a);
  return { ...Object.fromEntries(kept.slice(0, terminalsMost - 1)), [terminal]: Number(ts) };
};

/**
 * What a typed code leads to: it is asked about, or refused in the journal. Boards do not count guesses, so they are
 * counted here: all terminals of a bank as one keypad, because the length of its PINs was chosen for one.
 */
export const hearCode = (
  memory: Memory,
  code: Code,
  { fits, bank, now }: { fits: Fitting | null; bank: Bank; now: number },
): { memory: Memory; entries: NewEntry[] } => {
  const { config } = bank;
  const heard = { ...memory, terminals: heardFrom(memory, code) };
  const at = Math.min(Number(code.ts), now);
  const denied = (reason: string, limitAt?: number): NewEntry => ({
    type: 'access.denied',
    at,
    method: fits?.method ?? 'pin',
    reason,
    next: nextFor(reason),
    ...(limitAt !== undefined && { limitAt }),
  });
  const until = lockedUntil(memory.keypad, config);
  if (until > now) return { memory: heard, entries: [denied('keypad_locked', until)] };
  if (fits === null)
    return {
      memory: { ...heard, keypad: afterFailure(memory.keypad, config, now) },
      entries: [denied('wrong_credential')],
    };
  const ask = { ...fits, askId: askIdOf(memory, code), at, brokerTime: now };
  return {
    memory: {
      ...heard,
      keypad: afterSuccess(memory.keypad),
      outbox: { ...heard.outbox, asks: [...heard.outbox.asks, ask] },
    },
    entries: [],
  };
};
