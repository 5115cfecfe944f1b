import { expect, it } from 'vitest';
import { fuzz } from '../fuzz/fuzz.ts';
import { stack } from '../support/stack.ts';

/** Always the same requests, so that what fails here has to do with what was changed. Others: npm run fuzz. */
const seed = 4;

it(`answers nothing that its document does not say, whatever a fuzzer asks (seed ${seed})`, {
  timeout: 180_000,
}, async () => {
  const { passed, requests, report } = await fuzz(stack, { examples: 1, phases: ['fuzzing'], seed });
  expect(passed, report).toBe(true);
  expect(requests).toBeGreaterThan(70);
});
