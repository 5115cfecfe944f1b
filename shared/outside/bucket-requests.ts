import { type BucketConfig, openSigning, type Signed } from './signed-requests.ts';

const linkSeconds = 60;
/** S3 asks to try again on 500 and 503; a whole turn would be lost to it. */
const patience = [200, 1_000, 3_000];

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

export type Ask = (
  request: Omit<Signed, 'seconds' | 'at'>,
  more?: { body?: Uint8Array<ArrayBuffer> | string; withinSeconds?: number },
) => Promise<Response>;

/** Asks S3 for something by a signed address, and again where it wants to be asked again. */
export const openAsking = (bucket: string, config: BucketConfig, waitsMs: readonly number[] = patience): Ask => {
  const sign = openSigning(bucket, config);
  return async (request, { body, withinSeconds = linkSeconds } = {}) => {
    for (let attempt = 0; ; attempt += 1) {
      const wait = waitsMs[attempt];
      try {
        const url = await sign({ ...request, seconds: linkSeconds, at: new Date() });
        const answer = await fetch(url, {
          method: request.method,
          headers: request.headers ?? {},
          signal: AbortSignal.timeout(withinSeconds * 1000),
          // What is signed for one host is worth nothing at another.
          redirect: 'manual',
          ...(body !== undefined && { body }),
        });
        if (answer.status < 500 || wait === undefined) return answer;
      } catch (error) {
        if (wait === undefined) throw error;
      }
      await pause(wait);
    }
  };
};

/** The text of the first element of that name. */
export const tagged = (xml: string, name: string): string | undefined =>
  new RegExp(`<${name}>([^<]+)</${name}>`).exec(xml)?.[1];

/** What a file is made of, as S3 wants it said. */
export const partList = (tags: readonly string[]): string => {
  const listed = tags.map((tag, nth) => `<Part><PartNumber>${nth + 1}</PartNumber><ETag>"${tag}"</ETag></Part>`);
  return `<CompleteMultipartUpload>${listed.join('')}</CompleteMultipartUpload>`;
};
