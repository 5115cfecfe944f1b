import { describe, expect, it } from 'vitest';
import { catalogue, isEventType } from '#events/catalogue.ts';
import { Presence } from '#shared/domain/connectivity.ts';
import { epochMs, instant, plusSeconds } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import type { Table } from '#shared/store/table.ts';
import { presenceConsumer } from '../../functions/device/presence.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

type Message = Parameters<ReturnType<typeof presenceConsumer>>[0];

const bank = bankOf([doorOf('1')]);

/** Of its chain, after a boot was recorded. */
const head = { tenant: bank.tenant, bankId: bank.id, siteId: bank.siteId, door: null, version: 1, hash: 'h' };

/** A bank whose presence is heard of, and the delayed messages that wait for their time. */
const world = async () => {
  const table = memoryTable();
  await table.write(bankWrites(bank));
  let now = epochMs(startedAt);
  let waiting: { message: Message; at: number }[] = [];
  const sent = async (message: unknown, delaySeconds = 0) => {
    waiting.push({ message: message as Message, at: now + delaySeconds * 1000 });
  };
  const consumerOn = (on: Table, send = sent) =>
    presenceConsumer({
      table: on,
      newId,
      clock: () => now,
      queue: { send },
      waits: { suspectSeconds: 15, offlineSeconds: 180, steadySeconds: 60 },
    });
  const consume = consumerOn(table);
  const lifecycle = (eventType: 'connected' | 'disconnected', versionNumber: number, bankId = bank.id): Message => ({
    bankId,
    eventType,
    timestamp: now,
    versionNumber,
    sessionIdentifier: `s${versionNumber}`,
    ...(eventType === 'disconnected' && { disconnectReason: 'CONNECTION_LOST' }),
  });
  return {
    table,
    consume,
    consumerOn,
    lifecycle,
    waiting: () => waiting,
    elapse: (seconds: number) => {
      now += seconds * 1000;
    },
    /** Time passes, and what was delayed comes, twice. */
    pass: async (seconds: number) => {
      const until = now + seconds * 1000;
      for (;;) {
        const next = waiting.toSorted((a, b) => a.at - b.at)[0];
        if (next === undefined || next.at > until) break;
        waiting = waiting.filter((it) => it !== next);
        now = Math.max(now, next.at);
        await consume(next.message);
        await consume(next.message);
      }
      now = until;
    },
    told: () =>
      table
        .rows()
        .filter(({ SK }) => SK.startsWith('C#'))
        .flatMap((row) => CommitRow.parse(row).events),
    presence: async () => Presence.parse(await table.get(keys.connectivity(bank.id))),
    outages: () => table.rows().filter(({ SK }) => SK.startsWith('F#')),
  };
};

describe('the presence of a bank', () => {
  it('is told when its connection broke and stayed so, and when it is back', async () => {
    const { consume, lifecycle, pass, told, presence, outages } = await world();
    await consume(lifecycle('connected', 3));
    await pass(100);
    await consume(lifecycle('disconnected', 3));
    await pass(1_000);
    expect(await presence()).toMatchObject({ connectivity: 'offline', since: plusSeconds(startedAt, 100) });
    await consume(lifecycle('connected', 5));
    await pass(1_000);
    expect(await presence()).toMatchObject({ connectivity: 'online', since: plusSeconds(startedAt, 1_100) });
    expect(told().map(({ type }) => type)).toEqual(['bank.suspected_offline', 'bank.offline', 'bank.online']);
    for (const { type, data } of told()) if (isEventType(type)) catalogue[type].strict().parse(data);
    expect(outages()).toMatchObject([
      { door: null, startedAt: plusSeconds(startedAt, 100), endedAt: plusSeconds(startedAt, 1_100) },
    ]);
  });

  it('costs one read and one write for each thing that is heard', async () => {
    const { table, consume, lifecycle } = await world();
    const before = table.calls.length;
    await consume(lifecycle('connected', 3));
    await consume(lifecycle('disconnected', 3));
    expect(table.calls.slice(before)).toEqual(['batchGet', 'write', 'batchGet', 'write']);
  });

  it('saves nothing that nobody would come back to', async () => {
    const { consume, consumerOn, table, lifecycle, presence, pass, told } = await world();
    await consume(lifecycle('connected', 3));
    await pass(100);
    const broke = lifecycle('disconnected', 3);
    const failing = consumerOn(table, () => Promise.reject(new Error('the queue is away')));
    await expect(failing(broke)).rejects.toThrow('the queue is away');
    expect(await presence()).toMatchObject({ link: { up: true } });
    await consume(broke);
    await pass(20);
    expect(told().map(({ type }) => type)).toEqual(['bank.suspected_offline']);
  });

  it('that comes and goes gathers no waits: each is for one news, and those of before ask for nothing', async () => {
    const { consume, lifecycle, pass, waiting, told } = await world();
    await consume(lifecycle('connected', 0));
    await pass(100);
    for (let nth = 1; nth <= 50; nth += 1) {
      await consume(lifecycle('disconnected', nth));
      await pass(5);
      await consume(lifecycle('connected', nth + 1));
      await pass(5);
      // A wait takes a minute at the most, in which the connection changes twelve times.
      expect(waiting().length).toBeLessThanOrEqual(12);
    }
    expect(told()).toEqual([]);
  });

  it('comes back to what is not saved yet', async () => {
    const { consume, lifecycle } = await world();
    await consume(lifecycle('connected', 3));
    await expect(consume({ bankId: bank.id, unchangedSince: 9 })).rejects.toThrow('not saved yet');
  });

  it('starts over when somebody else has written into the chain of the bank meanwhile', async () => {
    const { consume, consumerOn, table, lifecycle, pass, waiting, elapse, told } = await world();
    await consume(lifecycle('connected', 3));
    await pass(100);
    await consume(lifecycle('disconnected', 3));
    const [wait] = waiting();
    elapse(15);
    let isFirst = true;
    const interrupted: Table = {
      ...table,
      write: async (writes) => {
        if (isFirst)
          await table.write([{ kind: 'subject', expects: 'absent', put: { ...keys.bankLog(bank.id), ...head } }]);
        isFirst = false;
        await table.write(writes);
      },
    };
    if (wait) await consumerOn(interrupted)(wait.message);
    expect(told()).toMatchObject([{ type: 'bank.suspected_offline', sequence: 2 }]);
  });

  it('of a client that is no bank of ours is nobody’s business', async () => {
    const { consume, lifecycle, waiting, table } = await world();
    const before = table.rows();
    await consume(lifecycle('disconnected', 3, 'bnk_unknown'));
    expect(table.rows()).toEqual(before);
    expect(waiting()).toEqual([]);
  });

  it('is not earlier than it was heard of, though IoT’s clock is ahead', async () => {
    const { consume, lifecycle, presence } = await world();
    await consume({ ...lifecycle('connected', 3), timestamp: epochMs(startedAt) + 100_000 } as Message);
    expect((await presence()).since).toBe(instant(epochMs(startedAt)));
  });
});
