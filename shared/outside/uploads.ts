import type { Instant } from '../domain/time.ts';
import { type BucketConfig, bucketFromEnvironment, openSigning } from './signed-requests.ts';

/** Files that customers upload by themselves: we give them a link, and read what came. */
export type Uploads = {
  /** A link for one PUT of so many bytes, and no other number; where a file lies already it is refused. */
  link: (key: string, bytes: number, signedAt: Instant, seconds: number) => Promise<UploadLink>;
  /** Null where nothing was uploaded, or it was deleted since; at most so many bytes are taken into memory. */
  read: (key: string, bytesMost: number) => Promise<Uint8Array | null>;
};

/** Whoever uploads sends these headers as well; that of the length, which is signed too, comes with every body. */
export type UploadLink = { method: 'PUT'; url: string; headers: Record<string, string> };

/** Long enough for what is asked of S3 by the function itself. */
const readSeconds = 60;

export const openUploads = (bucket: string, config: BucketConfig = bucketFromEnvironment()): Uploads => {
  const sign = openSigning(bucket, config);
  return {
    link: async (key, bytes, signedAt, seconds) => {
      const headers = { 'if-none-match': '*' };
      const signed = { ...headers, 'content-length': String(bytes) };
      const url = await sign({ method: 'PUT', key, headers: signed, seconds, at: new Date(signedAt) });
      return { method: 'PUT', url, headers };
    },

    read: async (key, bytesMost) => {
      const url = await sign({ method: 'GET', key, seconds: readSeconds, at: new Date() });
      const answer = await fetch(url, { signal: AbortSignal.timeout(readSeconds * 1000) });
      if (answer.status === 404) return null;
      if (!answer.ok) throw new Error(`S3 answers ${answer.status} for an upload: ${await answer.text()}`);
      const length = Number(answer.headers.get('content-length'));
      if (!(length <= bytesMost)) throw new Error(`the upload ${key} has ${length} bytes`);
      return answer.bytes();
    },
  };
};
