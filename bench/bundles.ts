import { execFile } from 'node:child_process';
import { globSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import * as z from 'zod';
import { bundling } from '../infra/constructs/bundling.ts';
import { stacks } from '../local/deploy.ts';
import { root } from '../local/paths.ts';
import type { StackHandle } from '../local/stack-handle.ts';
import { median } from './report.ts';

/** A function's file as it was deployed. */
export type Bundle = { name: string; file: string; bytes: number };

/** `judged`: of all bundles the one that seemed slowest, measured on its own after that. */
export type ImportTime = { name: string; bytes: number; ms: number; ratio: number; judged: boolean };

const Template = z.object({
  Resources: z.record(
    z.string(),
    z.object({
      Type: z.string(),
      Properties: z.looseObject({ Description: z.string().optional() }).optional(),
      Metadata: z.looseObject({ 'aws:asset:path': z.string().optional() }).optional(),
    }),
  ),
});

/** Every handler's bundle, out of what the CDK made for this very stack. Two functions of one file are one bundle. */
export function deployedBundles({ stateDir }: StackHandle): Bundle[] {
  const assembly = join(stateDir, 'cdk.out');
  const resources = stacks.flatMap((name) => {
    const template = readFileSync(join(assembly, `${name}.template.json`), 'utf8');
    return Object.values(Template.parse(JSON.parse(template)).Resources);
  });
  const bundles = new Map<string, Bundle>();
  for (const { Type, Properties, Metadata } of resources) {
    const path = Metadata?.['aws:asset:path'];
    if (Type !== 'AWS::Lambda::Function' || path === undefined) continue;
    const [file] = globSync('index.*js', { cwd: join(assembly, path) });
    if (file === undefined) throw new Error(`no bundle lies in ${path}`);
    const name = Properties?.Description?.split(': ').at(-1) ?? path;
    bundles.set(name, { name, file: join(assembly, path, file), bytes: statSync(join(assembly, path, file)).size });
  }
  return [...bundles.values()].toSorted((a, b) => b.bytes - a.bytes);
}

/** Bundles a source as the stack bundles its functions, with nothing left out unless `external` says so. */
export async function bundle(source: string, file: string, external = bundling.externalModules): Promise<void> {
  await build({
    entryPoints: [source],
    outfile: file,
    bundle: true,
    platform: 'node',
    format: z.enum(['esm', 'cjs']).parse(bundling.format),
    target: bundling.target,
    minify: bundling.minify,
    mainFields: bundling.mainFields,
    external,
    absWorkingDir: root,
    logLevel: 'warning',
  });
}

/** Fresh processes each; every round in another order, so that a busy machine is busy for all of them. */
const rounds = 3;
/** What seems slow after that is measured more often. */
const roundsOfSuspects = 4;
const suspectFrom = 1.1;
/**
 * Of many that are alike, one always had bad luck: those that seem slowest then are measured anew, and what was measured
 * of them before counts no more. So it is again with the slowest of these, which alone is judged.
 */
const finalists = 6;
const roundsOfFinalists = 8;
const roundsOfTheSlowest = 20;
/** Each has a core, and a neighbour that does the same. */
const atATime = 2;
/** The yardstick is measured more often than what it measures. */
const yardsticksPerRound = 3;

/**
 * CPU time of `import()` of each bundle, which waits for nothing and so is told least wrong on a busy machine, and how
 * that compares with the client of DynamoDB alone in the same run. That one is bundled as a whole, as limits.md E1
 * measured it when the budget was set; that we leave parts of it out of our own bundles is to our credit, so the rest
 * of it stands in the table as well.
 */
export async function importTimes(bundles: readonly Bundle[], stateDir: string): Promise<ImportTime[]> {
  const source = join(root, 'bench', 'client-alone.ts');
  const dir = join(stateDir, 'bench');
  mkdirSync(dir, { recursive: true });
  const whole = join(dir, 'client-alone.mjs');
  const trimmed = join(dir, 'client-trimmed.mjs');
  await bundle(source, whole, []);
  await bundle(source, trimmed);

  const yardsticks = Array.from({ length: yardsticksPerRound }, () => whole);
  const times = new Map<string, number[]>();
  const ratios = new Map<string, number[]>();
  const add = (to: Map<string, number[]>, file: string, value: number) =>
    to.set(file, [...(to.get(file) ?? []), value]);
  /** A machine is quick for a while and slow for a while, so a time is compared with the yardsticks of its own round. */
  const round = async (files: readonly string[]): Promise<void> => {
    const left = shuffled([...files, ...yardsticks]);
    const taken: [file: string, ms: number][] = [];
    const one = async (): Promise<void> => {
      for (let file = left.shift(); file !== undefined; file = left.shift()) taken.push([file, await importTime(file)]);
    };
    await Promise.all(Array.from({ length: atATime }, one));
    const yardstick = median(taken.flatMap(([file, ms]) => (file === whole ? [ms] : [])));
    for (const [file, ms] of taken) {
      add(times, file, ms);
      add(ratios, file, ms / yardstick);
    }
  };
  const measure = async (files: readonly string[], count: number): Promise<void> => {
    for (let nth = 0; nth < count; nth += 1) await round(files);
  };
  await measure([...bundles.map(({ file }) => file), trimmed], rounds);
  const ratioOf = (file: string): number => median(ratios.get(file) ?? []);
  const slowestFirst = (): string[] => bundles.map(({ file }) => file).toSorted((a, b) => ratioOf(b) - ratioOf(a));
  await measure(
    slowestFirst().filter((file) => ratioOf(file) > suspectFrom),
    roundsOfSuspects,
  );
  const anew = async (files: readonly string[], count: number): Promise<void> => {
    for (const file of files) ratios.delete(file);
    await measure(files, count);
  };
  await anew(slowestFirst().slice(0, finalists), roundsOfFinalists);
  const judged = slowestFirst().slice(0, 1);
  await anew(judged, roundsOfTheSlowest);
  const clients = [
    { name: '(the client of DynamoDB alone)', file: whole },
    { name: '(the same without credential providers)', file: trimmed },
  ].map((it) => ({ ...it, bytes: statSync(it.file).size }));
  return [...clients, ...bundles].map(({ name, file, bytes }) => ({
    name,
    bytes,
    ms: median(times.get(file) ?? []),
    ratio: ratioOf(file),
    judged: judged.includes(file),
  }));
}

const program = `
const before = process.cpuUsage();
await import(process.argv[1]);
const { user, system } = process.cpuUsage(before);
console.log((user + system) / 1_000);
`;

const run = promisify(execFile);

async function importTime(file: string): Promise<number> {
  const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program, file], {
    env: { AWS_REGION: 'us-east-1', NODE_NO_WARNINGS: '1' },
  });
  return Number(stdout.trim().split('\n').at(-1));
}

const shuffled = <T>(list: readonly T[]): T[] =>
  list
    .map((it) => ({ it, at: Math.random() }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ it }) => it);
