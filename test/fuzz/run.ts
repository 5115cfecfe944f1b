import { lifetime } from '../../local/lifetime.ts';
import { say, step } from '../../local/say.ts';
import { ownStack } from '../support/engine.ts';
import { fuzz } from './fuzz.ts';

/** The fewest requests that count as tried. */
const requestsMin = 10_000;

/** npm run fuzz [-- <cases per operation>]: schemathesis, all phases, on an engine of its own; about ten minutes. */
await lifetime(async (life) => {
  const { stack } = await ownStack(life);
  const examples = Number(process.argv[2] ?? 250);
  const { passed, requests, report } = await step('Fuzzer', () =>
    fuzz(stack, { examples, phases: ['examples', 'coverage', 'fuzzing', 'stateful'] }),
  );
  say(report);
  if (requests < requestsMin) say(`only ${requests} requests; ${requestsMin} are wanted`);
  return passed && requests >= requestsMin ? 0 : 1;
});
