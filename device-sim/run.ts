import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Control, startControl } from './control.ts';
import { enrol } from './enrol.ts';
import { type Identity, openIdentity, readIdentity } from './identity.ts';
import { openLink } from './link.ts';
import { Settings, type SettingsInput } from './settings.ts';
import { type SimulatedBank, startBank } from './simulated-bank.ts';

export type RunningBank = { id: string; controlUrl: string; stop(): Promise<void> };
export type RunningBanks = {
  banks: RunningBank[];
  controlUrl: string;
  /** Resolves when every bank has been connected once. */
  connected: Promise<void>;
  stop(): Promise<void>;
};

/** Starts any number of banks in this process, and one control for all. They connect on their own, and keep trying. */
export const startBanks = async (
  input: SettingsInput,
  log: (text: string) => void = (text) => process.stderr.write(`${text}\n`),
  linkTo: typeof openLink = openLink,
): Promise<RunningBanks> => {
  const settings = Settings.parse(input);
  const banks = new Map<string, SimulatedBank>();
  const control = await startControl(settings.control, banks, log);
  const stop = () => stopAll(control, banks);
  try {
    const ca = await readFile(settings.mqtt.caFile, 'utf8');
    for (const [position, bank] of settings.banks.entries()) {
      const identity = await identityOf(settings, bank, ca);
      const { bankId } = identity;
      const it = { identity, position, ca };
      banks.set(bankId, await start(settings, bank, it, linkTo, (text) => log(`${bankId}: ${text}`)));
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const running = [...banks.values()].map(({ id, stop: stopOne }) => ({
    id,
    controlUrl: control.urlOf(id),
    stop: stopOne,
  }));
  const connected = Promise.all([...banks.values()].map((bank) => bank.connected)).then(() => undefined);
  return { banks: running, controlUrl: control.url, connected, stop };
};

/** Its own; a controller that has none yet enrols with the claim. */
const identityOf = async (
  { mqtt, stateDir, claim }: Settings,
  bank: Settings['banks'][number],
  ca: string,
): Promise<Identity> => {
  if ('id' in bank) {
    const [cert, key] = await readAll(bank.certFile, bank.keyFile);
    return openIdentity(join(stateDir, bank.id), { bankId: bank.id, cert, key });
  }
  const { serialNumber } = bank;
  const folder = join(stateDir, 'controllers', serialNumber);
  const known = await readIdentity(folder);
  if (known !== null) return known;
  if (claim === undefined)
    throw new Error(`the controller ${serialNumber} has no certificate, and no claim to enrol with`);
  const [cert, key] = await readAll(claim.certFile, claim.keyFile);
  const { template, answersCsr } = claim;
  const endpoint = { host: mqtt.host, port: mqtt.port, ca };
  return openIdentity(folder, await enrol(endpoint, { template, answersCsr, cert, key }, serialNumber));
};

const readAll = (cert: string, key: string): Promise<[string, string]> =>
  Promise.all([readFile(cert, 'utf8'), readFile(key, 'utf8')]);

const start = async (
  { mqtt, stateDir, seed }: Settings,
  bank: Settings['banks'][number],
  { identity, position, ca }: { identity: Identity; position: number; ca: string },
  linkTo: typeof openLink,
  log: (text: string) => void,
): Promise<SimulatedBank> => {
  const { contentsSensor, sensorLagMs, batteryBackedClock } = bank.options;
  const doors = bank.doors.map(({ door }) => door);
  const { bankId, proof } = identity;
  const link = { bankId, host: mqtt.host, port: mqtt.port, ca, proof, seed: seed + position };
  return startBank(
    {
      name: bank.name,
      stateFolder: stateDir,
      layout: { bankId, doors, contentsSensor, sensorLagMs, batteryBackedClock },
      compartments: bank.doors,
      link: (events) => linkTo(link, events),
      identity,
      ...('serialNumber' in bank && { serialNumber: bank.serialNumber }),
    },
    log,
  );
};

const stopAll = async (control: Control, banks: Map<string, SimulatedBank>): Promise<void> => {
  await control.stop();
  await Promise.all([...banks.values()].map((bank) => bank.stop()));
};
