import type { Scope } from '../domain/api-key.ts';
import { type FieldError, Refusal } from '../domain/refusal.ts';
import type { Caller } from './authenticate.ts';

/** Refuses a key that may ask for it, but not for what would be in it. */
export const requireScopes = ({ scopes }: Pick<Caller, 'scopes'>, needed: readonly Scope[]): void => {
  const lacking = needed.find((scope) => !scopes.includes(scope));
  if (lacking !== undefined) throw new Refusal('forbidden', `this API key lacks the scope ${lacking}`);
};

/** Refuses a body whose fields do not fit together. */
export const requireFields = (errors: FieldError[]): void => {
  const [first] = errors;
  if (first !== undefined)
    throw new Refusal('invalid_request', `the body is not valid: ${first.pointer} ${first.detail}`, { errors });
};
