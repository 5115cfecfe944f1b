import type { Instant } from '../domain/time.ts';
import { openAsking, partList, tagged } from './bucket-requests.ts';
import { type BucketConfig, bucketFromEnvironment, openSigning } from './signed-requests.ts';

/** Files that are written part after part, by several calls one after another, and then fetched by a link. */
export type ExportFiles = {
  /** The id of a file that is to be. */
  begin: (key: string, contentType: string) => Promise<string>;
  /** Stores a part, counted from 1, and answers what `finish` needs; null where that file to be is no more. */
  part: (key: string, uploadId: string, nth: number, bytes: Uint8Array) => Promise<string | null>;
  /** Makes one file of the parts. False where that cannot be done: it is no more, or a part is another by now. */
  finish: (key: string, uploadId: string, parts: readonly string[]) => Promise<boolean>;
  /** Bytes of a finished file; null where there is none. */
  size: (key: string) => Promise<number | null>;
  /** A link to fetch it by, under a name of its own. */
  link: (key: string, fileName: string, signedAt: Instant, seconds: number) => Promise<string>;
};

/** A little more than the least that S3 takes as a part, 5 MiB, the last one apart: it lies in memory until it is stored. */
export const partBytes = 6 * 1024 * 1024;

export const openExportFiles = (bucket: string, config: BucketConfig = bucketFromEnvironment()): ExportFiles => {
  const sign = openSigning(bucket, config);
  const ask = openAsking(bucket, config);
  const failed = async (answer: Response): Promise<Error> =>
    new Error(`S3 answers ${answer.status} for an export: ${await answer.text()}`);

  return {
    begin: async (key, contentType) => {
      const answer = await ask({
        method: 'POST',
        key,
        query: { uploads: '' },
        headers: { 'content-type': contentType },
      });
      const id = answer.ok ? tagged(await answer.text(), 'UploadId') : undefined;
      if (id === undefined) throw await failed(answer);
      return id;
    },

    part: async (key, uploadId, nth, bytes) => {
      const query = { partNumber: String(nth), uploadId };
      const answer = await ask({ method: 'PUT', key, query }, { body: new Uint8Array(bytes) });
      if (answer.status === 404) return null;
      const tag = answer.headers.get('etag');
      if (!answer.ok || tag === null) throw await failed(answer);
      return tag.replaceAll('"', '');
    },

    finish: async (key, uploadId, parts) => {
      const answer = await ask({ method: 'POST', key, query: { uploadId } }, { body: partList(parts) });
      const text = await answer.text();
      // S3 may say 200 at once and what went wrong afterwards.
      const code = tagged(text, 'Code');
      if (code === 'NoSuchUpload' || code === 'InvalidPart') return false;
      if (!answer.ok || code !== undefined) throw new Error(`S3 answers ${answer.status} for an export: ${text}`);
      return true;
    },

    size: async (key) => {
      const answer = await ask({ method: 'HEAD', key });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`S3 answers ${answer.status} for an export`);
      return Number(answer.headers.get('content-length'));
    },

    link: (key, fileName, signedAt, seconds) =>
      sign({
        method: 'GET',
        key,
        query: { 'response-content-disposition': `attachment; filename="${fileName}"` },
        seconds,
        at: new Date(signedAt),
      }),
  };
};
