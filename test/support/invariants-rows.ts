import { isDeepStrictEqual } from 'node:util';
import * as z from 'zod';
import type { Picture, StockUnitShape, TransactionShape } from './invariants-picture.ts';
import { unpacked } from './packed-rows.ts';

const active = ['reserved', 'stored', 'in_use', 'recall_due'];
/** A lent asset keeps its door, but is not in it. */
const isInside = ({ state, workflow, move }: TransactionShape, door: string): boolean => {
  if (move) return move.stage === 'planned' && door === move.from;
  return state === 'stored' || state === 'recall_due' || (state === 'in_use' && workflow === 'rental');
};

/** The one it is in, and another while its item is to be moved there. */
const doorsOf = ({ door, move }: TransactionShape): (string | null)[] =>
  move?.stage === 'planned' ? [door, move.to] : [door];

/** What is being moved says so, and lies where it says. */
export const moved = ({ transactions }: Picture): string[] =>
  transactions.flatMap(({ id, state, flags, door, move }) => {
    const found: string[] = [];
    if (flags.includes('moving') !== (move != null))
      found.push(`I6: ${id} has the flags ${flags.join(', ')} and ${move ? 'is' : 'is not'} being moved`);
    if (!move) return found;
    if (state !== 'stored') found.push(`I6: ${id} is being moved and is ${state}`);
    if (door !== (move.stage === 'planned' ? move.from : move.to))
      found.push(`I6: ${id} is ${move.stage} from ${move.from} to ${move.to}, and has door ${door}`);
    return found;
  });

/** I1: a transaction under way has its compartment, which names it, and no other; nobody else is named there. */
export const heldOnce = ({ transactions, compartments, assets, stockUnits }: Picture): string[] => {
  const found: string[] = [];
  const byId = new Map(transactions.map((it) => [it.id, it]));
  const holders = new Map<string, string>();
  for (const it of transactions.filter(({ state }) => active.includes(state))) {
    for (const its of doorsOf(it)) {
      const place = `${it.bankId}/${its}`;
      const other = holders.get(place);
      if (other !== undefined) found.push(`I1: ${place} has two holders, ${other} and ${it.id}`);
      holders.set(place, it.id);
      const compartment = compartments.find(({ bankId, door }) => bankId === it.bankId && door === its);
      if (compartment?.heldBy !== it.id)
        found.push(`I1: ${it.id} is ${it.state} at ${place}, which is held by ${compartment?.heldBy ?? 'nobody'}`);
    }
  }
  for (const { bankId, door, heldBy, availability } of compartments) {
    const place = `${bankId}/${door}`;
    const holder = heldBy === null ? undefined : byId.get(heldBy);
    const asset = assets.find(({ id, retired }) => id === heldBy && retired === null);
    const thing = asset ?? stockUnits.find((it) => it.id === heldBy && hasDoor(it));
    // A thing at home is inside or missing; its door is nobody else's either way.
    const ofThing = thing ? ['occupied', 'reserved'] : notHeld;
    const fitting = holder ? [isInside(holder, door) ? 'occupied' : 'reserved'] : ofThing;
    if (thing && (thing.bankId !== bankId || thing.door !== door))
      found.push(`I1: ${place} is held by ${heldBy}, which belongs to ${thing.bankId}/${thing.door}`);
    if (heldBy !== null && holder === undefined && thing === undefined)
      found.push(`I1: ${place} is held by ${heldBy}, which does not exist`);
    else if (holder && active.includes(holder.state) && (holder.bankId !== bankId || !doorsOf(holder).includes(door)))
      found.push(`I1: ${place} is held by ${heldBy}, which is at ${holder.bankId}/${holder.door}`);
    else if (holder && !active.includes(holder.state))
      found.push(`I6: ${place} is held by ${heldBy}, which is ${holder.state}`);
    else if (!fitting.includes(availability))
      found.push(`I1: ${place} is ${availability}, held by ${heldBy ?? 'nobody'}${holder ? ` (${holder.state})` : ''}`);
  }
  return found;
};
const hasDoor = ({ state }: StockUnitShape): boolean => ['placed', 'in_stock', 'missing'].includes(state);

/** Goods have their door while they are in stock, themselves or by a sale of them; they are sold once, by one that is completed. */
export const stocked = ({ transactions, compartments, stockUnits, shelved }: Picture): string[] => {
  const found: string[] = [];
  for (const it of stockUnits) {
    const sales = transactions.filter(({ stockUnitId }) => stockUnitId === it.id);
    const place = `${it.bankId}/${it.door}`;
    const holder = compartments.find(({ bankId, door }) => bankId === it.bankId && door === it.door)?.heldBy ?? null;
    const isHeld = holder === it.id || sales.some(({ id, state }) => id === holder && active.includes(state));
    if (hasDoor(it) && !isHeld)
      found.push(`I1: ${it.id} is ${it.state} at ${place}, which is held by ${holder ?? 'nobody'}`);
    if (!hasDoor(it) && holder === it.id) found.push(`I6: ${place} is held by ${it.id}, which is ${it.state}`);
    const completed = sales.filter(({ state }) => state === 'completed');
    if (it.state === 'sold' && !completed.some(({ id }) => id === it.soldBy))
      found.push(`I1: ${it.id} is sold by ${it.soldBy}, which is not completed`);
    if (it.state !== 'sold' && it.state !== 'withdrawn' && completed.length > 0)
      found.push(`I1: ${it.id} is ${it.state}, and ${completed.map(({ id }) => id).join(', ')} sold it`);
    if (completed.filter(({ flags }) => !flags.includes('late')).length > 1)
      found.push(`I1: ${it.id} was sold by ${completed.map(({ id }) => id).join(' and ')}`);
    const copies = shelved.filter(({ id }) => id === it.id);
    const shelves = it.state === 'sold' || it.state === 'withdrawn' ? 0 : it.bankId === null ? 1 : 2;
    const own = ({ PK: _, SK: __, ...rest }: Record<string, unknown>) => rest;
    if (copies.length !== shelves || copies.some((copy) => !isDeepStrictEqual(own(copy), own(it))))
      found.push(`I1: ${it.id} is ${it.state}, and its copies say ${JSON.stringify(copies)}`);
  }
  return found;
};
const notHeld = ['available', 'needs_clearing', 'out_of_service'];

/** An import that is over has said of every row what came of it, or of every wrong one what is wrong. */
export const importsAddUp = ({ imports }: Picture): string[] =>
  imports.flatMap(({ id, state, rows, invalidRows, counts, outcomes }) => {
    const of = (outcome: string): number => outcomes.filter((it) => it === outcome).length;
    const reported = { created: of('created'), alreadyExists: of('already_exists'), refused: of('refused') };
    if (state === 'invalid' && (of('invalid') !== invalidRows || outcomes.length !== invalidRows))
      return [`I7: ${id} has ${invalidRows} invalid rows, and reports ${JSON.stringify(outcomes)}`];
    if (state !== 'done') return [];
    return isDeepStrictEqual(reported, counts) && outcomes.length === rows
      ? []
      : [`I7: ${id} says ${JSON.stringify(counts)} of ${rows} rows, its reports ${JSON.stringify(reported)}`];
  });

/** A place in a link is one transaction's, which says so itself. */
export const linkedOnce = ({ transactions, rows }: Picture): string[] => {
  const said = transactions.flatMap(({ id, tenant, livemode = true, link }) =>
    link
      ? `LINK#${tenant}#${livemode ? 'live' : 'test'}#${link.kind}#${link.id} ${String(link.part).padStart(2, '0')} ${id}`
      : [],
  );
  const held = rows
    .filter(({ PK }) => PK.startsWith('LINK#'))
    .map(({ PK, SK, transactionId }) => `${PK} ${SK} ${String(transactionId)}`);
  return [
    ...said.filter((it) => !held.includes(it)).map((it) => `I1: no row holds the place ${it}`),
    ...held
      .filter((it) => !said.includes(it))
      .map((it) => `I1: ${it} holds a place that its transaction does not name`),
  ];
};

const IncidentShape = z.looseObject({
  ...{ id: z.string(), tenant: z.string(), kind: z.string(), state: z.string(), version: z.int() },
  ...{ subject: z.string().nullable(), owner: z.string().nullable(), causeHolds: z.boolean() },
});

/** Of a kind there is one incident about a subject until it is closed; who took it has it, and it ends with its cause. */
export const workedOnOnce = ({ rows }: Picture): string[] => {
  const incidents = rows.filter(({ PK }) => PK.startsWith('INCIDENTS#')).map((row) => IncidentShape.parse(row));
  const named = ({ tenant, id, version }: { tenant: string; id: string; version: number }) =>
    `${tenant} ${id} at version ${version}`;
  const atWork = incidents.filter(({ state }) => state !== 'closed').map(named);
  const copies = rows
    .filter(({ PK }) => PK.startsWith('INCIDENTSATWORK#'))
    .map((row) => named(IncidentShape.parse(row)));
  const said = incidents.flatMap(({ id, tenant, kind, state, subject }) =>
    subject === null || state === 'closed' ? [] : [`INCIDENTABOUT#${tenant}#${kind}#${subject} ${id}`],
  );
  const held = rows
    .filter(({ PK }) => PK.startsWith('INCIDENTABOUT#'))
    .map(({ PK, incidentId }) => `${PK} ${String(incidentId)}`);
  return [
    ...said.filter((it) => !held.includes(it)).map((it) => `I1: no row keeps others from being opened beside ${it}`),
    ...held.filter((it) => !said.includes(it)).map((it) => `I1: ${it} keeps others from being opened, and is over`),
    ...copies.filter((it) => !atWork.includes(it)).map((it) => `I1: the copy of ${it} is not as the incident is`),
    ...atWork.filter((it) => !copies.includes(it)).map((it) => `I1: ${it} is not found among what is to be done`),
    ...incidents.flatMap(({ id, state, owner, causeHolds }) => [
      ...(state !== 'open' && owner === null ? [`I5: ${id} is ${state} and nobody’s`] : []),
      ...(state === 'closed' && causeHolds ? [`I5: ${id} is closed, and what is behind it goes on`] : []),
    ]),
  ];
};

/** PINs are locked at their bank exactly while they may come to life: until their transaction ends, or they are replaced. */
export const locked = ({ transactions, locks }: Picture): string[] => {
  const found: string[] = [];
  for (const it of transactions) {
    for (const credential of it.credentials) {
      const rows = locks.filter((lock) => lock.credentialId === credential.id);
      const at = `${credential.id} (${credential.step}, ${credential.state}) of ${it.id} (${it.state})`;
      if (rows.length !== (credential.locked ? 1 : 0))
        found.push(`I6: ${at} has ${rows.length} PIN locks and says locked: ${credential.locked}`);
      if (rows.some((lock) => lock.bankId !== it.bankId || lock.transactionId !== it.id))
        found.push(`I6: the PIN lock of ${at} names ${JSON.stringify(rows)}`);
      const isDead = !active.includes(it.state) || ['revoked', 'superseded'].includes(credential.state);
      if (credential.locked && isDead) found.push(`I6: ${at} is dead and still keeps its PIN from others`);
      const opens = active.includes(it.state) && ['issued', 'active'].includes(credential.state);
      if (opens && !credential.locked) found.push(`I6: ${at} is live and another may get the same PIN`);
    }
  }
  const known = new Set(transactions.flatMap((it) => it.credentials.map((credential) => credential.id)));
  for (const lock of locks.filter(({ credentialId }) => !known.has(credentialId)))
    found.push(`I6: the PIN lock ${lock.SK} of ${lock.bankId} belongs to ${lock.credentialId}, which nobody has`);
  return found;
};

const isLive = ({ state }: TransactionShape['credentials'][number]): boolean => ['issued', 'active'].includes(state);

/**
 * I2, before anybody comes: a right is with one person unless it was said that both have it, was handed on once at most,
 * and a door has no more live credentials than its bank has room for, of which one PIN for each step.
 */
export const handedOn = ({ transactions }: Picture): string[] =>
  transactions.flatMap((it) => {
    const found: string[] = [];
    const live = it.credentials.filter(isLive);
    for (const { id, delegatedFrom, suspended, suspendedWith = id } of live) {
      const origin = it.credentials.find((c) => c.id === delegatedFrom);
      if (delegatedFrom !== undefined && (origin === undefined || !isLive(origin)))
        found.push(`I2: ${id} of ${it.id} has its right from ${delegatedFrom}, which is ${origin?.state ?? 'nobody'}`);
      if (origin?.delegatedFrom !== undefined)
        found.push(`I2: ${id} of ${it.id} has its right from ${origin.id}, which has it from somebody else`);
      if (delegatedFrom !== undefined && it.delegates?.[id] === undefined)
        found.push(`I2: nobody knows to whom ${id} of ${it.id} was handed`);
      if (suspended && !live.some((c) => c.delegatedFrom === id || c.delegatedFrom === suspendedWith))
        found.push(`I2: ${id} of ${it.id} is suspended, and nobody else has its right`);
    }
    const opening = live.filter(({ suspended }) => !suspended);
    if (opening.length > 4) found.push(`I2: ${it.id} has ${opening.length} credentials that open`);
    for (const [step, pins] of Map.groupBy(opening, (c) => c.step))
      if (pins.filter(({ method }) => method === 'pin').length > 1)
        found.push(`I10: the step ${step} of ${it.id} has several PINs`);
    return found;
  });

type Told = Picture['logs'][number]['commits'][number]['events'][number]['envelope'];

const Wish = z.looseObject({ eventTypes: z.array(z.string()).optional(), state: z.string().optional() });

/** What an endpoint has asked for, each time from then on, as its own events tell. */
const wishesOf = (id: string, events: readonly Told[]): { since: string; eventTypes: string[]; isOff: boolean }[] => {
  let wish = { eventTypes: [] as string[], isOff: false };
  return events
    .filter(({ subject }) => subject === id)
    .toSorted((one, other) => one.sequence - other.sequence)
    .map(({ recordedAt, data }) => {
      const { eventTypes = wish.eventTypes, state } = Wish.parse(data.changes ?? {});
      wish = { eventTypes, isOff: state === undefined ? wish.isOff : state === 'disabled' };
      return { since: recordedAt, ...wish };
    });
};

/** What only the endpoint gets that it is about. */
const ofOneEndpoint = ['webhook_endpoint.pinged', 'webhook_endpoint.tried'];

/** When it happened, and ever since: whoever changes their mind meanwhile may get it or not. */
const isWanted = (id: string, wishes: ReturnType<typeof wishesOf>, { type, subject, recordedAt }: Told): boolean => {
  const since = wishes.findLastIndex((wish) => wish.since <= recordedAt);
  if (since < 0) return false;
  const isOf = ({ eventTypes }: { eventTypes: string[] }): boolean =>
    ofOneEndpoint.includes(type)
      ? subject === id
      : eventTypes.length === 0 ||
        eventTypes.includes(type) ||
        eventTypes.includes(`${type.split('.')[0]}.*`) ||
        (type === 'webhook_endpoint.created' && subject === id);
  return wishes.slice(since).every((wish) => !wish.isOff && isOf(wish));
};

const over = ['delivered', 'dead'];

/** Deliveries that ought to be there and are not, and those that are not over: nothing wrong while things are moving. */
export const undelivered = ({ logs, endpoints, deliveries }: Picture): string[] => {
  const known = new Map(deliveries.map((it) => [`${it.endpointId} ${it.eventId}`, it]));
  const events = logs.flatMap((log) => log.commits.flatMap((commit) => commit.events.map(({ envelope }) => envelope)));
  const toDeleted = deliveries
    .filter(({ endpointId, state }) => !endpoints.some(({ id }) => id === endpointId) && !over.includes(state))
    .map((it) => `I4: ${it.eventId} to ${it.endpointId}, which was deleted, is ${it.state}`);
  const toOthers = endpoints.flatMap(({ id, tenant }) => {
    const own = events.filter((event) => event.tenant === tenant);
    const wishes = wishesOf(id, own);
    return own.flatMap((event) => {
      const delivery = known.get(`${id} ${event.id}`);
      const what = `${event.id} (${event.type} of ${event.subject}) to ${id}`;
      if (delivery === undefined) return isWanted(id, wishes, event) ? [`I4: no delivery of ${what}`] : [];
      return over.includes(delivery.state) ? [] : [`I4: ${what} is ${delivery.state}`];
    });
  });
  return [...toOthers, ...toDeleted];
};

/** I4, at any time: a delivery is of an event that there is, of the same tenant, and its endpoint's. */
export const deliveredTruly = ({ logs, endpoints, deliveries }: Picture): string[] => {
  const events = new Map(
    logs.flatMap((log) =>
      log.commits.flatMap((commit) => commit.events.map(({ envelope }) => [envelope.id, envelope])),
    ),
  );
  return deliveries.flatMap((it) => {
    const event = events.get(it.eventId);
    const endpoint = endpoints.find(({ id }) => id === it.endpointId);
    const what = `the delivery of ${it.eventId} to ${it.endpointId}`;
    if (event === undefined) return [`I4: ${what} is of an event that is in no commit of its tenant`];
    const isDeleted = [...events.values()].some(
      ({ type, subject, tenant }) =>
        type === 'webhook_endpoint.deleted' && subject === it.endpointId && tenant === it.tenant,
    );
    if (endpoint === undefined && !isDeleted) return [`I4: ${what} goes to an endpoint that ${it.tenant} has not`];
    const says = [it.eventType, it.subject, it.sequence, it.tenant];
    const is = [event.type, event.subject, event.sequence, event.tenant];
    if (!isDeepStrictEqual(says, is)) return [`I4: ${what} says ${says.join(' ')}, the event is ${is.join(' ')}`];
    return ofOneEndpoint.includes(event.type) && event.subject !== it.endpointId
      ? [`I4: ${what} is a ping of ${event.subject}`]
      : [];
  });
};

const runningDeadline = (it: TransactionShape): string | null => {
  const { reserveUntil, depositBy = null, pickupBy = null, useUntil = null } = it.deadlines;
  const later = (at: string | null, seconds = 0): string | null =>
    at === null ? null : new Date(Date.parse(at) + ((it.tolerance?.lateSeconds ?? 0) + seconds) * 1000).toISOString();
  if (it.state === 'created') return it.waiting?.until ?? null;
  if (it.state === 'reserved') return later(it.depositStartedAt === null ? reserveUntil : depositBy);
  if (it.state === 'stored' && it.move) return it.flags.includes('overdue') ? null : it.move.moveBy;
  if (it.state === 'stored') return later(pickupBy);
  if (it.state !== 'in_use' || useUntil === null) return null;
  if (!it.flags.includes('overdue')) return later(useUntil);
  return it.overstaySeconds === undefined ? null : later(useUntil, it.overstaySeconds);
};

/** I6, at any time: what has a deadline lies in the index of what is due, at that time, so that the sweep finds it. */
export const indexed = ({ transactions }: Picture): string[] =>
  transactions.flatMap((it) => {
    const due = runningDeadline(it);
    return (it.dueAt ?? null) === due
      ? []
      : [`I6: ${it.id} (${it.state}) is due at ${due ?? 'no time'}, the index says ${it.dueAt ?? 'nothing'}`];
  });

/** I6: what is past its deadline and has not expired. */
export const overdue = ({ transactions, now }: Picture): string[] =>
  transactions.flatMap((it) => {
    const due = runningDeadline(it);
    return due !== null && due <= now ? [`I6: ${it.id} is still ${it.state}, its deadline was ${due}`] : [];
  });

const unanswered = ['queued', 'sent', 'acknowledged'];

/** Commands that nobody answered and that are not recorded as timed out. */
export const pendingCommands = ({ commands }: Picture): string[] =>
  commands
    .filter((it) => unanswered.includes(it.state))
    .map((it) => `I6: ${it.id} for ${it.bankId}/${it.door} is ${it.state}, valid until ${it.notAfter}`);

/** Kinds of subjects that callers change by POST, each time with an idempotency key. */
/** What a PATCH or a DELETE comes to. */
const byPatch = [
  'transaction.updated',
  'transaction.linked',
  'stock_unit.updated',
  'site.updated',
  'bank.updated',
  'bank.vendor_updated',
  'webhook_endpoint.updated',
  'webhook_endpoint.enabled',
  'webhook_endpoint.disabled',
  'webhook_endpoint.deleted',
  'export_schedule.updated',
  'export_schedule.deleted',
];
const byPost = [
  'TXN',
  'IMPORT',
  'EXPORT',
  'EXPORTSCHEDULE',
  'INCIDENT',
  'RECONCILIATION',
  'CMD',
  'SITE',
  'KEY',
  'ASSET',
  'UNIT',
  'ENDPOINT',
  'BANKLOG',
  'POLICY',
  'BADGE',
];
/** What is written with the effect of another: of the newer command, of a completion by hand, of a move of its loan. */
const ofAnother = ['command.superseded', 'stock_unit.sold', 'asset.moved'];

/**
 * I7: each effect of a caller has the record of its key, which names just that effect. A key has one row, so an effect
 * that was done twice leaves one commit without a record.
 */
export const onceEach = ({ logs, idempotency, deliveries }: Picture): string[] => {
  const effects = new Map<string, string>();
  for (const log of logs.filter(({ kind }) => byPost.includes(kind))) {
    for (const { SK, events } of log.commits) {
      const last = events.at(-1)?.envelope;
      if (last?.actor.type !== 'api_key' || ofAnother.includes(last.type)) continue;
      // By PATCH, which says what is to be and may be repeated without a key.
      if (events.some(({ envelope }) => byPatch.includes(envelope.type))) continue;
      // What is sent again of a time has an id of its own, which the answer names instead of the endpoint.
      const { replayId } = last.data;
      const effect = typeof replayId === 'string' ? `${replayId} new` : `${last.subject} ${last.sequence}`;
      effects.set(`${last.tenant} ${effect}`, `${log.PK} ${SK} (${last.type})`);
    }
  }
  // That something is sent again is an effect on its delivery, and no event.
  const ofCommits = idempotency.filter(({ answer: { body } }) => body.resent === undefined);
  const ofDeliveries = idempotency.flatMap(({ tenant, PK, answer: { body } }) =>
    Array.isArray(body.resent) ? [{ PK, effect: `${tenant} ${body.id} ${JSON.stringify(body.resent.at(-1))}` }] : [],
  );
  const sentAgain = new Set(
    deliveries.flatMap(({ tenant, id, resent }) => resent.map((it) => `${tenant} ${id} ${JSON.stringify(it)}`)),
  );
  const recorded = ofCommits.map(({ tenant, PK, answer: { body, etag } }) => ({
    PK,
    // The controller of a bank has a version of its own, and its acts are events of the bank.
    effect: `${tenant} ${body.id} ${body.bankSequence ?? etag ?? 'new'}`,
    kept: body.kept === true,
  }));
  const names = new Set(recorded.map(({ effect }) => effect));
  return [
    ...[...effects].flatMap(([effect, commit]) =>
      names.has(effect) ? [] : [`I7: the effect ${commit} of a caller has no idempotency record of its own`],
    ),
    ...recorded.flatMap(({ PK, effect, kept }) =>
      kept || effects.has(effect) ? [] : [`I7: ${PK} remembers the effect ${effect}, which is in no commit`],
    ),
    ...ofDeliveries.flatMap(({ PK, effect }) =>
      sentAgain.has(effect) ? [] : [`I7: ${PK} remembers that ${effect} was sent again, and its delivery does not`],
    ),
  ];
};

const Owned = z.looseObject({ tenant: z.string().optional() });

/** I9: whatever lies with a tenant is its own, and was done by its own keys, to its own banks. */
export const apart = ({
  rows,
  tenants,
  banks,
  logs,
  transactions,
  commands,
  locks,
  compartments,
}: Picture): string[] => {
  const found: string[] = [];
  const tenantOf = new Map(banks.map((it) => [it.id, it.tenant]));
  const transactionIds = new Map(transactions.map((it) => [it.id, it.tenant]));
  const keys = new Set(rows.filter((row) => row.PK.startsWith('KEYS#')).map((row) => `${row.PK.slice(5)} ${row.SK}`));
  for (const row of rows) {
    const named = row.PK.split('#').find((word) => tenants.includes(word)) ?? tenantOf.get(row.PK.split('#')[1] ?? '');
    const { tenant } = Owned.parse(row);
    if (named === undefined) continue;
    if (tenant !== undefined && tenant !== named)
      found.push(`I9: ${row.PK} ${row.SK} of ${named} says tenant ${tenant}`);
    const text = JSON.stringify(row, (_, value) =>
      value instanceof Uint8Array ? unpacked(z.unknown()).parse(value) : value,
    );
    for (const other of tenants.filter((it) => it !== named && text.includes(it)))
      found.push(`I9: ${row.PK} ${row.SK} of ${named} names ${other}`);
  }
  for (const log of logs) {
    for (const { envelope } of log.commits.flatMap((commit) => commit.events)) {
      const { tenant, actor, id } = envelope;
      if (actor.type === 'api_key' && !keys.has(`${tenant} ${actor.id}`))
        found.push(`I9: ${id} of ${tenant} was done with the key ${actor.id}, which is not one of theirs`);
    }
  }
  for (const it of [...transactions, ...commands]) {
    const owner = 'tenant' in it && typeof it.tenant === 'string' ? it.tenant : '';
    const bankOwner = tenantOf.get(it.bankId);
    if (bankOwner !== owner)
      found.push(`I9: ${it.id} of ${owner} is at ${it.bankId}, a bank of ${bankOwner ?? 'others'}`);
  }
  for (const { bankId, door, heldBy } of compartments) {
    const holder = heldBy === null ? undefined : transactionIds.get(heldBy);
    if (holder !== undefined && holder !== tenantOf.get(bankId))
      found.push(`I9: ${bankId}/${door} of ${tenantOf.get(bankId)} is held by ${heldBy} of ${holder}`);
  }
  for (const { bankId, tenant, SK } of locks)
    if (tenant !== tenantOf.get(bankId))
      found.push(`I9: the PIN lock ${SK} of ${bankId} belongs to ${tenant}, the bank to ${tenantOf.get(bankId)}`);
  return found;
};

const MessageShape = z.looseObject({
  id: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  attempts: z.array(z.unknown()),
});

/** I3: of each message that nobody could be told of there is one event, which says what its row says, and of no other. */
export const failuresTold = ({ rows, logs }: Picture): string[] => {
  const says = (id: string, { reason, attempts }: { reason?: unknown; attempts?: unknown }): string =>
    `${id} failed (${JSON.stringify(reason)}) after ${JSON.stringify(attempts)}`;
  const failed = rows
    .filter(({ PK, SK }) => PK.startsWith('TXN#') && SK.startsWith('M#'))
    .map((row) => MessageShape.parse(row))
    .filter(({ state, reason }) => state === 'dead' || reason === 'no_address')
    .map((it) => says(it.id, it));
  const told = logs
    .flatMap(({ commits }) => commits.flatMap(({ events }) => events.map(({ envelope }) => envelope)))
    .filter(({ type }) => type === 'message.failed')
    .map(({ subject, data }) => says(subject, data));
  return [
    ...failed.filter((it) => !told.includes(it)).map((it) => `I3: ${it}, and no event says so`),
    ...told.filter((it) => !failed.includes(it)).map((it) => `I3: an event says that ${it}, and no message does`),
  ];
};

/** External ids are unique: each row names a transaction that bears it, and each that bears one has its row. */
export const uniqueIds = ({ rows, transactions }: Picture): string[] => {
  // A cancellation that waits for its create claims nothing yet.
  const claimed = rows.filter((row) => row.PK.startsWith('X#') && row.cancelled === undefined);
  const claims = new Map(claimed.map((row) => [row.PK, row.transactionId]));
  const borne = new Map(
    transactions.flatMap((it) =>
      Object.entries(it.externalIds).map(([system, id]) => [`X#${it.tenant}#${system}#${id}`, it.id]),
    ),
  );
  return [...new Set([...claims.keys(), ...borne.keys()])]
    .filter((PK) => claims.get(PK) !== borne.get(PK))
    .map(
      (PK) => `I7: ${PK} names ${String(claims.get(PK))}, the transaction that bears it is ${borne.get(PK) ?? 'none'}`,
    );
};

/** I6, at any time: who waits for a door stands in the line of its bank, and nobody else does. */
export const inLine = ({ transactions, waiting }: Picture): string[] => {
  const waits = transactions
    .filter(({ state }) => state === 'created')
    .map((it) => `${it.bankId} ${it.tenant} ${it.id}`);
  const listed = waiting.map((it) => `${it.bankId} ${it.tenant} ${it.transactionId}`);
  return [...new Set([...waits, ...listed])]
    .filter((it) => !waits.includes(it) || !listed.includes(it))
    .map((it) => `I6: ${it} ${waits.includes(it) ? 'waits and is in no line' : 'is in the line and does not wait'}`);
};

/** I6, at rest: nobody waits while a compartment that would do is free. Reach is left to the policies of tenants. */
export const served = ({ transactions, banks, compartments, now }: Picture): string[] =>
  transactions
    .filter(({ state }) => state === 'created')
    .flatMap(({ id, bankId, items }) => {
      const bank = banks.find((it) => it.id === bankId);
      if (bank?.lifecycle !== 'active') return [];
      const sides = items.map((it) => [it.lengthMm, it.widthMm, it.heightMm].toSorted((a, b) => a - b));
      const box = [
        sides.reduce((sum, [shortest = 0]) => sum + shortest, 0),
        Math.max(...sides.map(([, middle = 0]) => middle)),
        Math.max(...sides.map(([, , longest = 0]) => longest)),
      ].toSorted((a, b) => a - b);
      const massG = items.reduce((sum, it) => sum + (it.massG ?? 0), 0);
      return bank.layout.doors.split(',').flatMap((text) => {
        const [door = '', kind = '', bottomMm = ''] = text.split(':');
        const built = bank.layout.kinds[Number(kind)];
        const row = compartments.find((it) => it.bankId === bankId && it.door === door);
        const isFree = row === undefined || (row.availability === 'available' && (row.until ?? 0) <= Date.parse(now));
        if (built === undefined || !isFree || Number(bottomMm) > 1_700 || massG > built.maxMassG) return [];
        if (items.some((it) => it.thermalClass !== built.thermalClass)) return [];
        const inside = [built.widthMm, built.heightMm, built.depthMm].toSorted((a, b) => a - b);
        return box.every((side, nth) => side <= (inside[nth] ?? 0))
          ? [`I6: ${id} waits at ${bankId} while door ${door} is free`]
          : [];
      });
    });
