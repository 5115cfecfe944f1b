import type { Key } from './table.ts';

const number = (it: number): string => String(it).padStart(10, '0');

/** Of milliseconds since 1970: what is later is smaller. */
const newestFirst = (ms: number): string => String(9_999_999_999_999 - ms).padStart(13, '0');

/** The largest sort key there is. */
const end = '\uffff';

/** What everybody writes to is spread over 16 partitions, so that none takes every write (design.md section 1). */
const shards = 16;
const shardOf = (id: string): string =>
  [...id].reduce((sum, letter) => (sum * 31 + (letter.codePointAt(0) ?? 0)) % shards, 0).toString(16);

const linkPk = (tenant: string, livemode: boolean, kind: string, id: string): string =>
  `LINK#${tenant}#${livemode ? 'live' : 'test'}#${kind}#${id}`;

/** Every key of the one table, by noun: what lies together is read together. */
export const keys = {
  transaction: (tenant: string, id: string): Key => ({ PK: `TXN#${tenant}#${id}`, SK: 'T' }),
  /** What the bank has applied of a transaction. */
  applied: (tenant: string, id: string): Key => ({ PK: `TXN#${tenant}#${id}`, SK: 'A' }),
  /** What a person is told of a transaction. In front of it, so that one query reads both. */
  message: (tenant: string, transactionId: string, id: string): Key => ({
    PK: `TXN#${tenant}#${transactionId}`,
    SK: `M#${id}`,
  }),
  messageLog: (tenant: string, id: string): string => `MESSAGE#${tenant}#${id}`,
  /** Parts of SMS that a tenant has used on a day (UTC). */
  smsUsed: (tenant: string, day: string): Key => ({ PK: `SMS#${tenant}`, SK: day }),
  command: (tenant: string, id: string): Key => ({ PK: `CMD#${tenant}#${id}`, SK: 'S' }),
  bank: (id: string): Key => ({ PK: `BANK#${id}`, SK: 'B' }),
  compartment: (bankId: string, door: string): Key => ({ PK: `BANK#${bankId}`, SK: `D#${door}` }),
  /** Who waits for a door, in the order of their ids. Between a bank and its doors, so that one query reads all. */
  waiting: (bankId: string, transactionId: string): Key => ({ PK: `BANK#${bankId}`, SK: `BW#${transactionId}` }),
  /** Whether a bank is there, as its connections tell. Behind its doors, so that only who asks for its health reads it. */
  connectivity: (bankId: string): Key => ({ PK: `BANK#${bankId}`, SK: 'E' }),
  /** The bank's controller. Behind the doors, so that nobody who reads those reads it. */
  controller: (bankId: string): Key => ({ PK: `BANK#${bankId}`, SK: 'EC' }),
  /** A time that a bank was offline, or one of its compartments out of service; what ended last comes first. */
  outage: (bankId: string, endedAtMs: number, door: string | null): Key => ({
    PK: `BANK#${bankId}`,
    SK: `F#${newestFirst(endedAtMs)}#${door ?? ''}`,
  }),
  /** Of a bank that is driven by a vendor's cloud: its addresses, and what its adapter remembers. Nobody else reads it. */
  vendor: (bankId: string): Key => ({ PK: `BANK#${bankId}`, SK: 'V' }),
  /** Which bank waits for the controller of a serial number. */
  serialNumber: (tenant: string, serialNumber: string): Key => ({ PK: `SERIAL#${tenant}#${serialNumber}`, SK: 'S' }),
  /** A claim certificate, by its id. */
  claim: (certificateId: string): Key => ({ PK: `CLAIM#${certificateId}`, SK: 'S' }),
  acknowledged: (bankId: string, journalId: string): Key => ({ PK: `BANK#${bankId}`, SK: `A#${journalId}` }),
  journal: (bankId: string, journalId: string, seq: number): Key => ({
    PK: `BANK#${bankId}`,
    SK: `J#${journalId}#${number(seq)}`,
  }),
  /** Whose credential it is that fits a verifier. A PIN is one person's; a badge may be for several transactions. */
  lock: (bankId: string, verifier: string, credentialId?: string): Key => ({
    PK: `BANK#${bankId}`,
    SK: credentialId === undefined ? `P#${verifier}` : `P#${verifier}#${credentialId}`,
  }),
  /** How many wrong codes of its bank's panel were sent for a credential in an hour. */
  presence: (tenant: string, credentialId: string, hour: string): Key => ({
    PK: `PRESENCE#${tenant}#${credentialId}`,
    SK: hour,
  }),
  bankLog: (bankId: string): Key => ({ PK: `BANKLOG#${bankId}`, SK: 'S' }),
  compartmentLog: (bankId: string, door: string): Key => ({ PK: `DOORLOG#${bankId}#${door}`, SK: 'S' }),
  bankOfTenant: (tenant: string, bankId: string): Key => ({ PK: `BANKS#${tenant}`, SK: bankId }),
  /** How a tenant's compartments are chosen; the versions before lie in its events. */
  policy: (tenant: string): Key => ({ PK: `POLICY#${tenant}`, SK: 'S' }),
  /** What a tenant says of workflows, and behind it what its sites say. */
  workflowTerms: (tenant: string, siteId: string | null): Key => ({ PK: `TERMS#${tenant}`, SK: siteId ?? 'S' }),
  workflowTermsLog: (tenant: string, id: string): string => `TERMSLOG#${tenant}#${id}`,
  /** How a tenant shows itself to people, and behind it what it has them told: whoever sends reads both at once. */
  branding: (tenant: string): Key => ({ PK: `TELLING#${tenant}`, SK: 'B' }),
  brandingLog: (tenant: string, id: string): string => `BRANDLOG#${tenant}#${id}`,
  messageTemplate: (
    tenant: string,
    { kind, locale, channel }: { kind: string; locale: string; channel: string },
  ): Key => ({
    PK: `TELLING#${tenant}`,
    SK: `T#${kind}#${locale}#${channel}`,
  }),
  /** Of one that lives from when it is written until it is removed; a later one of its place is another. */
  messageTemplateLog: (tenant: string, id: string): string => `TEMPLATELOG#${tenant}#${id}`,
  badgeGroup: (tenant: string, group: string): Key => ({ PK: `BADGES#${tenant}`, SK: group }),
  badgeGroupLog: (tenant: string, id: string): string => `BADGE#${tenant}#${id}`,
  asset: (tenant: string, id: string): Key => ({ PK: `ASSETS#${tenant}`, SK: id }),
  assetLog: (tenant: string, id: string): string => `ASSET#${tenant}#${id}`,
  /** A loan of an asset; transaction ids sort by when they were drawn. */
  assetLoan: (tenant: string, id: string, transactionId: string): Key => ({
    PK: `ASSET#${tenant}#${id}`,
    SK: `L#${transactionId}`,
  }),
  stockUnit: (tenant: string, id: string): Key => ({ PK: `STOCK#${tenant}`, SK: id }),
  stockUnitLog: (tenant: string, id: string): string => `UNIT#${tenant}#${id}`,
  /** A copy of a unit that has not left the stock, with others of its kind at its bank. What keeps shortest comes first. */
  stockAt: (tenant: string, bankId: string, sku: string, keeps: string, id: string): Key => ({
    PK: `STOCKAT#${tenant}#${bankId}`,
    SK: `${sku}#${keeps}#${id}`,
  }),
  /** The same, with all of its kind wherever they are. */
  stockOf: (tenant: string, sku: string, keeps: string, id: string): Key => ({
    PK: `STOCKOF#${tenant}#${sku}`,
    SK: `${keeps}#${id}`,
  }),
  /** An incident; ids sort by when it was opened. */
  incident: (tenant: string, id: string): Key => ({ PK: `INCIDENTS#${tenant}`, SK: id }),
  incidentLog: (tenant: string, id: string): string => `INCIDENT#${tenant}#${id}`,
  /** A copy of one that is not closed: what is to be done is found without all that was. */
  incidentAtWork: (tenant: string, id: string): Key => ({ PK: `INCIDENTSATWORK#${tenant}`, SK: id }),
  /** Which incident of a kind there is about a subject, until it is closed. */
  incidentAbout: (tenant: string, kind: string, subject: string): Key => ({
    PK: `INCIDENTABOUT#${tenant}#${kind}#${subject}`,
    SK: 'S',
  }),
  /** That an event opened an incident, or was counted by one. */
  incidentEvent: (tenant: string, eventId: string): Key => ({ PK: `INCIDENTEVENT#${tenant}#${eventId}`, SK: 'S' }),
  tenant: (id: string): Key => ({ PK: `TENANT#${id}`, SK: 'S' }),
  site: (tenant: string, id: string): Key => ({ PK: `SITES#${tenant}`, SK: id }),
  siteLog: (tenant: string, id: string): string => `SITE#${tenant}#${id}`,
  apiKey: (tenant: string, id: string): Key => ({ PK: `KEYS#${tenant}`, SK: id }),
  /** Tokens that were leased of a key's limit. Apart from the key, which is cached and listed. */
  rateLimit: (tenant: string, id: string): Key => ({ PK: `RATE#${tenant}#${id}`, SK: 'S' }),
  apiKeyLog: (tenant: string, id: string): string => `KEY#${tenant}#${id}`,
  endpoint: (tenant: string, id: string): Key => ({ PK: `ENDPOINTS#${tenant}`, SK: id }),
  endpointHealth: (tenant: string, id: string): Key => ({ PK: `ENDPOINTS#${tenant}`, SK: `${id}#health` }),
  /** Apart from the endpoints, which are all read for each event. */
  endpointPace: (tenant: string, id: string): Key => ({ PK: `PACE#${tenant}#${id}`, SK: 'S' }),
  /** An endpoint that was deleted while its deliveries are kept. Apart for the same reason. */
  endpointGone: (tenant: string, id: string): Key => ({ PK: `GONEENDPOINTS#${tenant}`, SK: id }),
  /** A period of the feed that is sent to an endpoint again. */
  webhookReplay: (tenant: string, endpointId: string, id: string): Key => ({
    PK: `REPLAYS#${tenant}#${endpointId}`,
    SK: id,
  }),
  endpointLog: (tenant: string, id: string): string => `ENDPOINT#${tenant}#${id}`,
  delivery: (tenant: string, endpointId: string, eventId: string): Key => ({
    PK: `DLV#${tenant}#${endpointId}`,
    SK: eventId,
  }),
  /** An event of a tenant's feed, at its position. */
  feed: (tenant: string, position: number): Key => ({ PK: `FEED#${tenant}`, SK: number(position) }),
  /** How far a tenant's events are numbered. */
  feedEnd: (tenant: string): Key => ({ PK: `FEEDEND#${tenant}`, SK: 'S' }),
  /** At which position an hour begins in which something was numbered. */
  feedHour: (tenant: string, hour: string): Key => ({ PK: `FEEDHOURS#${tenant}`, SK: hour }),
  /** That an event has a position in the feed. */
  numbered: (tenant: string, eventId: string): Key => ({ PK: `NUMBERED#${tenant}`, SK: eventId }),
  idempotency: (tenant: string, key: string): Key => ({ PK: `IDEM#${tenant}#${key}`, SK: 'S' }),
  externalId: (tenant: string, system: string, id: string): Key => ({ PK: `X#${tenant}#${system}#${id}`, SK: 'S' }),
  import: (tenant: string, id: string): Key => ({ PK: `IMPORT#${tenant}#${id}`, SK: 'J' }),
  /** A part of an import's rows, and what came of them. Behind the import, so that one query reads both. */
  importPart: (tenant: string, id: string, nth: number): Key => ({
    PK: `IMPORT#${tenant}#${id}`,
    SK: `K#${number(nth)}`,
  }),
  /** The rows of a part, until they are done. */
  importBodies: (tenant: string, id: string, nth: number): Key => ({
    PK: `IMPORT#${tenant}#${id}`,
    SK: `B#${number(nth)}`,
  }),
  /** What came of a row. */
  importReport: (tenant: string, id: string, row: number): Key => ({
    PK: `IMPORT#${tenant}#${id}`,
    SK: `R#${number(row)}`,
  }),
  /** The imports of a tenant, by when they were asked for. */
  importOfTenant: (tenant: string, id: string): Key => ({ PK: `IMPORTS#${tenant}`, SK: id }),
  export: (tenant: string, id: string): Key => ({ PK: `EXPORT#${tenant}#${id}`, SK: 'J' }),
  /** How far it has come. Behind the export, so that one query reads both. */
  exportProgress: (tenant: string, id: string): Key => ({ PK: `EXPORT#${tenant}#${id}`, SK: 'P' }),
  /** How far putting its file into a customer’s bucket has come. Behind that, so that the query reads it too. */
  exportPush: (tenant: string, id: string): Key => ({ PK: `EXPORT#${tenant}#${id}`, SK: 'Q' }),
  exportSchedule: (tenant: string, id: string): Key => ({ PK: `EXPORTSCHEDULES#${tenant}`, SK: id }),
  exportScheduleLog: (tenant: string, id: string): string => `EXPORTSCHEDULE#${tenant}#${id}`,
  /** The exports of a tenant, by when they were asked for. */
  exportOfTenant: (tenant: string, id: string): Key => ({ PK: `EXPORTS#${tenant}`, SK: id }),
  reconciliation: (tenant: string, id: string): Key => ({ PK: `RECONCILIATION#${tenant}#${id}`, SK: 'S' }),
  /** The reconciliations of a tenant, by when they were asked for. */
  reconciliationOfTenant: (tenant: string, id: string): Key => ({ PK: `RECONCILIATIONS#${tenant}`, SK: id }),
  /** A place in a link, and whose it is. What happens at simulated doors is linked apart from the real. */
  link: (tenant: string, livemode: boolean, { kind, id, part }: { kind: string; id: string; part: number }): Key => ({
    PK: linkPk(tenant, livemode, kind, id),
    SK: String(part).padStart(2, '0'),
  }),
  /** One per value that a transaction is found by; the newest transaction sorts last. */
  lookup: (tenant: string, term: string, createdAt: string, id: string): Key => ({
    PK: `F#${tenant}#${term}`,
    SK: `${createdAt}#${id}`,
  }),
  /** Which lookups of a transaction there are. */
  lookups: (tenant: string, id: string): Key => ({ PK: `TXN#${tenant}#${id}`, SK: 'F' }),
  /** The newest event of a subject in an hour, to be anchored. */
  head: (hour: string, tenant: string, subject: string): Key => ({
    PK: `HEADS#${hour}#${shardOf(subject)}`,
    SK: `${tenant}#${subject}`,
  }),
  /** How far the anchoring has come. */
  anchored: (): Key => ({ PK: 'ANCHORED', SK: 'S' }),
  /** A commit's events; the sequence is that of the first. */
  events: (logPk: string, sequence: number): Key => ({ PK: logPk, SK: `C#${number(sequence)}` }),
};

/** Ranges of sort keys that are read in one query. */
export const ranges = {
  events: (logPk: string, after = 0) => ({ PK: logPk, from: `C#${number(after)}`, to: `C#${end}` }),
  /** What people are told of a transaction, and the transaction behind it. */
  messages: (tenant: string, transactionId: string) => ({ PK: `TXN#${tenant}#${transactionId}`, from: 'M#', to: 'T' }),
  /** A bank, who waits for one of its doors, and its compartments. */
  bankWithDoors: (bankId: string) => ({ PK: `BANK#${bankId}`, from: 'B', to: `D#${end}` }),
  /** A bank, its compartments, its connectivity, and what outages ended since then, the newest first. */
  bankHealth: (bankId: string, sinceMs: number) => ({
    PK: `BANK#${bankId}`,
    from: 'B',
    to: `F#${newestFirst(sinceMs)}#${end}`,
  }),
  /** A bank, its compartments and its controller. */
  bankWithController: (bankId: string) => ({ PK: `BANK#${bankId}`, from: 'B', to: 'EC' }),
  waiting: (bankId: string) => ({ PK: `BANK#${bankId}`, from: 'BW#', to: `BW#${end}` }),
  bankWithAcknowledgements: (bankId: string) => ({ PK: `BANK#${bankId}`, from: 'A#', to: `D#${end}` }),
  locks: (bankId: string, verifier: string) => ({
    PK: `BANK#${bankId}`,
    from: `P#${verifier}`,
    to: `P#${verifier}#${end}`,
  }),
  compartments: (bankId: string) => ({ PK: `BANK#${bankId}`, from: 'D#', to: `D#${end}` }),
  journal: (bankId: string, journalId: string, from: number, to: number) => ({
    PK: `BANK#${bankId}`,
    from: `J#${journalId}#${number(from)}`,
    to: `J#${journalId}#${number(to)}`,
  }),
  messageTemplates: (tenant: string) => ({ PK: `TELLING#${tenant}`, from: 'T#', to: `T#${end}` }),
  feed: (tenant: string, from: number) => ({ PK: `FEED#${tenant}`, from: number(from), to: end }),
  /** Hours from one on in which something was numbered. */
  feedHours: (tenant: string, from: string) => ({ PK: `FEEDHOURS#${tenant}`, from, to: end }),
  /** Transactions that were created from and before a moment, if given. */
  lookups: (tenant: string, term: string, from = ' ', to = end) => ({ PK: `F#${tenant}#${term}`, from, to }),
  /** The heads of an hour, a shard each. */
  heads: (hour: string) =>
    Array.from({ length: shards }, (_, n) => ({ PK: `HEADS#${hour}#${n.toString(16)}`, from: ' ', to: end })),
  assetLoans: (tenant: string, id: string) => ({ PK: `ASSET#${tenant}#${id}`, from: 'L#', to: `L#${end}` }),
  /** What is in stock at a bank, of one kind if it is named. */
  stockAt: (tenant: string, bankId: string, sku?: string) => ({
    PK: `STOCKAT#${tenant}#${bankId}`,
    from: sku === undefined ? ' ' : `${sku}#`,
    to: sku === undefined ? end : `${sku}#${end}`,
  }),
  stockOf: (tenant: string, sku: string) => ({ PK: `STOCKOF#${tenant}#${sku}`, from: ' ', to: end }),
  link: (tenant: string, livemode: boolean, kind: string, id: string) => ({
    PK: linkPk(tenant, livemode, kind, id),
    from: ' ',
    to: end,
  }),
  importWithParts: (tenant: string, id: string) => ({ PK: `IMPORT#${tenant}#${id}`, from: 'J', to: `K#${end}` }),
  importReports: (tenant: string, id: string, from = 0, to = 9_999_999_999) => ({
    PK: `IMPORT#${tenant}#${id}`,
    from: `R#${number(from)}`,
    to: `R#${number(to)}`,
  }),
  exportWithProgress: (tenant: string, id: string) => ({ PK: `EXPORT#${tenant}#${id}`, from: 'J', to: 'Q' }),
  partition: (PK: string) => ({ PK, from: ' ', to: end }),
};

/** Shards of the due index. */
export const dueShards = Array.from({ length: shards }, (_, n) => `DUE#${n.toString(16)}`);

/** Index attributes of a row that something is due of; nothing for one that waits for nothing. */
export const dueAttributes = (id: string, at: string | null): Record<string, string> => {
  if (at === null) return {};
  return { duePk: `DUE#${shardOf(id)}`, dueAt: at };
};
