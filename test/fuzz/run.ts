import { lifetime } from '../../local/lifetime.ts';
import { say } from '../../local/say.ts';
import { ownStack } from '../support/engine.ts';
import { fuzz } from './fuzz.ts';

/** The fewest requests that count as tried. */
const requestsMin = 10_000;

/** npm run fuzz [-- <cases per operation>]: schemathesis, all phases, on an engine of its own. */
await lifetime(async (life) => {
  const { stack } = await ownStack(life);
  const examples = Number(process.argv[2] ?? 80);
  const phases = ['examples', 'coverage', 'fuzzing', 'stateful'] as const;
  const { passed, requests } = await fuzz(stack, { examples, phases, tell: (text) => process.stdout.write(text) });
  if (requests < requestsMin) say(`only ${requests} requests; ${requestsMin} are wanted`);
  return passed && requests >= requestsMin ? 0 : 1;
});
