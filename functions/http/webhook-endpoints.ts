import { isDeepStrictEqual } from 'node:util';
import type { Envelope } from '#events/envelope.ts';
import * as contract from '#shared/api/webhook-endpoints.ts';
import { apply, born, type Emission, type SubjectChange } from '#shared/domain/decision.ts';
import { webhookPublicKeyOf } from '#shared/domain/derived.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import type { RootKeys } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, instant } from '#shared/domain/time.ts';
import {
  type DeliverMessage,
  Delivery,
  deliveryIdOf,
  EndpointHealth,
  eventIdOf,
  resend,
  resendsMax,
  rotated,
  shownState,
  signersAt,
  WebhookEndpoint,
} from '#shared/domain/webhook.ts';
import { sealedHeaders } from '#shared/domain/webhook-headers.ts';
import { newReplay, type WebhookReplay } from '#shared/domain/webhook-replay.ts';
import {
  type Answer,
  type AnyCall,
  type Call,
  endpoint,
  type Handlers,
  type HttpDeps,
} from '#shared/lambda/endpoint.ts';
import { env } from '#shared/lambda/env.ts';
import { firstIdAt } from '#shared/lambda/ids.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { requireFields } from '#shared/lambda/problem.ts';
import { live } from '#shared/live.ts';
import { refusedUrl } from '#shared/outside/customer-endpoint.ts';
import { openQueue, type Queue } from '#shared/outside/queues.ts';
import { decidedAnew } from '#shared/store/anew.ts';
import { commitEndpoint, commitEndpointEnd } from '#shared/store/commit.ts';
import { deliveryWrite, endpointGoneWrite, healthWrite, replayWrite } from '#shared/store/deliveries.ts';
import { listPartition } from '#shared/store/lists.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Write } from '#shared/store/table.ts';

export type WebhookEndpointDeps = HttpDeps & {
  /** Endpoints may be private, and plain HTTP: for a stage whose customers run on the same machine. */
  allowLoopback: boolean;
  /** Where deliveries wait for another attempt. */
  slow: Queue;
  /** For how many days events are kept in the feed, from which they are sent again. */
  keptDays: number;
};

type Row = Record<string, unknown>;

/** An endpoint and how it answered lately. */
type Known = { endpoint: WebhookEndpoint; health: EndpointHealth | null };

const known = (row: Row, health: Row | undefined): Known => ({
  endpoint: WebhookEndpoint.parse(row),
  health: health === undefined ? null : EndpointHealth.parse(health),
});

const byOwner = 'by_owner';

const beingSent = 'it is being sent at this very moment';

const whyNotResent = ({ resent, turnAt }: Delivery): string => {
  if (resent.length >= resendsMax) return `it was sent again ${resent.length} times already`;
  return turnAt === null ? beingSent : `it waits for its turn, which is at ${turnAt}`;
};

export const webhookEndpointHandlers = (deps: WebhookEndpointDeps): Handlers => {
  const answer = (
    { endpoint, health }: Known,
    { now, rootKeys }: { now: AnyCall['now']; rootKeys: RootKeys },
  ): Answer => {
    const { id, secret, previousSecret } = endpoint;
    const isPublic = secret.scheme === 'ed25519';
    const body = contract.WebhookEndpointView.parse({
      ...endpoint,
      state: shownState(endpoint, health),
      answeredAt: health?.answeredAt ?? null,
      signature: secret.scheme,
      secret: undefined,
      publicKey: isPublic ? webhookPublicKeyOf(rootKeys.of(secret.keyVersion), id, secret.nth) : undefined,
      previousSignsUntil: signersAt(endpoint, now).length > 1 ? previousSecret?.until : null,
    });
    return { body, etag: endpoint.version };
  };

  const answerNow = async (found: Known, { now }: Pick<AnyCall, 'now'>): Promise<Answer> =>
    answer(found, { now, rootKeys: await deps.rootKeys() });

  /** With the answer that shows a new signing key; a secret is shown in no other. */
  const withNewKey = async (found: Known, call: AnyCall): Promise<Answer> => {
    const made = await answerNow(found, call);
    const { id, secret } = found.endpoint;
    const { scheme, ...derived } = secret;
    return scheme === 'hmac' ? { ...made, issued: { kind: 'webhook-secret', id, ...derived } } : made;
  };

  const notFound = (id: string): Refusal => new Refusal('not_found', `there is no webhook endpoint ${id}`);
  const noDelivery = ({ endpointId, deliveryId }: Record<'endpointId' | 'deliveryId', string>): Refusal =>
    new Refusal('not_found', `there is no delivery ${deliveryId} to ${endpointId}`);

  const find = async (tenant: string, id: string, consistent = false): Promise<Known> => {
    const [row, health] = id.includes('#')
      ? []
      : await deps.table.batchGet([keys.endpoint(tenant, id), keys.endpointHealth(tenant, id)], consistent);
    if (row === undefined) throw notFound(id);
    return known(row, health);
  };

  /** There is one, or there was, whose deliveries are kept. */
  const requireKnown = async (tenant: string, id: string): Promise<void> => {
    const rows = id.includes('#')
      ? []
      : await deps.table.batchGet([keys.endpoint(tenant, id), keys.endpointGone(tenant, id)]);
    if (rows.every((row) => row === undefined)) throw notFound(id);
  };

  const requireMatch = ({ version }: WebhookEndpoint, ifMatch: number | undefined): void => {
    if (ifMatch !== undefined && ifMatch !== version)
      throw new Refusal('precondition_failed', `the endpoint is at version ${version} now`);
  };

  const requireEnabled = ({ state, disabledReason }: WebhookEndpoint): void => {
    if (state === 'disabled')
      throw new Refusal('endpoint_disabled', `it is disabled: ${disabledReason ?? 'by its owner'}`);
  };

  const requireReachable = (url: string): void => {
    const detail = refusedUrl(url, deps.allowLoopback);
    if (detail !== null)
      throw new Refusal('invalid_request', `the url ${detail}`, { errors: [{ pointer: '/url', detail }] });
  };

  const save = async (
    call: AnyCall,
    change: SubjectChange<WebhookEndpoint>,
    make: (endpoint: WebhookEndpoint, events: readonly Envelope[]) => Promise<Answer>,
    more: Write[] = [],
  ): Promise<Answer> => {
    const { after, events, writes } = commitEndpoint(change, call.circumstances);
    const made = await make(after, events);
    await deps.table.write([...writes, ...more, ...call.record(made)]);
    return made;
  };

  /** Decides a change on what the endpoint is now, and anew on what it has become where another change was faster. */
  const changing = (
    call: AnyCall & { params: { endpointId: string } },
    decide: (found: Known) => Promise<Answer>,
  ): Promise<Answer> =>
    decidedAnew('many change the endpoint at this very moment; try again', async () => {
      const found = await find(call.caller.tenant, call.params.endpointId, true);
      requireMatch(found.endpoint, call.ifMatch);
      return decide(found);
    });

  /** Recorded as due at once, and asked for; should the question get lost, the sweep finds what is due. */
  const sendAgain = async (it: Delivery, more: (after: Delivery) => Write[]): Promise<void> => {
    await deps.table.write([deliveryWrite(it, { version: it.version - 1 }), ...more(it)]);
    const { tenant, endpointId, eventId, version } = it;
    await deps.slow.send({ tenant, endpointId, eventId, version } satisfies DeliverMessage);
  };

  /** An event that goes to the endpoint alone; the answer says by which ids it is found there. */
  const sendTest = (
    call: AnyCall & { params: { endpointId: string } },
    emission: Emission<WebhookEndpoint>,
  ): Promise<Answer> =>
    changing(call, async ({ endpoint, health }) => {
      requireEnabled(endpoint);
      return save(call, apply(endpoint, [emission]), async (after, events) => {
        const made = await answerNow({ endpoint: after, health }, call);
        const sent = events.map(({ id }) => ({ eventId: id, deliveryId: deliveryIdOf(id) })).at(-1);
        return { ...made, body: contract.TestedWebhookEndpointView.parse({ ...made.body, ...sent }) };
      });
    });

  type Period = { from: Instant; to: Instant | undefined };

  const requirePeriod = ({ now }: AnyCall, { from, to }: Period, names: { from: string; to: string }): void => {
    requireFields(to === undefined || from < to, names.to, `must come after ${names.from.slice(1)}`);
    requireFields(from < now, names.from, 'must lie in the past');
    const oldest = instant(deps.clock() - deps.keptDays * 86_400_000);
    requireFields(
      from >= oldest,
      names.from,
      `must not be earlier than ${oldest}: events are kept ${deps.keptDays} days`,
    );
  };

  /** Recorded with the event that wakes who does it. */
  const startReplay = (
    call: AnyCall & { params: { endpointId: string } },
    { from, to, ...which }: Period & Pick<WebhookReplay, 'eventTypes' | 'states'>,
  ): Promise<Answer> =>
    changing(call, async ({ endpoint }) => {
      requireEnabled(endpoint);
      const { now, circumstances } = call;
      const wish = { id: deps.newId('rpl'), from, to: to === undefined || to > now ? now : to, ...which };
      const replay = newReplay(endpoint, { ...wish, by: circumstances.actor.id }, now);
      const { id: replayId, ...asked } = wish;
      const made: Answer = { body: contract.WebhookReplayView.parse(replay) };
      return save(
        call,
        apply(endpoint, [{ type: 'webhook_endpoint.replay_started', set: {}, data: { replayId, ...asked } }]),
        async () => made,
        [replayWrite(replay, 'absent')],
      );
    });

  return {
    [contract.createWebhookEndpoint.id]: async (call: Call<typeof contract.createWebhookEndpoint>) => {
      const { body, caller, now } = call;
      requireReachable(body.url);
      const rootKeys = await deps.rootKeys();
      const id = deps.newId('whe');
      const endpoint: WebhookEndpoint = {
        id,
        tenant: caller.tenant,
        url: body.url,
        description: body.description,
        eventTypes: [...new Set(body.eventTypes)],
        apiVersion: body.apiVersion,
        ...sealedHeaders(rootKeys, id, body.headers),
        attemptsPerMinute: body.attemptsPerMinute,
        state: 'active',
        disabledReason: null,
        secret: { keyVersion: rootKeys.version, nth: 0, scheme: body.signature },
        previousSecret: null,
        createdAt: now,
        version: 1,
        hash: '',
      };
      return save(call, born(endpoint, 'webhook_endpoint.created'), (after) =>
        withNewKey({ endpoint: after, health: null }, call),
      );
    },

    [contract.listWebhookEndpoints.id]: async (call: Call<typeof contract.listWebhookEndpoints>) => {
      const { caller, query, cursors, now } = call;
      const { PK } = keys.endpoint(caller.tenant, '');
      // An endpoint's health, where it has one, lies right behind it: so many rows hold as many endpoints as are wanted.
      const { rows, next } = await listPartition(deps.table, PK, {
        limit: 2 * query.limit,
        after: await cursors.read(),
      });
      const all = rows.filter((row) => !String(row.SK).includes('#'));
      const shown = all.slice(0, query.limit);
      const health = new Map(rows.map((row) => [String(row.SK), row]));
      const rootKeys = await deps.rootKeys();
      const data = shown.map((row) => {
        const { SK } = keys.endpointHealth(caller.tenant, String(row.SK));
        return answer(known(row, health.get(SK)), { now, rootKeys }).body;
      });
      const last = shown.at(-1);
      const more = next !== null || all.length > shown.length;
      return { body: { data, nextCursor: await cursors.give(more ? String(last?.SK ?? next) : null) } };
    },

    [contract.getWebhookEndpoint.id]: async (call: Call<typeof contract.getWebhookEndpoint>) =>
      answerNow(await find(call.caller.tenant, call.params.endpointId), call),

    [contract.updateWebhookEndpoint.id]: async (call: Call<typeof contract.updateWebhookEndpoint>) => {
      const { caller, params, now } = call;
      const { state, eventTypes, headers, ...plain } = call.body;
      if (plain.url !== undefined) requireReachable(plain.url);
      const wanted = {
        ...plain,
        ...(eventTypes && { eventTypes: [...new Set(eventTypes)] }),
        ...(headers && sealedHeaders(await deps.rootKeys(), params.endpointId, headers)),
      };
      return changing(call, async ({ endpoint, health }) => {
        const set = Object.fromEntries(
          Object.entries(wanted).filter(
            ([name, value]) => !isDeepStrictEqual(value, endpoint[name as keyof typeof wanted]),
          ),
        );
        const isOff = endpoint.state === 'disabled';
        const emissions: Emission<WebhookEndpoint>[] = [];
        if (Object.keys(set).length > 0) emissions.push({ type: 'webhook_endpoint.updated', set });
        if (state === 'active' && isOff)
          emissions.push({ type: 'webhook_endpoint.enabled', set: { state, disabledReason: null } });
        if (state === 'disabled' && !isOff)
          emissions.push({
            type: 'webhook_endpoint.disabled',
            set: { state, disabledReason: byOwner },
            data: { reason: byOwner },
          });
        if (emissions.length === 0) return answerNow({ endpoint, health }, call);
        // What it failed at before counts no more, or the next failure would disable it again.
        const well: EndpointHealth | null =
          health && state === 'active' && isOff
            ? { ...health, lastOutcome: 'none', failingSince: null, updatedAt: now, version: health.version + 1 }
            : null;
        return save(
          call,
          apply(endpoint, emissions),
          (after) => answerNow({ endpoint: after, health: well ?? health }, call),
          well ? [healthWrite(caller.tenant, endpoint.id, well)] : [],
        );
      });
    },

    [contract.rotateWebhookSecret.id]: async (call: Call<typeof contract.rotateWebhookSecret>) => {
      const { version: keyVersion } = await deps.rootKeys();
      return changing(call, async ({ endpoint, health }) => {
        const { overlapSeconds, signature: scheme = endpoint.secret.scheme } = call.body;
        const set = rotated(endpoint, { keyVersion, scheme, overlapSeconds }, call.now);
        return save(call, apply(endpoint, [{ type: 'webhook_endpoint.secret_rotated', set }]), (after) =>
          withNewKey({ endpoint: after, health }, call),
        );
      });
    },

    [contract.pingWebhookEndpoint.id]: async (call: Call<typeof contract.pingWebhookEndpoint>) =>
      sendTest(call, { type: 'webhook_endpoint.pinged', set: {} }),

    [contract.tryWebhookEndpoint.id]: async (call: Call<typeof contract.tryWebhookEndpoint>) => {
      const { eventType } = call.body;
      const { samples } = await import('#events/samples.ts');
      return sendTest(call, {
        type: 'webhook_endpoint.tried',
        set: {},
        data: { eventType, sample: samples[eventType] },
      });
    },

    [contract.deleteWebhookEndpoint.id]: async (call: Call<typeof contract.deleteWebhookEndpoint>) =>
      changing(call, async ({ endpoint }) => {
        const change = apply(endpoint, [{ type: 'webhook_endpoint.deleted', set: {} }]);
        const { writes } = commitEndpointEnd(change, call.circumstances);
        await deps.table.write([...writes, endpointGoneWrite(endpoint.tenant, endpoint.id, call.now)]);
        return { body: contract.deleteWebhookEndpoint.response().parse({ id: endpoint.id, deletedAt: call.now }) };
      }),

    [contract.listDeliveries.id]: async (call: Call<typeof contract.listDeliveries>) => {
      const { caller, params, query } = call;
      const { PK } = keys.delivery(caller.tenant, params.endpointId, '');
      const view = (row: Row) => contract.DeliveryView.parse(row);
      const keep = ({ state, eventType }: Row): boolean =>
        (query.state === undefined || query.state === state) &&
        (query.eventType === undefined || query.eventType === eventType);
      const { from, to } = query;
      // No id of that moment is the first one that may be: it lies before all of them.
      const between = {
        ...(from !== undefined && { from: firstIdAt('evt', epochMs(from)) }),
        ...(to !== undefined && { to: firstIdAt('evt', epochMs(to)) }),
      };
      const found = await listAnswer(deps.table, PK, call, view, { newestFirst: true, keep, between });
      // Nothing of that was sent to it, or there is no such endpoint and never was one.
      if (Array.isArray(found.body.data) && found.body.data.length === 0)
        await requireKnown(caller.tenant, params.endpointId);
      return found;
    },

    [contract.getDelivery.id]: async (call: Call<typeof contract.getDelivery>) => {
      const { endpointId, deliveryId } = call.params;
      const eventId = eventIdOf(deliveryId);
      const isNone = endpointId.includes('#') || eventId === deliveryId;
      const row = isNone ? undefined : await deps.table.get(keys.delivery(call.caller.tenant, endpointId, eventId));
      if (row === undefined) throw noDelivery(call.params);
      return { body: contract.DeliveryView.parse(row) };
    },

    [contract.resendDelivery.id]: async (call: Call<typeof contract.resendDelivery>) => {
      const { caller, params, circumstances, now, record } = call;
      const { endpointId, deliveryId } = params;
      const eventId = eventIdOf(deliveryId);
      const [row, endpointRow] = endpointId.includes('#')
        ? []
        : await deps.table.batchGet(
            [keys.delivery(caller.tenant, endpointId, eventId), keys.endpoint(caller.tenant, endpointId)],
            true,
          );
      if (endpointRow === undefined) throw notFound(endpointId);
      if (row === undefined || eventId === deliveryId) throw noDelivery(params);
      requireEnabled(WebhookEndpoint.parse(endpointRow));
      const before = Delivery.parse(row);
      const after = resend(before, circumstances.actor.id, now);
      if (after === null) throw new Refusal('conflict', whyNotResent(before));
      const made: Answer = { body: contract.DeliveryView.parse(after) };
      try {
        await sendAgain(after, () => record(made));
      } catch (error) {
        if (!(error instanceof Lost) || error.to('idempotency')) throw error;
        throw new Refusal('conflict', beingSent);
      }
      return made;
    },

    [contract.replayWebhookEndpoint.id]: async (call: Call<typeof contract.replayWebhookEndpoint>) => {
      const { from, to, eventTypes } = call.body;
      requirePeriod(call, { from, to }, { from: '/from', to: '/to' });
      return startReplay(call, { from, to, eventTypes: [...new Set(eventTypes)], states: [] });
    },

    [contract.recoverDeliveries.id]: async (call: Call<typeof contract.recoverDeliveries>) => {
      const { since: from, until: to, states } = call.body;
      requirePeriod(call, { from, to }, { from: '/since', to: '/until' });
      return startReplay(call, { from, to, eventTypes: [], states: [...new Set(states)] });
    },

    [contract.getWebhookReplay.id]: async (call: Call<typeof contract.getWebhookReplay>) => {
      const { endpointId, replayId } = call.params;
      const row = await deps.table.get(keys.webhookReplay(call.caller.tenant, endpointId, replayId), true);
      if (row === undefined) throw new Refusal('not_found', `there is no replay ${replayId} to ${endpointId}`);
      return { body: contract.WebhookReplayView.parse(row) };
    },
  };
};

export const handler = endpoint(
  [
    contract.createWebhookEndpoint,
    contract.listWebhookEndpoints,
    contract.getWebhookEndpoint,
    contract.updateWebhookEndpoint,
    contract.rotateWebhookSecret,
    contract.pingWebhookEndpoint,
    contract.tryWebhookEndpoint,
    contract.deleteWebhookEndpoint,
    contract.listDeliveries,
    contract.getDelivery,
    contract.resendDelivery,
    contract.replayWebhookEndpoint,
    contract.recoverDeliveries,
    contract.getWebhookReplay,
  ],
  () => {
    const slow = openQueue(env('SLOW_QUEUE_URL'));
    const deps = {
      ...live(),
      slow,
      allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true',
      keptDays: Number(env('FEED_DAYS')),
    };
    return { deps, handlers: webhookEndpointHandlers(deps) };
  },
);
