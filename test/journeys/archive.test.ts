import { readFileSync } from 'node:fs';
import {
  AthenaClient,
  GetQueryExecutionCommand,
  GetQueryResultsCommand,
  StartQueryExecutionCommand,
} from '@aws-sdk/client-athena';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import { Made } from '../../local/api-client.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { listOf } from '../../shared/api/shapes.ts';
import { becomes, createParcel, deposit, doorOf, knownAtBank, type Parcel, pickUp, pinFor } from '../support/parcel.ts';
import { type Bank, eventually, newBank, newReceiver, newTenant, stack, type Tenant } from '../support/stack.ts';

const athena = new AthenaClient(clientOptions(stack));

/** The rows of an answer, each cell as Athena gives it: as text, null where there is nothing. */
async function answered(QueryString: string): Promise<(string | null)[][]> {
  const { QueryExecutionId } = await athena.send(
    new StartQueryExecutionCommand({
      QueryString,
      WorkGroup: stack.outputs.ArchiveWorkGroupName,
      QueryExecutionContext: { Database: stack.outputs.ArchiveDatabaseName },
    }),
  );
  await eventually(
    async () => {
      const { QueryExecution } = await athena.send(new GetQueryExecutionCommand({ QueryExecutionId }));
      const { State, StateChangeReason } = QueryExecution?.Status ?? {};
      expect([State, StateChangeReason]).toEqual(['SUCCEEDED', '']);
    },
    { what: `the answer to ${QueryString}` },
  );
  const { ResultSet } = await athena.send(new GetQueryResultsCommand({ QueryExecutionId }));
  const [, ...rows] = ResultSet?.Rows ?? [];
  return rows.map(({ Data = [] }) => Data.map(({ VarCharValue }) => VarCharValue ?? null));
}

const document = readFileSync(new URL('../../docs/archive.md', import.meta.url), 'utf8');
const dayAt = (at: number): string => new Date(at).toISOString().slice(0, 10);
const began = Date.now();

/** A question of the document, asked for the tenant of this test and its day instead of those that stand there. */
const asked = (question: string): string => {
  const chapter = document.split(/^### /m).find((it) => it.startsWith(`${question}\n`)) ?? '';
  const [, sql] = /^```sql\n(.*?)^```$/ms.exec(chapter) ?? [];
  return z
    .string({ error: `the document does not ask '${question}'` })
    .parse(sql)
    .replaceAll(/'ten_\w+'/g, `'${tenant.id}'`)
    .replaceAll('2026-03-01', dayAt(began))
    .replaceAll('2026-04-01', dayAt(began + 86_400_000));
};

let tenant: Tenant;
let bank: Bank;
let parcel: Parcel;
let endpointId: string;
let freeDoor: string;

beforeAll(async () => {
  tenant = await newTenant();
  bank = await newBank(tenant, { doors: 3 });
  const reserveUntil = new Date(Date.now() + 2_000).toISOString();
  const abandoned = await createParcel(tenant, bank, { deadlines: { reserveUntil } });
  parcel = await createParcel(tenant, bank, { externalIds: { order: 'A-1001', shop: 'S-7' } });
  await knownAtBank(tenant, parcel.id);
  expect(await bank.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ reason: 'compartment_empty' });
  await deposit(bank, parcel);
  await becomes(tenant, parcel.id, 'stored');
  await pickUp(bank, parcel);
  await becomes(tenant, parcel.id, 'completed');

  const taken = [abandoned, parcel].map(doorOf);
  freeDoor = z.string().parse(bank.doors.map(({ door }) => door).find((door) => !taken.includes(door)));
  await tenant.api.post('/v1/commands', { bankId: bank.id, door: freeDoor, reason: 'cleaning' }, Made);
  await eventually(async () => expect((await bank.panel.state()).doors[freeDoor]?.door).toBe('open'));
  await bank.panel.door(freeDoor, { door: 'closed' });

  const { url } = await newReceiver();
  endpointId = (await tenant.api.post('/v1/webhook-endpoints', { url }, Made)).id;
  await tenant.api.patch(`/v1/webhook-endpoints/${endpointId}`, { state: 'disabled' }, Made);
  await becomes(tenant, abandoned.id, 'expired');
});

describe('the archive', () => {
  it('holds every event as it was, so that the chain of a transaction can be checked there', async () => {
    const { data } = await tenant.api.get(`/v1/transactions/${parcel.id}/events`, listOf(Envelope));
    expect(data).toHaveLength(5);
    const sql = `SELECT DISTINCT sequence, id, prevHash, hash FROM events WHERE subject = '${parcel.id}' ORDER BY sequence`;
    const told = data.map(({ sequence, id, prevHash, hash }) => [String(sequence), id, prevHash, hash]);
    await eventually(async () => expect(await answered(sql)).toEqual(told), { what: 'the events are archived' });
  });

  it.each<[string, () => (string | null)[][]]>([
    [
      'What happened to an order',
      () =>
        [
          ['1', 'transaction.created', null, 'api_key'],
          ['2', 'transaction.reserved', doorOf(parcel), 'api_key'],
          ...['transaction.deposited', 'transaction.picked_up', 'transaction.completed'].map((type, nth) => [
            ...[String(nth + 3), type, doorOf(parcel), 'bank'],
          ]),
        ].map(([sequence = null, type = null, door = null, who = null]) => [
          parcel.id,
          sequence,
          type,
          bank.id,
          door,
          who,
        ]),
    ],
    ['Pickups per bank and day', () => [[bank.id, dayAt(began), '1']]],
    ['Failed attempts by reason', () => [['pin', 'compartment_empty', '1']]],
    ['Overdue and expired by site', () => [[bank.siteId, 'transaction.expired', 'reservation', '1']]],
    ['How long items lie in their compartments', () => [['1', '0.0']]],
    ['Doors that were opened by command, by whom and why', () => [[bank.id, freeDoor, tenant.apiKeyId, 'cleaning']]],
    ['Webhooks that died', () => [[endpointId, 'by_owner']]],
  ])('answers: %s', async (question, expected) => {
    const isMoment = (cell: string | null): boolean => /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(cell ?? '');
    await eventually(
      async () => {
        const rows = await answered(asked(question));
        expect(rows.map((row) => row.filter((cell) => !isMoment(cell)))).toEqual(expected());
      },
      { what: question, within: 15_000 },
    );
  });
});
