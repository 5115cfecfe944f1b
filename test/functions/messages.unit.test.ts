import { beforeEach, describe, expect, it } from 'vitest';
import { catalogue } from '#events/catalogue.ts';
import { Envelope } from '#events/envelope.ts';
import { samples } from '#events/samples.ts';
import { Bank } from '#shared/domain/bank.ts';
import { pinOf } from '#shared/domain/derived.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import type { Party, StoredTransaction } from '#shared/domain/transaction.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { keys } from '#shared/store/rows.ts';
import { tellRecipients } from '../../functions/bus/messages.ts';
import { signal } from '../../functions/bus/signals.ts';
import { type MemoryTable, memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

const bank = Bank.parse({
  id: 'bnk_1',
  tenant: 'ten_1',
  siteId: 'sit_1',
  name: 'Bahnhof Süd',
  lifecycle: 'active',
  layout: [{ door: '7', widthMm: 440, heightMm: 300, depthMm: 500, maxMassG: 20_000 }],
  config: {
    rev: 1,
    timeZone: 'Europe/Zurich',
    reopenSeconds: 120,
    ajarAfterSeconds: 60,
    batteryBackedClock: false,
    lockout: [{ failures: 5, lockSeconds: 60 }],
    guessesPerDay: 20,
  },
  bankKey: { generation: 1, keyVersion: 1 },
  pinDigits: 6,
  createdAt: now,
  version: 1,
});

const credential = (id: string, state: 'active' | 'superseded', step: 'deposit' | 'pickup' = 'pickup') => ({
  id,
  step,
  method: 'pin' as const,
  state,
  notBefore: now,
  notAfter: '2026-03-04T12:00:00.000Z',
  digits: 6,
  attempt: 0,
  keyVersion: 1,
  locked: true,
  sinceVersion: 3,
});

const stored = (recipient: Party, more: Partial<StoredTransaction> = {}): StoredTransaction => ({
  id: 'txn_1',
  tenant: 'ten_1',
  workflow: 'parcel',
  state: 'stored',
  version: 3,
  hash: '',
  siteId: 'sit_1',
  bankId: 'bnk_1',
  bankKey: { generation: 1, keyVersion: 1 },
  door: '7',
  livemode: true,
  externalIds: {},
  source: null,
  items: [],
  recipient,
  parties: {},
  salt: 'salt',
  payment: null,
  metadata: {},
  deadlines: { reserveUntil: now, depositBy: now, pickupBy: '2026-03-04T12:00:00.000Z' },
  pickupWithinSeconds: 259_200,
  deadlineRev: 1,
  flags: [],
  holdReason: null,
  credentials: [
    credential('crd_0', 'active', 'deposit'),
    credential('crd_1', 'superseded'),
    credential('crd_2', 'active'),
  ],
  depositStartedAt: now,
  depositedAt: now,
  pickedUpAt: null,
  endedAt: null,
  expiredStage: null,
  cancelReason: null,
  recallCause: null,
  rejectReason: null,
  assignment: { policy: 'best_fit', candidates: 1, reason: 'only one' },
  createdAt: now,
  updatedAt: now,
  compartment: null,
  ...more,
});

const anEvent = (type: string, data: Record<string, unknown>, subject = 'txn_1'): Envelope =>
  Envelope.parse({
    specversion: '1.0',
    id: 'evt_1',
    source: 'latchwork',
    type,
    subject,
    time: now,
    datacontenttype: 'application/json',
    tenant: 'ten_1',
    sequence: 3,
    occurredAt: now,
    recordedAt: now,
    actor: { type: 'bank', id: 'bnk_1' },
    schema: 1,
    data,
    prevHash: '',
    hash: '',
  });

const deposited = anEvent('transaction.deposited', { bankId: 'bnk_1' });

const staff = { type: 'api_key' as const, id: 'key_1' };

describe('a recipient whose item was deposited', () => {
  let table: MemoryTable;
  let sent: { phone: string; text: string }[];
  let accepts: () => boolean;
  const tell = (event = deposited) =>
    tellRecipients({
      table,
      rootKeys: async () => rootKeys,
      sms: {
        send: async (phone, text) => {
          sent.push({ phone, text });
          return accepts();
        },
      },
      clock: () => epochMs(now),
    })(event);

  const holding = async (transaction: StoredTransaction) => {
    await table.write([
      ...bankWrites(bank),
      {
        kind: 'other',
        expects: 'absent',
        put: { ...keys.transaction('ten_1', transaction.id), ...transaction },
      },
    ]);
    table.calls.length = 0;
  };

  beforeEach(() => {
    table = memoryTable();
    sent = [];
    accepts = () => true;
  });

  const pin = pinOf(rootKeys.of(1), { id: 'crd_2', attempt: 0, digits: 6 });

  it.each([
    ['en', `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
    ['de-CH', `Ihre Sendung liegt bereit: Bahnhof Süd, Fach 7. PIN: ${pin}. Bitte abholen bis Mi., 4. März, 13:00.`],
    ['fr', `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
    [undefined, `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
  ])('is told where, how and until when, for locale %s', async (locale, text) => {
    await holding(stored({ phone: '+41791234567', ...(locale && { locale }) }));
    await tell();
    expect(sent).toEqual([{ phone: '+41791234567', text }]);
    // GSM 03.38 has these letters, so it is one SMS of 160.
    expect(text).toMatch(/^[\x20-\x5a\x61-\x7aäöüÄÖÜ]{1,160}$/);
  });

  it('is told once, however often the event comes, for one read and one write', async () => {
    await holding(stored({ phone: '+41791234567' }));
    await tell();
    expect(table.calls).toEqual(['batchGet', 'write']);
    await tell();
    expect(sent).toHaveLength(1);
  });

  it('is told on the next try when SNS was out', async () => {
    await holding(stored({ phone: '+41791234567' }));
    accepts = () => {
      throw new Error('throttled');
    };
    await expect(tell()).rejects.toThrow('throttled');
    accepts = () => true;
    await tell();
    expect(sent).toHaveLength(2);
  });

  it('with a number that takes no message is not tried for ever', async () => {
    await holding(stored({ phone: '+41791234567' }));
    accepts = () => false;
    await tell();
    await tell();
    expect(sent).toHaveLength(1);
  });

  it.each([
    ['has no phone', stored({ email: 'ada@example.com' })],
    ['has taken it out meanwhile', stored({ phone: '+41791234567' }, { state: 'completed' })],
    ['has no live credential', stored({ phone: '+41791234567' }, { credentials: [credential('crd_1', 'superseded')] })],
  ])('who %s is told nothing', async (_, transaction) => {
    await holding(transaction);
    await tell();
    expect(sent).toEqual([]);
  });

  it('is told again where it is, once it was carried to another door, and not before', async () => {
    const move = { stage: 'carrying' as const, from: '7', to: '9', reason: 'worn', by: staff, since: now, moveBy: now };
    const moved = (state: string) => anEvent('transaction.moved', { bankId: 'bnk_1', state });
    await holding(stored({ phone: '+41791234567', locale: 'en' }, { door: '9', flags: ['moving'], move }));
    await tell();
    await tell(moved('reserved'));
    expect(sent).toEqual([]);
    await table.write([
      {
        kind: 'other',
        expects: 'anything',
        put: {
          ...keys.transaction('ten_1', 'txn_1'),
          ...stored({ phone: '+41791234567', locale: 'en' }, { door: '9' }),
        },
      },
    ]);
    await tell(moved('stored'));
    expect(sent.map(({ text }) => text)).toEqual([expect.stringContaining('door 9')]);
  });

  const own = credential('crd_own', 'active');
  const graces = { ...credential('crd_grace', 'active'), delegatedFrom: 'crd_own' };
  const handedOn = (more: Partial<StoredTransaction> = {}) =>
    stored(
      { phone: '+41791234567' },
      {
        credentials: [{ ...own, suspended: true }, graces],
        delegates: { crd_grace: { phone: '+41797654321' } },
        ...more,
      },
    );
  const toGrace = (type: string) => anEvent(type, { bankId: 'bnk_1', credentialId: 'crd_grace' });
  const gracesPin = pinOf(rootKeys.of(1), { id: 'crd_grace', attempt: 0, digits: 6 });
  const mayOpen = `You may open door 7 at Bahnhof Süd for somebody else. PIN: ${gracesPin}. Until Wed 4 Mar, 13:00.`;

  it('whom somebody sent instead is told as soon as they can open, and whoever sent them is not', async () => {
    await holding(handedOn());
    await tell(toGrace('credential.delegated'));
    expect(sent).toEqual([{ phone: '+41797654321', text: mayOpen }]);
    sent = [];
    await table.write([{ kind: 'other', expects: 'anything', remove: keys.message('ten_1', 'evt_1') }]);
    await tell();
    expect(sent).toEqual([{ phone: '+41797654321', text: mayOpen }]);
  });

  it('whom somebody sent instead is told where it is once it was carried there, and not before', async () => {
    const move = { stage: 'carrying' as const, from: '7', to: '9', reason: 'worn', by: staff, since: now, moveBy: now };
    await holding(handedOn({ door: '9', flags: ['moving'], move }));
    await tell(toGrace('credential.delegated'));
    expect(sent).toEqual([]);
    await table.write([
      {
        kind: 'other',
        expects: 'anything',
        put: { ...keys.transaction('ten_1', 'txn_1'), ...handedOn({ door: '9' }) },
      },
    ]);
    await tell(anEvent('transaction.moved', { bankId: 'bnk_1', state: 'stored' }));
    expect(sent).toEqual([{ phone: '+41797654321', text: mayOpen.replace('door 7', 'door 9') }]);
  });

  it('who keeps their own right is told as well as the other', async () => {
    await holding(handedOn({ credentials: [own, graces] }));
    await tell();
    expect(sent.map(({ phone }) => phone)).toEqual(['+41791234567', '+41797654321']);
  });

  it('and nobody else is told before there is anything to collect', async () => {
    const waits = { state: 'reserved', depositedAt: null } as const;
    await holding(
      handedOn({
        ...waits,
        credentials: [
          { ...own, suspended: true },
          { ...graces, state: 'issued' },
        ],
      }),
    );
    await tell(toGrace('credential.delegated'));
    await tell(toGrace('credential.taken_back'));
    expect(sent).toEqual([]);
  });

  it('who was sent is told that they need not go any more', async () => {
    await holding(handedOn({ credentials: [own, { ...graces, state: 'revoked' }] }));
    await tell(toGrace('credential.taken_back'));
    const text = 'You need not go to Bahnhof Süd any more: what you were given opens nothing now.';
    expect(sent).toEqual([{ phone: '+41797654321', text }]);
  });

  it.each([
    ['badge', 'Open it with your badge.'],
    ['barcode', 'Scan the label of your order.'],
    ['qr', 'Scan the QR code that you were given.'],
    ['app', 'Open it with your app.'],
  ] as const)('who has a %s is told to use it', async (method, words) => {
    await holding(stored({ phone: '+41791234567' }, { credentials: [{ ...own, method }] }));
    await tell();
    expect(sent[0]?.text).toBe(`Your item is at Bahnhof Süd, door 7. ${words} Please collect it by Wed 4 Mar, 13:00.`);
  });

  it('is told nothing of other events', async () => {
    await holding(stored({ phone: '+41791234567' }));
    await tell(anEvent('transaction.recall_started', { bankId: 'bnk_1' }));
    expect(sent).toEqual([]);
    expect(table.calls).toEqual([]);
  });
});

describe('the people who run it', () => {
  const raised = async (event: Envelope) => {
    const alerts: { title: string; text: string }[] = [];
    await signal({
      alerts: {
        raise: async (alert) => {
          alerts.push(alert);
        },
      },
    })(event);
    return alerts;
  };

  const transaction = {
    transactionId: 'txn_1',
    workflow: 'parcel',
    state: 'completed',
    bankId: 'bnk_1',
    door: '7',
    externalIds: {},
    changesGrants: false,
    changes: {},
  };
  const evidence = { journalId: 'j1', seq: 9, door: '7', version: 3, cause: null };

  it.each([
    [
      'transaction.conflicted',
      { ...transaction, evidence, recorded: 'expired', happened: 'picked_up' },
      'transaction txn_1, bank bnk_1, door 7',
    ],
    ['transaction.rejected', { ...transaction, reason: 'compartment_occupied' }, 'transaction txn_1, bank bnk_1'],
    [
      'transaction.overdue',
      { ...transaction, state: 'stored', since: now },
      'transaction txn_1, to be put in at bank bnk_1, door 7',
    ],
    ['webhook_endpoint.disabled', { endpointId: 'whe_1', reason: 'gone', changes: {} }, 'tenant ten_1, endpoint whe_1'],
    ['compartment.lock_jammed', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
    ['compartment.forced_open', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
    ['compartment.left_ajar', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
  ])('are told of %s: what, where, and what to do', async (type, data, where) => {
    const [alert, ...more] = await raised(anEvent(type, data));
    expect(more).toEqual([]);
    expect(alert?.title).toBe(`Latchwork: ${type}`);
    expect(alert?.text).toContain(`Where: ${where}\n`);
    expect(alert?.text).toMatch(/^\S.+\n\nWhere: .+\nWhen: .+\nWhat to do: .+\n\nEvent evt_1 /);
    expect(Object.keys(catalogue)).toContain(type);
  });

  it('are left alone by a loan that is late', async () => {
    expect(await raised(anEvent('transaction.overdue', { ...transaction, state: 'in_use', since: now }))).toEqual([]);
  });

  it.each([
    ['compartment.not_closing', 'door 7'],
    ['compartment.contents_mismatched', 'door 7'],
    ['compartment.temperature_out_of_range', `door 7, transaction ${samples['transaction.updated'].transactionId}`],
    ['compartment.temperature_in_range', `door 7, transaction ${samples['transaction.updated'].transactionId}`],
    ['bank.offline', null],
    ['bank.online', null],
    ['bank.power_lost', null],
    ['bank.tampered', null],
    ['bank.journal_truncated', null],
  ] as const)('are told of %s', async (type, door) => {
    const [alert] = await raised(anEvent(type, samples[type]));
    expect(alert?.text).toContain(`Where: bank ${samples[type].bankId}${door === null ? '' : `, ${door}`}\n`);
    expect(alert?.text).toMatch(/^\S.+\n\nWhere: .+\nWhen: .+\nWhat to do: .+\n\nEvent evt_1 /);
  });

  it('are left alone by a bank that was only suspected to be gone', async () => {
    expect(await raised(anEvent('bank.online', { ...samples['bank.online'], was: 'suspected_offline' }))).toEqual([]);
  });

  it.each([
    'bank.suspected_offline',
    'bank.power_restored',
    'compartment.out_of_service',
    'compartment.returned_to_service',
    'transaction.created',
    'new.type',
  ])('are left alone by %s', async (type) => {
    expect(await raised(anEvent(type, {}))).toEqual([]);
  });
});
