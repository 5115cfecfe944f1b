import { beforeEach, describe, expect, it } from 'vitest';
import { catalogue } from '#events/catalogue.ts';
import { Envelope, firstPrevHash } from '#events/envelope.ts';
import { samples } from '#events/samples.ts';
import { Bank } from '#shared/domain/bank.ts';
import { type Branding, unbranded } from '#shared/domain/branding.ts';
import { pinOf } from '#shared/domain/derived.ts';
import { type Channel, Message, SendMessage } from '#shared/domain/message.ts';
import type { MessageTemplate } from '#shared/domain/message-template.ts';
import { texts as allTexts, filledIn, smsText } from '#shared/domain/message-text.ts';
import { pickupLink } from '#shared/domain/pickup-link.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { smsParts } from '#shared/domain/sms-parts.ts';
import { epochMs, plusSeconds } from '#shared/domain/time.ts';
import type { Party, StoredTransaction } from '#shared/domain/transaction.ts';
import { type SendMessageDeps, sendMessage } from '#shared/lambda/send-message.ts';
import type { Carried } from '#shared/outside/carried.ts';
import type { EmailContent } from '#shared/outside/email.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { readDeliveredEvent } from '#shared/store/deliveries.ts';
import { openSmsBudget } from '#shared/store/messages.ts';
import { keys } from '#shared/store/rows.ts';
import { openTelling } from '#shared/store/telling.ts';
import { planMessages } from '../../functions/bus/messages.ts';
import { signal } from '../../functions/bus/signals.ts';
import { carryByEmail } from '../../functions/queue/send-email.ts';
import { carryBySms } from '../../functions/queue/send-sms.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';
/** So long that no brief words make one part of an SMS with a link. */
const publicUrl = `https://${'of-some-length-'.repeat(6)}.example`;
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

/** Made one after the other, as messages are. */
const ids = {
  deposit: 'crd_01KJMAG8000000000000000000',
  first: 'crd_01KJMAG8000000000000000001',
  second: 'crd_01KJMAG8000000000000000002',
  own: 'crd_01KJMAG8000000000000000003',
  graces: 'crd_01KJMAG8000000000000000004',
};

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
  // They have tests of their own.
  remindBeforeSeconds: 0,
  deadlineRev: 1,
  flags: [],
  holdReason: null,
  credentials: [
    credential(ids.deposit, 'active', 'deposit'),
    credential(ids.first, 'superseded'),
    credential(ids.second, 'active'),
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
    id: `evt_${type}`,
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

const sent: Carried = { outcome: 'sent', error: null };
const refused: Carried = { outcome: 'refused', error: 'InvalidParameterException' };
const failed: Carried = { outcome: 'failed', error: 'ThrottledException' };
const unavailable: Carried = { outcome: 'unavailable', error: 'AuthorizationErrorException' };

const anSms = '+41791234567';
const anEmail = 'ada@example.com';

/** The three functions and the queues between them, over a table in memory. */
const world = ({ smsPerDay = 100, hasEmail = true } = {}) => {
  const table = memoryTable();
  const told: { by: 'sms' | 'email'; to: string; text: string }[] = [];
  /** What was sent beside that. */
  const links: string[] = [];
  const senders: (string | null)[] = [];
  const pages: string[] = [];
  /** A text without its link, which is looked at apart. */
  const withoutLink = (text: string): string =>
    text.replace(/\s{1,2}(https:\S+)/, (_, link: string) => {
      links.push(link);
      return '';
    });
  const queue: { by: Channel; message: SendMessage; delaySeconds: number }[] = [];
  const it = { now, sms: (): Carried => sent, email: (): Carried => sent };
  const clock = () => epochMs(it.now);
  const queueOf = (by: Channel) => ({
    send: async (message: unknown, delaySeconds = 0) => {
      queue.push({ by, message: SendMessage.parse(message), delaySeconds });
    },
  });
  const sending = { sms: queueOf('sms'), email: queueOf('email') };
  const isOn = { sms: true, email: hasEmail };
  const plan = planMessages({ table, sending, isOn, clock, schedules: { send: async () => undefined } });
  const deps: SendMessageDeps = {
    table,
    rootKeys: async () => rootKeys,
    telling: openTelling(table, clock),
    publicUrl,
    isOn,
    sending,
    waits: [30, 120, 600],
    newId: (prefix) => `${prefix}_${prefix}`,
    clock,
  };
  const sms = {
    send: async (to: string, text: string, senderId: string | null) => {
      told.push({ by: 'sms' as const, to, text: withoutLink(text) });
      senders.push(senderId);
      return it.sms();
    },
  };
  const email = {
    send: async (to: string, { subject, text, html }: EmailContent) => {
      told.push({ by: 'email' as const, to, text: withoutLink(`${subject}\n${text}`) });
      pages.push(html);
      return it.email();
    },
  };
  const send = {
    sms: sendMessage('sms', carryBySms(sms, openSmsBudget(table, smsPerDay)), deps),
    email: sendMessage('email', carryByEmail(hasEmail ? email : null), deps),
  };
  const hold = async (transaction: StoredTransaction): Promise<void> =>
    table.write([
      { kind: 'other', expects: 'anything', put: { ...keys.transaction('ten_1', transaction.id), ...transaction } },
    ]);
  const messages = (): Message[] =>
    table
      .rows()
      .filter(({ SK }) => SK.startsWith('M#'))
      .map((row) => Message.parse(row));
  /** All that is in the queues now, when it is due, and what comes of it at once. */
  const arrive = async (): Promise<void> => {
    do {
      for (const { by, message, delaySeconds } of queue.splice(0)) {
        it.now = plusSeconds(it.now, delaySeconds);
        await send[by](message, { redelivered: false });
      }
    } while (queue.some(({ delaySeconds }) => delaySeconds === 0));
  };
  return {
    table,
    told,
    links,
    senders,
    pages,
    queue,
    plan,
    send,
    arrive,
    messages,
    hold,
    set: (more: Partial<typeof it>) => Object.assign(it, more),
    now: () => it.now,
    holding: async (transaction: StoredTransaction): Promise<void> => {
      await table.write(bankWrites(bank));
      await hold(transaction);
      table.calls.length = 0;
    },
    tell: async (event = deposited): Promise<void> => {
      await plan(event);
      await arrive();
    },
    sweep: (at: string) =>
      sweep({
        table,
        rootKeys: async () => rootKeys,
        newId: (prefix) => prefix,
        clock: () => epochMs(at),
        slow: { send: async () => undefined },
        sending,
      })(),
  };
};

let w = world();
beforeEach(() => {
  w = world();
});
const linkOf = (id: string) =>
  pickupLink(rootKeys, publicUrl, { tenant: 'ten_1', transactionId: 'txn_1' }, { id, keyVersion: 1 });
const texts = () => w.told.map(({ text }) => text);
const only = (): Message => {
  const [message, ...more] = w.messages();
  if (message === undefined || more.length > 0) throw new Error(`there are ${more.length + 1} messages or none`);
  return message;
};

describe('a recipient whose item was deposited', () => {
  const pin = pinOf(rootKeys.of(1), { id: ids.second, attempt: 0, digits: 6 });

  it.each([
    ['en', `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
    ['de-CH', `Ihre Sendung liegt bereit: Bahnhof Süd, Fach 7. PIN: ${pin}. Bitte abholen bis Mi., 4. März, 13:00.`],
    ['fr', `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
    [undefined, `Your item is at Bahnhof Süd, door 7. PIN: ${pin}. Please collect it by Wed 4 Mar, 13:00.`],
  ])('is told where, how and until when, for locale %s', async (locale, text) => {
    await w.holding(stored({ phone: anSms, ...(locale && { locale }) }));
    await w.tell();
    expect(w.told).toEqual([{ by: 'sms', to: anSms, text }]);
    expect(w.links).toEqual([linkOf(ids.second)]);
    expect(smsParts(text)).toBe(1);
  });

  it('who has only an e-mail address is told there', async () => {
    await w.holding(stored({ email: anEmail, locale: 'de' }));
    await w.tell();
    const text = `Ihre Sendung liegt bereit: Bahnhof Süd\nIhre Sendung liegt bereit: Bahnhof Süd, Fach 7.\n\nPIN: ${pin}.\n\nBitte abholen bis Mi., 4. März, 13:00.\n`;
    expect(w.told).toEqual([{ by: 'email', to: anEmail, text }]);
    expect(only()).toMatchObject({ state: 'sent', channel: 'email' });
  });

  it('is told once, however often the event and the message come', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    const [{ message } = { message: undefined }] = w.queue;
    await w.tell();
    await w.tell();
    if (message) await w.send.sms(message, { redelivered: true });
    expect(w.told).toHaveLength(1);
    expect(only()).toMatchObject({ state: 'sent', channel: 'sms', to: 'recipient', credentialId: ids.second });
  });

  it('costs two reads and those of the tenant, and two writes of the message and one of what SMS cost', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(w.table.calls).toEqual([
      ...['get', 'write', 'batchGet'],
      // What the tenant says of itself and its site, which are remembered for a minute.
      ...['query', 'get'],
      ...['get', 'write', 'write'],
    ]);
  });

  it('is written down without PIN, text and address', async () => {
    await w.holding(stored({ phone: anSms, email: anEmail }));
    await w.tell();
    const row = JSON.stringify(w.table.rows().filter(({ SK }) => SK.startsWith('M#')));
    for (const secret of [pin, anSms, anEmail, 'Your item']) expect(row).not.toContain(secret);
  });

  it.each([
    ['has neither phone nor e-mail', stored({ name: 'Ada' })],
    ['has taken it out meanwhile', stored({ phone: anSms }, { state: 'completed' })],
    ['has no live credential', stored({ phone: anSms }, { credentials: [credential(ids.first, 'superseded')] })],
  ])('who %s is told nothing', async (_, transaction) => {
    await w.holding(transaction);
    await w.tell();
    expect(w.told).toEqual([]);
    expect(w.messages()).toEqual([]);
  });

  it('with an e-mail address alone is told nothing where the stage sends none', async () => {
    w = world({ hasEmail: false });
    await w.holding(stored({ email: anEmail }));
    await w.tell();
    expect(w.messages()).toEqual([]);
  });

  it('is not told what is no longer true when the message is sent', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    await w.hold(stored({ phone: anSms }, { state: 'completed' }));
    await w.arrive();
    expect(w.told).toEqual([]);
    expect(only()).toMatchObject({ state: 'suppressed', reason: 'no_longer_true', attempts: [], nextAttemptAt: null });
  });

  it('whose number was corrected meanwhile is told at the new one, and whose was taken away is not', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    await w.hold(stored({ phone: '+41790000000' }));
    await w.arrive();
    expect(w.told.map(({ to }) => to)).toEqual(['+41790000000']);
    w = world();
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    await w.hold(stored({}));
    await w.arrive();
    expect(only()).toMatchObject({ state: 'suppressed', reason: 'no_address' });
  });

  it('who wants it sent again gets the new PIN, in a message of its own', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    const credentials = [credential(ids.second, 'superseded'), credential(ids.own, 'active')];
    await w.hold(stored({ phone: anSms }, { credentials }));
    const superseded = anEvent('credential.superseded', { bankId: 'bnk_1', credentialId: ids.second, by: ids.own });
    await w.tell(superseded);
    await w.tell(superseded);
    const newPin = pinOf(rootKeys.of(1), { id: ids.own, attempt: 0, digits: 6 });
    expect(texts()).toEqual([expect.stringContaining(pin), expect.stringContaining(newPin)]);
    expect(w.messages().map(({ state }) => state)).toEqual(['sent', 'sent']);
  });

  it('is told again where it is, once it was carried to another door, and not before', async () => {
    const move = { stage: 'carrying' as const, from: '7', to: '9', reason: 'worn', by: staff, since: now, moveBy: now };
    const moved = (state: string) => anEvent('transaction.moved', { bankId: 'bnk_1', state });
    await w.holding(stored({ phone: anSms, locale: 'en' }, { door: '9', flags: ['moving'], move }));
    await w.tell();
    await w.tell(moved('reserved'));
    expect(w.told).toEqual([]);
    await w.hold(stored({ phone: anSms, locale: 'en' }, { door: '9' }));
    await w.tell(moved('stored'));
    expect(texts()).toEqual([expect.stringContaining('door 9')]);
  });

  it('of a return is the collector, if one is named', async () => {
    const collector = { phone: '+41790000001' };
    await w.holding(stored({ phone: anSms }, { workflow: 'return', parties: { collector } }));
    await w.tell();
    expect(w.told.map(({ to }) => to)).toEqual([collector.phone]);
    expect(only().to).toBe('collector');
  });

  const own = credential(ids.own, 'active');
  const graces = { ...credential(ids.graces, 'active'), delegatedFrom: ids.own };
  const handedOn = (more: Partial<StoredTransaction> = {}) =>
    stored(
      { phone: anSms },
      {
        credentials: [{ ...own, suspended: true }, graces],
        delegates: { [ids.graces]: { phone: '+41797654321' } },
        ...more,
      },
    );
  const toGrace = (type: string) => anEvent(type, { bankId: 'bnk_1', credentialId: ids.graces });
  const gracesPin = pinOf(rootKeys.of(1), { id: ids.graces, attempt: 0, digits: 6 });
  const mayOpen = `You may open door 7 at Bahnhof Süd for somebody else. PIN: ${gracesPin}. Until Wed 4 Mar, 13:00.`;

  it('whom somebody sent instead is told as soon as they can open, once, and whoever sent them is not', async () => {
    await w.holding(handedOn());
    await w.tell(toGrace('credential.delegated'));
    await w.tell();
    expect(w.told).toEqual([{ by: 'sms', to: '+41797654321', text: mayOpen }]);
  });

  it('whom somebody sent instead is told where it is once it was carried there, and not before', async () => {
    const move = { stage: 'carrying' as const, from: '7', to: '9', reason: 'worn', by: staff, since: now, moveBy: now };
    await w.holding(handedOn({ door: '9', flags: ['moving'], move }));
    await w.tell(toGrace('credential.delegated'));
    expect(w.told).toEqual([]);
    await w.hold(handedOn({ door: '9' }));
    await w.tell(anEvent('transaction.moved', { bankId: 'bnk_1', state: 'stored' }));
    expect(texts()).toEqual([mayOpen.replace('door 7', 'door 9')]);
  });

  it('who keeps their own right is told as well as the other', async () => {
    await w.holding(handedOn({ credentials: [own, graces] }));
    await w.tell();
    expect(w.told.map(({ to }) => to)).toEqual([anSms, '+41797654321']);
  });

  it('and nobody else is told before there is anything to collect', async () => {
    const waits = { state: 'reserved', depositedAt: null } as const;
    const credentials = [
      { ...own, suspended: true as const },
      { ...graces, state: 'issued' as const },
    ];
    await w.holding(handedOn({ ...waits, credentials }));
    await w.tell(toGrace('credential.delegated'));
    await w.tell(toGrace('credential.taken_back'));
    expect(w.messages()).toEqual([]);
  });

  it('who was sent is told that they need not go any more', async () => {
    await w.holding(handedOn({ credentials: [own, { ...graces, state: 'revoked' }] }));
    await w.tell(toGrace('credential.taken_back'));
    const text = 'You need not go to Bahnhof Süd any more: what you were given opens nothing now.';
    expect(w.told).toEqual([{ by: 'sms', to: '+41797654321', text }]);
  });

  it.each([
    ['badge', 'Open it with your badge.'],
    ['barcode', 'Scan the label of your order.'],
    ['qr', 'Scan your QR code.'],
    ['app', 'Open it with your app.'],
  ] as const)('who has a %s is told to use it', async (method, words) => {
    await w.holding(stored({ phone: anSms }, { credentials: [{ ...own, method }] }));
    await w.tell();
    expect(texts()).toEqual([`Your item is at Bahnhof Süd, door 7. ${words} Please collect it by Wed 4 Mar, 13:00.`]);
  });

  it('is told nothing of other events', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell(anEvent('transaction.recall_started', { bankId: 'bnk_1' }));
    expect(w.told).toEqual([]);
    expect(w.table.calls).toEqual([]);
  });
});

describe('who rents or borrows', () => {
  const useUntil = '2026-03-02T12:00:00.000Z';
  const of = (
    workflow: 'loan' | 'rental',
    state: StoredTransaction['state'],
    step: 'pickup' | 'deposit' | 'use',
    more: Partial<StoredTransaction> = {},
  ): StoredTransaction =>
    stored(
      { phone: anSms, locale: 'en' },
      {
        workflow,
        state,
        depositedAt: null,
        deadlines: { reserveUntil: '2026-03-01T13:00:00.000Z', useUntil },
        credentials: [{ ...credential(ids.own, 'active'), step }],
        ...more,
      },
    );
  const pin = pinOf(rootKeys.of(1), { id: ids.own, attempt: 0, digits: 6 });
  const overdue = { flags: ['overdue' as const] };

  it.each([
    [
      'a loan that is ready',
      'transaction.reserved',
      of('loan', 'reserved', 'pickup'),
      `You can collect what you borrow at Bahnhof Süd, door 7. PIN: ${pin}. Please do so by Sun 1 Mar, 14:00.`,
    ],
    [
      'where to bring it back',
      'transaction.started',
      of('loan', 'in_use', 'deposit'),
      `Please bring back what you have borrowed to Bahnhof Süd, door 7, by Mon 2 Mar, 13:00. PIN: ${pin}.`,
    ],
    [
      'a loan that is late',
      'transaction.overdue',
      of('loan', 'in_use', 'deposit', overdue),
      `What you have borrowed was due by Mon 2 Mar, 13:00. Please bring it back to Bahnhof Süd, door 7. PIN: ${pin}.`,
    ],
    [
      'their door',
      'transaction.reserved',
      of('rental', 'reserved', 'use'),
      `Door 7 at Bahnhof Süd is yours. PIN: ${pin}. Please begin by Sun 1 Mar, 14:00.`,
    ],
    [
      'a door that is not theirs any more',
      'transaction.overdue',
      of('rental', 'in_use', 'use', overdue),
      `Your time for door 7 at Bahnhof Süd was over by Mon 2 Mar, 13:00. Please empty it. PIN: ${pin}.`,
    ],
  ])('is told of %s, once', async (_, type, transaction, text) => {
    await w.holding(transaction);
    await w.tell(anEvent(type, { bankId: 'bnk_1' }));
    await w.tell(anEvent(type, { bankId: 'bnk_1' }));
    expect(texts()).toEqual([text]);
    expect(smsParts(text)).toBe(1);
  });

  it('is told their new PIN, and another door, whatever they are at', async () => {
    await w.holding(of('rental', 'in_use', 'use'));
    await w.tell(anEvent('credential.superseded', { bankId: 'bnk_1', credentialId: ids.second, by: ids.own }));
    await w.tell(anEvent('transaction.moved', { bankId: 'bnk_1', state: 'in_use' }));
    const text = `Door 7 at Bahnhof Süd is yours until Mon 2 Mar, 13:00. PIN: ${pin}.`;
    expect(texts()).toEqual([text, text]);
  });

  it('is not told that it is ready when they have it already', async () => {
    await w.holding(of('loan', 'in_use', 'deposit'));
    await w.tell(anEvent('transaction.reserved', { bankId: 'bnk_1' }));
    expect(w.messages()).toEqual([]);
  });

  it('is not told that it is late when it was brought back before the message goes out', async () => {
    await w.holding(of('loan', 'in_use', 'deposit', overdue));
    await w.plan(anEvent('transaction.overdue', { bankId: 'bnk_1' }));
    await w.hold(of('loan', 'completed', 'deposit'));
    await w.arrive();
    expect(only()).toMatchObject({ state: 'suppressed', reason: 'no_longer_true' });
  });

  it('is told nothing of a parcel that was reserved', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell(anEvent('transaction.reserved', { bankId: 'bnk_1' }));
    expect(w.messages()).toEqual([]);
  });
});

describe('a tenant that speaks in its own words', () => {
  const says = (locale: string, channel: Channel, text: string, subject: string | null = null): MessageTemplate => ({
    id: 'mtp_1',
    tenant: 'ten_1',
    kind: 'item_waits',
    locale,
    channel,
    subject,
    text,
    updatedAt: now,
    version: 1,
    hash: '',
  });
  const saying = async (branding: Partial<Branding>, ...templates: MessageTemplate[]): Promise<void> => {
    const put = [
      { ...keys.branding('ten_1'), ...unbranded('ten_1'), ...branding },
      ...templates.map((it) => ({ ...keys.messageTemplate('ten_1', it), ...it })),
    ];
    for (const row of put) await w.table.write([{ kind: 'other', expects: 'anything', put: row }]);
  };
  const pin = pinOf(rootKeys.of(1), { id: ids.second, attempt: 0, digits: 6 });

  it.each([
    ['de-CH', 'Grüezi'],
    ['de-AT', 'Guten Tag'],
    ['de', 'Guten Tag'],
    ['fr', 'Bonjour'],
    ['it', 'Bonjour'],
    [undefined, 'Bonjour'],
    // Ours, in their own language, comes before the tenant's in another.
    ['en', 'Your item is at'],
  ])('is heard in it by a person of locale %s: %s', async (locale, word) => {
    await saying(
      { locale: 'fr' },
      says('de-CH', 'sms', 'Grüezi {{code}}'),
      says('de', 'sms', 'Guten Tag {{code}}'),
      says('fr', 'sms', 'Bonjour {{pin}}'),
    );
    await w.holding(stored({ phone: anSms, ...(locale && { locale }) }));
    await w.tell();
    expect(texts()[0]).toMatch(new RegExp(`^${word}`));
    expect(texts()[0]).toContain(pin);
  });

  it('is named, and so is whom to ask: at the site before anybody else', async () => {
    const branding = { name: 'Post & Co', support: { phone: '+41440000000' }, smsSenderId: 'PostCo' };
    await saying(branding, says('en', 'sms', '{{brand}}, {{support}}: {{code}}'));
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    const site = { id: 'sit_1', tenant: 'ten_1', name: 'Süd', timeZone: 'UTC', createdAt: now, version: 1, hash: '' };
    const put = { ...keys.site('ten_1', 'sit_1'), ...site, support: { email: 'sued@post.example' } };
    await w.table.write([{ kind: 'other', expects: 'anything', put }]);
    w.set({ now: plusSeconds(now, 60) });
    await w.tell(anEvent('transaction.moved', { bankId: 'bnk_1', state: 'stored' }));
    expect(texts()).toEqual([`Post & Co, +41440000000: PIN: ${pin}.`, `Post & Co, sued@post.example: PIN: ${pin}.`]);
    expect(w.senders).toEqual(['PostCo', 'PostCo']);
  });

  it('is asked for its words once a minute', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    await saying({}, says('en', 'sms', 'New words: {{code}}'));
    w.table.calls.length = 0;
    await w.tell(anEvent('transaction.moved', { bankId: 'bnk_1', state: 'stored' }));
    expect(w.table.calls).not.toContain('query');
    w.set({ now: plusSeconds(now, 60) });
    await w.tell(anEvent('transaction.credentials_reissued', { bankId: 'bnk_1', state: 'stored' }));
    expect(texts().map((it) => it.startsWith('New words'))).toEqual([false, false, true]);
  });

  it('has its e-mails in HTML as well', async () => {
    await saying({ name: 'Post & Co' }, says('en', 'email', '<b>Hi</b>\n\n{{code}}', 'From {{brand}}'));
    await w.holding(stored({ email: anEmail }));
    await w.tell();
    expect(texts()).toEqual([`From Post & Co\n<b>Hi</b>\n\nPIN: ${pin}.`]);
    expect(w.pages[0]).toContain('&lt;b&gt;Hi&lt;/b&gt;');
    expect(w.pages[0]).toContain('Post &amp; Co');
  });
});

describe('every text', () => {
  const said = Object.entries(allTexts).flatMap(([kind, byLanguage]) =>
    Object.entries(byLanguage).map(([language, text]) => ({ kind, language, ...text })),
  );

  it.each(said)('$kind in $language has all its variables filled in, and is one SMS at a usual place', (text) => {
    const variables = {
      place: 'Bahnhof Süd',
      door: '12',
      code: 'PIN: 12345678.',
      pin: '12345678',
      until: 'Mi., 24. Sept., 13:00',
      link: `https://p.example/p/${'x'.repeat(79)}`,
      brand: 'Bahnhof Süd',
      support: '',
    };
    const brief = 'brief' in text ? text.brief : null;
    const sms = smsText(text.sms, brief, variables);
    for (const it of [sms, filledIn(text.sms, variables), filledIn(text.subject, variables)])
      expect(it).not.toMatch(/[{}]/);
    expect(filledIn(text.email, variables)).not.toMatch(/[{}]/);
    expect(smsParts(sms)).toBe(1);
  });

  it.each(said.filter(({ kind }) => kind !== 'taken_back'))('$kind in $language says how to open', ({ sms, email }) => {
    for (const it of [sms, email]) expect(it).toContain('{{code}}');
  });
});

describe('a message to somebody', () => {
  const both = stored({ phone: anSms, email: anEmail });
  const by = () => w.told.map((it) => it.by);

  it('goes by e-mail at once when the number takes none, and when SNS takes none of ours', async () => {
    for (const sms of [refused, unavailable]) {
      w = world();
      w.set({ sms: () => sms });
      await w.holding(both);
      await w.tell();
      expect(by()).toEqual(['sms', 'email']);
      expect(w.queue).toEqual([]);
      expect(only()).toMatchObject({ state: 'sent', channel: 'email', exhausted: ['sms'], version: 3 });
      expect(only().attempts).toEqual([
        { at: now, channel: 'sms', ...sms },
        { at: now, channel: 'email', ...sent },
      ]);
    }
  });

  it('is tried again when SNS is out, then by e-mail, and is dead when nobody could be told', async () => {
    w.set({ sms: () => failed, email: () => failed });
    await w.holding(both);
    await w.plan(deposited);
    const delays: number[] = [];
    while (w.queue.length > 0) {
      delays.push(w.queue[0]?.delaySeconds ?? 0);
      await w.arrive();
    }
    expect(by()).toEqual(['sms', 'sms', 'sms', 'email', 'email', 'email', 'email']);
    expect(delays).toEqual([0, 30, 120, 30, 120, 600]);
    expect(only()).toMatchObject({ state: 'dead', channel: null, nextAttemptAt: null });
  });

  it('is visibly retried, and sent once SNS takes it', async () => {
    w.set({ sms: () => failed });
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(only()).toMatchObject({ state: 'retrying', nextAttemptAt: plusSeconds(now, 30), attempts: [failed] });
    w.set({ sms: () => sent });
    await w.arrive();
    expect(only()).toMatchObject({ state: 'sent', attempts: [failed, sent], nextAttemptAt: null });
  });

  it('that lies with another channel than the one whose turn it is is handed on, unwritten', async () => {
    await w.holding(both);
    await w.plan(deposited);
    const [asked] = w.queue.splice(0);
    if (asked) await w.send.email(asked.message, { redelivered: false });
    expect(w.queue).toEqual([{ ...asked, by: 'sms' }]);
    await w.arrive();
    expect(only()).toMatchObject({ state: 'sent', channel: 'sms', version: 2 });
  });

  it('is dead at once when its only channel refuses it', async () => {
    w.set({ sms: () => refused });
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(only()).toMatchObject({ state: 'dead', attempts: [refused] });
    expect(w.queue).toEqual([]);
  });

  it('that comes before its time goes back for the rest of it', async () => {
    w.set({ sms: () => failed });
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    const [asked] = w.queue.splice(0);
    w.set({ now: plusSeconds(now, 10) });
    if (asked) await w.send.sms(asked.message, { redelivered: false });
    expect(w.queue).toEqual([{ by: 'sms', message: asked?.message, delaySeconds: 20 }]);
    expect(w.told).toHaveLength(1);
  });

  it('is asked for again when the call that had written it died before asking', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    w.queue.splice(0);
    await w.tell();
    expect(only().state).toBe('sent');
  });

  it('is asked for again when an attempt was written and its call died before asking for the next', async () => {
    w.set({ sms: () => failed });
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    const [asked] = w.queue.slice();
    await w.arrive();
    w.queue.splice(0);
    if (asked) await w.send.sms(asked.message, { redelivered: true });
    expect(w.queue).toMatchObject([{ message: { version: 2 }, delaySeconds: 30 }]);
  });

  it('that a lost queue message left behind is found by the sweep, after a quarter of an hour', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    w.queue.splice(0);
    expect(await w.sweep(plusSeconds(now, 800))).toMatchObject({ messages: 0 });
    expect(await w.sweep(plusSeconds(now, 1_000))).toMatchObject({ messages: 1 });
    await w.arrive();
    expect(only().state).toBe('sent');
    expect(await w.sweep(plusSeconds(now, 2_000))).toMatchObject({ messages: 0 });
  });

  it('that the sweep finds after its number took none goes by e-mail', async () => {
    w.set({ sms: () => refused, email: () => failed });
    await w.holding(both);
    await w.tell();
    expect(w.queue.splice(0)).toMatchObject([{ by: 'email' }]);
    await w.sweep(plusSeconds(now, 1_000));
    expect(w.queue).toMatchObject([{ by: 'email' }]);
  });
});

describe('a message that nobody was told of', () => {
  const events = () =>
    w.table
      .rows()
      .filter(({ SK }) => SK.startsWith('C#'))
      .flatMap((row) => CommitRow.parse(row).events);

  it('is an event of its own, with what came of each attempt, and without address, PIN or text', async () => {
    w.set({ sms: () => refused, email: () => refused });
    await w.holding(stored({ phone: anSms, email: anEmail }));
    await w.tell();
    const { id, transactionId, credentialId } = only();
    const [event, ...more] = events();
    expect(more).toEqual([]);
    expect(event).toMatchObject({
      type: 'message.failed',
      subject: id,
      tenant: 'ten_1',
      sequence: 1,
      prevHash: firstPrevHash,
      actor: { type: 'system', id: 'messages' },
    });
    expect(catalogue['message.failed'].strict().parse(event?.data)).toEqual({
      messageId: id,
      transactionId,
      bankId: 'bnk_1',
      livemode: true,
      kind: 'item_waits',
      to: 'recipient',
      credentialId,
      reason: null,
      attempts: [
        { at: now, channel: 'sms', ...refused },
        { at: now, channel: 'email', ...refused },
      ],
      changes: {},
    });
    const pin = pinOf(rootKeys.of(1), { id: ids.second, attempt: 0, digits: 6 });
    for (const secret of [pin, anSms, anEmail, 'Your item']) expect(JSON.stringify(event)).not.toContain(secret);
    const sought = { tenant: 'ten_1', subject: id, sequence: 1, eventId: event?.id ?? '' };
    expect(await readDeliveredEvent(w.table, sought)).toEqual(event);
  });

  it('is one of a person who has no address any more as well', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    await w.hold(stored({}));
    await w.arrive();
    expect(events()).toMatchObject([{ type: 'message.failed', data: { reason: 'no_address', attempts: [] } }]);
  });

  it('is one event, however often and at once its message comes again', async () => {
    w.set({ sms: () => refused });
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    const [asked] = w.queue.splice(0);
    if (asked === undefined) throw new Error('nothing was asked for');
    const again = () => w.send.sms(asked.message, { redelivered: true });
    await Promise.all([again(), again()]);
    await again();
    await w.tell();
    expect(events()).toHaveLength(1);
    expect(only()).toMatchObject({ state: 'dead', version: 2 });
  });

  it('is none while it is tried again, nor of what was sent or is no longer true', async () => {
    w.set({ sms: () => failed });
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(events()).toEqual([]);
    w.set({ sms: () => sent });
    await w.arrive();
    expect(only().state).toBe('sent');
    w = world();
    await w.holding(stored({ phone: anSms }));
    await w.plan(deposited);
    await w.hold(stored({ phone: anSms }, { state: 'completed' }));
    await w.arrive();
    expect(only().reason).toBe('no_longer_true');
    expect(events()).toEqual([]);
  });
});

describe('the SMS of a tenant', () => {
  const used = () => w.table.rows().find(({ PK }) => PK === 'SMS#ten_1')?.parts;

  it('are counted in parts, and what SNS has not taken is not', async () => {
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(used()).toBe(2);
    w = world();
    w.set({ sms: () => refused });
    await w.holding(stored({ phone: anSms }));
    await w.tell();
    expect(used()).toBe(0);
  });

  it('are so many a day; then people are told by e-mail, and the message says why', async () => {
    w = world({ smsPerDay: 2 });
    await openSmsBudget(w.table, 2).take('ten_1', 2, now);
    await w.holding(stored({ phone: anSms, email: anEmail }));
    await w.tell();
    expect(w.told.map((it) => it.by)).toEqual(['email']);
    expect(only()).toMatchObject({
      state: 'sent',
      channel: 'email',
      attempts: [{ channel: 'sms', outcome: 'over_limit' }, { channel: 'email' }],
    });
  });

  it('wait for the next day where there is no other channel, visibly, in hops that a queue can wait', async () => {
    w = world({ smsPerDay: 2 });
    const other = stored({ phone: anSms }, { id: 'txn_2', credentials: [credential(ids.first, 'active')] });
    await w.holding(stored({ phone: anSms }));
    await w.hold(other);
    await w.tell();
    await w.tell(anEvent('transaction.deposited', { bankId: 'bnk_1' }, 'txn_2'));
    const waiting = w.messages().find(({ transactionId }) => transactionId === 'txn_2');
    expect(waiting).toMatchObject({
      state: 'waiting',
      reason: 'sms_limit',
      nextAttemptAt: '2026-03-02T00:00:00.000Z',
    });
    expect(w.queue).toMatchObject([{ delaySeconds: 43_200 }]);
    await w.arrive();
    expect(w.told).toHaveLength(2);
    expect(w.messages().map(({ state }) => state)).toEqual(['sent', 'sent']);
  });

  it('stay within the limit when many are sent at once', async () => {
    const budget = openSmsBudget(w.table, 20);
    const taken = await Promise.all(Array.from({ length: 15 }, () => budget.take('ten_1', 2, now)));
    expect(taken.filter((it) => it.taken)).toHaveLength(10);
    expect(used()).toBe(20);
    expect(Math.max(...taken.map((it) => it.usedPercent))).toBe(100);
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
    [
      'export.push_failed',
      samples['export.push_failed'],
      `tenant ten_1, destination finance, export ${samples['export.push_failed'].exportId}`,
    ],
    ['compartment.lock_jammed', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
    ['compartment.forced_open', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
    ['compartment.left_ajar', { bankId: 'bnk_1', door: '7', changes: {} }, 'bank bnk_1, door 7'],
  ])('are told of %s: what, where, and what to do', async (type, data, where) => {
    const [alert, ...more] = await raised(anEvent(type, data));
    expect(more).toEqual([]);
    expect(alert?.title).toBe(`Latchwork: ${type}`);
    expect(alert?.text).toContain(`Where: ${where}\n`);
    expect(alert?.text).toMatch(/^\S.+\n\nWhere: .+\nWhen: .+\nWhat to do: .+\n\nEvent evt_/);
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
    expect(alert?.text).toMatch(/^\S.+\n\nWhere: .+\nWhen: .+\nWhat to do: .+\n\nEvent evt_/);
  });

  it('are left alone by a push that ended with the key that asked for it', async () => {
    const data = { ...samples['export.push_failed'], reason: 'key_gone' };
    expect(await raised(anEvent('export.push_failed', data))).toEqual([]);
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
