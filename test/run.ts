import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { createVitest, parseCLI, type Vitest } from 'vitest/node';
import { writeJson } from '../local/json-file.ts';
import { type Lifetime, lifetime } from '../local/lifetime.ts';
import { testStackFile } from '../local/paths.ts';
import { say } from '../local/say.ts';
import { forgetDeadRuns, ownStack, servedStack } from './support/engine.ts';

/**
 * npm test [-- <files and vitest options>]
 *   --serve   start an engine with the test stack and keep it up, for --reuse and for a test runner in an editor
 *   --reuse   test against what --serve keeps up, deployed anew where the sources have changed
 */
const args = process.argv.slice(2);
const serve = args.includes('--serve');
const reuse = args.includes('--reuse') || process.env.LATCHWORK_TEST_STACK !== undefined;
const vitestArgs = args.filter((argument) => argument !== '--serve' && argument !== '--reuse');

let counted: Counts = { passed: 0, failed: 0 };

forgetDeadRuns();
if (serve) {
  await lifetime(keepUp);
} else {
  // The closing line is for machines too: it is the last one, also when nothing could be started.
  process.on('exit', () => say(`${counted.passed} passed, ${counted.failed} failed`));
  await lifetime(test);
}

async function keepUp(life: Lifetime): Promise<number> {
  const { stack, engine } = await ownStack(life);
  writeJson(testStackFile, stack);
  life.atEnd(() => rmSync(testStackFile, { force: true }));
  say(`\nThe test stack is up at ${stack.apiUrl}`);
  say('Run tests against it with: npm test -- --reuse [files]. Ctrl-C ends it.');
  await Promise.race([engine.died, life.untilInterrupted()]);
  return 0;
}

async function test(life: Lifetime): Promise<number> {
  const { filter, options } = parseCLI(['vitest', 'run', ...vitestArgs]);
  const vitest = await createVitest({ ...options, watch: false });
  life.atEnd(() => vitest.close());
  try {
    const chosen = await vitest.globTestSpecifications(filter);
    if (chosen.length === 0) {
      say(`no test file matches ${filter.join(' ') || 'the projects of vitest.config.ts'}`);
      counted = { passed: 0, failed: 1 };
      return 1;
    }
    const onStack = chosen.some(({ project }) => project.name === 'stack');
    const died = onStack ? await provideStack(life) : [];
    life.signal.addEventListener('abort', () => vitest.cancelCurrentRun('keyboard-input'));
    const { testModules, unhandledErrors } = await Promise.race([vitest.start(filter), ...died]);
    counted = count(testModules, unhandledErrors);
  } catch (error) {
    counted = { ...counted, failed: counted.failed + 1 };
    throw error;
  }
  return counted.failed > 0 ? 1 : 0;
}

/** What ends the tests if it happens: the end of an engine of their own. */
async function provideStack(life: Lifetime): Promise<Promise<never>[]> {
  const file = process.env.LATCHWORK_TEST_STACK ?? testStackFile;
  if (reuse) {
    await servedStack(life, file);
    process.env.LATCHWORK_TEST_STACK = file;
    return [];
  }
  const { stack, engine } = await ownStack(life);
  process.env.LATCHWORK_TEST_STACK = join(stack.stateDir, 'stack.json');
  writeJson(process.env.LATCHWORK_TEST_STACK, stack);
  return [engine.died];
}

type Counts = { passed: number; failed: number };

/** A file that could not even be loaded, and an error outside every test, count as one failure each. */
function count(modules: Awaited<ReturnType<Vitest['start']>>['testModules'], unhandled: readonly unknown[]): Counts {
  const counts = { passed: 0, failed: unhandled.length };
  for (const module of modules) {
    let failedHere = 0;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === 'passed') counts.passed++;
      if (state === 'failed') failedHere++;
    }
    counts.failed += module.state() === 'failed' ? Math.max(failedHere, 1) : failedHere;
  }
  return counts;
}
