import * as z from 'zod';
import type { Envelope } from '#events/envelope.ts';
import * as field from '#events/fields.ts';
import { hourOf } from '#shared/domain/anchor.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import type { HttpDeps } from '#shared/lambda/endpoint.ts';
import { live } from '#shared/live.ts';
import { noteHead } from '#shared/store/audit.ts';
import { indexTransaction } from '#shared/store/search.ts';

const OfTransaction = z.object({
  transactionId: field.text,
  door: field.textOrNull,
  /** The one that it left. */
  fromDoor: field.maybeText,
});

/**
 * What is to be found later: how far each subject's events have got, for the anchor of this hour, and transactions by
 * their values. An event that comes late goes into the hour in which it comes; that one may not be anchored yet.
 */
export const searchReaction =
  ({ table, rootKeys, clock }: Omit<HttpDeps, 'newId'>) =>
  async (event: Envelope): Promise<void> => {
    await noteHead(table, event, hourOf(clock()));
    const { tenant, subject, sequence } = event;
    const { data } = OfTransaction.safeParse(event.data);
    if (data?.transactionId !== subject) return;
    const doors = [data.door, data.fromDoor].flatMap((it) => it ?? []);
    await indexTransaction(table, await rootKeys(), { tenant, transactionId: subject, sequence, doors });
  };

export const handler = reaction(() => searchReaction(live()));
