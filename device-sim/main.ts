import { readFile } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { startBanks } from './run.ts';
import { Settings } from './settings.ts';

/**
 * `node device-sim/main.ts --config <file>`: one JSON line on stdout when all banks are connected, or after a while
 * although some are not; logs on stderr; runs until SIGTERM.
 */
const patienceMs = 20_000;

const { values } = parseArgs({ options: { config: { type: 'string' } } });
if (!values.config) {
  process.stderr.write('usage: node device-sim/main.ts --config <file.json>\n');
  process.exit(2);
}
const running = await startBanks(Settings.parse(JSON.parse(await readFile(values.config, 'utf8'))));
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
