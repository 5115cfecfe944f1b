import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { stages } from '../../infra/stages.ts';
import { type Deployment, deploy } from '../../local/deploy.ts';
import { type Engine, saveCertificateAuthority, startEngine } from '../../local/engine.ts';
import { readJson, writeJson } from '../../local/json-file.ts';
import type { Lifetime } from '../../local/lifetime.ts';
import { localDir } from '../../local/paths.ts';
import { isRunning, markOf, ProcessMark } from '../../local/processes.ts';
import { python } from '../../local/python.ts';
import { PlainError, say, step } from '../../local/say.ts';
import { apiUrlOf, StackHandle } from '../../local/stack-handle.ts';
import { everyTenant } from '../../shared/api/export-destinations.ts';

/** What a test cannot wait for. Everything else of the stack is as in `npm start`. */
export const fastContext = [
  ...['webhookWaitsSeconds=1,1,1,1', 'commandResendSeconds=2', 'messageWaitsSeconds=1,2,5,30'],
  'exportPushWaitsSeconds=1,1',
  `exportDestinations=${JSON.stringify([
    ...stages.local.exportDestinations,
    ...['foreign', 'gone'].map((name) => ({
      tenant: everyTenant,
      name,
      bucket: `latchwork-${name}`,
      account: '111122223333',
    })),
  ])}`,
];

export type Own = { stack: StackHandle; engine: Engine };

/** An engine with the stack, of this run's own, gone with it. */
export async function ownStack(life: Lifetime): Promise<Own> {
  const dir = ownDir(life);
  const interpreter = await step('Python for the engine', (note) => python(note));
  const engine = await step('AWS engine', async () => {
    const started = await startEngine({ python: interpreter, dir, persist: false });
    life.atEnd(() => started.stop());
    await saveCertificateAuthority(started.endpoint);
    return started;
  });
  const stack = await step('Stack', (note) => deployed({ endpoint: engine.endpoint, dir, signal: life.signal }, note));
  return { stack, engine };
}

function ownDir(life: Lifetime): string {
  const dir = join(localDir, `test-${process.pid}`);
  mkdirSync(dir, { recursive: true });
  life.atEnd(({ failed }) => {
    tellRefusals(dir);
    if (failed) keepLogs(dir);
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  writeJson(join(dir, 'run.json'), markOf(process.pid));
  return dir;
}

/** The stack of `--serve`, brought to what the sources say now. */
export async function servedStack(life: Lifetime, file: string): Promise<void> {
  const served = readJson(file, StackHandle);
  const answers = served && (await fetch(`${served.awsEndpointUrl}/_ministack/health`).catch(() => undefined));
  if (!served || !answers?.ok) {
    throw new PlainError(`no test engine is up: start one with node local/run.mjs test/run.ts --serve (${file})`);
  }
  const stack = await step('Stack', (note) =>
    deployed({ endpoint: served, dir: served.stateDir, signal: life.signal }, note),
  );
  writeJson(file, stack);
}

async function deployed(deployment: Deployment, note: (text: string) => void): Promise<StackHandle> {
  const outputs = await deploy({ ...deployment, overrides: fastContext }, note);
  const { endpoint, dir } = deployment;
  return StackHandle.parse({ ...endpoint, apiUrl: apiUrlOf(endpoint, outputs), outputs, stateDir: dir });
}

/** What the functions and the engine said is all that is left of a run that failed. */
function keepLogs(dir: string): void {
  const kept = join(localDir, 'failed-test-logs');
  rmSync(kept, { recursive: true, force: true });
  mkdirSync(kept, { recursive: true });
  for (const name of readdirSync(dir).filter((entry) => entry.endsWith('.log'))) {
    copyFileSync(join(dir, name), join(kept, name));
  }
  say(`  what the engine and the functions said is in ${kept}`);
}

/** A missing grant may hide behind retries; each one is said, once. Some are what a test is about. */
function tellRefusals(dir: string): void {
  const file = join(dir, 'engine.log');
  const log = existsSync(file) ? readFileSync(file, 'utf8') : '';
  const refusals = new Set(
    [...log.matchAll(/"message":"User: \S*\/(\S+)-\w{13} is not authorized to perform: (\S+)/g)].map(
      ([, role, action]) => `${role}: ${action}`,
    ),
  );
  if (refusals.size > 0) say(`  refused for want of permission:\n    ${[...refusals].join('\n    ')}`);
}

/** A run that was killed could not take its folder with it; its engine has noticed and is gone. */
export function forgetDeadRuns(): void {
  mkdirSync(localDir, { recursive: true });
  for (const name of readdirSync(localDir).filter((entry) => /^test-\d+$/.test(entry))) {
    const dir = join(localDir, name);
    const owner = readJson(join(dir, 'run.json'), ProcessMark);
    if (!owner || !isRunning(owner)) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
