import type * as z from 'zod';
import type { Problem } from '../api/problem.ts';
import { type FieldError, Refusal, type RefusalCode, refusals } from '../domain/refusal.ts';

/** Names a problem; docs/problems.md explains each. A URN, because a deployment has no address of ours to point at. */
const problemType = 'urn:latchwork:problem:';

export const problemOf = (refusal: Refusal, requestId: string): Problem => {
  const { status, title } = refusals[refusal.code];
  return {
    type: `${problemType}${refusal.code}`,
    title,
    status,
    code: refusal.code,
    detail: refusal.message,
    ...(refusal.reason ? { reason: refusal.reason } : {}),
    ...(refusal.errors ? { errors: refusal.errors } : {}),
    ...(refusal.existing ? { existing: refusal.existing } : {}),
    requestId,
  };
};

/** What we say of our own bugs and outages: nothing but where to ask. */
export const internalProblem = (requestId: string): Problem => ({
  type: `${problemType}internal_error`,
  title: 'Something went wrong on our side',
  status: 500,
  code: 'internal_error',
  detail: 'Nothing is known to have changed. Try again; if it stays, name the requestId to support.',
  requestId,
});

/** zod says so only in its text: a required field that was not sent. */
const isMissing = (issue: z.core.$ZodIssue): boolean =>
  issue.code === 'invalid_type' && issue.message.endsWith('received undefined');

/** JSON pointers (RFC 6901) to what does not fit, in the caller's words. */
export const fieldErrors = (error: z.ZodError): FieldError[] =>
  error.issues.flatMap((issue) => {
    const at = issue.path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('');
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ pointer: `${at}/${key}`, detail: 'is not a field of this request' }));
    // What a name of a record may be is said by the issues inside.
    if (issue.code === 'invalid_key')
      return [{ pointer: at, detail: `is not a name for this: ${issue.issues.map((it) => it.message).join(', ')}` }];
    return [{ pointer: at, detail: isMissing(issue) ? 'is missing' : issue.message }];
  });

/** Where a request can be mistaken, and what the pointers to it begin with. */
const places = { path: '#path', query: '#query', body: '' } as const;

/** Parses what the caller sent; only this makes a 400. */
export const parseRequest = <T extends z.ZodType>(
  schema: T,
  value: unknown,
  where: keyof typeof places,
): z.infer<T> => {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const errors = fieldErrors(parsed.error).map((it) => ({ ...it, pointer: `${places[where]}${it.pointer}` }));
  throw invalid(where, errors);
};

const invalid = (where: keyof typeof places, errors: FieldError[]): Refusal => {
  const [first, ...others] = errors;
  const more = others.length === 0 ? '' : `, and ${others.length} more in errors`;
  const detail = `the ${where} is not valid: ${first?.pointer || '(whole)'} ${first?.detail ?? ''}${more}`.trim();
  return new Refusal('invalid_request', detail, { errors });
};

/** What a rule of the domain finds in the body, by where it stands; nothing is found in what is well. */
export const refuseErrors = (errors: FieldError[]): void => {
  if (errors.length > 0) throw invalid('body', errors);
};

export const refuseUnless: (
  holds: boolean,
  code: Exclude<RefusalCode, 'invalid_request'>,
  detail: string,
) => asserts holds = (holds, code, detail) => {
  if (!holds) throw new Refusal(code, detail);
};

/** What only a look at several fields together, or at what they name, can tell of one of them. */
export const requireFields: (holds: boolean, pointer: string, detail: string) => asserts holds = (
  holds,
  pointer,
  detail,
) => {
  if (!holds)
    throw new Refusal('invalid_request', `the body is not valid: ${pointer} ${detail}`, {
      errors: [{ pointer, detail }],
    });
};
