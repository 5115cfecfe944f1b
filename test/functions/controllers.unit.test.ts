import { describe, expect, it } from 'vitest';
import * as contract from '#shared/api/controllers.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { controllerHandlers } from '../../shared/lambda/controllers.ts';
import { bankOf, doorOf } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const now = '2026-03-01T12:00:00.000Z';

/** The handlers as `serve` calls them, with a request parsed and allowed, at a bank that takes part. */
const calling = async () => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf([doorOf('1')]);
  const { tenant } = bank;
  await table.write(bankWrites(bank));
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = controllerHandlers({ table, rootKeys, newId, clock: () => epochMs(now) });
  const act = async ({ id }: { id: string }, body: object, more: object = {}) => {
    const handler = handlers[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const params = { bankId: bank.id };
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const cursors = cursorsOf(rootKeys, { tenant, route: id, params, query: {} });
    const all = { params, body, query: {}, caller: { tenant }, now, circumstances, cursors, record: () => [], ...more };
    const { body: told, etag } = await handler(all as never);
    return { ...contract.ControllerView.parse(told), etag };
  };
  const events = () => table.rows().flatMap((row) => (row.SK.startsWith('C#') ? CommitRow.parse(row).events : []));
  return { table, act, events, bankId: bank.id };
};

/** What the bank's chain is lost to: it has just told of something. */
const toItsReport = (bankId: string) => new Lost([{ kind: 'subject', key: keys.bankLog(bankId), current: undefined }]);

describe('what staff do to a controller', () => {
  it('is decided anew where the bank tells of something at the same moment, and done once', async () => {
    const { table, act, events, bankId } = await calling();
    const { write } = table;
    let reports = 3;
    table.write = async (writes) => {
      if (reports-- > 0) throw toItsReport(bankId);
      return write(writes);
    };
    const body = { serialNumber: 'LW-2044-0093', reason: 'stolen' };
    expect(await act(contract.replaceController, body)).toMatchObject({
      serialNumber: 'LW-2044-0093',
      lifecycle: 'provisioning',
      generation: 2,
    });
    expect(events().map(({ type, sequence }) => [type, sequence])).toEqual([['bank.controller_replaced', 1]]);
  });

  it('is done by all who do something at the same moment, each knowing of those before', async () => {
    const { act, events } = await calling();
    const reason = 'yearly';
    await Promise.all([1, 2, 3].map(() => act(contract.rotateCertificate, { reason })));
    expect(events().map(({ sequence }) => sequence)).toEqual([1, 2, 3]);
  });

  it('is done by one of two who have read the same, and the other is told', async () => {
    const { act } = await calling();
    const { etag: ifMatch } = await act(contract.rotateCertificate, { reason: 'yearly' });
    const both = await Promise.allSettled(
      [1, 2].map(() => act(contract.rotateCertificate, { reason: 'again' }, { ifMatch })),
    );
    expect(both.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(both.find(({ status }) => status === 'rejected')).toMatchObject({ reason: { code: 'precondition_failed' } });
  });

  it('is left alone where the bank never stops telling, and whoever asked is to come back', async () => {
    const { table, act, bankId } = await calling();
    table.write = async () => Promise.reject(toItsReport(bankId));
    await expect(act(contract.rotateCertificate, { reason: 'yearly' })).rejects.toMatchObject({
      code: 'busy',
      retryAfterSeconds: 1,
    });
  });
});
