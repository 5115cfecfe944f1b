import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import type { Picture } from './invariants-picture.ts';
import { unpacked } from './packed-rows.ts';

const FeedShape = z.looseObject({
  PK: z.string(),
  SK: z.string(),
  position: z.int(),
  at: z.string(),
  type: z.string(),
  subject: z.string(),
  event: unpacked(Envelope),
});

/** R21, at rest: every event of a tenant has one position in its feed, and the positions have no gap. */
export const followed = ({ rows, logs, tenants }: Picture): string[] =>
  tenants.flatMap((tenant) => {
    const feed = rows.filter(({ PK }) => PK === `FEED#${tenant}`).map((row) => FeedShape.parse(row));
    const end = rows.find(({ PK }) => PK === `FEEDEND#${tenant}`);
    const events = logs
      .flatMap(({ commits }) => commits.flatMap((commit) => commit.events.map(({ envelope }) => envelope)))
      .filter((it) => it.tenant === tenant);
    const positions = Map.groupBy(feed, ({ event }) => event.id);
    return [
      ...feed.flatMap((it, nth) => {
        const { SK, position, event, type, subject } = it;
        const found: string[] = [];
        if (position !== nth + 1 || Number(SK) !== position)
          found.push(`R21: row ${nth + 1} of the feed of ${tenant} is at ${SK} and says ${position}`);
        if (type !== event.type || subject !== event.subject)
          found.push(`R21: position ${position} says ${type} of ${subject}, it is ${event.type} of ${event.subject}`);
        if (it.at < (feed[nth - 1]?.at ?? '')) found.push(`R21: position ${position} is older than the one before`);
        return found;
      }),
      ...events.flatMap(({ id, hash }) => {
        const [own, ...others] = positions.get(id) ?? [];
        if (own === undefined) return [`R21: ${id} is not in the feed of ${tenant}`];
        if (others.length > 0) return [`R21: ${id} is ${1 + others.length} times in the feed of ${tenant}`];
        return own.event.hash === hash ? [] : [`R21: ${id} is another in the feed of ${tenant}`];
      }),
      ...(feed.length > events.length
        ? [`R21: the feed of ${tenant} has ${feed.length} events, of ${events.length}`]
        : []),
      ...((end?.version ?? 0) === feed.length
        ? []
        : [`R21: the feed of ${tenant} says that it ends at ${end?.version}, with ${feed.length} events`]),
    ];
  });
