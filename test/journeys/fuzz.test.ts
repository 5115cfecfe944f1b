import { expect, it } from 'vitest';
import { fuzz } from '../fuzz/fuzz.ts';
import { stack } from '../support/stack.ts';

it('answers nothing that its document does not say, whatever a fuzzer asks', { timeout: 180_000 }, async () => {
  // All phases, and more than 10,000 requests: npm run fuzz.
  const { passed, requests, report } = await fuzz(stack, { examples: 3, phases: ['fuzzing'] });
  expect(passed, report).toBe(true);
  expect(requests).toBeGreaterThan(200);
});
