import { spawnSync } from 'node:child_process';
import { delimiter, join } from 'node:path';
import { parseArgs } from 'node:util';
import { type StageName, stackNames, stages } from './stages.ts';

const root = join(import.meta.dirname, '..');
const binDir = join(root, 'node_modules', '.bin');

/** Ends the program with a sentence instead of a stack trace. */
export function stop(message: string): never {
  console.error(`latchwork: ${message}`);
  process.exit(1);
}

export type Request = { stage: StageName; cdkArguments: string[] };

/** `--stage <name>`, and after `--` what the CDK is to be told besides. */
export function request(allowed: readonly StageName[], otherwise: StageName): Request {
  const { values, positionals } = parsed();
  const asked = values.stage ?? otherwise;
  const stage = allowed.find((name) => name === asked);
  if (!stage) stop(`there is no stage '${asked}' here; choose --stage ${allowed.join(' or --stage ')}.`);
  return { stage, cdkArguments: positionals };
}

function parsed() {
  try {
    return parseArgs({ options: { stage: { type: 'string' } }, allowPositionals: true });
  } catch (error) {
    return stop(error instanceof Error ? error.message : String(error));
  }
}

export const stageNames = Object.values(stages).map(({ name }) => name);

/** Runs the pinned CDK command line on the stacks of one stage, and ends as it ended. */
export function cdk(command: 'synth' | 'deploy', { stage, cdkArguments }: Request): void {
  const { status, error } = spawnSync(
    join(binDir, 'cdk'),
    [command, ...Object.values(stackNames(stage)), '--context', `stage=${stage}`, '--no-notices', ...cdkArguments],
    {
      cwd: root,
      stdio: 'inherit',
      env: {
        ...process.env,
        // The CDK starts `node infra/app.ts`: the pinned Node, which runs TypeScript, comes first.
        PATH: [binDir, process.env.PATH].join(delimiter),
        CDK_DISABLE_CLI_TELEMETRY: 'true',
      },
    },
  );
  if (error) stop(`the CDK could not be started: ${error.message}`);
  if (status !== 0) process.exit(status ?? 1);
}
