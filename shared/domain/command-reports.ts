import type { JournalEntry } from '../device/journal.ts';
import type { Command, CommandState } from './command.ts';
import type { Emission } from './decision.ts';

type Report = {
  to: CommandState;
  /** States it moves on from; in any other the report is old news. Late truth is accepted: a command thought dead may have opened. */
  from: readonly CommandState[];
  emits: Emission<Command>['type'];
};

const waiting = ['queued', 'sent', 'acknowledged'] as const;

/** What each of a bank's entries says of the command behind it. */
const reports = {
  'command.acknowledged': { to: 'acknowledged', from: ['queued', 'sent'], emits: 'command.acknowledged' },
  'command.rejected': { to: 'rejected', from: waiting, emits: 'command.rejected' },
  'command.failed': { to: 'failed', from: waiting, emits: 'command.failed' },
  'door.opened': { to: 'opened', from: [...waiting, 'timed_out', 'superseded'], emits: 'command.opened' },
  'door.closed': { to: 'closed', from: [...waiting, 'opened', 'timed_out', 'superseded'], emits: 'command.closed' },
} as const satisfies Partial<Record<JournalEntry['type'], Report>>;

export const commandIdOf = (entry: JournalEntry): string | null => {
  if ('commandId' in entry) return entry.commandId;
  return 'cause' in entry && entry.cause !== null && 'commandId' in entry.cause ? entry.cause.commandId : null;
};

/** What an entry makes of its command; nothing if it says nothing new. */
export const commandReport = (command: Command, entry: JournalEntry): Emission<Command>[] => {
  const report: Report | undefined = Object.hasOwn(reports, entry.type)
    ? reports[entry.type as keyof typeof reports]
    : undefined;
  if (!report?.from.includes(command.state)) return [];
  const outcome = entry.type === 'command.rejected' || entry.type === 'command.failed' ? entry.reason : null;
  return [
    {
      type: report.emits,
      set: { state: report.to, ...(outcome ? { outcome } : {}) },
      ...(outcome ? { data: { reason: outcome } } : {}),
    },
  ];
};

/** Still unanswered, so a newer one may take its place. */
export const supersedable = (state: CommandState): boolean => state === 'queued' || state === 'sent';
/** The bank is at it: another command for the door has to wait. */
export const underWay = (state: CommandState): boolean => state === 'acknowledged' || state === 'opened';
