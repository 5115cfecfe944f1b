import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { exportHeap } from '../../infra/export-heap.ts';
import { python } from '../../local/python.ts';

/*
 * The whole size, and with pandas as well:
 *   LATCHWORK_FULL=1 npx vitest run --project unit test/exports
 */
const full = process.env.LATCHWORK_FULL === '1';
const rows = full ? 1_000_000 : 30_000;
/** Of the whole process, whatever the number of rows. */
const memoryMb = 300;

const run = promisify(execFile);
const folder = mkdtempSync(join(tmpdir(), 'latchwork-exports-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const Written = z.object({
  rows: z.int(),
  bytes: z.int(),
  parts: z.int(),
  rssBytes: z.int(),
  sha256: z.string(),
});
const Read = z.object({ rows: z.int(), sha256: z.string() });

let interpreter: string;
beforeAll(async () => {
  interpreter = await python(() => undefined, full ? ['requirements-exports-full.txt'] : []);
}, 180_000);

describe(`a file of ${rows.toLocaleString('en')} rows`, () => {
  it.each([
    ['csv', full ? ['csv', 'pandas'] : ['csv']],
    ['jsonl', ['json']],
    ['parquet', ['duckdb']],
  ] as const)(
    'of %s is written in flat memory, and holds for %j just the rows that were written',
    {
      timeout: 1_200_000,
    },
    async (format, readers) => {
      const path = join(folder, `export.${format}`);
      const script = join(import.meta.dirname, 'write-process.ts');
      const { stdout } = await run(process.execPath, [...exportHeap.split(' '), script, format, String(rows), path]);
      const { sha256, rssBytes, ...written } = Written.parse(JSON.parse(stdout));
      const megabytes = Math.round(rssBytes / 1024 / 1024);
      process.stdout.write(
        `${format}: ${rows} rows, ${Math.round(written.bytes / 1024 / 1024)} MB in ${written.parts} parts, ${megabytes} MB of memory at most\n`,
      );
      expect(written.rows).toBe(rows);
      expect(megabytes).toBeLessThan(memoryMb);
      for (const reader of readers) {
        const answer = await run(interpreter, [join(import.meta.dirname, 'read.py'), reader, path]);
        expect([reader, Read.parse(JSON.parse(answer.stdout))]).toEqual([reader, { rows, sha256 }]);
      }
      rmSync(path);
    },
  );
});
