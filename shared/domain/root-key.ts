import * as z from 'zod';

/** The secret all others are derived from. An older version stays as long as a credential made with it lives. */
export const RootSecret = z.object({
  version: z.int().positive(),
  key: z.string().min(32),
  older: z.record(z.string(), z.string().min(32)).default({}),
});
export type RootSecret = z.infer<typeof RootSecret>;

/** The root key in force, and those of before. */
export type RootKeys = { version: number; of: (version: number) => Buffer };

export const rootKeysFrom = (secret: RootSecret): RootKeys => ({
  version: secret.version,
  of: (version) => {
    const key = version === secret.version ? secret.key : secret.older[String(version)];
    if (key === undefined) throw new Error(`the root secret holds no key of version ${version}`);
    return Buffer.from(key, 'utf8');
  },
});
