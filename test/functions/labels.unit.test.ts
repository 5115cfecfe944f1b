import { describe, expect, it } from 'vitest';
import * as contract from '#shared/api/transactions.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { type Terms, termsText } from '#shared/domain/terms.ts';
import { epochMs } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { anItem, bankOf, doorOf, startedAt as now } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

/** A parcel at a bank whose tenant and site say this of workflows: where its label has to be scanned. */
const scannedAt = async (terms: Terms, custody?: object): Promise<string | undefined> => {
  const table = memoryTable();
  const bank = bankOf([doorOf('1')], { terms: termsText(terms) });
  await table.write(bankWrites(bank));
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = transactionHandlers({ table, rootKeys, newId, clock: () => epochMs(now) });
  const answer = await handlers[contract.createTransaction.id]?.({
    params: {},
    query: {},
    body: contract.createTransaction.body().parse({ workflow: 'parcel', bankId: bank.id, items: [anItem], custody }),
    caller: { tenant: bank.tenant, apiKeyId: 'key_1', scopes: [], system: null, mode: 'live' },
    now,
    circumstances: { actor: { type: 'api_key', id: 'key_1' }, now, newId },
    ifMatch: undefined,
    record: () => [],
  } as never);
  return contract.TransactionView.parse(answer?.body).scanAt;
};

describe('where a label has to be scanned', () => {
  const terms: Terms = { parcel: { scanAt: ['deposit', 'pickup'] } };
  const label = 'CUSTODY-1';

  it('is what the tenant or the site says, unless the call says otherwise', async () => {
    expect(await scannedAt(terms, { label })).toBe('deposit,pickup');
    expect(await scannedAt(terms, { label, scanAt: ['pickup'] })).toBe('pickup');
    expect(await scannedAt({}, { label })).toBeUndefined();
  });

  it('is nowhere for a parcel without a label, which is refused where one is asked for', async () => {
    expect(await scannedAt({})).toBeUndefined();
    await expect(scannedAt(terms)).rejects.toThrow(
      '/custody is missing: a label has to be scanned at the deposit and the pickup',
    );
  });
});
