import type { TestProject } from 'vitest/node';
import { readJson } from '../../local/json-file.ts';
import { testStackFile } from '../../local/paths.ts';
import { StackHandles } from '../../local/stack-handle.ts';

declare module 'vitest' {
  interface ProvidedContext {
    stacks: StackHandles;
  }
}

/** Hands the stacks to the tests: those test/run.ts has started, otherwise the one that `--serve` keeps up. */
export default function setup(project: TestProject): void {
  const file = process.env.LATCHWORK_TEST_STACK ?? testStackFile;
  const stacks = readJson(file, StackHandles);
  if (!stacks) {
    throw new Error(
      `no stack to test against: start these tests with npm test, or run test/run.ts --serve beside them`,
    );
  }
  project.provide('stacks', stacks);
}
