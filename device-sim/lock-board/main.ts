import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startLockBoardCloud } from './cloud.ts';

/** `npm run lock-board -- --config <file>`: a vendor's cloud with lock boards, until it is interrupted. */
const Settings = z.strictObject({
  port: z.int().min(0).max(65_535).default(0),
  locks: z.record(z.string(), z.strictObject({ board: z.string(), lock: z.string() })),
  contentsSensor: z.boolean().default(true),
  seed: z.int().nonnegative().default(1),
  /** Left out: nobody is told anything, and unsigned calls are taken. */
  customer: z.strictObject({ url: z.url(), apiKey: z.string(), secret: z.string() }).optional(),
});

const refuse = (text: string): never => {
  process.stderr.write(
    `${text}\nusage: npm run lock-board -- --config <file.json>; docs/simulator.md shows such a file\n`,
  );
  process.exit(2);
};

const read = async (): Promise<z.infer<typeof Settings>> => {
  try {
    const { config } = parseArgs({ options: { config: { type: 'string' } } }).values;
    if (config === undefined) return refuse('no settings were named');
    return Settings.parse(JSON.parse(await readFile(config, 'utf8')));
  } catch (error) {
    if (error instanceof z.ZodError) return refuse(`the settings do not fit:\n${z.prettifyError(error)}`);
    return refuse(`the settings cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  }
};

const { customer, ...settings } = await read();
const cloud = await startLockBoardCloud(settings, (text) => process.stderr.write(`${text}\n`));
if (customer) cloud.serve(customer);
process.stdout.write(`unlock calls: ${cloud.unlockUrl}\ncontrol:      ${cloud.controlUrl}\n`);
const stop = (): void => {
  cloud.stop().then(
    () => process.exit(0),
    () => process.exit(1),
  );
};
process.once('SIGTERM', stop);
process.once('SIGINT', stop);
