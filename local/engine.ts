import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { accountId, type Endpoint, pick, region } from './endpoint.ts';
import { readJson, writeJson } from './json-file.ts';
import { binDir } from './paths.ts';
import { closed, freePort, isFree } from './ports.ts';
import { isRunning, markOf, ProcessMark, signalGroup } from './processes.ts';
import { PlainError, say } from './say.ts';
import { forgetStreamPositions } from './stream-positions.ts';
import { until } from './until.ts';

/** What the state remembers of its engine: the ports are baked into addresses that people have written down. */
const EngineMemory = z.object({ httpPort: z.number(), mqttPort: z.number(), process: ProcessMark.optional() });
type EngineMemory = z.infer<typeof EngineMemory>;

export type Engine = {
  endpoint: Endpoint;
  /** Rejects when the engine ends without having been asked to. */
  died: Promise<never>;
  stop: () => Promise<void>;
};

export type EngineWish = {
  python: string;
  /** The state: everything the engine knows lies below it, and nothing of it anywhere else. */
  dir: string;
  /** Whether what it knows outlives it. */
  persist: boolean;
  httpPort?: number | undefined;
  mqttPort?: number | undefined;
};

export async function startEngine(wish: EngineWish): Promise<Engine> {
  const memoryFile = memoryFileIn(wish.dir);
  await endLeftoverEngine(wish.dir);
  const memory = readJson(memoryFile, EngineMemory);
  if (wish.persist) forgetStreamPositions(stateDir(wish.dir));

  for (let attempt = 1; ; attempt++) {
    const ports = await choosePorts(wish, memory);
    const child = launch(wish, ports);
    if (child.pid !== undefined) writeJson(memoryFile, { ...ports, process: markOf(child.pid) });
    if (await isReady(child, ports)) return running(child, wish, ports);
    await end(child, ports);
    // Between choosing a free port and opening it another program may have been faster.
    if (attempt === 3)
      throw new PlainError(`the local engine does not start; see ${logFile(wish.dir)}\n${logTail(wish.dir)}`);
  }
}

function running(child: ChildProcess, wish: EngineWish, ports: EngineMemory): Engine {
  let wanted = true;
  const died = new Promise<never>((_, reject) => {
    child.once('exit', (code, signal) => {
      if (!wanted) return;
      reject(
        new PlainError(
          `the local engine ended by itself (${signal ?? code}); its last words are in ${logFile(wish.dir)}`,
        ),
      );
    });
  });
  // Whoever does not wait for it must not be ended by it.
  died.catch(() => undefined);
  return {
    endpoint: {
      awsEndpointUrl: `http://127.0.0.1:${ports.httpPort}`,
      region,
      accountId,
      mqtt: { host: '127.0.0.1', port: ports.mqttPort, caFile: join(wish.dir, 'iot-ca.pem') },
    },
    died,
    stop: async () => {
      wanted = false;
      await end(child, ports);
      writeJson(memoryFileIn(wish.dir), ports);
    },
  };
}

async function choosePorts(wish: EngineWish, memory: EngineMemory | undefined): Promise<EngineMemory> {
  await requireFree(wish.httpPort, 'LATCHWORK_PORT');
  await requireFree(wish.mqttPort, 'LATCHWORK_MQTT_PORT');
  const httpPort = wish.httpPort ?? (await freePort(memory?.httpPort, wish.mqttPort ? [wish.mqttPort] : []));
  const mqttPort = wish.mqttPort ?? (await freePort(memory?.mqttPort, [httpPort]));
  return { httpPort, mqttPort };
}

async function requireFree(port: number | undefined, variable: string): Promise<void> {
  if (port === undefined || (await isFree(port))) return;
  throw new PlainError(`port ${port} (${variable}) is taken by another program; free it or name another one.`);
}

function launch(wish: EngineWish, ports: EngineMemory): ChildProcess {
  const scratch = join(wish.dir, 'tmp');
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  // Functions are unpacked there; without it they would take the package.json of the repository for theirs.
  writeJson(join(scratch, 'package.json'), {});
  const log = openSync(logFile(wish.dir), 'w');
  // Its own group, so that Ctrl-C in the terminal does not reach it before we have stopped what depends on it.
  const child = spawn(wish.python, [join(import.meta.dirname, 'engine.py')], {
    cwd: wish.dir,
    detached: true,
    stdio: ['pipe', log, log],
    env: engineEnvironment(wish, ports, scratch),
  });
  closeSync(log);
  // One that could not be started has no pid, which is all that is asked for later.
  child.once('error', () => undefined);
  return child;
}

/** From nothing, because functions inherit it: they see what they would see on AWS, plus where the engine is. */
function engineEnvironment(wish: EngineWish, ports: EngineMemory, scratch: string): Record<string, string> {
  return {
    ...pick(['LANG']),
    // The functions are run by the first `node` on the PATH, which has to be the pinned one.
    PATH: `${binDir}:${process.env.PATH ?? ''}`,
    HOME: scratch,
    TMPDIR: scratch,
    GATEWAY_PORT: String(ports.httpPort),
    IOT_MTLS_PORT: String(ports.mqttPort),
    BIND_HOST: '127.0.0.1',
    // Queue addresses carry it. With the default `localhost` the SDK takes them for another endpoint and says so each time.
    MINISTACK_HOST: '127.0.0.1',
    MINISTACK_ACCOUNT_ID: accountId,
    MINISTACK_REGION: region,
    AUTH: 'true',
    SFTP_ENABLED: '0',
    ...(wish.persist && {
      PERSIST_STATE: '1',
      STATE_DIR: stateDir(wish.dir),
      S3_PERSIST: '1',
      S3_DATA_DIR: join(wish.dir, 's3'),
    }),
  };
}

const Readiness = z.object({ iot_mtls: z.string() });

/** True once HTTP answers and MQTT listens; false when it ended before or has no MQTT port. */
async function isReady(child: ChildProcess, ports: EngineMemory): Promise<boolean> {
  const answer = await until(
    'the engine is ready',
    async () => {
      if (child.exitCode !== null || child.signalCode !== null || child.pid === undefined) return 'ended';
      const response = await fetch(`http://127.0.0.1:${ports.httpPort}/_ministack/ready`);
      return response.ok ? Readiness.parse(await response.json()).iot_mtls : undefined;
    },
    { withinMs: 60_000 },
  );
  return answer === 'listening';
}

async function end(child: ChildProcess, ports: EngineMemory): Promise<void> {
  if (child.pid === undefined) return;
  child.kill('SIGTERM');
  // It saves within about 2 s and can hang afterwards while something is pending, its port closed or not.
  await closed(ports.httpPort, 20_000).catch(() => undefined);
  await until('the engine has ended', async () => child.exitCode !== null || child.signalCode !== null, {
    withinMs: 3_000,
  }).catch(() => undefined);
  signalGroup(child.pid, 'SIGKILL');
  await until('its workers have ended', async () => !signalGroup(child.pid ?? 0, 0), { withinMs: 5_000 });
}

/** An engine whose start-up was killed hard notices it and saves (engine.py); it gets the time for that. */
export async function endLeftoverEngine(dir: string): Promise<void> {
  const mark = readJson(memoryFileIn(dir), EngineMemory)?.process;
  if (!mark || !isRunning(mark)) return;
  say('  The engine of an earlier run, which was killed, is still there; it is stopped first.');
  signalGroup(mark.pid, 'SIGTERM');
  await until('the engine of an earlier run has ended', async () => !isRunning(mark), { withinMs: 20_000 }).catch(
    () => undefined,
  );
  signalGroup(mark.pid, 'SIGKILL');
  await until('the engine of an earlier run has ended', async () => !isRunning(mark), { withinMs: 5_000 });
}

const memoryFileIn = (dir: string) => join(dir, 'engine.json');
const stateDir = (dir: string) => join(dir, 'engine');
const logFile = (dir: string) => join(dir, 'engine.log');

function logTail(dir: string): string {
  return readFileSync(logFile(dir), 'utf8').trimEnd().split('\n').slice(-12).join('\n');
}

/** The certificate that a bank verifies the broker by. The engine mints it when it is first asked for. */
export async function saveCertificateAuthority(endpoint: Endpoint): Promise<void> {
  const response = await fetch(`${endpoint.awsEndpointUrl}/_ministack/iot/ca.pem`);
  if (!response.ok) throw new Error(`the engine has no certificate authority: ${response.status}`);
  writeFileSync(endpoint.mqtt.caFile, await response.text());
}
