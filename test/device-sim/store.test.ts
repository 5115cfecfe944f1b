import { appendFile, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newDoor } from '../../device-sim/state.ts';
import { openStore } from '../../device-sim/store.ts';
import { bankId, startedAt } from './rig.ts';

const layout = { bankId, doors: ['1', '2'], contentsSensor: true, sensorLagMs: 0, batteryBackedClock: undefined };

describe("a bank's disk", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'latchwork-disk-'));
  });
  afterEach(() => rm(folder, { recursive: true }));

  const open = () => openStore(folder, layout, startedAt);
  const boot = (seq: number) => ({ type: 'boot' as const, seq, at: startedAt, generation: null });

  it('is a new controller when it is empty, and the same one ever after', async () => {
    const first = await open();
    await first.append({ entries: [boot(1)], boots: 1 }, { lazy: false });
    await first.close();
    const second = await open();
    expect(second.durable).toMatchObject({ journalId: first.durable.journalId, lastSeq: 1, boots: 1 });
    await second.close();
    await rm(folder, { recursive: true });
    const replaced = await open();
    expect(replaced.durable.journalId).not.toBe(first.durable.journalId);
    await replaced.close();
  });

  it('keeps everything that was written before the process was killed', async () => {
    const killed = await open();
    await killed.append({ entries: [boot(1)] }, { lazy: false });
    await killed.append(
      { doors: { '1': { ...newDoor(true), item: 'txn_1' } }, commands: { a: { door: '1', notAfter: 5 } } },
      { lazy: false },
    );
    await killed.append({ commands: { a: null } }, { lazy: false });
    const next = await open();
    expect(next.durable.doors['1']?.item).toBe('txn_1');
    expect(next.durable.commands).toEqual({});
    await next.close();
    await killed.close();
  });

  it('is empty when it was lost, then and after the next start, while the doors are as they were', async () => {
    const filled = { ...newDoor(true), item: 'txn_1' };
    const actual = { ...filled.actual, inside: 'filled' as const };
    const first = await open();
    await first.append({ entries: [boot(1)], boots: 1 }, { lazy: false });
    await first.append({ acked: 1, doors: { '1': { ...filled, actual } } }, { lazy: false });
    const empty = await first.lose(startedAt);
    expect(empty).toMatchObject({ lastSeq: 0, acked: 0, boots: 0, entries: [] });
    expect(empty.journalId).not.toBe(first.durable.journalId);
    expect(empty.doors['1']).toEqual({ ...newDoor(true), actual });
    await first.append({ entries: [boot(1)], boots: 1 }, { lazy: false });
    await first.close();
    const second = await open();
    expect(second.durable).toMatchObject({ journalId: empty.journalId, lastSeq: 1, boots: 1 });
    await second.close();
  });

  it('passes over a last line that was being written when the power went', async () => {
    const first = await open();
    await first.append({ boots: 1 }, { lazy: false });
    await first.append({ boots: 2 }, { lazy: false });
    await first.close();
    const path = join(folder, 'journal.jsonl');
    const text = await readFile(path, 'utf8');
    await truncate(path, text.length - 4);
    const second = await open();
    expect(second.durable.boots).toBe(1);
    await second.close();
  });

  it('does not apply lines again that its snapshot holds already', async () => {
    const first = await open();
    await first.append({ entries: [boot(1)] }, { lazy: false });
    await first.close();
    const path = join(folder, 'journal.jsonl');
    const lines = await readFile(path, 'utf8');
    await (await open()).close();
    // As if the crash came after the new snapshot and before the lines were cleared.
    await writeFile(path, lines);
    const again = await open();
    expect(again.durable.entries).toHaveLength(1);
    await again.close();
  });

  it('does not start on a disk that says nonsense', async () => {
    await (await open()).close();
    await appendFile(join(folder, 'journal.jsonl'), 'nonsense\n');
    await expect(open()).rejects.toThrow();
  });

  it('stays small however much is written', async () => {
    const store = await open();
    for (let boots = 0; boots < 2500; boots += 1) await store.append({ boots }, { lazy: true });
    const text = await readFile(join(folder, 'journal.jsonl'), 'utf8');
    expect(text.split('\n').length).toBeLessThan(1002);
    await store.close();
    const next = await open();
    expect(next.durable.boots).toBe(2499);
    await next.close();
  });

  it('gives doors that were built in later an empty start', async () => {
    await (await open()).close();
    const extended = await openStore(folder, { ...layout, doors: ['1', '2', '3'] }, startedAt);
    expect(extended.durable.doors['3']).toEqual(newDoor(true));
    await extended.close();
  });
});
