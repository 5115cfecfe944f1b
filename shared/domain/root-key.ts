import { createSecretKey, type KeyObject } from 'node:crypto';
import * as z from 'zod';

/** The secret all others are derived from. An older version stays as long as a credential made with it lives. */
export const RootSecret = z.object({
  version: z.int().positive(),
  key: z.string().min(32),
  older: z.record(z.string(), z.string().min(32)).default({}),
});
export type RootSecret = z.infer<typeof RootSecret>;

/** The root key in force, and those of before. `versions`: all of them, the newest first. */
export type RootKeys = { version: number; versions: readonly number[]; of: (version: number) => KeyObject };

/** As key objects: Node takes five times longer over an HMAC whose key comes as bytes (11 µs instead of 2). */
export const rootKeysFrom = (secret: RootSecret): RootKeys => {
  const texts: Record<string, string> = { ...secret.older, [secret.version]: secret.key };
  const keys = new Map(
    Object.entries(texts).map(([version, text]) => [Number(version), createSecretKey(text, 'utf8')]),
  );
  return {
    version: secret.version,
    versions: [...keys.keys()].toSorted((a, b) => b - a),
    of: (version) => {
      const key = keys.get(version);
      if (key === undefined) throw new Error(`the root secret holds no key of version ${version}`);
      return key;
    },
  };
};
