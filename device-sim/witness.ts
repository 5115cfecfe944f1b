import { appendFile, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Cause } from '#shared/device/journal.ts';
import type { BankState, Cycle } from './state.ts';

/** An opening as it was, whatever the bank believed: for checks of what a door may never do. */
export const Opening = z.object({
  door: z.string(),
  /** Of the disk that the bank had then; of an opening from before this was noted, none. */
  journalId: z.string().default(''),
  /** True time, milliseconds since 1970. */
  at: z.int(),
  cause: Cause.nullable(),
  transactionId: z.string().nullable(),
  /** What the bank held then of the grant or command that opened it. `notAfter`: when it ended. `used`: before this opening. */
  grant: z
    .object({
      notBefore: z.int(),
      notAfter: z.int(),
      uses: z.int(),
      used: z.int(),
      isReopening: z.boolean(),
      blocked: z.string().optional(),
    })
    .optional(),
  command: z.object({ notAfter: z.int() }).optional(),
});
export type Opening = z.infer<typeof Opening>;

/** In memory; the file keeps them all. */
const openingsKept = 5000;

export type Witness = { openings(): Opening[]; saw(door: string, cycle: Cycle, state: BankState): Promise<void> };

export const openWitness = async (folder: string): Promise<Witness> => {
  const path = join(folder, 'openings.jsonl');
  const text = await readFile(path, 'utf8').catch(() => '');
  const openings = text
    .split('\n')
    .filter((line) => line.endsWith('}'))
    .slice(-openingsKept)
    .map((line) => Opening.parse(JSON.parse(line)));
  return {
    openings: () => openings,
    saw: async (door, cycle, { durable }) => {
      const isOpen = durable.doors[door]?.actual.door !== 'closed';
      if (!isOpen) return;
      const { cause, transactionId } = cycle;
      const { journalId } = durable;
      const opening = { door, journalId, at: Date.now(), cause, transactionId, ...heldOf(durable, door, cycle) };
      openings.push(opening);
      if (openings.length > openingsKept) openings.shift();
      await appendFile(path, `${JSON.stringify(opening)}\n`);
    },
  };
};

const heldOf = (
  { commands, grants, uses }: BankState['durable'],
  at: string,
  { cause, done }: Cycle,
): Partial<Opening> => {
  if (!cause) return {};
  if ('commandId' in cause) {
    const command = commands[cause.commandId];
    return command ? { command: { notAfter: command.notAfter } } : {};
  }
  // What is being moved has grants of the same name at two doors, and only one of them lets in.
  const held = Object.values(grants).flatMap(({ doors }) => doors[at]?.grants ?? []);
  const grant = held.find(({ id }) => id === cause.grantId);
  if (!grant) return {};
  const { notBefore, blocked } = grant;
  const doneBefore = uses[grant.after ?? grant.id]?.at;
  const within =
    grant.within === undefined || doneBefore === undefined
      ? grant.notAfter
      : Math.ceil(doneBefore / 1000) + grant.within;
  const notAfter = Math.min(grant.notAfter, within);
  const used = uses[grant.id]?.count ?? 0;
  return { grant: { notBefore, notAfter, uses: grant.uses, used, isReopening: done, ...(blocked && { blocked }) } };
};
