import type { TestProject } from 'vitest/node';
import { readJson } from '../../local/json-file.ts';
import { testStackFile } from '../../local/paths.ts';
import { StackHandle } from '../../local/stack-handle.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stack: StackHandle;
  }
}

/** Hands the stack to the tests: the one test/run.ts has started, otherwise the one that `--serve` keeps up. */
export default function setup(project: TestProject): void {
  const file = process.env.LATCHWORK_TEST_STACK ?? testStackFile;
  const stack = readJson(file, StackHandle);
  if (!stack) {
    throw new Error(
      `no stack to test against: start these tests with npm test, or run test/run.ts --serve beside them`,
    );
  }
  project.provide('stack', stack);
}
