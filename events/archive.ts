import * as z from 'zod';
import { catalogue } from './catalogue.ts';
import { Envelope } from './envelope.ts';

/** A column of the table that the archive is read by. */
export type Column = {
  /** Of the envelope, in lower case, as the Glue Data Catalog keeps names. */
  name: string;
  /** As Hive writes types: `string`, `bigint`, `struct<door:string>`, `map<string,string>`. */
  type: string;
};

/** What Hive calls what JSON Schema calls so. */
const whole = 'bigint';
const scalars: Record<string, string> = { string: 'string', integer: whole, number: 'double', boolean: 'boolean' };

type Schema = {
  type?: string | string[] | undefined;
  const?: unknown;
  anyOf?: Schema[] | undefined;
  items?: Schema | undefined;
  properties?: Record<string, Schema> | undefined;
  additionalProperties?: Schema | boolean | undefined;
};
const Schema: z.ZodType<Schema> = z.lazy(() =>
  z.object({
    type: z.union([z.string(), z.array(z.string())]).optional(),
    const: z.unknown().optional(),
    anyOf: z.array(Schema).optional(),
    items: Schema.optional(),
    properties: z.record(z.string(), Schema).optional(),
    additionalProperties: z.union([Schema, z.boolean()]).optional(),
  }),
);

/** What has no shape of its own, or more than one, is read as the text that it is in JSON. */
const asText = 'string';

const typeOf = (schema: Schema): string => {
  const { type = [], anyOf = [], items, properties, additionalProperties } = schema;
  if (Number.isInteger(schema.const)) return whole;
  const [shape, ...otherShapes] = anyOf.filter((it) => it.type !== 'null');
  if (shape) return otherShapes.length === 0 ? typeOf(shape) : asText;
  const [kind = '', ...otherKinds] = [type].flat().filter((it) => it !== 'null');
  if (otherKinds.length > 0) return asText;
  if (kind === 'array') return items ? `array<${typeOf(items)}>` : asText;
  if (properties) return structOf(Object.entries(properties).map(([name, it]): Field => [name, typeOf(it)]));
  if (typeof additionalProperties !== 'object') return scalars[kind] ?? asText;
  // Of anything, each key of its own kind: no map.
  return additionalProperties.type === undefined ? asText : `map<string,${typeOf(additionalProperties)}>`;
};

type Field = [name: string, type: string];

const structOf = (fields: readonly Field[]): string =>
  `struct<${fields.map(([name, type]) => `${name}:${type}`).join(',')}>`;

const fieldsOf = (shape: z.ZodObject): Field[] => {
  const { properties = {} } = Schema.parse(z.toJSONSchema(shape, { io: 'output', unrepresentable: 'any' }));
  return Object.entries(properties).map(([name, schema]) => [name, typeOf(schema)]);
};

/**
 * The fields of `data`, of all types of events together: a row has those of its type, and null for all others. Where two
 * types mean different things by a name, the field is the text that it is in JSON.
 */
export const dataFields: readonly Field[] = [
  ...Map.groupBy(Object.values(catalogue).flatMap(fieldsOf), ([name]) => name),
].map(([name, all]) => {
  const [only = asText, ...others] = new Set(all.map(([, type]) => type));
  return [name, others.length === 0 ? only : asText];
});

/** The columns of the archive, in the order of the envelope. */
export const archiveColumns: readonly Column[] = fieldsOf(Envelope).map(([name, type]) => ({
  name: name.toLowerCase(),
  type: name === 'data' ? structOf(dataFields) : type,
}));
