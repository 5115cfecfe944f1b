import * as z from 'zod';
import * as field from '../../events/fields.ts';
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
  id: field.text,
  tenant: field.text,
  bankId: field.text,
  door: field.text,
  /** False at a simulated bank. */
  livemode: field.yesNo.default(true),
  /** Whose door it is at that moment; the bank refuses the command if its own grants say otherwise. */
  transactionId: field.textOrNull,
  /** The credential it stands for, when a bank asked about one it did not know. */
  credential: z.object({ id: field.text, step: CredentialStep }).nullable(),
  state: CommandState,
  reason: field.text,
  /** Why it was rejected or failed. */
  outcome: field.textOrNull,
  notAfter: InstantText,
  createdAt: InstantText,
  updatedAt: InstantText,
  version: field.positive,
  hash: field.text,
});
export type Command = z.infer<typeof Command>;

/** Seconds a command stays valid unless the caller says otherwise: as long as a person waits at a door. */
export const commandSeconds = { usual: 30, most: 300 } as const;
