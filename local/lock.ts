import { linkSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isRunning, markOf, ProcessMark } from './processes.ts';
import { until } from './until.ts';

/** Takes the lock file, or names the process that holds it. A holder that is gone (killed hard) holds nothing. */
export function tryLock(file: string): { release: () => void } | { heldBy: number } {
  mkdirSync(dirname(file), { recursive: true });
  const claim = `${file}.${process.pid}`;
  writeFileSync(claim, JSON.stringify(markOf(process.pid)));
  try {
    for (;;) {
      // A link appears with its content, so that nobody ever reads a lock that does not name its holder yet.
      if (link(claim, file)) return { release: () => rmSync(file, { force: true }) };
      const holder = holderOf(file);
      if (holder && isRunning(holder)) return { heldBy: holder.pid };
      rmSync(file, { force: true });
    }
  } finally {
    rmSync(claim, { force: true });
  }
}

function link(from: string, to: string): boolean {
  try {
    linkSync(from, to);
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

/** Two scripts of one clone may want the same thing made at the same time (packages, a deployment): one makes it. */
export async function withLock<Result>(file: string, work: () => Promise<Result>): Promise<Result> {
  const lock = await until(
    `the lock ${file} is free`,
    async () => {
      const taken = tryLock(file);
      return 'release' in taken && taken;
    },
    { withinMs: 600_000, everyMs: 250 },
  );
  try {
    return await work();
  } finally {
    lock.release();
  }
}

function holderOf(file: string): ProcessMark | undefined {
  try {
    return ProcessMark.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
