import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { JournalEntry } from './journal.ts';

/** Up on `journal`: one per door cycle; results of commands and alarms at once. Entries may repeat and come in any order. */
export const JournalBatch = z.object({
  /** New for each controller and for each disk that it loses, kept across restarts. */
  journalId: z.string().min(1).max(64),
  entries: z.array(JournalEntry()).min(1).max(200),
});
export type JournalBatch = z.infer<typeof JournalBatch>;

/**
 * Down on `ack`: everything up to and including `seq` is durably recorded; the bank may forget it. The first of a journal
 * also says that the shadows `grants-<k>` name nothing any more that was used up before it.
 */
export const JournalAck = z.object({ journalId: field.text, seq: field.count });
export type JournalAck = z.infer<typeof JournalAck>;

/** Down on `replay`: send these again, inclusive. */
export const ReplayRequest = z.object({ journalId: field.text, from: field.positive, to: field.positive });
export type ReplayRequest = z.infer<typeof ReplayRequest>;

/** Down on `key`, once per controller generation, on the bank's own TLS link: the key its verifiers are made with. */
export const KeyHandover = z.object({ generation: field.positive, key: z.base64url() });
export type KeyHandover = z.infer<typeof KeyHandover>;
