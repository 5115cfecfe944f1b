import type { RefusalCode, ReservationReason } from '../domain/refusal.ts';
import { whoNeedsKey } from './idempotency-text.ts';

/** What a caller has to know of a problem beyond its title. Apart from the codes, so that no function carries it. */
export type ProblemPage = {
  meaning: string;
  causes: readonly string[];
  /** What the caller should do. */
  remedy: readonly string[];
  /** Whether the very same request may succeed later. */
  retry: 'never' | 'after a change' | 'after a wait';
  detail: string;
};

export const problemPages: Record<RefusalCode | 'internal_error', ProblemPage> = {
  invalid_request: {
    meaning: 'Something that you sent is missing, unknown or not of the right kind. Nothing was done.',
    causes: [
      'A field is missing, is not one of this request, or has a value that it cannot have.',
      'The body is not JSON, or not an object.',
      `A header is missing or not valid: \`Idempotency-Key\` on ${whoNeedsKey}, \`If-Match\` in quotes.`,
      'A cursor was changed, or comes from another list or other filters.',
    ],
    remedy: [
      'Read `errors`: each names a place by its JSON pointer (`/items/0/widthMm`; `#header/…`, `#path/…` and `#query/…` outside of the body) and says what should be there. All mistakes of a kind are named at once: what is missing, too much or of the wrong shape; what depends on several fields is looked at once each of them is right.',
      'Mend the request. The same one is refused for ever.',
    ],
    retry: 'never',
    detail: 'the body is not valid: /items/0/widthMm is missing',
  },
  unauthorized: {
    meaning: 'We do not know who asks.',
    causes: [
      'The header `Authorization: Bearer lw_live_…` is missing or misspelt.',
      'The key was revoked, or is one of another deployment.',
    ],
    remedy: ['Send a key that is valid. Keys are shown once, when they are made: a lost one is replaced by a new one.'],
    retry: 'after a change',
    detail: 'send a valid API key: Authorization: Bearer lw_live_…',
  },
  forbidden: {
    meaning: 'We know who asks, and that they may not do this.',
    causes: [
      'The key lacks the scope that the operation needs; the OpenAPI document names it.',
      'A key cannot make another that may do more than itself, or ask more often.',
      'A test key acts on simulated banks only.',
    ],
    remedy: ['Use a key that has the scope, or have one made by somebody whose key has it.'],
    retry: 'after a change',
    detail: 'this API key lacks the scope transactions:write',
  },
  not_owner: {
    meaning: 'The transaction belongs to another system. You may read it, not change it.',
    causes: [
      'Your API key is bound to a system, and another one created the transaction.',
      'The `source` of the body names a system that is not the owner, or not that of your key.',
    ],
    remedy: ['Let the owning system change it, or use a key of the tenant that is bound to no system.'],
    retry: 'never',
    detail: 'txn_01KJQ4Z0G8V5T2M9R7X3C6B1NA belongs to shop; carrier may read it, not change it',
  },
  stale_source: {
    meaning: 'Something newer of the same system was applied already, so this came too late. Nothing was changed.',
    causes: ['Messages of the owning system overtook one another: `source.version` is lower than the one applied.'],
    remedy: ['Nothing, usually: what is recorded is newer. Read the transaction if you need to know.'],
    retry: 'never',
    detail: 'version 5 of shop was applied already',
  },
  not_found: {
    meaning: 'There is no such thing, or it is not yours; which of the two, nobody is told.',
    causes: ['The id is wrong, or belongs to another tenant.', 'The path or the method is none of this API.'],
    remedy: ['Check the id, and whose API key you sent.'],
    retry: 'after a change',
    detail: 'there is no transaction txn_01KJQ4Z0G8V5T2M9R7X3C6B1NA',
  },
  method_not_allowed: {
    meaning: 'There is such a path, but this cannot be done to it.',
    causes: ['A misspelt method, or an action that this thing does not have.'],
    remedy: ['The header `Allow` names the methods of the path; the OpenAPI document says what they do.'],
    retry: 'never',
    detail: 'there is no DELETE /v1/transactions; it knows GET, POST',
  },
  conflict: {
    meaning: 'What you ask contradicts what is recorded at this moment.',
    causes: [
      'Somebody else changes the same thing right now.',
      'A compartment is said to be empty while its sensor says that something is inside.',
      'Another transaction has that place in a link; `existing` names it.',
      'A delivery that is to be sent again is being sent at this very moment, waits for its turn, or was sent again 20 times already.',
    ],
    remedy: ['Read it again, and decide with what it says now.'],
    retry: 'after a change',
    detail: 'its sensor says that something is inside',
  },
  already_exists: {
    meaning: 'An external id belongs to one transaction only, and this one has one.',
    causes: ['The same order was sent twice under two idempotency keys.', 'An external id was used for another order.'],
    remedy: [
      '`existing` is the id of the transaction that has it: read that one and go on with it.',
      'To repeat a request safely, repeat its `Idempotency-Key` too: then you get the first answer again.',
    ],
    retry: 'never',
    detail: 'order A-1001 already belongs to txn_01KJQ4Z0G8V5T2M9R7X3C6B1NA',
  },
  invalid_transition: {
    meaning: 'What it is about, as a rule a transaction, is in a state in which this cannot be done.',
    causes: [
      'It has ended: completed, cancelled, expired, recalled or rejected.',
      'A step that this needs has not been done yet, or is over.',
    ],
    remedy: ['Read it; `detail` says what stands in the way. After the end of a transaction, make a new one.'],
    retry: 'after a change',
    detail: 'cannot extend a transaction that is completed',
  },
  reservation_refused: {
    meaning: 'No compartment can be given for these items at this bank. Nothing was reserved.',
    causes: ['`reason` says why; the reasons are listed below.'],
    remedy: [
      'Choose by `reason`: wait or take another bank (`bank_full`, `no_fitting_compartment`, `bank_unavailable`), change the items (`dimensions_exceeded`, `thermal_class_unavailable`), correct the bank (`bank_unknown`), or sell something else (`out_of_stock`, `best_before_passed`).',
    ],
    retry: 'after a wait',
    detail: 'no compartment of this bank is free',
  },
  door_busy: {
    meaning: 'The door is carrying out another command, which cannot be taken back any more.',
    causes: ['Somebody has opened the door a moment ago, or it has not been closed since.'],
    remedy: [
      'Look at the command that `existing` names; send yours once that one is `closed`, or its `notAfter` has passed.',
    ],
    retry: 'after a wait',
    detail: 'door 7 is carrying out cmd_01KJQ51M2N4P6R8T0V2X4Z6B8D',
  },
  cause_holds: {
    meaning: 'What is behind the incident goes on, so it cannot be closed yet.',
    causes: [
      'Its bank is still offline, its compartment still out of service, its item still on the way, or its endpoint still disabled.',
    ],
    remedy: [
      'Read `causeHolds`, and see to its cause: for a compartment, return it to service. `incident.cause_ended` says when it is over.',
      'Until then it can stay `resolved`.',
    ],
    retry: 'after a change',
    detail: 'what is behind inc_01KJQ5G6G8J0M2P4R6T8W0Y2A4 goes on; close it when that is over',
  },
  presence_unproved: {
    meaning: 'A door is opened by phone only for somebody who stands before its bank, and the code does not show that.',
    causes: [
      'The code is not the one on the panel of that bank, or it is more than a minute old (`reason` `wrong_presence_code`).',
      'Five wrong codes were sent for this credential within the hour (`reason` `presence_locked`).',
    ],
    remedy: [
      'Let the person read the code off the panel again, and send it at once.',
      'After too many wrong ones wait as long as `Retry-After` says; at the panel itself their credential opens all the same.',
    ],
    retry: 'after a wait',
    detail: 'the panel of the bank does not show this code now',
  },
  endpoint_disabled: {
    meaning: 'Nothing is sent to a webhook endpoint that is disabled.',
    causes: ['It answered 410, or failed for five days without a success.', 'Its owner disabled it.'],
    remedy: [
      'Mend the endpoint, then open it again: `PATCH /v1/webhook-endpoints/{endpointId}` with `{ "state": "active" }`.',
      'What it has missed, `recover` sends then.',
    ],
    retry: 'after a change',
    detail: 'it is disabled: gone',
  },
  cursor_expired: {
    meaning:
      'The cursor of the feed is older than what the feed keeps, so events may have gone that you have not seen.',
    causes: [
      'Nobody has followed the feed with this cursor for longer than its retention, 30 days unless your operator says otherwise.',
    ],
    remedy: [
      'Begin again without a cursor, with the oldest event that is kept, and drop what you know by its `id`.',
      'What is older stands in the events of each transaction, `GET /v1/transactions/{id}/events`.',
    ],
    retry: 'never',
    detail:
      'the cursor was given at 2026-01-12T08:00:00.000Z; of what has happened since, only the last 30 days are kept',
  },
  precondition_failed: {
    meaning: 'You sent `If-Match`, and the thing was changed after you read it. Nothing was done.',
    causes: ['Another caller, the bank or a deadline was faster.'],
    remedy: ['Read it again, decide again, and send the new `ETag`.'],
    retry: 'after a change',
    detail: 'the transaction is at version 4 now',
  },
  payload_too_large: {
    meaning: 'The body has more than 32 KB.',
    causes: ['Usually metadata that holds documents or pictures.'],
    remedy: ['Keep large things with you, and their ids in `metadata`.'],
    retry: 'never',
    detail: 'the body has 40960 bytes; at most 32768 are taken',
  },
  idempotency_key_reused: {
    meaning: 'This `Idempotency-Key` has had its effect, with another request.',
    causes: ['A key was used for two requests.', 'The body or the path was changed before repeating a request.'],
    remedy: ['A new effect needs a new random key. To learn what the first request did, repeat it unchanged.'],
    retry: 'never',
    detail: 'this Idempotency-Key was used with another request; send a new one',
  },
  rate_limited: {
    meaning: 'This API key has asked as often as it may in this minute.',
    causes: ['More requests than the limit in `RateLimit-Policy`, over all of your processes together.'],
    remedy: [
      'Wait for `Retry-After` seconds. Each answer says in `RateLimit` what is left (`r`) and for how long (`t`): slow down before it is none.',
      'Learn of changes by webhooks instead of asking for them.',
      'What is left is an estimate; see [rate limits](../api.md#rate-limits).',
    ],
    retry: 'after a wait',
    detail: 'this API key may send 6000 requests a minute, and has',
  },
  busy: {
    meaning: 'Too many want the same thing at this very moment. Nothing was changed that you were not told of.',
    causes: ['Many callers race for the last compartments, or for one door.', 'The database asked us to slow down.'],
    remedy: ['Send the same request again, with the same `Idempotency-Key`, after `Retry-After` seconds.'],
    retry: 'after a wait',
    detail: 'many callers want the last compartments of this bank; try again',
  },
  internal_error: {
    meaning: 'A fault of ours. We have been told; you are told no more.',
    causes: ['A bug, or an outage of something that we need.'],
    remedy: [
      'Send the same request again, with the same `Idempotency-Key`: if it had an effect after all, you get its answer.',
      'If it stays, name the `requestId` to support.',
    ],
    retry: 'after a wait',
    detail: 'Nothing is known to have changed. Try again; if it stays, name the requestId to support.',
  },
};

export const reservationReasonTexts: Record<ReservationReason, string> = {
  bank_full: 'no compartment of this bank is free',
  no_fitting_compartment: 'some are free, but every one that would fit is taken',
  no_accessible_compartment: 'the items fit only where people cannot reach',
  thermal_class_unavailable: 'the bank has no compartment of that thermal class, or the items need several',
  dimensions_exceeded: 'the items are too large or too heavy for every compartment of this bank, free or not',
  bank_unavailable: 'the bank takes nothing at present',
  bank_unknown: 'there is no such bank, or it is not yours',
  out_of_stock: 'no such unit is for sale at this bank now',
  best_before_passed: 'the unit is not sold any more: its best-before date has passed',
};
