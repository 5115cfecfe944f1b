import { timeOutIfDue } from '#shared/domain/commanding.ts';
import {
  type Due,
  DueMessage,
  dueOfCommand,
  dueOfExportSchedule,
  dueOfIncident,
  dueOfTransaction,
  dueOfWaiting,
} from '#shared/domain/due.ts';
import { escalatesAt } from '#shared/domain/incident.ts';
import { instant } from '#shared/domain/time.ts';
import { consumer } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { log } from '#shared/lambda/log.ts';
import { live } from '#shared/live.ts';
import { schedulesTo } from '#shared/live-schedules.ts';
import type { Schedules } from '#shared/outside/schedules.ts';
import { openCommands } from '#shared/store/commands.ts';
import { openExportSchedules } from '#shared/store/export-schedules.ts';
import { openIncidents } from '#shared/store/incidents.ts';
import { openTransactions } from '#shared/store/transactions.ts';
import { openWaitingLists } from '#shared/store/waiting.ts';

/**
 * Something may be due. What is, is decided from the row as it is now: late or again there is nothing to do, early or
 * extended it is set anew.
 */
export const deadlineConsumer = (deps: HttpDeps & { schedules: Pick<Schedules, 'send'> }) => {
  const transactions = openTransactions(deps);
  const commands = openCommands(deps.table);
  const lists = openWaitingLists(deps);
  const exportSchedules = openExportSchedules(deps);
  const incidents = openIncidents(deps);
  return async (message: DueMessage): Promise<void> => {
    const now = instant(deps.clock());
    const next = async (due: Due | null) => {
      if (due) await deps.schedules.send(due.name, due.at, due.message, now);
    };
    if (message.kind === 'transaction') {
      const found = await transactions.readConsistent(message.tenant, message.id, now);
      if (found) await next(dueOfTransaction(found.transaction));
      else log.warn('nothing there that is due', message);
      return;
    }
    if (message.kind === 'waiting') {
      const { again } = await lists.serve(message.tenant, message.id, now);
      return next(again === null ? null : dueOfWaiting(message.tenant, message.id, again));
    }
    if (message.kind === 'export-schedule') {
      const { schedule } = await exportSchedules.run(message.tenant, message.id, now);
      return next(schedule === null ? null : dueOfExportSchedule(schedule));
    }
    if (message.kind === 'incident') {
      const { it } = await incidents.escalate(message.tenant, message.id, now);
      return next(it === null ? null : dueOfIncident(it, escalatesAt(it)));
    }
    const command = await commands.readConsistent(message.tenant, message.id);
    if (command === null) return log.warn('nothing there that is due', message);
    const actor = { type: 'system' as const, id: 'deadline' };
    const after = await commands.change(command, { actor, now, newId: deps.newId }, (it) => timeOutIfDue(it, now));
    await next(dueOfCommand(after));
  };
};

export const handler = consumer(DueMessage, () => deadlineConsumer({ ...live(), schedules: schedulesTo('DEADLINES') }));
