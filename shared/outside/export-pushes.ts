import type { ExportDestination } from '../api/export-destinations.ts';
import type { PushReason } from '../domain/export-push.ts';
import { type Ask, openAsking, partList, tagged } from './bucket-requests.ts';
import { type BucketConfig, bucketFromEnvironment } from './signed-requests.ts';

export type PushedFile = {
  /** Its name in the bucket of exports. */
  key: string;
  bytes: number;
  contentType: string;
};

/** Null: it is there. */
export type PushAnswer = { reason: PushReason; said: string | null } | null;

/** Puts a finished file into a customer's bucket. Doing it again puts the same bytes there under the same name. */
export type ExportPushes = (file: PushedFile, to: ExportDestination, as: string) => Promise<PushAnswer>;

/** S3 copies up to 5 GiB in one go, and the faster the more it may do side by side; a file has at most 10,000 parts. */
const copyBytes = 512 * 1024 * 1024;
const copiesAtOnce = 8;
/** For as long S3 may copy half a gigabyte, also to another continent. */
const copySeconds = 240;

const redirects = ['PermanentRedirect', 'TemporaryRedirect', 'AuthorizationHeaderMalformed'];
const elsewhere = [...redirects, 'AuthorizationQueryParametersError', 'IllegalLocationConstraintException'];

const reasonOf = (status: number, code: string): PushReason => {
  if (code === 'NoSuchBucket') return 'no_such_bucket';
  if (code === 'NoSuchKey') return 'file_gone';
  if (code.startsWith('KMS.')) return 'encryption_key';
  if (elsewhere.includes(code) || (status >= 300 && status < 400)) return 'wrong_region';
  if (status === 403 || code === 'AccessDenied') return 'access_denied';
  if (status >= 500 || code === 'SlowDown' || code === 'InternalError') return 'unavailable';
  return 'refused';
};

/** What S3 has said, where that was no. */
class Refused extends Error {
  readonly reason: PushReason;
  readonly code: string | null;
  constructor(status: number, code: string | undefined) {
    super(`S3 answers ${status} ${code ?? ''} for a push`);
    this.reason = reasonOf(status, code ?? '');
    this.code = code ?? null;
  }
}

/** S3 may say 200 at once and what went wrong afterwards. */
const read = async (answer: Response): Promise<string> => {
  const text = await answer.text();
  const code = tagged(text, 'Code');
  if (!answer.ok || code !== undefined) throw new Refused(answer.status, code);
  return text;
};

const found = (xml: string, name: string): string => {
  const text = tagged(xml, name);
  if (text === undefined) throw new Error(`S3 says no ${name} for a push`);
  return text.replaceAll('&quot;', '').replaceAll('"', '');
};

/** Does them in their order, so many at once. */
const sideBySide = async <In, Out>(all: readonly In[], most: number, act: (it: In, nth: number) => Promise<Out>) => {
  const done: Out[] = [];
  const left = all.entries();
  const worker = async (): Promise<void> => {
    for (const [nth, it] of left) done[nth] = await act(it, nth);
  };
  await Promise.all(Array.from({ length: Math.min(most, all.length) }, worker));
  return done;
};

/**
 * S3 copies by itself, so that nothing of a file is in our memory, and our role needs no more than to read the one bucket
 * and to put into the other (which also is all that an upload would need). Whose bucket it is, is said each time: a
 * bucket that was deleted can be made again by anybody under its old name.
 */
export const openExportPushes =
  (
    source: string,
    config: BucketConfig = bucketFromEnvironment(),
    { partBytes = copyBytes, waitsMs }: { partBytes?: number; waitsMs?: readonly number[] } = {},
  ): ExportPushes =>
  async (file, to, as) => {
    const ask = openAsking(to.bucket, { ...config, region: to.region ?? config.region }, waitsMs);
    const owner = { 'x-amz-expected-bucket-owner': to.account };
    const from = { ...owner, 'x-amz-copy-source': `${source}/${file.key}` };
    try {
      await (file.bytes <= partBytes ? copy(ask, from, as) : copyParts(ask, { owner, from, file, as, partBytes }));
      return null;
    } catch (error) {
      if (error instanceof Refused) return { reason: error.reason, said: error.code };
      if (isOutage(error)) return { reason: 'unavailable', said: null };
      throw error;
    }
  };

/** Nobody answered, or not in time: fetch says the one with its cause, the other by the signal. */
const isOutage = (error: unknown): boolean =>
  error instanceof DOMException || (error instanceof TypeError && error.cause !== undefined);

type Headers = Record<string, string>;

const copy = async (ask: Ask, from: Headers, key: string): Promise<void> => {
  // With the tags of a file S3 would ask whether we may read and write tags.
  const headers = { ...from, 'x-amz-tagging-directive': 'REPLACE' };
  await read(await ask({ method: 'PUT', key, headers }, { withinSeconds: copySeconds }));
};

type InParts = { owner: Headers; from: Headers; file: PushedFile; as: string; partBytes: number };

const copyParts = async (ask: Ask, { owner, from, file, as: key, partBytes }: InParts): Promise<void> => {
  const begun = await ask({
    method: 'POST',
    key,
    query: { uploads: '' },
    headers: { ...owner, 'content-type': file.contentType },
  });
  const uploadId = found(await read(begun), 'UploadId');
  const starts = Array.from({ length: Math.ceil(file.bytes / partBytes) }, (_, nth) => nth * partBytes);
  const tags = await sideBySide(starts, copiesAtOnce, async (start, nth) => {
    const last = Math.min(start + partBytes, file.bytes) - 1;
    const headers = { ...from, 'x-amz-copy-source-range': `bytes=${start}-${last}` };
    const query = { partNumber: String(nth + 1), uploadId };
    return found(await read(await ask({ method: 'PUT', key, query, headers }, { withinSeconds: copySeconds })), 'ETag');
  });
  await read(
    await ask(
      { method: 'POST', key, query: { uploadId }, headers: owner },
      { body: partList(tags), withinSeconds: copySeconds },
    ),
  );
};
