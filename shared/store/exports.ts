import * as z from 'zod';
import * as field from '../../events/fields.ts';
import type { SubjectChange } from '../domain/decision.ts';
import { Export } from '../domain/export.ts';
import { Push } from '../domain/export-push.ts';
import { type Circumstances, commitExport } from './commit.ts';
import { pack, packed } from './packed.ts';
import { keys, ranges } from './rows.ts';
import { Lost, type Table, type Write } from './table.ts';

/**
 * How far an export has come: what lies in the parts of its file, and where its rows go on. Nobody decides anything by
 * it, so it is no event; it goes when the export has ended.
 */
export const Progress = z.object({
  /** Counts its writes; who finds another one than it left has been overtaken. */
  version: field.positive,
  uploadId: field.text,
  parts: packed(z.array(field.text)),
  /** Of the page source; null at the beginning. */
  position: field.textOrNull,
  rows: field.count,
  bytes: field.count,
  /** What the encoder goes on with; null at the beginning. */
  encoder: packed(field.textOrNull),
  /** Every row is in a part: only the file has to be made of them. */
  isWhole: field.yesNo,
});
export type Progress = z.infer<typeof Progress>;

/** Counts its writes, as `Progress` does; it goes when the file is there, or will not be. */
const PushProgress = z.object({ version: field.positive, push: Push });
export type PushProgress = z.infer<typeof PushProgress>;

type Owner = Pick<Export, 'tenant' | 'id'>;

/** What the list of a tenant's exports is made of; it stays as it is. */
export const exportListed = ({ tenant, id, kind, format, from, to, mode, createdAt }: Export): Write => ({
  kind: 'other',
  expects: 'absent',
  put: { ...keys.exportOfTenant(tenant, id), id, kind, format, from, to, mode, createdAt },
});

export const openExports = (table: Table) => ({
  /** With how far it and its push have come; one call to the table. Null where this tenant has none of that id. */
  read: async (tenant: string, id: string, consistent = false) => {
    const { rows } = await table.query(ranges.exportWithProgress(tenant, id), { consistent });
    const rowOf = (key: { SK: string }) => rows.find(({ SK }) => SK === key.SK);
    const [first] = rows;
    const progress = rowOf(keys.exportProgress(tenant, id));
    const push = rowOf(keys.exportPush(tenant, id));
    return first === undefined
      ? null
      : {
          job: Export.parse(first),
          progress: progress === undefined ? null : Progress.parse(progress),
          push: push === undefined ? null : PushProgress.parse(push),
        };
  },

  /** Of two who find the same to do, one is told that it was done. What said how far that has come goes. */
  end: async (
    change: SubjectChange<Export>,
    circumstances: Circumstances,
    said: 'exportProgress' | 'exportPush' = 'exportProgress',
  ): Promise<Export | null> => {
    const { after, writes } = commitExport(change, circumstances);
    try {
      const remove = keys[said](after.tenant, after.id);
      await table.write([...writes, { kind: 'other', expects: 'anything', remove }]);
      return after;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    }
  },

  /** Null where another call has gone on meanwhile. */
  keep: async ({ tenant, id }: Owner, it: Progress, before: Progress | null): Promise<Progress | null> => {
    const after: Progress = { ...it, version: (before?.version ?? 0) + 1 };
    const put = {
      ...keys.exportProgress(tenant, id),
      ...after,
      parts: pack(after.parts),
      encoder: pack(after.encoder),
    };
    try {
      const expects = before === null ? 'absent' : { version: before.version };
      await table.write([{ kind: 'other', expects, put }]);
      return after;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    }
  },

  /** Null where another call was faster. */
  keepPush: async ({ tenant, id }: Owner, it: Push, before: PushProgress | null): Promise<PushProgress | null> => {
    const after: PushProgress = { version: (before?.version ?? 0) + 1, push: it };
    try {
      const expects = before === null ? 'absent' : { version: before.version };
      await table.write([{ kind: 'other', expects, put: { ...keys.exportPush(tenant, id), ...after } }]);
      return after;
    } catch (error) {
      if (error instanceof Lost) return null;
      throw error;
    }
  },

  /** So that it is begun anew. */
  forget: async ({ tenant, id }: Owner, { version }: Progress): Promise<void> => {
    await table.write([{ kind: 'other', expects: { version }, remove: keys.exportProgress(tenant, id) }]);
  },
});
export type Exports = ReturnType<typeof openExports>;
