import { readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { apiVersions, firstApiVersion, knownApiVersions, newestApiVersion, toldAs } from '#events/api-versions.ts';
import type { Envelope } from '#events/envelope.ts';
import { sampleEvent } from '#events/samples.ts';
import { secondVersion, whileThereIsASecondVersion } from '../support/second-version.ts';

const recorded = sampleEvent('transaction.created');

describe('the versions of events', () => {
  it('are days, each explained to those who receive them', () => {
    const document = readFileSync(new URL('../../docs/webhooks.md', import.meta.url), 'utf8');
    for (const [version, { brings }] of Object.entries(apiVersions)) {
      expect(version).toBe(new Date(`${version}T00:00:00Z`).toISOString().slice(0, 10));
      expect(document).toContain(`| \`${version}\` | ${brings} |`);
    }
  });

  it('end with the one in which events are told as they are recorded', () => {
    expect(toldAs(newestApiVersion(), recorded)).toEqual({ apiVersion: newestApiVersion(), event: recorded });
  });
});

describe('a second version', () => {
  whileThereIsASecondVersion();
  const third = '2027-09-01';
  afterEach(() => {
    delete apiVersions[third];
  });
  /** As it is recorded once the second version is the present. */
  const now = {
    ...recorded,
    by: { type: 'system', id: 'test' },
    actor: undefined,
    data: { remark: 'fragile' },
  } as unknown as Envelope;

  it('is the newest, and tells what it has renamed to none who was made for the first', () => {
    expect([newestApiVersion(), knownApiVersions()]).toEqual([secondVersion, [firstApiVersion, secondVersion]]);
    expect(toldAs(secondVersion, now).event).toEqual(now);
    expect(toldAs(firstApiVersion, now)).toEqual({
      apiVersion: firstApiVersion,
      event: { ...recorded, actor: { type: 'system', id: 'test' }, data: { note: 'fragile' } },
    });
  });

  it('changes no type but those it names, beside what all have', () => {
    const other = { ...now, type: 'transaction.completed' };
    expect(toldAs(firstApiVersion, other).event).toMatchObject({ data: now.data, actor: { id: 'test' } });
  });

  it('leaves what was recorded before it as it was', () => {
    expect(toldAs(secondVersion, recorded).event).toEqual(recorded);
    expect(toldAs(firstApiVersion, recorded).event).toEqual(recorded);
  });

  it('is undone after what a third one has changed', () => {
    apiVersions[third] = {
      brings: '`remark` is called `words`.',
      undo: {
        'transaction.created': (event) => ({ ...event, data: { remark: event.data.words } }),
      },
    };
    const newest = { ...now, data: { words: 'fragile' } };
    expect(toldAs(third, newest).event).toEqual(newest);
    expect(toldAs(secondVersion, newest).event.data).toEqual({ remark: 'fragile' });
    expect(toldAs(firstApiVersion, newest).event.data).toEqual({ note: 'fragile' });
  });

  it('is what those are told whose own is served no more', () => {
    const first = apiVersions[firstApiVersion];
    delete apiVersions[firstApiVersion];
    try {
      expect(toldAs(firstApiVersion, now)).toEqual({ apiVersion: secondVersion, event: now });
    } finally {
      if (first) apiVersions[firstApiVersion] = first;
    }
  });
});
