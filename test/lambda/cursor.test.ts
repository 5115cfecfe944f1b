import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { type CursorList, cursorsOf } from '#shared/lambda/cursor.ts';

const first = 'a'.repeat(64);
const second = 'b'.repeat(64);
const keys = async () => rootKeysFrom({ version: 1, key: first, older: {} });
const rotated = async () => rootKeysFrom({ version: 2, key: second, older: { 1: first } });

const list: CursorList = { tenant: 'ten_1', route: 'list-sites', params: {}, query: { limit: 10, state: 'stored' } };

const given = async (at: string, of = list, rootKeys = keys): Promise<string> =>
  String(await cursorsOf(rootKeys, of).give(at));
const read = (cursor: string, of = list, rootKeys = keys) =>
  cursorsOf(rootKeys, { ...of, query: { ...of.query, cursor } }).read();

describe('a cursor', () => {
  it('goes on where the page before ended, whatever the place is called', () =>
    fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (at) => {
        expect(await read(await given(at))).toBe(at);
      }),
    ));

  it('is none at the end, and a list without one begins at the beginning', async () => {
    expect(await cursorsOf(keys, list).give(null)).toBeNull();
    expect(await cursorsOf(keys, list).read()).toBeUndefined();
  });

  it('may be used with another size of page', async () => {
    expect(await read(await given('x'), { ...list, query: { ...list.query, limit: 99 } })).toBe('x');
  });

  it('outlives a new root key as long as the old one is kept', async () => {
    const old = await given('x');
    expect(await read(old, list, rotated)).toBe('x');
    await expect(read(await given('x', list, rotated))).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it.each<[string, Partial<CursorList>]>([
    ['of another tenant', { tenant: 'ten_2' }],
    ['of another list', { route: 'list-banks' }],
    ['of the list of another thing', { params: { transactionId: 'txn_2' } }],
    ['of another filter', { query: { limit: 10, state: 'reserved' } }],
    ['of no filter', { query: { limit: 10 } }],
  ])('%s is refused in the words of the caller', async (_, other) => {
    await expect(read(await given('x', { ...list, ...other }))).rejects.toMatchObject({
      code: 'invalid_request',
      message: 'the cursor is not one that this list gave',
      errors: [{ pointer: '#query/cursor' }],
    });
  });

  it('with any one letter changed, added or left out is refused', async () => {
    const cursor = await given('key_01KJQ4V6K2M4P6R8T0V2X4Z6B8');
    for (let nth = 0; nth < cursor.length; nth++)
      for (const letter of ['', 'A', '_', '=', ' ', `${cursor[nth]}A`]) {
        const changed = cursor.slice(0, nth) + letter + cursor.slice(nth + 1);
        if (changed === cursor) continue;
        await expect(read(changed), changed).rejects.toMatchObject({ code: 'invalid_request' });
      }
  });

  it.each(['', 'nonsense', '%22', 'e30', Buffer.from(`${'m'.repeat(16)}1:x`).toString('base64url')])(
    'that nobody gave is refused: %s',
    (cursor) => expect(read(cursor)).rejects.toMatchObject({ code: 'invalid_request' }),
  );
});
