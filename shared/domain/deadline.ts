import { type Instant, plusSeconds } from './time.ts';
import type { Transaction } from './transaction.ts';
import { type Condition, DeadlineName, workflowOf } from './workflow.ts';

/** So much later than its deadlines something becomes of it. */
const late = ({ tolerance }: Transaction, at: Instant): Instant =>
  tolerance === undefined ? at : plusSeconds(at, tolerance.lateSeconds);

/** The one deadline that runs now, if any, and when something becomes of it. */
export const runningDeadline = (
  it: Transaction,
): { name: DeadlineName | 'waitUntil' | 'moveBy'; at: string } | null => {
  const { state, deadlines, flags } = it;
  const named = (name: DeadlineName) => {
    const at = deadlines[name];
    return at === undefined ? null : { name, at: late(it, at) };
  };
  if (state === 'created') return it.waiting ? { name: 'waitUntil', at: it.waiting.until } : null;
  if (state === 'reserved') return named(it.depositStartedAt === null ? 'reserveUntil' : 'depositBy');
  // Nobody can pick up what is being moved, so that time stands still.
  if (state === 'stored' && it.move) return flags.includes('overdue') ? null : { name: 'moveBy', at: it.move.moveBy };
  if (state === 'stored') return named('pickupBy');
  if (state !== 'in_use' || deadlines.useUntil === undefined) return null;
  if (!flags.includes('overdue')) return named('useUntil');
  return it.overstaySeconds === undefined
    ? null
    : { name: 'useUntil', at: late(it, plusSeconds(deadlines.useUntil, it.overstaySeconds)) };
};

/** A deadline that its workflow has. */
export const deadlineOf = (it: Pick<Transaction, 'id' | 'deadlines'>, name: DeadlineName): Instant => {
  const at = it.deadlines[name];
  if (at === undefined) throw new Error(`${it.id} has no ${name}`);
  return at;
};

/** What still keeps the receiver from opening. */
export const unmet = (it: Pick<Transaction, 'preconditions'>): Condition[] =>
  (it.preconditions ?? []).flatMap(({ condition, met }) => (met === undefined ? [condition] : []));

/** Names of the deadlines that its workflow has. */
export const deadlineNames = (it: Pick<Transaction, 'workflow'>): DeadlineName[] =>
  DeadlineName.options.filter((name) => workflowOf(it.workflow).deadlines[name] !== undefined);
