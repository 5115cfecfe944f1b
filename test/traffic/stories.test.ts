import { describe, expect, it } from 'vitest';
import { type Course, Workflow } from '../../device-sim/scenario.ts';
import { type People, stories } from '../../traffic/stories.ts';

/** People who only tell what they did. */
const tellers = () => {
  const told: string[] = [];
  const did = (what: string) => async () => {
    told.push(what);
    return 'it';
  };
  const people: People<string> = {
    begin: async (workflow) => did(`begin a ${workflow}`)(),
    pay: did('pay'),
    confirmIdentity: did('confirm the identity'),
    cancel: did('cancel'),
    recall: did('recall'),
    complete: did('complete'),
    atBank: async () => undefined,
    putIn: async () => void told.push('put in'),
    takeOut: async (_, step = 'pickup') => void told.push(`take out, ${step}`),
    use: async (_, contents) => void told.push(`leave it ${contents}`),
    becomes: async (it, state) => {
      told.push(`is ${state}`);
      return it;
    },
  };
  return { told, people };
};

const act = async (workflow: Workflow, course: Course): Promise<string[]> => {
  const { told, people } = tellers();
  await stories[workflow](people, course, 'ast_1');
  return told;
};

describe('what people do in a simulated day', () => {
  it.each([
    ['sale', ['begin a sale', 'pay', 'put in', 'take out, pickup', 'is completed']],
    ['release', ['begin a release', 'confirm the identity', 'put in', 'take out, pickup', 'is completed']],
    ['parcel', ['begin a parcel', 'put in', 'take out, pickup', 'is completed']],
    ['return', ['begin a return', 'put in', 'take out, pickup', 'is completed']],
    ['loan', ['begin a loan', 'take out, pickup', 'put in', 'is completed']],
    ['rental', ['begin a rental', 'leave it filled', 'leave it empty', 'is in_use', 'complete']],
  ] as const)('carries a %s to its good end', async (workflow, acts) => {
    expect(await act(workflow, 'completed')).toEqual(acts);
  });

  it.each(Workflow.options)('puts nothing in for a %s that is cancelled', async (workflow) => {
    const acts = await act(workflow, 'cancelled');
    expect(acts.at(-1)).toBe('cancel');
    expect(acts).not.toContain('put in');
  });

  it('has staff take out what nobody came for', async () => {
    expect(await act('parcel', 'recalled')).toEqual([
      'begin a parcel',
      'put in',
      'is stored',
      'recall',
      'take out, recall',
      'is recalled',
    ]);
  });
});
