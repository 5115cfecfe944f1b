import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { envelopesOf } from '../domain/chain.ts';
import { Message, messageKeptSeconds } from '../domain/message.ts';
import { subjects } from '../domain/subjects.ts';
import { epochMs, type Instant } from '../domain/time.ts';
import { anew, withoutEnd } from './anew.ts';
import { pack } from './packed.ts';
import { dueAttributes, keys, ranges } from './rows.ts';
import type { Expectation, Table, Write } from './table.ts';

/** Until it is sent or given up it is in the due index, so that the sweep finds what a lost message left behind. */
export const messageWrite = (it: Message, expects: Expectation): Write => ({
  kind: 'other',
  expects,
  put: {
    ...keys.message(it.tenant, it.transactionId, it.id),
    ...it,
    ttl: Math.ceil(epochMs(it.createdAt) / 1000) + messageKeptSeconds,
    ...dueAttributes(it.id, it.nextAttemptAt),
  },
});

/**
 * With the message that nobody was told of, the one event that it ever has: it is not sent any more after that. Together, so
 * that neither is there without the other, and no second one.
 */
export const failureWrites = (
  it: Message,
  expects: Expectation,
  { now, newId }: { now: Instant; newId: (prefix: string) => string },
): Write[] => {
  const change = {
    before: null,
    emissions: [{ type: 'message.failed' as const, set: {} }],
    after: { ...it, hash: '' },
  };
  const actor = { type: 'system' as const, id: 'messages' };
  const events = envelopesOf(subjects.message, change, { actor, now, newEventId: () => newId('evt') });
  return [
    messageWrite(it, expects),
    {
      kind: 'event',
      expects: 'absent',
      put: { ...keys.events(keys.messageLog(it.tenant, it.id), 1), events: pack(events) },
    },
  ];
};

/** A page of what people are told of a transaction, the newest first; with the transaction's row on the first page. */
export const readMessages = async (
  table: Table,
  { tenant, transactionId }: { tenant: string; transactionId: string },
  { limit, after }: { limit: number; after?: string | undefined },
): Promise<{ messages: Message[]; transaction: Record<string, unknown> | undefined; next: string | null }> => {
  const range = ranges.messages(tenant, transactionId);
  const { rows, next } = await table.query(range, {
    limit: after === undefined ? limit + 1 : limit,
    newestFirst: true,
    ...(after !== undefined && { after: { PK: range.PK, SK: after } }),
  });
  const messages = rows.filter(({ SK }) => SK !== range.to).map((row) => Message.parse(row));
  return { messages, transaction: rows.find(({ SK }) => SK === range.to), next: next?.SK ?? null };
};

const Used = z.object({ parts: field.count, version: field.positive });

/** Days that are counted apart are UTC's; what was counted is kept a little longer for whoever asks why. */
const usedKeptSeconds = 7 * 86_400;

export type SmsBudget = {
  /** Takes so many parts of the tenant's day; `usedPercent` of it is used then, or was before where they were not taken. */
  take: (tenant: string, parts: number, now: Instant) => Promise<{ taken: boolean; usedPercent: number }>;
  /** They were not sent after all. */
  giveBack: (tenant: string, parts: number, now: Instant) => Promise<void>;
};

/** `perDay`: parts that a tenant may send on a day. Counted before they are sent, so that no more than that ever are. */
export const openSmsBudget = (table: Table, perDay: number): SmsBudget => {
  const add = (tenant: string, parts: number, now: Instant) => {
    const key = keys.smsUsed(tenant, now.slice(0, 10));
    return anew(async () => {
      const row = await table.get(key, true);
      const used = row === undefined ? { parts: 0, version: 0 } : Used.parse(row);
      const total = Math.max(0, used.parts + parts);
      const percent = (it: number): number => Math.floor((it * 100) / perDay);
      if (total > perDay) return { taken: false, usedPercent: percent(used.parts) };
      const put = {
        ...key,
        parts: total,
        version: used.version + 1,
        ttl: Math.ceil(epochMs(now) / 1000) + usedKeptSeconds,
      };
      const expects = row === undefined ? 'absent' : { version: used.version };
      await table.write([{ kind: 'other', expects, put }]);
      return { taken: true, usedPercent: percent(total) };
    }, withoutEnd);
  };
  return {
    take: add,
    giveBack: async (tenant, parts, now) => {
      await add(tenant, -parts, now);
    },
  };
};
