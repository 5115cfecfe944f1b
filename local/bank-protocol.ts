/** Fills the generated sections of docs/bank-protocol.md; with `--check` only says whether they are current. */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { devicePolicy } from '../infra/devices.ts';
import { AccessMethod, methods } from '../shared/device/access.ts';
import { Answer, Ask } from '../shared/device/ask.ts';
import { CertificateAnswer, CertificateRequest } from '../shared/device/certificate.ts';
import { ConfigDocument } from '../shared/device/config.ts';
import { nextByReason } from '../shared/device/denial.ts';
import { doorEntryTypes, JournalEntry, type JournalEntryType } from '../shared/device/journal.ts';
import { JournalAck, JournalBatch, KeyHandover, ReplayRequest } from '../shared/device/messages.ts';
import { DoorGrants, DoorsDocument, DoorsReport, Grant, GrantsDocument, OpenCommand } from '../shared/device/shadow.ts';
import { doorsPerShadow, topics } from '../shared/device/topics.ts';
import { depositBatch, entries, examples, vectors } from './bank-protocol-examples.ts';
import { root } from './paths.ts';

type FieldsOf<Schema extends z.ZodObject> = Record<keyof Schema['shape'], string>;

/** What a schema takes, in a few words. */
const JsonSchema = z.looseObject({
  type: z.union([z.string(), z.array(z.string())]).optional(),
  enum: z.array(z.unknown()).optional(),
  const: z.unknown().optional(),
  minimum: z.number().optional(),
  exclusiveMinimum: z.number().optional(),
  maxLength: z.number().optional(),
  minItems: z.number().optional(),
  maxItems: z.number().optional(),
  get anyOf() {
    return z.array(JsonSchema).optional();
  },
});
type JsonSchema = z.infer<typeof JsonSchema>;

const least = ({ minimum, exclusiveMinimum }: JsonSchema): string => {
  const lowest = exclusiveMinimum === undefined ? minimum : exclusiveMinimum + 1;
  return lowest === undefined || lowest < 0 ? '' : ` ≥ ${lowest}`;
};

const kinds: Record<string, (it: JsonSchema) => string> = {
  string: ({ maxLength }) => (maxLength === undefined ? 'text' : `text, at most ${maxLength} letters`),
  integer: (it) => `whole number${least(it)}`,
  number: () => 'number',
  boolean: () => '`true` or `false`',
  array: ({ minItems, maxItems }) =>
    `list${minItems === undefined ? '' : `, at least ${minItems}`}${maxItems === undefined ? '' : `, at most ${maxItems}`}`,
  object: () => 'object',
  null: () => '`null`',
};

const words = (it: JsonSchema): string => {
  if (it.enum) return it.enum.map((value) => `\`${value}\``).join(' ');
  if (it.anyOf) return [...new Set(it.anyOf.map(words))].join(' or ');
  const types = [it.type ?? []].flat();
  return types.map((type) => kinds[type]?.(it)).join(' or ');
};

type Field = { name: string; isRequired: boolean; holds: string };

const fieldsOf = (shape: z.ZodRawShape): Field[] => {
  const { properties, required = [] } = z
    .object({ properties: z.record(z.string(), JsonSchema), required: z.array(z.string()).optional() })
    .parse(z.toJSONSchema(z.object(shape), { io: 'input' }));
  return Object.entries(properties).map(([name, it]) => ({
    name,
    isRequired: required.includes(name),
    holds: words(it),
  }));
};

/** One row per field; `meanings` has a sentence for each, or it does not compile. */
const fieldTable = <Schema extends z.ZodObject>(schema: Schema, meanings: FieldsOf<Schema>): string[] => [
  '| field | what it holds | |',
  '|---|---|---|',
  ...fieldsOf(schema.shape).map(({ name, isRequired, holds }) => {
    const meaning = new Map(Object.entries<string>(meanings)).get(name);
    return `| \`${name}\`${isRequired ? '' : ', may be missing'} | ${holds} | ${meaning} |`;
  }),
];

/** An example, proved to be one. */
const example = (schema: z.ZodType, ...values: unknown[]): string[] => [
  '```json',
  ...values.map((value) => {
    schema.parse(value);
    return JSON.stringify(value, null, 1).replace(/\n */g, ' ');
  }),
  '```',
];

const section = (what: string[], ...more: string[][]): string[] =>
  [what, ...more].flatMap((it, nth) => (nth === 0 ? it : ['', ...it]));

const own = topics('<bank>');

const topicRows: [topic: string, way: string, message: string][] = [
  [own.journal, 'up, QoS 1', '[`JournalBatch`](#journal): what happened, whole door states'],
  [own.ask, 'up, QoS 1', '[`Ask`](#asking-the-cloud): a credential that the bank does not know, as a verifier'],
  [own.ack, 'down, QoS 0', '[`JournalAck`](#acknowledgement): recorded up to here, may be forgotten'],
  [own.replay, 'down', '[`ReplayRequest`](#replay): a gap stayed open'],
  [own.answer, 'down', '[`Answer`](#asking-the-cloud) to an `Ask`'],
  [
    own.certificate,
    'up, QoS 1',
    '[`CertificateRequest`](#the-certificate): a certificate is asked for, or was connected with',
  ],
  [own.newCertificate, 'down', '[`CertificateAnswer`](#the-certificate) to a `CertificateRequest`'],
  [own.key, 'down', '[`KeyHandover`](#the-key): what verifiers are made with, when a boot says that it lacks it'],
  [own.shadow('config').get, 'up; `delta` down', '[configuration](#configuration)'],
  [own.shadow('doors-<k>').get, 'up; `delta` down', `[commands](#commands) to ${doorsPerShadow.doors} doors each`],
  [own.shadow('doors-<k>').update, 'up', '[what doors look like](#what-doors-look-like), for display only'],
  [own.shadow('grants-<k>').get, 'up; `delta` down', `[grants](#grants) of ${doorsPerShadow.grants} doors each`],
];

const policyRows = (): string[] =>
  devicePolicy((resource) => resource).Statement.map(
    ({ Action, Resource }) => `| \`${Action}\` | ${Resource.map((it) => `\`${it}\``).join('<br>')} |`,
  );

const isAboutDoor = (type: string): boolean => (doorEntryTypes as readonly string[]).includes(type);

/** When each kind of entry is written; a kind without its row does not compile. */
const entryMeanings: Record<JournalEntryType, string> = {
  'access.granted': 'a credential was found good; before the lock is released',
  'door.opened': 'the lock was released and the door opened, by a grant or a command',
  'door.closed': 'the door was closed: the end of a cycle, and the entry that says whether a step is done',
  'door.ajar': 'the door has stood open for `ajarAfterSeconds`',
  'door.forced': 'the door opened though nothing released it; `cause` is `null`',
  'contents.changed': 'the contents sensor noticed; at a closed door with the cause of its last cycle',
  'lock.jammed': 'the lock was tried and the door stays shut; or it was pushed to, and the lock does not catch it',
  'access.denied':
    'a credential was refused; `door`, `transactionId` and `grantId` only where the bank can tell which right was meant',
  'command.acknowledged': 'a command was taken; before the lock is released',
  'command.rejected': 'a command was refused and will never run',
  'command.failed': 'a command was taken, and the door did not open',
  'grants.applied': '`grants-<k>` of revision `rev` is in force: what it holds anew, and what it holds no more',
  boot: 'power came or the controller restarted; `generation` of the bank key it holds',
  scan: 'a label was scanned at a door, or was not though it had to be: see [labels](#labels)',
  'temperature.read': 'a temperature was measured, in a compartment without a range of its own',
  'temperature.left_range':
    'it was out of its range for longer than `afterSeconds`; `since` when, and `extremeC` the worst of it',
  'temperature.back_in_range': 'an excursion that was told is over',
  'power.lost': 'power is going; one line from what is left in the capacitors',
  'power.restored': 'after a `boot` that follows a `power.lost`',
  tamper: 'the housing was opened',
  'journal.truncated': 'the bank had no room and dropped these entries, inclusive; they will never come',
};

const baseFields = ['seq', 'at', 'type'];
const doorFields = ['door', 'after', 'transactionId', 'version', 'cause'];

const entryRows = (): string[] =>
  JournalEntry().options.flatMap(({ shape }) =>
    ('options' in shape.type ? shape.type.options : [shape.type.value]).map((type) => {
      const known = isAboutDoor(type) ? [...baseFields, ...doorFields] : baseFields;
      const more = fieldsOf(shape)
        .filter(({ name }) => !known.includes(name))
        .map(({ name, isRequired, holds }) => `\`${name}\`${isRequired ? '' : ', may be missing'}: ${holds}`);
      const fields = [...(isAboutDoor(type) ? ['door fields'] : []), ...more];
      return `| \`${type}\` | ${entryMeanings[type]} | ${fields.join('<br>') || '–'} |`;
    }),
  );

const verifiedAs: Record<(typeof methods)[AccessMethod]['value'], string> = {
  digits: 'verifier of the digits; counted by the keypad',
  brought: 'verifier of what was read',
  token: 'signature of the token, tags of the grant',
};

/** When a bank refuses with it; what others say of it is that a bank only passes it on. */
const refusedWhen: Record<string, string> = {
  too_early: 'before `notBefore`, or a deposit or use whose turn has not come',
  too_late: 'after `notAfter`, or `within` is over',
  code_expired: 'an app’s token that was used or has ended',
  wrong_bank: 'a token with another bank’s tag',
  wrong_credential: 'nothing fits, and the cloud knows nothing either',
  keypad_locked: 'typed while the keypad is locked',
  credential_revoked:
    'used up, or its step was done with another grant; a token of a transaction that is held, without a grant',
  compartment_empty: '`after` is not done: nothing lies there yet',
  compartment_occupied: 'a deposit at a door that is filled or holds another transaction’s item',
  compartment_faulty: 'the lock is jammed',
  door_not_closed: 'the door stands open for somebody else',
  no_cloud_time: 'the bank does not know the time',
  bank_offline: 'it has not heard of the cloud for longer than `offlineSeconds` of the method',
  scan_required: 'the label of what is put in must be scanned first',
  wrong_label: 'another label was scanned than the one of what is to be put in',
};

const reasonRows = (): string[] =>
  Object.entries(nextByReason).map(
    ([reason, next]) =>
      `| \`${reason}\` | ${refusedWhen[reason] ?? 'never by itself: from `blocked` of a grant, or an `Answer`'} | \`${next}\` |`,
  );

type Rejection = Extract<JournalEntry, { type: 'command.rejected' }>['reason'];
const rejectedWhen: Record<Rejection, string> = {
  duplicate: 'this command id was run or refused before, at another door or with another `notAfter`',
  no_cloud_time: 'the cloud has not told the time since power came',
  expired: 'it may be later than `notAfter` already',
  wrong_transaction: 'the door’s grants, or without any the item inside, are another transaction’s',
  door_busy: 'the door is not closed',
};

/** By the name in the document; what stands there is between `<!-- generated: name -->` and `<!-- /generated -->`. */
const sections: Record<string, () => string[]> = {
  topics: () => [
    '| topic | direction | message |',
    '|---|---|---|',
    ...topicRows.map(([topic, way, message]) => `| \`${topic}\` | ${way} | ${message} |`),
  ],
  policy: () => ['| action | on |', '|---|---|', ...policyRows()],
  config: () =>
    section(
      fieldTable(ConfigDocument(), {
        rev: 'raised with every change; the bank keeps the highest it was told',
        timeZone: 'IANA name; people at the panel are told times in it',
        locale: 'BCP 47 tag; the language of what people are told, English where it is missing or not known',
        offlineSeconds: 'by method: for how long the bank goes by its grants after it last heard of the cloud',
        reopenSeconds: 'without a contents sensor: how long a spent credential still opens the door it was for',
        ajarAfterSeconds: 'a door open for so long is `ajar`',
        batteryBackedClock:
          'the bank’s own clock runs through a power cut, and grants may be decided by it until the cloud tells the time',
        lockout: 'rows `{ failures, lockSeconds }`: see [the keypad](#the-keypad)',
        guessesPerDay: 'wrong codes that the keypad takes in any 24 hours',
        thermalRanges: 'what the operator set by thermal class; a bank goes by `thermalZones`',
        thermalZones:
          'which compartments it watches: `doors` between `minC` and `maxC`; out of it for `afterSeconds` in a row is told',
        rotation:
          'the bank is to have [a certificate](#the-certificate) of this rotation, and asks for one if it has not',
        issuerKeys: 'whose tokens it takes, `{ version, key }`: the newest and the one before',
      }),
      example(ConfigDocument(), examples.config),
    ),
  commands: () =>
    section(
      fieldTable(OpenCommand, {
        commandId: 'never run twice',
        notAfter: 'seconds since 1970; the bank must not open later',
        transactionId: 'whose door it is meant to be',
      }),
      example(DoorsDocument, examples.commands),
    ),
  rejections: () => [
    '| in this order | `command.rejected` with | when |',
    '|---|---|---|',
    ...Object.entries(rejectedWhen).map(([reason, when], nth) => `| ${nth + 1} | \`${reason}\` | ${when} |`),
  ],
  grants: () =>
    section(
      fieldTable(DoorGrants, {
        transactionId: 'whose door it is',
        version: 'of the transaction; goes into every entry about the door',
        label: 'of what is put in: first letters of the steps at which it must be scanned, a blank, its verifier',
        grants: 'who may open it',
      }),
      fieldTable(Grant, {
        id: 'of the credential; uses are counted by it',
        step: 'what is done at the door with it',
        after: 'the grant whose step must be done first',
        within: 'seconds after the step of `after` (without one: its own) was first done, when it ends',
        method: 'how it is shown',
        verifier: 'what to compare; missing where the method is a token',
        notBefore: 'seconds since 1970',
        notAfter: 'seconds since 1970',
        uses: 'how often its step may be done',
        blocked: 'the reason to refuse it with',
      }),
      example(GrantsDocument, examples.grants),
    ),
  report: () => example(DoorsReport, examples.report),
  methods: () => [
    '| `method` | what is compared |',
    '|---|---|',
    ...AccessMethod.options.map((method) => `| \`${method}\` | ${verifiedAs[methods[method].value]} |`),
  ],
  journal: () =>
    section(
      fieldTable(JournalBatch, {
        journalId: 'of this disk: new for each that the bank ever has',
        entries: 'in any order; repeated ones change nothing',
      }),
      example(JournalBatch, depositBatch),
    ),
  entries: () =>
    section(
      ['| `type` | written when | fields besides `seq`, `at`, `type` |', '|---|---|---|', ...entryRows()],
      ['One of each:'],
      example(JournalEntry(), ...entries),
    ),
  ack: () =>
    section(
      fieldTable(JournalAck, { journalId: 'whose; another’s says nothing', seq: 'everything up to here is recorded' }),
      example(JournalAck, examples.ack),
    ),
  replay: () =>
    section(
      fieldTable(ReplayRequest, { journalId: 'whose', from: 'first to send again', to: 'last to send again' }),
      example(ReplayRequest, examples.replay),
    ),
  key: () =>
    section(
      fieldTable(KeyHandover, {
        generation: 'of the controller; a higher one replaces the key',
        key: '32 bytes, base64url',
      }),
      example(KeyHandover, examples.key),
    ),
  certificate: () =>
    section(
      fieldTable(CertificateRequest, {
        rotation: 'that `config` names',
        csr: 'PKCS #10 in PEM; left out: the bank has connected with the new certificate',
      }),
      example(CertificateRequest, examples.certificateRequest, examples.certificateInUse),
      fieldTable(CertificateAnswer, {
        rotation: 'of the request',
        certificatePem: 'to be connected with from now on',
        done: 'recorded that it was connected with: the old one has ended',
      }),
      example(CertificateAnswer, examples.certificate, examples.certificateDone),
    ),
  ask: () =>
    section(
      fieldTable(Ask, {
        askId: 'never used before by this bank',
        method: 'how it was shown',
        verifier: 'of what was shown, never the code itself; of a token, of the tag of its credential',
        at: 'milliseconds since 1970',
      }),
      example(Ask, examples.ask),
      fieldTable(Answer, {
        askId: 'which question',
        granted: '`true`: a command for the door is on its way',
        door: 'which one',
        reason: 'why not; a code for the person, also one that the firmware does not know',
        limitAt: 'where it is one of time: from when or until when, milliseconds since 1970',
      }),
      example(Answer, ...examples.answers),
    ),
  reasons: () => ['| `reason` | when | `next` |', '|---|---|---|', ...reasonRows()],
  vectors: () => ['```json', JSON.stringify(vectors, null, 2), '```'],
};

const file = join(root, 'docs', 'bank-protocol.md');
const current = readFileSync(file, 'utf8');
const unused = new Set(Object.keys(sections));
const text = current.replace(
  /(<!-- generated: (\w+) -->\n)[\s\S]*?(<!-- \/generated -->)/g,
  (_, begin: string, name: string, end: string) => {
    const lines = sections[name];
    if (!lines || !unused.delete(name))
      throw new Error(`docs/bank-protocol.md asks for ${name}, once too often or in vain`);
    return `${begin}${lines().join('\n')}\n${end}`;
  },
);
if (unused.size > 0) throw new Error(`docs/bank-protocol.md does not ask for ${[...unused].join(', ')}`);
if (!process.argv.includes('--check')) writeFileSync(file, text);
else if (text !== current) {
  console.error('docs/bank-protocol.md is not current: run `npm run generate`');
  process.exitCode = 1;
}
