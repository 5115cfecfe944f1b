import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import type { BankIdentity } from './bank-identity.ts';
import { type Endpoint, pick } from './endpoint.ts';
import { writeJson } from './json-file.ts';
import { root } from './paths.ts';
import { signalGroup } from './processes.ts';
import { PlainError } from './say.ts';
import type { SeededBank } from './seed.ts';
import { until } from './until.ts';

export type SimulatedBanks = {
  /** Where each bank is driven, by its id. */
  controlUrls: Map<string, string>;
  died: Promise<never>;
  stop: () => Promise<void>;
};

const Ready = z.object({
  ready: z.literal(true),
  banks: z.array(z.object({ id: z.string(), controlUrl: z.string() })),
});

type Wish = {
  endpoint: Endpoint;
  dir: string;
  controlPort: number;
  banks: readonly (SeededBank & BankIdentity)[];
};

/** The banks run as a process of their own, as a developer of banks would start them. */
export async function startSimulatedBanks({ endpoint, dir, controlPort, banks }: Wish): Promise<SimulatedBanks> {
  const configFile = join(dir, 'simulated-banks.json');
  const logFile = join(dir, 'simulated-banks.log');
  writeJson(configFile, {
    control: { host: '127.0.0.1', port: controlPort },
    mqtt: endpoint.mqtt,
    stateDir: join(dir, 'banks'),
    banks: banks.map(({ id, name, certFile, keyFile, layout }) => ({ id, name, certFile, keyFile, doors: layout })),
  });
  const log = openSync(logFile, 'w');
  const leash = pathToFileURL(join(import.meta.dirname, 'leash.mjs')).href;
  const child = spawn(
    process.execPath,
    [
      '--disable-warning=ExperimentalWarning',
      '--import',
      leash,
      join(root, 'device-sim', 'main.ts'),
      '--config',
      configFile,
    ],
    { cwd: root, detached: true, stdio: ['pipe', 'pipe', log], env: pick(['PATH', 'HOME', 'TMPDIR', 'LANG']) },
  );
  closeSync(log);

  let wanted = true;
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => {
      if (wanted) reject(new PlainError(`the simulated banks ended by themselves (${signal ?? code}); see ${logFile}`));
    });
  });
  died.catch(() => undefined);
  const stop = async () => {
    wanted = false;
    await end(child);
  };
  try {
    const ready = await Promise.race([readiness(child, logFile), died]);
    return { controlUrls: new Map(ready.banks.map(({ id, controlUrl }) => [id, controlUrl])), died, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function readiness(child: ChildProcess, logFile: string): Promise<z.infer<typeof Ready>> {
  let ready: z.infer<typeof Ready> | undefined;
  const lines = createInterface({ input: child.stdout ?? process.stdin });
  lines.on('line', (line) => {
    ready ??= parsed(line);
  });
  return until(`the simulated banks are connected (see ${logFile})`, async () => ready, { withinMs: 30_000 });
}

function parsed(line: string): z.infer<typeof Ready> | undefined {
  try {
    return Ready.parse(JSON.parse(line));
  } catch {
    return undefined;
  }
}

async function end(child: ChildProcess): Promise<void> {
  child.kill('SIGTERM');
  await until('the simulated banks have ended', async () => child.exitCode !== null || child.signalCode !== null, {
    withinMs: 5_000,
  }).catch(() => undefined);
  if (child.pid !== undefined) signalGroup(child.pid, 'SIGKILL');
}
