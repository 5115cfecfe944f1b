import type { Bank } from './bank.ts';
import type { MessageKind } from './message.ts';
import { quietSince, quietUntil } from './quiet-hours.ts';
import { epochMs, epochSecondsUp, type Instant, later, plusSeconds } from './time.ts';
import type { Transaction } from './transaction.ts';
import { type DeadlineName, workflowOf } from './workflow.ts';

/** What people are reminded of, and by when it is to be done. */
export const remindedOf = {
  pickup_due: 'pickupBy',
  loan_due: 'useUntil',
  rental_ending: 'useUntil',
} as const satisfies Partial<Record<MessageKind, DeadlineName>>;
export type ReminderKind = keyof typeof remindedOf;

export type Reminder = {
  kind: ReminderKind;
  /** The deadline that it reminds of. */
  by: Instant;
  /** When it is due where it is never quiet. */
  at: Instant;
};

/** Whoever has less than so many times what would be left after it was told a little while before, and needs none. */
const windowLeast = 1.5;

const kindOf = ({ workflow, depositedAt, startedAt }: Transaction): ReminderKind | null => {
  if (startedAt !== undefined) return workflow === 'loan' ? 'loan_due' : 'rental_ending';
  return depositedAt === null ? null : 'pickup_due';
};

/** The reminder that its last deadline has, or had until it ended. */
export const lastReminder = (it: Transaction): Reminder | null => {
  const kind = kindOf(it);
  const by = kind === null ? undefined : it.deadlines[remindedOf[kind]];
  const before = it.remindBeforeSeconds ?? workflowOf(it.workflow).remindBeforeSeconds;
  if (kind === null || by === undefined || before === 0) return null;
  // Goods in stock lay there before anybody was told of them.
  const since = it.startedAt ?? later(it.depositedAt ?? it.createdAt, it.createdAt);
  const isShort = epochMs(by) - epochMs(since) <= windowLeast * before * 1000;
  return isShort ? null : { kind, by, at: plusSeconds(by, -before) };
};

/** The one that its deadline has, while that runs. What is being moved nobody can collect. */
export const reminderOf = (it: Transaction): Reminder | null =>
  (it.state === 'stored' || it.state === 'in_use') && !it.move && !it.flags.includes('overdue')
    ? lastReminder(it)
    : null;

/** Its wake-up: one for each deadline. */
export const reminderName = ({ id }: Transaction, { by }: Reminder): string => `${id}-reminder-${epochSecondsUp(by)}`;

/** So long before the quiet hours it comes that it would else bring too late. */
const beforeQuietSeconds = 900;

/**
 * When it is to come at a bank. One that is due in quiet hours waits for their end, where at least half of its time is left
 * then; else it comes before they begin.
 */
export const remindAt = ({ by, at }: Reminder, place: Pick<Bank, 'quietHours' | 'config'>): Instant => {
  const until = quietUntil(place, at);
  const since = quietSince(place, at);
  if (until === null || since === null) return at;
  const hasHalf = (epochMs(by) - epochMs(until)) * 2 >= epochMs(by) - epochMs(at);
  return hasHalf ? until : plusSeconds(since, -beforeQuietSeconds);
};
