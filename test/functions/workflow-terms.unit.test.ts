import { describe, expect, it } from 'vitest';
import * as contract from '#shared/api/workflow-terms.ts';
import { offlineSecondsOf } from '#shared/domain/bank.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { agreedAt } from '#shared/domain/terms.ts';
import { epochMs } from '#shared/domain/time.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites, readBankConsistent } from '#shared/store/banks.ts';
import { CommitRow } from '#shared/store/commit-row.ts';
import { keys } from '#shared/store/rows.ts';
import { policyReaction } from '../../functions/bus/policies.ts';
import { workflowTermsHandlers } from '../../functions/http/workflow-terms.ts';
import { bankOf, doorOf, startedAt as now } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const dayAndHour = { deadlineSeconds: { reserveUntil: 3_600, pickupBy: 86_400 } };

/** A tenant with two sites, and a bank at each. */
const opened = async () => {
  const table = memoryTable();
  for (const id of ['sit_a', 'sit_b'])
    await table.write([{ kind: 'other', expects: 'absent', put: { ...keys.site(tenant, id), id } }]);
  for (const nth of [1, 2])
    await table.write(
      bankWrites(bankOf([doorOf('1')], { id: `bnk_${nth}`, siteId: ['sit_a', 'sit_b'][nth - 1] ?? '' })),
    );
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = workflowTermsHandlers({ table, rootKeys, newId, clock: () => epochMs(now) });
  const call = async (id: string, more: Record<string, unknown>) => {
    const handler = handlers[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const { body, etag } = await handler({ caller: { tenant, mode: 'live' }, now, circumstances, ...more } as never);
    return { ...contract.WorkflowTermsView.parse(body), etag };
  };
  const react = policyReaction({ table, newId, clock: () => epochMs(now) });
  return {
    table,
    read: (scope: string) => call(contract.getWorkflowTerms.id, { params: { scope } }),
    say: (scope: string, workflows: object, ifMatch?: number) =>
      call(contract.updateWorkflowTerms.id, { params: { scope }, body: { workflows }, ifMatch }),
    limit: (scope: string, offlineSeconds: object | null) =>
      call(contract.updateWorkflowTerms.id, { params: { scope }, body: { workflows: {}, offlineSeconds } }),
    hush: (scope: string, quietHours: object | string | null) =>
      call(contract.updateWorkflowTerms.id, { params: { scope }, body: { workflows: {}, quietHours } }),
    tell: (siteId: string | null) =>
      react({ type: 'workflow_terms.updated', tenant, subject: 'wft_1', data: { siteId } }),
    at: async (bankId: string) => {
      const bank = await readBankConsistent(table, bankId);
      if (bank === null) throw new Error(`there is no ${bankId}`);
      return { ...bank, parcel: agreedAt(bank, 'parcel') };
    },
  };
};

describe('what a tenant and its sites say of workflows', () => {
  it('is nothing at first, and the workflow table holds', async () => {
    const { read } = await opened();
    expect(await read('tenant')).toMatchObject({ siteId: null, workflows: {}, version: 0, etag: 0, updatedAt: null });
    expect((await read('sit_a')).effective).toMatchObject({
      parcel: { deadlineSeconds: { reserveUntil: 86_400 } },
      release: { tolerance: { earlySeconds: 600 } },
      sale: { conditions: ['payment'] },
    });
  });

  it('is read with what holds there, in one call, and changed with one call more', async () => {
    const { say, read, table } = await opened();
    await say('tenant', { parcel: dayAndHour });
    table.calls.length = 0;
    const said = await say('sit_a', { parcel: { deadlineSeconds: { pickupBy: 7_200 } } });
    expect(table.calls).toEqual(['batchGet', 'write']);
    expect(said).toMatchObject({ siteId: 'sit_a', version: 1, etag: 1, updatedAt: now });
    expect(said.effective.parcel.deadlineSeconds).toEqual({ reserveUntil: 3_600, depositBy: 172_800, pickupBy: 7_200 });
    table.calls.length = 0;
    expect((await read('sit_a')).effective).toEqual(said.effective);
    expect(table.calls).toEqual(['batchGet']);
    expect((await read('sit_b')).effective.parcel.deadlineSeconds.pickupBy).toBe(86_400);
  });

  it('is not changed from a version that holds no more', async () => {
    const { say } = await opened();
    await say('tenant', { parcel: dayAndHour }, 0);
    await expect(say('tenant', { parcel: null }, 0)).rejects.toMatchObject({ code: 'precondition_failed' });
  });

  it('is not said of a site that there is not', async () => {
    const { read, say } = await opened();
    await expect(read('sit_9')).rejects.toMatchObject({ code: 'not_found' });
    await expect(say('sit_9', {})).rejects.toMatchObject({ code: 'not_found' });
  });

  it('reaches the banks of the site that it is said of, or all of them, and goes from them when it is taken back', async () => {
    const { say, tell, at } = await opened();
    const usual = (await at('bnk_1')).parcel;
    await say('sit_b', { parcel: { conditions: ['age'] } });
    await tell('sit_b');
    expect(await at('bnk_1')).toMatchObject({ version: 1, parcel: usual });
    expect(await at('bnk_2')).toMatchObject({ version: 2, parcel: { ...usual, conditions: ['age'] } });
    await say('tenant', { parcel: dayAndHour });
    await tell(null);
    await tell(null);
    expect((await at('bnk_1')).parcel.deadlines.pickupBy).toBe(86_400);
    expect(await at('bnk_2')).toMatchObject({
      version: 3,
      parcel: { deadlines: { pickupBy: 86_400 }, conditions: ['age'] },
    });
    await say('tenant', { parcel: null });
    await tell(null);
    expect((await at('bnk_1')).parcel).toEqual(usual);
  });
});

describe('when people are not to be disturbed', () => {
  const nightly = { from: '21:00', to: '07:00' };

  it('is said by the tenant, by a site instead, and kept by its banks without telling them', async () => {
    const { hush, read, tell, at } = await opened();
    expect(await read('tenant')).toMatchObject({ quietHours: null, effectiveQuietHours: 'none' });
    expect(await hush('tenant', nightly)).toMatchObject({ quietHours: nightly, effectiveQuietHours: nightly });
    expect(await hush('sit_b', 'none')).toMatchObject({ quietHours: 'none', effectiveQuietHours: 'none' });
    expect(await read('sit_a')).toMatchObject({ quietHours: null, effectiveQuietHours: nightly });
    const { rev } = (await at('bnk_1')).config;
    await tell(null);
    expect(await at('bnk_1')).toMatchObject({ quietHours: nightly, config: { rev } });
    expect(await at('bnk_2')).not.toHaveProperty('quietHours');
    await hush('sit_b', null);
    await tell('sit_b');
    expect((await at('bnk_2')).quietHours).toEqual(nightly);
    await hush('tenant', null);
    await tell(null);
    expect((await at('bnk_1')).quietHours).toBeUndefined();
  });
});

describe('for how long banks open without the cloud', () => {
  const updates = (table: ReturnType<typeof memoryTable>) =>
    table
      .rows()
      .filter(({ SK }) => String(SK).startsWith('C#'))
      .flatMap((row) => CommitRow.parse(row).events)
      .filter(({ type }) => type === 'bank.updated');

  it('is said by the tenant, narrowed by the site method by method, and a bank comes before both', async () => {
    const { limit, read, tell, at } = await opened();
    expect(await limit('tenant', { pin: 3_600, badge: 600 })).toMatchObject({
      effectiveOfflineSeconds: { pin: 3_600, badge: 600 },
    });
    expect(await limit('sit_b', { badge: 0 })).toMatchObject({
      offlineSeconds: { badge: 0 },
      effectiveOfflineSeconds: { pin: 3_600, badge: 0 },
    });
    await tell(null);
    expect(offlineSecondsOf(await at('bnk_1'))).toEqual({ pin: 3_600, badge: 600 });
    const second = await at('bnk_2');
    expect(offlineSecondsOf(second)).toEqual({ pin: 3_600, badge: 0 });
    const own = { ...second, config: { ...second.config, offlineSeconds: { pin: 60 } } };
    expect(offlineSecondsOf(own)).toEqual({ pin: 60, badge: 0 });
    expect((await read('sit_a')).effectiveOfflineSeconds).toEqual({ pin: 3_600, badge: 600 });
  });

  it('is told to a bank when it changes, once, and not when something else does', async () => {
    const { limit, say, tell, at, table } = await opened();
    await limit('tenant', { pin: 3_600 });
    await tell(null);
    await tell(null);
    const told = updates(table);
    expect(told.map(({ subject, data }) => [subject, data.offlineSeconds])).toEqual([
      ['bnk_1', { pin: 3_600 }],
      ['bnk_2', { pin: 3_600 }],
    ]);
    const { rev } = (await at('bnk_1')).config;
    await say('tenant', { parcel: dayAndHour });
    await tell(null);
    expect(updates(table)).toHaveLength(2);
    expect((await at('bnk_1')).config.rev).toBe(rev);
    await limit('tenant', null);
    await tell(null);
    expect(updates(table)).toHaveLength(4);
    expect(offlineSecondsOf(await at('bnk_1'))).toEqual({});
    expect((await at('bnk_1')).config.rev).toBe(rev + 1);
  });
});
