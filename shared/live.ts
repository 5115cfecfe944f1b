import { env } from './lambda/env.ts';
import { newId } from './lambda/ids.ts';
import { openRootKeys } from './outside/root-keys.ts';
import { openTable } from './store/table.ts';

/** The real collaborators every function shares, built once per cold start from what the stack says. */
export const live = () => ({
  table: openTable(env('TABLE_NAME')),
  rootKeys: openRootKeys(env('ROOT_SECRET_ARN')),
  newId,
  clock: () => Date.now(),
});
