import { createHmac } from 'node:crypto';
import { hashOf } from './chain.ts';
import type { RootKeys } from './root-key.ts';
import type { Instant } from './time.ts';
import { hasEnded, type Party, type Transaction, type TransactionState } from './transaction.ts';
import type { Workflow } from './workflow.ts';

/** What somebody who looks for transactions knows of them. All of it has to hold. */
export type Wanted = {
  credentialId?: string | undefined;
  /** The number of a badge that opens, or opened, something of it. */
  badge?: string | undefined;
  stockUnitId?: string | undefined;
  /** External id of one of its items. */
  itemId?: string | undefined;
  /** A phone number, an e-mail address, or the beginning of one or more names. */
  recipient?: string | undefined;
  bankId?: string | undefined;
  /** Of `bankId`; also one that it has left. */
  door?: string | undefined;
  workflow?: Workflow | undefined;
  state?: TransactionState | undefined;
  /** Created from, inclusive, to, exclusive. */
  from?: Instant | undefined;
  to?: Instant | undefined;
};

/** A transaction, and every door that it was ever at. */
export type Findable = { transaction: Transaction; doors: readonly string[] };

/**
 * With its country's code, as people write it: `0041 79 123-45-67` is `+41791234567`. Without a plus as well, which is
 * a space where somebody forgot to spell it `%2B` in a URL.
 */
const phonePattern = /^\+?\d[\d\s()./-]{5,}$/;
const normalPhone = (text: string): string => text.replace(/[\s()./-]/g, '').replace(/^(00|\+)?/, '+');
const normalEmail = (text: string): string => text.trim().normalize('NFKC').toLowerCase();

/** The words of a name: without case, accents and what stands between them. */
const wordsOf = (name: string): string[] =>
  name
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((it) => it !== '');

/** Letters by which a name is looked up; fewer only find a word that has no more. */
const prefixLetters = 3;
/** Up to so many letters more narrow it down before a transaction is read. */
const prefixLettersMost = 10;

const letters = (word: string, count: number): string => [...word].slice(0, count).join('');

type Asked =
  | { by: 'phone'; phone: string }
  | { by: 'email'; email: string }
  | { by: 'name'; words: [string, ...string[]] };

/** What a text about a recipient is; null if nobody could be found by it. */
export const recipientOf = (text: string): Asked | null => {
  if (text.includes('@')) return { by: 'email', email: normalEmail(text) };
  if (phonePattern.test(text.trim())) return { by: 'phone', phone: normalPhone(text) };
  // The longest says most.
  const [first, ...others] = wordsOf(text).toSorted((a, b) => b.length - a.length);
  return first === undefined ? null : { by: 'name', words: [first, ...others] };
};

const matchesParty = ({ phone, email, name = '' }: Party, asked: Asked): boolean => {
  if (asked.by === 'phone') return phone === asked.phone;
  if (asked.by === 'email') return email !== undefined && normalEmail(email) === asked.email;
  const words = wordsOf(name);
  return asked.words.every((beginning) => words.some((word) => word.startsWith(beginning)));
};

/** 128 bits of an HMAC: two tenants, or two kinds of value, never share one, and without the key nobody can try numbers. */
const blind = (rootKeys: RootKeys, version: number, tenant: string, kind: string, value: string): string =>
  createHmac('sha256', rootKeys.of(version))
    .update(`search:${tenant}:${kind}:${value}`)
    .digest()
    .subarray(0, 16)
    .toString('base64url');

/** What is kept of the number of a badge besides its verifier, which is of one bank: by this it is found at all of them. */
export const badgeIndex = (rootKeys: RootKeys, tenant: string, badge: string, version = rootKeys.version): string =>
  `${version}#${blind(rootKeys, version, tenant, 'badge', badge)}`;

/** What a lookup row says besides whose it is, so that most of what is not wanted need not be read. */
export type LookupSays = {
  workflow: Workflow;
  bankId: string;
  state?: TransactionState;
  /** Of a name's row: three letters each of the blind indexes of longer beginnings. */
  longer?: string[];
};

type Kind = {
  /** Values of a transaction that it is found by. */
  values: (it: Findable) => readonly string[];
  /** The value that somebody looks for. */
  wanted: (it: Wanted, recipient: Asked | null) => string | undefined;
  /** Personal data: stored as blind index only. `kept`: as which the transaction has it already. */
  personal?: 'blind' | 'kept';
  /**
   * Few rows, so they need not be rewritten with every change of state; many rows, so they say the state in which a
   * transaction ended; those of what goes on, which are gone afterwards, say the state that it is in.
   */
  rows: 'few' | 'many' | 'living';
};

const beginnings = (name: string): string[] => [...new Set(wordsOf(name).map((word) => letters(word, prefixLetters)))];

/** By which values transactions are found, the most selective first. A new one is a row here. */
export const kinds = {
  credential: {
    values: ({ transaction }) => transaction.credentials.map(({ id }) => id),
    wanted: ({ credentialId }) => credentialId,
    rows: 'few',
  },
  badge: {
    values: ({ transaction }) => transaction.credentials.flatMap(({ index }) => index ?? []),
    wanted: ({ badge }) => badge,
    personal: 'kept',
    rows: 'few',
  },
  stock: {
    values: ({ transaction }) => [transaction.stockUnitId ?? []].flat(),
    wanted: ({ stockUnitId }) => stockUnitId,
    rows: 'few',
  },
  item: {
    values: ({ transaction }) => transaction.items.flatMap(({ externalId }) => externalId ?? []),
    wanted: ({ itemId }) => itemId,
    rows: 'few',
  },
  phone: {
    values: ({ transaction: { recipient } }) => (recipient.phone ? [recipient.phone] : []),
    wanted: (_, recipient) => (recipient?.by === 'phone' ? recipient.phone : undefined),
    personal: 'blind',
    rows: 'few',
  },
  email: {
    values: ({ transaction: { recipient } }) => (recipient.email ? [normalEmail(recipient.email)] : []),
    wanted: (_, recipient) => (recipient?.by === 'email' ? recipient.email : undefined),
    personal: 'blind',
    rows: 'few',
  },
  door: {
    values: ({ transaction, doors }) => doors.map((door) => `${transaction.bankId}/${door}`),
    wanted: ({ bankId, door }) => (bankId && door ? `${bankId}/${door}` : undefined),
    rows: 'many',
  },
  name: {
    values: ({ transaction: { recipient } }) => beginnings(recipient.name ?? ''),
    wanted: (_, recipient) => (recipient?.by === 'name' ? letters(recipient.words[0], prefixLetters) : undefined),
    personal: 'blind',
    rows: 'few',
  },
  living: {
    values: ({ transaction }) => (hasEnded(transaction.state) ? [] : ['']),
    wanted: ({ state }) => (state && !hasEnded(state) ? '' : undefined),
    rows: 'living',
  },
  bank: { values: ({ transaction }) => [transaction.bankId], wanted: ({ bankId }) => bankId, rows: 'many' },
  all: { values: () => [''], wanted: () => '', rows: 'many' },
} as const satisfies Record<string, Kind>;
export type KindName = keyof typeof kinds;

const kindNames = Object.keys(kinds) as KindName[];
const kindOf = (name: KindName): Kind => kinds[name];

const termOf = (rootKeys: RootKeys, version: number, tenant: string, name: KindName, value: string): string =>
  kindOf(name).personal ? `${name}#${version}#${blind(rootKeys, version, tenant, name, value)}` : `${name}#${value}`;

const longerOf = (rootKeys: RootKeys, version: number, tenant: string, beginning: string): string =>
  blind(rootKeys, version, tenant, 'longer', letters(beginning, prefixLettersMost)).slice(0, 3);

/** Everything that a transaction is to be found by: the rows that there have to be, by their term. */
export const lookupsOf = (rootKeys: RootKeys, it: Findable): Map<string, LookupSays> => {
  const { transaction } = it;
  const { tenant, workflow, bankId, state } = transaction;
  const { version } = rootKeys;
  const longer = (beginning: string): string[] => [
    ...new Set(
      wordsOf(transaction.recipient.name ?? '')
        .filter((word) => letters(word, prefixLetters) === beginning)
        .flatMap((word) => {
          const most = Math.min([...word].length, prefixLettersMost);
          return Array.from({ length: Math.max(0, most - prefixLetters) }, (_, nth) =>
            longerOf(rootKeys, version, tenant, letters(word, prefixLetters + 1 + nth)),
          );
        }),
    ),
  ];
  return new Map(
    kindNames.flatMap((name) => {
      const kind = kindOf(name);
      const saysState = kind.rows === 'living' || (kind.rows === 'many' && hasEnded(state));
      return kind.values(it).map((value): [string, LookupSays] => [
        kind.personal === 'kept' ? `${name}#${value}` : termOf(rootKeys, version, tenant, name, value),
        {
          workflow,
          bankId,
          ...(saysState && { state }),
          ...(name === 'name' && { longer: longer(value) }),
        },
      ]);
    }),
  );
};

/** Tells whether a row has changed. */
export const fingerprint = (says: LookupSays): string => hashOf(says).slice(0, 8);

export type Plan = {
  kind: KindName;
  /** Of each version of the root key that a row may have been made with, the newest first. */
  terms: readonly [string, ...string[]];
  /** Whether a row may be of a transaction that is wanted, as far as it says. */
  keeps: (says: LookupSays) => boolean;
  /** Whether that drops any. */
  drops: boolean;
  /** Whether it is to be known at which doors a transaction has been. */
  needsDoors: boolean;
};

/** Where to look: by the most selective of what is known. Null where nobody could be found. */
export const planOf = (rootKeys: RootKeys, tenant: string, wanted: Wanted): Plan | null => {
  const recipient = wanted.recipient === undefined ? null : recipientOf(wanted.recipient);
  if (wanted.recipient !== undefined && recipient === null) return null;
  const found = kindNames.flatMap((name) => {
    const value = kindOf(name).wanted(wanted, recipient);
    return value === undefined ? [] : [{ name, value }];
  });
  const { name, value } = found[0] ?? { name: 'all' as const, value: '' };
  const versions = kindOf(name).personal ? rootKeys.versions : [rootKeys.version];
  const [first, ...older] = versions.map((version) => termOf(rootKeys, version, tenant, name, value));
  if (first === undefined) throw new Error('there is no root key');

  const word = name === 'name' && recipient?.by === 'name' ? recipient.words[0] : '';
  const longer = [...word].length > prefixLetters ? versions.map((it) => longerOf(rootKeys, it, tenant, word)) : null;
  const isLive = wanted.state !== undefined && !hasEnded(wanted.state);
  return {
    kind: name,
    terms: [first, ...older],
    keeps: (says) =>
      (wanted.workflow === undefined || says.workflow === wanted.workflow) &&
      (wanted.bankId === undefined || says.bankId === wanted.bankId) &&
      (wanted.state === undefined ||
        (says.state === undefined ? isLive || kindOf(name).rows === 'few' : says.state === wanted.state)) &&
      (longer === null || longer.some((it) => says.longer?.includes(it))),
    drops:
      wanted.workflow !== undefined ||
      (wanted.bankId !== undefined && name !== 'bank' && name !== 'door') ||
      (wanted.state !== undefined && kindOf(name).rows !== 'few') ||
      longer !== null,
    needsDoors: wanted.door !== undefined && name !== 'door',
  };
};

/** Whether it is what is looked for, now. Rows are told of changes a little later; this is asked of the transaction. */
export const isWanted = (rootKeys: RootKeys, { transaction: it, doors }: Findable, wanted: Wanted): boolean => {
  const recipient = wanted.recipient === undefined ? undefined : recipientOf(wanted.recipient);
  const { badge } = wanted;
  const badges = badge === undefined ? [] : rootKeys.versions.map((v) => badgeIndex(rootKeys, it.tenant, badge, v));
  return (
    (badge === undefined || it.credentials.some(({ index }) => index !== undefined && badges.includes(index))) &&
    (wanted.credentialId === undefined || it.credentials.some(({ id }) => id === wanted.credentialId)) &&
    (wanted.stockUnitId === undefined || it.stockUnitId === wanted.stockUnitId) &&
    (wanted.itemId === undefined || it.items.some(({ externalId }) => externalId === wanted.itemId)) &&
    (recipient === undefined || (recipient !== null && matchesParty(it.recipient, recipient))) &&
    (wanted.bankId === undefined || it.bankId === wanted.bankId) &&
    (wanted.door === undefined || it.door === wanted.door || doors.includes(wanted.door)) &&
    (wanted.workflow === undefined || it.workflow === wanted.workflow) &&
    (wanted.state === undefined || it.state === wanted.state) &&
    (wanted.from === undefined || it.createdAt >= wanted.from) &&
    (wanted.to === undefined || it.createdAt < wanted.to)
  );
};
