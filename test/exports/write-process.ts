/** `node write-process.ts <format> <rows> <file>`: writes an export in a process of its own, and says what it took. */
import { createHash } from 'node:crypto';
import { closeSync, existsSync, openSync, readFileSync, writeSync } from 'node:fs';
import { ExportFormat } from '../../shared/domain/export.ts';
import { type PageSource, writeParts } from '../../shared/lambda/export-run.ts';
import { partBytes } from '../../shared/outside/export-files.ts';
import { columns, rowAt } from './sample-rows.ts';

const [format, count, path = ''] = process.argv.slice(2);
const wanted = Number(count);
const rowsPerPage = 50;
const status = '/proc/self/status';

const pages: PageSource = async (position) => {
  const from = Number(position ?? 0);
  const to = Math.min(wanted, from + rowsPerPage);
  const rows = Array.from({ length: to - from }, (_, nth) => rowAt(from + nth));
  return { rows, next: to < wanted ? String(to) : null };
};

const file = openSync(path, 'w');
const { progress } = await writeParts({
  format: ExportFormat.parse(format),
  columns,
  key: path,
  pages,
  // A bucket whose parts lie one behind the other.
  files: {
    part: async (_, _uploadId, nth, bytes) => {
      writeSync(file, bytes);
      return String(nth);
    },
  },
  partBytes,
  progress: {
    version: 1,
    uploadId: 'one',
    parts: [],
    position: null,
    rows: 0,
    bytes: 0,
    encoder: null,
    isWhole: false,
  },
  keep: async (it, before) => ({ ...it, version: before.version + 1 }),
  isOver: () => false,
});
closeSync(file);
/** At most, of this program alone: on Linux `maxRSS` begins with what whoever started it had. */
const [, ownKb] = existsSync(status) ? (/^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(status, 'utf8')) ?? []) : [];
const rssBytes = Number(ownKb ?? process.resourceUsage().maxRSS) * 1024;

const hash = createHash('sha256');
for (let nth = 0; nth < wanted; nth += 1) {
  const cells = rowAt(nth).map((value) => {
    if (value === null) return '';
    return typeof value === 'object' ? JSON.stringify(value) : String(value);
  });
  hash.update(`${cells.join('\u001f')}\u001e`);
}
const { rows, bytes, parts } = progress;
process.stdout.write(JSON.stringify({ rows, bytes, parts: parts.length, rssBytes, sha256: hash.digest('hex') }));
