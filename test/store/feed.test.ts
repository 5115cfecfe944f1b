import { randomUUID } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { Envelope } from '../../events/envelope.ts';
import { sampleEvent } from '../../events/samples.ts';
import { beginningOfFeed } from '../../shared/domain/feed.ts';
import { numberEvents, readFeed } from '../../shared/store/feed.ts';
import { table } from '../support/faults.ts';

const keptDays = 30;
const everything = { types: [], subject: undefined };

const eventsOf = (tenant: string, writer: number, count: number): Envelope[] =>
  Array.from({ length: count }, (_, nth) => ({
    ...sampleEvent('transaction.deposited'),
    id: `evt_${writer}_${nth}`,
    tenant,
  }));

describe('the feed in the table', () => {
  it('is read by one while 50 write: nothing is skipped, nothing doubled, and the order stays', async () => {
    const tenant = `ten_${randomUUID()}`;
    let writing = 50;
    /** As the queue does it: what failed comes again, and some of it comes twice although it did not fail. */
    const write = async (writer: number): Promise<void> => {
      const events = eventsOf(tenant, writer, 4);
      for (const batch of [events.slice(0, 3), events.slice(2)]) {
        let isNumbered = false;
        while (!isNumbered)
          isNumbered = await numberEvents(table, tenant, batch, { now: Date.now(), keptDays }).then(
            () => true,
            () => false,
          );
      }
      writing -= 1;
    };
    const follow = async (): Promise<string[]> => {
      const seen: string[] = [];
      let place = beginningOfFeed(undefined, Date.now(), keptDays);
      for (let goesOn = true; goesOn; ) {
        const wasWriting = writing > 0;
        const page = await readFeed(table, tenant, place, { filter: everything, limit: 7, now: Date.now() });
        seen.push(...page.events.map(({ id }) => id));
        place = page.place;
        goesOn = wasWriting || page.hasMore;
      }
      return seen;
    };
    const waiting = Array.from({ length: 50 }, (_, writer) => writer);
    /** Twice as many at the same time as the queue lets through. */
    const places = [1, 2, 3, 4].map(async () => {
      for (let writer = waiting.shift(); writer !== undefined; writer = waiting.shift()) await write(writer);
    });
    const [seen] = await Promise.all([follow(), ...places]);
    const all = Array.from({ length: 50 }, (_, writer) => eventsOf(tenant, writer, 4).map(({ id }) => id)).flat();
    expect(seen.toSorted()).toEqual(all.toSorted());
    // Whoever begins later sees the same.
    expect(await follow()).toEqual(seen);
  });

  it('keeps the positions of a batch whose answer got lost, and that came again beside new ones', async () => {
    const tenant = `ten_${randomUUID()}`;
    const [first, second, third] = eventsOf(tenant, 1, 3);
    if (!first || !second || !third) throw new Error('three were made');
    const read = async () => {
      const place = beginningOfFeed(undefined, Date.now(), keptDays);
      const { events, place: after } = await readFeed(table, tenant, place, {
        filter: everything,
        limit: 10,
        now: Date.now(),
      });
      return { events, after: after.after };
    };
    await numberEvents(table, tenant, [first, second], { now: Date.now(), keptDays });
    await numberEvents(table, tenant, [first, second], { now: Date.now(), keptDays });
    await numberEvents(table, tenant, [third, second, first], { now: Date.now(), keptDays });
    expect(await read()).toEqual({ events: [first, second, third], after: 3 });
  });
});
