import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { banksTakePart } from './active-banks.ts';
import { bankIdentity } from './bank-identity.ts';
import { demo } from './demo.ts';
import { deploy } from './deploy.ts';
import { drain } from './drain.ts';
import type { Endpoint } from './endpoint.ts';
import { chooseEndpoint, type EndpointChoice } from './endpoint-choice.ts';
import { endLeftoverEngine, saveCertificateAuthority, startEngine } from './engine.ts';
import { inboxesOf } from './inboxes.ts';
import { readJson, writeJson } from './json-file.ts';
import { type Lifetime, lifetime } from './lifetime.ts';
import { tryLock } from './lock.ts';
import { localDir, systemFile } from './paths.ts';
import { freePort } from './ports.ts';
import { python } from './python.ts';
import { startReceiver } from './receiver.ts';
import { referenceFiles } from './reference/documents.ts';
import { startReference } from './reference/server.ts';
import { PlainError, say, seconds, step } from './say.ts';
import { seed } from './seed.ts';
import { startSimulatedBanks } from './simulated-banks.ts';
import { apiUrlOf } from './stack-handle.ts';
import { summary } from './summary.ts';
import type { System } from './system.ts';

/** npm start [-- --fresh]: the whole product on this machine, until Ctrl-C. --fresh forgets its data first. */
async function start(life: Lifetime): Promise<number> {
  // Installing the packages came before this process; run.mjs notes when it began.
  const startedAt = performance.now() - (Date.now() - Number(process.env.LATCHWORK_STARTED_AT ?? Date.now()));
  const { fresh } = options();
  const choice = chooseEndpoint();
  onlyOnce(life);
  if (fresh) await forget(choice);
  mkdirSync(choice.dir, { recursive: true });

  const { endpoint, died } = choice.own ? await ownEngine(life, choice) : await othersEndpoint(choice);
  const { system, banksDied } = await startSystem(life, endpoint, choice.dir);
  await Promise.race([demo(system), ...died, banksDied]);

  writeJson(systemFile, system);
  say(summary(system, await inboxesOf(endpoint), seconds(startedAt)));
  await Promise.race([...died, banksDied, life.untilInterrupted()]);
  return 0;
}

function options(): { fresh: boolean } {
  try {
    return { fresh: parseArgs({ options: { fresh: { type: 'boolean' } } }).values.fresh ?? false };
  } catch {
    throw new PlainError('npm start knows one option: npm start -- --fresh forgets the data of earlier runs.');
  }
}

function onlyOnce(life: Lifetime): void {
  const lock = tryLock(join(localDir, 'start.lock'));
  if ('heldBy' in lock) {
    throw new PlainError(`a local system of this clone is already running (process ${lock.heldBy}); stop it first.`);
  }
  life.atEnd(lock.release);
  // Of a run that was killed.
  rmSync(systemFile, { force: true });
  life.atEnd(() => rmSync(systemFile, { force: true }));
}

async function forget({ dir, own }: EndpointChoice): Promise<void> {
  await endLeftoverEngine(dir);
  rmSync(dir, { recursive: true, force: true, maxRetries: 5 });
  say(
    own ? '  The data of earlier runs is forgotten.' : '  What we remembered is forgotten; the endpoint keeps its own.',
  );
}

async function ownEngine(life: Lifetime, choice: EndpointChoice & { own: true }) {
  const interpreter = await step('Python for the engine', (note) => python(note));
  const engine = await step('AWS engine', async (note) => {
    const engine = await startEngine({ ...choice, python: interpreter, persist: true });
    note(engine.endpoint.awsEndpointUrl);
    return engine;
  });
  life.atEnd(() => step('AWS engine stops', () => engine.stop()));
  await saveCertificateAuthority(engine.endpoint);
  return { endpoint: engine.endpoint, died: [engine.died] };
}

async function othersEndpoint({ endpoint }: EndpointChoice & { own: false }) {
  await fetch(endpoint.awsEndpointUrl).catch((error: unknown) => {
    throw new PlainError(`nothing answers at AWS_ENDPOINT_URL=${endpoint.awsEndpointUrl}.`, { cause: error });
  });
  return { endpoint, died: [] };
}

const Ports = z.object({ receiver: z.number(), control: z.number(), reference: z.number() }).partial();

async function startSystem(life: Lifetime, endpoint: Endpoint, dir: string) {
  const outputs = await step('Stack', (note) => deploy({ endpoint, dir, signal: life.signal }, note));
  const apiUrl = apiUrlOf(endpoint, outputs);

  const portsFile = join(dir, 'ports.json');
  const before = readJson(portsFile, Ports);
  const receiverPort = await freePort(before?.receiver);
  const controlPort = await freePort(before?.control, [receiverPort]);
  const referencePort = await freePort(before?.reference, [receiverPort, controlPort]);
  writeJson(portsFile, { receiver: receiverPort, control: controlPort, reference: referencePort });

  const receiver = await startReceiver(receiverPort, join(dir, 'received.jsonl'));
  life.atEnd(() => receiver.stop());
  const reference = await startReference(referencePort, referenceFiles());
  life.atEnd(() => reference.stop());
  // Stops after the banks and before what it still brings to.
  life.atEnd(() => drain(endpoint, 5_000).catch(() => undefined));
  const seeded = await step('Demo tenants', () => seed({ endpoint, outputs, apiUrl, dir, receiverUrl: receiver.url }));
  receiver.verifyWith(seeded.webhookSecret);

  const owned = seeded.tenants.flatMap((tenant) => tenant.banks.map((bank) => ({ ...bank, tenantId: tenant.id })));
  const identified = await step('Certificates of the banks', () =>
    Promise.all(owned.map(async (bank) => ({ ...bank, ...(await bankIdentity(endpoint, outputs, dir, bank.id)) }))),
  );
  const banks = await step('Simulated banks', async () => {
    const started = await startSimulatedBanks({ endpoint, dir, controlPort, banks: identified });
    life.atEnd(() => started.stop());
    await Promise.race([banksTakePart({ apiUrl, tenants: seeded.tenants }), started.died]);
    return started;
  });

  const system: System = {
    ...endpoint,
    apiUrl,
    tenants: seeded.tenants.map(({ id, name, apiKey, siteId }) => ({ id, name, apiKey, siteId })),
    banks: owned.map(({ id, tenantId, name, layout }) => ({
      id,
      tenantId,
      name,
      doors: layout.map(({ door }) => door),
      controlUrl: banks.controlUrls.get(id) ?? '',
    })),
    webhookReceiver: { url: receiver.url, secret: seeded.webhookSecret, receivedUrl: receiver.receivedUrl },
    referenceUrl: reference.url,
    // The address AWS would give; here it is `apiUrl`.
    outputs: Object.fromEntries(Object.entries(outputs).filter(([name]) => name !== 'ApiUrl')),
    startedAt: new Date().toISOString(),
  };
  return { system, banksDied: banks.died };
}

await lifetime(start);
