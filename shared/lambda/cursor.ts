import { Refusal } from '../domain/refusal.ts';

/** Opaque to callers: where a list goes on. `of` keeps a cursor of one list from being used with another. */
export const cursorText = (of: string, at: string): string =>
  Buffer.from(JSON.stringify([of, at])).toString('base64url');

export const readCursor = (text: string | undefined, of: string): string | undefined => {
  if (text === undefined) return undefined;
  try {
    const [list, at]: unknown[] = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (list === of && typeof at === 'string') return at;
  } catch {
    // Said below, as for any cursor that is not one of this list.
  }
  throw new Refusal('invalid_request', 'the cursor is not one that this list gave', {
    errors: [{ pointer: '#query/cursor', detail: 'take nextCursor of the page before, unchanged' }],
  });
};
