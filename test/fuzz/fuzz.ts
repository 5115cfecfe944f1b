import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import * as z from 'zod';
import { startBanks } from '../../device-sim/run.ts';
import { apiClient, Made } from '../../local/api-client.ts';
import { bankIdentity } from '../../local/bank-identity.ts';
import { createTenant } from '../../local/create-tenant.ts';
import { python } from '../../local/python.ts';
import type { StackHandle } from '../../local/stack-handle.ts';
import { until } from '../../local/until.ts';
import openapi from '../../shared/api/openapi.json' with { type: 'json' };
import { Scope } from '../../shared/domain/api-key.ts';

export type FuzzWish = {
  /** Cases per operation of the fuzzing phase; the others add their own. */
  examples: number;
  phases: readonly ('examples' | 'coverage' | 'fuzzing' | 'stateful')[];
  seed?: number;
};

/** What the fuzzer said, and how many requests it had sent by then. */
export type Fuzzed = { passed: boolean; requests: number; report: string };

/**
 * schemathesis against the stack and its document. It gets a tenant of its own with a bank and some transactions, and a
 * key that cannot list keys: it would revoke its own, and from then on be told 401 whatever it asks.
 */
export async function fuzz(stack: StackHandle, wish: FuzzWish): Promise<Fuzzed> {
  const interpreter = await python(() => undefined, ['requirements-fuzz.txt']);
  const ground = await prepare(stack);
  const document = join(stack.stateDir, 'fuzzed-openapi.json');
  writeFileSync(document, JSON.stringify(withKnown(ground)));
  const child = spawn(
    join(interpreter, '..', 'schemathesis'),
    [
      `--config-file=${join(import.meta.dirname, 'schemathesis.toml')}`,
      'run',
      document,
      `--url=${stack.apiUrl}`,
      `--header=Authorization: Bearer ${ground.apiKey}`,
      `--max-examples=${wish.examples}`,
      `--phases=${wish.phases.join(',')}`,
      '--workers=2',
      '--no-color',
      ...(wish.seed === undefined ? [] : [`--seed=${wish.seed}`]),
    ],
    // It would keep what it found in the folder it runs in.
    {
      cwd: stack.stateDir,
      env: {
        ...process.env,
        PYTHONPATH: import.meta.dirname,
        PYTHONDONTWRITEBYTECODE: '1',
        SCHEMATHESIS_HOOKS: 'hooks',
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), code]);
  await ground.stop();
  // Whatever a key is asked that no longer works, the answer is 401: then nothing was tried.
  const { status: still } = await apiClient(stack.apiUrl, ground.apiKey).request('GET', '/v1/sites');
  if (still !== 200) throw new Error(`the fuzzer's key was answered ${still} in the end`);
  const requests = Number(/([\d,]+) generated/.exec(out)?.[1]?.replaceAll(',', '') ?? 0);
  return { passed: status === 0, requests, report: `${out}${err}` };
}

type Ground = { apiKey: string; bankId: string; transactionIds: string[]; stop: () => Promise<void> };

async function prepare(stack: StackHandle): Promise<Ground> {
  const { apiKey } = await createTenant(stack, stack.outputs, 'Fuzzed');
  const api = apiClient(stack.apiUrl, apiKey);
  const { id: siteId } = await api.post('/v1/sites', { name: 'Fuzzed' }, Made);
  const layout = Array.from({ length: 60 }, (_, nth) => ({
    door: String(nth + 1),
    widthMm: 440,
    heightMm: 300,
    depthMm: 500,
    maxMassG: 20_000,
    thermalClass: 'ambient' as const,
    bottomMm: 100,
  }));
  const { id: bankId } = await api.post('/v1/banks', { siteId, name: 'Fuzzed', layout, simulated: true }, Made);
  const identity = await bankIdentity(stack, stack.outputs, stack.stateDir, bankId);
  const running = await startBanks(
    {
      mqtt: stack.mqtt,
      stateDir: join(stack.stateDir, 'banks'),
      banks: [{ id: bankId, name: 'Fuzzed', ...identity, doors: layout }],
    },
    () => undefined,
  );
  await until('the bank takes part', async () => {
    const { lifecycle } = await api.get(`/v1/banks/${bankId}`, z.object({ lifecycle: z.string() }));
    return lifecycle === 'active';
  });
  const body = (nth: number) => ({
    workflow: (['parcel', 'sale', 'rental', 'return'] as const)[nth % 4],
    bankId,
    externalIds: { order: `F-${nth}` },
    items: [{ lengthMm: 300, widthMm: 200, heightMm: 100 }],
    payment: { amountMinor: 1_000, currency: 'CHF' },
  });
  const transactionIds: string[] = [];
  for (let nth = 0; nth < 24; nth++) {
    const { id } = await api.post('/v1/transactions', body(nth), Made);
    transactionIds.push(id);
  }
  const scopes = Scope.options.filter((scope) => scope !== 'api-keys:read');
  const Key = z.object({ key: z.string() });
  const { key } = await api.post('/v1/api-keys', { name: 'The fuzzer', scopes }, Key);
  return { apiKey: key, bankId, transactionIds, stop: () => running.stop() };
}

/** The same document, but that the fuzzer often guesses right where an id of what there is belongs. */
function withKnown({ bankId, transactionIds }: Ground): unknown {
  const known: Record<string, readonly string[]> = { bankId: [bankId], transactionId: transactionIds };
  const guessed = (name: string, schema: unknown): unknown =>
    known[name] ? { anyOf: [{ type: 'string', enum: known[name] }, schema] } : schema;
  return JSON.parse(JSON.stringify(openapi), (name, value) => {
    if (value?.in === 'path' && typeof value.name === 'string')
      return { ...value, schema: guessed(value.name, value.schema) };
    return name === 'bankId' && value?.type === 'string' && value.maxLength === 64 ? guessed(name, value) : value;
  });
}
