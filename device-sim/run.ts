import { readFile } from 'node:fs/promises';
import { type Control, startControl } from './control.ts';
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
      banks.set(bank.id, await start(settings, bank, position, ca, linkTo, (text) => log(`${bank.id}: ${text}`)));
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

const start = async (
  { mqtt, stateDir, seed }: Settings,
  bank: Settings['banks'][number],
  position: number,
  ca: string,
  linkTo: typeof openLink,
  log: (text: string) => void,
): Promise<SimulatedBank> => {
  const [cert, key] = await Promise.all([readFile(bank.certFile, 'utf8'), readFile(bank.keyFile, 'utf8')]);
  const { contentsSensor, sensorLagMs, batteryBackedClock } = bank.options;
  const doors = bank.doors.map(({ door }) => door);
  const link = { bankId: bank.id, host: mqtt.host, port: mqtt.port, ca, cert, key, seed: seed + position };
  return startBank(
    {
      name: bank.name,
      stateFolder: stateDir,
      layout: { bankId: bank.id, doors, contentsSensor, sensorLagMs, batteryBackedClock },
      compartments: bank.doors,
      link: (events) => linkTo(link, events),
    },
    log,
  );
};

const stopAll = async (control: Control, banks: Map<string, SimulatedBank>): Promise<void> => {
  await control.stop();
  await Promise.all([...banks.values()].map((bank) => bank.stop()));
};
