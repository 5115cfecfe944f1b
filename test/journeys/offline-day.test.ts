import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { BankView } from '../../shared/api/banks.ts';
import { CommandView } from '../../shared/api/commands.ts';
import { BadgeGroupView } from '../../shared/api/credentials.ts';
import { Problem } from '../../shared/api/problem.ts';
import { caughtUp, comesBack, goesOffline, memoryOf } from '../support/bank-memory.ts';
import { invariantsHold } from '../support/invariants.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { becomes, createParcel, type Parcel, pinFor } from '../support/parcel.ts';
import { doorOf, peopleAt, pinOf, shownValue } from '../support/people.ts';
import { type Bank, eventually, newTenant, stack, type Tenant } from '../support/stack.ts';
import { inTurns, newStreet } from '../support/street.ts';

/*
 * Banks that come back from a day offline at the same moment, and what else people do at one of them. CI is content with 5
 * banks and a few visits; 100 with 50 entries each come back with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/offline-day.test.ts
 */
const full = process.env.LATCHWORK_FULL === '1';
const count = full ? 100 : 5;
/** Eight entries each; with two refusals, 50 of a bank. */
const parcelsEach = full ? 6 : 2;
const timeout = full ? 1_800_000 : 180_000;

let tenant: Tenant;
let banks: Bank[];
let here: Bank;
let stop = async (): Promise<void> => undefined;
afterAll(() => stop());

beforeAll(async () => {
  tenant = await newTenant();
  ({ banks, stop } = await newStreet(tenant, { banks: count + 1, doors: 6 }));
  await inTurns(banks, (bank) => caughtUp(bank));
  const [first] = banks;
  if (first === undefined) throw new Error('there is a first');
  here = first;
}, timeout);

const eventsOf = async (id: string): Promise<Envelope[]> => {
  const page = z.object({ data: z.array(Envelope) });
  return (await tenant.api.get(`/v1/transactions/${id}/events`, page)).data;
};

/** What was shown or typed in this file, by what it is. */
const secrets = new Map<string, string>();

describe('banks that come back from a day offline at the same moment', { timeout }, () => {
  it('are accounted for, while whoever stands at another bank is answered as always', async () => {
    const offline = banks.slice(1);
    // Neighbours stand at different banks: all at once at one would be told to come again for its last doors.
    const people = Array.from({ length: parcelsEach }, () => offline).flat();
    const parcels = await inTurns(
      people,
      async (bank): Promise<{ bank: Bank; parcel: Parcel }> => ({
        bank,
        parcel: await createParcel(tenant, bank),
      }),
    );
    await inTurns(parcels, ({ bank, parcel }) => peopleAt(tenant, bank).atBank(parcel, 60_000));
    await inTurns(offline, goesOffline);
    await inTurns(parcels, async ({ bank, parcel }) => {
      for (const [step, contents] of [
        ['deposit', 'filled'],
        ['pickup', 'empty'],
      ] as const) {
        const { granted, door = '' } = await bank.panel.enter(pinFor(parcel, step));
        expect(granted).toBe(true);
        await bank.panel.door(door, { contents, door: 'closed' });
      }
    });
    for (const bank of offline)
      for (const badge of ['B-000001', 'B-000002'])
        expect(await bank.panel.enter(badge, 'badge')).toMatchObject({ reason: 'wrong_credential' });

    const started = Date.now();
    await Promise.all(offline.map((bank) => bank.panel.link({ online: true })));
    const waited: number[] = [];
    for (const badge of ['B-000003', 'B-000004', 'B-000005']) {
      const asked = Date.now();
      // Nobody knows it, and that is what the cloud says; without an answer the bank would wait five seconds.
      expect(await here.panel.enter(badge, 'badge')).toMatchObject({ reason: 'wrong_credential' });
      waited.push(Date.now() - asked);
    }
    const drained = Math.max(
      ...(await Promise.all(
        offline.map(async (bank) => {
          await eventually(
            async () => expect(await bank.panel.state()).toMatchObject({ journal: { unacknowledged: 0 } }),
            { within: timeout },
          );
          return Date.now() - started;
        }),
      )),
    );
    process.stdout.write(
      `${offline.length} banks with ${parcelsEach * 8 + 2} entries each drained in ${(drained / 1000).toFixed(1)} s; ` +
        `meanwhile somebody was answered in ${Math.min(...waited)} to ${Math.max(...waited)} ms\n`,
    );
    // By the cloud: where it does not answer, the bank gives up by itself after five seconds.
    expect(Math.min(...waited)).toBeLessThan(5_000);
    for (const { parcel } of parcels) {
      expect(await becomes(tenant, parcel.id, 'completed', 60_000)).toMatchObject({ flags: [] });
      const types = (await eventsOf(parcel.id)).map(({ type }) => type.replace('transaction.', ''));
      // That a deposit has begun is told where its end comes by another message.
      expect(types.filter((type) => type !== 'updated')).toEqual([
        'created',
        'reserved',
        'deposited',
        'picked_up',
        'completed',
      ]);
    }
  });
});

describe('a person with a phone', { timeout }, () => {
  const open = (path: string, code: string) => tenant.api.request('POST', path, { body: { code } });
  const shownCode = async (): Promise<string> => z.string().parse((await here.panel.state()).presenceCode);
  /** One that its panel does not show now, nor just before or after: there are only three. */
  const wrongCodes = ['000000', '111111', '222222', '333333', '444444', '555555', '666666', '777777', '888888'];

  it('opens the door with the code of the panel, once they stand before it', async () => {
    const people = peopleAt(tenant, here);
    const it = await people.begin('parcel');
    await people.atBank(it);
    await people.putIn(it);
    const { credentials } = await people.becomes(it, 'stored');
    const pickup = credentials.find(({ step }) => step === 'pickup')?.id;
    const path = `/v1/transactions/${it.id}/credentials/${pickup}/open`;
    const code = await shownCode();
    secrets.set('code of the panel', code);
    secrets.set('PIN', pinOf(it, 'pickup'));
    const opened = await open(path, code);
    expect(opened.status).toBe(201);
    const { id } = CommandView.parse(opened.body);
    await eventually(async () => expect((await here.panel.state()).doors[doorOf(it)]?.door).toBe('open'));
    await here.panel.clear(doorOf(it));
    await people.becomes(it, 'completed');
    const pickedUp = (await eventsOf(it.id)).find(({ type }) => type === 'transaction.picked_up');
    expect(pickedUp?.data).toMatchObject({ evidence: { cause: { commandId: id } } });
    // It is done, whatever the panel shows.
    const again = await open(path, await shownCode());
    expect(Problem.parse(again.body)).toMatchObject({ code: 'invalid_transition', reason: 'credential_revoked' });
  });

  it('is refused with another code, and after five of them with any', async () => {
    const people = peopleAt(tenant, here);
    const it = await people.begin('parcel');
    await people.atBank(it);
    const deposit = it.credentials.find(({ step }) => step === 'deposit')?.id;
    const path = `/v1/transactions/${it.id}/credentials/${deposit}/open`;
    const refused: (string | undefined)[] = [];
    for (const code of wrongCodes.slice(0, 6)) refused.push(Problem.parse((await open(path, code)).body).reason);
    expect(refused).toEqual([...Array(5).fill('wrong_presence_code'), 'presence_locked']);
    const locked = await open(path, await shownCode());
    expect(locked.status).toBe(409);
    expect(Problem.parse(locked.body)).toMatchObject({ code: 'presence_unproved', reason: 'presence_locked' });
    // At the bank itself it opens all the same.
    await people.putIn(it);
    await people.becomes(it, 'stored');
    await people.act(it, 'cancel');
  });
});

describe('a label that has to be scanned', { timeout }, () => {
  it('keeps the door shut until it was, and is missed by whoever takes the item out without', async () => {
    const label = 'CUSTODY-4711-0815';
    secrets.set('label', label);
    const people = peopleAt(tenant, here);
    const it = await people.begin('parcel', { custody: { label, scanAt: ['deposit', 'pickup'] } });
    expect(JSON.stringify(it)).not.toContain(label);
    await people.atBank(it);
    const pin = pinOf(it, 'deposit');
    expect(await here.panel.enter(pin)).toMatchObject({ reason: 'scan_required', next: 'scan_the_label' });
    await here.panel.scan('CUSTODY-other');
    expect(await here.panel.enter(pin)).toMatchObject({ reason: 'wrong_label' });
    await here.panel.scan(label);
    expect(await here.panel.enter(pin)).toMatchObject({ granted: true });
    await here.panel.fill(doorOf(it));
    await people.becomes(it, 'stored');
    expect(await here.panel.enter(pinOf(it, 'pickup'))).toMatchObject({ message: expect.stringContaining('label') });
    await here.panel.clear(doorOf(it));
    await people.becomes(it, 'completed');
    const told = (await eventsOf(it.id)).filter(({ type }) => type.includes('scan'));
    expect(told.map(({ type, data: { step, result } }) => [type, step, result])).toEqual([
      ['transaction.scanned', 'deposit', 'right'],
      ['transaction.scan_failed', 'pickup', 'missed'],
    ]);
  });
});

describe('a group of badges', { timeout }, () => {
  it('opens for each badge that it has at the time, and with the network only', async () => {
    const [ada, grace] = ['B-COURIER-0001', 'B-COURIER-0002'];
    secrets.set('badge of a group', ada);
    const has = (...badges: string[]) =>
      tenant.api.post('/v1/badge-groups', { group: 'couriers', badges }, BadgeGroupView);
    const { id } = await has(ada, grace);
    const people = peopleAt(tenant, here);
    const forCouriers = () =>
      people.begin('parcel', { access: [{ step: 'deposit', method: 'badge', group: 'couriers' }] });
    const it = await forCouriers();
    expect(it.credentials[0]).toMatchObject({ method: 'badge', group: 'couriers' });
    await people.atBank(it);
    await goesOffline(here);
    expect(await here.panel.enter(ada, 'badge')).toMatchObject({ reason: 'wrong_credential' });
    await comesBack(here);
    expect(await here.panel.enter(ada, 'badge')).toMatchObject({ granted: true, door: doorOf(it) });
    await eventually(async () => expect((await here.panel.state()).doors[doorOf(it)]?.door).toBe('open'));
    await here.panel.fill(doorOf(it));
    const { credentials } = await people.becomes(it, 'stored');
    expect(credentials.find(({ step }) => step === 'deposit')).toMatchObject({ state: 'used' });

    const next = await forCouriers();
    await people.atBank(next);
    expect(await has(grace)).toMatchObject({ id, badges: 1, version: 2 });
    expect(await here.panel.enter(ada, 'badge')).toMatchObject({ reason: 'wrong_credential' });
    expect(await here.panel.enter(grace, 'badge')).toMatchObject({ granted: true, door: doorOf(next) });
    await eventually(async () => expect((await here.panel.state()).doors[doorOf(next)]?.door).toBe('open'));
    await here.panel.fill(doorOf(next));
    await people.becomes(next, 'stored');
    for (const each of [it, next]) {
      // The cloud opened for the deposit, so the bank has to be told that it is done before it opens for the pickup.
      await people.atBank(each);
      await people.takeOut(each);
      await people.becomes(each, 'completed');
    }
  });
});

describe('how a bank is set up', { timeout }, () => {
  it('is changed while it runs: it speaks German, and opens for PINs with the network only', async () => {
    const people = peopleAt(tenant, here);
    const badge = 'B-313131313';
    secrets.set('badge', badge);
    const access = [
      { step: 'deposit', method: 'pin' },
      { step: 'deposit', method: 'badge', value: badge },
      { step: 'deposit', method: 'qr' },
    ];
    const it = await people.begin('parcel', { access });
    secrets.set('QR code', shownValue(it, 'qr', 'deposit'));
    await people.atBank(it);
    const changed = await tenant.api.request('PATCH', `/v1/banks/${here.id}`, {
      body: { locale: 'de-CH', offlineSeconds: { pin: 0 } },
    });
    expect(BankView.parse(changed.body).config).toMatchObject({ locale: 'de-CH', offlineSeconds: { pin: 0 } });
    await eventually(async () => {
      const { message } = await here.panel.enter('B-000009', 'badge');
      expect(message).toBe('Dieser Code gilt hier nicht. Bitte prüfen Sie ihn, und versuchen Sie es noch einmal.');
    });
    await goesOffline(here);
    expect(await here.panel.enter(shownValue(it, 'pin', 'deposit'))).toMatchObject({ reason: 'bank_offline' });
    expect(await here.panel.enter(badge, 'badge')).toEqual({
      granted: true,
      door: doorOf(it),
      message: expect.stringContaining(`Fach ${doorOf(it)} ist offen`),
    });
    await here.panel.fill(doorOf(it));
    await here.panel.link({ online: true });
    await people.becomes(it, 'stored');
    await people.act(it, 'cancel');
    const reason = 'looked at by hand';
    const issued = await people.act(it, 'credentials', { step: 'recall', method: 'operator', reason });
    secrets.set('operator code', shownValue(issued, 'operator', 'recall'));
    await people.atBank(it);
    expect(await here.panel.enter(shownValue(issued, 'operator', 'recall'), 'operator')).toMatchObject({
      granted: true,
    });
    await here.panel.clear(doorOf(it));
    await people.becomes(it, 'recalled');
  });
});

describe('what opens a door', { timeout }, () => {
  /** Digits that stand alone: within a longer number they are none of ours. */
  const finds = (text: string, secret: string): boolean =>
    /^\d+$/.test(secret) ? new RegExp(`(?<![\\w.])${secret}(?!\\w)`).test(text) : text.includes(secret);
  const foundIn = (where: string, text: string): string[] =>
    [...secrets].filter(([, secret]) => finds(text, secret)).map(([what]) => `${what} in ${where}`);
  const filesOf = (folder: string): string[] =>
    readdirSync(folder, { recursive: true, encoding: 'utf8' })
      .map((name) => join(folder, name))
      .filter((path) => statSync(path).isFile());

  it('stands in no row, no event, no journal, no disk of a bank and no log, while all that was refused is told', async () => {
    await invariantsHold({ tenants: [tenant], banks, quiet: true });
    const { rows, logs } = await takePicture([tenant], [here]);
    const told = logs.flatMap(({ commits }) => commits.flatMap(({ events }) => events.map(({ envelope }) => envelope)));
    for (const bank of banks.slice(1))
      expect(told.filter(({ type, data }) => type === 'access.denied' && data.bankId === bank.id)).toHaveLength(2);
    expect(told.filter(({ type }) => type === 'access.phone_denied').map(({ data }) => data.reason)).toEqual(
      Array(5).fill('wrong_presence_code'),
    );

    expect(secrets.size).toBe(7);
    const { entries } = await memoryOf(here);
    const disk = filesOf(join(stack.stateDir, 'banks', here.id));
    const said = readdirSync(stack.stateDir).filter((name) => name.endsWith('.log'));
    expect([rows.length, entries.length, disk.length, said.length].every((it) => it > 0)).toBe(true);
    expect([
      ...foundIn('a row', JSON.stringify(rows)),
      ...foundIn('an event', JSON.stringify(logs)),
      ...foundIn('a journal', JSON.stringify(entries)),
      ...disk.flatMap((path) => foundIn(path, readFileSync(path, 'utf8'))),
      ...said.flatMap((name) => foundIn(name, readFileSync(join(stack.stateDir, name), 'utf8'))),
    ]).toEqual([]);
  });
});
