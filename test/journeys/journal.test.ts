import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import mqtt from 'mqtt';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { CompartmentView } from '../../shared/api/banks.ts';
import type { Step } from '../../shared/device/access.ts';
import type { DoorStatus } from '../../shared/device/door.ts';
import type { Cause, JournalEntry } from '../../shared/device/journal.ts';
import { JournalAck, ReplayRequest } from '../../shared/device/messages.ts';
import { topics } from '../../shared/device/topics.ts';
import { goesOffline } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { becomes, createParcel, doorOf, type Parcel, readParcel } from '../support/parcel.ts';
import { type Bank, eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

/*
 * The journal's way up, with every message in our own hands: in place of the simulated bank a client with its
 * certificate sends what it wants, in the order it wants, and hears what is asked of it.
 */

const unhurried = { timeout: 120_000 };

type Told = { door: string; cause: Cause | null; of: string | null };

/** A replaced controller: its journal is new and its own. */
const inPlaceOf = async (bank: Bank) => {
  await goesOffline(bank);
  const { certFile, keyFile } = await bankIdentity(stack, stack.outputs, stack.stateDir, bank.id);
  const client = await mqtt.connectAsync({
    protocol: 'mqtts',
    host: stack.mqtt.host,
    port: stack.mqtt.port,
    ca: readFileSync(stack.mqtt.caFile),
    cert: readFileSync(certFile),
    key: readFileSync(keyFile),
    clientId: bank.id,
    protocolVersion: 5,
    reconnectPeriod: 0,
  });
  const own = topics(bank.id);
  const heard: { topic: string; payload: unknown }[] = [];
  client.on('message', (topic, bytes) => heard.push({ topic, payload: JSON.parse(bytes.toString('utf8')) }));
  await client.subscribeAsync(own.down, { qos: 0 });

  const journalId = `jnl_${randomUUID()}`;
  let seq = 0;
  const numbered = () => {
    seq += 1;
    return { seq, at: Date.now() };
  };
  const hears = <Shape extends z.ZodType>(topic: string, shape: Shape): z.infer<Shape>[] =>
    heard.filter((it) => it.topic === topic).map((it) => shape.parse(it.payload));

  return {
    journalId,
    /** Written, not yet sent. */
    boot: (): JournalEntry => ({ ...numbered(), type: 'boot', generation: 1 }),
    closed: (contents: DoorStatus['contents'], { of, door, cause }: Told): JournalEntry => ({
      ...numbered(),
      type: 'door.closed',
      door,
      after: { door: 'closed', contents, lock: 'ok' },
      transactionId: of,
      version: of === null ? null : 2,
      cause,
    }),
    noticed: (door_: 'open' | 'closed', contents: DoorStatus['contents'], { of, door, cause }: Told): JournalEntry => ({
      ...numbered(),
      type: 'contents.changed',
      door,
      after: { door: door_, contents, lock: 'ok' },
      transactionId: of,
      version: of === null ? null : 2,
      cause,
    }),
    ofTheFuture: () => ({ ...numbered(), type: 'door.singing', door: '1', melody: 'la' }),
    send: (...entries: (JournalEntry | { seq: number; type: string })[]) =>
      client.publishAsync(own.journal, JSON.stringify({ journalId, entries }), { qos: 1 }),
    acknowledged: (upTo: number) =>
      eventually(() => expect(Math.max(0, ...hears(own.ack, JournalAck).map((it) => it.seq))).toBe(upTo), {
        what: `the journal is acknowledged up to ${upTo}`,
        within: 30_000,
      }),
    replays: () => hears(own.replay, ReplayRequest),
    leave: () => client.endAsync(),
  };
};

const stage = async () => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors: 1 });
  const parcel = await createParcel(tenant, bank);
  const controller = await inPlaceOf(bank);
  const told = (step: Step): Told => ({
    of: parcel.id,
    door: doorOf(parcel),
    cause: { grantId: parcel.credentials.find((it) => it.step === step)?.id ?? '', step },
  });
  /** The simulated bank knows nothing of what was sent in its name, so it is no witness. */
  const ends = async () => {
    await controller.leave();
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
  };
  return { tenant, bank, parcel, controller, told, ends };
};

const eventsOf = async (tenant: Tenant, { id }: Parcel): Promise<string[]> => {
  const page = z.object({ data: z.array(Envelope), nextCursor: z.null() });
  const { data } = await tenant.api.get(`/v1/transactions/${id}/events`, page);
  return data.map((it) => it.type.replace('transaction.', ''));
};

/** How often each entry of that journal lies in the table. */
const recorded = async (tenant: Tenant, journalId: string): Promise<number[]> => {
  const picture = await takePicture([tenant], []);
  return picture.recorded.filter((it) => it.journalId === journalId).map((it) => it.entry.seq);
};

describe.concurrent('a journal entry', unhurried, () => {
  it('that is missing is asked for once the gap has stayed open, and nothing beyond it is acknowledged', async () => {
    const { tenant, parcel, controller, told, ends } = await stage();
    const boot = controller.boot();
    const deposited = controller.closed('filled', told('deposit'));
    const pickedUp = controller.closed('empty', told('pickup'));
    await controller.send(boot);
    await controller.acknowledged(1);
    await controller.send(pickedUp);
    await eventually(() => expect(controller.replays()).toHaveLength(1), {
      within: 30_000,
      what: 'a replay is asked for',
    });
    expect(controller.replays()).toEqual([{ journalId: controller.journalId, from: 2, to: 2 }]);
    await controller.acknowledged(1);
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'completed', depositedAt: null });

    await controller.send(deposited);
    await controller.acknowledged(3);
    const { depositedAt, pickedUpAt, flags } = await readParcel(tenant, parcel.id);
    expect(flags).toEqual(['late']);
    expect((depositedAt ?? '9') <= (pickedUpAt ?? '0')).toBe(true);
    expect((await recorded(tenant, controller.journalId)).toSorted()).toEqual([1, 2, 3]);
    await ends();
  });

  it('that comes many times at once counts once, and is acknowledged each time', async () => {
    const { tenant, parcel, controller, told, ends } = await stage();
    const entries = [controller.boot(), controller.closed('filled', told('deposit'))];
    await Promise.all(Array.from({ length: 6 }, () => controller.send(...entries)));
    await controller.acknowledged(2);
    await becomes(tenant, parcel.id, 'stored');
    await controller.send(...entries);
    const pickedUp = controller.closed('empty', told('pickup'));
    await Promise.all([controller.send(pickedUp), controller.send(...entries, pickedUp), controller.send(pickedUp)]);
    await controller.acknowledged(3);
    expect(await eventsOf(tenant, parcel)).toEqual(['created', 'reserved', 'deposited', 'picked_up', 'completed']);
    expect((await recorded(tenant, controller.journalId)).toSorted()).toEqual([1, 2, 3]);
    await ends();
  });

  it('that overtakes all others finds its place: the whole story backwards is the same story', async () => {
    const { tenant, bank, parcel, controller, told, ends } = await stage();
    const story = [
      controller.boot(),
      controller.closed('empty', told('deposit')),
      controller.closed('filled', told('deposit')),
      controller.closed('filled', told('pickup')),
      controller.closed('empty', told('pickup')),
    ];
    for (const entry of story.toReversed()) {
      await controller.send(entry);
      await eventually(async () =>
        expect((await recorded(tenant, controller.journalId)).includes(entry.seq)).toBe(true),
      );
    }
    await controller.acknowledged(5);
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'completed', flags: ['late'] });
    const compartment = await tenant.api.get(`/v1/banks/${bank.id}/compartments/1`, CompartmentView);
    expect(compartment).toMatchObject({
      doorState: 'closed',
      contents: 'empty',
      heldBy: null,
      availability: 'available',
    });
    await ends();
  });

  it('that the door closed, arriving before the one that the item went in, makes one deposit', async () => {
    const { tenant, parcel, controller, told, ends } = await stage();
    const entries = [
      controller.boot(),
      controller.noticed('open', 'filled', told('deposit')),
      controller.closed('filled', told('deposit')),
    ] as const;
    await controller.send(entries[0]);
    await controller.send(entries[2]);
    await becomes(tenant, parcel.id, 'stored');
    await controller.send(entries[1]);
    await controller.acknowledged(3);
    expect(await eventsOf(tenant, parcel)).toEqual(['created', 'reserved', 'deposited']);
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'stored', flags: [] });
    await ends();
  });

  it('that the item went in, written after and arriving before the one that the door closed, makes one deposit', async () => {
    const { tenant, parcel, controller, told, ends } = await stage();
    const entries = [
      controller.boot(),
      controller.closed('empty', told('deposit')),
      controller.noticed('closed', 'filled', told('deposit')),
    ] as const;
    await controller.send(entries[0]);
    await controller.send(entries[2]);
    await becomes(tenant, parcel.id, 'stored');
    await controller.send(entries[1]);
    await controller.acknowledged(3);
    expect(await eventsOf(tenant, parcel)).toEqual(['created', 'reserved', 'deposited']);
    await ends();
  });

  it('of a later firmware is kept as it came, and stops nothing', async () => {
    const { tenant, parcel, controller, told, ends } = await stage();
    await controller.send(controller.boot(), controller.ofTheFuture(), controller.closed('filled', told('deposit')));
    await controller.acknowledged(3);
    await becomes(tenant, parcel.id, 'stored');
    const { recorded: all } = await takePicture([tenant], []);
    expect(JSON.stringify(all.find((it) => it.journalId === controller.journalId && it.entry.seq === 2))).toContain(
      'la',
    );
    await ends();
  });
});
