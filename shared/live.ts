import { env } from './lambda/env.ts';
import { newId } from './lambda/ids.ts';
import { openRootKeys } from './outside/root-keys.ts';
import { openTable } from './store/table.ts';

/** The real collaborators nearly every function has, built once per cold start from what the stack says. */
export const liveTable = () => ({ table: openTable(env('TABLE_NAME')), newId, clock: () => Date.now() });

/** The same, for those that make or check secrets. */
export const live = () => ({ ...liveTable(), rootKeys: openRootKeys(env('ROOT_SECRET_ARN')) });

/**
 * Where the API is, as people outside reach it. On the local engine all APIs lie below its own address, so the stack says
 * only the path.
 */
export const publicUrl = (): string => new URL(env('PUBLIC_URL'), process.env.AWS_ENDPOINT_URL).href.replace(/\/$/, '');
