import { fork } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { awsEnvironment } from '../local/endpoint.ts';
import { root } from '../local/paths.ts';
import { outputOf, type StackHandle } from '../local/stack-handle.ts';
import { cancelTransaction, createTransaction, getTransaction } from '../shared/api/transactions.ts';
import { type Bundle, bundle } from './bundles.ts';
import type { Recorder } from './recorder.ts';
import { layoutOf, parcelFor, usualDoors } from './sample.ts';
import type { Workbench } from './workbench.ts';

/** CPU of one request in milliseconds, ours and that of a bare handler with the same calls, and how they compare. */
export const Cpu = z.object({ operation: z.string(), ours: z.number(), bare: z.number(), ratio: z.number() });
export type Cpu = z.infer<typeof Cpu>;

export type Sent = { operation: string; body: string };

/** What the measuring process is told: it has nothing else in it, so that nothing else is measured. */
export type Task = {
  ours: string;
  bare: string;
  tableName: string;
  apiKey: string;
  bankId: string;
  /** The bodies that our handler sent to DynamoDB for one request of each kind. */
  bodies: Record<'create' | 'get' | 'cancel', Sent[]>;
  /** Which of the processes this is. */
  nth: number;
};

/** What the engine of JavaScript makes of one program differs from process to process. */
const processes = 2;

const Made = z.object({ id: z.string() });

/** CPU of the deployed bundle of transactions, against the engine, in a process of its own. */
export async function measureCpu(
  stack: StackHandle,
  bench: Workbench,
  recorder: Recorder,
  bundles: readonly Bundle[],
): Promise<Cpu[]> {
  const ours = bundles.find(({ name }) => name === 'http/transactions');
  if (ours === undefined) throw new Error('the stack has no function for transactions');
  const dir = join(stack.stateDir, 'bench');
  mkdirSync(dir, { recursive: true });
  const bare = join(dir, 'bare.mjs');
  await bundle(join(root, 'bench', 'bare.ts'), bare);

  const { id: bankId } = await bench.newBank(layoutOf(usualDoors));
  const ask = bench.caller(recorder.url, 'cpu');
  const create = async () => Made.parse((await ask(createTransaction, { body: parcelFor(bankId) })).body).id;
  // The caller's key is known from the first request on.
  await create();
  const sentFor = async (run: () => Promise<unknown>): Promise<Sent[]> => {
    recorder.take();
    await run();
    return recorder.take().map(({ operation, body }) => ({ operation, body }));
  };
  let transactionId = '';
  const bodies = {
    create: await sentFor(async () => {
      transactionId = await create();
    }),
    get: await sentFor(() => ask(getTransaction, { params: { transactionId } })),
    cancel: await sentFor(() => ask(cancelTransaction, { params: { transactionId }, body: {} })),
  };
  const task = { ours: ours.file, bare, tableName: bench.tableName, apiKey: bench.apiKey, bankId, bodies };
  const found: Cpu[] = [];
  for (let nth = 0; nth < processes; nth += 1) found.push(...(await inOwnProcess(stack, { ...task, nth })));
  return [...Map.groupBy(found, ({ operation }) => operation)].map(([operation, all]) => meanOfAll(operation, all));
}

const meanOfAll = (operation: string, all: readonly Cpu[]): Cpu => {
  const meanOf = (pick: (it: Cpu) => number): number => all.map(pick).reduce((sum, it) => sum + it, 0) / all.length;
  return { operation, ours: meanOf((it) => it.ours), bare: meanOf((it) => it.bare), ratio: meanOf((it) => it.ratio) };
};

function inOwnProcess(stack: StackHandle, task: Task): Promise<Cpu[]> {
  const child = fork(join(root, 'bench', 'cpu-process.ts'), {
    // Its log goes nowhere, but it is written: that is part of what a request costs.
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: ['--disable-warning=ExperimentalWarning', '--expose-gc'],
    env: {
      ...awsEnvironment(stack),
      TABLE_NAME: task.tableName,
      PUBLIC_URL: 'https://api.example.com',
      API_KEY_REQUESTS_PER_MINUTE: '6000',
      // The workbench's keys are its own; this is only to have some.
      ROOT_SECRET_ARN: outputOf(stack.outputs, 'RootSecretArn'),
      STAGE: 'local',
      LOG_LEVEL: 'INFO',
      POWERTOOLS_SERVICE_NAME: 'http/transactions',
      POWERTOOLS_METRICS_NAMESPACE: 'Latchwork',
      // As on Lambda, where Powertools writes one line of JSON and not for people.
      AWS_LAMBDA_FUNCTION_NAME: 'bench',
    },
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('message', (message) => {
      const found = z.array(Cpu).safeParse(message);
      if (found.success) resolve(found.data);
      else reject(new Error(`the measuring process said ${JSON.stringify(message)}`));
    });
    child.once('exit', (code) => reject(new Error(`the measuring process ended with ${code}`)));
    child.send(task);
  });
}
