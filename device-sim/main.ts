import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startBanks } from './run.ts';
import { Settings } from './settings.ts';

/**
 * `node device-sim/main.ts --config <file>`: one JSON line on stdout when all banks are connected, or after a while
 * although some are not; logs on stderr; runs until SIGTERM.
 */
const patienceMs = 20_000;

const refuse = (text: string): never => {
  process.stderr.write(`${text}\nusage: npm run sim -- --config <file.json>; docs/simulator.md shows such a file\n`);
  process.exit(2);
};

/** The settings that the command line names, or one sentence about what is wrong with them. */
const settings = async (): Promise<Settings> => {
  try {
    const { config } = parseArgs({ options: { config: { type: 'string' } } }).values;
    if (config === undefined) return refuse('no settings were named');
    return Settings.parse(JSON.parse(await readFile(config, 'utf8')));
  } catch (error) {
    if (error instanceof z.ZodError) return refuse(`the settings do not fit:\n${z.prettifyError(error)}`);
    return refuse(`the settings cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const running = await startBanks(await settings());
const stop = (): void => {
  running.stop().then(
    () => process.exit(0),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exit(1);
    },
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);

await Promise.race([running.connected, setTimeout(patienceMs, undefined, { ref: false })]);
const banks = running.banks.map(({ id, controlUrl }) => ({ id, controlUrl }));
process.stdout.write(`${JSON.stringify({ ready: true, controlUrl: running.controlUrl, banks })}\n`);
