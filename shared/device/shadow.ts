import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { AccessMethod, Step } from './access.ts';

/** Seconds since 1970, UTC: what a small controller compares without a calendar. */
const EpochSeconds = field.count;

/** What one person may do at one door, decided by the bank alone (design.md section 5). */
export const Grant = z.object({
  /** The credential's id. Uses are counted by it, from the bank's own journal. */
  id: field.text,
  step: Step,
  /** The grant that must be used up first, at this door or another; left out once the cloud knows that step done. */
  after: field.maybeText,
  /** It also ends so many seconds after the step of `after`, or without one its own, was first done by the bank's journal. */
  within: field.positive.optional(),
  method: AccessMethod,
  /** `verifierOf(...)` of PIN, badge or barcode; none for signed tokens. */
  verifier: field.maybeText,
  notBefore: EpochSeconds,
  notAfter: EpochSeconds,
  /** How many times its step may be done with it. Opening without doing the step spends nothing. */
  uses: field.positive,
  /** Why it may not be used now; a reason code that the person at the door is told. */
  blocked: field.maybeText,
});
export type Grant = z.infer<typeof Grant>;

/** What a door's entry says: whose door it is, at which version of the transaction, and who may open it. */
export const DoorGrants = z.object({
  transactionId: field.text,
  version: field.positive,
  /** Of what is printed on what is put in, and where it must be scanned: `labelText(...)`. */
  label: field.maybeText,
  grants: z.array(Grant).max(4),
});
export type DoorGrants = z.infer<typeof DoorGrants>;

/** `desired` of `grants-<k>`: `rev` and, per door label, its `DoorGrants`. The bank replaces its copy if `rev` is higher. */
export const GrantsDocument = z.object({ rev: field.count }).catchall(DoorGrants);
export type GrantsDocument = { rev: number } & { [door: string]: DoorGrants | number };

/** `desired.<door>.open` of `doors-<k>`. The bank refuses it past `notAfter`, twice, or for another transaction. */
export const OpenCommand = z.object({
  commandId: field.text,
  notAfter: EpochSeconds,
  transactionId: field.maybeText,
});
export type OpenCommand = z.infer<typeof OpenCommand>;

export const DoorsDocument = z.record(field.text, z.object({ open: OpenCommand.optional() }));
export type DoorsDocument = z.infer<typeof DoorsDocument>;

/**
 * `reported` of `doors-<k>`, for display only: per door label, `is` = `<door> <contents> <lock>` in the words of a
 * `DoorStatus`. One short string, because 24 open commands leave 1,248 bytes of the shadow for 24 doors.
 */
export const DoorsReport = z.record(field.text, z.object({ is: field.text }));
export type DoorsReport = z.infer<typeof DoorsReport>;
