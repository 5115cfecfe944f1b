import { randomUUID } from 'node:crypto';
import { PublishCommand } from '@aws-sdk/client-iot-data-plane';
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  DeleteQueueCommand,
  GetQueueAttributesCommand,
  type Message,
  QueueAttributeName,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SetQueueAttributesCommand,
} from '@aws-sdk/client-sqs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { Made } from '../../local/api-client.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { topics } from '../../shared/device/topics.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { keys, ranges } from '../../shared/store/rows.ts';
import { type SpokenForBank, spokenForBank, table } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { becomes, createParcel, deposit, knownAtBank, type Parcel, pickUp } from '../support/parcel.ts';
import { aws, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

type World = { tenant: Tenant; bank: SpokenForBank; parcel: Parcel; endpointId: string; events: Envelope[] };

const onTheBus = (event: Envelope | undefined) => ({ detail: Envelope.parse(event) });
const aDelivery = ({ tenant, endpointId, events }: World) => ({
  tenant: tenant.id,
  endpointId,
  eventId: events[0]?.id,
  version: 1,
});

const aMessage = ({ tenant, bank, parcel }: World) => ({
  tenant: tenant.id,
  transactionId: parcel.id,
  bankId: bank.id,
  messageId: 'msg_of_nobody',
  version: 1,
});

/** For each queue a message that its function takes, of things that there are: it would throw at one of others. */
const good: Record<string, (world: World) => unknown> = {
  Journal: ({ bank }) => bank.tells({ type: 'power.restored' }),
  Ask: ({ bank }) => ({
    bankId: bank.id,
    brokerTime: Date.now(),
    askId: randomUUID(),
    method: 'pin',
    verifier: 'of nobody',
    at: Date.now(),
  }),
  Presence: ({ bank }) => ({
    bankId: bank.id,
    eventType: 'connected',
    timestamp: Date.now(),
    versionNumber: 1,
    sessionIdentifier: randomUUID(),
  }),
  Deadlines: ({ tenant, parcel }) => ({ kind: 'transaction', tenant: tenant.id, id: parcel.id }),
  BusDeadlines: ({ events }) => onTheBus(events.at(-1)),
  Grants: ({ events }) => onTheBus(events.at(-1)),
  Messages: ({ events }) => onTheBus(events.at(-1)),
  Sms: aMessage,
  Email: aMessage,
  Signals: ({ events }) => onTheBus(events.at(-1)),
  Incidents: ({ events }) => onTheBus(events.at(-1)),
  Search: ({ events }) => onTheBus(events.at(-1)),
  Feed: ({ events }) => onTheBus(events.at(-1)),
  Webhooks: ({ events }) => onTheBus(events.at(-1)),
  ImportFiles: ({ tenant }) => ({ detail: { object: { key: `${tenant.id}/imp_of_nobody.csv` } } }),
  Imports: ({ events }) => onTheBus(events.at(-1)),
  Exports: ({ events }) => onTheBus(events.at(-1)),
  ExportPushes: ({ events }) => onTheBus(events.at(-1)),
  Reconciliations: ({ events }) => onTheBus(events.at(-1)),
  Replays: ({ events }) => ({ detail: { ...events.at(-1), data: { replayId: 'rpl_of_nobody' } } }),
  Deliver: aDelivery,
  Slow: aDelivery,
  Banks: ({ events }) => onTheBus(events.find((it) => it.type === 'bank.registered')),
  BusPolicies: ({ events }) => onTheBus(events.find((it) => it.type === 'bank.registered')),
  BusWaiting: ({ events }) => onTheBus(events.at(-1)),
  Commands: ({ events }) => onTheBus(events.find((it) => it.type === 'command.queued')),
  LockBoards: ({ events }) => onTheBus(events.find((it) => it.type === 'command.queued')),
};

// The one of a rule has no queue before it, and no function.
const queues = Object.keys(stack.outputs)
  .flatMap((name) => /^(.+)DeadLetterQueueUrl$/.exec(name)?.[1] ?? [])
  .filter((name) => Object.hasOwn(stack.outputs, `${name}QueueUrl`));

const attributesOf = async (QueueUrl: string): Promise<Record<string, string>> => {
  const { Attributes } = await aws.sqs.send(
    new GetQueueAttributesCommand({ QueueUrl, AttributeNames: [QueueAttributeName.All] }),
  );
  return Attributes ?? {};
};

const cleanUp: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(cleanUp.map((step) => step())));

/**
 * What failed comes back after so long, and not after six times the function's timeout, five times of which are up to a
 * quarter of an hour. It must suffice for cold starts of all of these functions at once on a busy machine: what is being
 * handled for longer is handed out again.
 */
const comesBackSeconds = '8';

/**
 * A queue like the deployed one, emptied by the same function in the same way, with the same dead-letter queue. Only what
 * failed comes back sooner. It is a twin, so that whatever else uses the deployed queue meanwhile notices nothing.
 */
const twinOf = async (name: string): Promise<string> => {
  const { QueueArn = '', RedrivePolicy = '' } = await attributesOf(outputOf(stack.outputs, `${name}QueueUrl`));
  const { QueueUrl = '' } = await aws.sqs.send(
    new CreateQueueCommand({
      QueueName: `poisoned-${name}-${randomUUID().slice(0, 8)}`,
      Attributes: { RedrivePolicy, VisibilityTimeout: comesBackSeconds },
    }),
  );
  cleanUp.push(() => aws.sqs.send(new DeleteQueueCommand({ QueueUrl })));
  const { EventSourceMappings: [mapping] = [] } = await aws.lambda.send(
    new ListEventSourceMappingsCommand({ EventSourceArn: QueueArn }),
  );
  const twin = await aws.lambda.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn: (await attributesOf(QueueUrl)).QueueArn,
      FunctionName: mapping?.FunctionArn,
      BatchSize: mapping?.BatchSize,
      FunctionResponseTypes: mapping?.FunctionResponseTypes,
      ScalingConfig: mapping?.ScalingConfig,
    }),
  );
  cleanUp.push(() => aws.lambda.send(new DeleteEventSourceMappingCommand({ UUID: twin.UUID })));
  return QueueUrl;
};

/** As many as are waiting, and as many as are being worked on. */
const lengthOf = async (QueueUrl: string): Promise<number> => {
  const known = await attributesOf(QueueUrl);
  return Number(known.ApproximateNumberOfMessages) + Number(known.ApproximateNumberOfMessagesNotVisible);
};

const send = async (QueueUrl: string, bodies: string[]): Promise<string[]> => {
  const { Successful = [] } = await aws.sqs.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: bodies.map((MessageBody, nth) => ({ Id: String(nth), MessageBody })),
    }),
  );
  return Successful.map((it) => it.MessageId ?? '');
};

/** Takes messages out of a queue that a person would look into; of others' messages it leaves every one there. */
const taken = async (QueueUrl: string, ours: (message: Message) => boolean): Promise<Message[]> => {
  const { Messages = [] } = await aws.sqs.send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
  );
  const found = Messages.filter(ours);
  for (const { ReceiptHandle } of found) await aws.sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
  return found;
};

/** Everything that happened, of all that the good messages are about. */
const eventsOf = async (logs: string[]): Promise<Envelope[]> => {
  const pages = await Promise.all(logs.map((log) => table.query(ranges.events(log), { consistent: true })));
  return z
    .array(CommitRow)
    .parse(pages.flatMap(({ rows }) => rows))
    .flatMap((it) => it.events);
};

const newWorld = async (): Promise<World> => {
  const tenant = await newTenant();
  const { url } = await newReceiver();
  const { id: endpointId } = await tenant.api.post('/v1/webhook-endpoints', { url }, Made);
  const bank = await spokenForBank(tenant, 3);
  const ordered = { bankId: bank.id, door: '1', reason: 'a test' };
  const { id: commandId } = await tenant.api.post('/v1/commands', ordered, Made);
  const parcel = await createParcel(tenant, bank);
  const events = await eventsOf([
    keys.bankLog(bank.id).PK,
    keys.command(tenant.id, commandId).PK,
    keys.transaction(tenant.id, parcel.id).PK,
  ]);
  await eventually(async () => {
    const delivery = await table.get(keys.delivery(tenant.id, endpointId, events[0]?.id ?? ''), true);
    expect(delivery?.state).toBe('delivered');
  });
  return { tenant, bank, parcel, endpointId, events };
};

describe('a message that cannot be handled', () => {
  const poisons = () => [`{ "half a message": "${randomUUID()}`, JSON.stringify({ 'of another kind': randomUUID() })];
  type Poisoned = { queueUrl: string; poison: string[]; goodIds: string[] };
  const poisoned = new Map<string, Poisoned>();

  beforeAll(async () => {
    const world = await newWorld();
    await Promise.all(
      queues.map(async (name) => {
        const queueUrl = await twinOf(name);
        const poison = poisons();
        const goods = () => [1, 2, 3].map(() => JSON.stringify(good[name]?.(world)));
        const [one = '', two = '', three = ''] = goods();
        const [first = '', second = ''] = poison;
        const beside = await send(queueUrl, [one, first, two, second, three]);
        const behind = await send(queueUrl, goods());
        poisoned.set(name, { queueUrl, poison, goodIds: [beside[0], beside[2], beside[4], ...behind].map(String) });
      }),
    );
  });

  it('is tried with every queue that there is', () => {
    expect(queues.toSorted()).toEqual(Object.keys(good).toSorted());
  });

  it('keeps no parcel from its way', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant);
    const receiver = await newReceiver();
    await tenant.api.post('/v1/webhook-endpoints', { url: receiver.url }, Made);
    const parcel = await createParcel(tenant, bank);
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it.each(queues)(
    'ends in the dead-letter queue of %s, and what is beside and behind it is handled',
    async (name) => {
      const sent = poisoned.get(name);
      if (sent === undefined) throw new Error(`nothing was sent to ${name}`);
      const { queueUrl, poison, goodIds } = sent;
      const deadLetters = outputOf(stack.outputs, `${name}DeadLetterQueueUrl`);
      const deployed = await attributesOf(outputOf(stack.outputs, `${name}QueueUrl`));
      expect(JSON.parse(deployed.RedrivePolicy ?? '{}')).toEqual({
        deadLetterTargetArn: (await attributesOf(deadLetters)).QueueArn,
        maxReceiveCount: 5,
      });

      await eventually(async () => expect(await lengthOf(queueUrl)).toBeLessThanOrEqual(poison.length), {
        within: 45_000,
        what: `only poison is left of what was sent to ${name}`,
      });
      const dead: Message[] = [];
      await eventually(
        async () => {
          const ours = ({ Body = '', MessageId = '' }: Message) => poison.includes(Body) || goodIds.includes(MessageId);
          dead.push(...(await taken(deadLetters, ours)));
          expect(await lengthOf(queueUrl)).toBe(0);
          expect(dead.length).toBeGreaterThanOrEqual(poison.length);
        },
        { within: 60_000, what: `the poison of ${name} is in its dead-letter queue` },
      );
      expect(dead.map((it) => it.Body).toSorted()).toEqual(poison.toSorted());
    },
    120_000,
  );
});

describe('what a bank says that its rule cannot pass on', () => {
  it('ends in the queue of errors, as it came', async () => {
    const tenant = await newTenant();
    const bank = await spokenForBank(tenant, 1);
    const queueUrl = outputOf(stack.outputs, 'AskQueueUrl');
    const { MaximumMessageSize = '' } = await attributesOf(queueUrl);
    const resize = (bytes: string) =>
      aws.sqs.send(new SetQueueAttributesCommand({ QueueUrl: queueUrl, Attributes: { MaximumMessageSize: bytes } }));
    const ask = { askId: randomUUID(), method: 'pin', verifier: 'v'.repeat(2_000), at: Date.now() };
    const payload = JSON.stringify(ask);
    // No bank may say more than the queue takes. Real questions have a tenth of a kilobyte and still pass.
    await resize('1024');
    try {
      await aws.iotData.send(
        new PublishCommand({ topic: topics(bank.id).ask, qos: 1, payload: new TextEncoder().encode(payload) }),
      );
      const error = z.object({
        ruleName: z.literal('lw_ask'),
        base64OriginalPayload: z.string(),
        failures: z.array(z.looseObject({ failedResource: z.string() })),
      });
      const errors = outputOf(stack.outputs, 'IngestErrorsQueueUrl');
      const isOurs = ({ Body = '' }: Message) => Body.includes(Buffer.from(payload).toString('base64'));
      const [told] = await eventually(async () => {
        const found = await taken(errors, isOurs);
        expect(found).toHaveLength(1);
        return found;
      });
      const { base64OriginalPayload, failures } = error.parse(JSON.parse(told?.Body ?? ''));
      expect(JSON.parse(Buffer.from(base64OriginalPayload, 'base64').toString())).toEqual(ask);
      expect(failures.map((it) => it.failedResource)).toEqual([queueUrl]);
    } finally {
      await resize(MaximumMessageSize);
    }
  });
});
