import { describe, expect, it } from 'vitest';
import { defaultBankConfig } from '#shared/device/config.ts';
import { stillTrue } from '#shared/domain/audience.ts';
import { extend, hold } from '#shared/domain/lifecycle.ts';
import { reminderIdOf } from '#shared/domain/message.ts';
import { lastReminder, remindAt, reminderName, reminderOf } from '#shared/domain/reminder.ts';
import { agreed, Terms } from '#shared/domain/terms.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import type { Workflow } from '#shared/domain/workflow.ts';
import { hours, minutes, reserved, startedAt } from './cloud-and-bank.ts';

/** Deposited as it was reserved, to be collected after so many hours. */
const waits = (within: number, more: Partial<Transaction> = {}): Transaction => ({
  ...reserved(),
  state: 'stored',
  depositedAt: startedAt,
  deadlines: { reserveUntil: startedAt, depositBy: startedAt, pickupBy: hours(within) },
  ...more,
});

const used = (workflow: Workflow, within: number, more: Partial<Transaction> = {}): Transaction => ({
  ...reserved('txn_1', '1', { workflow: 'rental' }),
  workflow,
  state: 'in_use',
  startedAt,
  deadlines: { reserveUntil: startedAt, useUntil: hours(within) },
  ...more,
});

describe('a reminder', () => {
  it.each([
    ['of a pickup comes a day before', waits(72), { kind: 'pickup_due', by: hours(72), at: hours(48) }],
    ['of a loan comes a day before', used('loan', 72), { kind: 'loan_due', by: hours(72), at: hours(48) }],
    ['of a rental comes an hour before', used('rental', 24), { kind: 'rental_ending', by: hours(24), at: hours(23) }],
    [
      'comes as long before as was said',
      waits(72, { remindBeforeSeconds: 7_200 }),
      { kind: 'pickup_due', by: hours(72), at: hours(70) },
    ],
  ])('%s', (_, it_, reminder) => {
    expect(reminderOf(it_)).toEqual(reminder);
  });

  it.each([
    ['is for nobody who has a day and a half', waits(36)],
    ['is for nobody who bought just now what lay there for long', waits(72, { createdAt: hours(40) })],
    ['is for nobody who rents for an hour', used('rental', 1)],
    ['is for nobody where that was said', waits(72, { remindBeforeSeconds: 0 })],
    ['is for nobody before anything is inside', reserved()],
    ['is for nobody who is late', used('loan', 72, { flags: ['overdue'] })],
    ['is for nobody once it was collected', waits(72, { state: 'completed' })],
    ['is for nobody while it is recalled', waits(72, { state: 'recall_due' })],
  ])('%s', (_, it_) => {
    expect(reminderOf(it_)).toBeNull();
  });

  it('is that of the deadline that ended, once that did, so that it can be taken back', () => {
    expect(lastReminder(waits(72, { state: 'completed' }))).toEqual(reminderOf(waits(72)));
    expect(lastReminder({ ...reserved(), state: 'expired' })).toBeNull();
  });

  it('is another when there is more time, and the one before comes to nothing', () => {
    const before = waits(72);
    const { after } = extend(before, { pickupBy: hours(120) }, minutes(10)).transaction;
    const [first, second] = [reminderOf(before), reminderOf(after)];
    if (first === null || second === null) throw new Error('there is no reminder');
    expect(second.at).toBe(hours(96));
    expect(reminderName(after, second)).not.toBe(reminderName(before, first));
    expect(reminderIdOf(after.id, second)).not.toBe(reminderIdOf(before.id, first));
  });
});

describe('how long before it comes', () => {
  it('is said of a workflow by the tenant, and by a site instead', () => {
    const terms: Terms = { parcel: { remindBeforeSeconds: 3_600 } };
    expect(agreed('parcel', terms.parcel).remindBeforeSeconds).toBe(3_600);
    expect(agreed('parcel', terms.parcel, { remindBeforeSeconds: 0 }).remindBeforeSeconds).toBe(0);
    expect(Terms().safeParse({ parcel: { remindBeforeSeconds: -1 } }).success).toBe(false);
  });

  it('holds for what is created from then on', () => {
    expect(reserved('txn_1', '1', { agreed: agreed('parcel', { remindBeforeSeconds: 0 }) })).toMatchObject({
      remindBeforeSeconds: 0,
    });
    expect(reserved()).not.toHaveProperty('remindBeforeSeconds');
  });
});

describe('whether it still comes', () => {
  const open = (it: Transaction): Transaction => ({
    ...it,
    credentials: it.credentials.map((c) => (c.step === 'pickup' ? { ...c, state: 'active' as const } : c)),
  });
  const asked = { kind: 'pickup_due', credentialId: 'crd_of_then', remindsOf: hours(72) } as const;

  it('it does while its deadline is the same, by whatever they open with now', () => {
    expect(stillTrue(open(waits(72)), asked)).toMatchObject({
      kind: 'pickup_due',
      to: 'recipient',
      credential: { step: 'pickup' },
    });
  });

  it('it goes to whoever was sent instead', () => {
    const it_ = open(waits(72));
    const credentials = it_.credentials.map((c) =>
      c.step === 'pickup' ? { ...c, delegatedFrom: 'crd_0', id: 'crd_1' } : c,
    );
    const handedOn = { ...it_, credentials, delegates: { crd_1: { phone: '+41791234567' } } };
    expect(stillTrue(handedOn, asked)).toMatchObject({ kind: 'pickup_due', to: 'delegate' });
  });

  it.each([
    ['extended', extend(open(waits(72)), { pickupBy: hours(120) }, minutes(10)).transaction.after],
    ['held', hold(open(waits(72)), 'dispute').transaction.after],
    ['recalled', open(waits(72, { state: 'recall_due' }))],
    ['collected', open(waits(72, { state: 'completed' }))],
  ])('it does not once it was %s', (_, it_) => {
    expect(stillTrue(it_, asked)).toBeNull();
  });
});

describe('a reminder and quiet hours', () => {
  const place = (from: string, to: string) => ({
    quietHours: { from, to },
    config: { ...defaultBankConfig, timeZone: 'Etc/UTC' },
  });
  const reminder = { kind: 'pickup_due' as const, by: hours(72), at: hours(48) };

  it('come to nothing where it is due by day, or there are none', () => {
    expect(remindAt(reminder, place('21:00', '07:00'))).toBe(hours(48));
    expect(remindAt(reminder, { config: defaultBankConfig })).toBe(hours(48));
  });

  it('make it wait for the morning where most of its time is left then', () => {
    expect(remindAt(reminder, place('11:00', '13:00'))).toBe(hours(49));
  });

  it('make it come a quarter of an hour before they begin where it would be too late then', () => {
    const short = { kind: 'rental_ending' as const, by: hours(13), at: hours(12) };
    expect(remindAt(short, place('21:00', '07:00'))).toBe(minutes(9 * 60 - 15));
  });
});
