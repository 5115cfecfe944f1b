import * as z from 'zod';
import type { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { assign } from './assignment.ts';
import type { AssignmentPolicy } from './assignment-policy.ts';
import type { Bank } from './bank.ts';
import type { ReservationReason } from './refusal.ts';
import { seenCompartments } from './seen.ts';
import { Item, Transaction } from './transaction.ts';

const Created = z.object({ bankId: field.text, changes: z.object({ items: z.array(Item) }) });
const Assigned = z.object({ changes: Transaction.pick({ assignment: true }) });
const Reserved = z.object({ door: field.text, seen: field.text });

/** A decision as its events tell it. */
export type PastDecision = {
  transactionId: string;
  bankId: string;
  decidedAt: string;
  items: Item[];
  seen: string;
  chosen: { door: string; policy: string; candidates: number; reason: string };
};

/** Null where the events do not tell what was decided, or what was seen then. */
export const pastDecision = (events: readonly Envelope[]): PastDecision | null => {
  const created = events.find(({ type }) => type === 'transaction.created');
  const reserved = events.find(({ type }) => type === 'transaction.reserved');
  const born = Created.safeParse(created?.data);
  const told = Reserved.safeParse(reserved?.data);
  // Of one that waited, the event that served it says how it was chosen.
  const [assigned] = [reserved, created].flatMap((it) => Assigned.safeParse(it?.data).data ?? []);
  if (!created || !reserved || !born.success || !told.success || !assigned) return null;
  const { door, seen } = told.data;
  return {
    transactionId: created.subject,
    bankId: born.data.bankId,
    decidedAt: reserved.recordedAt,
    items: born.data.changes.items,
    seen,
    chosen: { door, ...assigned.changes.assignment },
  };
};

export type Replayed = { door: string | null; candidates: number; reason: string; refusal: ReservationReason | null };

/** What that policy would have chosen, from what was seen then. */
export const replay = (
  it: PastDecision,
  { layout }: Pick<Bank, 'layout'>,
  assignmentPolicy: AssignmentPolicy,
): Replayed => {
  // It took something, so it took part then, whatever it does now.
  const bank = { lifecycle: 'active' as const, layout, assignmentPolicy };
  const found = assign(it.items, it.transactionId, bank, seenCompartments(layout, it.seen), it.decidedAt);
  if (found.refused !== null) return { door: null, candidates: 0, reason: found.refused, refusal: found.refused };
  const { doors, candidates, reason } = found;
  return { door: doors[0]?.door ?? null, candidates, reason, refusal: null };
};
