import * as z from 'zod';
import { once } from '../../events/once.ts';
import { Command, commandSeconds } from '../domain/command.ts';
import type { Route } from './route.ts';
import { idParam } from './shapes.ts';

export const CommandView = Command.omit({ tenant: true, hash: true, credential: true }).meta({ id: 'Command' });
export type CommandView = z.infer<typeof CommandView>;

export const createCommand = {
  id: 'create-command',
  noun: 'commands',
  method: 'POST',
  path: '/v1/commands',
  summary: 'Open a door, with a reason',
  permission: 'commands:write',
  body: once(() =>
    z.strictObject({
      bankId: z.string().min(1).max(64),
      door: z.string().min(1).max(8),
      reason: z.string().min(1).max(200),
      /** Seconds from now in which the bank may still open. */
      validSeconds: z.int().min(5).max(commandSeconds.most).default(commandSeconds.usual),
    }),
  ),
  status: 201,
  response: () => CommandView,
  problems: ['door_busy', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const openByPhone = {
  id: 'open-by-phone',
  noun: 'commands',
  method: 'POST',
  path: '/v1/transactions/{transactionId}/credentials/{credentialId}/open',
  summary: 'Open the door of a credential for a person who reads the code off the panel of its bank',
  permission: 'transactions:write',
  params: z.object({ transactionId: idParam, credentialId: idParam }),
  body: once(() =>
    z.strictObject({
      /** What the panel shows now, as proof that the person stands before it. */
      code: z.string().regex(/^[0-9]{6}$/, 'six digits'),
    }),
  ),
  status: 201,
  response: () => CommandView,
  problems: ['invalid_transition', 'presence_unproved', 'door_busy', 'idempotency_key_reused'],
  etag: true,
} as const satisfies Route;

export const getCommand = {
  id: 'get-command',
  noun: 'commands',
  method: 'GET',
  path: '/v1/commands/{commandId}',
  summary: 'Read what became of a command',
  permission: 'commands:read',
  params: z.object({ commandId: idParam }),
  status: 200,
  response: () => CommandView,
  problems: [],
  etag: true,
} as const satisfies Route;
