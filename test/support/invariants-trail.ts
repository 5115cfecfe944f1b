import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { catalogue, isEventType } from '../../events/catalogue.ts';
import type { Log, Picture } from './invariants-picture.ts';

/** RFC 8785: members sorted by UTF-16 code units, numbers and strings as ECMAScript writes them, no blanks. */
const canonical = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${canonical(member)}`).join(',')}}`;
};

export const sha256 = (value: unknown): string => createHash('sha256').update(canonical(value)).digest('hex');

/** The hash that an event must bear: over all of it but the hash itself. */
export const hashOfEvent = ({ hash: _, ...event }: Record<string, unknown>): string => sha256(event);

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

const changesOf = (raw: Record<string, unknown>): Record<string, unknown> => {
  const changes = isObject(raw.data) ? raw.data.changes : undefined;
  return isObject(changes) ? changes : {};
};

/** A subject as its events tell it, up to and including a sequence. */
export const replayed = (log: Log, upTo = Number.POSITIVE_INFINITY): Record<string, unknown> =>
  Object.fromEntries(
    log.commits
      .flatMap((commit) => commit.events)
      .filter(({ envelope }) => envelope.sequence <= upTo)
      .flatMap(({ raw }) => Object.entries(changesOf(raw))),
  );

/** Of the key, the chain, the index and the copy for the next change: not part of the subject. */
const besides = ['PK', 'SK', 'version', 'hash', 'tenant', 'updatedAt', 'compartment', 'target', 'duePk', 'dueAt'];
/** Fields that events must not show: personal data, which they only commit to, and what secrets hang on. */
const hidden: Record<string, readonly string[]> = {
  TXN: ['recipient', 'parties', 'delegates', 'salt', 'bankKey', 'label'],
  BADGE: ['sealed'],
  KEY: ['keyHash'],
  ENDPOINT: ['secret', 'sealedHeaders'],
  // Whose they are, their id says.
  TERMSLOG: ['id', 'siteId'],
  BANKLOG: ['bankId', 'siteId', 'door'],
  DOORLOG: ['bankId', 'siteId', 'door'],
};

/** Nor what is kept of a badge or a label that a person has brought. */
const brought = ['verifier', 'index'];
const withoutBrought = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(withoutBrought);
  if (!isObject(value)) return value;
  const shown = Object.entries(value).filter(([name]) => !brought.includes(name));
  return Object.fromEntries(shown.map(([name, it]) => [name, withoutBrought(it)]));
};
/** Fields of a row that hold such a thing beside what events may show. */
const inPart = ['credentials', 'waiting'];

/** After these a subject has events, and no row any more; a message has one, which counts its attempts. */
const endings = ['webhook_endpoint.deleted', 'export_schedule.deleted', 'message.failed'];

/** I3: every commit has its events, numbered without gaps per subject, up to the version of the subject's row. */
export const numbered = ({ logs }: Picture): string[] =>
  logs.flatMap((log) => {
    const found: string[] = [];
    let last = 0;
    for (const { SK, events } of log.commits) {
      if (events.length === 0) found.push(`I3: the commit ${log.PK} ${SK} has no events`);
      if (SK !== `C#${String(last + 1).padStart(10, '0')}`)
        found.push(`I3: ${log.PK} goes from sequence ${last} to the commit ${SK}, not to ${last + 1}`);
      for (const { envelope } of events) {
        if (envelope.sequence !== last + 1)
          found.push(`I3: in ${log.PK} ${SK} sequence ${envelope.sequence} follows ${last}`);
        last = envelope.sequence;
      }
    }
    const isOver = endings.includes(log.commits.at(-1)?.events.at(-1)?.envelope.type ?? '');
    if (isOver) {
      if (log.row !== undefined) found.push(`I3: ${log.PK} says that its subject was deleted, which has a row`);
    } else if (log.row === undefined) found.push(`I3: ${log.PK} has ${last} events but its subject has no row`);
    else if (log.row.version !== last)
      found.push(
        `I3: ${log.row.PK} ${log.row.SK} is at version ${String(log.row.version)}, its newest event at ${last}`,
      );
    return found;
  });

/** I3 again: an event says what the catalogue promises of its type, and nothing besides. */
export const promised = ({ logs }: Picture): string[] =>
  logs.flatMap((log) =>
    log.commits
      .flatMap((commit) => commit.events)
      .flatMap(({ envelope: { type, sequence, data } }) => {
        const at = `I3: ${log.PK} event ${sequence}`;
        if (!isEventType(type)) return [`${at} is a ${type}, which the catalogue does not know`];
        const parsed = catalogue[type].strict().safeParse(data);
        return parsed.success ? [] : [`${at} is no ${type} as promised: ${JSON.stringify(parsed.error.issues)}`];
      }),
  );

/** I8: the chain verifies, event by event, and replaying it gives the row. */
export const verified = ({ logs }: Picture): string[] =>
  logs.flatMap((log) => {
    const found: string[] = [];
    const events = log.commits.flatMap((commit) => commit.events);
    let before = '0'.repeat(64);
    for (const { raw, envelope } of events) {
      const at = `${log.PK} event ${envelope.sequence} (${envelope.id})`;
      const computed = hashOfEvent(raw);
      if (envelope.prevHash !== before) found.push(`I8: ${at} follows hash ${envelope.prevHash}, but it is ${before}`);
      if (envelope.hash !== computed)
        found.push(`I8: ${at} bears hash ${envelope.hash}, its content gives ${computed}`);
      before = envelope.hash;
    }
    const { row } = log;
    if (row === undefined || events.length === 0) return found;
    if (row.hash !== before) found.push(`I8: ${row.PK} ${row.SK} bears hash ${String(row.hash)}, its events ${before}`);

    const told = replayed(log);
    const secret = hidden[log.kind] ?? [];
    for (const name of new Set([...Object.keys(row), ...Object.keys(told)])) {
      if (besides.includes(name) || name === 'personalHash') continue;
      if (secret.includes(name)) {
        if (name in told) found.push(`I8: the events of ${log.PK} show ${name}, which they must not`);
      } else if (!isDeepStrictEqual(inPart.includes(name) ? withoutBrought(row[name]) : row[name], told[name])) {
        const values = `${JSON.stringify(row[name])} in the row, ${JSON.stringify(told[name])} by its events`;
        found.push(`I8: ${row.PK} ${row.SK}: ${name} is ${values}`);
      }
    }
    if (log.kind === 'TXN') {
      const { recipient, parties, delegates } = row;
      const personal = { recipient, parties, ...(delegates !== undefined && { delegates }) };
      const commitment = sha256({ salt: row.salt, personal });
      if (told.personalHash !== commitment)
        found.push(
          `I8: ${log.PK} commits to the personal data ${String(told.personalHash)}, the row's is ${commitment}`,
        );
    }
    return found;
  });

/** Which states follow which (design.md section 4, and section 6 for what a bank did that was not foreseen). */
const next: Record<string, Record<string, readonly string[]>> = {
  TXN: {
    '': ['created'],
    created: ['reserved', 'rejected', 'cancelled', 'expired'],
    reserved: ['stored', 'in_use', 'cancelled', 'expired', 'rejected', 'completed'],
    // Of goods in stock also what leaves them where they are.
    stored: ['completed', 'recall_due', 'recalled', 'cancelled', 'expired', 'rejected'],
    in_use: ['completed', 'expired'],
    recall_due: ['stored', 'recalled', 'completed'],
    cancelled: ['recall_due', 'completed', 'in_use'],
    expired: ['recall_due', 'completed', 'in_use'],
    rejected: ['recall_due', 'completed', 'in_use'],
    // What somebody was carrying when it ended was put into a door all the same.
    completed: ['recall_due'],
    recalled: ['recall_due'],
  },
  UNIT: {
    '': ['registered'],
    registered: ['placed', 'withdrawn'],
    placed: ['in_stock', 'sold', 'withdrawn'],
    in_stock: ['missing', 'sold', 'withdrawn'],
    missing: ['in_stock', 'sold', 'withdrawn'],
    sold: [],
    withdrawn: [],
  },
  IMPORT: {
    '': ['pending'],
    pending: ['validating'],
    validating: ['running', 'invalid', 'failed'],
    running: ['done', 'failed'],
    invalid: [],
    done: [],
    failed: [],
  },
  EXPORT: {
    '': ['running'],
    running: ['done', 'failed'],
    done: [],
    failed: [],
  },
  INCIDENT: {
    '': ['open'],
    open: ['acknowledged'],
    acknowledged: ['in_progress', 'resolved'],
    in_progress: ['resolved'],
    resolved: ['in_progress', 'closed'],
    closed: [],
  },
  RECONCILIATION: {
    '': ['pending'],
    pending: ['running'],
    running: ['done', 'invalid', 'failed'],
    invalid: [],
    done: [],
    failed: [],
  },
  CMD: {
    '': ['queued'],
    queued: ['sent', 'acknowledged', 'opened', 'closed', 'rejected', 'failed', 'timed_out', 'superseded'],
    sent: ['acknowledged', 'opened', 'closed', 'rejected', 'failed', 'timed_out', 'superseded'],
    acknowledged: ['opened', 'closed', 'rejected', 'failed', 'timed_out'],
    opened: ['closed'],
    closed: [],
    rejected: [],
    failed: [],
    timed_out: ['opened', 'closed'],
    superseded: ['opened', 'closed'],
  },
};

const ends: Record<string, readonly string[]> = {
  TXN: ['completed', 'cancelled', 'expired', 'recalled', 'rejected'],
  UNIT: ['sold', 'withdrawn'],
  IMPORT: ['invalid', 'done', 'failed'],
  EXPORT: ['done', 'failed'],
  INCIDENT: ['closed'],
  RECONCILIATION: ['invalid', 'done', 'failed'],
  CMD: ['closed', 'rejected', 'failed', 'timed_out', 'superseded'],
};

/** What may still be said of a transaction, or of an export, that has ended, and changes nothing of its end. */
const afterwards = [
  ...['transaction.charged', 'transaction.refunded', 'transaction.disputed', 'transaction.linked'],
  ...['export.pushed', 'export.push_failed'],
];

/** I5: states follow one another as designed; after an end only a bank has anything to say, and says that it is late. */
export const absorbed = ({ logs }: Picture): string[] =>
  logs.flatMap((log) => {
    const table = next[log.kind];
    if (table === undefined) return [];
    const found: string[] = [];
    let state = '';
    for (const { events } of log.commits) {
      const isConflict = events.some(({ envelope }) => envelope.type === 'transaction.conflicted');
      for (const { raw, envelope } of events) {
        const at = `${log.PK} event ${envelope.sequence} (${envelope.type})`;
        const to = changesOf(raw).state ?? state;
        const hasEnded = ends[log.kind]?.includes(state) ?? false;
        if (hasEnded && envelope.actor.type !== 'bank' && !afterwards.includes(envelope.type))
          found.push(`I5: ${at} by ${envelope.actor.type} ${envelope.actor.id} comes after the end ${state}`);
        if (to === state) continue;
        if (!table[state]?.includes(String(to))) found.push(`I5: ${at} leads from ${state} to ${String(to)}`);
        if (hasEnded && log.kind === 'TXN' && !isConflict)
          found.push(`I5: ${at} leaves the end ${state} for ${String(to)} and no transaction.conflicted says why`);
        state = String(to);
      }
    }
    return found;
  });
