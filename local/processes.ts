import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as z from 'zod';

/** A process as remembered on disk. A bare pid is not enough: the system gives it to somebody else later. */
export const ProcessMark = z.object({ pid: z.number().int().positive(), bornAt: z.string() });
export type ProcessMark = z.infer<typeof ProcessMark>;

export function markOf(pid: number): ProcessMark | undefined {
  const bornAt = birthOf(pid);
  return bornAt === undefined ? undefined : { pid, bornAt };
}

export const isRunning = (mark: ProcessMark) => birthOf(mark.pid) === mark.bornAt;

function birthOf(pid: number): string | undefined {
  if (process.platform === 'linux') return birthOnLinux(pid);
  try {
    return execFileSync('ps', ['-o', 'lstart=', '-p', String(pid)], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim();
  } catch {
    return undefined;
  }
}

/** From /proc, because a slim image has no `ps`. Field 22 of stat is the start in ticks since boot, hence the boot id. */
function birthOnLinux(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (state === 'Z' || state === 'X') return undefined;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${fields[18]}`;
  } catch {
    return undefined;
  }
}

/** Signals a whole process group; false when nothing of it is left. */
export function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    return false;
  }
}
