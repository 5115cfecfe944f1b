import * as z from 'zod';
import { CredentialStep } from './credential.ts';
import { InstantText } from './time.ts';

export const CommandState = z.enum([
  'queued',
  'sent',
  'acknowledged',
  'opened',
  'closed',
  'rejected',
  'failed',
  'timed_out',
  'superseded',
]);
export type CommandState = z.infer<typeof CommandState>;

/** An instruction to a bank to open a door: once, and never after `notAfter`. Only the bank says that it opened. */
export const Command = z.object({
  id: z.string(),
  tenant: z.string(),
  bankId: z.string(),
  door: z.string(),
  /** False at a simulated bank. */
  livemode: z.boolean().default(true),
  /** Whose door it is at that moment; the bank refuses the command if its own grants say otherwise. */
  transactionId: z.string().nullable(),
  /** The credential it stands for, when a bank asked about one it did not know. */
  credential: z.object({ id: z.string(), step: CredentialStep }).nullable(),
  state: CommandState,
  reason: z.string(),
  /** Why it was rejected or failed. */
  outcome: z.string().nullable(),
  notAfter: InstantText,
  createdAt: InstantText,
  updatedAt: InstantText,
  version: z.int().positive(),
  hash: z.string(),
});
export type Command = z.infer<typeof Command>;

/** Seconds a command stays valid unless the caller says otherwise: as long as a person waits at a door. */
export const commandSeconds = { usual: 30, most: 300 } as const;
