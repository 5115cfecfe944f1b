import type { Envelope } from '#events/envelope.ts';
import { isReachable } from '#shared/domain/audience.ts';
import { Command } from '#shared/domain/command.ts';
import {
  type Due,
  dueOfCommand,
  dueOfExportSchedule,
  dueOfIncident,
  dueOfTransaction,
  settledDues,
} from '#shared/domain/due.ts';
import { ExportSchedule } from '#shared/domain/export-schedule.ts';
import { escalatesAt, Incident } from '#shared/domain/incident.ts';
import { reminderIdOf } from '#shared/domain/message.ts';
import { lastReminder, reminderName } from '#shared/domain/reminder.ts';
import { instant } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { liveTable } from '#shared/live.ts';
import { schedulesTo } from '#shared/live-schedules.ts';
import type { Schedules } from '#shared/outside/schedules.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';
import { splitStored } from '#shared/store/transactions.ts';

/**
 * Sets the wake-up for the deadline that runs now, as it stands now, whatever event said that something changed, and
 * takes back the one before: firing costs, deleting does not.
 */
export const deadlinesReaction = (deps: { table: Table; schedules: Schedules; clock: () => number }) => {
  /** The reminder that was to come, if somebody was to be reminded: it is over, and they need not be. */
  const forgetReminder = async (it: Transaction): Promise<void> => {
    const reminder = it.state === 'stored' || it.state === 'in_use' ? null : lastReminder(it);
    if (reminder === null || !isReachable(it) || reminder.at <= it.updatedAt) return;
    await deps.schedules.forget(reminderName(it, reminder));
    const remove = keys.message(it.tenant, it.id, reminderIdOf(it.id, reminder));
    await deps.table.write([{ kind: 'other', expects: { version: 1 }, remove }]).catch((error: unknown) => {
      // It was never written down, or has come before its time because of quiet hours.
      if (!(error instanceof Lost)) throw error;
    });
  };

  return async ({ type, tenant, subject }: Pick<Envelope, 'type' | 'tenant' | 'subject'>): Promise<void> => {
    if (type.startsWith('export_schedule.')) {
      const schedule = await deps.table.get(keys.exportSchedule(tenant, subject), true);
      // It was deleted since.
      if (schedule === undefined) return;
      const { name, at, message } = dueOfExportSchedule(ExportSchedule.parse(schedule));
      return deps.schedules.send(name, at, message, instant(deps.clock()));
    }
    const set = async (due: Due | null): Promise<void> => {
      if (due) await deps.schedules.send(due.name, due.at, due.message, instant(deps.clock()));
    };
    if (type.startsWith('incident.')) {
      const incident = Incident.parse(await deps.table.get(keys.incident(tenant, subject), true));
      return set(dueOfIncident(incident, escalatesAt(incident)));
    }
    const ofCommand = type.startsWith('command.');
    const key = ofCommand ? keys.command(tenant, subject) : keys.transaction(tenant, subject);
    const row = await deps.table.get(key, true);
    if (row === undefined) throw new Error(`there is no ${subject}`);
    if (ofCommand) return set(dueOfCommand(Command.parse(row)));
    const { transaction } = splitStored(row);
    await set(dueOfTransaction(transaction));
    for (const name of settledDues(transaction)) await deps.schedules.forget(name);
    await forgetReminder(transaction);
  };
};

export const handler = reaction(() => deadlinesReaction({ ...liveTable(), schedules: schedulesTo('DEADLINES') }));
