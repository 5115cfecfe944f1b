import { CreateTableCommand, DescribeTableCommand } from '@aws-sdk/client-dynamodb';
import { InvokeCommand } from '@aws-sdk/client-lambda';
import { DeleteScheduleCommand, GetScheduleCommand } from '@aws-sdk/client-scheduler';
import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { sweep } from '../../functions/schedule/sweep.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { instant } from '../../shared/domain/time.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { keys } from '../../shared/store/rows.ts';
import { openTable } from '../../shared/store/table.ts';
import { openTransactions } from '../../shared/store/transactions.ts';
import { rootKeys } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import { makeOlder } from '../support/invariants-aged.ts';
import {
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  Parcel,
  pickUp,
  pinFor,
  readParcel,
} from '../support/parcel.ts';
import { aws, eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

const seconds = (count: number): string => new Date(Date.now() + count * 1000).toISOString();

/** Its state in the table, so that no reading through the API can be what makes it expire. */
const stateInTable = async (tenant: Tenant, id: string): Promise<unknown> => {
  const table = openTable(String(stack.outputs.TableName), clientOptions(stack));
  return (await table.get({ PK: `TXN#${tenant.id}#${id}`, SK: 'T' }, true))?.state;
};

describe('by itself', () => {
  it('a reservation that nobody uses ends, and its compartment is free again', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank, { deadlines: { reserveUntil: seconds(4) } });
    await eventually(async () => expect(await stateInTable(tenant, parcel.id)).toBe('expired'), { within: 20_000 });
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ expiredStage: 'reservation', version: 3 });
    expect(await createParcel(tenant, bank)).toMatchObject({ door: '1' });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('a deposit that was begun and not made ends at its own deadline', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank, {
      deadlines: { reserveUntil: seconds(10), depositBy: seconds(13) },
    });
    await knownAtBank(tenant, parcel.id);
    expect(await bank.panel.enter(pinFor(parcel, 'deposit'))).toMatchObject({ granted: true });
    await bank.panel.door(doorOf(parcel), { door: 'closed' });
    await eventually(async () => expect((await readParcel(tenant, parcel.id)).depositStartedAt).not.toBeNull());

    await eventually(async () => expect(await stateInTable(tenant, parcel.id)).toBe('expired'), { within: 25_000 });
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ expiredStage: 'deposit' });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('a parcel that nobody fetches is recalled, given more time, and then picked up after all', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank, {
      deadlines: { reserveUntil: seconds(10), depositBy: seconds(11), pickupBy: seconds(12) },
    });
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');

    await eventually(async () => expect(await stateInTable(tenant, parcel.id)).toBe('recall_due'), { within: 25_000 });
    const due = await knownAtBank(tenant, parcel.id);
    expect(due).toMatchObject({ recallCause: 'pickup_deadline' });
    expect(due.credentials.map((it) => [it.step, it.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'expired'],
      ['recall', 'active'],
    ]);
    expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false, reason: 'too_late' });
    const recallId = due.credentials.find((it) => it.step === 'recall')?.id;
    const path = `/v1/transactions/${parcel.id}`;
    const staff = await tenant.api.post(`${path}/credentials/${recallId}/resend`, {}, Parcel);
    await knownAtBank(tenant, parcel.id);

    const extended = await tenant.api.post(`${path}/extend`, { pickupBy: seconds(3600) }, Parcel);
    expect(extended).toMatchObject({ state: 'stored', recallCause: null });
    expect(extended.credentials.map((it) => [it.step, it.state])).toEqual([
      ['deposit', 'used'],
      ['pickup', 'active'],
      ['recall', 'superseded'],
      ['recall', 'revoked'],
    ]);
    await knownAtBank(tenant, parcel.id);
    expect(await bank.panel.enter(pinFor(staff, 'recall'))).toMatchObject({ granted: false });
    await pickUp(bank, parcel);
    await becomes(tenant, parcel.id, 'completed');
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});

describe('the wake-up for a deadline', () => {
  const scheduleOf = (name: string) =>
    aws.scheduler.send(new GetScheduleCommand({ GroupName: 'latchwork-local', Name: name }));

  it('is a schedule named after what it is for, one per change of the deadline', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank);
    const first = await eventually(() => scheduleOf(`${parcel.id}-reserveUntil-0`));
    expect(Date.parse(`${/at\((.*)\)/.exec(first.ScheduleExpression ?? '')?.[1]}Z`)).toBe(
      Math.ceil(Date.parse(parcel.deadlines.reserveUntil) / 1000) * 1000,
    );
    await tenant.api.post(`/v1/transactions/${parcel.id}/extend`, { reserveUntil: parcel.deadlines.depositBy }, Parcel);
    await eventually(() => scheduleOf(`${parcel.id}-reserveUntil-1`));
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('that comes early, late or again finds nothing to do', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank, { deadlines: { reserveUntil: seconds(4) } });
    const table = openTable(String(stack.outputs.TableName), clientOptions(stack));
    const queue = String(stack.outputs.DeadlinesQueueUrl);
    const wake = () =>
      aws.sqs.send(
        new SendMessageCommand({
          QueueUrl: queue,
          MessageBody: JSON.stringify({ kind: 'transaction', tenant: tenant.id, id: parcel.id }),
        }),
      );
    await wake();
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'reserved', version: 2 });
    await eventually(async () => expect(await stateInTable(tenant, parcel.id)).toBe('expired'), { within: 20_000 });
    await wake();
    await wake();
    // The quiet of the queues is what the invariants wait for; only then is the version looked at.
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
    expect((await table.get({ PK: `TXN#${tenant.id}#${parcel.id}`, SK: 'T' }, true))?.version).toBe(3);
  });
});

/** A table that nothing reacts to, with this parcel in it: its schedules and messages are lost. */
const deafTableWith = async (tenant: Tenant, parcel: Parcel) => {
  const name = newId('deaf');
  const { Table } = await aws.dynamoDb.send(new DescribeTableCommand({ TableName: String(stack.outputs.TableName) }));
  await aws.dynamoDb.send(
    new CreateTableCommand({
      TableName: name,
      KeySchema: Table?.KeySchema,
      AttributeDefinitions: Table?.AttributeDefinitions,
      BillingMode: 'PAY_PER_REQUEST',
      GlobalSecondaryIndexes: (Table?.GlobalSecondaryIndexes ?? []).map(({ IndexName, KeySchema, Projection }) => ({
        IndexName,
        KeySchema,
        Projection,
      })),
    }),
  );
  const heard = openTable(String(stack.outputs.TableName), clientOptions(stack));
  const deaf = openTable(name, clientOptions(stack));
  for (const key of [keys.transaction(tenant.id, parcel.id), keys.compartment(parcel.bankId, doorOf(parcel))])
    await deaf.write([{ kind: 'other', expects: 'absent', put: { ...(await heard.get(key, true)), ...key } }]);
  return deaf;
};

describe('a deadline whose schedule was lost', () => {
  const tomorrow = () => Date.now() + 25 * 3_600_000;
  const newParcel = async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank);
    return { tenant, parcel, table: await deafTableWith(tenant, parcel) };
  };
  const expired = { state: 'expired', expiredStage: 'reservation', version: 3 };

  it('is found by whoever reads the transaction', async () => {
    const { tenant, parcel, table } = await newParcel();
    const transactions = openTransactions({ table, rootKeys, newId });
    const read = await transactions.read(tenant.id, parcel.id, instant(tomorrow()));
    expect(read?.transaction).toMatchObject(expired);
    expect(await table.get(keys.transaction(tenant.id, parcel.id), true)).toMatchObject(expired);
    expect(await table.get(keys.compartment(parcel.bankId, doorOf(parcel)), true)).toMatchObject({ heldBy: null });
  });

  it('is mended by the sweep, which counts it, once', async () => {
    const { tenant, parcel, table } = await newParcel();
    const run = sweep({
      table,
      rootKeys,
      newId,
      clock: tomorrow,
      slow: { send: async () => undefined },
      sending: { sms: { send: async () => undefined }, email: { send: async () => undefined } },
    });
    expect(await run()).toMatchObject({ transactions: 1 });
    expect(await table.get(keys.transaction(tenant.id, parcel.id), true)).toMatchObject(expired);
    expect(await run()).toMatchObject({ transactions: 0 });
  });

  it('is mended by the sweep as it is deployed, and all is as if the schedule had come', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const parcel = await createParcel(tenant, bank);
    const schedule = { GroupName: 'latchwork-local', Name: `${parcel.id}-reserveUntil-0` };
    await eventually(() => aws.scheduler.send(new DeleteScheduleCommand(schedule)));
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
    await makeOlder(tenant.id, parcel.id, 25 * 3_600_000);

    const { FunctionError, Payload } = await aws.lambda.send(
      new InvokeCommand({ FunctionName: String(stack.outputs.SweepFunctionName) }),
    );
    expect(FunctionError).toBeUndefined();
    const mended = z.object({ transactions: z.int() }).parse(JSON.parse(Buffer.from(Payload ?? []).toString()));
    expect(mended.transactions).toBeGreaterThanOrEqual(1);
    expect(await stateInTable(tenant, parcel.id)).toBe('expired');
    expect(await createParcel(tenant, bank)).toMatchObject({ door: doorOf(parcel) });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});
