import { describe, expect, it } from 'vitest';
import { latchwork } from '../../client/index.ts';
import type { StoryPlan } from '../../device-sim/plan.ts';
import { panel } from '../../local/panel.ts';
import { peopleAt } from '../../traffic/people.ts';
import { newTally } from '../../traffic/tally.ts';

const parcel = {
  id: 'txn_1',
  workflow: 'parcel',
  state: 'reserved',
  door: '3',
  credentials: [{ id: 'crd_1', step: 'deposit', method: 'pin', state: 'active', atBank: true, value: '123456' }],
};
const story: StoryPlan = { workflow: 'parcel', course: 'completed', waits: [7_000], wrongCodes: ['00000'] };

/** People before an API that gives these answers one after the other, and a bank that opens for the one right code. */
const facing = (answers: (() => Response)[]) => {
  const tally = newTally();
  const keys: (string | null)[] = [];
  const did: string[] = [];
  const api = latchwork({
    baseUrl: 'http://api.example',
    retries: 0,
    fetch: async ({ headers }) => {
      keys.push(headers.get('idempotency-key'));
      return (answers[keys.length - 1] ?? (() => Response.json(parcel)))();
    },
  });
  let isDark = true;
  const hands = {
    ...panel('http://nowhere.example'),
    enter: async (value: string) => {
      did.push(`enter ${value}`);
      if (value !== '123456') return { granted: false, reason: 'wrong_credential', message: '' };
      const granted = !isDark;
      isDark = false;
      return granted ? { granted, door: '3', message: '' } : { granted, message: '' };
    },
    fill: async (door: string) => did.push(`fill ${door}`),
  };
  const pass = async (ms: number): Promise<void> => {
    did.push(`wait ${ms}`);
  };
  const people = peopleAt({ api, bankId: 'bnk_1', hands, tally, story, order: 'SIM-1', pass, patienceMs: 10_000 });
  return { people, tally, keys, did };
};

const overloaded = () => Response.json({ errorMessage: 'Task timed out' }, { status: 502 });
const full = () =>
  Response.json(
    {
      type: '',
      title: '',
      status: 409,
      code: 'reservation_refused',
      reason: 'bank_full',
      detail: 'no room',
      requestId: '',
    },
    { status: 409 },
  );

describe('people in a simulated day', () => {
  it('ask again under the same key when they get no answer of the product', async () => {
    const { people, tally, keys } = facing([overloaded]);
    expect(await people.begin('parcel')).toMatchObject({ id: 'txn_1' });
    expect(keys).toHaveLength(2);
    expect(new Set(keys).size).toBe(1);
    expect(tally.unanswered).toBe(1);
    expect(tally.latencies.create).toHaveLength(1);
  });

  it('take a refusal for an answer', async () => {
    const { people, keys } = facing([full]);
    await expect(people.begin('parcel')).rejects.toMatchObject({ reason: 'bank_full' });
    expect(keys).toHaveLength(1);
  });

  it('come when the plan says, mistype where it says so, and come again to a bank that was dark', async () => {
    const { people, tally, did } = facing([]);
    await people.putIn(await people.begin('parcel'));
    expect(did).toEqual(['wait 7000', 'enter 00000', 'enter 123456', 'enter 123456', 'fill 3']);
    expect(tally.denials).toEqual({ wrong_credential: 1, 'no power': 1 });
    expect(tally.latencies['enter → open']).toHaveLength(1);
  });
});
