import { createHmac } from 'node:crypto';
import { GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import * as z from 'zod';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import type { Picture, TransactionShape } from './invariants-picture.ts';
import { stack } from './stack.ts';

/*
 * What transactions are to be found by, worked out anew from docs/finding-and-proving.md and not with the product's code.
 */

const secret = z
  .object({ version: z.int(), key: z.string() })
  .parse(
    JSON.parse(
      (
        await new SecretsManagerClient(clientOptions(stack)).send(
          new GetSecretValueCommand({ SecretId: outputOf(stack.outputs, 'RootSecretArn') }),
        )
      ).SecretString ?? '{}',
    ),
  );

const blind = (tenant: string, kind: string, value: string): string =>
  createHmac('sha256', secret.key)
    .update(`search:${tenant}:${kind}:${value}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');

const Findable = z.looseObject({
  workflow: z.string(),
  createdAt: z.string(),
  /** Of a badge its row keeps what it is found by; whose number that is, the search itself is asked. */
  credentials: z.array(z.looseObject({ id: z.string(), index: z.string().optional() })),
  items: z.array(z.looseObject({ externalId: z.string().optional() })),
  recipient: z.looseObject({
    name: z.string().default(''),
    phone: z.string().optional(),
    email: z.string().optional(),
  }),
});

const ends = ['completed', 'cancelled', 'expired', 'recalled', 'rejected'];

const words = (name: string): string[] =>
  name
    .normalize('NFKD')
    .toLowerCase()
    .replace(/\p{M}/gu, '')
    .match(/[\p{L}\p{N}]+/gu) ?? [];

type Doors = ReadonlyMap<string, ReadonlySet<string>>;

/** Rows that there have to be, by their key. */
const expectedOf = (it: TransactionShape, doors: Doors): [string, string][] => {
  const { workflow, createdAt, credentials, items, recipient } = Findable.parse(it);
  const { id, tenant, bankId } = it;
  const hasEnded = ends.includes(it.state);
  const ended = hasEnded ? { state: it.state } : {};
  const hidden = (kind: string, value: string) => `${kind}#${secret.version}#${blind(tenant, kind, value)}`;
  const byBeginning = Map.groupBy(words(recipient.name), (word) => [...word].slice(0, 3).join(''));
  const rows: [string, Record<string, unknown>][] = [
    ...credentials.map(({ id }): [string, object] => [`credential#${id}`, {}]),
    ...credentials.flatMap(({ index }): [string, object][] => (index ? [[`badge#${index}`, {}]] : [])),
    ...items.flatMap(({ externalId }): [string, object][] => (externalId ? [[`item#${externalId}`, {}]] : [])),
    ...(it.stockUnitId ? [[`stock#${it.stockUnitId}`, {}] as [string, object]] : []),
    ...(recipient.phone ? [[hidden('phone', recipient.phone), {}] as [string, object]] : []),
    ...(recipient.email ? [[hidden('email', recipient.email.toLowerCase()), {}] as [string, object]] : []),
    ...[...(doors.get(id) ?? [])].map((door): [string, object] => [`door#${bankId}/${door}`, ended]),
    ...[...byBeginning].map(([beginning, all]): [string, object] => {
      const longer = all.flatMap((word) =>
        [4, 5, 6, 7, 8, 9, 10]
          .filter((count) => count <= [...word].length)
          .map((count) => blind(tenant, 'longer', [...word].slice(0, count).join('')).slice(0, 3)),
      );
      return [hidden('name', beginning), { longer: [...new Set(longer)] }];
    }),
    ...(hasEnded ? [] : [['living#', { state: it.state }] as [string, object]]),
    [`bank#${bankId}`, ended],
    ['all#', ended],
  ].map(([term, says]) => [String(term), Object(says)]);
  return rows.map(([term, says]) => [
    `F#${tenant}#${term} ${createdAt}#${id}`,
    told({ transactionId: id, workflow, bankId, ...says }),
  ]);
};

const told = (says: Record<string, unknown>): string =>
  JSON.stringify(Object.entries(says).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** R27, at rest: the lookup rows say exactly what the transactions say, and there is none besides. */
export const searched = ({ rows, transactions, logs }: Picture): string[] => {
  const doors = new Map(
    logs
      .filter(({ kind }) => kind === 'TXN')
      .map((log) => {
        const said = log.commits
          .flatMap(({ events }) => events)
          .flatMap(({ envelope: { data } }) => [data.door, data.fromDoor]);
        return [log.PK.split('#')[2] ?? '', new Set(said.filter((it) => typeof it === 'string'))] as const;
      }),
  );
  const expected = new Map(transactions.flatMap((it) => expectedOf(it, doors)));
  const present = new Map(
    rows.filter(({ PK }) => PK.startsWith('F#')).map(({ PK, SK, ...says }) => [`${PK} ${SK}`, told(says)]),
  );
  return [...new Set([...expected.keys(), ...present.keys()])].flatMap((key) =>
    expected.get(key) === present.get(key)
      ? []
      : [`R27: the lookup ${key} says ${present.get(key) ?? 'nothing'}, it is ${expected.get(key) ?? 'to be gone'}`],
  );
};
