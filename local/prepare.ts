import { python } from './python.ts';
import { PlainError, step } from './say.ts';

/** What the tests need besides packages, ahead of them: whoever has something else to do meanwhile need not wait for it. */
await step('Python for the engine and the fuzzer', (note) => python(note, ['requirements-fuzz.txt'])).catch((error) => {
  if (!(error instanceof PlainError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
});
