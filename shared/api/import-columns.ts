import { Item, Party } from '../domain/transaction.ts';

/** How the text of a cell is read. */
type Kind = 'text' | 'integer' | 'words';

type Column = { kind: Kind; says: string };

const party = Object.keys(Party.shape);
const ofParty = (within: string, who: string): Record<string, Column> =>
  Object.fromEntries(party.map((name) => [`${within}.${name}`, { kind: 'text', says: who }]));

const itemTexts = ['externalId', 'description', 'thermalClass'];
const ofItems = Object.fromEntries(
  Object.keys(Item.shape).map((name): [string, Column] => [
    `items.<n>.${name}`,
    { kind: itemTexts.includes(name) ? 'text' : 'integer', says: 'of item n, from 0 on' },
  ]),
);

/**
 * Every column that a file may have: the path of a field in the body of a create, with dots. `<…>` stands for a name or
 * a number of the file's own.
 */
export const importColumns: Record<string, Column> = {
  workflow: { kind: 'text', says: 'required' },
  bankId: { kind: 'text', says: 'required' },
  'externalIds.<system>': { kind: 'text', says: 'required: at least one in each row, and no other row’s' },
  ...ofItems,
  assetId: { kind: 'text', says: 'of a loan, which has no items' },
  ...ofParty('recipient', 'the recipient'),
  ...ofParty('parties.depositor', 'who deposits'),
  ...ofParty('parties.collector', 'who collects'),
  'payment.amountMinor': { kind: 'integer', says: 'in the smallest unit' },
  'payment.currency': { kind: 'text', says: 'ISO 4217' },
  conditions: { kind: 'words', says: 'separated by spaces' },
  overstaySeconds: { kind: 'integer', says: 'of a rental' },
  'deadlines.reserveUntil': { kind: 'text', says: 'RFC 3339' },
  'deadlines.depositBy': { kind: 'text', says: 'RFC 3339' },
  'deadlines.pickupBy': { kind: 'text', says: 'RFC 3339' },
  'deadlines.useUntil': { kind: 'text', says: 'RFC 3339' },
  'metadata.<key>': { kind: 'text', says: 'returned unchanged' },
  'link.kind': { kind: 'text', says: 'what it is a part of' },
  'link.id': { kind: 'text', says: 'what it is a part of' },
  'link.part': { kind: 'integer', says: 'its place there' },
  'link.of': { kind: 'integer', says: 'how many parts there are to be' },
  'source.system': { kind: 'text', says: 'which system owns it' },
  'source.version': { kind: 'integer', says: 'of that system’s record' },
  reservation: { kind: 'text', says: '`hard` or `soft`' },
  waitUntil: { kind: 'text', says: 'RFC 3339: wait for a compartment until then' },
};

/** A column of a file: where its cells go in the body of a create, and how they are read. */
export type ImportColumn = { name: string; path: (string | number)[]; kind: Kind };

const escaped = (text: string): string => text.replace(/[.]/g, '\\.');
const patterns = Object.entries(importColumns).map(([name, { kind }]) => ({
  kind,
  pattern: new RegExp(
    `^${escaped(name)
      .replace('<n>', '(?:0|1?[0-9])')
      .replace('<system>', '[a-z][a-z0-9_]{0,31}')
      .replace('<key>', '.{1,40}')}$`,
    'su',
  ),
}));

/** Null where a file may have no column of that name. */
export const importColumn = (name: string): ImportColumn | null => {
  const kind = patterns.find(({ pattern }) => pattern.test(name))?.kind;
  if (kind === undefined) return null;
  const [first = '', ...rest] = name.split('.');
  const path = first === 'metadata' ? [first, rest.join('.')] : [first, ...rest];
  return { name, path: path.map((part, nth) => (first === 'items' && nth === 1 ? Number(part) : part)), kind };
};

/** What a cell says; one that says no number stays as it is, so that it is refused by its field. */
const cellValue = (kind: Kind, cell: string): unknown => {
  if (kind === 'words') return cell.split(/\s+/).filter((it) => it !== '');
  return kind === 'integer' && /^-?[0-9]{1,15}$/.test(cell) ? Number(cell) : cell;
};

type Tree = Map<string | number, unknown>;

const plain = (tree: Tree): unknown => {
  const entries = [...tree].map(([name, value]) => [name, value instanceof Map ? plain(value) : value] as const);
  if (!entries.some(([name]) => typeof name === 'number')) return Object.fromEntries(entries);
  const list = Array.from({ length: Math.max(...entries.map(([name]) => Number(name))) + 1 }) as unknown[];
  for (const [name, value] of entries) list[Number(name)] = value;
  return list;
};

/** The body of a create that a row says; an empty cell is a field left out. */
export const importedBody = (columns: readonly ImportColumn[], cells: readonly string[]): unknown => {
  const tree: Tree = new Map();
  for (const [nth, { path, kind }] of columns.entries()) {
    const cell = cells[nth] ?? '';
    if (cell.trim() === '') continue;
    let at = tree;
    for (const name of path.slice(0, -1)) {
      const below = at.get(name);
      const next: Tree = below instanceof Map ? below : new Map();
      at.set(name, next);
      at = next;
    }
    at.set(path.at(-1) ?? '', cellValue(kind, cell));
  }
  return plain(tree);
};
