import { createPrivateKey, createPublicKey } from 'node:crypto';
import type * as z from 'zod';
import type { AccessMethod } from '../shared/device/access.ts';
import type { Answer, Ask } from '../shared/device/ask.ts';
import type { CertificateAnswer, CertificateRequest } from '../shared/device/certificate.ts';
import { type ConfigDocument, defaultBankConfig } from '../shared/device/config.ts';
import type { DoorEntry, JournalEntry, JournalEntryType } from '../shared/device/journal.ts';
import type { JournalAck, JournalBatch, KeyHandover, ReplayRequest } from '../shared/device/messages.ts';
import type { DoorsDocument, DoorsReport, GrantsDocument } from '../shared/device/shadow.ts';
import { bankTag, credentialTag, signToken, transactionTag } from '../shared/device/token.ts';
import { verifierOf } from '../shared/device/verifier.ts';

/*
 * One bank, one parcel, two keys that nobody uses: what docs/bank-protocol.md shows, so that all of its examples belong
 * together and every value in them can be computed again.
 */

export const bankId = 'bnk_01kb0example0000000000bank';
const transactionId = 'txn_01kb0example00000000parcel';
const depositId = 'crd_01kb0example0000000courier';
const pickupId = 'crd_01kb0example000000recipient';
const journalId = 'jnl_01kb0example0000000000disk';
const commandId = 'cmd_01kb0example0000000000open';
const rotation = 'rot_01kb0example00000000000yearly';
const askId = 'ask_7_jnl_01kb0example0000000000disk';

/** Bytes 0 to 31. */
export const bankKey = Buffer.from(Array.from({ length: 32 }, (_, nth) => nth));
/** Bytes 32 to 63. */
export const issuerSeed = Buffer.from(Array.from({ length: 32 }, (_, nth) => 32 + nth));
/** RFC 8410: what stands before the 32 bytes of an Ed25519 private key. */
const pkcs8Prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
const issuer = createPrivateKey({ key: Buffer.concat([pkcs8Prefix, issuerSeed]), format: 'der', type: 'pkcs8' });
const issuerKey = createPublicKey(issuer).export({ format: 'der', type: 'spki' }).subarray(-32).toString('base64url');

/** Thursday, 26 November 2026, 12:00:00 UTC. */
const noon = Date.UTC(2026, 10, 26, 12);
const seconds = (after: number): number => noon / 1000 + after;

/** Shortened: a real one has some 20 lines. */
const pem = (label: string): string => `-----BEGIN ${label}-----\n…\n-----END ${label}-----\n`;

const typed = { deposit: '482913', pickup: '730155' } as const;

export const examples = {
  config: {
    ...defaultBankConfig,
    rev: 4,
    timeZone: 'Europe/Zurich',
    rotation,
    issuerKeys: [{ version: 1, key: issuerKey }],
  } satisfies z.input<ReturnType<typeof ConfigDocument>>,
  grants: {
    rev: 12,
    '1': {
      transactionId,
      version: 2,
      grants: [
        {
          id: depositId,
          step: 'deposit',
          method: 'pin',
          verifier: verifierOf(bankKey, 'pin', typed.deposit),
          notBefore: seconds(0),
          notAfter: seconds(86_400),
          uses: 1,
        },
        {
          id: pickupId,
          step: 'pickup',
          after: depositId,
          within: 259_200,
          method: 'pin',
          verifier: verifierOf(bankKey, 'pin', typed.pickup),
          notBefore: seconds(0),
          notAfter: seconds(432_000),
          uses: 1,
        },
      ],
    },
  } satisfies GrantsDocument,
  commands: { '1': { open: { commandId, notAfter: seconds(30), transactionId } } } satisfies DoorsDocument,
  report: { '1': { is: 'closed empty ok' }, '2': { is: 'open unknown ok' } } satisfies DoorsReport,
  ack: { journalId, seq: 9 } satisfies JournalAck,
  replay: { journalId, from: 4, to: 6 } satisfies ReplayRequest,
  key: { generation: 1, key: bankKey.toString('base64url') } satisfies KeyHandover,
  certificateRequest: { rotation, csr: pem('CERTIFICATE REQUEST') } satisfies CertificateRequest,
  certificateInUse: { rotation } satisfies CertificateRequest,
  certificate: { rotation, certificatePem: pem('CERTIFICATE') } satisfies CertificateAnswer,
  certificateDone: { rotation, done: true } satisfies CertificateAnswer,
  ask: { askId, method: 'pin', verifier: verifierOf(bankKey, 'pin', '555555'), at: noon } satisfies Ask,
  answers: [
    { askId, granted: true, door: '1' },
    { askId, granted: false, reason: 'too_early', limitAt: noon + 3_600_000 },
  ] satisfies Answer[],
};

/** The shape that entries of a type have, which may be that of several types. */
type Entry<Type extends JournalEntryType, Shape = JournalEntry> = Shape extends { type: infer Types }
  ? Type extends Types
    ? Shape
    : never
  : never;
type Unnumbered<Type extends JournalEntryType> = Omit<Entry<Type>, 'seq' | 'at' | 'type'>;

const doorEntry = (
  after: DoorEntry['after']['door'],
  contents: DoorEntry['after']['contents'],
  cause: DoorEntry['cause'] = { grantId: depositId, step: 'deposit' },
  lock: DoorEntry['after']['lock'] = 'ok',
) => ({ door: '1', after: { door: after, contents, lock }, transactionId, version: 2, cause });

const excursion = (temperatureC: number) => ({
  door: '1',
  transactionId,
  temperatureC,
  minC: 2,
  maxC: 8,
  since: noon - 900_000,
  extremeC: 9.5,
});

/** An entry of each kind. */
const written: { [Type in JournalEntryType]: Unnumbered<Type> } = {
  'access.granted': { ...doorEntry('closed', 'empty'), method: 'pin' },
  'door.opened': doorEntry('open', 'empty'),
  'door.closed': doorEntry('closed', 'filled'),
  'door.ajar': doorEntry('ajar', 'filled'),
  'door.forced': doorEntry('open', 'filled', null),
  'contents.changed': doorEntry('open', 'filled'),
  'lock.jammed': doorEntry('closed', 'empty', { commandId }, 'jammed'),
  'access.denied': {
    method: 'pin',
    reason: 'too_early',
    next: 'come_back_later',
    limitAt: noon + 3_600_000,
    door: '1',
    transactionId,
    grantId: pickupId,
  },
  'command.acknowledged': { commandId, door: '1' },
  'command.rejected': { commandId, door: '1', reason: 'expired' },
  'command.failed': { commandId, door: '1', reason: 'lock_jammed' },
  'grants.applied': { k: 0, rev: 12, doors: { '1': { transactionId, version: 2 } }, removed: {} },
  boot: { generation: null },
  scan: { door: '1', value: 'A-1001' },
  'temperature.read': { door: '1', temperatureC: 4.5 },
  'temperature.left_range': excursion(9.5),
  'temperature.back_in_range': excursion(7.5),
  'power.lost': {},
  'power.restored': {},
  tamper: {},
  'journal.truncated': { from: 101, to: 200 },
};

/** Numbered in the order of the table, as a bank would that all of it happened to. */
export const entries = Object.entries(written).map(([type, fields], nth) => ({
  seq: nth + 1,
  at: noon + nth * 1000,
  type,
  ...fields,
}));

const cycle = ['access.granted', 'door.opened', 'contents.changed', 'door.closed'];

/** A courier puts a parcel in. */
export const depositBatch = {
  journalId,
  entries: cycle.flatMap((type, nth) =>
    entries.filter((it) => it.type === type).map((it) => ({ ...it, seq: 3 + nth, at: noon + nth * 4000 })),
  ),
} satisfies { [name in keyof JournalBatch]: unknown };

const values: [AccessMethod, string][] = [
  ['pin', typed.deposit],
  ['pin', typed.pickup],
  ['operator', '0123456789'],
  ['badge', '04A2-77'],
  ['barcode', 'A-1001'],
];

const token = (method: 'qr' | 'app', notAfter: number | null): string =>
  signToken(issuer, {
    keyVersion: 1,
    method,
    step: 'pickup',
    bankId,
    transactionId,
    credentialId: pickupId,
    nonce: Buffer.from('0011223344556677', 'hex'),
    notAfter,
  });

/** What somebody who writes it anew can check their code against. */
export const vectors = {
  bankKey: bankKey.toString('hex'),
  verifiers: values.map(([method, value]) => ({ method, value, verifier: verifierOf(bankKey, method, value) })),
  ids: { bankId, transactionId, credentialId: pickupId },
  tags: { bank: bankTag(bankId), transaction: transactionTag(transactionId), credential: credentialTag(pickupId) },
  issuerKey: { version: 1, key: issuerKey },
  tokens: [
    { method: 'qr', step: 'pickup', nonce: 'ABEiM0RVZnc', notAfter: null, token: token('qr', null) },
    { method: 'app', step: 'pickup', nonce: 'ABEiM0RVZnc', notAfter: seconds(240), token: token('app', seconds(240)) },
  ],
  askOfToken: { tag: credentialTag(pickupId), verifier: verifierOf(bankKey, 'qr', credentialTag(pickupId)) },
};
