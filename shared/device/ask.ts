import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { AccessMethod } from './access.ts';

/** Up on `ask`: a credential the bank does not know. The verifier, never the PIN; of a token, that of its credential's tag. */
export const Ask = z.object({ askId: z.string().max(64), method: AccessMethod, verifier: field.text, at: field.whole });
export type Ask = z.infer<typeof Ask>;

/** Down on `answer`: refused, and why; or a door command is on its way through the shadow. */
export const Answer = z.object({
  askId: field.text,
  granted: field.yesNo,
  door: field.maybeText,
  reason: field.maybeText,
  /** The moment that decides, where the reason is one of time; milliseconds since 1970. */
  limitAt: field.count.optional(),
});
export type Answer = z.infer<typeof Answer>;
