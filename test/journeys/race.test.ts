import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import type { APIGatewayProxyEventV2 } from 'aws-lambda';
import { describe, expect, it } from 'vitest';
import { transactionHandlers } from '../../functions/http/transactions.ts';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { Problem } from '../../shared/api/problem.ts';
import { createTransaction } from '../../shared/api/transactions.ts';
import { serve } from '../../shared/lambda/endpoint.ts';
import { newId } from '../../shared/lambda/ids.ts';
import { openRootKeys } from '../../shared/outside/root-keys.ts';
import { openShadows } from '../../shared/outside/shadows.ts';
import { openTable } from '../../shared/store/table.ts';
import { invariantsHold } from '../support/invariants.ts';
import { takePicture } from '../support/invariants-picture.ts';
import { doorOf, Parcel, parcelFor } from '../support/parcel.ts';
import { aws, type Bank, newBank, newTenant, stack, type Tenant } from '../support/stack.ts';

type Answer = { status: number; retryAfter: string | null; body: unknown };
type Ask = (idempotencyKey: string, body: Record<string, unknown>) => Promise<Answer>;

/** Lets so many run at a time; the others wait for their turn. */
const atMost = (count: number) => {
  let free = count;
  const waiting: (() => void)[] = [];
  return async <T>(run: () => Promise<T>): Promise<T> => {
    if (free > 0) free -= 1;
    else await new Promise<void>((turn) => waiting.push(turn));
    try {
      return await run();
    } finally {
      const next = waiting.shift();
      if (next) next();
      else free += 1;
    }
  };
};

/** The engine runs a process of 60 MB per concurrent call: more at once and a small machine only starts processes. */
const overHttp = ({ api }: Tenant): Ask => {
  const inTurn = atMost(16);
  return (idempotencyKey, body) =>
    inTurn(async () => {
      const { status, headers, ...answer } = await api.request('POST', '/v1/transactions', { idempotencyKey, body });
      return { status, retryAfter: headers.get('retry-after'), body: answer.body };
    });
};

/** The function in this process, against the real table: nothing keeps the callers apart. */
const inProcess = ({ apiKey }: Tenant): Ask => {
  const options = clientOptions(stack);
  const deps = {
    table: openTable(outputOf(stack.outputs, 'TableName'), options),
    rootKeys: openRootKeys(outputOf(stack.outputs, 'RootSecretArn'), new SecretsManagerClient(options)),
    newId,
    clock: () => Date.now(),
  };
  const answer = serve([createTransaction], transactionHandlers(deps), deps);
  return async (idempotencyKey, body) => {
    const { statusCode = 0, headers, body: text = '' } = await answer(event(apiKey, idempotencyKey, body), 'race');
    return { status: statusCode, retryAfter: headers['retry-after'] ?? null, body: JSON.parse(text) };
  };
};

const event = (apiKey: string, idempotencyKey: string, body: Record<string, unknown>): APIGatewayProxyEventV2 => {
  const { method, path } = createTransaction;
  const routeKey = `${method} ${path}`;
  return {
    version: '2.0',
    routeKey,
    rawPath: path,
    rawQueryString: '',
    headers: { authorization: `Bearer ${apiKey}`, 'idempotency-key': idempotencyKey },
    body: JSON.stringify(body),
    isBase64Encoded: false,
    requestContext: {
      accountId: stack.accountId,
      apiId: '',
      domainName: '',
      domainPrefix: '',
      http: { method, path, protocol: 'HTTP/1.1', sourceIp: '127.0.0.1', userAgent: '' },
      requestId: 'race',
      routeKey,
      stage: '$default',
      time: '',
      timeEpoch: 0,
    },
  };
};

/** A well-behaved caller: told to come back, or told nothing of ours at all, it asks again with the same key. */
const persist = async (ask: Ask, bank: Bank): Promise<Answer> => {
  const body = parcelFor(bank);
  const idempotencyKey = randomUUID();
  for (;;) {
    const answer = await ask(idempotencyKey, body);
    if (answer.status < 500) return answer;
    await pause(Number(answer.retryAfter ?? 1) * 1_000);
  }
};

/** How many were told what. */
const counted = (answers: readonly Answer[]): Record<string, number> => {
  const counts: Record<string, number> = {};
  for (const { status, body } of answers) {
    const problem = Problem.safeParse(body);
    const told = status === 201 ? '201' : `${status} ${problem.data?.reason ?? JSON.stringify(body)}`;
    counts[told] = (counts[told] ?? 0) + 1;
  }
  return counts;
};

const race = async (doors: number, callers: number, by: (tenant: Tenant) => Ask) => {
  const tenant = await newTenant();
  const bank = await newBank(tenant, { doors });
  const ask = by(tenant);
  const answers = await Promise.all(Array.from({ length: callers }, () => persist(ask, bank)));

  expect(counted(answers)).toEqual({ 201: doors, '409 bank_full': callers - doors });
  const won = answers.filter(({ status }) => status === 201).map(({ body }) => Parcel.parse(body));
  expect(new Set(won.map(doorOf)).size).toBe(doors);

  const { compartments, transactions } = await takePicture([tenant], [bank]);
  expect(transactions).toHaveLength(doors);
  expect(compartments.map(({ heldBy }) => heldBy).toSorted()).toEqual(won.map(({ id }) => id).toSorted());
  for (const { id, door } of won) expect(compartments.find((it) => it.door === door)?.heldBy).toBe(id);
  await invariantsHold({ tenants: [tenant], banks: [bank], quiet: true });
};

/*
 * CI is content with fewer, since npm run bench has 200 callers for 100 doors as well; here they are with
 *   LATCHWORK_FULL=1 npm test -- test/journeys/race.test.ts
 */
const many = process.env.LATCHWORK_FULL === '1' ? { doors: 100, callers: 200 } : { doors: 30, callers: 60 };

describe('many callers who want the same bank', () => {
  it.each([
    { doors: 1, callers: 10, how: 'over HTTP', by: overHttp },
    { doors: 20, callers: 40, how: 'over HTTP', by: overHttp },
    { doors: 1, callers: 25, how: 'all in the same moment', by: inProcess },
    { doors: 8, callers: 25, how: 'all in the same moment', by: inProcess },
  ])('each get a door of their own: $callers for $doors $how, the rest are told it is full', ({ doors, callers, by }) =>
    race(doors, callers, by),
  );

  it(
    `are served exactly ${many.doors} when all ${many.callers} come in the same moment`,
    () => race(many.doors, many.callers, inProcess),
    180_000,
  );
});

describe('reactions that want the same shadow', () => {
  it('each see what the others wrote, from the first write on', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { doors: 1 });
    const shadows = openShadows(aws.iotData);
    const seen: number[] = [];
    const count = (desired: Record<string, unknown>) => ({
      rev: (typeof desired.rev === 'number' ? desired.rev : 0) + 1,
    });
    await Promise.all(
      Array.from({ length: 5 }, () =>
        shadows.change(bank.id, 'grants-9', (desired) => {
          const next = count(desired);
          seen.push(next.rev);
          return next;
        }),
      ),
    );
    expect(Math.max(...seen)).toBe(5);
  });
});
