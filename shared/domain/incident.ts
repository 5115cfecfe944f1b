import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { apply, born, type Emission, type SubjectChange } from './decision.ts';
import { IncidentKind, incidentKindOf, levelMax, Severity, severities } from './incident-kinds.ts';
import { Refusal } from './refusal.ts';
import { earlier, type Instant, InstantText, later, plusSeconds } from './time.ts';

export const IncidentState = z.enum(['open', 'acknowledged', 'in_progress', 'resolved', 'closed']);
export type IncidentState = z.infer<typeof IncidentState>;

/** More than that is a story, and has its place where stories are written. */
export const stepsMax = 30;

/** What somebody did about it. */
const Step = z.object({ at: InstantText, by: field.text, text: field.text });

/** Something that went wrong, and is somebody's to set right. Escalation is a level, not a state (design.md section 4). */
export const Incident = z.object({
  id: field.text,
  tenant: field.text,
  kind: IncidentKind,
  severity: Severity,
  state: IncidentState,
  summary: field.text,
  /** Whose events tell of it, as they name it; null of what was reported by hand. */
  subject: field.textOrNull,
  /** The event that opened it. */
  eventId: field.textOrNull,
  bankId: field.textOrNull,
  door: field.textOrNull,
  /** The transaction that is concerned, as of when it was opened. */
  transactionId: field.textOrNull,
  /** False at a simulated bank. */
  livemode: field.yesNo,
  /** Who has it, or is to have it; a desk or a number, as it cannot be erased. */
  owner: field.textOrNull,
  /** How often it has happened since it was opened, and when last. */
  occurrences: field.positive,
  lastAt: InstantText,
  /** What is behind it goes on; while it does, the incident is not closed. */
  causeHolds: field.yesNo,
  /** Since when that is over, as far as we know, where there was something. */
  causeOverAt: field.momentOrNull,
  acknowledgeBy: InstantText,
  resolveBy: InstantText,
  /** How often it was escalated, and when last. */
  level: field.count,
  escalatedAt: field.momentOrNull,
  steps: z.array(Step),
  /** How it was resolved. */
  resolution: field.textOrNull,
  openedAt: InstantText,
  acknowledgedAt: field.momentOrNull,
  resolvedAt: field.momentOrNull,
  closedAt: field.momentOrNull,
  version: field.positive,
  hash: field.text,
});
export type Incident = z.infer<typeof Incident>;

/** What people do, and in which state they find it then. What is not here is refused. */
export const incidentLifecycle = {
  open: { assign: 'open', acknowledge: 'acknowledged' },
  acknowledged: { assign: 'acknowledged', note: 'in_progress', resolve: 'resolved' },
  in_progress: { assign: 'in_progress', note: 'in_progress', resolve: 'resolved' },
  resolved: { reopen: 'in_progress', close: 'closed' },
  closed: {},
} as const satisfies Record<IncidentState, Partial<Record<string, IncidentState>>>;

export type IncidentAction = 'assign' | 'acknowledge' | 'note' | 'resolve' | 'reopen' | 'close';

const goesTo = ({ id, state }: Incident, action: IncidentAction): IncidentState => {
  const actions: Partial<Record<IncidentAction, IncidentState>> = incidentLifecycle[state];
  const to = actions[action];
  if (to === undefined) {
    const others = Object.keys(actions).join(', ');
    throw new Refusal(
      'invalid_transition',
      `cannot ${action} ${id}, which is ${state}; ${others === '' ? 'nothing is left to do' : `it takes ${others}`}`,
    );
  }
  return to;
};

/** What opens one, or happens to it again. */
export type Occurrence = {
  at: Instant;
  holds: boolean;
  transactionId: string | null;
  /** The deadline of that transaction that runs, if one does. */
  promisedBy: Instant | null;
};

const within = (severity: Severity, since: Instant): Instant =>
  plusSeconds(since, severities[severity].resolveWithinSeconds);

/** What was promised for a time that is past is not promised any more. */
const promised = (due: Instant, by: Instant | null, now: Instant): Instant =>
  by !== null && by > now ? earlier(due, by) : due;

type Said = Pick<
  Incident,
  | 'id'
  | 'tenant'
  | 'kind'
  | 'severity'
  | 'summary'
  | 'subject'
  | 'eventId'
  | 'bankId'
  | 'door'
  | 'livemode'
  | 'openedAt'
>;

/** `wanted`: by when, as whoever reports it wants it. */
export const opened = (
  said: Said,
  { at, holds, transactionId, promisedBy }: Occurrence,
  wanted?: Instant,
): SubjectChange<Incident> => {
  const { severity, openedAt } = said;
  const resolveBy = wanted ?? promised(within(severity, openedAt), promisedBy, openedAt);
  return born(
    {
      ...said,
      transactionId,
      state: 'open',
      owner: null,
      occurrences: 1,
      lastAt: at,
      causeHolds: holds,
      causeOverAt: holds || incidentKindOf(said.kind).cause === 'none' ? null : openedAt,
      acknowledgeBy: earlier(plusSeconds(openedAt, severities[severity].acknowledgeWithinSeconds), resolveBy),
      resolveBy,
      level: 0,
      escalatedAt: null,
      steps: [],
      resolution: null,
      acknowledgedAt: null,
      resolvedAt: null,
      closedAt: null,
      version: 1,
      hash: '',
    },
    'incident.opened',
  );
};

/** It was not resolved after all: its owner has it again, until then if that is not past, else as long as its severity says. */
const again = ({ severity, resolveBy }: Incident, now: Instant) => ({
  state: 'in_progress' as const,
  resolution: null,
  resolvedAt: null,
  resolveBy: resolveBy > now ? resolveBy : within(severity, now),
});

/** The same has happened once more. What was resolved before that was not resolved. */
export const recurred = (
  it: Incident,
  { at, holds, transactionId, promisedBy }: Occurrence,
  eventId: string,
  now: Instant,
): SubjectChange<Incident> => {
  const back = it.resolvedAt !== null && at > it.resolvedAt ? again(it, now) : null;
  const set: Partial<Incident> = {
    ...back,
    occurrences: it.occurrences + 1,
    lastAt: later(it.lastAt, at),
    causeHolds: holds,
    causeOverAt: overSince(it, holds, now),
    transactionId: it.transactionId ?? transactionId,
    resolveBy: promised(back?.resolveBy ?? it.resolveBy, promisedBy, now),
  };
  return apply(it, [{ type: 'incident.recurred', set, data: { eventId } }]);
};

const overSince = ({ causeHolds, causeOverAt }: Incident, holds: boolean, now: Instant): Instant | null => {
  if (holds) return null;
  return causeHolds ? now : causeOverAt;
};

const causeEnded = (at: Instant): Emission<Incident> => ({
  type: 'incident.cause_ended',
  set: { causeHolds: false, causeOverAt: at },
});

/** What was behind it is over. People say whether that resolves it. */
export const causeOver = (it: Incident, at: Instant): SubjectChange<Incident> =>
  apply(it, it.causeHolds ? [causeEnded(at)] : []);

export const acknowledge = (it: Incident, owner: string, now: Instant): SubjectChange<Incident> =>
  apply(it, [{ type: 'incident.acknowledged', set: { state: goesTo(it, 'acknowledge'), owner, acknowledgedAt: now } }]);

export const assign = (it: Incident, owner: string): SubjectChange<Incident> =>
  apply(it, [{ type: 'incident.assigned', set: { state: goesTo(it, 'assign'), owner } }]);

export const note = (it: Incident, text: string, by: string, now: Instant): SubjectChange<Incident> => {
  const state = goesTo(it, 'note');
  if (it.steps.length >= stepsMax)
    throw new Refusal('conflict', `${stepsMax} steps are recorded of ${it.id}, which is as many as there is room for`);
  return apply(it, [{ type: 'incident.noted', set: { state, steps: [...it.steps, { at: now, by, text }] } }]);
};

export const resolve = (it: Incident, resolution: string, now: Instant): SubjectChange<Incident> =>
  apply(it, [{ type: 'incident.resolved', set: { state: goesTo(it, 'resolve'), resolution, resolvedAt: now } }]);

export const reopen = (it: Incident, reason: string, now: Instant): SubjectChange<Incident> =>
  apply(it, [{ type: 'incident.reopened', set: { ...again(it, now), state: goesTo(it, 'reopen') }, data: { reason } }]);

/** `holds`: what is behind it goes on, says who has just looked. */
export const close = (it: Incident, holds: boolean, now: Instant): SubjectChange<Incident> => {
  const state = goesTo(it, 'close');
  if (holds) throw new Refusal('cause_holds', `what is behind ${it.id} goes on; close it when that is over`);
  const over = it.causeHolds ? [causeEnded(now)] : [];
  return apply(it, [...over, { type: 'incident.closed', set: { state, closedAt: now } }]);
};

type Missed = { at: Instant; missed: 'acknowledge' | 'resolve' };

/** What people have missed of it, or will, and when. */
const missedOf = ({ state, acknowledgeBy, resolveBy }: Incident): Missed[] => {
  if (state === 'resolved' || state === 'closed') return [];
  const toResolve: Missed = { at: resolveBy, missed: 'resolve' };
  return state === 'open' ? [{ at: acknowledgeBy, missed: 'acknowledge' }, toResolve] : [toResolve];
};

/** When it is escalated next if nobody does what is to be done until then; null: not any more. */
export const escalatesAt = (it: Incident): Instant | null => {
  const { level, escalatedAt, severity } = it;
  if (level >= levelMax) return null;
  const last = escalatedAt ?? '';
  const times = missedOf(it).map(({ at }) =>
    at > last ? at : plusSeconds(last, severities[severity].escalateAgainAfterSeconds),
  );
  return times.toSorted()[0] ?? null;
};

/** One level up, if it is time for that. Once for each level, however often somebody looks. */
export const escalated = (it: Incident, now: Instant): SubjectChange<Incident> | null => {
  const at = escalatesAt(it);
  if (at === null || at > now) return null;
  const missed = missedOf(it).findLast((that) => that.at <= now)?.missed ?? 'acknowledge';
  return apply(it, [
    {
      type: 'incident.escalated',
      set: { level: it.level + 1, escalatedAt: now },
      data: { missed, summary: it.summary },
    },
  ]);
};
