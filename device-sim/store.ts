import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';
import { Change, Durable, type Layout, merge, newDoor, newDurable, withEmptyDisk } from './state.ts';

/*
 * A bank's disk: `snapshot.json`, and in `journal.jsonl` the changes since, one line each, on the disk before anything
 * is done because of them. Survives SIGKILL at any moment: a half-written last line was never acted on.
 */

/** `controller`: the box that the disk is in. */
const Snapshot = z.object({ line: z.int().nonnegative(), controller: z.string().default(''), durable: Durable });
const Line = z.object({ line: z.int().positive(), change: Change });

export type Store = {
  durable: Durable;
  append(change: Change, options: { lazy: boolean }): Promise<void>;
  /** Loses the disk: a new one takes its place, with nothing on it. */
  lose(wall: number): Promise<Durable>;
  close(): Promise<void>;
};

/** After so many lines a snapshot is cheaper to read back. */
const linesPerSnapshot = 1000;

/** `controller` names the box: another one comes with a disk of its own, and finds the doors as they are. */
export const openStore = async (folder: string, layout: Layout, wall: number, controller = ''): Promise<Store> => {
  await mkdir(folder, { recursive: true });
  const paths = { snapshot: join(folder, 'snapshot.json'), journal: join(folder, 'journal.jsonl') };
  const snapshot = await readSnapshot(paths.snapshot);
  let { line, durable } = snapshot ?? { line: 0, durable: newDurable(layout, newJournalId(), wall) };
  for (const read of await readLines(paths.journal)) {
    if (read.line !== line + 1) continue;
    line = read.line;
    durable = merge(durable, read.change);
  }
  durable = fitted(durable, layout);
  if (snapshot && snapshot.controller !== controller) durable = withEmptyDisk(layout, durable, newJournalId(), wall);

  let file = await takeSnapshot(folder, paths, { line, controller, durable });
  let lines = 0;
  return {
    durable,
    append: async (change, { lazy }) => {
      if (lines >= linesPerSnapshot) {
        await file.close();
        file = await takeSnapshot(folder, paths, { line, controller, durable });
        lines = 0;
      }
      line += 1;
      lines += 1;
      durable = merge(durable, change);
      await file.appendFile(`${JSON.stringify({ line, change })}\n`);
      if (!lazy) await file.datasync();
    },
    lose: async (at) => {
      await file.close();
      line = 0;
      lines = 0;
      durable = withEmptyDisk(layout, durable, newJournalId(), at);
      file = await takeSnapshot(folder, paths, { line, controller, durable });
      return durable;
    },
    close: () => file.close(),
  };
};

const newJournalId = (): string => `jnl_${randomBytes(12).toString('hex')}`;

/** Doors built in since the last start. */
const fitted = (durable: Durable, { doors, contentsSensor }: Layout): Durable => {
  const added = doors.filter((door) => !durable.doors[door]).map((door) => [door, newDoor(contentsSensor)]);
  return { ...durable, doors: { ...durable.doors, ...Object.fromEntries(added) } };
};

const readSnapshot = async (path: string) => {
  const text = await readText(path);
  return text === null ? null : Snapshot.parse(JSON.parse(text));
};

const readLines = async (path: string): Promise<z.infer<typeof Line>[]> => {
  const lines = ((await readText(path)) ?? '').split('\n');
  // What follows the last line feed was being written when the power went.
  return lines.slice(0, -1).map((line) => Line.parse(JSON.parse(line)));
};

export const readText = async (path: string): Promise<string | null> => {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
};

/** First the new snapshot replaces the old one, then the lines it contains go; a crash between the two skips them. */
const takeSnapshot = async (
  folder: string,
  paths: { snapshot: string; journal: string },
  snapshot: z.infer<typeof Snapshot>,
) => {
  const draft = `${paths.snapshot}.new`;
  const file = await open(draft, 'w');
  await file.writeFile(JSON.stringify(snapshot));
  await file.sync();
  await file.close();
  await rename(draft, paths.snapshot);
  const journal = await open(paths.journal, 'w');
  const directory = await open(folder, 'r');
  await directory.sync();
  await directory.close();
  return journal;
};
