import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { Command } from './command.ts';
import { runningDeadline } from './deadline.ts';
import type { ExportSchedule } from './export-schedule.ts';
import type { Incident } from './incident.ts';
import { epochSecondsUp, type Instant } from './time.ts';
import type { Transaction } from './transaction.ts';
import type { DeadlineName } from './workflow.ts';

/** What comes back when something is due. It only wakes; what is to be done is read from the rows then. */
export const DueMessage = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('transaction'), tenant: field.text, id: field.text }),
  /** A door of this bank may be offered again, and somebody waits for one. */
  z.object({ kind: z.literal('waiting'), tenant: field.text, id: field.text }),
  /** A schedule of exports. */
  z.object({ kind: z.literal('export-schedule'), tenant: field.text, id: field.text }),
  /** An incident that nobody may have seen to. */
  z.object({ kind: z.literal('incident'), tenant: field.text, id: field.text }),
  z.object({ kind: z.literal('command'), tenant: field.text, id: field.text }),
]);
export type DueMessage = z.infer<typeof DueMessage>;

export type Due = { name: string; at: string; message: DueMessage };

/** The wake-up a transaction needs now. One at a time: when it comes, the next is set. */
export const dueOfTransaction = (it: Transaction): Due | null => {
  const running = runningDeadline(it);
  return (
    running && {
      name: nameOf(it, running.name, it.deadlineRev),
      at: running.at,
      message: { kind: 'transaction', tenant: it.tenant, id: it.id },
    }
  );
};

const nameOf = (it: Transaction, deadline: DeadlineName | 'waitUntil' | 'moveBy', rev: number): string =>
  `${it.id}-${deadline}-${rev}`;

/** Names of the wake-ups that its last step has made pointless. What is not named here comes, and finds nothing to do. */
export const settledDues = (it: Transaction): string[] => {
  const { state, deadlineRev, depositStartedAt, depositedAt } = it;
  // Null once it has waited: it is served, and all its other deadlines are new.
  if (it.waiting) return state === 'created' ? [] : [nameOf(it, 'waitUntil', deadlineRev)];
  if (it.waiting === null && state === 'reserved' && deadlineRev === 0 && depositStartedAt === null)
    return [nameOf(it, 'waitUntil', 0)];
  // A deposit that was learned of at once began no deadline of its own.
  const toDeposit = depositStartedAt === depositedAt ? 'reserveUntil' : 'depositBy';
  if (state === 'reserved' && depositStartedAt !== null) return [nameOf(it, 'reserveUntil', deadlineRev)];
  if (state === 'reserved') return deadlineRev === 0 ? [] : [nameOf(it, 'reserveUntil', deadlineRev - 1)];
  if (state === 'in_use')
    return [nameOf(it, it.flags.includes('overdue') ? 'useUntil' : 'reserveUntil', deadlineRev - 1)];
  if (state === 'stored' && it.move !== undefined)
    return (['pickupBy', 'moveBy'] as const).map((name) => nameOf(it, name, deadlineRev - 1));
  if (state === 'stored') return [nameOf(it, toDeposit, deadlineRev - 1)];
  if (it.startedAt !== undefined) return [nameOf(it, 'useUntil', deadlineRev)];
  return [nameOf(it, depositedAt === null ? toDeposit : 'pickupBy', deadlineRev)];
};

/** A door of a bank is offered again at a moment, and nothing happens then that would wake anybody. */
export const dueOfWaiting = (tenant: string, bankId: string, at: string): Due => ({
  name: `${bankId}-waiting-${epochSecondsUp(at)}`,
  at,
  message: { kind: 'waiting', tenant, id: bankId },
});

/** The next run of a schedule of exports, as it is now; an earlier one that was meant before finds nothing to do. */
export const dueOfExportSchedule = ({ id, tenant, nextRunAt }: ExportSchedule): Due => ({
  name: `${id}-run-${epochSecondsUp(nextRunAt)}`,
  at: nextRunAt,
  message: { kind: 'export-schedule', tenant, id },
});

/** `at`: when it is escalated, unless somebody sees to it before. */
export const dueOfIncident = ({ id, tenant }: Pick<Incident, 'id' | 'tenant'>, at: Instant | null): Due | null =>
  at === null ? null : { name: `${id}-escalate-${epochSecondsUp(at)}`, at, message: { kind: 'incident', tenant, id } };

export const dueOfCommand = (it: Command): Due | null =>
  ['queued', 'sent', 'acknowledged'].includes(it.state)
    ? { name: `${it.id}-notAfter`, at: it.notAfter, message: { kind: 'command', tenant: it.tenant, id: it.id } }
    : null;
