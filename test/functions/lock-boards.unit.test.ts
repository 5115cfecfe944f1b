import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import * as contract from '#shared/api/lock-boards.ts';
import type { Vendor } from '#shared/api/vendors.ts';
import { verifierOf } from '#shared/device/verifier.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { bankKeyOf } from '#shared/domain/derived.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, instant, plusSeconds } from '#shared/domain/time.ts';
import type { Call } from '#shared/lambda/endpoint.ts';
import { registerVendor } from '#shared/lambda/vendors.ts';
import type { CustomerEndpoints } from '#shared/outside/customer-endpoint.ts';
import { bankUpdate, bankWrites, readBankConsistent } from '#shared/store/banks.ts';
import { openCommands } from '#shared/store/commands.ts';
import { readLockBoard } from '#shared/store/lock-boards.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost, type Table } from '#shared/store/table.ts';
import { Callback } from '#shared/vendors/lock-board/messages.ts';
import { lockBoardReaction } from '../../functions/bus/lock-boards.ts';
import { journalConsumer } from '../../functions/device/journal.ts';
import { lockBoardHandlers } from '../../functions/http/lock-boards.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const vendor: Vendor = {
  kind: 'lock_board',
  url: 'https://boards.example.com/unlock',
  locks: { '1': { board: '0A', lock: '1F' }, '2': { board: '0A', lock: '20' } },
};
const start = epochMs(startedAt);

type Reply = Awaited<ReturnType<CustomerEndpoints['ask']>>;
const reply = (status: number | null, text = ''): Reply => ({
  status,
  error: status === 200 ? null : 'no',
  retryAfter: null,
  durationMs: 1,
  text,
});
const ok = reply(200, '{"result":"ok"}');

/** A bank with a lock board, what its adapter hands over, and a vendor that answers as it is told. */
const world = async (more: Partial<Bank> = {}) => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf(
    ['1', '2'].map((door) => doorOf(door)),
    { lifecycle: 'provisioning', ...more },
  );
  const registered = await registerVendor(vendor, bank, { allowLoopback: false, newId });
  await table.write([...bankWrites(bank), ...registered.writes]);
  let now = start;
  const journal: unknown[] = [];
  const asks: unknown[] = [];
  const again: { message: unknown; delaySeconds: number }[] = [];
  const calls: { url: string; body: unknown; withinMs: number; headers: Record<string, string> }[] = [];
  const replies: Reply[] = [];
  let queueFails = false;
  const queues = {
    journal: {
      send: async (message: unknown) => {
        if (queueFails) throw new Error('the queue is not there');
        journal.push(message);
      },
    },
    ask: { send: async (message: unknown) => void asks.push(message) },
  };
  const deps = (on: Table) => ({ table: on, rootKeys: async () => rootKeys, newId, clock: () => now, queues });

  const call = async (route: { id: string }, body: unknown, tenant = bank.tenant, on: Table = table) => {
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now: instant(now), newId };
    const caller = { tenant, mode: 'live' };
    const it = { params: { bankId: bank.id }, body, caller, circumstances } as unknown as Call<never>;
    const handler = lockBoardHandlers({ ...deps(on), allowLoopback: false })[route.id] as unknown as (
      it: Call<never>,
    ) => Promise<{ body: unknown }>;
    try {
      return (await handler(it)).body;
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return { code: error.code, errors: error.errors?.map(({ pointer }) => pointer) };
    }
  };
  const order = async (door = '1', validSeconds = 30) => {
    const circumstances = { actor: { type: 'staff' as const, id: 'staff' }, now: instant(now), newId };
    const ordered = await openCommands(table).order(
      { tenant: bank.tenant, bankId: bank.id, door },
      { id: newId('cmd'), reason: 'cleaning', notAfter: plusSeconds(instant(now), validSeconds), credential: null },
      circumstances,
      () => [],
    );
    if (ordered === null) throw new Error(`there is no door ${door}`);
    return ordered.command;
  };
  const queued = (
    { id, tenant, notAfter }: { id: string; tenant: string; notAfter: string },
    bankId = bank.id,
  ): Envelope => ({
    ...sampleEvent('command.queued'),
    tenant,
    subject: id,
    data: { bankId, door: '1', notAfter },
  });
  const reactOn = (on: Table) =>
    lockBoardReaction({
      ...deps(on),
      endpoints: {
        ask: async (url, headers, body, withinMs) => {
          calls.push({ url, headers, body: JSON.parse(body), withinMs });
          return replies.shift() ?? ok;
        },
      },
      again: { send: async (message, delaySeconds = 0) => void again.push({ message, delaySeconds }) },
    });
  const entries = () =>
    z
      .array(z.looseObject({ entries: z.array(z.looseObject({ seq: z.number(), type: z.string() })) }))
      .parse(journal)
      .flatMap((it) => it.entries);
  return {
    table,
    bank,
    journal,
    asks,
    again,
    calls,
    replies,
    order,
    queued,
    react: reactOn(table),
    reactOn,
    entries,
    types: () => entries().map(({ type }) => type),
    hear: (body: z.input<ReturnType<typeof Callback>>, tenant?: string, on?: Table) =>
      call(contract.hearLockBoard, Callback().parse(body), tenant, on),
    update: (body: unknown) => call(contract.updateLockBoard, body),
    show: (tenant?: string) => call(contract.getLockBoard, {}, tenant),
    memory: async () => (await readLockBoard(table, bank.id))?.lockBoard.memory,
    elapse: (seconds: number) => {
      now += seconds * 1000;
    },
    failQueue: (fails: boolean) => {
      queueFails = fails;
    },
    /** What is handed over, by the real journal function. */
    record: async () => {
      const silent = async () => undefined;
      const consume = journalConsumer({
        ...deps(table),
        link: { ack: silent, replay: silent, answer: silent, key: silent },
        shadows: { change: silent },
        queue: { send: silent },
      });
      for (const message of journal.splice(0)) await consume(message as never);
    },
  };
};

const state = (lock: string, door: 'open' | 'closed' | '', goods: '1' | '0' | '', seconds: number) => ({
  boardStates: [{ board: '0a', locks: [{ lock, door, goods, ts: String(start + seconds * 1000) }] }],
});
const typed = (code: string, seconds: number) => ({
  codes: [{ terminal: '1', code, ts: String(start + seconds * 1000) }],
});

describe('a callback of a lock board', () => {
  it('makes its bank take part, by a boot with the key, in the shape of the IoT rule', async () => {
    const { hear, journal, bank, record, table, memory } = await world();
    expect(await hear({})).toEqual({ news: 0 });
    expect(journal).toEqual([
      {
        bankId: bank.id,
        journalId: expect.stringMatching(/^jnl_/),
        brokerTime: start,
        entries: [{ seq: 1, type: 'boot', at: start, generation: 1 }],
      },
    ]);
    expect((await memory())?.outbox).toEqual({ journal: [], asks: [] });
    await record();
    expect((await readBankConsistent(table, bank.id))?.lifecycle).toBe('active');
  });

  it('said again says nothing, and is not even written', async () => {
    const { hear, types, table } = await world();
    const body = state('1F', 'open', '0', 0);
    expect(await hear(body)).toEqual({ news: 1 });
    const calls = table.calls.length;
    expect(await hear(body)).toEqual({ news: 0 });
    expect(table.calls.slice(calls)).toEqual(['batchGet']);
    expect(types()).toEqual(['boot', 'door.forced']);
  });

  it('is handed over again after the queue was not there, though it says nothing new then', async () => {
    const { hear, types, failQueue, journal, record } = await world();
    failQueue(true);
    await expect(hear(state('1F', 'open', '0', 0))).rejects.toThrow('not there');
    failQueue(false);
    expect(await hear(state('1F', 'open', '0', 0))).toEqual({ news: 0 });
    expect(types()).toEqual(['boot', 'door.forced']);
    expect(journal).toHaveLength(1);
    await record();
  });

  it('that dies after it was handed over is handed over twice, and recorded once', async () => {
    const { hear, types, table, record, bank } = await world();
    let writes = 0;
    const dying: Table = {
      ...table,
      write: async (it) => {
        writes += 1;
        if (writes === 2) throw new Error('the function died');
        await table.write(it);
      },
    };
    await expect(hear(state('1F', 'open', '0', 0), bank.tenant, dying)).rejects.toThrow('died');
    await hear(state('1F', 'closed', '0', 1));
    expect(types()).toEqual(['boot', 'door.forced', 'boot', 'door.forced', 'door.closed']);
    await record();
    const door = await table.get(keys.compartment(bank.id, '1'));
    expect(door).toMatchObject({ doorState: 'closed', wear: 1, lastEntry: { seq: 3 } });
  });

  it('that meets another at the same moment is decided again', async () => {
    const { hear, types, table, bank, memory } = await world();
    let met = false;
    const meeting: Table = {
      ...table,
      write: async (it) => {
        if (!met) {
          met = true;
          await hear(state('20', 'open', '0', 0));
        }
        await table.write(it);
      },
    };
    await hear(state('1F', 'open', '0', 0), bank.tenant, meeting);
    expect(types()).toEqual(['boot', 'door.forced', 'door.forced']);
    expect((await memory())?.seq).toBe(3);
    const lost: Table = {
      ...table,
      write: async () => {
        throw new Lost([]);
      },
    };
    expect(await hear(state('1F', 'closed', '0', 1), bank.tenant, lost)).toMatchObject({ code: 'busy' });
  });

  it('is refused with what is wrong in it, and nothing of it is taken', async () => {
    const { hear, types } = await world();
    const [good] = state('1F', 'open', '0', 0).boardStates;
    const lock = { lock: '1F', door: '', goods: '', ts: String(start + 600_000) } as const;
    const body = {
      boardStates: [...(good ? [good] : []), { board: '0B', locks: [] }, { board: '0A', locks: [lock] }],
      codes: [{ terminal: '1', code: '1', ts: String(start + 600_000) }],
    };
    expect(await hear(body)).toEqual({
      code: 'invalid_request',
      errors: ['/boardStates/1/board', '/boardStates/2/locks/0/ts', '/codes/0/ts'],
    });
    expect(types()).toEqual([]);
    expect(
      Callback()
        .safeParse({ boardStates: [{ board: 'XY', locks: [{ lock: '1F', door: 'ajar', goods: 1, ts: 'now' }] }] })
        .error?.issues.map(({ path }) => path.join('/')),
    ).toEqual([
      'boardStates/0/board',
      'boardStates/0/locks/0/door',
      'boardStates/0/locks/0/goods',
      'boardStates/0/locks/0/ts',
    ]);
  });

  it('is not taken of the bank of another tenant, nor of one that was cut off', async () => {
    const { hear, show } = await world();
    expect(await hear({}, 'ten_2')).toMatchObject({ code: 'not_found' });
    expect(await show('ten_2')).toMatchObject({ code: 'not_found' });
    const gone = await world({ lifecycle: 'decommissioned' });
    expect(await gone.hear({})).toMatchObject({ code: 'invalid_transition' });
  });

  it('asks about codes that are somebody’s, in the shape of the IoT rule, and counts the others', async () => {
    const { hear, asks, types, table, bank, elapse } = await world();
    const verifier = verifierOf(bankKeyOf(rootKeys, bank.id, bank.bankKey), 'pin', '123456');
    await table.write([
      { kind: 'lock', expects: 'absent', put: { ...keys.lock(bank.id, verifier), tenant: bank.tenant } },
    ]);
    expect(await hear(typed('123456', 0))).toEqual({ news: 1 });
    expect(asks).toEqual([
      { bankId: bank.id, brokerTime: start, askId: expect.any(String), method: 'pin', verifier, at: start },
    ]);
    expect(await hear(typed('123456', 0))).toEqual({ news: 0 });
    for (const second of [1, 2, 3, 4, 5]) {
      elapse(1);
      await hear(typed('999999', second));
    }
    elapse(1);
    await hear(typed('123456', 6));
    expect(asks).toHaveLength(1);
    expect(types().slice(-2)).toEqual(['access.denied', 'access.denied']);
  });

  it('shows where its locks are, and how fresh that is', async () => {
    const { show, hear, bank } = await world();
    const { url, locks } = vendor;
    expect(await show()).toEqual({ id: bank.id, url, locks, toldAt: null });
    await hear(state('1F', 'closed', '', 1));
    expect(await show()).toMatchObject({ toldAt: instant(start + 1_000) });
  });
});

describe('a lock board that is changed', () => {
  const moved = { ...vendor.locks, '2': { board: '0B', lock: '01' } };

  it('hears and calls the new locks from then on, and its bank tells of it', async () => {
    const { update, hear, order, queued, react, calls, types, record, bank, table } = await world();
    await hear({});
    await record();
    expect(await update({ locks: moved, url: 'https://other.example.com/u' })).toMatchObject({ locks: moved });
    const commit = await table.get(keys.events(keys.bankLog(bank.id).PK, 2));
    expect(commit).toBeDefined();
    expect(await hear(state('20', 'open', '0', 1))).toMatchObject({ news: 0 });
    const body = { boardStates: [{ board: '0B', locks: [{ lock: '1', door: 'open', goods: '0', ts: '' } as const] }] };
    expect(await hear(body)).toEqual({ news: 1 });
    await react(queued(await order()));
    expect(calls).toMatchObject([{ url: 'https://other.example.com/u', body: { board: '0A', lock: '1F' } }]);
    expect(types()).toEqual(['door.forced', 'command.acknowledged']);
  });

  it('is refused as one that is registered, and says nothing where nothing changes', async () => {
    const { update, hear, record, table } = await world();
    await hear({});
    await record();
    expect(await update({ url: 'http://127.0.0.1/', locks: { '1': { board: '0A', lock: '1F' } } })).toEqual({
      code: 'invalid_request',
      errors: ['/url', '/locks/2'],
    });
    const rows = table.rows().length;
    expect(await update({})).toMatchObject({ url: vendor.url });
    expect(table.rows()).toHaveLength(rows);
  });
});

describe('a command for a lock board', () => {
  it('is sent to its lock at once, signed, and its answer is journalled', async () => {
    const { order, queued, react, calls, again, types } = await world();
    const command = await order();
    await react(queued(command));
    expect(calls).toEqual([
      {
        url: vendor.url,
        body: { board: '0A', lock: '1F', ref: command.id },
        withinMs: 4_000,
        headers: expect.objectContaining({
          'webhook-id': command.id,
          'webhook-signature': expect.stringMatching(/^v1,/),
        }),
      },
    ]);
    expect(again).toEqual([]);
    expect(types()).toEqual(['boot', 'command.acknowledged']);
  });

  it.each([
    ['a failure', reply(500, '{"result":"ok"}')],
    ['no answer', reply(null)],
    ['an answer that is none', reply(200, 'OK')],
    ['a refusal', reply(404, '{}')],
  ])('is sent again after %s, until it is answered', async (_, first) => {
    const { order, queued, react, calls, again, types, replies, elapse } = await world();
    replies.push(first, first);
    const event = queued(await order());
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await react(event);
      elapse(2);
    }
    expect(again).toEqual(Array.from({ length: 2 }, () => ({ message: { detail: event }, delaySeconds: 2 })));
    expect(types()).toEqual(['boot', 'command.acknowledged']);
    await react(event);
    expect(calls).toHaveLength(3);
  });

  it('is not sent once it is over, nor answered for longer than it may open', async () => {
    const { order, queued, react, calls, again, replies, elapse } = await world();
    const event = queued(await order('1', 5));
    replies.push(reply(500), reply(500));
    await react(event);
    elapse(3);
    await react(event);
    expect(calls.map(({ withinMs }) => withinMs)).toEqual([4_000, 2_000]);
    // The next attempt would come too late.
    expect(again).toHaveLength(1);
    elapse(2);
    await react(event);
    expect(calls).toHaveLength(2);
  });

  it('that opened before its answer was had is not sent again', async () => {
    const { order, queued, react, calls, replies, hear, record, table, bank } = await world();
    const command = await order();
    replies.push(reply(null));
    await react(queued(command));
    await hear(state('1F', 'open', '0', 1));
    await react(queued(command));
    expect(calls).toHaveLength(1);
    await record();
    expect(await table.get(keys.command(bank.tenant, command.id))).toMatchObject({ state: 'opened' });
  });

  it('that was jammed fails, and takes its compartment out of service', async () => {
    const { order, queued, react, replies, record, table, bank, types } = await world();
    const command = await order();
    replies.push(reply(200, '{"result":"jammed"}'));
    await react(queued(command));
    expect(types()).toEqual(['boot', 'command.acknowledged', 'lock.jammed', 'command.failed']);
    await record();
    expect(await table.get(keys.command(bank.tenant, command.id))).toMatchObject({
      state: 'failed',
      outcome: 'lock_jammed',
    });
    expect(await table.get(keys.compartment(bank.id, '1'))).toMatchObject({ outOfService: 'lock_jammed' });
  });

  it('comes again in time where the table is busy', async () => {
    const { order, queued, reactOn, again, table, calls } = await world();
    const event = queued(await order());
    const busy: Table = {
      ...table,
      batchGet: async () => {
        throw new Refusal('busy', 'the table is busy');
      },
    };
    await reactOn(busy)(event);
    expect([calls.length, again]).toEqual([0, [{ message: { detail: event }, delaySeconds: 2 }]]);
    const broken: Table = { ...table, batchGet: () => Promise.reject(new Error('no such table')) };
    await expect(reactOn(broken)(event)).rejects.toThrow('no such table');
  });

  it('of a bank that speaks our own protocol is left to its shadow', async () => {
    const { queued, react, calls, table } = await world();
    const own = bankOf([doorOf('1')], { id: 'bnk_2' });
    await table.write(bankWrites(own));
    await react(queued({ id: 'cmd_1', tenant: own.tenant, notAfter: startedAt }, own.id));
    expect(calls).toEqual([]);
  });

  it('is told to a controller that was replaced by a boot with the new key', async () => {
    const { hear, table, bank, types, entries, record } = await world();
    await hear({});
    await record();
    const now = await readBankConsistent(table, bank.id);
    if (now === null) throw new Error('the bank is gone');
    const replaced = { ...now, lifecycle: 'provisioning' as const, bankKey: { generation: 2, keyVersion: 1 } };
    await table.write([bankUpdate({ ...replaced, version: now.version + 1 })]);
    await hear({});
    expect(types()).toEqual(['boot']);
    expect(entries()).toEqual([expect.objectContaining({ seq: 2, generation: 2 })]);
    await record();
    expect((await readBankConsistent(table, bank.id))?.lifecycle).toBe('active');
  });
});

describe('registering a lock board', () => {
  const bank = bankOf(['1', '2'].map((door) => doorOf(door)));
  const registering = async (of: Partial<Vendor>, allowLoopback = false): Promise<string[]> => {
    try {
      await registerVendor({ ...vendor, ...of }, bank, { allowLoopback, newId: (it) => it });
      return [];
    } catch (error) {
      if (!(error instanceof Refusal)) throw error;
      return error.errors?.map(({ pointer, detail }) => `${pointer} ${detail}`) ?? [];
    }
  };

  it.each<[Partial<Vendor>, boolean, string[]]>([
    [{}, false, []],
    [{ url: 'http://boards.example.com/' }, false, ['/vendor/url must start with https://']],
    [{ url: 'https://169.254.169.254/' }, false, ['/vendor/url must lead to a public address']],
    [{ url: 'http://127.0.0.1:8080/unlock' }, true, []],
    [{ url: 'http://10.0.0.1/unlock' }, true, ['/vendor/url must lead to a public address']],
    [{ locks: { '1': { board: '0A', lock: '1F' } } }, false, ['/vendor/locks/2 is missing']],
  ])('takes addresses as webhooks do, and a lock for every door: %j', async (of, allowLoopback, errors) => {
    expect(await registering(of, allowLoopback)).toEqual(errors);
  });

  it('fits 120 doors into a row', async () => {
    const doors = Array.from({ length: 120 }, (_, nth) => `A${nth}`);
    const locks = Object.fromEntries(doors.map((door, nth) => [door, { board: '000A', lock: nth.toString(16) }]));
    const large = bankOf(doors.map((door) => doorOf(door)));
    const table = memoryTable();
    const of = { allowLoopback: false, newId: (it: string) => it };
    const registered = await registerVendor({ ...vendor, locks }, large, of);
    await table.write([...bankWrites(large), ...registered.writes]);
    expect((await readLockBoard(table, large.id))?.lockBoard.locks).toEqual(locks);
    expect(JSON.stringify(table.rows().find(({ SK }) => SK === 'V')?.locks).length).toBeLessThan(2_000);
  });
});
