import { join } from 'node:path';
import { IoTDataPlaneClient, UpdateThingShadowCommand } from '@aws-sdk/client-iot-data-plane';
import * as z from 'zod';
import { startBanks } from '../device-sim/run.ts';
import { apiClient, Made } from '../local/api-client.ts';
import { bankIdentity } from '../local/bank-identity.ts';
import { createTenant } from '../local/create-tenant.ts';
import { drain } from '../local/drain.ts';
import { clientOptions } from '../local/endpoint.ts';
import type { Lifetime } from '../local/lifetime.ts';
import { panel } from '../local/panel.ts';
import { freePort } from '../local/ports.ts';
import { startReceiver } from '../local/receiver.ts';
import { outputOf, type StackHandle } from '../local/stack-handle.ts';
import { until } from '../local/until.ts';
import { shadowNames } from '../shared/device/topics.ts';
import { changed, newCompartment } from '../shared/domain/compartment.ts';
import { compartmentWrite } from '../shared/store/commit.ts';
import { keys } from '../shared/store/rows.ts';
import { openTable } from '../shared/store/table.ts';
import { averageLogLine, reroute, wakeUps } from './deployed.ts';
import { busEntries, type ParcelCost, parcelCost } from './parcel-cost.ts';
import type { Recorder } from './recorder.ts';
import { layoutOf, parcelFor, usualDoors } from './sample.ts';

/** What the customer of this parcel wants to hear of: three webhooks, as limits.md E6 counts them. */
const heard = ['transaction.reserved', 'transaction.deposited', 'transaction.completed'];

const Parcel = z.object({
  id: z.string(),
  door: z.string(),
  credentials: z.array(z.object({ step: z.string(), value: z.string().optional() })),
});

/**
 * One parcel on the deployed stack with a simulated bank, over MQTT and all: once to warm every function, once to be
 * counted, and once more, if wanted, in a bank of which half is taken, where shadows are larger.
 */
export async function measureParcel(
  life: Lifetime,
  stack: StackHandle,
  recorder: Recorder,
  wanted: { halfFull: boolean },
): Promise<{ alone: ParcelCost; halfFull?: ParcelCost }> {
  await reroute(stack, recorder.url);
  const world = await prepare(life, stack, () => quiet(stack, recorder));

  const run = async (): Promise<ParcelCost> => {
    recorder.take();
    const startedAt = Date.now();
    await world.parcel();
    await quiet(stack, recorder);
    const calls = recorder.take();
    const woken = await wakeUps(stack, busEntries(calls));
    const logBytes = await averageLogLine(stack, startedAt);
    return parcelCost({ calls, woken: [...woken.values()].flat(), logBytes });
  };
  await run();
  const alone = await run();
  if (!wanted.halfFull) return { alone };
  await Promise.all(Array.from({ length: usualDoors / 2 }, () => world.reserve()));
  await quiet(stack, recorder);
  return { alone, halfFull: await run() };
}

async function prepare(life: Lifetime, stack: StackHandle, settled: () => Promise<void>) {
  const { tenantId, apiKey } = await createTenant(stack, stack.outputs, 'Bench');
  const api = apiClient(stack.apiUrl, apiKey);
  const layout = layoutOf(usualDoors);
  const site = await api.post('/v1/sites', { name: 'Bench', timeZone: 'Europe/Zurich' }, Made);
  const bank = await api.post('/v1/banks', { siteId: site.id, name: 'Bench', layout }, Made);
  const table = openTable(outputOf(stack.outputs, 'TableName'), clientOptions(stack));
  // Every compartment has been used before, so every read of the bank is as large as it ever is.
  await table.write(
    layout.map(({ door }) => {
      const before = newCompartment(door);
      return compartmentWrite(bank.id, { before, after: changed(before, {}, false) });
    }),
  );

  const receiver = await startReceiver(await freePort(), join(stack.stateDir, 'received.jsonl'));
  life.atEnd(() => receiver.stop());
  const endpoint = await api.post(
    '/v1/webhook-endpoints',
    { url: receiver.url, eventTypes: heard },
    Made.extend({ secret: z.string() }),
  );
  receiver.verifyWith(endpoint.secret);
  // That it was created comes first, whatever it has subscribed to, and is no part of a parcel.
  await until('the customer has heard of the endpoint', async () => receiver.received().length > 0);
  let expected = 1;

  const identity = await bankIdentity(stack, stack.outputs, stack.stateDir, bank.id);
  // Every shadow has been written before: the first write of one takes two.
  const iot = new IoTDataPlaneClient(clientOptions(stack));
  for (const shadowName of shadowNames.all(usualDoors).filter((name) => name.startsWith('grants-')))
    await iot.send(
      new UpdateThingShadowCommand({
        thingName: bank.id,
        shadowName,
        payload: Buffer.from('{"state":{"desired":{"rev":0}}}'),
      }),
    );
  const running = await startBanks(
    { mqtt: stack.mqtt, stateDir: join(stack.stateDir, 'banks'), banks: [{ id: bank.id, ...identity, doors: layout }] },
    () => undefined,
  );
  life.atEnd(() => running.stop());
  const hands = panel(running.banks[0]?.controlUrl ?? running.controlUrl);
  await until('the bank takes part', async () => {
    const { lifecycle } = await api.get(`/v1/banks/${bank.id}`, z.object({ lifecycle: z.string() }));
    return lifecycle === 'active';
  });

  // Looked at in the table and not over the API, which would be counted.
  const becomes = (id: string, state: string) =>
    until(
      `the parcel is ${state}`,
      async () => (await table.get(keys.transaction(tenantId, id), true))?.state === state,
    );

  const reserve = async () => {
    const parcel = await api.post('/v1/transactions', parcelFor(bank.id), Parcel);
    await until('the bank knows its grants', async () => table.get(keys.applied(tenantId, parcel.id), true));
    expected += 1;
    return parcel;
  };
  const enter = async (parcel: z.infer<typeof Parcel>, step: string) => {
    const value = parcel.credentials.find((it) => it.step === step)?.value ?? '';
    const { granted, message } = await hands.enter(value);
    if (!granted) throw new Error(`the bank did not open for the ${step}: ${message}`);
  };
  const parcel = async () => {
    const made = await reserve();
    // People come later than in the same second; by then all that was caused has happened.
    await settled();
    await enter(made, 'deposit');
    await hands.fill(made.door);
    await becomes(made.id, 'stored');
    await settled();
    await enter(made, 'pickup');
    await hands.clear(made.door);
    await becomes(made.id, 'completed');
    expected += heard.length - 1;
    await until('the customer has heard of it', async () => receiver.received().length >= expected);
  };
  return { reserve, parcel };
}

/** Far longer than a message takes from one function to the next, and than the beat at which streams are read. */
const quietMs = 1_500;

/** Everything that a parcel makes happen has happened once no queue holds anything and nobody calls any more. */
async function quiet(stack: StackHandle, recorder: Recorder): Promise<void> {
  await drain(stack, 20_000);
  await until('all is quiet', async () => recorder.quietForMs() > quietMs);
}
