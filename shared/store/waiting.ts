import { serveLine } from '../domain/assignment.ts';
import { reserve } from '../domain/lifecycle.ts';
import { epochMs, type Instant, instant } from '../domain/time.ts';
import { readBankWithDoors } from './banks.ts';
import type { Circumstances } from './commit.ts';
import { keys, ranges } from './rows.ts';
import { Lost } from './table.ts';
import { openTransactions, type TransactionDeps } from './transactions.ts';

/** Rounds of reading again: each serves somebody, finds one who waits no more, or loses to another who did. */
const roundsMax = 250;

export type Served = {
  served: number;
  /** When a door is offered again to those who still wait, though nothing happens then. */
  again: Instant | null;
};

/** The waiting lists of banks: whoever is woken serves as many as there are doors for, each of them once. */
export const openWaitingLists = (deps: TransactionDeps) => {
  const transactions = openTransactions(deps);

  /** One door for one who waits; false when it was decided on what is true no more. */
  const give = async (
    { id, compartment, assignment }: ReturnType<typeof serveLine>['served'][number],
    { tenant, bankId, bank }: { tenant: string; bankId: string; bank: Parameters<typeof reserve>[2] },
    circumstances: Circumstances,
  ): Promise<boolean> => {
    const { now } = circumstances;
    // Reading it settles its deadline: what has waited too long expires here, and leaves the list.
    const found = await transactions.readConsistent(tenant, id, now);
    if (found?.transaction.state !== 'created') {
      await deps.table.write([{ kind: 'other', expects: 'anything', remove: keys.waiting(bankId, id) }]);
      return false;
    }
    try {
      const { decision } = await transactions.change(found, circumstances, ({ transaction }, fresh) =>
        transaction.state === 'created' ? reserve(transaction, compartment, bank, assignment, fresh, now) : null,
      );
      return decision !== null;
    } catch (error) {
      if (error instanceof Lost) return false;
      throw error;
    }
  };

  return {
    serve: async (tenant: string, bankId: string, now: Instant): Promise<Served> => {
      const circumstances = { actor: { type: 'system' as const, id: 'waiting-list' }, now, newId: deps.newId };
      const { rows } = await deps.table.query(ranges.waiting(bankId), { consistent: true, limit: 1 });
      let served = 0;
      if (rows.length === 0) return { served, again: null };
      for (let round = 0; round < roundsMax; round += 1) {
        const read = await readBankWithDoors(deps.table, tenant, bankId, true);
        if (read === null || read.waiting.length === 0) return { served, again: null };
        const next = serveLine(read.waiting, read.bank, read.compartments, now).served;
        if (next.length === 0) {
          const later = read.compartments.flatMap((it) =>
            it.until !== null && it.until > epochMs(now) ? it.until : [],
          );
          return { served, again: later.length === 0 ? null : instant(Math.min(...later)) };
        }
        for (const each of next) {
          if (!(await give(each, { tenant, bankId, bank: read.bank }, circumstances))) break;
          served += 1;
        }
      }
      throw new Error(`the waiting list of ${bankId} is being changed by others all the time`);
    },
  };
};
export type WaitingLists = ReturnType<typeof openWaitingLists>;
