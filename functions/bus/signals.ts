import type * as z from 'zod';
import { catalogue, type EventType, isEventType } from '#events/catalogue.ts';
import type { Envelope } from '#events/envelope.ts';
import { reaction } from '#shared/lambda/consumer.ts';
import { env } from '#shared/lambda/env.ts';
import { type Alerts, openAlerts } from '#shared/outside/alerts.ts';

type Signal = { what: string; where: string; todo: string };

/** A signal of an event whose data is what its type's schema says. */
const told =
  <S extends z.ZodObject>(schema: S, tell: (data: z.infer<S>, event: Envelope) => Signal | null) =>
  (event: Envelope): Signal | null =>
    tell(schema.parse(event.data), event);

const doorOf = ({ bankId, door }: { bankId: string; door: string | null }): string =>
  door === null ? `bank ${bankId}` : `bank ${bankId}, door ${door}`;

/** What the people who run it are told of: one row per event, the rest is nobody's business at night. */
const signals: { [T in EventType]?: (event: Envelope) => Signal | null } = {
  'transaction.conflicted': told(catalogue['transaction.conflicted'], (data) => ({
    what: `A bank did what had been decided otherwise: recorded was ${data.recorded}, what happened is ${data.happened}.`,
    where: `transaction ${data.transactionId}, ${doorOf(data)}`,
    todo: 'What happened stands. Read its events, and ask at the site whether the item is where the transaction says.',
  })),
  'transaction.scan_failed': told(catalogue['transaction.scan_failed'], (data) => ({
    what:
      data.result === 'wrong'
        ? 'The label that was scanned at a door is not that of its transaction.'
        : 'A label had to be scanned at a door, and was not.',
    where: `transaction ${data.transactionId}, ${doorOf(data)}`,
    todo: 'What was done stands. Have it looked at whether the right item was put in or taken out.',
  })),
  'transaction.overdue': told(catalogue['transaction.overdue'], (data) =>
    // What is late to come back is its lender's business.
    data.state === 'stored'
      ? {
          what: 'A move has stopped half-way: the item is out of its old door, and not in the new one.',
          where: `transaction ${data.transactionId}, to be put in at ${doorOf(data)}`,
          todo: 'The transaction says whose move it is. Have the item put in, or move it to another door that is free.',
        }
      : null,
  ),
  'transaction.rejected': told(catalogue['transaction.rejected'], (data) =>
    // What was reserved softly may be taken back; its owner asked for it so.
    data.reason === 'reclaimed'
      ? null
      : {
          what: `A reservation lost its compartment (${data.reason}) and no other fits.`,
          where: `transaction ${data.transactionId}, bank ${data.bankId}`,
          todo: 'Somebody comes with an item that has no place: tell its owner, and have the compartment looked at.',
        },
  ),
  'webhook_endpoint.disabled': told(catalogue['webhook_endpoint.disabled'], (data, event) => ({
    what: `A webhook endpoint was disabled (${data.reason}): it gets no events any more.`,
    where: `tenant ${event.tenant}, endpoint ${data.endpointId}`,
    todo: 'Tell the tenant by another channel. Its list of deliveries shows how the endpoint answered.',
  })),
  'compartment.lock_jammed': told(catalogue['compartment.lock_jammed'], (data) => ({
    what: 'A lock did not open or close.',
    where: doorOf(data),
    todo: 'Take the compartment out of service, and send somebody to the lock. An item may be locked in.',
  })),
  'compartment.forced_open': told(catalogue['compartment.forced_open'], (data) => ({
    what: 'A door was opened without a credential or a command.',
    where: doorOf(data),
    todo: 'Check what was inside, and have the lock and the neighbouring doors looked at. It may be a break-in.',
  })),
  'compartment.left_ajar': told(catalogue['compartment.left_ajar'], (data) => ({
    what: 'A door was left open.',
    where: doorOf(data),
    todo: 'Have it closed, and check that nothing is missing or left behind.',
  })),
};

/** Told twice when the event comes twice: for an alert, that is better than a table to remember it in. */
export const signal =
  ({ alerts }: { alerts: Alerts }) =>
  async (event: Envelope): Promise<void> => {
    const it = isEventType(event.type) ? signals[event.type]?.(event) : undefined;
    if (it === undefined || it === null) return;
    await alerts.raise({
      title: `Latchwork: ${event.type}`,
      text: [
        it.what,
        '',
        `Where: ${it.where}`,
        `When: ${event.occurredAt}, known since ${event.recordedAt}`,
        `What to do: ${it.todo}`,
        '',
        `Event ${event.id} (${event.type}) of tenant ${event.tenant}`,
      ].join('\n'),
    });
  };

export const handler = reaction(() => signal({ alerts: openAlerts(env('OPS_TOPIC_ARN')) }));
