import { readFile } from 'node:fs/promises';
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { plan } from '../device-sim/plan.ts';
import { readFaults, readTraffic } from '../device-sim/scenario.ts';
import { Settings } from '../device-sim/settings.ts';
import { readJson } from '../local/json-file.ts';
import { type Lifetime, lifetime } from '../local/lifetime.ts';
import { systemFile } from '../local/paths.ts';
import { messageOf, PlainError, say, step } from '../local/say.ts';
import { System } from '../local/system.ts';
import { deployedGround, type Ground, localGround, placeAsset, removeAsset } from './ground.ts';
import { play } from './play.ts';
import { isGood, summary } from './tally.ts';

/**
 * npm run sim -- --banks 50 --traffic mixed --faults storm --seed 7 [--speed 60] [--duration 24h]
 *   plays days at simulated banks of the local system, and says how it went
 * npm run sim -- --config <file.json>
 *   only runs the banks of that file, until Ctrl-C
 * npm run sim -- --config <file.json> --endpoint <API address> …
 *   plays at these banks of a system that is deployed there, with the API key in LATCHWORK_API_KEY
 */
const known = {
  banks: { type: 'string' },
  traffic: { type: 'string', default: 'mixed' },
  faults: { type: 'string', default: 'none' },
  seed: { type: 'string', default: '1' },
  speed: { type: 'string', default: '60' },
  duration: { type: 'string', default: '24h' },
  endpoint: { type: 'string' },
  config: { type: 'string' },
} as const;

const unitsMs = { s: 1_000, m: 60_000, h: 3_600_000 } as const;

const Duration = z
  .string()
  .regex(/^\d+(\.\d+)?[smh]$/, 'say it like 24h, 90m or 30s')
  .transform((text) => {
    const unit = z.enum(['s', 'm', 'h']).parse(text.at(-1));
    return Math.round(Number(text.slice(0, -1)) * unitsMs[unit]);
  })
  .refine((ms) => ms > 0 && ms <= 31 * 24 * unitsMs.h, 'more than nothing, and at most 744h');

const Options = z.object({
  banks: z.coerce.number().int().min(1).max(500).optional(),
  traffic: z.string(),
  faults: z.string(),
  seed: z.coerce
    .number()
    .int()
    .min(0)
    .max(2 ** 31),
  speed: z.coerce.number().positive().max(100_000),
  duration: Duration,
  endpoint: z.url({ protocol: /^https?$/ }).optional(),
  config: z.string().optional(),
});
type Options = z.infer<typeof Options>;

const options = (): Options => {
  try {
    return Options.parse(parseArgs({ options: known }).values);
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new PlainError(`${why}\ndocs/simulator.md says what npm run sim understands.`);
  }
};

const scenario = async <T>(name: string, read: (name: string) => Promise<T>): Promise<T> => {
  try {
    return await read(name);
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new PlainError(`the scenario ${name} cannot be read: ${why}`);
  }
};

const settingsIn = async (file: string): Promise<Settings> => {
  try {
    return Settings.parse(JSON.parse(await readFile(file, 'utf8')));
  } catch (error) {
    const why = error instanceof z.ZodError ? z.prettifyError(error) : messageOf(error);
    throw new PlainError(`the banks in ${file} cannot be read: ${why}`);
  }
};

/** Unless said. */
const localBanks = 3;

const groundFor = async ({ endpoint, config, banks, seed }: Options, life: Lifetime): Promise<Ground> => {
  if (endpoint === undefined) {
    if (config !== undefined) {
      throw new PlainError(
        'a day at the banks of a file needs --endpoint: the address of the API that they belong to.',
      );
    }
    const system = readJson(systemFile, System);
    if (!system) {
      throw new PlainError('no local system is running: start it with npm start, or name another one with --endpoint.');
    }
    return localGround(system, banks ?? localBanks, seed, life);
  }
  const { LATCHWORK_API_KEY: apiKey } = process.env;
  if (config === undefined) throw new PlainError('--endpoint needs --config: the file of the banks to play at.');
  if (!apiKey) throw new PlainError('--endpoint needs an API key of the tenant in LATCHWORK_API_KEY.');
  const settings = await settingsIn(config);
  const chosen = settings.banks.slice(0, banks);
  return deployedGround(endpoint.replace(/\/+$/, ''), apiKey, { ...settings, seed, banks: chosen }, life);
};

const clockOf = (from: number, at: number): string => new Date(from * unitsMs.h + at).toISOString().slice(11, 16);

const day =
  (chosen: Options) =>
  async (life: Lifetime): Promise<number> => {
    const { traffic: trafficName, faults: faultsName, seed, speed, duration: durationMs } = chosen;
    const traffic = await scenario(trafficName, readTraffic);
    const faults = await scenario(faultsName, readFaults);
    const ground = await step('Banks', async (note) => {
      const it = await groundFor(chosen, life);
      note(`${it.banks.length} take part`);
      return it;
    });
    const acts = plan({ traffic, faults, banks: ground.banks.length, durationMs, seed });
    const lenders = new Set(
      acts.flatMap((act) => (act.kind === 'story' && act.story.workflow === 'loan' ? [act.bank] : [])),
    );
    const banks = await step('Things to lend', async (note) => {
      const placed = [];
      for (const [nth, bank] of ground.banks.entries()) {
        placed.push({ ...bank, assetId: lenders.has(nth) ? await placeAsset(ground, bank) : undefined });
      }
      note(`${lenders.size} put into their doors`);
      return placed;
    });
    say(`\n${traffic.says}\n${faults.says}\n`);
    const tally = await play({
      api: ground.api,
      banks,
      acts,
      speed,
      progress: (at, begun, { stories }) =>
        say(`  ${clockOf(traffic.from, at)}  ${begun} transactions begun, ${stories.length} ended`),
    });
    for (const bank of banks) {
      if (bank.assetId !== undefined) await removeAsset(ground, bank, bank.assetId);
    }
    say(
      `\n${durationMs / unitsMs.h} h at ${banks.length} banks, ${speed} times as fast: traffic ${trafficName}, faults ${faultsName}, seed ${seed}\n`,
    );
    say(summary(tally));
    if (isGood(tally)) return 0;
    say(`\nNot everything came to its end. What the banks said meanwhile: ${ground.logFile}`);
    return 1;
  };

const isOnlyBanks = (args: readonly string[]): boolean =>
  args.length > 0 && args.every((arg, nth) => arg.startsWith('--config') || (nth === 1 && args[0] === '--config'));

if (isOnlyBanks(process.argv.slice(2))) await import('../device-sim/main.ts');
else await lifetime(async (life) => day(options())(life));
