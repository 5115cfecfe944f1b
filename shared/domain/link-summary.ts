import * as z from 'zod';
import type { LinkKind } from './link.ts';
import { type Flag, hasEnded, type Transaction } from './transaction.ts';

/** What several transactions come to together. */
export const LinkState = z.enum([
  'pending',
  'under_way',
  'in_transit',
  'attention',
  'complete',
  'cancelled',
  'incomplete',
]);
export type LinkState = z.infer<typeof LinkState>;

/** Somebody should look at a part that bears one of these, whatever it does next. */
const troubles = ['held', 'overdue', 'disputed'] as const satisfies Flag[];

type Part = Pick<Transaction, 'id' | 'state' | 'flags'> & { part: number };

/** Why a part needs somebody: it ended otherwise than it was to, or does not go on by itself. */
const concerns = ({ state, flags }: Part): string[] => [
  ...((hasEnded(state) && state !== 'completed') || state === 'recall_due' ? [state] : []),
  ...troubles.filter((it) => flags.includes(it)),
];

export type LinkSummary = {
  state: LinkState;
  /** Parts there are to be that nobody has created, or that were taken out. */
  missing: number[];
  attention: { part: number; transactionId: string; because: string[] }[];
};

const begun = ({ state }: Part): boolean => state !== 'created' && state !== 'reserved';

/** Between two sites: a leg is done, and at the next one nothing was put in yet. */
const isInTransit = (kind: LinkKind, parts: readonly Part[], count: number): boolean => {
  if (kind !== 'handover') return false;
  const legs = Array.from({ length: count }, (_, nth) => parts.find(({ part }) => part === nth + 1));
  const open = legs.findIndex((leg) => leg?.state !== 'completed');
  const next = legs[open];
  return open > 0 && (next === undefined || !begun(next));
};

/**
 * The parts as one: `complete` only when every part that there is to be has ended well. Whoever links says how many
 * those are, so that nothing is called complete before its last part was created.
 */
export const summarize = (kind: LinkKind, parts: readonly Part[], of: number): LinkSummary => {
  const count = Math.max(of, ...parts.map(({ part }) => part));
  const missing = Array.from({ length: count }, (_, nth) => nth + 1).filter(
    (nth) => !parts.some(({ part }) => part === nth),
  );
  const attention = parts
    .map((it) => ({ part: it.part, transactionId: it.id, because: concerns(it) }))
    .filter(({ because }) => because.length > 0);
  const everyOne = (state: Transaction['state']): boolean =>
    missing.length === 0 && parts.every((it) => it.state === state);
  const isOver = missing.length === 0 && parts.every((it) => hasEnded(it.state));
  const state = ((): LinkState => {
    if (everyOne('cancelled')) return 'cancelled';
    if (isOver && !everyOne('completed')) return 'incomplete';
    if (attention.length > 0) return 'attention';
    if (isOver) return 'complete';
    if (isInTransit(kind, parts, count)) return 'in_transit';
    return parts.some(begun) ? 'under_way' : 'pending';
  })();
  return { state, missing, attention };
};
