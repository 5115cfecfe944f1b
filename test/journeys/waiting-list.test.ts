import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { AssignmentPolicyView, AssignmentReplay } from '../../shared/api/assignment-policies.ts';
import { Precheck } from '../../shared/api/transactions.ts';
import { instant } from '../../shared/domain/time.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { openTable } from '../../shared/store/table.ts';
import { openWaitingLists } from '../../shared/store/waiting.ts';
import { rootKeys } from '../support/faults.ts';
import { invariantsHold } from '../support/invariants.ts';
import {
  becomes,
  createParcel,
  deposit,
  doorOf,
  knownAtBank,
  Parcel,
  parcelFor,
  pickUp,
  pinFor,
  readParcel,
} from '../support/parcel.ts';
import { eventually, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

const seconds = (count: number): string => new Date(Date.now() + count * 1000).toISOString();
const table = openTable(String(stack.outputs.TableName), clientOptions(stack));

/** Its state in the table: reading it through the API could be what makes it expire. */
const inTable = (tenant: Tenant, id: string, state: string) =>
  eventually(async () => expect((await table.get({ PK: `TXN#${tenant.id}#${id}`, SK: 'T' }, true))?.state).toBe(state));

/** The PIN of a step is asked for once it is reserved: nobody was told it when that happened. */
const pinsFor = async (tenant: Tenant, id: string): Promise<Parcel> => {
  let parcel = await readParcel(tenant, id);
  const values = new Map<string, string>();
  for (const credential of parcel.credentials) {
    const path = `/v1/transactions/${id}/credentials/${credential.id}/resend`;
    const { credentials } = await tenant.api.post(path, {}, Parcel);
    for (const it of credentials) if (it.value !== undefined) values.set(it.id, it.value);
  }
  parcel = await knownAtBank(tenant, id);
  return {
    ...parcel,
    credentials: parcel.credentials.map((it) => ({ ...it, ...(values.has(it.id) && { value: values.get(it.id) }) })),
  };
};

describe('at a full bank', () => {
  it('a courier waits, gets the door as soon as somebody fetched their parcel, and brings theirs', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const first = await createParcel(tenant, bank);
    const asked = { ...parcelFor(bank), waitUntil: seconds(3_600) };
    expect(await tenant.api.post('/v1/transactions/check', asked, Precheck())).toMatchObject({ outcome: 'waitlisted' });
    const waits = await tenant.api.post('/v1/transactions', asked, Parcel);
    expect(waits).toMatchObject({ state: 'created', door: null, credentials: [] });
    const next = await createParcel(tenant, bank, { waitUntil: seconds(3_600) });

    await knownAtBank(tenant, first.id);
    await deposit(bank, first);
    await pickUp(bank, first);
    await inTable(tenant, waits.id, 'reserved');
    const served = await pinsFor(tenant, waits.id);
    expect(served).toMatchObject({ state: 'reserved', door: '1' });
    await deposit(bank, served);
    await becomes(tenant, waits.id, 'stored');
    expect(await readParcel(tenant, next.id)).toMatchObject({ state: 'created' });

    const path = `/v1/transactions/${next.id}/cancel`;
    expect(await tenant.api.post(path, {}, Parcel)).toMatchObject({ state: 'cancelled' });
    await pickUp(bank, served);
    await becomes(tenant, waits.id, 'completed');
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });

  it('nobody waits longer than they said, and two doors that free at once go to the two who came first', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 2 });
    const holders = [await createParcel(tenant, bank), await createParcel(tenant, bank)];
    const short = await createParcel(tenant, bank, { waitUntil: seconds(2) });
    const line: Parcel[] = [];
    for (let nth = 0; nth < 3; nth += 1) line.push(await createParcel(tenant, bank, { waitUntil: seconds(3_600) }));
    await inTable(tenant, short.id, 'expired');
    expect(await readParcel(tenant, short.id)).toMatchObject({ expiredStage: 'reservation', door: null });

    // Everything that could serve them does, all at once: the reactions to both, and these as well.
    const lists = openWaitingLists({ table, rootKeys, newId });
    await Promise.all([
      ...holders.map(({ id }) => tenant.api.post(`/v1/transactions/${id}/cancel`, {}, Made)),
      ...Array.from({ length: 4 }, () => lists.serve(tenant.id, bank.id, instant(Date.now()))),
    ]);
    for (const { id } of line.slice(0, 2)) await inTable(tenant, id, 'reserved');
    const [a, b, c] = await Promise.all(line.map(({ id }) => readParcel(tenant, id)));
    expect([a?.door, b?.door].toSorted()).toEqual(['1', '2']);
    expect(c).toMatchObject({ state: 'created' });
    for (const it of [a, b]) expect(it).toMatchObject({ version: 3, waiting: null });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});

describe('a soft reservation', () => {
  it('gives way to a hard one: its PIN opens nothing any more, the other one does', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const soft = await createParcel(tenant, bank, { reservation: 'soft' });
    await knownAtBank(tenant, soft.id);
    const hard = await createParcel(tenant, bank);
    expect(await readParcel(tenant, soft.id)).toMatchObject({ state: 'rejected', rejectReason: 'reclaimed' });
    await knownAtBank(tenant, hard.id);
    expect(await bank.panel.enter(pinFor(soft, 'deposit'))).toMatchObject({ granted: false });
    await deposit(bank, hard);
    await becomes(tenant, hard.id, 'stored');
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});

describe('a tenant', () => {
  it('has compartments chosen by rules of its own, which every decision names', async () => {
    const tenant = await newTenant();
    const small = { widthMm: 440, heightMm: 150, depthMm: 500, maxMassG: 20_000, thermalClass: 'ambient' as const };
    const doors = [
      { ...small, door: '1', bottomMm: 500 },
      { ...small, door: '2', heightMm: 400, bottomMm: 800 },
    ];
    const bank = await newBank(tenant, { doors });
    expect(doorOf(await createParcel(tenant, bank))).toBe('1');
    const body = { criteria: [{ by: 'size', step: 1 }], reachableMm: 1_700, takeLarger: false, name: 'strict' };
    const strict = await tenant.api.post('/v1/assignment-policies', body, AssignmentPolicyView);
    expect(strict).toMatchObject({ policy: 'strict/2', by: { id: tenant.apiKeyId } });
    const shown = (policy: string) =>
      eventually(async () => {
        const shape = z.object({ assignmentPolicy: z.object({ id: z.string() }) });
        expect((await tenant.api.get(`/v1/banks/${bank.id}`, shape)).assignmentPolicy.id).toBe(policy);
      });
    await shown('strict/2');
    expect(await tenant.api.post('/v1/transactions/check', parcelFor(bank), Precheck())).toMatchObject({
      outcome: 'refused',
      policy: 'strict/2',
      alternatives: [
        { what: 'larger_compartment', doors: ['2'] },
        { what: 'once_free', doors: ['1'] },
      ],
    });
    await tenant.api.post('/v1/assignment-policies/1/restore', {}, AssignmentPolicyView);
    await shown('best-fit/3');
    const second = await createParcel(tenant, bank);
    expect(second).toMatchObject({ door: '2', assignment: { policy: 'best-fit/3' } });
    const asked = { transactionIds: [second.id], version: 2 };
    expect(await tenant.api.post('/v1/assignment-policies/replay', asked, AssignmentReplay)).toMatchObject({
      policy: 'strict/2',
      data: [{ chosen: { door: '2' }, wouldBe: { door: null, refusal: 'no_fitting_compartment' }, differs: true }],
    });
    await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
  });
});
