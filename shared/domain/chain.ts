import { hash } from 'node:crypto';
import canonicalize from 'canonicalize';
import { type Actor, type Envelope, firstPrevHash } from '../../events/envelope.ts';
import type { SubjectChange } from './decision.ts';
import type { Instant } from './time.ts';

/** SHA-256, hex, over canonical JSON (RFC 8785): the same for everybody who has the same values. */
export const hashOf = (value: unknown): string => hash('sha256', canonicalize(value) ?? '');

/** What stands for personal data in events: it can be checked while the data is there, and says nothing once it is gone. */
export const personalHash = (salt: string, personal: Record<string, unknown>): string => hashOf({ salt, personal });

/** How a kind of subject appears in its events. */
export type SubjectKind<Subject> = {
  subject: (it: Subject) => string;
  tenant: (it: Subject) => string;
  /** What every event of it says, as the subject is after that event. */
  says: (it: Subject) => Record<string, unknown>;
  /** Fields that never appear in `changes`, besides those of every subject. */
  hidden?: readonly (keyof Subject)[];
  /** What `changes` shows of a set, where that is only a part of a field. */
  shown?: (set: Partial<Subject>) => Partial<Subject>;
  /** What stands in `changes` for hidden personal fields, when an event sets them. */
  commitment?: (it: Subject, set: Partial<Subject>) => Record<string, unknown>;
};

/** Which version it is and whose, the envelope says. */
export const hiddenAlways: readonly string[] = ['version', 'hash', 'tenant'];

type Circumstances = { actor: Actor; now: Instant; newEventId: () => string };

/** The events of a change, numbered and chained to the subject's last one, and the hash of the newest. */
export const envelopesOf = <Subject extends { version: number; hash: string }>(
  kind: SubjectKind<Subject>,
  change: SubjectChange<Subject>,
  { actor, now, newEventId }: Circumstances,
): Envelope[] => {
  const envelopes: Envelope[] = [];
  let prevHash = change.before === null || change.before.version === 0 ? firstPrevHash : change.before.hash;
  let sequence = change.before?.version ?? 0;
  let current: Subject = change.before ?? change.after;
  for (const [nth, { type, set, data, occurredAt = now }] of change.emissions.entries()) {
    sequence += 1;
    current = change.before === null && nth === 0 ? { ...current, ...set } : { ...current, ...set, version: sequence };
    const shown = Object.entries(kind.shown?.(set) ?? set).filter(
      ([name]) => !hiddenAlways.includes(name) && !kind.hidden?.some((hidden) => hidden === name),
    );
    const unsigned = {
      specversion: '1.0' as const,
      id: newEventId(),
      source: 'latchwork' as const,
      type,
      subject: kind.subject(current),
      time: occurredAt,
      datacontenttype: 'application/json' as const,
      tenant: kind.tenant(current),
      sequence,
      occurredAt,
      recordedAt: now,
      actor,
      schema: 1 as const,
      data: {
        ...kind.says(current),
        ...data,
        changes: { ...Object.fromEntries(shown), ...kind.commitment?.(current, set) },
      },
      prevHash,
    };
    prevHash = hashOf(unsigned);
    envelopes.push({ ...unsigned, hash: prevHash });
  }
  return envelopes;
};
