import type { Envelope } from '../../events/envelope.ts';
import { Compartment } from '../domain/compartment.ts';
import { runningDeadline } from '../domain/deadline.ts';
import type { SubjectChange } from '../domain/decision.ts';
import { derivedId } from '../domain/derived-id.ts';
import {
  causeOver,
  escalated,
  escalatesAt,
  Incident,
  type IncidentState,
  type Occurrence,
  opened,
  recurred,
} from '../domain/incident.ts';
import {
  causes,
  endedBy,
  type IncidentKind,
  incidentKindOf,
  type Scene,
  subjectOfIncident,
} from '../domain/incident-kinds.ts';
import { subjects } from '../domain/subjects.ts';
import { earlier, epochMs, type Instant } from '../domain/time.ts';
import { Transaction } from '../domain/transaction.ts';
import { WebhookEndpoint } from '../domain/webhook.ts';
import { parseBank } from './banks.ts';
import { type Circumstances, type Committed, subjectWrites } from './commit.ts';
import { presenceFrom } from './presence.ts';
import { dueAttributes, keys } from './rows.ts';
import { type Key, Lost, type Table, type Write } from './table.ts';

/** Until it is closed it is the only one of its kind about its subject, and among what is to be done: rows of the same commit. */
export const commitIncident = (change: SubjectChange<Incident>, circumstances: Circumstances): Committed<Incident> => {
  const { id, tenant, kind, subject } = change.after;
  const committed = subjectWrites(
    subjects.incident,
    change,
    keys.incident(tenant, id),
    keys.incidentLog(tenant, id),
    circumstances,
    (after) => dueAttributes(id, escalatesAt(after)),
  );
  if (committed.writes.length === 0) return committed;
  const isClosed = change.after.state === 'closed';
  // The incident's own row guards what follows.
  const copy = keys.incidentAtWork(tenant, id);
  const atWork: Write = {
    kind: 'other',
    expects: 'anything',
    ...(isClosed ? { remove: copy } : { put: { ...copy, ...committed.after } }),
  };
  const about = subject === null ? null : keys.incidentAbout(tenant, kind, subject);
  const claim: Write[] =
    about !== null && change.before === null
      ? [{ kind: 'unique', expects: 'absent', put: { ...about, incidentId: id } }]
      : [];
  const leave: Write[] = about !== null && isClosed ? [{ kind: 'unique', expects: 'anything', remove: about }] : [];
  return { ...committed, writes: [...committed.writes, atWork, ...claim, ...leave] };
};

/** The partition that a list of incidents in that state is a part of; undefined: in any. */
export const incidentPartition = (tenant: string, state: IncidentState | undefined): string =>
  (state === undefined || state === 'closed' ? keys.incident(tenant, '') : keys.incidentAtWork(tenant, '')).PK;

/** Longer than any queue, dead-letter queues included, brings an event again. */
const rememberedSeconds = 90 * 86_400;

type About = Pick<Incident, 'tenant' | 'subject' | 'bankId' | 'door' | 'transactionId'>;

const nothing = { subject: null, bankId: null, door: null, transactionId: null };

const sceneKeys = ({ tenant, subject, bankId, door, transactionId }: About): Record<keyof Scene, Key[]> => ({
  bank: bankId === null ? [] : [keys.bank(bankId)],
  presence: bankId === null ? [] : [keys.connectivity(bankId)],
  compartment: bankId === null || door === null ? [] : [keys.compartment(bankId, door)],
  transaction: transactionId === null ? [] : [keys.transaction(tenant, transactionId)],
  endpoint: subject?.startsWith('whe_') ? [keys.endpoint(tenant, subject)] : [],
});

const sceneFrom = (wanted: Record<keyof Scene, Key[]>, rows: (Record<string, unknown> | undefined)[]): Scene => {
  const found = new Map(rows.flatMap((row) => (row === undefined ? [] : [[`${row.PK} ${row.SK}`, row] as const])));
  const rowOf = (name: keyof Scene) => {
    const [key] = wanted[name];
    return key === undefined ? undefined : found.get(`${key.PK} ${key.SK}`);
  };
  const bank = rowOf('bank');
  const compartment = rowOf('compartment');
  const transaction = rowOf('transaction');
  const endpoint = rowOf('endpoint');
  return {
    bank: bank === undefined ? null : parseBank(bank),
    presence: presenceFrom(rowOf('presence')),
    compartment: compartment === undefined ? null : Compartment.parse(compartment),
    transaction: transaction === undefined ? null : Transaction.parse(transaction),
    endpoint: endpoint === undefined ? null : WebhookEndpoint.parse(endpoint),
  };
};

const textIn = (data: Record<string, unknown>, name: string): string | null =>
  typeof data[name] === 'string' ? data[name] : null;

/** What an event is about. */
const aboutOf = ({ tenant, subject, data }: Envelope): About => ({
  tenant,
  subject,
  bankId: textIn(data, 'bankId'),
  door: textIn(data, 'door'),
  transactionId: textIn(data, 'transactionId'),
});

export const openIncidents = ({ table, newId }: { table: Table; newId: (prefix: string) => string }) => {
  const circumstancesOf = (id: string, now: Instant): Circumstances => ({ actor: { type: 'system', id }, now, newId });

  const read = async (tenant: string, id: string): Promise<Incident | null> => {
    const row = await table.get(keys.incident(tenant, id), true);
    return row === undefined ? null : Incident.parse(row);
  };

  /** What it is about, as it surely is now. One call. */
  const readScene = async (about: About): Promise<Scene> => {
    const wanted = sceneKeys(about);
    const all = Object.values(wanted).flat();
    return sceneFrom(wanted, all.length === 0 ? [] : await table.batchGet(all, true));
  };

  /** Whether what is behind it goes on. */
  const holds = async (it: Incident): Promise<boolean> =>
    it.causeHolds && causes[incidentKindOf(it.kind).cause].holds(await readScene(it));

  return {
    read,
    readScene,
    holds,

    /**
     * Opens an incident for what an event tells, or counts it in the one that there is. Once for each event. Throws `Lost`
     * where another call was faster: then it is to be done anew.
     */
    tell: async (event: Envelope, kind: IncidentKind, now: Instant): Promise<void> => {
      const { id: eventId, tenant, occurredAt, recordedAt } = event;
      const subject = subjectOfIncident(kind, event);
      const about = { ...aboutOf(event), subject };
      const wanted = sceneKeys(about);
      const known = keys.incidentEvent(tenant, eventId);
      const [knownRow, aboutRow, ...rows] = await table.batchGet(
        [known, keys.incidentAbout(tenant, kind, subject), ...Object.values(wanted).flat()],
        true,
      );
      if (knownRow !== undefined) return;
      const scene = sceneFrom(wanted, rows);

      const before = aboutRow === undefined ? null : await read(tenant, String(aboutRow.incidentId));

      const heldBy = scene.compartment?.heldBy;
      const transactionId = about.transactionId ?? (heldBy?.startsWith('txn_') ? heldBy : null);
      const { transaction } =
        scene.transaction === null ? await readScene({ ...nothing, tenant, transactionId }) : scene;
      const occurrence: Occurrence = {
        at: earlier(occurredAt, recordedAt),
        holds: causes[incidentKindOf(kind).cause].holds(scene),
        transactionId,
        promisedBy: transaction === null ? null : (runningDeadline(transaction)?.at ?? null),
      };
      const { severity, summary } = incidentKindOf(kind);
      const said = {
        ...{ id: derivedId('inc', epochMs(recordedAt), eventId), tenant, kind, severity, summary, subject, eventId },
        ...{ bankId: about.bankId, door: about.door, openedAt: recordedAt },
        livemode: transaction?.livemode ?? scene.bank?.simulated !== true,
      };
      const change = before === null ? opened(said, occurrence) : recurred(before, occurrence, eventId, now);
      const { writes } = commitIncident(change, circumstancesOf('incidents', now));
      const ttl = Math.ceil(epochMs(now) / 1000) + rememberedSeconds;
      await table.write([...writes, { kind: 'unique', expects: 'absent', put: { ...known, ttl } }]);
    },

    /** Says of the incidents about the subject of an event whose cause may be over whether it is. Throws `Lost` likewise. */
    settle: async ({ tenant, type, subject, occurredAt }: Envelope, now: Instant): Promise<void> => {
      const rows = await table.batchGet(
        endedBy(type).map((kind) => keys.incidentAbout(tenant, kind, subject)),
        true,
      );
      for (const row of rows) {
        const it = row === undefined ? null : await read(tenant, String(row.incidentId));
        if (it === null || !it.causeHolds || (await holds(it))) continue;
        const change = causeOver(it, earlier(occurredAt, now));
        await table.write(commitIncident(change, circumstancesOf('incidents', now)).writes);
      }
    },

    /** Escalates it if that is due, and answers it as it is then; null where there is none. */
    escalate: async (tenant: string, id: string, now: Instant): Promise<{ it: Incident | null; levels: number }> => {
      for (let levels = 0; ; ) {
        const it = await read(tenant, id);
        const change = it === null ? null : escalated(it, now);
        if (change === null) return { it, levels };
        try {
          await table.write(commitIncident(change, circumstancesOf('deadline', now)).writes);
          levels += 1;
        } catch (error) {
          // It was changed meanwhile: it is looked at again.
          if (!(error instanceof Lost)) throw error;
        }
      }
    },
  };
};
