import type { Instant } from '../domain/time.ts';
import { EndpointPace, nextTurns } from '../domain/webhook.ts';
import { anew, withoutEnd } from './anew.ts';
import { paceWrite } from './deliveries.ts';
import { keys } from './rows.ts';
import type { Table } from './table.ts';

type Paced = { tenant: string; id: string; attemptsPerMinute: number };

/**
 * Turns at endpoints that take so many attempts a minute. Those that are asked for while the booking of before is looked up are
 * booked together: a burst would otherwise meet at the one row, each in the way of all others.
 */
export const openTurns = (table: Table, clock: () => Instant) => {
  const asked = new Map<string, PromiseWithResolvers<Instant>[]>();

  const book = async ({ tenant, id, attemptsPerMinute }: Paced): Promise<void> => {
    let line: PromiseWithResolvers<Instant>[] = [];
    const joinLine = () => {
      line = [...line, ...(asked.get(id) ?? [])];
      asked.delete(id);
    };
    try {
      const turns = await anew(async () => {
        const row = await table.get(keys.endpointPace(tenant, id), true);
        joinLine();
        const pace = row === undefined ? null : EndpointPace.parse(row);
        const next = nextTurns(pace, { attemptsPerMinute, count: line.length }, clock());
        await table.write([paceWrite(tenant, id, next.pace)]);
        return next.turns;
      }, withoutEnd);
      for (const [nth, { resolve }] of line.entries()) resolve(turns[nth] ?? clock());
    } catch (error) {
      joinLine();
      for (const { reject } of line) reject(error);
    }
  };

  /** When the attempt may be made that asks for it. */
  return (endpoint: Paced): Promise<Instant> => {
    const own = Promise.withResolvers<Instant>();
    const line = asked.get(endpoint.id);
    if (line) line.push(own);
    else {
      asked.set(endpoint.id, [own]);
      void book(endpoint);
    }
    return own.promise;
  };
};
