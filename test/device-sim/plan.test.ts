import { describe, expect, it } from 'vitest';
import { type Act, plan } from '../../device-sim/plan.ts';
import { readFaults, readTraffic } from '../../device-sim/scenario.ts';

const hourMs = 3_600_000;
const dayMs = 24 * hourMs;

const wish = {
  traffic: await readTraffic('mixed'),
  faults: await readFaults('storm'),
  banks: 5,
  durationMs: dayMs,
  seed: 7,
};

const at = (bank: number) => (act: Act) => act.bank === bank;

describe('the plan of a simulated day', () => {
  it('is the same for the same seed, and another for another', () => {
    expect(plan(wish)).toEqual(plan(wish));
    expect(plan({ ...wish, seed: 8 })).not.toEqual(plan(wish));
  });

  it('gives a bank the same day however many banks there are beside it', () => {
    expect(plan({ ...wish, banks: 50 }).filter(at(3))).toEqual(plan(wish).filter(at(3)));
  });

  it('gives no two banks the same day', () => {
    const days = Array.from({ length: 5 }, (_, bank) =>
      JSON.stringify(
        plan(wish)
          .filter(at(bank))
          .map((act) => act.at),
      ),
    );
    expect(new Set(days).size).toBe(5);
  });

  it('is in the order in which it happens, and within the time that was asked for', () => {
    const moments = plan(wish).map((act) => act.at);
    expect(moments).toEqual(moments.toSorted((a, b) => a - b));
    expect(moments.at(0)).toBeGreaterThanOrEqual(0);
    expect(moments.at(-1)).toBeLessThanOrEqual(dayMs);
  });

  it('has as much traffic as the scenario says, at the hours and in the shares that it says', () => {
    const stories = plan({ ...wish, banks: 100 }).flatMap((act) => (act.kind === 'story' ? [act] : []));
    const share = (of: (act: (typeof stories)[number]) => boolean) => stories.filter(of).length / stories.length;
    expect(stories.length / 100).toBeCloseTo(wish.traffic.perBankAndDay, 0);
    expect(share(({ story }) => story.workflow === 'parcel')).toBeCloseTo(9 / 24, 1);
    expect(share(({ story }) => story.course === 'cancelled')).toBeCloseTo(0.07, 1);
    // Begun at 7: the five quiet hours of the night are those from 23 to 4.
    expect(share(({ at: moment }) => moment >= 16 * hourMs && moment < 22 * hourMs)).toBeLessThan(0.02);
  });

  it('lets a bank suffer one thing at a time, and ends each', () => {
    for (let bank = 0; bank < wish.banks; bank += 1) {
      const faults = plan(wish).filter((act) => act.bank === bank && act.kind !== 'story');
      expect(faults.map(({ kind }) => kind)).toEqual(faults.map((_, nth) => (nth % 2 === 0 ? 'fault' : 'mend')));
    }
  });

  it('enters no more wrong codes at a bank than its keypad takes in a day', async () => {
    const traffic = { ...(await readTraffic('rush')), wrongCodes: 1 };
    const stories = plan({ ...wish, traffic, banks: 1 }).flatMap((act) => (act.kind === 'story' ? [act.story] : []));
    expect(stories.flatMap(({ wrongCodes }) => wrongCodes.filter((it) => it !== null)).length).toBeLessThanOrEqual(10);
  });
});

describe('the scenarios that come with the simulator', () => {
  it.each(['quiet', 'mixed', 'rush'])('have the traffic %s', async (name) => {
    expect((await readTraffic(name)).says).not.toBe('');
  });

  it.each(['none', 'flaky', 'storm'])('have the faults %s', async (name) => {
    expect((await readFaults(name)).says).not.toBe('');
  });

  it('may be files of one’s own, and say what does not fit in them', async () => {
    await expect(readTraffic('./no-such.json')).rejects.toThrow('ENOENT');
    await expect(readTraffic('package.json')).rejects.toThrow('perBankAndDay');
  });
});
