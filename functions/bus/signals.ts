import type * as z from 'zod';
import { catalogue, type EventType, isEventType } from '#events/catalogue.ts';
import type { Envelope } from '#events/envelope.ts';
import { IncidentKind, incidentKindOf } from '#shared/domain/incident-kinds.ts';
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

const itemOf = ({ transactionId }: { transactionId: string | null }): string =>
  transactionId === null ? 'nothing known to be inside' : `transaction ${transactionId}`;

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
  'export.push_failed': told(catalogue['export.push_failed'], (data, event) =>
    // Who revokes a key wants nothing pushed in its name.
    data.reason === 'key_gone'
      ? null
      : {
          what: `The file of an export could not be put into the bucket of a customer (${data.reason}), and is not tried again.`,
          where: `tenant ${event.tenant}, destination ${data.destination}, export ${data.exportId}`,
          todo: 'It can be fetched from the export for some days. Have the policy, the account and the region of the bucket compared with what the stage says.',
        },
  ),
  'incident.escalated': told(catalogue['incident.escalated'], (data, event) => ({
    what: `${
      data.missed === 'acknowledge' ? 'Nobody has taken an incident in time' : 'An incident was not resolved in time'
    }, and it is at level ${data.level} now (${data.severity}): ${data.summary}`,
    where: [
      `tenant ${event.tenant}, incident ${data.incidentId}`,
      ...(data.bankId === null ? [] : [doorOf({ bankId: data.bankId, door: data.door })]),
      ...(data.transactionId === null ? [] : [itemOf(data)]),
    ].join(', '),
    todo: `See that somebody has it. ${incidentKindOf(IncidentKind.parse(data.kind)).todo}`,
  })),
  'compartment.lock_jammed': told(catalogue['compartment.lock_jammed'], (data) => ({
    what: 'A lock did not open or close.',
    where: doorOf(data),
    todo: 'It is out of service. Send somebody to the lock; an item may be locked in.',
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
  'compartment.not_closing': told(catalogue['compartment.not_closing'], (data) => ({
    what: 'A door was pushed shut, and its lock does not catch.',
    where: doorOf(data),
    todo: 'It is out of service. What is inside is open to everybody: take it out, and have the lock mended.',
  })),
  'compartment.contents_mismatched': told(catalogue['compartment.contents_mismatched'], (data) => ({
    what: `The sensor of a compartment says ${data.found}, and it should be ${data.expected}.`,
    where: doorOf(data),
    todo: 'Have somebody look inside. An item may be gone, or left behind; or the sensor is broken.',
  })),
  'compartment.temperature_out_of_range': told(catalogue['compartment.temperature_out_of_range'], (data) => ({
    what: `It is ${data.temperatureC} °C in a compartment that is to be ${data.minC} to ${data.maxC} °C, since ${data.since}.`,
    where: `${doorOf(data)}, ${itemOf(data)}`,
    todo: 'It is out of service. Move what is inside to another compartment, or have it taken out.',
  })),
  'compartment.temperature_in_range': told(catalogue['compartment.temperature_in_range'], (data) => ({
    what: `A compartment was out of its range for ${data.seconds} s, ${data.extremeC} °C at worst, and is back.`,
    where: `${doorOf(data)}, ${itemOf(data)}`,
    todo: 'Decide what becomes of the item. Return the compartment to service once you know why.',
  })),
  'bank.offline': told(catalogue['bank.offline'], (data) => ({
    what: `A bank has been offline since ${data.since} (${data.reason}).`,
    where: doorOf({ ...data, door: null }),
    todo: 'PINs that it knows go on working. Call the site: power, network, controller.',
  })),
  'bank.online': told(catalogue['bank.online'], (data) =>
    // Of what was only suspected nobody was told either.
    data.was === 'offline'
      ? {
          what: `A bank that was offline for ${data.seconds} s is back since ${data.since}.`,
          where: doorOf({ ...data, door: null }),
          todo: 'Nothing, unless it happens again. What happened there meanwhile is merged as it comes in.',
        }
      : null,
  ),
  'bank.power_lost': told(catalogue['bank.power_lost'], (data) => ({
    what: 'A bank lost its power. That it tells of it may mean that it is back.',
    where: doorOf({ ...data, door: null }),
    todo: 'Ask the site. Chilled items warm up meanwhile.',
  })),
  'bank.tampered': told(catalogue['bank.tampered'], (data) => ({
    what: 'Somebody is at the controller of a bank.',
    where: doorOf({ ...data, door: null }),
    todo: 'If it is none of your people, it may be a break-in: send somebody.',
  })),
  'bank.journal_truncated': told(catalogue['bank.journal_truncated'], (data) => ({
    what: `A bank had no room for its journal: entries ${data.from} to ${data.to} are lost.`,
    where: doorOf({ ...data, door: null }),
    todo: 'Compare what is inside with what is recorded there, door by door.',
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
