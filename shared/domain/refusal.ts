/**
 * Every way the domain says no. `status` and `title` are what HTTP answers; `code` is stable and snake_case.
 * Whatever is thrown that is not a `Refusal` is a bug or an outage, and never shown to a caller.
 */
export const refusals = {
  invalid_request: { status: 400, title: 'The request is not valid' },
  unauthorized: { status: 401, title: 'No valid API key' },
  forbidden: { status: 403, title: 'The API key may not do this' },
  not_found: { status: 404, title: 'Not found' },
  method_not_allowed: { status: 405, title: 'Not a method of this path' },
  conflict: { status: 409, title: 'In conflict with what is recorded' },
  not_owner: { status: 403, title: 'Another system owns it' },
  stale_source: { status: 409, title: 'Something newer of its source was applied' },
  already_exists: { status: 409, title: 'Already exists' },
  invalid_transition: { status: 409, title: 'Not possible in this state' },
  reservation_refused: { status: 409, title: 'No compartment can be reserved' },
  door_busy: { status: 409, title: 'The door is carrying out another command' },
  presence_unproved: { status: 409, title: 'The code is not the one that the bank shows' },
  cause_holds: { status: 409, title: 'What is behind it goes on' },
  endpoint_disabled: { status: 409, title: 'The webhook endpoint is disabled' },
  cursor_expired: { status: 410, title: 'What came after the cursor is no longer kept' },
  precondition_failed: { status: 412, title: 'It was changed since you read it' },
  payload_too_large: { status: 413, title: 'The body is too large' },
  idempotency_key_reused: { status: 422, title: 'The idempotency key was used for another request' },
  rate_limited: { status: 429, title: 'Too many requests' },
  busy: { status: 503, title: 'Busy, try again shortly' },
} as const satisfies Record<string, { status: number; title: string }>;
export type RefusalCode = keyof typeof refusals;

export const reservationReasons = [
  'bank_full',
  'no_fitting_compartment',
  'no_accessible_compartment',
  'thermal_class_unavailable',
  'dimensions_exceeded',
  'bank_unavailable',
  'bank_unknown',
  'out_of_stock',
  'best_before_passed',
] as const;
export type ReservationReason = (typeof reservationReasons)[number];

export type FieldError = { pointer: string; detail: string };

type RefusalMore = { reason?: string; errors?: FieldError[]; retryAfterSeconds?: number; existing?: string };

export class Refusal extends Error {
  readonly code: RefusalCode;
  readonly reason: string | undefined;
  readonly errors: FieldError[] | undefined;
  readonly retryAfterSeconds: number | undefined;
  /** Id of the thing that stands in the way, where the caller may see it. */
  readonly existing: string | undefined;

  /** Whoever is told that their request is not valid is told where. */
  constructor(code: 'invalid_request', detail: string, more: RefusalMore & { errors: FieldError[] });
  constructor(code: Exclude<RefusalCode, 'invalid_request'>, detail: string, more?: RefusalMore);
  constructor(code: RefusalCode, detail: string, more: RefusalMore = {}) {
    super(detail);
    this.name = 'Refusal';
    this.code = code;
    this.reason = more.reason;
    this.errors = more.errors;
    this.retryAfterSeconds = more.retryAfterSeconds;
    this.existing = more.existing;
  }
}
