import type { ExportFormat } from '../domain/export.ts';
import type { ExportRow } from '../domain/export-columns.ts';
import type { ExportFiles } from '../outside/export-files.ts';
import type { Progress } from '../store/exports.ts';
import type { EncodedColumn } from './export-encoder.ts';
import { encoderOf } from './export-encoder.ts';

/** Rows in their order, a page at a time; `position` is null for the first page, and `next` after the last. */
export type PageSource = (position: string | null) => Promise<{ rows: ExportRow[]; next: string | null }>;

/** What was to be exported is not kept any more; the message is for whoever asked for it. */
export class Gone extends Error {}

export type Turn = {
  format: ExportFormat;
  columns: readonly EncodedColumn[];
  key: string;
  pages: PageSource;
  files: Pick<ExportFiles, 'part'>;
  /** Bytes in memory before they become a part. */
  partBytes: number;
  progress: Progress;
  /** Keeps what was done; null where another call has gone on meanwhile. */
  keep: (it: Progress, before: Progress) => Promise<Progress | null>;
  /** Whether others should have their turn; asked after each part. */
  isOver: () => boolean;
};

/** `lost`: the file to be is no more, and has to be begun anew. */
export type Outcome = 'whole' | 'unfinished' | 'elsewhere' | 'lost';

/**
 * Writes pages into parts of a file until all is written or its turn is over. What is in a part, and where the rows go
 * on, is kept in one write after each part: who goes on there writes the part that was under way again, under the same
 * number, so no row is in the file twice. Memory holds one part and one page, however many rows there are.
 */
export const writeParts = async (turn: Turn): Promise<{ outcome: Outcome; progress: Progress }> => {
  const { format, columns, key, pages, files, partBytes, keep, isOver } = turn;
  let { progress } = turn;
  const encoder = encoderOf(format, columns, progress.encoder);
  let { position } = progress;
  let rows = 0;
  for (;;) {
    const page = await pages(position);
    encoder.add(page.rows);
    rows += page.rows.length;
    position = page.next;
    const isWhole = position === null;
    if (!isWhole && encoder.size() < partBytes) continue;
    const bytes = encoder.take(isWhole);
    const tag = await files.part(key, progress.uploadId, progress.parts.length + 1, bytes);
    if (tag === null) return { outcome: 'lost', progress };
    const kept = await keep(
      {
        ...progress,
        parts: [...progress.parts, tag],
        position,
        rows: progress.rows + rows,
        bytes: progress.bytes + bytes.length,
        encoder: encoder.state(),
        isWhole,
      },
      progress,
    );
    if (kept === null) return { outcome: 'elsewhere', progress };
    progress = kept;
    rows = 0;
    if (isWhole) return { outcome: 'whole', progress };
    if (isOver()) return { outcome: 'unfinished', progress };
  }
};
