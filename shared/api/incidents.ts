import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Incident, IncidentState } from '../domain/incident.ts';
import { IncidentKind, Severity } from '../domain/incident-kinds.ts';
import { InstantInput } from '../domain/time.ts';
import { BankView, CompartmentView } from './banks.ts';
import type { Route } from './route.ts';
import { EventView, idParam, listOf, noBody, page } from './shapes.ts';
import { TransactionView } from './transactions.ts';

export const IncidentView = Incident.omit({ tenant: true, hash: true })
  .extend({
    /** What people who work on it do first. */
    todo: field.text,
    /** When it is escalated next if nobody does what is to be done; null: not any more. */
    escalatesAt: field.momentOrNull,
  })
  .meta({ id: 'Incident' });
export type IncidentView = z.infer<typeof IncidentView>;

/** As listed: what was done about it stands where it is read by itself. */
export const IncidentSummary = IncidentView.omit({ steps: true }).meta({ id: 'IncidentSummary' });

/** What it is about, as it is now: whoever is sent there reads all of it at once. Null is also what a key may not read. */
export const IncidentContext = once(() =>
  z
    .object({
      incident: IncidentView,
      /** With the scope `banks:read`. */
      bank: BankView.pick({
        ...{ id: true, siteId: true, name: true, lifecycle: true },
        ...{ connectivity: true, connectivitySince: true },
      }).nullable(),
      compartment: CompartmentView.nullable(),
      /** With the scope `transactions:read`. */
      transaction: TransactionView.nullable(),
      /** The newest of what its subject's events tell, in their order, with the scope `events:read`. */
      events: z.array(EventView()).nullable(),
    })
    .meta({ id: 'IncidentContext' }),
);

const params = z.object({ incidentId: idParam });
const base = { noun: 'incidents', response: () => IncidentView, etag: true } as const;

/** Something that can be read. */
const words = (most: number) => z.string().min(1).max(most).regex(/\S/, 'is blank');

/** Who has it, or is to have it. It stands in events, which are for ever: a desk or a number rather than a name. */
const Owner = words(120);

const Id = z.string().min(1).max(64);

export const reportIncident = {
  ...base,
  id: 'report-incident',
  method: 'POST',
  path: '/v1/incidents',
  summary: 'Report something that is to be set right',
  permission: 'incidents:write',
  body: once(() =>
    z
      .strictObject({
        summary: words(200),
        severity: Severity.default('normal'),
        bankId: Id.optional(),
        door: z.string().min(1).max(8).optional(),
        /** Then its bank and its door are meant, unless others are named. */
        transactionId: Id.optional(),
        /** By when it has to be resolved; left out, as its severity says. */
        resolveBy: InstantInput().optional(),
      })
      .refine(({ door, bankId }) => door === undefined || bankId !== undefined, {
        path: ['door'],
        error: 'needs bankId: every bank has a door of that name',
      })
      .meta({ dependentRequired: { door: ['bankId'] } }),
  ),
  status: 201,
  problems: ['idempotency_key_reused'],
} as const satisfies Route;

export const listIncidents = {
  id: 'list-incidents',
  noun: 'incidents',
  method: 'GET',
  path: '/v1/incidents',
  summary: 'List incidents, the newest first',
  permission: 'incidents:read',
  query: once(() =>
    z.strictObject({
      /** All of what is given has to hold. A page may be short and have a next. */
      state: IncidentState.optional(),
      kind: IncidentKind.optional(),
      severity: Severity.optional(),
      bankId: Id.optional(),
      owner: Owner.optional(),
      ...page,
    }),
  ),
  status: 200,
  response: once(() => listOf(IncidentSummary)),
  problems: [],
} as const satisfies Route;

export const getIncident = {
  ...base,
  id: 'get-incident',
  method: 'GET',
  path: '/v1/incidents/{incidentId}',
  summary: 'Read an incident, and what was done about it',
  permission: 'incidents:read',
  params,
  status: 200,
  problems: [],
} as const satisfies Route;

export const getIncidentContext = {
  id: 'get-incident-context',
  noun: 'incidents',
  method: 'GET',
  path: '/v1/incidents/{incidentId}/context',
  summary: 'Read all that an incident is about, as it is now: bank, compartment, transaction, what happened last',
  permission: 'incidents:read',
  params,
  status: 200,
  response: IncidentContext,
  problems: [],
} as const satisfies Route;

export const listIncidentEvents = {
  id: 'list-incident-events',
  noun: 'incidents',
  method: 'GET',
  path: '/v1/incidents/{incidentId}/events',
  summary: 'Read what happened to an incident, in order',
  permission: 'incidents:read',
  params,
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(EventView())),
  problems: [],
} as const satisfies Route;

const problems = ['invalid_transition', 'precondition_failed', 'idempotency_key_reused'] as const;
const action = { ...base, method: 'POST', permission: 'incidents:write', params, status: 200, problems } as const;

export const acknowledgeIncident = {
  ...action,
  id: 'acknowledge-incident',
  path: '/v1/incidents/{incidentId}/acknowledge',
  summary: 'Take an incident: it has an owner from now on',
  body: once(() => z.strictObject({ owner: Owner })),
} as const satisfies Route;

export const assignIncident = {
  ...action,
  id: 'assign-incident',
  path: '/v1/incidents/{incidentId}/assign',
  summary: 'Give an incident to somebody else; one that is open stays so until it is taken',
  body: once(() => z.strictObject({ owner: Owner })),
} as const satisfies Route;

export const noteIncident = {
  ...action,
  id: 'note-incident',
  path: '/v1/incidents/{incidentId}/note',
  summary: 'Record a step that was done to set it right',
  body: once(() => z.strictObject({ text: words(500) })),
  problems: ['conflict', ...problems],
} as const satisfies Route;

export const resolveIncident = {
  ...action,
  id: 'resolve-incident',
  path: '/v1/incidents/{incidentId}/resolve',
  summary: 'Say that it was set right, and how',
  body: once(() => z.strictObject({ resolution: words(500) })),
} as const satisfies Route;

export const closeIncident = {
  ...action,
  id: 'close-incident',
  path: '/v1/incidents/{incidentId}/close',
  summary: 'Close what is resolved; refused while what is behind it goes on',
  body: () => noBody,
  problems: ['cause_holds', ...problems],
} as const satisfies Route;

export const reopenIncident = {
  ...action,
  id: 'reopen-incident',
  path: '/v1/incidents/{incidentId}/reopen',
  summary: 'Say that it was not resolved after all',
  body: once(() => z.strictObject({ reason: words(200) })),
} as const satisfies Route;
