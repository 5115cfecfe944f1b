import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, it } from 'vitest';
import type { ExportFormat } from '#shared/domain/export.ts';
import { exportColumns } from '#shared/domain/export-columns.ts';
import { type EncodedColumn, encoderOf, harmless } from '#shared/lambda/export-encoder.ts';

const columns: EncodedColumn[] = [
  { name: 'name', type: 'text' },
  { name: 'amountMinor', type: 'integer' },
  { name: 'live', type: 'boolean' },
  { name: 'at', type: 'moment' },
  { name: 'more', type: 'json' },
];
const rows = [
  ['Ada "the first", of\r\nHarbour', -1200, true, '2026-03-02T09:30:00.123Z', { note: 'a, b' }],
  [null, null, null, null, null],
  ['=1+1', 0, false, '1969-12-31T23:59:59.999Z', [1, 'zwölf']],
];

/** In turns: after each row another encoder goes on with what the one before had left. */
const inTurns = (format: ExportFormat, all: readonly unknown[][]): Buffer => {
  const parts: Uint8Array[] = [];
  let state: string | null = null;
  for (const [nth, row] of all.entries()) {
    const turn = encoderOf(format, columns, state);
    turn.add([row]);
    parts.push(turn.take(nth === all.length - 1));
    state = turn.state();
  }
  return Buffer.concat(parts);
};
const atOnce = (format: ExportFormat, all: readonly unknown[][]): Buffer => {
  const turn = encoderOf(format, columns);
  turn.add(all);
  return Buffer.from(turn.take(true));
};
const readParquet = (bytes: Buffer) => parquetReadObjects({ file: new Uint8Array(bytes).buffer });

describe('a CSV file', () => {
  it('has a header, and its rows by RFC 4180', () => {
    expect(atOnce('csv', rows).toString('utf8')).toBe(
      [
        'name,amountMinor,live,at,more',
        '"Ada ""the first"", of\r\nHarbour",-1200,true,2026-03-02T09:30:00.123Z,"{""note"":""a, b""}"',
        ',,,,',
        `'=1+1,0,false,1969-12-31T23:59:59.999Z,"[1,""zwölf""]"`,
        '',
      ].join('\r\n'),
    );
  });

  it.each(['=1+1', '+41791234567', '-1', '@SUM(A1)', '\tx', '\rx', '\nx', '＝1', '＋1', '－1', '＠x', "'=1"])(
    'lets no spreadsheet take %j for a formula',
    (text) => {
      expect(harmless(text)).toBe(`'${text}`);
    },
  );

  it.each(['a=b', '1-2', "O'Neil", "'quoted'", '', 'ü'])('leaves %j as it is', (text) => {
    expect(harmless(text)).toBe(text);
  });

  it('gives back any text whatever to who takes the apostrophe away as the document says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.nat({ max: 3 }), (text, apostrophes) => {
        const said = "'".repeat(apostrophes) + text;
        const turn = encoderOf('csv', [{ name: 'a', type: 'text' }]);
        turn.add([[said], ['end']]);
        const [, [cell = ''] = []]: string[][] = parse(Buffer.from(turn.take(true)), { skip_empty_lines: false });
        expect(cell.replace(/^'(?='*[=+\-@\t\r\n＝＋－＠])/, '')).toBe(said);
      }),
    );
  });
});

describe('a JSON Lines file', () => {
  it('has an object for each row, with every column', () => {
    const lines = atOnce('jsonl', rows).toString('utf8').split('\n');
    expect(lines.pop()).toBe('');
    expect(lines.map((line) => Object.values(JSON.parse(line)))).toEqual(rows);
    for (const line of lines) expect(Object.keys(JSON.parse(line))).toEqual(columns.map(({ name }) => name));
  });
});

describe('a Parquet file', () => {
  it('is read by its types', async () => {
    expect(await readParquet(atOnce('parquet', rows))).toEqual(
      rows.map(([name, amount, live, at, more]) => ({
        name,
        amountMinor: amount === null ? null : BigInt(Number(amount)),
        live,
        at: at === null ? null : new Date(String(at)),
        more: more === null ? null : JSON.stringify(more),
      })),
    );
  });

  it('without rows has its columns all the same', async () => {
    const bytes = atOnce('parquet', []);
    expect(await readParquet(bytes)).toEqual([]);
    expect(bytes.toString('latin1')).toContain('amountMinor');
  });
});

describe.each(['csv', 'jsonl', 'parquet'] as const)('a file of %s', (format) => {
  it('that was written in turns holds what one holds that was written at once', async () => {
    const many = Array.from({ length: 40 }, (_, nth) => [`name ${nth}`, nth, null, null, null]);
    const [turns, once] = [inTurns(format, many), atOnce(format, many)];
    if (format === 'parquet') expect(await readParquet(turns)).toEqual(await readParquet(once));
    else expect(turns.equals(once)).toBe(true);
  });
});

describe('the columns of exports', () => {
  it.each(Object.entries(exportColumns))('%s: no name is there twice', (_, all) => {
    const names = all.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
  });

  it('are about persons only where they say so', () => {
    const personal = exportColumns.transactions.filter((it) => it.personal === true).map(({ name }) => name);
    expect(personal).toEqual(['recipientName', 'recipientPhone', 'recipientEmail']);
  });
});
