import { afterAll } from 'vitest';
import { endAll } from './stack.ts';

// Run anew for each test file, while what it imports is there already for the second file of a worker.
afterAll(endAll);
