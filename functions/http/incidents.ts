import * as contract from '#shared/api/incidents.ts';
import type { Scope } from '#shared/domain/api-key.ts';
import { newCompartment } from '#shared/domain/compartment.ts';
import { runningDeadline } from '#shared/domain/deadline.ts';
import type { SubjectChange } from '#shared/domain/decision.ts';
import * as incident from '#shared/domain/incident.ts';
import { incidentKindOf, type Scene } from '#shared/domain/incident-kinds.ts';
import { type FieldError, Refusal } from '#shared/domain/refusal.ts';
import { requireFields } from '#shared/lambda/asking.ts';
import { compartmentView, connectionOf } from '#shared/lambda/bank-view.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { transactionView } from '#shared/lambda/transaction-view.ts';
import { live } from '#shared/live.ts';
import { decidedAnew } from '#shared/store/anew.ts';
import { logOf } from '#shared/store/deliveries.ts';
import { commitIncident, incidentPartition, openIncidents } from '#shared/store/incidents.ts';
import { keys } from '#shared/store/rows.ts';
import { readNewestEvents, readSubjectEvents } from '#shared/store/subject-events.ts';
import { Applied } from '#shared/store/transactions.ts';

const shown = (it: incident.Incident): contract.IncidentView =>
  contract.IncidentView.parse({
    ...it,
    todo: incidentKindOf(it.kind).todo,
    escalatesAt: incident.escalatesAt(it),
  });

const answer = (it: incident.Incident): Answer => ({ body: shown(it), etag: it.version });

type Reported = Call<typeof contract.reportIncident>['body'];

/** What is named must be the tenant's own, and fit together. */
const errorsOf = (
  { bankId, door, transactionId, resolveBy }: Reported,
  { bank, transaction }: Scene,
  { caller, now }: Pick<AnyCall, 'caller' | 'now'>,
): FieldError[] => {
  const isOwn = bank !== null && bank.tenant === caller.tenant;
  return [
    ...(bankId === undefined || isOwn ? [] : [{ pointer: '/bankId', detail: `is no bank of yours: ${bankId}` }]),
    ...(door === undefined || !isOwn || bank.layout.some((it) => it.door === door)
      ? []
      : [{ pointer: '/door', detail: `is no door of ${bank.id}: ${door}` }]),
    ...(transactionId === undefined || transaction !== null
      ? []
      : [{ pointer: '/transactionId', detail: `is no transaction of yours: ${transactionId}` }]),
    ...(resolveBy === undefined || resolveBy > now
      ? []
      : [{ pointer: '/resolveBy', detail: `must be in the future; now it is ${now}` }]),
  ];
};

/** So many events of its subject are in the view of all of it. */
const newestEvents = 20;

export const incidentHandlers = (deps: HttpDeps): Handlers => {
  const incidents = openIncidents(deps);

  const unknown = (id: string): Refusal => new Refusal('not_found', `there is no incident ${id}`);

  type OfOne = AnyCall & { params: { incidentId: string } };
  const find = async ({ caller, params }: OfOne): Promise<incident.Incident> => {
    const found = await incidents.read(caller.tenant, params.incidentId);
    if (found === null) throw unknown(params.incidentId);
    return found;
  };

  /** Decides a change of it as it is now, and anew where another was faster. */
  const change = (
    call: OfOne,
    decide: (it: incident.Incident) => SubjectChange<incident.Incident> | Promise<SubjectChange<incident.Incident>>,
  ): Promise<Answer> =>
    decidedAnew('the incident is being changed by others right now', async () => {
      const { ifMatch, circumstances, record } = call;
      const it = await find(call);
      if (ifMatch !== undefined && ifMatch !== it.version)
        throw new Refusal('precondition_failed', `the incident is at version ${it.version} now`);
      const { after, writes } = commitIncident(await decide(it), circumstances);
      const made = answer(after);
      await deps.table.write([...writes, ...record(made)]);
      return made;
    });

  return {
    [contract.reportIncident.id]: async (call: Call<typeof contract.reportIncident>) => {
      const { body, caller, now, circumstances, record } = call;
      const { tenant } = caller;
      const named = {
        bankId: body.bankId ?? null,
        door: body.door ?? null,
        transactionId: body.transactionId ?? null,
      };
      const scene = await incidents.readScene({ ...named, tenant, subject: null });
      requireFields(errorsOf(body, scene, call));
      const { bank, transaction } = scene;
      const reported = incident.opened(
        {
          ...{ id: deps.newId('inc'), tenant, kind: 'reported', subject: null, eventId: null, openedAt: now },
          ...{ severity: body.severity, summary: body.summary },
          bankId: named.bankId ?? transaction?.bankId ?? null,
          door: named.bankId === null ? (transaction?.door ?? null) : named.door,
          livemode: transaction?.livemode ?? bank?.simulated !== true,
        },
        {
          at: now,
          holds: false,
          transactionId: named.transactionId,
          promisedBy: transaction === null ? null : (runningDeadline(transaction)?.at ?? null),
        },
        body.resolveBy,
      );
      const { after, writes } = commitIncident(reported, circumstances);
      const made = answer(after);
      await deps.table.write([...writes, ...record(made)]);
      return made;
    },

    [contract.listIncidents.id]: (call: Call<typeof contract.listIncidents>) => {
      const { limit: _, cursor: __, ...filter } = call.query;
      const wanted = Object.entries(filter).filter(([, value]) => value !== undefined);
      return listAnswer(
        deps.table,
        incidentPartition(call.caller.tenant, filter.state),
        call,
        (row) => contract.IncidentSummary.parse(shown(incident.Incident.parse(row))),
        { newestFirst: true, keep: (row) => wanted.every(([name, value]) => row[name] === value) },
      );
    },

    [contract.getIncident.id]: async (call: Call<typeof contract.getIncident>) => answer(await find(call)),

    [contract.getIncidentContext.id]: async (call: Call<typeof contract.getIncidentContext>) => {
      const { tenant, scopes } = call.caller;
      const it = await find(call);
      const may = (scope: Scope): boolean => scopes.includes(scope);
      const log = it.subject === null || !may('events:read') ? null : logOf(tenant, it.subject);
      const [scene, applied, events] = await Promise.all([
        incidents.readScene(it),
        it.transactionId === null ? undefined : deps.table.get(keys.applied(tenant, it.transactionId)),
        log === null ? null : readNewestEvents(deps.table, log, newestEvents),
      ]);
      const { bank, presence, transaction } = scene;
      const compartment = scene.compartment ?? (it.door === null ? null : newCompartment(it.door));
      const found = { transaction, applied: applied === undefined ? null : Applied.parse(applied) };
      return {
        body: contract.IncidentContext().parse({
          incident: shown(it),
          bank: bank === null || !may('banks:read') ? null : { ...bank, ...connectionOf(presence) },
          compartment:
            bank === null || compartment === null || !may('banks:read') ? null : compartmentView(bank, compartment),
          transaction:
            transaction === null || !may('transactions:read') ? null : transactionView({ ...found, transaction }),
          events,
        }),
      };
    },

    [contract.listIncidentEvents.id]: async (call: Call<typeof contract.listIncidentEvents>) => {
      const { caller, params, query, cursors } = call;
      const after = Number((await cursors.read()) ?? 0);
      const log = keys.incidentLog(caller.tenant, params.incidentId);
      const { events, more } = await readSubjectEvents(deps.table, log, after, query.limit);
      // It has events from its birth on.
      if (events.length === 0 && after === 0) throw unknown(params.incidentId);
      const last = events.at(-1)?.sequence;
      return { body: { data: events, nextCursor: await cursors.give(more && last ? String(last) : null) } };
    },

    [contract.acknowledgeIncident.id]: (call: Call<typeof contract.acknowledgeIncident>) =>
      change(call, (it) => incident.acknowledge(it, call.body.owner, call.now)),

    [contract.assignIncident.id]: (call: Call<typeof contract.assignIncident>) =>
      change(call, (it) => incident.assign(it, call.body.owner)),

    [contract.noteIncident.id]: (call: Call<typeof contract.noteIncident>) =>
      change(call, (it) => incident.note(it, call.body.text, call.caller.apiKeyId, call.now)),

    [contract.resolveIncident.id]: (call: Call<typeof contract.resolveIncident>) =>
      change(call, (it) => incident.resolve(it, call.body.resolution, call.now)),

    [contract.closeIncident.id]: (call: Call<typeof contract.closeIncident>) =>
      change(call, async (it) => incident.close(it, await incidents.holds(it), call.now)),

    [contract.reopenIncident.id]: (call: Call<typeof contract.reopenIncident>) =>
      change(call, (it) => incident.reopen(it, call.body.reason, call.now)),
  };
};

export const handler = endpoint(
  [
    contract.reportIncident,
    contract.listIncidents,
    contract.getIncident,
    contract.getIncidentContext,
    contract.listIncidentEvents,
    contract.acknowledgeIncident,
    contract.assignIncident,
    contract.noteIncident,
    contract.resolveIncident,
    contract.closeIncident,
    contract.reopenIncident,
  ],
  () => {
    const deps = live();
    return { deps, handlers: incidentHandlers(deps) };
  },
);
