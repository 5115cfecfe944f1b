import * as z from 'zod';
import * as field from '../../events/fields.ts';

/** An RFC 9457 problem. `code` is stable; `reason` where a reason code of the domain applies. */
export const Problem = z
  .object({
    type: field.text,
    title: field.text,
    status: field.whole,
    code: field.text,
    detail: field.text,
    reason: field.maybeText,
    errors: z.array(z.object({ pointer: field.text, detail: field.text })).optional(),
    existing: field.maybeText,
    requestId: field.text,
  })
  .meta({ id: 'Problem' });
export type Problem = z.infer<typeof Problem>;
