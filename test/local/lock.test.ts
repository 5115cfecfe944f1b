import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { tryLock, withLock } from '../../local/lock.ts';
import { markOf } from '../../local/processes.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'latchwork-'));
  file = join(dir, 'start.lock');
});
afterEach(() => rmSync(dir, { recursive: true }));

it('names the process that holds the lock', () => {
  tryLock(file);
  expect(tryLock(file)).toEqual({ heldBy: process.pid });
});

it('is free again after its release', () => {
  const first = tryLock(file);
  if ('release' in first) first.release();
  expect(tryLock(file)).toHaveProperty('release');
});

it('takes over from a process that was killed, even when its number is somebody else’s now', () => {
  writeFileSync(file, JSON.stringify({ ...markOf(process.pid), bornAt: 'long ago' }));
  expect(tryLock(file)).toHaveProperty('release');
});

it('lets one wait until the other is done', async () => {
  const order: string[] = [];
  await Promise.all([
    withLock(file, async () => order.push('first in', 'first out')),
    withLock(file, async () => order.push('second in', 'second out')),
  ]);
  expect(order).toHaveLength(4);
  expect(order[0]?.replace('in', 'out')).toBe(order[1]);
});
