import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { CreateTableCommand, DeleteTableCommand } from '@aws-sdk/client-dynamodb';
import { DeleteRolePolicyCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import {
  CreateEventSourceMappingCommand,
  DeleteEventSourceMappingCommand,
  type EventSourceMappingConfiguration,
  GetFunctionConfigurationCommand,
  InvokeCommand,
  ListEventSourceMappingsCommand,
} from '@aws-sdk/client-lambda';
import { CreateBucketCommand, DeleteBucketCommand, DeleteObjectCommand, PutObjectCommand } from '@aws-sdk/client-s3';
import { marshall } from '@aws-sdk/util-dynamodb';
import type { AttributeValue, DynamoDBRecord } from 'aws-lambda';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { firstApiVersion } from '../../events/api-versions.ts';
import { Envelope, firstPrevHash } from '../../events/envelope.ts';
import { republish } from '../../functions/schedule/republish.ts';
import { publish } from '../../functions/stream/publish.ts';
import { Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { born } from '../../shared/domain/decision.ts';
import { webhookSecretText } from '../../shared/domain/issued.ts';
import { instant } from '../../shared/domain/time.ts';
import type { WebhookEndpoint } from '../../shared/domain/webhook.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { log } from '../../shared/lambda/log.ts';
import { openBus } from '../../shared/outside/bus.ts';
import { openFailedRecords } from '../../shared/outside/failed-records.ts';
import { commitEndpoint } from '../../shared/store/commit.ts';
import { openTable, type Row, type Table, type Write } from '../../shared/store/table.ts';
import { rootKeys, type SpokenForBank, spokenForBank, table } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel, type Parcel, readParcel } from '../support/parcel.ts';
import { aws, eventually, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

const publisher = outputOf(stack.outputs, 'PublishFunctionName');
const bus = openBus(outputOf(stack.outputs, 'BusName'), aws.eventBridge);

type Receiver = Awaited<ReturnType<typeof newReceiver>>;

const cleanUp: (() => Promise<unknown>)[] = [];
afterAll(() => Promise.all(cleanUp.map((step) => step())));

/** What starts the publisher with the commits in our table. */
const deployedMapping = async (): Promise<EventSourceMappingConfiguration | undefined> => {
  const { EventSourceMappings = [] } = await aws.lambda.send(
    new ListEventSourceMappingsCommand({ FunctionName: publisher }),
  );
  return EventSourceMappings.find((it) => it.EventSourceArn?.includes(`/${outputOf(stack.outputs, 'TableName')}/`));
};

/** The newest batch came to nothing: it is sent again in about a second, and says so until then. */
const hasFailed = async (): Promise<boolean> =>
  /^(FAILED|PROBLEM)/.test((await deployedMapping())?.LastProcessingResult ?? '');

/** Every process and what it was started with. A slim image has no `ps`, other systems no `/proc`. */
const commandLines = (): { pid: number; line: string }[] => {
  if (process.platform !== 'linux')
    return execFileSync('ps', ['-A', '-o', 'pid=,args='], { encoding: 'utf8' })
      .split('\n')
      .map((text) => ({ pid: Number.parseInt(text, 10), line: text }));
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .flatMap((name) => {
      try {
        return { pid: Number(name), line: readFileSync(`/proc/${name}/cmdline`, 'utf8') };
      } catch {
        // It has ended since the folder was read.
        return [];
      }
    });
};

/** Only those of this engine: the path of their code begins with its folder. */
const killPublishers = (): void => {
  for (const { pid, line } of commandLines()) {
    if (!line.includes(stack.stateDir) || !line.includes(`ministack-lambda-${publisher}-`)) continue;
    try {
      process.kill(pid, 'SIGKILL');
    } catch {
      // It was faster.
    }
  }
};

type World = { tenant: Tenant; bank: SpokenForBank; receiver: Receiver };

const newWorld = async (): Promise<World> => {
  const tenant = await newTenant();
  const receiver = await newReceiver();
  const view = Made.extend({ secret: z.string() });
  const { secret } = await tenant.api.post('/v1/webhook-endpoints', { url: receiver.url }, view);
  receiver.verifyWith(secret);
  return { tenant, receiver, bank: await spokenForBank(tenant, 12) };
};

const heard = ({ received }: Receiver): Envelope[] => received().map(({ body }) => Envelope.parse(JSON.parse(body)));

/** What a receiver has heard of a parcel, in order, each once: without a gap it counts from 1. */
const sequencesOf = (receiver: Receiver, { id }: Pick<Parcel, 'id'>): number[] => {
  const ofIt = heard(receiver).filter(({ subject }) => subject === id);
  return [...new Set(ofIt.map(({ sequence }) => sequence))].toSorted((a, b) => a - b);
};

/** One commit: it is held, or no longer held. */
const commit = async ({ tenant }: World, { id }: Parcel): Promise<void> => {
  const { flags } = await readParcel(tenant, id);
  const [action, body] = flags.includes('held') ? ['lift-hold', {}] : ['hold', { reason: 'a test' }];
  await tenant.api.post(`/v1/transactions/${id}/${action}`, body, Made);
};

const allHeard = async (world: World, parcels: Parcel[]): Promise<void> => {
  await invariantsHold({ tenants: [world.tenant], banks: [], quiet: true });
  for (const parcel of parcels) {
    const { version } = await readParcel(world.tenant, parcel.id);
    expect(sequencesOf(world.receiver, parcel)).toEqual(Array.from({ length: version }, (_, nth) => nth + 1));
  }
  expect(world.receiver.received().every(({ verified }) => verified)).toBe(true);
};

/** An endpoint that nobody told of: its row is there, the commit of its creation is not. */
const untoldEndpoint = async (receiver: Receiver): Promise<{ commit: Row; eventId: string }> => {
  const now = instant(Date.now());
  const endpoint: WebhookEndpoint = {
    id: newId('whe'),
    tenant: newId('ten'),
    url: receiver.url,
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
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now, newId };
  const { writes, events } = commitEndpoint(born(endpoint, 'webhook_endpoint.created'), circumstances);
  await table.write(writes.filter(({ kind }) => kind === 'subject'));
  // It keeps what it gets only once it knows a secret.
  receiver.verifyWith(webhookSecretText(await rootKeys(), { id: endpoint.id, ...endpoint.secret }));
  const [row] = writes.flatMap((write) => ('put' in write && write.kind === 'event' ? [write.put] : []));
  const [event] = events;
  if (row === undefined || event === undefined) throw new Error('an endpoint was made without an event');
  return { commit: row, eventId: event.id };
};

const has = (receiver: Receiver, eventId: string): boolean => heard(receiver).some(({ id }) => id === eventId);

const arrives = (receiver: Receiver, eventId: string): Promise<void> =>
  eventually(() => expect(has(receiver, eventId)).toBe(true), { what: `${eventId} arrives` });

/** A row of which the publisher can make nothing. */
const poisonRow = (): Row => ({ PK: `TEST#${randomUUID()}`, SK: 'C#0000000001', events: 'none that it could read' });

/** The stream's record of a row that was inserted. */
const recordOf = (row: Row, nth: number): DynamoDBRecord => {
  // Binary comes as base64; else the stream's type differs from the SDK's only in name.
  const events = row.events instanceof Uint8Array ? { B: Buffer.from(row.events).toString('base64') } : row.events;
  const image = z.record(z.string(), z.custom<AttributeValue>()).parse({ ...marshall(row), events });
  return {
    eventID: randomUUID(),
    eventName: 'INSERT',
    eventVersion: '1.1',
    eventSource: 'aws:dynamodb',
    awsRegion: stack.region,
    dynamodb: {
      ApproximateCreationDateTime: Date.now() / 1000,
      Keys: { PK: { S: row.PK }, SK: { S: row.SK } },
      NewImage: image,
      SequenceNumber: String(100 + nth),
      StreamViewType: 'NEW_IMAGE',
    },
  };
};

/** Publishes what lies in the bucket of failed batches by now, as is done every quarter of an hour. */
const republished = async (): Promise<void> => {
  const { FunctionError } = await aws.lambda.send(
    new InvokeCommand({ FunctionName: outputOf(stack.outputs, 'RepublishFunctionName'), Payload: '{}' }),
  );
  expect(FunctionError).toBeUndefined();
};

describe('the publisher of events', () => {
  beforeAll(() => log.setLogLevel('SILENT'));

  it('loses nothing, though it is killed again and again while commits flow', async () => {
    const world = await newWorld();
    const parcels = await Promise.all(Array.from({ length: 6 }, () => createParcel(world.tenant, world.bank)));
    for (const time of ['first', 'second', 'third']) {
      await eventually(
        async () => {
          // An answer means that it is in the table, so the stream is just bringing it.
          await Promise.all(parcels.map((parcel) => commit(world, parcel).then(killPublishers)));
          expect(await hasFailed()).toBe(true);
        },
        { what: `it is killed in the middle of a batch for the ${time} time` },
      );
      await eventually(async () => expect(await hasFailed()).toBe(false), { what: 'the batch was sent again' });
    }
    await allHeard(world, parcels);
  });

  it('loses nothing, though the bus takes nothing from it for a while', async () => {
    const world = await newWorld();
    const parcel = await createParcel(world.tenant, world.bank);
    await eventually(() => expect(sequencesOf(world.receiver, parcel)).toEqual([1, 2]));

    const { Role = '' } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName: publisher }));
    const outage = { RoleName: Role.split('/').at(-1), PolicyName: 'outage' };
    const iam = new IAMClient(clientOptions(stack));
    const Statement = [{ Effect: 'Deny', Action: 'events:PutEvents', Resource: '*' }];
    const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement });
    await iam.send(new PutRolePolicyCommand({ ...outage, PolicyDocument }));
    try {
      for (const _ of [1, 2, 3]) await commit(world, parcel);
      await eventually(async () => expect(await hasFailed()).toBe(true), { what: 'the bus refuses' });
      expect(sequencesOf(world.receiver, parcel)).toEqual([1, 2]);
    } finally {
      await iam.send(new DeleteRolePolicyCommand(outage));
    }
    await allHeard(world, [parcel]);
    // What others committed meanwhile, and a little before, may have been given up on.
    await republished();
  });

  it('publishes what comes before a commit it cannot read, and has the stream go on from there', async () => {
    const receiver = await newReceiver();
    const [first, second] = [await untoldEndpoint(receiver), await untoldEndpoint(receiver)];
    const Records = [first.commit, poisonRow(), second.commit].map(recordOf);
    expect(await publish(bus)({ Records })).toEqual({ batchItemFailures: [{ itemIdentifier: '101' }] });
    await arrives(receiver, first.eventId);
    expect(await publish(bus)({ Records: Records.slice(2) })).toEqual({ batchItemFailures: [] });
    await arrives(receiver, second.eventId);
  });

  it('has the stream send again from the first commit that the bus refuses', async () => {
    const receiver = await newReceiver();
    const endpoints = await Promise.all([1, 2, 3].map(() => untoldEndpoint(receiver)));
    const Records = endpoints.map(({ commit: row }, nth) => recordOf(row, nth));
    const refusing = { put: async () => new Set([endpoints[2]?.eventId ?? '', endpoints[1]?.eventId ?? '']) };
    expect(await publish(refusing)({ Records })).toEqual({ batchItemFailures: [{ itemIdentifier: '101' }] });
  });
});

/**
 * A table like ours whose stream starts the same publisher in the same way, so that poison in it is nobody else's. What
 * it begins with is there before the publisher looks, so that all of it is in one batch. The engine heeds no answer that
 * names the first failed record, and writes no batch that grew too old to S3.
 */
const twinTable = async (first: Write[]): Promise<Table> => {
  const TableName = `poisoned-${randomUUID()}`;
  const { TableDescription } = await aws.dynamoDb.send(
    new CreateTableCommand({
      TableName,
      KeySchema: [
        { AttributeName: 'PK', KeyType: 'HASH' },
        { AttributeName: 'SK', KeyType: 'RANGE' },
      ],
      AttributeDefinitions: [
        { AttributeName: 'PK', AttributeType: 'S' },
        { AttributeName: 'SK', AttributeType: 'S' },
      ],
      BillingMode: 'PAY_PER_REQUEST',
      StreamSpecification: { StreamEnabled: true, StreamViewType: 'NEW_IMAGE' },
    }),
  );
  cleanUp.push(() => aws.dynamoDb.send(new DeleteTableCommand({ TableName })));
  const twin = openTable(TableName, clientOptions(stack));
  await twin.write(first);
  const deployed = await deployedMapping();
  const { UUID } = await aws.lambda.send(
    new CreateEventSourceMappingCommand({
      EventSourceArn: TableDescription?.LatestStreamArn,
      FunctionName: publisher,
      StartingPosition: 'TRIM_HORIZON',
      BatchSize: deployed?.BatchSize,
      BisectBatchOnFunctionError: deployed?.BisectBatchOnFunctionError,
      FilterCriteria: deployed?.FilterCriteria,
      FunctionResponseTypes: deployed?.FunctionResponseTypes,
      MaximumRecordAgeInSeconds: deployed?.MaximumRecordAgeInSeconds,
      MaximumRetryAttempts: deployed?.MaximumRetryAttempts,
    }),
  );
  cleanUp.push(() => aws.lambda.send(new DeleteEventSourceMappingCommand({ UUID })));
  return twin;
};

describe('a commit in the table that the publisher cannot read', () => {
  it('is passed over by the local engine, with what is behind it in its batch; the next batch is published', async () => {
    const receiver = await newReceiver();
    const [before, behind, next] = await Promise.all([1, 2, 3].map(() => untoldEndpoint(receiver)));
    const put = (row: Row | undefined) => ({
      kind: 'event' as const,
      expects: 'absent' as const,
      put: row ?? poisonRow(),
    });
    const twin = await twinTable([put(before?.commit), put(poisonRow()), put(behind?.commit)]);
    await arrives(receiver, before?.eventId ?? '');
    await twin.write([put(next?.commit)]);
    await arrives(receiver, next?.eventId ?? '');
    // On AWS it comes again, in the end alone, and lands in S3. Should the engine learn that, this fails: then let the
    // test say so, and strike it from the list of gaps.
    expect(has(receiver, behind?.eventId ?? '')).toBe(false);
  });
});

/** What Lambda writes to S3 when a stream's batch failed for good; `payload` is the whole event. */
const invocationRecord = (payload: unknown): string =>
  JSON.stringify({
    requestContext: { requestId: randomUUID(), condition: 'RetryAttemptsExhausted', approximateInvokeCount: 6 },
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    version: '1.0',
    timestamp: new Date().toISOString(),
    DDBStreamBatchInfo: { shardId: 'shardId-1', batchSize: 1 },
    payload,
  });

/** Where Lambda puts it: the mapping, the shard, the minute. */
const failedKey = (): string => {
  const minute = new Date().toISOString().slice(0, 16).replaceAll(/[-T:]/g, '/');
  return `aws/lambda/${randomUUID()}/shardId-1/${minute}/${randomUUID()}`;
};

const putFailed = async (Bucket: string, payload: unknown): Promise<string> => {
  const Key = failedKey();
  await aws.s3.send(new PutObjectCommand({ Bucket, Key, Body: invocationRecord(payload) }));
  return Key;
};

const keysIn = async (bucket: string): Promise<string[]> =>
  (await openFailedRecords(bucket, aws.s3).list(1_000)).map(({ key }) => key);

describe('a batch that the publisher gave up on', () => {
  it('is published after all, and forgotten then', async () => {
    const receiver = await newReceiver();
    const endpoints = await Promise.all([1, 2, 3].map(() => untoldEndpoint(receiver)));
    const [first, ...others] = endpoints.map((it, nth) => recordOf(it.commit, nth));
    const bucket = outputOf(stack.outputs, 'FailedRecordsBucketName');
    const objects = [
      await putFailed(bucket, JSON.stringify({ Records: others })),
      await putFailed(bucket, { Records: [first] }),
    ];
    const { Payload, FunctionError } = await aws.lambda.send(
      new InvokeCommand({ FunctionName: outputOf(stack.outputs, 'RepublishFunctionName'), Payload: '{}' }),
    );
    // How many it mended is told below: another test may have it run at the same time.
    const answer: unknown = JSON.parse(Buffer.from(Payload ?? []).toString());
    expect({ FunctionError, answer }).toEqual({
      FunctionError: undefined,
      answer: expect.objectContaining({ commits: expect.any(Number) }),
    });
    for (const { eventId } of endpoints) await arrives(receiver, eventId);
    expect((await keysIn(bucket)).filter((key) => objects.includes(key))).toEqual([]);
  });

  it('waits for a person if it cannot be read, and keeps no other from being published and counted', async () => {
    const receiver = await newReceiver();
    const endpoints = await Promise.all([1, 2, 3].map(() => untoldEndpoint(receiver)));
    const [first, ...others] = endpoints.map((it, nth) => recordOf(it.commit, nth));
    const Bucket = `unreadable-${randomUUID()}`;
    await aws.s3.send(new CreateBucketCommand({ Bucket }));
    const unreadable = [
      await putFailed(Bucket, JSON.stringify({ Records: [recordOf(poisonRow(), 0)] })),
      await putFailed(Bucket, '{ "half an event'),
      await putFailed(Bucket, undefined),
    ];
    await putFailed(Bucket, JSON.stringify({ Records: others }));
    await putFailed(Bucket, { Records: [first] });
    cleanUp.push(async () => {
      for (const Key of unreadable) await aws.s3.send(new DeleteObjectCommand({ Bucket, Key }));
      await aws.s3.send(new DeleteBucketCommand({ Bucket }));
    });
    const run = republish({ bus, failedRecords: openFailedRecords(Bucket, aws.s3) });
    const { unpublished, commits } = await run();
    expect(commits).toBe(3);
    expect(unpublished.toSorted()).toEqual(unreadable.toSorted());
    for (const { eventId } of endpoints) await arrives(receiver, eventId);
    expect((await keysIn(Bucket)).toSorted()).toEqual(unreadable.toSorted());
  });
});
