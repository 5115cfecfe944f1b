import type { EventType } from '../../events/catalogue.ts';
import type { Compartment } from './compartment.ts';
import type { Credential } from './credential.ts';
import type { Instant } from './time.ts';

/**
 * One event to be, and the fields it changes. The new state is nothing but these changes applied in order, so the
 * audit trail replays to it by construction.
 */
export type Emission<Subject> = {
  type: EventType;
  set: Partial<Subject>;
  /** What the event says besides what every event of its subject says. */
  data?: Record<string, unknown>;
  /** When it happened, if that was not now. */
  occurredAt?: Instant;
};

export type CompartmentChange = { before: Compartment; after: Compartment };

/** PINs to be locked at the bank for these credentials, and those whose locks go. */
export type Locks = { take: Credential[]; drop: Credential[] };

/** A subject as it was read (null: it is new), what happens to it, and so what it becomes. */
export type SubjectChange<Subject> = { before: Subject | null; emissions: Emission<Subject>[]; after: Subject };

const fold = <Subject extends { version: number }>(from: Subject, emissions: Emission<Subject>[]): Subject => {
  let it = from;
  for (const emission of emissions) it = { ...it, ...emission.set, version: it.version + 1 };
  return it;
};

export const apply = <Subject extends { version: number }>(
  before: Subject,
  emissions: Emission<Subject>[],
): SubjectChange<Subject> => ({ before, emissions, after: fold(before, emissions) });

/** A new subject: its first event carries every field it is born with. */
export const born = <Subject extends { version: number }>(
  subject: Subject,
  type: EventType,
  more: Emission<Subject>[] = [],
  data: Record<string, unknown> = {},
): SubjectChange<Subject> => ({
  before: null,
  emissions: [{ type, set: subject, data }, ...more],
  after: fold({ ...subject, version: 1 }, more),
});
