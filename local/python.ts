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
const requirements = join(import.meta.dirname, 'requirements.txt');
const venv = join(localDir, 'venv');
const stamp = join(venv, 'latchwork-installed');

/** The Python of our own virtual environment with the engine installed; made when missing or no longer right. */
export async function python(note: (text: string) => void): Promise<string> {
  return withLock(join(localDir, 'venv.lock'), async () => {
    const wanted = createHash('sha256').update(readFileSync(requirements)).update(venv).digest('hex');
    const interpreter = join(venv, 'bin', 'python');
    if (existsSync(interpreter) && existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) {
      note('ready');
      return interpreter;
    }
    const found = await findPython();
    rmSync(venv, { recursive: true, force: true });
    await run(found.command, ['-m', 'venv', venv]).catch((error: { stdout?: string; stderr?: string }) => {
      throw new PlainError(`${found.command} could not make a virtual environment: ${lastLine(error)}`);
    });
    await run(interpreter, [
      '-m',
      'pip',
      'install',
      '--quiet',
      '--disable-pip-version-check',
      '-r',
      requirements,
    ]).catch((error: { stdout?: string; stderr?: string }) => {
      throw new PlainError(`pip could not install the local engine; check the package registry: ${lastLine(error)}`);
    });
    writeFileSync(stamp, wanted);
    note(`installed with Python ${found.version}`);
    return interpreter;
  });
}

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
