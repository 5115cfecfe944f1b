import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import type { Method } from '../../local/panel.ts';
import { AppToken } from '../../shared/api/credentials.ts';
import { listOf } from '../../shared/api/shapes.ts';
import { TransactionView } from '../../shared/api/transactions.ts';
import { aPhone, smsTo } from '../support/inbox.ts';
import { invariantsHold } from '../support/invariants.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { doorOf, type People, peopleAt, pinOf, shownValue } from '../support/people.ts';
import { type Bank, eventually, newBank, newTenant, type Tenant } from '../support/stack.ts';

let tenant: Tenant;
let bank: Bank;
let elsewhere: Bank;
let people: People;

beforeAll(async () => {
  tenant = await newTenant();
  // What is refused stays inside, and so do the doors of those tests.
  bank = await newBank(tenant, { doors: 40 });
  elsewhere = await newBank(tenant, { doors: 1, siteId: bank.siteId });
  people = peopleAt(tenant, bank);
});

const holds = () => invariantsHold({ tenants: [tenant], banks: [bank, elsewhere], quiet: true });
const inSeconds = (seconds: number): string => new Date(Date.now() + seconds * 1000).toISOString();
const pickupOf = (it: TransactionView): string =>
  z.string().parse(it.credentials.find(({ step, delegatedFrom }) => step === 'pickup' && !delegatedFrom)?.id);

/** What people bring; whatever else is shown is ours. Each brings their own, or doors of others would answer too. */
let brings = 0;
const bring = (method: Method): string | undefined => {
  brings += 1;
  if (method === 'badge') return `B-700${1_000 + brings}`;
  return method === 'barcode' ? `ORDER/2026-${1_000 + brings}` : undefined;
};

const withMethod = async (
  method: Method,
  more: Record<string, unknown> = {},
  value = bring(method),
): Promise<TransactionView & { brought: string | undefined }> => {
  const access = [{ step: 'pickup', method, ...(value && { value }), ...more }];
  const it = await people.begin('parcel', { access });
  if (value) expect(JSON.stringify(it)).not.toContain(value);
  await people.atBank(it);
  return { ...it, brought: value };
};

/** What the person shows at the panel. */
const shows = async (method: Method, it: Awaited<ReturnType<typeof withMethod>>): Promise<string> => {
  if (method !== 'app') return it.brought ?? shownValue(it, method);
  const path = `/v1/transactions/${it.id}/credentials/${pickupOf(it)}/token`;
  return (await tenant.api.get(path, AppToken)).value;
};

const methodsOfPeople = ['pin', 'badge', 'barcode', 'qr', 'app'] as const satisfies Method[];

/**
 * Whoever stands outside the happy path, with one method in a CI run, another for each; the rest of the table in full:
 *
 *   LATCHWORK_FULL=1 npm test -- test/journeys/access.test.ts
 */
const isTried = (method: (typeof methodsOfPeople)[number], nth: number): boolean =>
  process.env.LATCHWORK_FULL === '1' || (methodsOfPeople.indexOf(method) + nth) % 5 === 0;

describe.each(methodsOfPeople)('a recipient with a %s', (method) => {
  it('collects with the network down, and finds it used up afterwards', async () => {
    const it = await withMethod(method);
    if (it.brought) expect(JSON.stringify(await people.read(it))).not.toContain(it.brought);
    await people.putIn(it);
    await people.becomes(it, 'stored');
    const value = await shows(method, it);
    await bank.panel.link({ online: false });
    expect(await bank.panel.enter(value, method)).toMatchObject({ granted: true, door: doorOf(it) });
    await bank.panel.clear(doorOf(it));
    expect(await bank.panel.enter(value, method)).toMatchObject({
      granted: false,
      reason: 'credential_revoked',
      next: 'use_the_newest_code',
    });
    await bank.panel.link({ online: true });
    const done = await people.becomes(it, 'completed');
    expect(done.credentials.at(-1)).toMatchObject({ method, state: 'used' });
    await holds();
  });

  if (isTried(method, 0))
    it('who comes too early is told from when, and is let in within what is tolerated', async () => {
      const notBefore = inSeconds(3_600);
      const it = await withMethod(method, { notBefore });
      await people.putIn(it);
      const stored = await people.becomes(it, 'stored');
      const reads = await people.read(stored);
      expect(reads.credentials.at(-1)).toMatchObject({ notBefore });
      if (method !== 'app') {
        const answer = await bank.panel.enter(await shows(method, it), method);
        expect(answer).toMatchObject({ granted: false, reason: 'too_early', next: 'come_back_later' });
        expect(answer.message).toMatch(/come back from \w{3} \d/);
      } else await expect(shows(method, it)).rejects.toThrow('too_early');
      await people.act(it, 'cancel');
      await holds();
    });

  if (isTried(method, 1))
    it('who comes after the end is told since when it is over', async () => {
      // An app draws its token only while it opens something, so there must be time for the deposit.
      const notAfter = inSeconds(method === 'app' ? 25 : 8);
      const it = await withMethod(method, { notAfter });
      await people.putIn(it);
      await people.becomes(it, 'stored');
      const value = await shows(method, it);
      // Who opens in time stands before an open door, so nobody tries before it is surely over there too.
      await eventually(() => expect(Date.now()).toBeGreaterThan(Date.parse(notAfter) + 2_500), { within: 30_000 });
      expect(await bank.panel.enter(value, method)).toMatchObject({
        granted: false,
        reason: 'too_late',
        next: 'ask_for_more_time',
        message: expect.stringMatching(/ended on \w{3} \d/),
      });
      await people.act(it, 'cancel');
      await holds();
    });

  if (isTried(method, 2))
    it('whose right was revoked a moment ago is refused once the bank knows', async () => {
      const it = await withMethod(method);
      await people.putIn(it);
      await people.becomes(it, 'stored');
      const value = await shows(method, it);
      await people.act(it, `credentials/${pickupOf(it)}/revoke`);
      await eventually(async () => {
        const { credentials } = await people.read(it);
        expect(credentials.at(-1)).toMatchObject({ state: 'revoked', atBank: true });
      });
      expect(await bank.panel.enter(value, method)).toMatchObject({ granted: false, reason: 'credential_revoked' });
      await people.act(it, 'cancel');
      await holds();
    });

  if (isTried(method, 3))
    it('is refused at another bank, and told what to do', async () => {
      const it = await withMethod(method);
      await people.putIn(it);
      await people.becomes(it, 'stored');
      const answer = await elsewhere.panel.enter(await shows(method, it), method);
      const isToken = method === 'qr' || method === 'app';
      // A bank knows by itself what is signed for another; of anything else it is only told that nobody knows it here.
      expect(answer).toMatchObject(
        isToken
          ? { granted: false, reason: 'wrong_bank', next: 'go_to_the_other_bank' }
          : { granted: false, reason: 'wrong_credential', next: 'check_the_code' },
      );
      await people.act(it, 'cancel');
      await holds();
    });
});

describe('a right that the bank does not know yet', () => {
  it.each(['badge', 'qr'] as const)('opens all the same: the bank asks the cloud about a %s', async (method) => {
    const it = await withMethod('pin');
    await people.putIn(it);
    await people.becomes(it, 'stored');
    const value = method === 'badge' ? 'B-999777' : undefined;
    const issued = await people.act(it, 'credentials', { step: 'pickup', method, ...(value && { value }) });
    // Whether its grant has come by now or not.
    await eventually(async () =>
      expect(await bank.panel.enter(value ?? shownValue(issued, method), method)).toMatchObject({ granted: true }),
    );
    await eventually(async () => expect((await bank.panel.state()).doors[doorOf(it)]?.door).toBe('open'));
    await bank.panel.clear(doorOf(it));
    await people.becomes(it, 'completed');
    await holds();
  });
});

it('one badge opens one door after another', async () => {
  const badge = 'B-313131';
  const [first, second] = [await withMethod('badge', {}, badge), await withMethod('badge', {}, badge)];
  for (const it of [first, second]) {
    await people.putIn(it);
    await people.becomes(it, 'stored');
  }
  const opened: string[] = [];
  for (let nth = 0; nth < 2; nth += 1) {
    const { granted, door = '' } = await bank.panel.enter(badge, 'badge');
    expect(granted).toBe(true);
    opened.push(door);
    await bank.panel.clear(door);
  }
  expect(opened.toSorted()).toEqual([doorOf(first), doorOf(second)].toSorted());
  await people.becomes(first, 'completed');
  await people.becomes(second, 'completed');
  await eventually(async () => {
    const { data } = await tenant.api.get(`/v1/transactions?badge=${badge}`, listOf(TransactionView));
    expect(data.map(({ id }) => id).toSorted()).toEqual([first.id, second.id].toSorted());
  });
  await holds();
});

describe('an operator', () => {
  it('opens in spite of a hold with a code for once, and the trail says who and why', async () => {
    const it = await withMethod('pin');
    await people.putIn(it);
    await people.becomes(it, 'stored');
    await people.act(it, 'hold', { reason: 'customs' });
    await people.atBank(it);
    expect(await bank.panel.enter(pinOf(it, 'pickup'))).toMatchObject({
      reason: 'on_hold',
      next: 'contact_the_sender',
    });
    await expect(people.act(it, 'credentials', { step: 'pickup', method: 'operator' })).rejects.toThrow('reason');
    const reason = 'customs have seen it at the counter';
    const issued = await people.act(it, 'credentials', { step: 'pickup', method: 'operator', reason });
    await people.atBank(it);
    const code = shownValue(issued, 'operator');
    expect(code).toMatch(/^\d{10}$/);
    expect(await bank.panel.enter(code, 'operator')).toMatchObject({ granted: true, door: doorOf(it) });
    await bank.panel.clear(doorOf(it));
    expect((await people.becomes(it, 'completed')).flags).toEqual([]);
    const { data } = await tenant.api.get(`/v1/transactions/${it.id}/events`, z.object({ data: z.array(Envelope) }));
    expect(data.find(({ type }) => type === 'credential.issued')).toMatchObject({
      actor: { type: 'api_key', id: tenant.apiKeyId },
      data: { reason },
    });
    await holds();
  });
});

describe('a recipient who cannot come', () => {
  it('hands the pickup on, takes it back, and hands it on again to somebody who comes', async () => {
    const it = await withMethod('pin');
    await people.putIn(it);
    await people.becomes(it, 'stored');
    const own = pickupOf(it);
    const phone = aPhone();

    const handedOn = await people.act(it, `credentials/${own}/delegate`, { to: { name: 'Grace', phone } });
    const graces = handedOn.credentials.at(-1);
    expect(graces).toMatchObject({ step: 'pickup', state: 'active', delegatedFrom: own });
    await people.atBank(it);
    expect(await bank.panel.enter(pinOf(it, 'pickup'))).toMatchObject({ reason: 'delegated', next: 'take_it_back' });
    await eventually(async () => expect(await smsTo(phone)).toHaveLength(1));
    expect((await smsTo(phone))[0]).toContain(`PIN: ${graces?.value}.`);

    await people.act(it, `credentials/${graces?.id}/take-back`, { by: 'by_recipient' });
    await people.atBank(it);
    await eventually(async () =>
      expect(await bank.panel.enter(graces?.value ?? '')).toMatchObject({
        granted: false,
        reason: 'credential_revoked',
      }),
    );
    await eventually(async () => expect(await smsTo(phone)).toHaveLength(2));

    const again = await people.act(it, `credentials/${own}/delegate`, { to: { name: 'Ada' }, method: 'qr' });
    await people.atBank(it);
    expect(await bank.panel.enter(shownValue(again, 'qr'), 'qr')).toMatchObject({ granted: true });
    await bank.panel.clear(doorOf(it));
    const done = await people.becomes(it, 'completed');
    expect(done.credentials.map(({ method, state }) => [method, state])).toEqual([
      ['pin', 'used'],
      ['pin', 'revoked'],
      ['pin', 'revoked'],
      ['qr', 'used'],
    ]);
    const { data } = await tenant.api.get(`/v1/transactions/${it.id}/events`, z.object({ data: z.array(Envelope) }));
    expect(
      data.filter(({ type }) => type.startsWith('credential.')).map(({ type, data: { by } }) => [type, by]),
    ).toEqual([
      ['credential.delegated', 'by_recipient'],
      ['credential.taken_back', 'by_recipient'],
      ['credential.delegated', 'by_recipient'],
    ]);
    expect(JSON.stringify(data)).not.toContain(phone);
    await holds();
  });

  it('hands it on before the item is there, and the other person is told when it is', async () => {
    const phone = aPhone();
    const it = await withMethod('pin');
    await people.act(it, `credentials/${pickupOf(it)}/delegate`, {
      to: { phone, locale: 'de' },
      keepsOwn: true,
      method: 'badge',
      value: 'B-555222',
    });
    await people.atBank(it);
    expect(await bank.panel.enter('B-555222', 'badge')).toMatchObject({
      reason: 'compartment_empty',
      next: 'come_back_later',
    });
    expect(await smsTo(phone)).toEqual([]);
    await people.putIn(it);
    await eventually(async () => expect(await smsTo(phone)).toEqual([expect.stringContaining('Ausweis')]));
    expect(await bank.panel.enter('B-555222', 'badge')).toMatchObject({ granted: true });
    await bank.panel.clear(doorOf(it));
    await people.becomes(it, 'completed');
    await holds();
  });
});

it('every refusal is kept, with what the person was told to do, and told to whoever wants to know', async () => {
  const it = await withMethod('pin', { notBefore: inSeconds(3_600) });
  await people.putIn(it);
  await people.becomes(it, 'stored');
  const credentialId = pickupOf(it);
  const notBefore = it.credentials.at(-1)?.notBefore ?? '';
  await bank.panel.enter(pinOf(it, 'pickup'));
  await eventually(async () => {
    const { logs } = await takePicture([tenant], []);
    const events = logs.flatMap(({ commits }) => commits.flatMap((commit) => commit.events));
    const denied = events.filter(({ envelope }) => envelope.type === 'access.denied');
    const limitAt = new Date(Math.floor(Date.parse(notBefore) / 1000) * 1000).toISOString();
    expect(
      denied.map(({ envelope }) => envelope.data).filter((data) => data.credentialId === credentialId),
    ).toMatchObject([
      { method: 'pin', reason: 'too_early', next: 'come_back_later', limitAt, transactionId: it.id, door: doorOf(it) },
    ]);
  });
  await people.act(it, 'cancel');
  await holds();
});

describe('at a bank of their own', () => {
  let alone: People;
  let small: Bank;
  let owner: Tenant;
  beforeAll(async () => {
    owner = await newTenant();
    small = await newBank(owner, { doors: 3 });
    alone = peopleAt(owner, small);
  });
  const hold = () => invariantsHold({ tenants: [owner], banks: [small], quiet: true });

  it('a renter opens three times and not a fourth, when three were agreed', async () => {
    const rental = await alone.begin('rental', { access: [{ step: 'use', method: 'qr', uses: 3 }] });
    await alone.atBank(rental);
    const value = shownValue(rental, 'qr', 'use');
    for (const contents of ['filled', 'filled', 'empty'] as const) {
      expect(await small.panel.enter(value, 'qr')).toMatchObject({ granted: true });
      await small.panel.door(doorOf(rental), { contents, door: 'closed' });
    }
    expect(await small.panel.enter(value, 'qr')).toMatchObject({ granted: false, reason: 'credential_revoked' });
    await alone.becomes(rental, 'in_use');
    await eventually(async () =>
      expect(await alone.act(rental, 'complete', { reason: 'done' })).toMatchObject({ state: 'completed' }),
    );
    await hold();
  });

  it('people are let in a little early and a little late, where that is tolerated', async () => {
    const it = await alone.begin('parcel', {
      access: [{ step: 'pickup', method: 'pin', notBefore: inSeconds(300) }],
      tolerance: { earlySeconds: 600, lateSeconds: 30 },
    });
    await alone.atBank(it);
    await alone.putIn(it);
    await alone.becomes(it, 'stored');
    expect(await small.panel.enter(pinOf(it, 'pickup'))).toMatchObject({ granted: true });
    await small.panel.clear(doorOf(it));
    await alone.becomes(it, 'completed');

    const soon = inSeconds(2);
    const late = await alone.begin('parcel', {
      deadlines: { depositBy: soon, pickupBy: inSeconds(7), reserveUntil: soon },
      tolerance: { earlySeconds: 0, lateSeconds: 20 },
    });
    await alone.atBank(late);
    await alone.putIn(late);
    const { deadlines } = await alone.becomes(late, 'stored');
    await eventually(() => expect(new Date().toISOString() > (deadlines.pickupBy ?? '')).toBe(true));
    expect(await alone.read(late)).toMatchObject({ state: 'stored' });
    await alone.takeOut(late);
    await alone.becomes(late, 'completed');
    await hold();
  });
});
