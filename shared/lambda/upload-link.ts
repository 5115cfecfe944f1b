import type { Upload } from '../domain/issued.ts';
import { epochMs, instant } from '../domain/time.ts';
import type { Uploads } from '../outside/uploads.ts';

/** Signed anew whenever it is shown; it ends when the first one does. */
export const uploadLink =
  (uploads: Pick<Uploads, 'link'>) =>
  async ({ key, bytes, until }: Upload, nowMs: number) => {
    const seconds = Math.floor((epochMs(until) - nowMs) / 1000);
    return seconds <= 0 ? null : uploads.link(key, bytes, instant(nowMs), seconds);
  };
