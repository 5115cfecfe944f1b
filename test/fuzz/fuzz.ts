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
import { doorsPerBankMax } from '../../shared/domain/bank.ts';
import { closed } from '../support/closed.ts';

export type FuzzWish = {
  /** Cases per operation of the fuzzing phase; the others add their own. */
  examples: number;
  phases: readonly ('examples' | 'coverage' | 'fuzzing' | 'stateful')[];
  seed?: number;
  /** Hears what it says while it says it. */
  tell?: (text: string) => void;
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
  writeFileSync(document, JSON.stringify(withKnown(ground.known)));
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
      // One after the other, or the seed would not tell what comes when.
      `--workers=${wish.seed === undefined ? 2 : 1}`,
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
        FUZZER_KEY_ID: ground.apiKeyId,
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    },
  );
  const code = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdout.on('data', (chunk: Buffer) => wish.tell?.(chunk.toString()));
  const [out, err, status] = await Promise.all([text(child.stdout), text(child.stderr), code]);
  await ground.stop();
  // Whatever a key is asked that no longer works, the answer is 401: then nothing was tried.
  const { status: still } = await apiClient(stack.apiUrl, ground.apiKey).request('GET', '/v1/sites');
  if (still !== 200) throw new Error(`the fuzzer's key was answered ${still} in the end`);
  const requests = Number(/([\d,]+) generated/.exec(out)?.[1]?.replaceAll(',', '') ?? 0);
  return { passed: status === 0, requests, report: `${out}${err}` };
}

/** `known`: what there is, by the name of the field that names it. */
type Ground = { apiKey: string; apiKeyId: string; known: Record<string, readonly string[]>; stop: () => Promise<void> };

async function prepare(stack: StackHandle): Promise<Ground> {
  const { apiKey } = await createTenant(stack, stack.outputs, 'Fuzzed');
  const api = apiClient(stack.apiUrl, apiKey);
  const { id: siteId } = await api.post('/v1/sites', { name: 'Fuzzed' }, Made);
  const layout = Array.from({ length: doorsPerBankMax }, (_, nth) => ({
    // As in the examples.
    door: `${String.fromCharCode(65 + Math.floor(nth / 8))}${(nth % 8) + 1}`,
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
  const item = { lengthMm: 300, widthMm: 200, heightMm: 100 };
  const body = (nth: number) => ({
    workflow: (['parcel', 'sale', 'rental', 'return'] as const)[nth % 4],
    bankId,
    externalIds: { order: `F-${nth}` },
    items: [item],
    payment: { amountMinor: 1_000, currency: 'CHF' },
  });
  const transactionIds: string[] = [];
  for (let nth = 0; nth < 24; nth++) {
    const { id } = await api.post('/v1/transactions', body(nth), Made);
    transactionIds.push(id);
  }
  const { id: assetId } = await api.post('/v1/assets', { bankId, name: 'Fuzzed', item }, Made);
  const hook = { url: 'https://shop.example/hooks', eventTypes: ['asset.retired'] };
  const { id: endpointId } = await api.post('/v1/webhook-endpoints', hook, Made);
  const order = { bankId, door: layout[0]?.door, reason: 'fuzzed' };
  const { id: commandId } = await api.post('/v1/commands', order, Made);
  const spare = { siteId, name: 'Spare', layout: layout.slice(0, 1), simulated: true };
  const { id: spareId } = await api.post('/v1/banks', spare, Made);
  const known = {
    siteId: [siteId],
    spareBankId: [spareId],
    bankId: [bankId],
    transactionId: transactionIds,
    assetId: [assetId],
    endpointId: [endpointId],
    commandId: [commandId],
    timeZone: ['UTC', 'Europe/Zurich', 'Asia/Kathmandu'],
  };
  const scopes = Scope.options.filter((scope) => scope !== 'api-keys:read');
  const Key = z.object({ id: z.string(), key: z.string() });
  const { id: apiKeyId, key } = await api.post('/v1/api-keys', { name: 'The fuzzer', scopes }, Key);
  return { apiKey: key, apiKeyId, known, stop: () => running.stop() };
}

/** After these a bank takes nothing any more, so it is another one than that of all the rest. */
const putsAnEnd = /\/(decommission|replace-controller|revoke-certificate)$/;

/** So that it finds a field of an answer that the document does not name. What may be sent stays as the document says. */
const answersClosed = (operations: Record<string, { responses: object }>): object =>
  Object.fromEntries(
    Object.entries(operations).map(([method, it]) => [method, { ...it, responses: closed(it.responses) }]),
  );

/**
 * The same document, but that the fuzzer often guesses right where the id of something or a time zone belongs, and that
 * the examples are of what there is: each operation on another transaction.
 */
function withKnown(known: Ground['known']): unknown {
  const guessed = (name: string, schema: unknown): unknown =>
    known[name] ? { anyOf: [{ type: 'string', enum: known[name] }, schema] } : schema;
  let operations = 0;
  const parameter = (it: { in: string; name: string; schema: object }, isForGood: boolean): object => {
    const ids = known[it.name === 'bankId' && isForGood ? 'spareBankId' : it.name];
    if (it.in === 'path' && ids) {
      operations += 1;
      return {
        ...it,
        schema: { anyOf: [{ type: 'string', enum: ids }, it.schema] },
        example: ids[operations % ids.length],
      };
    }
    // In headers whose format it does not know it writes letters and digits only, whatever the pattern says.
    return it.name === 'If-Match' ? { ...it, schema: { ...it.schema, format: 'entity-tag' } } : it;
  };
  // What operations have in common is written out again: each asks of another.
  const spelled = new Map(
    Object.entries(openapi.components.parameters).map(([name, it]) => [`#/components/parameters/${name}`, it]),
  );
  const withIds = (part: unknown, isForGood = false): unknown =>
    JSON.parse(JSON.stringify(part), (name, value) => {
      const own = spelled.get(value?.$ref);
      if (own?.in === 'path') return parameter(own, isForGood);
      if (typeof value?.in === 'string' && typeof value.name === 'string') return parameter(value, isForGood);
      if (typeof value === 'string' && known[name]) return known[name][0];
      // What is theirs once is taken from then on.
      if (name === 'externalIds' && typeof value?.order === 'string') return undefined;
      return known[name] && value?.type === 'string' && value.maxLength === 64 ? guessed(name, value) : value;
    });
  const paths = Object.entries(openapi.paths).map(([path, it]) => [
    path,
    withIds(answersClosed(it), putsAnEnd.test(path)),
  ]);
  const components = { ...openapi.components, schemas: closed(openapi.components.schemas) };
  return { ...Object(withIds({ ...openapi, components, paths: {} })), paths: Object.fromEntries(paths) };
}
