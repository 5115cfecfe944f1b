import type { DeadlineName, Transaction } from './transaction.ts';

/** The one deadline that runs now, if any. */
export const runningDeadline = (it: Transaction): { name: DeadlineName; at: string } | null => {
  if (it.state === 'reserved') {
    const name = it.depositStartedAt === null ? 'reserveUntil' : 'depositBy';
    return { name, at: it.deadlines[name] };
  }
  return it.state === 'stored' ? { name: 'pickupBy', at: it.deadlines.pickupBy } : null;
};
