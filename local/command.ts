import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { PlainError } from './say.ts';

export type Command = {
  /** What it is for, as it is said when it fails: "the deployment". */
  what: string;
  file: string;
  args: readonly string[];
  cwd: string;
  env: Record<string, string>;
  /** Its output goes there; the end of it is shown only when it fails. */
  logFile: string;
  signal?: AbortSignal | undefined;
};

export function run(command: Command): Promise<void> {
  const { what, file, args, cwd, env, logFile, signal } = command;
  const log = openSync(logFile, 'w');
  const child = spawn(file, args, { cwd, env, stdio: ['ignore', log, log], signal });
  closeSync(log);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) return resolve();
      const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-30).join('\n');
      reject(new PlainError(`${what} failed; its whole output is in ${logFile}, its end is:\n${tail}`));
    });
  });
}
