import { expect } from 'vitest';
import * as z from 'zod';
import { Cause, JournalEntry } from '../../shared/device/journal.ts';
import { type Bank, eventually } from './stack.ts';

const Memory = z.object({
  journalId: z.string(),
  acknowledged: z.int(),
  lastSeq: z.int(),
  entries: z.array(JournalEntry()),
  openings: z.array(z.object({ door: z.string(), at: z.int(), cause: Cause.nullable() })),
});

/** What a simulated bank has written down, and every opening as the world saw it. */
export const memoryOf = async ({ controlUrl }: Pick<Bank, 'controlUrl'>): Promise<z.infer<typeof Memory>> =>
  Memory.parse(await (await fetch(`${controlUrl}/journal`)).json());

/** How often the doors of a bank opened for that command. */
export const openingsBy = async (bank: Bank, commandId: string): Promise<number> =>
  (await memoryOf(bank)).openings.filter(
    ({ cause }) => cause !== null && 'commandId' in cause && cause.commandId === commandId,
  ).length;

export const goesOffline = async (bank: Bank): Promise<void> => {
  await bank.panel.link({ online: false });
  await eventually(async () => expect((await bank.panel.state()).online).toBe(false), { what: 'the bank is offline' });
};

/** Back online, knowing the time, and with everything it wrote acknowledged. */
export const comesBack = async (bank: Bank): Promise<void> => {
  await bank.panel.link({ online: true });
  await caughtUp(bank);
};

export const caughtUp = (bank: Bank, within = 30_000): Promise<void> =>
  eventually(
    async () =>
      expect(await bank.panel.state()).toMatchObject({ online: true, timeKnown: true, journal: { unacknowledged: 0 } }),
    { what: 'the bank is online and its journal acknowledged', within },
  );
