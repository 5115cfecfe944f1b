import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Where a test lies says what it needs. What lies in none of the named folders is a unit test, so that none is forgotten.
const onTheStack = ['test/store/**/*.test.ts', 'test/functions/**/*.test.ts', 'test/journeys/**/*.test.ts'];
const ofTheTemplate = ['test/infra/**/*.test.ts'];
// A store or a handler that is tried with fakes says so in its name and needs no engine.
const withoutStack = ['test/**/*.unit.test.ts'];
const inABrowser = ['test/browser/**/*.test.ts'];

/** What takes minutes, mostly of waiting: begun last, everything would wait for it alone. */
const longest = [
  'access',
  'fuzz',
  'webhook-torture',
  'faults-behind-queues',
  'offline',
  'workflows',
  'mixed-day',
  'deadlines',
  'model',
  'interleavings',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const nth = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return nth < 0 ? longest.length : nth;
    };
    return (await super.sort(files)).toSorted((a, b) => rank(a) - rank(b));
  }
}

export default defineConfig({
  test: {
    // Most of a test on the stack is waiting. No two of them share a tenant or a bank, so six files at a time share an
    // engine, on any machine alike; what breaks something for everybody breaks it for moments, as in life.
    maxWorkers: 6,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          // They share nothing but what they import, which takes longer than they do.
          isolate: false,
          // It ends what hangs; a rule that is tried on thousands of cases takes longer on a busy machine.
          testTimeout: 60_000,
          include: ['test/**/*.test.ts', 'device-sim/**/*.test.ts'],
          exclude: [...onTheStack, ...ofTheTemplate, ...inABrowser].map((pattern) => withoutUnit(pattern)),
        },
      },
      {
        test: {
          name: 'infra',
          // A stack that was made for one file is there for the next.
          isolate: false,
          include: ofTheTemplate,
          // A synthesis bundles every function.
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: 'browser',
          include: inABrowser,
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: {
          name: 'stack',
          // Nothing of a file is left for the next, and what they import takes as long as many of them do.
          isolate: false,
          setupFiles: 'test/support/end-with-file.ts',
          include: onTheStack,
          exclude: withoutStack,
          globalSetup: 'test/support/engine-setup.ts',
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});

/** The same files without those that say of themselves that they need no engine. */
function withoutUnit(pattern: string): string {
  return pattern.replace('*.test.ts', '!(*.unit).test.ts');
}
