import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { KeyMode } from './api-key.ts';
import { apply, born, type SubjectChange } from './decision.ts';
import { derivedId } from './derived-id.ts';
import { ExportFilter, ExportFormat, ExportKind } from './export.ts';
import { epochMs, type Instant, InstantText, instant } from './time.ts';

/** How often, and so which period each export has: the day, the week from Monday on, or the month that has ended. */
export const Every = z.enum(['day', 'week', 'month']);
export type Every = z.infer<typeof Every>;

/** Exports that are made again and again, each of the period that has ended. */
export const ExportSchedule = z.object({
  id: field.text,
  tenant: field.text,
  name: field.text,
  kind: ExportKind,
  format: ExportFormat,
  filter: ExportFilter,
  personalData: field.yesNo,
  every: Every,
  /** When on the first day after the period, `HH:MM` on the clocks of the time zone. */
  at: field.text,
  timeZone: field.text,
  /** In whose name: of who made it, or changed it last. */
  apiKeyId: field.text,
  mode: KeyMode,
  /** Where the file of each export is put as well. */
  pushTo: field.textOrNull.default(null),
  nextRunAt: InstantText,
  /** The newest export of it. */
  lastExportId: field.textOrNull,
  createdAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type ExportSchedule = z.infer<typeof ExportSchedule>;

const dayMs = 86_400_000;

/** A day of the calendar, as the moment at which it begins in UTC; calendars of all zones have the same days. */
type Day = number;

/** What the clocks of a zone show at a moment, as if it were UTC. */
const wallAt = (ms: number, timeZone: string): number => {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone,
    calendar: 'iso8601',
    numberingSystem: 'latn',
    hourCycle: 'h23',
    year: 'numeric',
    month: 'numeric',
    day: 'numeric',
    hour: 'numeric',
    minute: 'numeric',
    second: 'numeric',
  }).formatToParts(ms);
  const of = (type: Intl.DateTimeFormatPartTypes): number => Number(parts.find((it) => it.type === type)?.value);
  return Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'));
};

/**
 * When the clocks of a zone show that. What they show twice is the first time; what they skip is so much later as they
 * were put forward by.
 */
const momentOf = (wall: number, timeZone: string): number => {
  const offsetAt = (ms: number): number => wallAt(ms, timeZone) - ms;
  const before = wall - offsetAt(wall - dayMs);
  const after = wall - offsetAt(wall + dayMs);
  const shown = [before, after].filter((ms) => wallAt(ms, timeZone) === wall);
  return shown.length === 0 ? before : Math.min(...shown);
};

/** The first day of the period that a day lies in; 1970 began on a Thursday. */
const firstDay: Record<Every, (day: Day) => Day> = {
  day: (day) => day,
  week: (day) => day - ((day / dayMs + 3) % 7) * dayMs,
  month: (day) => Date.UTC(new Date(day).getUTCFullYear(), new Date(day).getUTCMonth()),
};

const nextFirstDay: Record<Every, (first: Day) => Day> = {
  day: (first) => first + dayMs,
  week: (first) => first + 7 * dayMs,
  month: (first) => Date.UTC(new Date(first).getUTCFullYear(), new Date(first).getUTCMonth() + 1),
};

type Rhythm = Pick<ExportSchedule, 'every' | 'at' | 'timeZone'>;

const minutesOf = (at: string): number => {
  const [hours = 0, minutes = 0] = at.split(':').map(Number);
  return hours * 60 + minutes;
};

const runOn = (day: Day, { at, timeZone }: Rhythm): number => momentOf(day + minutesOf(at) * 60_000, timeZone);

/** The first run after a moment. */
export const nextRunAfter = (rhythm: Rhythm, after: Instant): Instant => {
  const today = Math.floor(wallAt(epochMs(after), rhythm.timeZone) / dayMs) * dayMs;
  let first = firstDay[rhythm.every](today);
  while (runOn(first, rhythm) <= epochMs(after)) first = nextFirstDay[rhythm.every](first);
  return instant(runOn(first, rhythm));
};

/** The period that has ended when a run is due: from the beginning of its first day to that of the day of the run. */
export const periodOf = ({ every, timeZone }: Rhythm, run: Instant): { from: Instant; to: Instant } => {
  const end = firstDay[every](Math.floor(wallAt(epochMs(run), timeZone) / dayMs) * dayMs);
  const begin = firstDay[every](end - dayMs);
  return { from: instant(momentOf(begin, timeZone)), to: instant(momentOf(end, timeZone)) };
};

export const scheduled = (
  it: Omit<ExportSchedule, 'nextRunAt' | 'lastExportId' | 'createdAt' | 'version' | 'hash'>,
  now: Instant,
): SubjectChange<ExportSchedule> =>
  born(
    { ...it, nextRunAt: nextRunAfter(it, now), lastExportId: null, createdAt: now, version: 1, hash: '' },
    'export_schedule.created',
  );

/** A change of when it runs begins with the first run after now. */
export const rescheduled = (
  it: ExportSchedule,
  set: Partial<Omit<ExportSchedule, 'id' | 'tenant' | 'nextRunAt'>>,
  now: Instant,
): SubjectChange<ExportSchedule> => {
  const isMoved = (['every', 'at', 'timeZone'] as const).some(
    (name) => set[name] !== undefined && set[name] !== it[name],
  );
  const nextRunAt = isMoved ? nextRunAfter({ ...it, ...set }, now) : it.nextRunAt;
  return apply(it, [{ type: 'export_schedule.updated', set: { ...set, nextRunAt } }]);
};

/** It has made its export; a run that was missed follows at once, so that no period is left out. */
export const ran = (it: ExportSchedule, exportId: string): SubjectChange<ExportSchedule> =>
  apply(it, [
    {
      type: 'export_schedule.ran',
      set: { lastExportId: exportId, nextRunAt: nextRunAfter(it, it.nextRunAt) },
      data: { exportId, dueAt: it.nextRunAt },
    },
  ]);

export const unscheduled = (it: ExportSchedule): SubjectChange<ExportSchedule> =>
  apply(it, [{ type: 'export_schedule.deleted', set: {} }]);

/** The id of the export that a run makes: always the same, and among other exports at the time of the run. */
export const exportIdOf = ({ id, nextRunAt }: Pick<ExportSchedule, 'id' | 'nextRunAt'>): string =>
  derivedId('exp', epochMs(nextRunAt), `${id} ${nextRunAt}`);
