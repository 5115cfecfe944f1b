import * as z from 'zod';
import type { RootKeys } from './root-key.ts';
import { seal, unseal } from './sealed.ts';
import type { WebhookEndpoint } from './webhook.ts';

/** Headers that a receiver wants with each request, by name: mostly what lets the request in there, so values are secrets. */
const Headers = z.record(z.string(), z.string());

export const headerCaps = { count: 10, nameCharacters: 64, valueCharacters: 1_000, characters: 4_000 } as const;

/** RFC 9110: a token, and what may stand in a value without being mistaken for the end of it. */
const token = /^[!#$%&'*+.^_`|~0-9a-z-]+$/;
const printable = /^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/;

/** What we say ourselves, what the connection is made of, and what a proxy would take for an order. */
const ours = /^(?:webhook-|proxy-|sec-|content-)/;
const reserved = new Set([
  'connection',
  'date',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'user-agent',
]);

/** Why these headers are not sent, in words that follow `headers`; null when they are. */
export const refusedHeaders = (headers: Record<string, string>): string | null => {
  const entries = Object.entries(headers);
  const names = entries.map(([name]) => name.toLowerCase());
  if (entries.length > headerCaps.count) return `must be at most ${headerCaps.count}`;
  for (const [nth, [, value]] of entries.entries()) {
    const name = names[nth] ?? '';
    if (!token.test(name) || name.length > headerCaps.nameCharacters)
      return `must have names of 1 to ${headerCaps.nameCharacters} letters, digits and hyphens`;
    if (ours.test(name) || reserved.has(name)) return `must not set ${name}, which is ours to say`;
    if (names.indexOf(name) !== nth) return `must name ${name} once`;
    if (!printable.test(value) || value.length > headerCaps.valueCharacters)
      return `must give ${name} 1 to ${headerCaps.valueCharacters} printable ASCII characters, without spaces around them`;
  }
  const characters = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  return characters > headerCaps.characters ? `must have at most ${headerCaps.characters} characters together` : null;
};

const purposeOf = (endpointId: string): string => `webhook-headers:${endpointId}`;

/** What is kept of them: their names to be shown, their values to be read with a root key only. */
export const sealedHeaders = (
  rootKeys: RootKeys,
  endpointId: string,
  headers: Record<string, string>,
): Pick<WebhookEndpoint, 'headerNames' | 'sealedHeaders'> => {
  const entries = Object.entries(headers)
    .map(([name, value]): [string, string] => [name.toLowerCase(), value])
    .toSorted(([one], [other]) => (one < other ? -1 : 1));
  return {
    headerNames: entries.map(([name]) => name),
    sealedHeaders:
      entries.length === 0 ? null : seal(rootKeys, purposeOf(endpointId), JSON.stringify(Object.fromEntries(entries))),
  };
};

/** Headers of an endpoint as they are sent. */
export const headersOf = (
  rootKeys: RootKeys,
  { id, sealedHeaders: kept }: Pick<WebhookEndpoint, 'id' | 'sealedHeaders'>,
): Record<string, string> => (kept === null ? {} : Headers.parse(JSON.parse(unseal(rootKeys, purposeOf(id), kept))));
