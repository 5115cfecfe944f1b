import { beforeEach, describe, expect, it } from 'vitest';
import { Envelope } from '#events/envelope.ts';
import { type Channel, Message, SendMessage } from '#shared/domain/message.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, type Instant } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { type SendMessageDeps, sendMessage } from '#shared/lambda/send-message.ts';
import type { Carried } from '#shared/outside/carried.ts';
import type { Email } from '#shared/outside/email.ts';
import type { Sms } from '#shared/outside/sms.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { openSmsBudget } from '#shared/store/messages.ts';
import { keys } from '#shared/store/rows.ts';
import { openTelling } from '#shared/store/telling.ts';
import { deadlinesReaction } from '../../functions/bus/deadlines.ts';
import { planMessages } from '../../functions/bus/messages.ts';
import { carryByEmail } from '../../functions/queue/send-email.ts';
import { carryBySms } from '../../functions/queue/send-sms.ts';
import { sweep } from '../../functions/schedule/sweep.ts';
import { bankOf, doorOf, hours, minutes, reserved, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const phone = '+41791234567';
/** So long that no brief words make one part of an SMS with a link. */
const publicUrl = `https://${'of-some-length-'.repeat(6)}.example`;
const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

/** A parcel that was put in at noon, and can be collected for three days. */
const waiting = (more: Partial<Transaction> = {}): Transaction => {
  const it = reserved('txn_1', '1', { recipient: { phone, locale: 'en' } });
  return {
    ...it,
    state: 'stored',
    depositedAt: startedAt,
    deadlineRev: 1,
    deadlines: { reserveUntil: startedAt, depositBy: startedAt, pickupBy: hours(72) },
    credentials: it.credentials.map((c, nth) => ({
      ...c,
      id: `crd_01KJMAG800000000000000000${nth}`,
      state: 'active' as const,
      notAfter: hours(72),
    })),
    ...more,
  };
};

const event = (type: string, at: Instant, data: Record<string, unknown>): Envelope =>
  Envelope.parse({
    specversion: '1.0',
    id: `evt_${type}`,
    source: 'latchwork',
    type,
    subject: 'txn_1',
    time: at,
    datacontenttype: 'application/json',
    tenant: 'ten_1',
    sequence: 3,
    occurredAt: at,
    recordedAt: at,
    actor: { type: 'bank', id: 'bnk_1' },
    schema: 1,
    data: { bankId: 'bnk_1', ...data },
    prevHash: '',
    hash: '',
  });

const nightly = { from: '21:00', to: '07:00' };

/** What plans, what sends and what takes back, over a table in memory; schedules come when the test says so. */
const world = ({ quietHours }: { quietHours?: typeof nightly } = {}) => {
  const table = memoryTable();
  const it = { now: startedAt };
  const clock = () => epochMs(it.now);
  const schedules = new Map<string, { at: Instant; message: unknown }>();
  const told: { at: Instant; by: Channel; text: string }[] = [];
  const queue: { by: Channel; message: SendMessage }[] = [];
  const queueOf = (by: Channel) => ({
    send: async (message: unknown) => {
      queue.push({ by, message: SendMessage.parse(message) });
    },
  });
  const sending = { sms: queueOf('sms'), email: queueOf('email') };
  const isOn = { sms: true, email: true };
  const later = {
    send: async (name: string, at: Instant, message: unknown) => {
      if (!schedules.has(name)) schedules.set(name, { at, message });
    },
    forget: async (name: string) => {
      schedules.delete(name);
    },
  };
  const plan = planMessages({ table, sending, schedules: later, isOn, clock });
  const deadlines = deadlinesReaction({
    table,
    clock,
    schedules: { send: async () => undefined, forget: later.forget },
  });
  const deps: SendMessageDeps = {
    table,
    rootKeys,
    telling: openTelling(table, clock),
    publicUrl,
    isOn,
    sending,
    waits: [30],
    newId: (prefix) => `${prefix}_${prefix}`,
    clock,
  };
  const carried = (by: Channel, text: string): Carried => {
    told.push({ at: it.now, by, text });
    return { outcome: 'sent', error: null };
  };
  const sms: Sms = { send: async (_, text) => carried('sms', text) };
  const email: Email = { send: async (_, { text }) => carried('email', text) };
  const send = {
    sms: sendMessage('sms', carryBySms(sms, openSmsBudget(table, 100)), deps),
    email: sendMessage('email', carryByEmail(email), deps),
  };
  const messages = (): Message[] =>
    table
      .rows()
      .filter(({ SK }) => SK.startsWith('M#'))
      .map((row) => Message.parse(row));
  return {
    table,
    told,
    queue,
    schedules,
    messages,
    reminders: () => messages().filter(({ remindsOf }) => remindsOf !== null),
    at: (now: Instant) => {
      it.now = now;
    },
    hold: async (transaction: Transaction) => {
      const put = { ...keys.transaction('ten_1', 'txn_1'), ...transaction, compartment: null };
      await table.write([{ kind: 'other', expects: 'anything', put }]);
    },
    open: () => table.write(bankWrites(bankOf([doorOf('1')], { name: 'Bahnhof', ...(quietHours && { quietHours }) }))),
    hear: (type: string, data: Record<string, unknown> = {}) => plan(event(type, it.now, data)),
    end: () => deadlines({ type: 'transaction.completed', tenant: 'ten_1', subject: 'txn_1' }),
    /** What lies in the queue now. */
    arrive: async () => {
      for (const { by, message } of queue.splice(0)) await send[by](message, { redelivered: false });
    },
    /** Schedules that are due by now, which put into the queue of SMS. */
    fire: async () => {
      for (const [name, { at, message }] of schedules) {
        if (at > it.now) continue;
        schedules.delete(name);
        await send.sms(SendMessage.parse(message), { redelivered: false });
      }
    },
    sweep: () =>
      sweep({ table, rootKeys, newId: (prefix) => prefix, clock, slow: { send: async () => undefined }, sending })(),
  };
};

let w = world();
beforeEach(async () => {
  w = world();
  await w.open();
});

describe('who has not collected yet', () => {
  it('is reminded a day before it is too late, once, however often it is said', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    await w.hear('transaction.deposited');
    await w.arrive();
    expect(w.told.map(({ text }) => text)).toEqual([expect.stringMatching(/^Your item is at Bahnhof/)]);
    expect(w.reminders()).toMatchObject([
      { kind: 'pickup_due', state: 'waiting', reason: 'not_due', nextAttemptAt: hours(48), remindsOf: hours(72) },
    ]);
    w.at(hours(48));
    await w.fire();
    await w.hear('transaction.deposited');
    await w.fire();
    await w.arrive();
    expect(w.told.slice(1)).toEqual([
      {
        at: hours(48),
        by: 'sms',
        text: expect.stringMatching(/^Reminder: your item waits at Bahnhof, door 1, until .* PIN: \d+\. https:\S+$/),
      },
    ]);
    expect(w.reminders()).toMatchObject([{ state: 'sent', channel: 'sms', version: 2 }]);
  });

  it('is reminded by e-mail where they have no phone', async () => {
    await w.hold(waiting({ recipient: { email: 'ada@example.com', locale: 'en' } }));
    await w.hear('transaction.deposited');
    await w.arrive();
    w.at(hours(48));
    await w.fire();
    expect(w.queue).toMatchObject([{ by: 'email' }]);
    await w.arrive();
    expect(w.told.slice(1)).toEqual([
      {
        at: hours(48),
        by: 'email',
        text: expect.stringMatching(/^Your item still waits for you at Bahnhof, door 1\./),
      },
    ]);
    expect(w.reminders()).toMatchObject([{ state: 'sent', channel: 'email' }]);
  });

  it('costs a read of the bank, one more row and a schedule', async () => {
    await w.hold(waiting());
    w.table.calls.length = 0;
    await w.hear('transaction.deposited');
    expect(w.table.calls).toEqual(['get', 'write', 'get', 'write']);
    expect([...w.schedules.keys()]).toEqual([`txn_1-reminder-${epochMs(hours(72)) / 1000}`]);
  });

  it('is not reminded when they have collected it: nothing is left of the reminder', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    w.at(hours(5));
    await w.hold(waiting({ state: 'completed', updatedAt: hours(5) }));
    await w.end();
    await w.end();
    expect(w.schedules.size).toBe(0);
    expect(w.reminders()).toEqual([]);
  });

  it('keeps in the record that they were reminded when they collect it then', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    w.at(hours(48));
    await w.fire();
    await w.hold(waiting({ state: 'completed', updatedAt: hours(50) }));
    await w.end();
    expect(w.reminders()).toMatchObject([{ state: 'sent' }]);
  });

  it('is reminded of the later deadline instead, when there is one', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    await w.hold(
      waiting({ deadlineRev: 2, deadlines: { reserveUntil: startedAt, depositBy: startedAt, pickupBy: hours(120) } }),
    );
    await w.hear('transaction.extended');
    await w.arrive();
    w.at(hours(48));
    await w.fire();
    expect(w.told).toHaveLength(1);
    w.at(hours(96));
    await w.fire();
    expect(w.told.map(({ at }) => at)).toEqual([startedAt, hours(96)]);
    expect(w.reminders().map(({ state, reason }) => [state, reason])).toEqual([
      ['suppressed', 'no_longer_true'],
      ['sent', null],
    ]);
  });

  it('is not reminded of what is held', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    await w.arrive();
    await w.hold(waiting({ flags: ['held'] }));
    w.at(hours(48));
    await w.fire();
    expect(w.told).toHaveLength(1);
  });

  it('is reminded with the PIN that holds by then', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    await w.arrive();
    const credentials = waiting().credentials.map((c) =>
      c.step === 'pickup' ? { ...c, id: 'crd_01KJMAG8000000000000000009' } : c,
    );
    await w.hold(waiting({ credentials }));
    w.at(hours(48));
    await w.fire();
    expect(w.told).toHaveLength(2);
    expect(w.reminders()).toMatchObject([{ credentialId: 'crd_01KJMAG8000000000000000009' }]);
  });

  it.each([
    ['who has hardly more than a day', waiting({ deadlines: { reserveUntil: startedAt, pickupBy: hours(30) } })],
    ['where none is wanted', waiting({ remindBeforeSeconds: 0 })],
    ['whom nothing reaches', waiting({ recipient: {} })],
  ])('gets none %s', async (_, transaction) => {
    await w.hold(transaction);
    await w.hear('transaction.deposited');
    expect(w.reminders()).toEqual([]);
    expect(w.schedules.size).toBe(0);
  });

  it('gets none that would have come already', async () => {
    await w.hold(waiting());
    w.at(hours(49));
    await w.hear('transaction.deposited');
    expect(w.reminders()).toEqual([]);
  });

  it('is reminded by the sweep when the schedule was lost', async () => {
    await w.hold(waiting());
    await w.hear('transaction.deposited');
    await w.arrive();
    w.schedules.clear();
    w.at(hours(48.5));
    expect(await w.sweep()).toMatchObject({ messages: 1 });
    await w.arrive();
    expect(w.told).toHaveLength(2);
  });
});

describe('at night', () => {
  beforeEach(async () => {
    w = world({ quietHours: nightly });
    await w.open();
  });

  // The bank's clock shows what UTC shows.
  const evening = hours(10);
  const morning = hours(19);

  it('who has something to collect is told in the morning, and it is to be seen that it waits', async () => {
    w.at(evening);
    await w.hold(waiting({ depositedAt: evening, remindBeforeSeconds: 0 }));
    await w.hear('transaction.deposited');
    await w.arrive();
    expect(w.told).toEqual([]);
    expect(w.messages()).toMatchObject([{ state: 'waiting', reason: 'quiet_hours', nextAttemptAt: morning }]);
    w.at(morning);
    await w.arrive();
    expect(w.told).toHaveLength(1);
    expect(w.messages()).toMatchObject([{ state: 'sent', reason: null }]);
  });

  it('who has collected it before the morning is told nothing', async () => {
    w.at(evening);
    await w.hold(waiting({ depositedAt: evening, remindBeforeSeconds: 0 }));
    await w.hear('transaction.deposited');
    await w.arrive();
    await w.hold(waiting({ state: 'completed' }));
    w.at(morning);
    await w.arrive();
    expect(w.told).toEqual([]);
  });

  it('who asked for their PIN again is told at once', async () => {
    w.at(evening);
    const it_ = waiting({ remindBeforeSeconds: 0 });
    await w.hold(it_);
    const by = it_.credentials.find(({ step }) => step === 'pickup')?.id;
    await w.hear('credential.superseded', { by });
    await w.arrive();
    expect(w.told).toHaveLength(1);
    expect(w.messages()).toMatchObject([{ urgent: true, state: 'sent' }]);
  });

  it('who is reminded is so in the morning', async () => {
    w.at(evening);
    const pickupBy = hours(10 + 72);
    await w.hold(waiting({ depositedAt: evening, deadlines: { reserveUntil: startedAt, pickupBy } }));
    await w.hear('transaction.deposited');
    expect(w.reminders()).toMatchObject([{ nextAttemptAt: hours(19 + 48), remindsOf: pickupBy }]);
  });

  it('who would be reminded too late is so the evening before', async () => {
    const pickupBy = hours(18);
    await w.hold(waiting({ remindBeforeSeconds: 7_200, deadlines: { reserveUntil: startedAt, pickupBy } }));
    await w.hear('transaction.deposited');
    expect(w.reminders()).toMatchObject([{ nextAttemptAt: minutes(9 * 60 - 15) }]);
    w.at(minutes(9 * 60 - 15));
    await w.fire();
    expect(w.reminders()).toMatchObject([{ state: 'sent' }]);
  });
});
