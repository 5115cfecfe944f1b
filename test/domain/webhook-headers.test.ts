import { describe, expect, it } from 'vitest';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { headersOf, refusedHeaders, sealedHeaders } from '#shared/domain/webhook-headers.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

describe('headers of an endpoint', () => {
  it.each<[string, Record<string, string>]>([
    ['none', {}],
    ['an authorization', { Authorization: 'Bearer abc.def' }],
    ['ten', Object.fromEntries(Array.from({ length: 10 }, (_, nth) => [`x-shop-${nth}`, 'a b']))],
    ['a long value', { 'x-shop': 'x'.repeat(1_000) }],
  ])('may be %s', (_, headers) => {
    expect(refusedHeaders(headers)).toBeNull();
  });

  it.each([
    'host',
    'Host',
    'content-length',
    'Content-Type',
    'content-encoding',
    'webhook-id',
    'Webhook-Signature',
    'user-agent',
    'connection',
    'transfer-encoding',
    'expect',
    'upgrade',
    'proxy-authorization',
    'sec-fetch-mode',
  ])('must not be %s', (name) => {
    expect(refusedHeaders({ [name]: 'x' })).toBe(`must not set ${name.toLowerCase()}, which is ours to say`);
  });

  it.each<[string, Record<string, string>, string]>([
    ['eleven', Object.fromEntries(Array.from({ length: 11 }, (_, nth) => [`x-${nth}`, 'x'])), 'must be at most 10'],
    ['one without a name', { '': 'x' }, 'must have names of 1 to 64 letters, digits and hyphens'],
    ['a name with a space', { 'x shop': 'x' }, 'must have names of 1 to 64 letters, digits and hyphens'],
    ['a long name', { ['x'.repeat(65)]: 'x' }, 'must have names of 1 to 64 letters, digits and hyphens'],
    ['the same twice', { 'X-Shop': 'x', 'x-shop': 'y' }, 'must name x-shop once'],
    [
      'an empty value',
      { 'x-shop': '' },
      'must give x-shop 1 to 1000 printable ASCII characters, without spaces around them',
    ],
    [
      'a second line',
      { 'x-shop': 'x\r\nhost: elsewhere' },
      'must give x-shop 1 to 1000 printable ASCII characters, without spaces around them',
    ],
    [
      'another script',
      { 'x-shop': 'ключ' },
      'must give x-shop 1 to 1000 printable ASCII characters, without spaces around them',
    ],
    [
      'more than 4,000 characters',
      Object.fromEntries(Array.from({ length: 5 }, (_, nth) => [`x-${nth}`, 'x'.repeat(900)])),
      'must have at most 4000 characters together',
    ],
  ])('must not be %s', (_, headers, why) => {
    expect(refusedHeaders(headers)).toBe(why);
  });

  it('are sealed for their endpoint alone, and come back as they were given', () => {
    const given = { 'X-Shop-Key': 'let-me-in', Authorization: 'Bearer abc' };
    const kept = sealedHeaders(rootKeys, 'whe_1', given);
    expect(kept.headerNames).toEqual(['authorization', 'x-shop-key']);
    expect(kept.sealedHeaders).not.toContain('let-me-in');
    expect(headersOf(rootKeys, { id: 'whe_1', ...kept })).toEqual({
      authorization: 'Bearer abc',
      'x-shop-key': 'let-me-in',
    });
    expect(() => headersOf(rootKeys, { id: 'whe_2', ...kept })).toThrow();
    expect(sealedHeaders(rootKeys, 'whe_2', given).sealedHeaders).not.toBe(kept.sealedHeaders);
  });

  it('are read with the root key that they were sealed with, also after the next', () => {
    const kept = sealedHeaders(rootKeys, 'whe_1', { 'x-shop': 'a' });
    const next = rootKeysFrom({ version: 2, key: 'n'.repeat(64), older: { 1: 'k'.repeat(64) } });
    expect(headersOf(next, { id: 'whe_1', ...kept })).toEqual({ 'x-shop': 'a' });
    expect(sealedHeaders(next, 'whe_1', {})).toEqual({ headerNames: [], sealedHeaders: null });
  });
});
