import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { anchorOf } from '#shared/domain/anchor.ts';
import { hashOf } from '#shared/domain/chain.ts';
import { hold, liftHold } from '#shared/domain/lifecycle.ts';
import { verify } from '../../audit/verify-audit.ts';
import { Cloud, doorOf, Journal, minutes } from '../domain/cloud-and-bank.ts';

const cloud = new Cloud([doorOf('1')]);
cloud.reserve('txn_1', { recipient: { name: 'Zoë Ünal', phone: '+41790000001' }, salt: 'a salt' });
cloud.learn(new Journal().opened('deposit', 'txn_1', '1', minutes(2)));
cloud.decide('txn_1', (it) => hold(it, 'müßig 😀'));
cloud.decide('txn_1', liftHold);
const { events } = cloud;
const trail = events.map((it) => JSON.stringify(it));

/** The trail with its nth line (from 0) as `change` makes it. */
const withLine = (nth: number, change: (line: string) => string): string[] =>
  trail.map((line, at) => (at === nth ? change(line) : line));
const flipped = (text: string, position: number): string =>
  `${text.slice(0, position)}${text[position] === '7' ? '8' : '7'}${text.slice(position + 1)}`;
const head = (nth: number) => {
  const { subject, sequence, hash } = events[nth] ?? { subject: '', sequence: 0, hash: '' };
  return { subject, sequence, hash };
};
const hour = '2026-03-02T09:00:00.000Z';
const others = Array.from({ length: 6 }, (_, n) => ({ subject: `txn_x${n}`, sequence: 1, hash: 'ab'.repeat(32) }));
const anchorFile = (...heads: ReturnType<typeof head>[]) => ({
  name: 'ten_1/2026-03-02T09.json',
  text: JSON.stringify(anchorOf('ten_1', hour, [...heads, ...others])),
});

describe('an exported trail', () => {
  it('is whole as it was written', () => {
    expect(verify(trail)).toMatchObject({ broken: null, events: events.length, subjects: 1 });
  });

  it('shows the first broken link, wherever one byte was changed', () => {
    for (const [nth, line] of trail.entries()) {
      // Every value of this event, letter by letter.
      for (const found of line.matchAll(/":"?([^",{}[\]]+)/g)) {
        const position = found.index + found[0].length - 1;
        const { broken } = verify(withLine(nth, (it) => flipped(it, position)));
        expect(broken, flipped(line, position)).toMatch(new RegExp(`^line ${nth + 1}: `));
      }
    }
  });

  it('shows that an event was removed', () => {
    expect(verify(trail.toSpliced(2, 1)).broken).toMatch(
      /^line 3: event 4 of txn_1 .* stands where event 3 belongs: one is missing/,
    );
  });

  it('shows that two were swapped', () => {
    const [first = '', second = '', ...rest] = trail;
    expect(verify([second, first, ...rest]).broken).toMatch(
      /^line 1: event 2 of txn_1 .* stands where event 1 belongs/,
    );
  });

  it('shows a forged hash at the link that follows it', () => {
    const forged = withLine(2, (line) => {
      const { hash: _, ...event } = JSON.parse(line);
      const changed = { ...event, actor: { type: 'operator', id: 'nobody' } };
      return JSON.stringify({ ...changed, hash: hashOf(changed) });
    });
    expect(verify(forged).broken).toMatch(/^line 4: event 4 of txn_1 .* says that it follows/);
  });

  it('commits to personal data by a salted hash, so that it stays whole once the data is erased', () => {
    expect(verify(trail).commitments).toBe(1);
    for (const line of trail) for (const word of ['Zoë', '+4179', 'a salt']) expect(line).not.toContain(word);
    const commitment = createHash('sha256')
      .update('{"personal":{"parties":{},"recipient":{"name":"Zoë Ünal","phone":"+41790000001"}},"salt":"a salt"}')
      .digest('hex');
    expect(events[0]?.data.changes).toMatchObject({ personalHash: commitment });
  });
});

describe('an anchor', () => {
  it('covers every event up to the one that it holds', () => {
    expect(verify(trail, [anchorFile(head(2))]).anchors).toEqual([
      `txn_1: events 1 to 3 are anchored by ten_1/2026-03-02T09.json (hour ${hour})`,
    ]);
  });

  it.each([0, 1, 2, 3, 4, 6])('has the same root for both who compute it, with %i others', (count) => {
    const text = JSON.stringify(anchorOf('ten_1', hour, [...others.slice(0, count), head(0)]));
    expect(verify(trail, [{ name: 'a', text }]).broken).toBeNull();
  });

  it('shows that the end of a trail was cut off', () => {
    expect(verify(trail.slice(0, 2), [anchorFile(head(2))]).broken).toMatch(
      /it holds event 3 of txn_1, the trail ends at event 2$/,
    );
  });

  it('shows a chain that was written anew from its first event on', () => {
    let prevHash = '0'.repeat(64);
    const anew = events.map(({ hash: _, ...event }) => {
      const changed = { ...event, actor: { type: 'operator', id: 'nobody' }, prevHash };
      prevHash = hashOf(changed);
      return JSON.stringify({ ...changed, hash: prevHash });
    });
    expect(verify(anew).broken).toBeNull();
    expect(verify(anew, [anchorFile(head(2))]).broken).toMatch(/it holds event 3 of txn_1 with the hash/);
  });

  it('shows that it was changed itself', () => {
    const file = anchorFile(head(2));
    expect(verify(trail, [{ ...file, text: file.text.replace('txn_x3', 'txn_x9') }]).broken).toMatch(/its root is/);
  });
});
