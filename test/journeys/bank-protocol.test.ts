import { GetThingShadowCommand } from '@aws-sdk/client-iot-data-plane';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { IndependentBank } from '../independent/independent-bank.ts';
import { becomes, createParcel, doorOf, knownAtBank, pinFor, readParcel } from '../support/parcel.ts';
import { aws, eventually, newTenant, ordinaryDoors, stack, type Tenant } from '../support/stack.ts';

/*
 * The bank is not ours: test/independent/independent-bank.ts was written from docs/bank-protocol.md, with AWS's own device
 * SDK. CI gives it the 24 doors of one full shadow of commands; all 120 doors are tried with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/bank-protocol.test.ts
 */
const doorCount = process.env.LATCHWORK_FULL === '1' ? 120 : 24;
/** Of one thing (AWS IoT Core quotas). */
const quotas = { bytes: 8_192, perSecond: 20, unanswered: 10 };

let tenant: Tenant;
let bank: IndependentBank;
let id: string;

const layout = ordinaryDoors(doorCount);

/** A few at a time: the machine is not to be proved. */
const inTurns = async <Result>(what: (door: string) => Promise<Result>): Promise<Result[]> => {
  const results: Result[] = [];
  const waiting = layout.map(({ door }) => door);
  const work = async (): Promise<void> => {
    for (let door = waiting.shift(); door !== undefined; door = waiting.shift()) results.push(await what(door));
  };
  await Promise.all([work(), work(), work()]);
  return results;
};

beforeAll(async () => {
  tenant = await newTenant();
  const { id: siteId } = await tenant.api.post('/v1/sites', { name: 'Elsewhere', timeZone: 'Europe/Zurich' }, Made);
  const wish = { siteId, name: 'Not ours', layout, batteryBackedClock: false };
  ({ id } = await tenant.api.post('/v1/banks', wish, Made));
  const { host, port, caFile } = stack.mqtt;
  const identity = await bankIdentity(stack, stack.outputs, stack.stateDir, id);
  bank = new IndependentBank({ bank: id, host, port, caFile, ...identity, doors: layout.map(({ door }) => door) });
  await bank.connect();
}, 60_000);

afterAll(() => bank.disconnect());

const acknowledged = () =>
  eventually(() => expect(bank.acknowledged).toBe(bank.entries.length), {
    what: 'its journal is acknowledged',
    // Each door that is closed is a message of its own.
    within: 15_000 + 500 * doorCount,
  });

const types = (): string[] => bank.entries.map(({ type }) => type);

describe('a bank that was written from the protocol alone, with the device SDK of AWS', {
  timeout: 2_500 * doorCount + 240_000,
}, () => {
  it('takes part once it has connected with its certificate and told of its boot', async () => {
    await eventually(
      async () =>
        expect(await tenant.api.get(`/v1/banks/${id}`, z.looseObject({ lifecycle: z.string() }))).toMatchObject({
          lifecycle: 'active',
        }),
      { what: 'it takes part' },
    );
    await acknowledged();
    expect(bank.config).toMatchObject({ issuerKeys: [{ version: 1 }] });
  });

  it('takes a parcel by its PIN and hands it out by its QR code', async () => {
    const parcel = await createParcel(tenant, { id }, { access: [{ step: 'pickup', method: 'qr' }] });
    await knownAtBank(tenant, parcel.id);
    const qr = parcel.credentials.find(({ method }) => method === 'qr')?.value ?? '';
    const door = doorOf(parcel);

    expect(bank.enter('pin', '000000')).toEqual({ granted: false, reason: 'wrong_credential' });
    expect(bank.enter('qr', qr)).toEqual({ granted: false, reason: 'compartment_empty' });
    expect(bank.enter('pin', pinFor(parcel, 'deposit'))).toEqual({ granted: true, door });
    bank.leaves(door, 'filled');
    await becomes(tenant, parcel.id, 'stored');
    expect(bank.enter('pin', pinFor(parcel, 'deposit'))).toEqual({ granted: false, reason: 'credential_revoked' });

    expect(bank.enter('qr', qr)).toEqual({ granted: true, door });
    bank.leaves(door, 'empty');
    expect(await becomes(tenant, parcel.id, 'completed')).toMatchObject({ bankId: id, flags: [] });
    await acknowledged();
  });

  it('opens a door by a command and tells what became of it', async () => {
    const { door } = layout.at(-1) ?? { door: '' };
    const order = { bankId: id, door, reason: 'somebody rang' };
    const command = await tenant.api.post('/v1/commands', order, CommandView);
    const isNow = (state: CommandView['state']) =>
      eventually(
        async () =>
          expect(await tenant.api.get(`/v1/commands/${command.id}`, CommandView)).toMatchObject({
            state,
            outcome: null,
          }),
        { what: `the command is ${state}` },
      );
    await isNow('opened');
    bank.leaves(door, 'empty');
    await isNow('closed');
    expect(types().filter((type) => type === 'command.acknowledged')).toHaveLength(1);
    await acknowledged();
  });

  it(`has ${doorCount} doors, all taken and all told to open, in shadows that each fit`, async () => {
    const parcels = await inTurns(() => createParcel(tenant, { id }));
    expect(new Set(parcels.map(doorOf)).size).toBe(doorCount);
    const told = () =>
      [...bank.held.values()].flatMap(({ doors }) => Object.values(doors).map((it) => it.transactionId));
    await eventually(() => expect(told().toSorted()).toEqual(parcels.map((it) => it.id).toSorted()), {
      what: 'the bank knows of all of them',
      within: 60_000,
    });
    await bank.disconnect();
    const commands = await inTurns((door) =>
      tenant.api.post('/v1/commands', { bankId: id, door, reason: 'all of them', validSeconds: 300 }, CommandView),
    );
    const { largest, open } = await shadowsOfBank();
    expect(open).toBe(doorCount);
    expect(largest).toBeLessThanOrEqual(quotas.bytes);

    await bank.connect();
    for (const { id: commandId } of commands)
      await eventually(
        async () =>
          expect(await tenant.api.get(`/v1/commands/${commandId}`, CommandView)).toMatchObject({ state: 'opened' }),
        { what: `${commandId} has opened its door`, within: 60_000 },
      );
    for (const parcel of parcels) {
      expect(bank.entries.filter((it) => it.type === 'door.opened' && it.transactionId === parcel.id)).toHaveLength(1);
      bank.leaves(doorOf(parcel), 'empty');
    }
    await acknowledged();
    expect(await readParcel(tenant, parcels[0]?.id ?? '')).toMatchObject({ state: 'reserved' });

    const inSecond = bank.requests.map(({ at }) => bank.requests.filter((it) => it.at >= at && it.at < at + 1_000));
    const most = Math.max(...inSecond.map((it) => it.length));
    const unanswered = Math.max(...bank.requests.map((it) => it.unanswered));
    expect(most).toBeLessThanOrEqual(quotas.perSecond);
    expect(unanswered).toBeLessThanOrEqual(quotas.unanswered);
    console.info(
      `${doorCount} doors: the largest shadow has ${largest} of ${quotas.bytes} bytes; the bank sent at most ${most} requests a second, ${unanswered} unanswered`,
    );
  });
});

/** All shadows as AWS counts them: desired and reported, without what it keeps about them. */
async function shadowsOfBank(): Promise<{ largest: number; open: number }> {
  const Document = z.object({
    state: z.object({
      desired: z.record(z.string(), z.unknown()).default({}),
      reported: z.record(z.string(), z.unknown()).default({}),
    }),
  });
  const names = ['config', ...['doors', 'grants'].flatMap((kind) => numbered(kind, kind === 'doors' ? 24 : 8))];
  const documents = await Promise.all(
    names.map(async (shadowName) => {
      const { payload } = await aws.iotData.send(new GetThingShadowCommand({ thingName: id, shadowName }));
      return { shadowName, ...Document.parse(JSON.parse(new TextDecoder().decode(payload))) };
    }),
  );
  const bytes = documents.map(({ state: { desired, reported } }) =>
    Buffer.byteLength(JSON.stringify({ desired, reported })),
  );
  const doors = documents.filter(({ shadowName }) => shadowName.startsWith('doors-'));
  return { largest: Math.max(...bytes), open: doors.flatMap(({ state }) => Object.keys(state.desired)).length };
}

const numbered = (kind: string, each: number): string[] =>
  Array.from({ length: Math.ceil(doorCount / each) }, (_, k) => `${kind}-${k}`);
