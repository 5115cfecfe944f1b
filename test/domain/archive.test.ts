import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { archiveColumns, dataFields } from '../../events/archive.ts';
import { catalogue, eventTypes } from '../../events/catalogue.ts';
import { Envelope } from '../../events/envelope.ts';

const typeOf = (field: string) => dataFields.find(([name]) => name === field)?.[1];

describe('the table of the archive', () => {
  it('has a column for everything of the envelope, in lower case', () => {
    expect(archiveColumns.map(({ name }) => name)).toEqual(Object.keys(Envelope.shape).map((it) => it.toLowerCase()));
    const types = Object.fromEntries(archiveColumns.map(({ name, type }) => [name, type]));
    expect(types).toMatchObject({
      occurredat: 'string',
      sequence: 'bigint',
      schema: 'bigint',
      test: 'boolean',
      actor: 'struct<type:string,id:string>',
    });
    expect(types.data).toMatch(/^struct<transactionId:string,workflow:string,.*>$/);
  });

  it('knows every field of every type', () => {
    const names = new Set(dataFields.map(([name]) => name));
    for (const type of eventTypes)
      expect([...names]).toEqual(expect.arrayContaining(Object.keys(catalogue[type].shape)));
    expect(names.size).toBe(dataFields.length);
    // By name alone fields would be mixed up: case is nothing to Athena.
    expect(new Set([...names].map((it) => it.toLowerCase())).size).toBe(names.size);
  });

  it.each([
    ['temperatureC', 'double'],
    ['livemode', 'boolean'],
    ['door', 'string'],
    ['limitAt', 'string'],
    ['externalIds', 'map<string,string>'],
    ['offlineSeconds', 'map<string,bigint>'],
    ['certificateIds', 'array<string>'],
    ['reissued', 'array<struct<credentialId:string,by:string>>'],
    ['evidence', 'struct<journalId:string,seq:bigint,door:string,version:bigint,cause:string>'],
  ])('reads %s as %s', (field, type) => {
    expect(typeOf(field)).toBe(type);
  });

  it('leaves as the text that it is in JSON what has no shape of its own, or two', () => {
    expect(typeOf('changes')).toBe('string');
    // How many of a bank, and which of a vendor.
    expect(typeOf('doors')).toBe('string');
  });

  it('fits into the 131,072 characters that Glue takes for the type of a column', () => {
    for (const { type } of archiveColumns) expect(type.length).toBeLessThan(131_072);
  });
});

describe('the document of the archive', () => {
  const text = readFileSync(new URL('../../docs/archive.md', import.meta.url), 'utf8');
  const queries = [...text.matchAll(/^```sql\n(.*?)^```$/gms)].map(([, sql = '']) => sql);

  it('asks only for fields that there are, and by the day', () => {
    expect(queries.length).toBeGreaterThanOrEqual(5);
    const fields = new Set(dataFields.map(([name]) => name));
    for (const sql of queries) {
      for (const [, field = ''] of sql.matchAll(/\bdata\.(\w+)/g)) expect(fields).toContain(field);
      for (const [, type = ''] of sql.matchAll(/'([a-z_]+\.[a-z_]+)'/g)) expect(eventTypes).toContain(type);
      expect(sql).toMatch(/\bdt (>=|BETWEEN) '2026-03-01'/);
      expect(sql).toMatch(/tenant = 'ten_/);
    }
  });
});
