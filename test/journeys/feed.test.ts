import { SendMessageCommand } from '@aws-sdk/client-sqs';
import { beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { Made } from '../../local/api-client.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { invariantsHold } from '../support/invariants.ts';
import { aws, eventually, newTenant, stack, type Tenant } from '../support/stack.ts';

const Page = z.object({
  data: z.array(z.looseObject({ id: z.string(), type: z.string(), subject: z.string() })),
  nextCursor: z.string(),
  hasMore: z.boolean(),
});
type Event = z.infer<typeof Page>['data'][number];

let tenant: Tenant;

/** Follows the feed until enough has come, as a customer's program does. */
const follow = (query: string, isEnough: (seen: readonly Event[]) => boolean, within = 15_000): Promise<Event[]> => {
  const seen: Event[] = [];
  let after = '';
  const readOn = async () => {
    for (let hasMore = true; hasMore; ) {
      const page = await tenant.api.get(`/v1/events?${query}${after}`, Page);
      seen.push(...page.data);
      after = `&after=${page.nextCursor}`;
      hasMore = page.hasMore;
    }
    expect(isEnough(seen)).toBe(true);
    return seen;
  };
  return eventually(readOn, { what: 'enough has come into the feed', within });
};

describe('a customer who follows the feed', () => {
  let made: string[];
  let seen: Event[];

  beforeAll(async () => {
    tenant = await newTenant();
    const writers = Array.from({ length: 50 }, async (_, nth) => {
      const one = await tenant.api.post('/v1/sites', { name: `Site ${nth}` }, Made);
      const two = await tenant.api.post('/v1/sites', { name: `Site ${nth} again` }, Made);
      return [one.id, two.id];
    });
    // From before anything was written: the first pages are empty, and their cursors good. It takes as long as they write.
    const following = follow('limit=10&type=site.*', (it) => it.length >= 100, 60_000);
    made = (await Promise.all(writers)).flat();
    seen = await following;
  });

  it('hears once of everything that 50 callers do at the same time', () => {
    expect(seen.map(({ subject }) => subject).toSorted()).toEqual(made.toSorted());
    expect(new Set(seen.map(({ type }) => type))).toEqual(new Set(['site.created']));
  });

  it('finds it in the same order when beginning again, with other things in between', async () => {
    const all = await follow('limit=100', (it) => it.length >= 102);
    expect(all.filter(({ type }) => type === 'site.created').map(({ id }) => id)).toEqual(seen.map(({ id }) => id));
    expect(all.map(({ type }) => type)).toEqual(expect.arrayContaining(['tenant.created', 'api_key.created']));
  });

  it('hears nothing twice of what is numbered, and then comes again because that was not acknowledged', async () => {
    const QueueUrl = outputOf(stack.outputs, 'FeedQueueUrl');
    for (const detail of seen.slice(0, 5))
      await aws.sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify({ detail }) }));
    const { id } = await tenant.api.post('/v1/sites', { name: 'The last one' }, Made);
    await follow(`subject=${id}`, (it) => it.length > 0);
    // That each event has one position is among what holds.
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });
    expect((await follow('type=site.created', (it) => it.length >= 101)).length).toBe(101);
  });
});
