import { describe, expect, it } from 'vitest';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import * as contract from '../../shared/api/transactions.ts';
import { Asset } from '../../shared/domain/asset.ts';
import { changed, newCompartment } from '../../shared/domain/compartment.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { epochMs } from '../../shared/domain/time.ts';
import { bankWrites } from '../../shared/store/banks.ts';
import { compartmentWrite } from '../../shared/store/commit.ts';
import { keys } from '../../shared/store/rows.ts';
import type { Table } from '../../shared/store/table.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
const item = { lengthMm: 300, widthMm: 200, heightMm: 100, thermalClass: 'ambient' as const };
const id = 'ast_1';

/** An asset in its door, and a borrower who asks for it while something else happens at that door. */
const world = async () => {
  const table = memoryTable();
  const bank = bankOf([doorOf('1')]);
  const home = changed({ ...newCompartment('1'), contents: 'filled' }, { heldBy: id }, true);
  const asset = Asset.parse({
    id,
    tenant: bank.tenant,
    name: 'Drill',
    externalId: null,
    item,
    metadata: {},
    bankId: bank.id,
    siteId: bank.siteId,
    door: '1',
    retired: null,
    createdAt: startedAt,
    updatedAt: startedAt,
    version: 1,
    hash: '0'.repeat(64),
  });
  await table.write([
    ...bankWrites(bank),
    { kind: 'subject', expects: 'absent', put: { ...keys.asset(bank.tenant, id), ...asset } },
    compartmentWrite(bank.id, { before: newCompartment('1'), after: home }),
  ]);

  let last = home;
  /** What its bank tells of the door. */
  const happens = async (fields: Partial<typeof home>): Promise<void> => {
    const before = last;
    last = { ...changed(before, fields, true) };
    await table.write([compartmentWrite(bank.id, { before, after: last })]);
  };
  let ids = 0;
  const borrow = async (meanwhile: (nth: number) => Promise<void>) => {
    let nth = 0;
    const seen: Table = {
      ...table,
      write: async (writes) => {
        nth += 1;
        await meanwhile(nth);
        return table.write(writes);
      },
    };
    const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
    const deps = { table: seen, rootKeys: async () => rootKeys, newId, clock: () => epochMs(startedAt) };
    const call = {
      params: {},
      query: {},
      body: {
        workflow: 'loan',
        bankId: bank.id,
        assetId: id,
        items: [],
        recipient: {},
        parties: {},
        externalIds: {},
        metadata: {},
        reservation: 'hard',
        deadlines: {},
      },
      caller: { tenant: bank.tenant, apiKeyId: 'key_1', scopes: [], system: null, mode: 'live' },
      now: startedAt,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now: startedAt, newId },
      ifMatch: undefined,
      record: () => [],
    };
    try {
      const answer = await transactionHandlers(deps)[contract.createTransaction.id]?.(call as never);
      return contract.TransactionView.parse(answer?.body).state;
    } catch (error) {
      if (error instanceof Refusal) return { code: error.code, message: error.message };
      throw error;
    }
  };
  return { borrow, happens };
};

describe('who borrows an asset', () => {
  it.each([1, 2, 3])('gets it, though its bank tells something of the door %s times meanwhile', async (times) => {
    const { borrow, happens } = await world();
    expect(await borrow(async (nth) => (nth <= times ? happens({ commandId: `cmd_${nth}` }) : undefined))).toBe(
      'reserved',
    );
  });

  it('is asked to try again where that does not end', async () => {
    const { borrow, happens } = await world();
    expect(await borrow((nth) => happens({ commandId: `cmd_${nth}` }))).toMatchObject({ code: 'busy' });
  });

  it('is told so if it was taken out meanwhile, or has lost its door', async () => {
    const taken = await world();
    expect(await taken.borrow(() => taken.happens({ contents: 'empty' }))).toMatchObject({
      code: 'reservation_refused',
      message: 'the asset is not in its door',
    });
    const retired = await world();
    expect(await retired.borrow(() => retired.happens({ heldBy: null }))).toMatchObject({
      code: 'reservation_refused',
      message: 'the asset has no door any more',
    });
  });
});
