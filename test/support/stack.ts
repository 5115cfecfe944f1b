import { randomUUID } from 'node:crypto';
import { appendFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { CloudWatchClient } from '@aws-sdk/client-cloudwatch';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { IoTClient } from '@aws-sdk/client-iot';
import { IoTDataPlaneClient } from '@aws-sdk/client-iot-data-plane';
import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SchedulerClient } from '@aws-sdk/client-scheduler';
import { SQSClient } from '@aws-sdk/client-sqs';
import { inject } from 'vitest';
import * as z from 'zod';
import { startBanks } from '../../device-sim/run.ts';
import type { SettingsInput } from '../../device-sim/settings.ts';
import { type ApiClient, apiClient, Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { createTenant } from '../../local/create-tenant.ts';
import type { LayoutDoor } from '../../local/demo-layouts.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { type Panel, panel } from '../../local/panel.ts';
import { freePort } from '../../local/ports.ts';
import { type Receiver, startReceiver } from '../../local/receiver.ts';
import type { ThermalRange } from '../../shared/device/config.ts';
import './engine-setup.ts';

/** The stack that the tests of this file run against. Everything below belongs to it and ends with the file. */
export const stack = inject('stack');

const options = clientOptions(stack);

/** AWS itself, as root: for looking at what the product left there and for breaking it on purpose. */
export const aws = {
  cloudWatch: new CloudWatchClient(options),
  dynamoDb: new DynamoDBClient(options),
  eventBridge: new EventBridgeClient(options),
  iot: new IoTClient(options),
  iotData: new IoTDataPlaneClient(options),
  lambda: new LambdaClient(options),
  s3: new S3Client({ ...options, forcePathStyle: true }),
  scheduler: new SchedulerClient(options),
  sqs: new SQSClient(options),
};

export type Tenant = { id: string; name: string; apiKey: string; apiKeyId: string; api: ApiClient };

export async function newTenant(name = `Tenant ${randomUUID().slice(0, 8)}`): Promise<Tenant> {
  const { tenantId, apiKey, apiKeyId } = await createTenant(stack, stack.outputs, name);
  return { id: tenantId, name, apiKey, apiKeyId, api: apiClient(stack.apiUrl, apiKey) };
}

export type BankWish = {
  /** The compartments, or how many of one ordinary size. */
  doors?: number | readonly LayoutDoor[];
  siteId?: string;
  name?: string;
  batteryBackedClock?: boolean;
  thermalRanges?: Partial<Record<LayoutDoor['thermalClass'], ThermalRange>>;
  /** It says of itself that there is no hardware behind it. There never is. */
  simulated?: boolean;
  /** What the simulated hardware has and has not. */
  hardware?: SettingsInput['banks'][number]['options'];
};

export type Bank = {
  id: string;
  siteId: string;
  doors: readonly LayoutDoor[];
  panel: Panel;
  /** Of the simulated bank: where it is driven, and asked what it knows. */
  controlUrl: string;
  stop: () => Promise<void>;
};

/** Registers a bank over the API, gives it a certificate, and runs it in this process until it is online. */
export async function newBank(tenant: Tenant, wish: BankWish = {}): Promise<Bank> {
  const {
    doors = 3,
    name = 'Test bank',
    batteryBackedClock = false,
    simulated = true,
    hardware = {},
    thermalRanges,
  } = wish;
  const layout = typeof doors === 'number' ? ordinaryDoors(doors) : doors;
  const siteId =
    wish.siteId ?? (await tenant.api.post('/v1/sites', { name: 'Test site', timeZone: 'Europe/Zurich' }, Made)).id;
  const registered = { siteId, name, layout, batteryBackedClock, simulated, ...(thermalRanges && { thermalRanges }) };
  const { id } = await tenant.api.post('/v1/banks', registered, Made);
  const connected = await connectBank(tenant, { id, name, layout, hardware: { batteryBackedClock, ...hardware } });
  return { id, siteId, doors: layout, ...connected };
}

/** Gives a registered bank a certificate, and runs it in this process until it is online. */
export async function connectBank(
  tenant: Pick<Tenant, 'api'>,
  {
    id,
    name,
    layout,
    hardware,
  }: { id: string; name: string; layout: readonly LayoutDoor[] } & Pick<BankWish, 'hardware'>,
): Promise<Pick<Bank, 'panel' | 'controlUrl' | 'stop'>> {
  const running = await startBanks(
    {
      mqtt: stack.mqtt,
      stateDir: join(stack.stateDir, 'banks'),
      banks: [
        {
          id,
          name,
          ...(await bankIdentity(stack, stack.outputs, stack.stateDir, id)),
          doors: [...layout],
          options: hardware,
        },
      ],
    },
    (line) => appendFileSync(join(stack.stateDir, 'simulated-banks.log'), `${line}\n`),
  );
  atEnd(() => running.stop());
  const controlUrl = running.banks[0]?.controlUrl ?? running.controlUrl;
  const hands = panel(controlUrl);
  await eventually(
    async () => {
      if (!(await hands.state()).online) throw new Error('it is offline');
      const { lifecycle } = await tenant.api.get(`/v1/banks/${id}`, z.object({ lifecycle: z.string() }));
      if (lifecycle !== 'active') throw new Error(`it is ${lifecycle}`);
    },
    { what: `the bank ${id} is online and takes part` },
  );
  return { panel: hands, controlUrl, stop: () => running.stop() };
}

export function ordinaryDoors(count: number): LayoutDoor[] {
  return Array.from({ length: count }, (_, position) => ({
    door: String(position + 1),
    widthMm: 440,
    heightMm: 300,
    depthMm: 500,
    maxMassG: 20_000,
    thermalClass: 'ambient',
    bottomMm: 100 + (position % 6) * 320,
  }));
}

/** A customer's system for the webhooks of one test. It checks signatures once it is told the secret. */
export async function newReceiver(): Promise<Receiver> {
  const port = await freePort();
  const receiver = await startReceiver(port, join(stack.stateDir, `received-${port}.jsonl`));
  atEnd(() => receiver.stop());
  return receiver;
}

/** Tries until it no longer throws: what is true in the end, however many queues are on the way. */
export async function eventually<Result>(
  attempt: () => Result | Promise<Result>,
  { within = 15_000, what = 'what the test waits for' }: { within?: number; what?: string } = {},
): Promise<Result> {
  const giveUpAt = Date.now() + within;
  // What takes long is looked at less and less often: looking keeps the engine from what is waited for.
  for (let waitMs = 50; ; waitMs = Math.min(waitMs * 1.3, 400)) {
    try {
      return await attempt();
    } catch (error) {
      if (Date.now() > giveUpAt) {
        const why = error instanceof Error ? error.message : String(error);
        throw new Error(`not within ${within / 1000} s: ${what}\n${why}`, { cause: error });
      }
    }
    await pause(waitMs);
  }
}

const undo: (() => Promise<void>)[] = [];
const atEnd = (step: () => Promise<void>) => undo.push(step);
/** Stops whatever this file has started; end-with-file.ts asks for it. */
export const endAll = () => Promise.all(undo.splice(0).map((step) => step()));
