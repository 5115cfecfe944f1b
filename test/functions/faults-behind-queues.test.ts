import { randomUUID } from 'node:crypto';
import { DeleteThingShadowCommand, IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import { SQSClient } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { firstApiVersion } from '../../events/api-versions.ts';
import { Envelope, firstPrevHash } from '../../events/envelope.ts';
import { commandReaction } from '../../functions/bus/commands.ts';
import { grantsReaction } from '../../functions/bus/grants.ts';
import { fanOut } from '../../functions/bus/webhooks.ts';
import { askConsumer } from '../../functions/device/ask.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { deadlineConsumer } from '../../functions/queue/deadlines.ts';
import { deliver } from '../../functions/queue/deliver.ts';
import { Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { freePort } from '../../local/ports.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { DoorGrants, DoorsDocument } from '../../shared/device/shadow.ts';
import { shadowNames } from '../../shared/device/topics.ts';
import type { Command } from '../../shared/domain/command.ts';
import { instant } from '../../shared/domain/time.ts';
import { type DeliverMessage, Delivery, newDelivery, WebhookEndpoint } from '../../shared/domain/webhook.ts';
import type { HttpDeps } from '../../shared/lambda/endpoint.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { log } from '../../shared/lambda/log.ts';
import { openBankLink } from '../../shared/outside/bank-link.ts';
import { openCustomerEndpoints } from '../../shared/outside/customer-endpoint.ts';
import { openQueue } from '../../shared/outside/queues.ts';
import { openShadows, type Shadows } from '../../shared/outside/shadows.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { deliveryWrite } from '../../shared/store/deliveries.ts';
import { contiguous, readJournalPosition } from '../../shared/store/journal.ts';
import { keys, ranges } from '../../shared/store/rows.ts';
import { Applied } from '../../shared/store/transactions.ts';
import {
  type ClientWish,
  type Deed,
  eventsIn,
  type FaultyLine,
  type Outcome,
  rootKeys,
  type Said,
  type SpokenForBank,
  shadowFaults,
  spokenForBank,
  table,
  tableFaults,
  tableOver,
  tryEveryFault,
} from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel, doorOf, type Parcel } from '../support/parcel.ts';
import { eventually, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

const options = clientOptions(stack);
const iotData = new IoTDataPlaneClient(options);
const link = openBankLink(iotData);
const shadows = openShadows(iotData);
const journalQueue = openQueue(outputOf(stack.outputs, 'JournalQueueUrl'), new SQSClient(options));

type World = { tenant: Tenant; bank: SpokenForBank };

/** Seconds between now and the time at which a function believes to be called. */
const deps = (line: FaultyLine, more: ClientWish, laterSeconds = 0): HttpDeps => ({
  table: tableOver(line, more),
  rootKeys,
  newId,
  clock: () => Date.now() + laterSeconds * 1000,
});

/** A message that a function throws at goes back to its queue, and comes again. */
const handled = async (call: () => Promise<void>): Promise<Outcome> => {
  try {
    await call();
    return { done: true };
  } catch (error) {
    return { done: false, answer: String(error) };
  }
};

const noSchedules = { send: async () => undefined };

const parcelLog = (tenant: Tenant, { id }: Parcel) => eventsIn(keys.transaction(tenant.id, id).PK);

const counted = (events: string[], type: string): number => events.filter((it) => it === type).length;

type Journal = ReturnType<SpokenForBank['tells']>;

const journal = async (message: Journal, over: HttpDeps & { shadows?: Shadows }): Promise<void> =>
  journalConsumer({ shadows, ...over, link, queue: journalQueue })(message);

const lastOf = ({ entries }: Journal): number => Math.max(...entries.map((it) => it.seq));

/** Entries of a message that may not be forgotten by the bank yet. */
const unacknowledged = async (message: Journal): Promise<number> => {
  const last = lastOf(message);
  const position = await readJournalPosition(table, message.bankId, message.journalId, last);
  return last - (position === null ? 0 : contiguous(position.acknowledged, position.recorded));
};

const grantOf = (parcel: Parcel, step: 'deposit' | 'pickup') => ({
  grantId: parcel.credentials.find((it) => it.step === step)?.id ?? '',
  step,
});

/** A door cycle of a bank that knows the parcel at this version: opened, something done, closed. */
const doorCycle = (parcel: Parcel, step: 'deposit' | 'pickup', version: number): Said[] => {
  const [before, after] = step === 'deposit' ? ['empty', 'filled'] : ['filled', 'empty'];
  const at = { door: doorOf(parcel), transactionId: parcel.id, version, cause: grantOf(parcel, step) };
  return [
    { ...at, type: 'door.opened', after: { door: 'open', contents: before, lock: 'ok' } },
    { ...at, type: 'contents.changed', after: { door: 'open', contents: after, lock: 'ok' } },
    { ...at, type: 'door.closed', after: { door: 'closed', contents: after, lock: 'ok' } },
  ];
};

/** What the bank has applied of the parcel's grants. */
const applied = (parcel: Parcel, version: number): Said => ({
  type: 'grants.applied',
  k: 0,
  rev: version,
  doors: { [doorOf(parcel)]: { transactionId: parcel.id, version } },
  removed: {},
});

/** A parcel whose item is inside, by the bank's journal. */
const storedParcel = async ({ tenant, bank }: World): Promise<Parcel> => {
  const parcel = await createParcel(tenant, bank);
  await journal(bank.tells(...doorCycle(parcel, 'deposit', 2)), { table, rootKeys, newId, clock: () => Date.now() });
  return parcel;
};

const reserved = ['transaction.created', 'transaction.reserved'];
const stored = [...reserved, 'transaction.deposited'];

const anHour = 3_600;

let nextDoor = 0;

/** By the shadow. */
const versionsApplied = async (tenant: Tenant, parcel: Parcel): Promise<number[]> => {
  const row = await table.get(keys.applied(tenant.id, parcel.id), true);
  return row === undefined ? [] : Object.values(Applied.parse(row).shadows).map(({ version }) => version);
};

/** What a batch of the journal must leave: the parcel's events, and everything acknowledged. */
const afterBatch = async ({ tenant }: World, parcel: Parcel, message: Journal) => ({
  events: await parcelLog(tenant, parcel),
  applied: await versionsApplied(tenant, parcel),
  unacknowledged: await unacknowledged(message),
});

/** A command as it lies in the table, without its events: the deployed reactions do not hear of it. */
const silentCommand = async ({ tenant, bank }: World, more: Partial<Command>): Promise<Command> => {
  const now = new Date();
  const command: Command = {
    id: newId('cmd'),
    tenant: tenant.id,
    bankId: bank.id,
    door: '1',
    livemode: true,
    transactionId: null,
    credential: null,
    state: 'queued',
    reason: 'a test',
    outcome: null,
    notAfter: instant(now.getTime() + anHour * 1000),
    createdAt: instant(now.getTime()),
    updatedAt: instant(now.getTime()),
    version: 1,
    hash: firstPrevHash,
    ...more,
  };
  await table.write([
    { kind: 'subject', expects: 'absent', put: { ...keys.command(tenant.id, command.id), ...command } },
  ]);
  return command;
};

const shadowOf = async (bankId: string, name: string): Promise<Record<string, unknown>> => {
  let desired: Record<string, unknown> = {};
  await shadows.change(bankId, name, (it) => {
    desired = it;
    return null;
  });
  return desired;
};

/** The first event of a tenant, which was on the bus before there was an endpoint to hear it. */
const firstEvent = async (tenant: Pick<Tenant, 'id'>): Promise<Envelope> => {
  const { rows } = await table.query(ranges.events(keys.tenant(tenant.id).PK), { consistent: true });
  const [first] = CommitRow.parse(rows[0]).events;
  return Envelope.parse(first);
};

/** A delivery to make at this address, to an endpoint that the deployed functions have nothing for. */
const aDelivery = async (tenant: Tenant, url: string) => {
  const body = { url: receiverUrl, eventTypes: ['transaction.rejected'] };
  const { id } = await tenant.api.post('/v1/webhook-endpoints', body, Made);
  await eventually(async () => expect(await table.get(keys.endpointHealth(tenant.id, id), true)).toBeDefined(), {
    what: 'it has answered that it was created',
  });
  if (url !== receiverUrl) await tenant.api.request('PATCH', `/v1/webhook-endpoints/${id}`, { body: { url } });
  const endpoint = WebhookEndpoint.parse(await table.get(keys.endpoint(tenant.id, id), true));
  const event = await firstEvent(tenant);
  const delivery = newDelivery(endpoint, event, instant(Date.now()));
  await table.write([deliveryWrite(delivery, 'absent')]);
  const read = async () => Delivery.parse(await table.get(keys.delivery(tenant.id, id, event.id), true));
  return { message: { tenant: tenant.id, endpointId: id, eventId: event.id, version: 1, event }, read };
};

const attempt = (message: DeliverMessage, later: string[]) => {
  let tries = 0;
  return (line: FaultyLine, more: ClientWish) =>
    handled(async () => {
      tries += 1;
      const handle = deliver({
        ...deps(line, more),
        endpoints: openCustomerEndpoints({ allowLoopback: true }),
        slow: { send: async () => Promise.reject(new Error('it has no other lane')) },
        later: { send: async (name) => void later.push(name) },
        waits: [3_000],
        random: () => 0.5,
      });
      await handle(message, { lane: 'slow', redelivered: tries > 1 });
    });
};

/** A parcel is inside by a grant that the shadow still shows, when its bank begins a journal on another disk. */
const lostDisk = async (world: World) => {
  const { bank } = world;
  const parcel = await createParcel(world.tenant, bank);
  const door = doorOf(parcel);
  const name = shadowNames.grants(Number(door) - 1);
  const shown = async () => {
    const { [door]: grants } = z.looseObject({ [door]: DoorGrants }).parse(await shadowOf(bank.id, name));
    return DoorGrants.parse(grants).grants.map((it) => it.step);
  };
  await eventually(async () => expect(await shown()).toEqual(['pickup', 'deposit']), { what: `${door} is shown` });
  await journal(bank.tells(...doorCycle(parcel, 'deposit', 2)), { table, rootKeys, newId, clock: () => Date.now() });
  expect(await shown()).toEqual(['pickup', 'deposit']);
  return { message: bank.newJournal()({ type: 'boot', generation: 1 }), name, shown };
};

const deeds: Record<string, (world: World) => Deed> = {
  'a deposit in the journal': (world) => ({
    // What it did, what came after it, what the bank has applied.
    writes: 3,
    leaves: { events: stored, applied: [2], unacknowledged: 0 },
    prepare: async () => {
      const parcel = await createParcel(world.tenant, world.bank);
      const message = world.bank.tells(...doorCycle(parcel, 'deposit', 2), applied(parcel, 2));
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: () => afterBatch(world, parcel, message),
      };
    },
  }),
  'a pickup in the journal': (world) => ({
    writes: 1,
    leaves: {
      events: [...stored, 'transaction.picked_up', 'transaction.completed'],
      applied: [],
      unacknowledged: 0,
    },
    prepare: async () => {
      const parcel = await storedParcel(world);
      const message = world.bank.tells(...doorCycle(parcel, 'pickup', 3));
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: () => afterBatch(world, parcel, message),
      };
    },
  }),
  'a boot in the journal': ({ bank }) => ({
    writes: 1,
    leaves: { booted: 1, unacknowledged: 0 },
    prepare: async () => {
      const booted = async () => counted(await eventsIn(keys.bankLog(bank.id).PK), 'bank.booted');
      const before = await booted();
      const message = bank.tells({ type: 'boot', generation: 1 });
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: async () => ({
          booted: (await booted()) - before,
          unacknowledged: await unacknowledged(message),
        }),
      };
    },
  }),
  'the first entry of a journal': (world) => ({
    // What came, that a journal has begun, and that its first entry was acknowledged.
    writes: 3,
    leaves: { shown: ['pickup'], unacknowledged: 0 },
    prepare: async () => {
      const { message, shown } = await lostDisk(world);
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: async () => ({ shown: await shown(), unacknowledged: await unacknowledged(message) }),
      };
    },
  }),
  'so much in the journal that its acknowledgement is remembered': ({ bank }) => ({
    writes: 2,
    leaves: { unacknowledged: 0 },
    prepare: async () => {
      const reading = { type: 'temperature.read' as const, door: '1', temperatureC: 4 };
      const message = bank.tells(...Array.from({ length: 100 }, () => reading));
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: async () => ({ unacknowledged: await unacknowledged(message) }),
      };
    },
  }),
  'what a bank says of a command': ({ tenant, bank }) => ({
    writes: 1,
    leaves: { acknowledged: 1, unacknowledged: 0 },
    prepare: async () => {
      // One that is acknowledged keeps its door from the next.
      nextDoor += 1;
      const door = String(nextDoor);
      const body = { bankId: bank.id, door, reason: 'a test' };
      const { id: commandId } = await tenant.api.post('/v1/commands', body, Made);
      const message = bank.tells({ type: 'command.acknowledged', commandId, door });
      return {
        act: (...over) => handled(() => journal(message, deps(...over))),
        effect: async () => ({
          acknowledged: counted(await eventsIn(keys.command(tenant.id, commandId).PK), 'command.acknowledged'),
          unacknowledged: await unacknowledged(message),
        }),
      };
    },
  }),
  'a credential that a bank asks about': ({ tenant, bank }) => ({
    writes: 1,
    leaves: { queued: 1, doorVersion: 2 },
    prepare: async () => {
      const parcel = await createParcel(tenant, bank);
      const { rows } = await table.query({ PK: `BANK#${bank.id}`, from: 'P#', to: 'P#~' }, { consistent: true });
      const credentialId = grantOf(parcel, 'deposit').grantId;
      const verifier = String(rows.find((row) => row.credentialId === credentialId)?.SK).slice('P#'.length);
      const ask = { askId: randomUUID(), method: 'pin' as const, verifier, at: Date.now() };
      return {
        act: (...over) =>
          handled(() =>
            askConsumer({ ...deps(...over), link, shadows })({ ...ask, bankId: bank.id, brokerTime: Date.now() }),
          ),
        effect: async () => {
          const door = await table.get(keys.compartment(bank.id, doorOf(parcel)), true);
          const events = await eventsIn(keys.command(tenant.id, String(door?.commandId)).PK);
          return { queued: counted(events, 'command.queued'), doorVersion: door?.version };
        },
      };
    },
  }),
  'a reservation that expires': ({ tenant, bank }) => ({
    writes: 1,
    leaves: { events: [...reserved, 'transaction.expired'], heldBy: null },
    prepare: async () => {
      const parcel = await createParcel(tenant, bank);
      const message = { kind: 'transaction' as const, tenant: tenant.id, id: parcel.id };
      return {
        act: (line, more) =>
          handled(() => deadlineConsumer({ ...deps(line, more, 25 * anHour), schedules: noSchedules })(message)),
        effect: async () => ({
          events: await parcelLog(tenant, parcel),
          heldBy: (await table.get(keys.compartment(bank.id, doorOf(parcel)), true))?.heldBy,
        }),
      };
    },
  }),
  'a pickup whose time is over': (world) => ({
    writes: 1,
    leaves: [...stored, 'transaction.recall_started'],
    prepare: async () => {
      const parcel = await storedParcel(world);
      const message = { kind: 'transaction' as const, tenant: world.tenant.id, id: parcel.id };
      return {
        act: (line, more) =>
          handled(() => deadlineConsumer({ ...deps(line, more, 121 * anHour), schedules: noSchedules })(message)),
        effect: () => parcelLog(world.tenant, parcel),
      };
    },
  }),
  'a webhook that arrives': ({ tenant }) => ({
    writes: 1,
    leaves: { state: 'delivered', attempts: 1, later: [] },
    prepare: async () => {
      const later: string[] = [];
      const { message, read } = await aDelivery(tenant, receiverUrl);
      return {
        act: attempt(message, later),
        effect: async () => {
          const { state, attempts } = await read();
          return { state, attempts: attempts.length, later };
        },
      };
    },
  }),
  'a webhook that fails': ({ tenant }) => ({
    // The delivery, then the health of its endpoint.
    writes: 2,
    leaves: { state: 'retrying', attempts: 1, later: 1 },
    prepare: async () => {
      const later: string[] = [];
      const { message, read } = await aDelivery(tenant, `http://127.0.0.1:${await freePort()}/`);
      return {
        act: attempt(message, later),
        effect: async () => {
          const { state, attempts } = await read();
          // Asked for again it has the same name, which makes it one.
          return { state, attempts: attempts.length, later: new Set(later).size };
        },
      };
    },
  }),
};

/** Whose rows are made by hand, so that nothing deployed acts on them; the invariants would miss their events. */
const aloneDeeds: Record<string, (world: World) => Deed> = {
  'a command that is sent': (world) => ({
    writes: 1,
    leaves: ['command.sent'],
    prepare: async () => {
      const { id, tenant } = await silentCommand(world, {});
      return {
        act: (...over) => handled(() => commandReaction({ ...deps(...over), shadows })({ tenant, subject: id })),
        effect: () => eventsIn(keys.command(tenant, id).PK),
      };
    },
  }),
  'a command that nobody answers': (world) => ({
    writes: 1,
    leaves: ['command.timed_out'],
    prepare: async () => {
      const { id, tenant } = await silentCommand(world, {});
      const message = { kind: 'command' as const, tenant, id };
      return {
        act: (line, more) =>
          handled(() => deadlineConsumer({ ...deps(line, more, 2 * anHour), schedules: noSchedules })(message)),
        effect: () => eventsIn(keys.command(tenant, id).PK),
      };
    },
  }),
  'an event that becomes a delivery': ({ tenant: { id: tenant } }) => ({
    writes: 1,
    leaves: { state: 'pending', asked: true },
    prepare: async () => {
      const now = instant(Date.now());
      const endpoint: WebhookEndpoint = {
        id: newId('whe'),
        tenant: `${tenant}-${randomUUID()}`,
        url: receiverUrl,
        description: '',
        eventTypes: [],
        apiVersion: firstApiVersion,
        headerNames: [],
        sealedHeaders: null,
        attemptsPerMinute: null,
        state: 'active',
        disabledReason: null,
        secret: { keyVersion: 1, nth: 0, scheme: 'hmac' },
        previousSecret: null,
        createdAt: now,
        version: 1,
        hash: firstPrevHash,
      };
      const key = keys.endpoint(endpoint.tenant, endpoint.id);
      await table.write([{ kind: 'other', expects: 'absent', put: { ...key, ...endpoint } }]);
      const event = { ...(await firstEvent({ id: tenant })), tenant: endpoint.tenant, id: newId('evt') };
      const asked: unknown[] = [];
      const lane = { sendAll: async (messages: readonly unknown[]) => void asked.push(...messages) };
      return {
        act: (line, more) =>
          handled(() => fanOut({ ...deps(line, more), lanes: { deliver: lane, slow: lane } })(event.tenant)(event)),
        effect: async () => {
          const row = await table.get(keys.delivery(endpoint.tenant, endpoint.id, event.id), true);
          return { state: row?.state, asked: asked.length > 0 };
        },
      };
    },
  }),
};

const openFaultyShadows = (line: FaultyLine, { maxAttempts }: ClientWish) =>
  openShadows(new IoTDataPlaneClient({ ...options, requestHandler: line.requestHandler, maxAttempts }));

const clock = () => Date.now();

const openAt = async ({ bankId, door }: Command) =>
  DoorsDocument.parse(await shadowOf(bankId, shadowNames.doors(0)))[door]?.open;

const reacts =
  ({ id, tenant }: Command) =>
  (line: FaultyLine, more: ClientWish) =>
    handled(() =>
      commandReaction({ table, newId, clock, shadows: openFaultyShadows(line, more) })({ tenant, subject: id }),
    );

const seen = (command: Command) => ({
  act: reacts(command),
  effect: async () => (await openAt(command))?.commandId === command.id,
});

const shadowDeeds: Record<string, (world: World) => Deed> = {
  'grants that a bank must know': ({ tenant, bank }) => ({
    writes: 1,
    leaves: { rev: 1, known: true },
    prepare: async () => {
      const parcel = await createParcel(tenant, bank);
      const door = doorOf(parcel);
      const name = shadowNames.grants(Number(door) - 1);
      const DoorIn = z.object({ rev: z.int(), [door]: z.object({ transactionId: z.literal(parcel.id) }) });
      const known = async () => DoorIn.safeParse(await shadowOf(bank.id, name)).success;
      // The deployed reaction is done with it; what it wrote is taken out again, as if it had never heard of it.
      await eventually(async () => expect(await known()).toBe(true), { what: `${door} is in the shadow` });
      await shadows.change(bank.id, name, () => ({ [door]: null }));
      const rev = async () => z.object({ rev: z.int() }).parse(await shadowOf(bank.id, name)).rev;
      const before = await rev();
      return {
        act: (line, more) =>
          handled(() =>
            grantsReaction({ table, rootKeys, newId, clock, shadows: openFaultyShadows(line, more) })({
              tenant: tenant.id,
              data: { bankId: bank.id, door },
            }),
          ),
        effect: async () => ({ rev: (await rev()) - before, known: await known() }),
      };
    },
  }),
  'grants that a bank may not believe any more': (world) => ({
    writes: 1,
    leaves: { rev: 1, shown: ['pickup'], unacknowledged: 0 },
    prepare: async () => {
      const { message, name, shown } = await lostDisk(world);
      const rev = async () => z.object({ rev: z.int() }).parse(await shadowOf(world.bank.id, name)).rev;
      const before = await rev();
      return {
        act: (line, more) =>
          handled(() => journal(message, { table, rootKeys, newId, clock, shadows: openFaultyShadows(line, more) })),
        effect: async () => ({
          rev: (await rev()) - before,
          shown: await shown(),
          unacknowledged: await unacknowledged(message),
        }),
      };
    },
  }),
  'a command that a bank must see': (world) => ({
    writes: 1,
    leaves: true,
    prepare: async () => {
      await shadows.change(world.bank.id, shadowNames.doors(0), () => ({}));
      return seen(await silentCommand(world, { state: 'sent' }));
    },
  }),
  'the first command that a bank must see': (world) => ({
    // The shadow is made before it is written.
    writes: 2,
    leaves: true,
    prepare: async () => {
      const at = { thingName: world.bank.id, shadowName: shadowNames.doors(0) };
      await shadows.change(at.thingName, at.shadowName, () => ({}));
      await iotData.send(new DeleteThingShadowCommand(at));
      return seen(await silentCommand(world, { state: 'sent' }));
    },
  }),
  'a command that is over': (world) => ({
    writes: 1,
    leaves: null,
    prepare: async () => {
      const command = await silentCommand(world, { state: 'timed_out' });
      const open = { commandId: command.id, notAfter: 0, transactionId: null };
      await shadows.change(command.bankId, shadowNames.doors(0), () => ({ [command.door]: { open } }));
      return { act: reacts(command), effect: async () => (await openAt(command)) ?? null };
    },
  }),
};

let receiverUrl: string;

beforeAll(async () => {
  log.setLogLevel('SILENT');
  receiverUrl = (await newReceiver()).url;
});

const tryAll = async (
  name: string,
  among: Record<string, (world: World) => Deed>,
  faults: Parameters<typeof tryEveryFault>[1],
): Promise<World> => {
  const tenant = await newTenant();
  const world = { tenant, bank: await spokenForBank(tenant) };
  const deed = among[name]?.(world);
  if (deed === undefined) throw new Error(`there is no ${name}`);
  await tryEveryFault(deed, faults);
  return world;
};

/** Each does its deed some ten times for each of its writes, and the SDK waits up to a second after a throttle. */
const timeout = 180_000;

describe('whatever goes wrong between us and the table, done once, or given back to its queue and done once later, is', () => {
  it.concurrent.each(Object.keys(deeds))('%s', { timeout }, async (name) => {
    const { tenant } = await tryAll(name, deeds, tableFaults);
    await invariantsHold({ tenants: [tenant], banks: [] });
  });

  it.concurrent.each(Object.keys(aloneDeeds))('%s', { timeout }, async (name) => {
    await tryAll(name, aloneDeeds, tableFaults);
  });
});

describe('whatever goes wrong between us and a shadow, done once, or given back to its queue and done once later, is', () => {
  it.concurrent.each(Object.keys(shadowDeeds))('%s', { timeout }, async (name) => {
    await tryAll(name, shadowDeeds, shadowFaults);
  });
});
