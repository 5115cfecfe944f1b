import { copyFileSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { basename, join } from 'node:path';
import { type Deployment, deploy, synthesis } from '../../local/deploy.ts';
import { type Engine, saveCertificateAuthority, startEngine } from '../../local/engine.ts';
import { readJson, writeJson } from '../../local/json-file.ts';
import type { Lifetime } from '../../local/lifetime.ts';
import { localDir } from '../../local/paths.ts';
import { isRunning, markOf, ProcessMark } from '../../local/processes.ts';
import { python } from '../../local/python.ts';
import { PlainError, say, step } from '../../local/say.ts';
import { apiUrlOf, StackHandle, StackHandles } from '../../local/stack-handle.ts';

/** What a test cannot wait for. Everything else of the stack is as in `npm start`. */
export const fastContext = ['webhookWaitsSeconds=1,1,1,1', 'commandResendSeconds=2'];

export type Own = { stack: StackHandle; engine: Engine };

/** Engines, each with the stack, of this run's own, gone with it. */
export async function ownStacks(life: Lifetime, count: number): Promise<Own[]> {
  const dirs = Array.from({ length: count }, (_, nth) => ownDir(life, nth));
  const interpreter = await step('Python for the engine', (note) => python(note));
  const several = count > 1 ? `s (${count})` : '';
  const engines = await step(`AWS engine${several}`, () =>
    Promise.all(
      dirs.map(async (dir) => {
        const engine = await startEngine({ python: interpreter, dir, persist: false });
        life.atEnd(() => engine.stop());
        await saveCertificateAuthority(engine.endpoint);
        return { dir, engine };
      }),
    ),
  );
  const synthesise = synthesisOnce();
  return step(`Stack${several}`, (note) =>
    Promise.all(
      engines.map(async ({ dir, engine }) => {
        const deployment = { endpoint: engine.endpoint, dir, signal: life.signal };
        return { engine, stack: await deployed({ ...deployment, synthesise: synthesise(deployment) }, note) };
      }),
    ),
  );
}

/** The same of which one is enough. */
export async function ownStack(life: Lifetime): Promise<Own> {
  const [own] = await ownStacks(life, 1);
  if (own === undefined) throw new Error('no stack was deployed');
  return own;
}

function ownDir(life: Lifetime, nth: number): string {
  const dir = join(localDir, `test-${process.pid}${nth === 0 ? '' : `-${nth + 1}`}`);
  mkdirSync(dir, { recursive: true });
  life.atEnd(({ failed }) => {
    tellRefusals(dir);
    if (failed) keepLogs(dir);
    rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  });
  writeJson(join(dir, 'run.json'), markOf(process.pid));
  return dir;
}

/** The first of a run synthesises the application, the others copy what it made. */
function synthesisOnce(): (deployment: Deployment) => (assembly: string) => Promise<void> {
  let first: Promise<string> | undefined;
  return (deployment) => async (assembly) => {
    if (first === undefined) {
      first = synthesis({ ...deployment, overrides: fastContext }, assembly).then(() => assembly);
      await first;
    } else {
      cpSync(await first, assembly, { recursive: true });
    }
  };
}

/** The stack of `--serve`, brought to what the sources say now. */
export async function servedStack(life: Lifetime, file: string): Promise<void> {
  const [served] = readJson(file, StackHandles) ?? [];
  const answers = served && (await fetch(`${served.awsEndpointUrl}/_ministack/health`).catch(() => undefined));
  if (!served || !answers?.ok) {
    throw new PlainError(`no test engine is up: start one with node local/run.mjs test/run.ts --serve (${file})`);
  }
  const stack = await step('Stack', (note) =>
    deployed({ endpoint: served, dir: served.stateDir, signal: life.signal }, note),
  );
  writeJson(file, [stack]);
}

async function deployed(deployment: Deployment, note: (text: string) => void): Promise<StackHandle> {
  const outputs = await deploy({ ...deployment, overrides: fastContext }, note);
  const { endpoint, dir } = deployment;
  return StackHandle.parse({ ...endpoint, apiUrl: apiUrlOf(endpoint, outputs), outputs, stateDir: dir });
}

/** What the functions and the engine said is all that is left of a run that failed. */
function keepLogs(dir: string): void {
  const kept = join(localDir, 'failed-test-logs', basename(dir).replace(/^test-\d+-?/, ''));
  for (const name of existsSync(kept) ? readdirSync(kept).filter((it) => it.endsWith('.log')) : [])
    rmSync(join(kept, name));
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
  for (const name of readdirSync(localDir).filter((entry) => /^test-\d+(-\d+)?$/.test(entry))) {
    const dir = join(localDir, name);
    const owner = readJson(join(dir, 'run.json'), ProcessMark);
    if (!owner || !isRunning(owner)) rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  }
}
