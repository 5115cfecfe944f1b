import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import * as contract from '#shared/api/assignment-policies.ts';
import { listOf } from '#shared/api/shapes.ts';
import { defaultPolicy } from '#shared/domain/assignment-policy.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { cursorsOf } from '#shared/lambda/cursor.ts';
import { newId } from '#shared/lambda/ids.ts';
import { bankWrites, readBankConsistent } from '#shared/store/banks.ts';
import { policyReaction } from '../../functions/bus/policies.ts';
import { assignmentPolicyHandlers } from '../../functions/http/assignment-policies.ts';
import { bankOf, doorOf, startedAt as now } from '../domain/cloud-and-bank.ts';
import { memoryTable } from '../support/memory-table.ts';

const tenant = 'ten_1';
const { id: _, ...rules } = defaultPolicy;
const strict = { ...rules, takeLarger: false, name: 'strict' };

const opened = () => {
  const table = memoryTable();
  const rootKeys = async () => rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });
  const handlers = assignmentPolicyHandlers({
    table,
    rootKeys,
    newId,
    clock: () => epochMs(now),
  });
  const call = async (id: string, more: Record<string, unknown>): Promise<unknown> => {
    const handler = handlers[id];
    if (!handler) throw new Error(`there is no ${id}`);
    const circumstances = { actor: { type: 'api_key', id: 'key_1' }, now, newId };
    const cursors = cursorsOf(rootKeys, {
      tenant,
      route: id,
      params: {},
      query: z.record(z.string(), z.unknown()).parse(more.query ?? {}),
    });
    const caller = { tenant, mode: 'live' };
    return (await handler({ caller, now, circumstances, cursors, record: () => [], ...more } as never)).body;
  };
  const View = contract.AssignmentPolicyView;
  return {
    table,
    put: async (body: Record<string, unknown>, ifMatch?: number) =>
      View.parse(await call(contract.putAssignmentPolicy.id, { body, ifMatch })),
    restore: async (version: string) =>
      View.parse(await call(contract.restoreAssignmentPolicy.id, { params: { version } })),
    read: async (version: string) => View.parse(await call(contract.getAssignmentPolicy.id, { params: { version } })),
    list: async (query: { limit: number; cursor?: string }) =>
      listOf(View).parse(await call(contract.listAssignmentPolicies.id, { query })),
  };
};

describe('how a tenant has its compartments chosen', () => {
  it('is the built-in policy until they say otherwise', async () => {
    const { read } = opened();
    expect(await read('current')).toMatchObject({ policy: 'best-fit/1', version: 1, by: null, ...rules });
    expect(await read('1')).toEqual(await read('current'));
  });

  it('is replaced, and every version before can still be read, with who made it', async () => {
    const { put, read, list, table } = opened();
    expect(await put(strict)).toMatchObject({ policy: 'strict/2', takeLarger: false });
    table.calls.length = 0;
    expect(await put({ ...strict, reachableMm: 1_400 })).toMatchObject({ policy: 'strict/3', reachableMm: 1_400 });
    expect(table.calls).toEqual(['get', 'write']);
    expect(await read('2')).toMatchObject({ reachableMm: 1_700, by: { type: 'api_key', id: 'key_1' } });
    expect((await list({ limit: 50 })).data.map((it) => it.policy)).toEqual(['strict/3', 'strict/2', 'best-fit/1']);
  });

  it('goes back to an older version by a new one that says so', async () => {
    const { put, restore, read, table } = opened();
    await put(strict);
    expect(await restore('1')).toMatchObject({ policy: 'best-fit/3', takeLarger: true, restores: 1 });
    table.calls.length = 0;
    expect(await restore('2')).toMatchObject({ policy: 'strict/4', takeLarger: false, restores: 2 });
    expect(table.calls).toEqual(['batchGet', 'write']);
    expect(await read('current')).toMatchObject({ policy: 'strict/4' });
    for (const none of ['9', '0', '-1', '1e1', 'current'])
      await expect(restore(none)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('is listed a page at a time', async () => {
    const { put, list } = opened();
    await put(strict);
    await put(strict);
    const seen: string[] = [];
    for (let cursor: string | undefined; ; ) {
      const page = await list({ limit: 1, ...(cursor !== undefined && { cursor }) });
      seen.push(...page.data.map((it) => it.policy));
      if (page.nextCursor === null) break;
      cursor = page.nextCursor;
    }
    expect(seen).toEqual(['strict/3', 'strict/2', 'best-fit/1']);
  });

  it('is not replaced unseen by somebody who read an older one', async () => {
    const { put } = opened();
    await put(strict, 0);
    await expect(put(strict, 0)).rejects.toMatchObject({ code: 'precondition_failed' });
  });
});

describe('a new policy', () => {
  it('reaches every bank of its tenant, however often and late it is told of', async () => {
    const { put, table } = opened();
    const react = policyReaction({ table, newId, clock: () => epochMs(now) });
    const banks = Array.from({ length: 60 }, (_it, nth) => bankOf([doorOf('1')], { id: `bnk_${nth}` }));
    for (const bank of banks) await table.write(bankWrites(bank));
    await put(strict);
    await put({ ...strict, reachableMm: 1_400 });
    await react({ type: 'assignment_policy.replaced', tenant, subject: 'apl_1', data: {} });
    const version = (await readBankConsistent(table, 'bnk_59'))?.version;
    await react({ type: 'assignment_policy.replaced', tenant, subject: 'apl_1', data: {} });
    for (const { id } of banks)
      expect(await readBankConsistent(table, id)).toMatchObject({
        version,
        assignmentPolicy: { id: 'strict/3', reachableMm: 1_400 },
      });
  });

  it('is what a bank begins with that is registered later', async () => {
    const { put, table } = opened();
    await put(strict);
    await table.write(bankWrites(bankOf([doorOf('1')])));
    await policyReaction({ table, newId, clock: () => epochMs(now) })({
      type: 'bank.registered',
      tenant,
      subject: 'bnk_1',
      data: {},
    });
    expect((await readBankConsistent(table, 'bnk_1'))?.assignmentPolicy?.id).toBe('strict/2');
  });
});
