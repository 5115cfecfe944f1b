import { describe, expect, it } from 'vitest';
import * as contract from '#shared/api/banks.ts';
import type { Presence } from '#shared/domain/connectivity.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, type Instant, instant } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { outageWrite } from '#shared/store/outages.ts';
import { keys } from '#shared/store/rows.ts';
import { bankHandlers } from '../../functions/http/banks.ts';
import { bankOf, doorOf, hours, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const bank = bankOf([doorOf('1'), doorOf('2')]);
const presence: Presence = {
  connectivity: 'online',
  since: hours(1),
  knownSince: hours(1),
  link: { up: true, at: epochMs(hours(1)), versionNumber: 1, sessionIdentifier: 's1', reason: '' },
  heardAt: hours(1),
  drops: 0,
  version: 1,
};

const world = async (its: Partial<Presence> = {}) => {
  const table = memoryTable({ ...keys.connectivity(bank.id), ...presence, ...its });
  await table.write(bankWrites(bank));
  let now = hours(10);
  const ask = async (route: { id: string }, params: object, more: { query?: object; body?: object } = {}) => {
    const call = {
      params: { bankId: bank.id, ...params },
      query: {},
      body: {},
      ...more,
      caller: { tenant: bank.tenant, apiKeyId: 'key_1', mode: 'live', scopes: [], system: null },
      now,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now, newId },
      ifMatch: undefined,
      record: () => [],
    };
    const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
    const handlers = bankHandlers({ table, rootKeys, newId, clock: () => epochMs(now), allowLoopback: false });
    return (await handlers[route.id]?.(call as never))?.body;
  };
  return {
    table,
    ask,
    at: (it: Instant) => {
      now = it;
    },
    health: async (query: object = {}) => contract.BankHealth().parse(await ask(contract.getBankHealth, {}, { query })),
    take: (door: string, outOfService: string | null) =>
      ask(contract.updateCompartment, { door }, { body: { outOfService } }),
    offline: (from: Instant, to: Instant) =>
      table.write([outageWrite(bank.id, { door: null, reason: 'offline', startedAt: from, endedAt: to })]),
  };
};

describe('the health of a bank', () => {
  it('is one read of the table, whatever period is asked for', async () => {
    const { table, health } = await world();
    const before = table.calls.length;
    await health();
    await health({ from: hours(-8_000), to: hours(2) });
    expect(table.calls.slice(before)).toEqual(['query', 'query']);
  });

  it('tells the uptime of the bank from when it first was there, without its outages', async () => {
    const { health, offline } = await world();
    await offline(hours(2), hours(3));
    await offline(hours(5), hours(5.5));
    const { connectivity, connectivitySince, uptime, outages } = await health();
    expect({ connectivity, connectivitySince }).toEqual({ connectivity: 'online', connectivitySince: hours(1) });
    expect(uptime).toEqual({
      from: hours(1),
      to: hours(10),
      seconds: 32_400,
      downSeconds: 5_400,
      outages: 2,
      share: 0.833333,
    });
    expect(outages.map(({ startedAt: at }) => at)).toEqual([hours(5), hours(2)]);
  });

  it('counts what began before the period, and what still goes on', async () => {
    const { health, offline } = await world({ connectivity: 'offline', since: hours(9) });
    await offline(hours(2), hours(4));
    expect((await health({ from: hours(3), to: hours(6) })).uptime).toMatchObject({ downSeconds: 3_600, outages: 1 });
    expect((await health({ from: hours(8) })).uptime).toMatchObject({ downSeconds: 3_600, share: 0.5 });
    expect((await health({ from: hours(8) })).outages).toMatchObject([
      { door: null, reason: 'offline', startedAt: hours(9), endedAt: null },
    ]);
  });

  it('tells of a door how long it was in service', async () => {
    const { health, take, at } = await world();
    at(hours(4));
    await take('2', 'hinge broken');
    at(hours(6));
    await take('2', 'hinge ordered');
    expect((await health()).doors).toMatchObject([
      { door: '1', availability: 'available', outOfService: null, uptime: { share: 1, seconds: 21_600 } },
      {
        door: '2',
        availability: 'out_of_service',
        outOfService: 'hinge ordered',
        outOfServiceSince: hours(4),
        uptime: { downSeconds: 7_200, outages: 1 },
      },
    ]);
    at(hours(8));
    await take('2', null);
    const [, second] = (await health()).doors;
    expect(second).toMatchObject({
      availability: 'available',
      outOfServiceSince: null,
      uptime: { from: startedAt, to: hours(8), downSeconds: 14_400, outages: 1, share: 0.5 },
    });
    expect((await health()).outages).toEqual([
      { door: '2', reason: 'hinge ordered', startedAt: hours(4), endedAt: hours(8) },
    ]);
  });

  it('says from when on it knows, where there are more outages than are read', async () => {
    const { health, table } = await world();
    for (let n = 0; n < 1_300; n += 1) {
      const startedAt_ = instant(epochMs(hours(2)) + n * 10_000);
      const endedAt = instant(epochMs(startedAt_) + 5_000);
      await table.write([outageWrite(bank.id, { door: null, reason: 'offline', startedAt: startedAt_, endedAt })]);
    }
    const { uptime } = await health();
    expect(uptime.from > hours(2) && uptime.from < hours(3)).toBe(true);
    expect(uptime.downSeconds).toBe((uptime.outages * 10) / 2);
    expect(uptime.outages).toBeGreaterThan(1_000);
  });

  it('of a bank that never was there is nothing yet', async () => {
    const { ask, table } = await world();
    await table.write([{ kind: 'other', expects: 'anything', remove: keys.connectivity(bank.id) }]);
    const health = contract.BankHealth().parse(await ask(contract.getBankHealth, {}));
    expect(health).toMatchObject({ connectivity: 'offline', connectivitySince: null, uptime: { share: null } });
    expect(await ask(contract.getBank, {})).toMatchObject({ connectivity: 'offline', connectivitySince: null });
  });

  it('tells nothing of what has not come yet', async () => {
    const { health } = await world();
    expect((await health({ to: hours(99) })).uptime.to).toBe(hours(10));
  });

  it.each([
    ['that ends before it begins', { from: hours(5), to: hours(4) }],
    ['that lies ahead', { from: hours(11), to: hours(12) }],
    ['of more than a year', { from: hours(-9_000), to: hours(1) }],
  ])('is not told of a period %s', async (_, query) => {
    const { health } = await world();
    const refusal = await health(query).catch((error: unknown) => error);
    expect(refusal).toBeInstanceOf(Refusal);
    expect(refusal).toMatchObject({ code: 'invalid_request' });
  });
});
