import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { importColumn, importColumns, importedBody } from '#shared/api/import-columns.ts';
import { CreateTransaction } from '#shared/api/transactions.ts';
import { importBytesMax, importRowsMax } from '#shared/domain/import.ts';
import type { Caller } from '#shared/lambda/authenticate.ts';
import { checkFile } from '#shared/lambda/import-file.ts';
import { bankOf, doorOf, hours, startedAt } from '../domain/cloud-and-bank.ts';

const bank = bankOf([doorOf('1'), doorOf('2')], { simulated: false });
const caller: Caller = {
  tenant: bank.tenant,
  apiKeyId: 'key_1',
  mode: 'live',
  scopes: ['transactions:write'],
  system: null,
  requestsPerMinute: null,
};

const header = 'workflow,bankId,externalIds.order,items.0.lengthMm,items.0.widthMm,items.0.heightMm,recipient.phone';
const row = (order: string, more = '300,200,100,+41791234567', at = bank.id) => `parcel,${at},${order},${more}`;
const csv = (...lines: string[]) => new TextEncoder().encode(lines.join('\r\n'));
const check = (bytes: Uint8Array, more: Partial<Caller> = {}) =>
  checkFile(
    bytes,
    { ...caller, ...more },
    startedAt,
    async (ids) => new Map(ids.includes(bank.id) ? [[bank.id, bank]] : []),
  );
const errorsOf = async (bytes: Uint8Array, more: Partial<Caller> = {}) => {
  const checked = await check(bytes, more);
  if (checked.problem !== null) throw new Error(checked.problem);
  return checked.invalid;
};

describe('a file of transactions', () => {
  it('is read as the bodies of creates', async () => {
    const lines = [
      'workflow,bankId,externalIds.order,externalIds.shop,items.0.lengthMm,items.0.widthMm,items.0.heightMm,' +
        'items.1.lengthMm,items.1.widthMm,items.1.heightMm,recipient.name,conditions,payment.amountMinor,' +
        'payment.currency,deadlines.pickupBy,metadata.note.of.mine,link.kind,link.id,link.part,link.of',
      `sale,${bank.id},A-1,S-1,300,200,50,100,100,50,"Example, Ada ""the first""",payment age,4990,CHF,${hours(200)},` +
        'yes,order,A-1,1,2',
    ];
    const checked = await check(csv(...lines));
    expect(checked).toMatchObject({ problem: null, invalid: [], count: 1 });
    const wanted = CreateTransaction().parse({
      workflow: 'sale',
      bankId: bank.id,
      externalIds: { order: 'A-1', shop: 'S-1' },
      items: [
        { lengthMm: 300, widthMm: 200, heightMm: 50 },
        { lengthMm: 100, widthMm: 100, heightMm: 50 },
      ],
      recipient: { name: 'Example, Ada "the first"' },
      conditions: ['payment', 'age'],
      payment: { amountMinor: 4990, currency: 'CHF' },
      deadlines: { pickupBy: hours(200) },
      metadata: { 'note.of.mine': 'yes' },
      link: { kind: 'order', id: 'A-1', part: 1, of: 2 },
    });
    expect(checked).toMatchObject({ rows: [{ row: 1, body: wanted }] });
  });

  it('may begin with a byte order mark, end its lines either way, break them in quotes, and have empty ones', async () => {
    const text = `\u{feff}${header},metadata.note\n${row('A-1')},"two\nlines"\n\n${row('A-2')},\n`;
    const checked = await check(new TextEncoder().encode(text));
    expect(checked).toMatchObject({
      problem: null,
      invalid: [],
      rows: [
        { row: 1, body: { metadata: { note: 'two\nlines' } } },
        { row: 2, body: { metadata: {} } },
      ],
    });
  });

  it.each([
    ['not UTF-8', Uint8Array.of(0x77, 0xfc, 0x0a), /is not UTF-8/],
    ['empty', csv(''), /lacks the column workflow/],
    ['without rows', csv(header), /has no rows/],
    ['without a header', csv(row('A-1')), /header of column 1 is not one/],
    ['with a column that nothing is made of', csv(`${header},colour`, `${row('A-1')},red`), /header of column 8/],
    ['with a column twice', csv(`${header},recipient.phone`, `${row('A-1')},`), /recipient\.phone twice/],
    ['without the bank', csv('workflow,externalIds.order', 'parcel,A-1'), /lacks the column bankId/],
    ['without any external id', csv('workflow,bankId', `parcel,${bank.id}`), /lacks a column externalIds/],
    ['with a row of other length', csv(header, row('A-1'), 'parcel'), /line 3 has more or fewer cells/],
    ['with an open quote', csv(header, `parcel,"${bank.id}`), /opens a quote/],
    ['with a quote in a cell', csv(header, row('A"1')), /line 2 has a quote within a cell/],
    ['with a row beyond all measure', csv(header, row('x'.repeat(100_000))), /longer than a row may be/],
    ['too large', new Uint8Array(importBytesMax + 1), /more than 8388608 bytes/],
    ['too long', csv(header, ...Array.from({ length: importRowsMax + 1 }, () => 'x,,,,,,')), /more than 10000 rows/],
  ])('is refused as a whole when it is %s', async (_, bytes, problem) => {
    expect(await check(bytes)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it('never quotes what may be about a person in what is wrong with it', async () => {
    for (const bytes of [csv('Ada Example,b', 'c,d'), csv(header, row('Ada "Example"')), csv(header, 'Ada Example')])
      expect(JSON.stringify(await check(bytes))).not.toContain('Ada');
  });

  it('names every wrong row, with the field and what it should be', async () => {
    const lines = [
      row('A-1'),
      row('A-2', 'wide,200,100,0791234567'),
      row('A-1'),
      row('A-4', undefined, 'bnk_of_others'),
      row('', undefined),
      row('A-6', '3000,2000,1000,'),
      row('A-7', ',,,'),
    ];
    expect(await errorsOf(csv(header, ...lines))).toEqual([
      {
        row: 2,
        errors: [
          { pointer: '/items/0/lengthMm', detail: expect.stringMatching(/expected (number|int)/) },
          { pointer: '/recipient/phone', detail: expect.stringMatching(/E\.164/) },
        ],
      },
      { row: 3, errors: [{ pointer: '/externalIds/order', detail: 'row 1 has the same' }] },
      { row: 4, errors: [{ pointer: '/bankId', detail: 'there is no bank bnk_of_others' }] },
      { row: 5, errors: [{ pointer: '/externalIds', detail: expect.stringContaining('is missing') }] },
      { row: 6, errors: [{ pointer: '/items', detail: 'fit into no compartment of this bank' }] },
      { row: 7, errors: [{ pointer: '/items', detail: expect.stringContaining('name at least one') }] },
    ]);
  });

  it('says what a create would say of deadlines, of loans and of whose system it is', async () => {
    const late = `${header},deadlines.pickupBy`;
    expect(await errorsOf(csv(late, `${row('A-1')},2020-01-01T00:00:00Z`))).toMatchObject([
      { errors: [{ pointer: '/deadlines/pickupBy', detail: 'lies in the past' }] },
    ]);
    expect(await errorsOf(csv(header, row('A-1').replace('parcel', 'loan')))).toMatchObject([
      { errors: [{ pointer: '/assetId' }] },
    ]);
    const owned = `${header},source.system,source.version`;
    expect(await errorsOf(csv(owned, `${row('A-1')},shop,1`), { system: 'erp' })).toMatchObject([
      { errors: [{ pointer: '/source', detail: expect.stringContaining('speaks for erp') }] },
    ]);
  });

  it('of a test key has no row at a real bank', async () => {
    expect(await errorsOf(csv(header, row('A-1')), { mode: 'test' })).toMatchObject([
      { errors: [{ pointer: '/bankId', detail: expect.stringContaining('simulated banks only') }] },
    ]);
  });

  it('of 10,000 rows is taken', { timeout: 30_000 }, async () => {
    const rows = Array.from({ length: importRowsMax }, (_, nth) => row(`A-${nth}`));
    expect(await check(csv(header, ...rows))).toMatchObject({ problem: null, invalid: [], count: importRowsMax });
  });
});

describe('the columns of a file', () => {
  it('are paths of fields that a create has', () => {
    const { error } = CreateTransaction().safeParse(
      importedBody(
        Object.keys(importColumns).map((name) => {
          const column = importColumn(name.replace('<n>', '0').replace('<system>', 'shop').replace('<key>', 'k'));
          if (column === null) throw new Error(`${name} is not found by its own pattern`);
          return column;
        }),
        Object.keys(importColumns).map(() => '1'),
      ),
    );
    // Nothing is unknown to the create, whatever it thinks of the values.
    expect(error?.issues.filter(({ code }) => code === 'unrecognized_keys')).toEqual([]);
  });

  it('never give a body what no column says, whatever a header is made of', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (name, cell) => {
        const column = importColumn(name);
        const body = column === null ? {} : importedBody([column], [cell]);
        expect(Object.getPrototypeOf(body)).toBe(Object.prototype);
        expect({}).not.toHaveProperty('polluted');
      }),
    );
    expect(importColumn('__proto__.polluted')).toBeNull();
    expect(importedBody([{ name: 'x', path: ['metadata', '__proto__'], kind: 'text' }], ['polluted'])).toEqual({
      metadata: JSON.parse('{ "__proto__": "polluted" }'),
    });
  });
});
