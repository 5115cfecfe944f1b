import type { KeyMode } from './api-key.ts';
import { credentialValue, type Place, secretOf, type Valued } from './derived.ts';
import { hasPickupPage, pickupLink } from './pickup-link.ts';
import type { RootKeys } from './root-key.ts';
import type { Instant } from './time.ts';

/**
 * Secrets that an answer shows, named but not contained: they are derived when the answer is given, and again when it
 * is replayed, so that nothing readable lies in the table.
 */
export type Issued =
  | ({ kind: 'credentials'; tenant: string; credentials: Valued[] } & Place)
  | { kind: 'api-key'; tenant: string; id: string; keyVersion: number; mode?: KeyMode }
  | { kind: 'webhook-secret'; id: string; nth: number; keyVersion: number }
  | Upload;

/** A file that somebody may upload until then. Its link is no secret of ours to derive: it is signed anew each time. */
export type Upload = { kind: 'upload'; key: string; bytes: number; until: Instant };

/** A whole API key: tenant and key id are part of it, so that it is found by one read without an index. */
export const apiKeyText = (
  rootKeys: RootKeys,
  it: { tenant: string; id: string; keyVersion: number; mode?: KeyMode },
): string =>
  `lw_${it.mode ?? 'live'}_${it.tenant.slice(4)}${it.id.slice(4)}_${secretOf(rootKeys.of(it.keyVersion), 'api-key', it.id, 0).toString('base64url')}`;

const apiKeyPattern = /^lw_(?:live|test)_([0-9A-HJKMNP-TV-Z]{26})([0-9A-HJKMNP-TV-Z]{26})_[A-Za-z0-9_-]{43}$/;

/** Which row an API key's text points at; null when it cannot be one. */
export const parseApiKey = (text: string): { tenant: string; id: string } | null => {
  const [, tenant, id] = apiKeyPattern.exec(text) ?? [];
  return tenant === undefined || id === undefined ? null : { tenant: `ten_${tenant}`, id: `key_${id}` };
};

/** The signing secret of an endpoint, as Standard Webhooks writes it. */
export const webhookSecretText = (rootKeys: RootKeys, it: { id: string; nth: number; keyVersion: number }): string =>
  `whsec_${secretOf(rootKeys.of(it.keyVersion), 'webhook', it.id, it.nth).toString('base64')}`;

type Body = Record<string, unknown>;

const isBody = (value: unknown): value is Body => typeof value === 'object' && value !== null;

/** An answer with its secrets filled in; with links to pickup pages where it is known where those are. */
export const reveal = (
  body: Body,
  issued: Exclude<Issued, Upload> | undefined,
  rootKeys: RootKeys,
  publicUrl?: string,
): Body => {
  if (issued === undefined) return body;
  if (issued.kind === 'api-key') return { ...body, key: apiKeyText(rootKeys, issued) };
  if (issued.kind === 'webhook-secret') return { ...body, secret: webhookSecretText(rootKeys, issued) };
  const shown = Array.isArray(body.credentials) ? body.credentials.filter(isBody) : [];
  return {
    ...body,
    credentials: shown.map((it) => {
      const made = issued.credentials.find((credential) => credential.id === it.id);
      if (made === undefined) return it;
      const value = credentialValue(rootKeys, issued, made);
      const link = publicUrl !== undefined && hasPickupPage(made) && pickupLink(rootKeys, publicUrl, issued, made);
      return { ...it, ...(value !== null && { value }), ...(link && { link }) };
    }),
  };
};
