import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { withLock } from './lock.ts';
import { localDir } from './paths.ts';
import { PlainError } from './say.ts';

const run = promisify(execFile);

const oldest = [3, 10] as const;
const names = ['python3', ...[14, 13, 12, 11, 10].map((minor) => `python3.${minor}`), 'python'];
const venv = join(localDir, 'venv');

/**
 * The Python of our own virtual environment with the engine installed; made when missing or no longer right. `more`: files
 * of requirements beside the engine's, for what only some need.
 */
export async function python(note: (text: string) => void, more: readonly string[] = []): Promise<string> {
  return withLock(join(localDir, 'venv.lock'), async () => {
    const interpreter = join(venv, 'bin', 'python');
    const wanted = [engine, ...more];
    if (existsSync(interpreter) && wanted.every(isInstalled)) {
      note('ready');
      return interpreter;
    }
    const found = await findPython();
    // The engine is no longer what it was, or nothing is there yet: all of it anew.
    if (!existsSync(interpreter) || !isInstalled(engine)) {
      rmSync(venv, { recursive: true, force: true });
      await run(found.command, ['-m', 'venv', venv]).catch((error: { stdout?: string; stderr?: string }) => {
        throw new PlainError(`${found.command} could not make a virtual environment: ${lastLine(error)}`);
      });
    }
    for (const name of wanted.filter((it) => !isInstalled(it))) {
      const install = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '-r', fileOf(name)];
      await run(interpreter, install).catch((error: { stdout?: string; stderr?: string }) => {
        throw new PlainError(`pip could not install ${name}; check the package registry: ${lastLine(error)}`);
      });
      writeFileSync(stampOf(name), wantedOf(name));
    }
    note(`installed with Python ${found.version}`);
    return interpreter;
  });
}

const engine = 'requirements.txt';
const fileOf = (name: string): string => join(import.meta.dirname, name);
const stampOf = (name: string): string =>
  join(venv, name === engine ? 'latchwork-installed' : `latchwork-installed-${name}`);
const wantedOf = (name: string): string =>
  createHash('sha256')
    .update(readFileSync(fileOf(name)))
    .update(venv)
    .digest('hex');
const isInstalled = (name: string): boolean =>
  existsSync(stampOf(name)) && readFileSync(stampOf(name), 'utf8') === wantedOf(name);

const probe = `
import sys, importlib.util as util
print("%d.%d" % sys.version_info[:2], "complete" if util.find_spec("venv") and util.find_spec("ensurepip") else "bare")
`;

async function findPython(): Promise<{ command: string; version: string }> {
  let unfit: string | undefined;
  for (const command of names) {
    // A version manager's shim may be on the PATH and refuse to run, so the interpreter itself is asked.
    const asked = await run(command, ['-c', probe]).catch(() => undefined);
    const [version = '', outfit] = asked?.stdout.trim().split(' ') ?? [];
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major === 0) continue;
    if (major !== oldest[0] || minor < oldest[1]) unfit ??= `and ${command} is Python ${version}`;
    else if (outfit === 'complete') return { command, version };
    else unfit = `and ${command} cannot make one (on Debian and Ubuntu the package python3-venv is missing)`;
  }
  throw new PlainError(
    `the local engine needs Python ${oldest.join('.')} or newer with virtual environments, ${unfit ?? 'and no python3 is on the PATH'}; install it, then try again.`,
  );
}

const lastLine = (error: { stdout?: string; stderr?: string }) =>
  `${error.stdout ?? ''}\n${error.stderr ?? ''}`.trim().split('\n').at(-1) ?? '';
