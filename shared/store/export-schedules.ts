import { requested } from '../domain/export.ts';
import { ExportSchedule, exportIdOf, periodOf, ran } from '../domain/export-schedule.ts';
import type { Instant } from '../domain/time.ts';
import { commitExport, commitExportSchedule } from './commit.ts';
import { exportListed } from './exports.ts';
import { keys } from './rows.ts';
import { Lost, type Table } from './table.ts';

type Deps = { table: Table; newId: (prefix: string) => string };

export const openExportSchedules = ({ table, newId }: Deps) => ({
  /** Null where this tenant has none of that id. */
  read: async (tenant: string, id: string, consistent = false): Promise<ExportSchedule | null> => {
    const row = await table.get(keys.exportSchedule(tenant, id), consistent);
    return row === undefined ? null : ExportSchedule.parse(row);
  },

  /**
   * Makes the exports that a schedule is due to make, the oldest first, and answers it as it is then, or null where it
   * is gone. Each is made in the commit that moves the schedule on, under an id that follows from both.
   */
  run: async (tenant: string, id: string, now: Instant): Promise<{ schedule: ExportSchedule | null; made: number }> => {
    for (let made = 0; ; ) {
      const row = await table.get(keys.exportSchedule(tenant, id), true);
      const schedule = row === undefined ? null : ExportSchedule.parse(row);
      if (schedule === null || schedule.nextRunAt > now) return { schedule, made };
      const { kind, format, filter, personalData, apiKeyId, mode, pushTo, nextRunAt } = schedule;
      const job = {
        ...{ id: exportIdOf(schedule), tenant, scheduleId: id },
        ...{ kind, format, filter, personalData, apiKeyId, mode, pushTo, ...periodOf(schedule, nextRunAt) },
      };
      const circumstances = { actor: { type: 'system' as const, id: 'export-schedules' }, now, newId };
      const exported = commitExport(requested(job, now), circumstances);
      try {
        await table.write([
          ...commitExportSchedule(ran(schedule, job.id), circumstances).writes,
          ...exported.writes,
          exportListed(exported.after),
        ]);
        made += 1;
      } catch (error) {
        // Another call has made it, or the schedule was changed: it is looked at again.
        if (!(error instanceof Lost)) throw error;
      }
    }
  },
});
