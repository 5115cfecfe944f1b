import * as z from 'zod';

/** A value as DynamoDB's own JSON writes it; our rows hold no sets. Binary comes as base64. */
type Value =
  | { S: string }
  | { N: string }
  | { B: string }
  | { BOOL: boolean }
  | { NULL: boolean }
  | { M: Record<string, Value> }
  | { L: Value[] };

const Value: z.ZodType<Value> = z.lazy(() =>
  z.union([
    z.strictObject({ S: z.string() }),
    z.strictObject({ N: z.string() }),
    z.strictObject({ B: z.base64() }),
    z.strictObject({ BOOL: z.boolean() }),
    z.strictObject({ NULL: z.boolean() }),
    z.strictObject({ M: z.record(z.string(), Value) }),
    z.strictObject({ L: z.array(Value) }),
  ]),
);

export const Item = z.record(z.string(), Value);
export type Item = z.infer<typeof Item>;

/** A map or a list costs three bytes, and one more for everything in it. */
const collection = 3;
const member = 1;

const utf8 = (text: string): number => Buffer.byteLength(text);

/** A byte per two significant digits, one for the exponent, one for the sign. */
const numberBytes = (text: string): number => {
  const [mantissa = ''] = text.toLowerCase().split('e');
  const digits = mantissa.replace(/[-+.]/g, '').replace(/^0+|0+$/g, '');
  return Math.ceil(digits.length / 2) + 1 + (text.startsWith('-') ? 1 : 0);
};

const valueBytes = (value: Value): number => {
  if ('S' in value) return utf8(value.S);
  if ('B' in value) return Buffer.from(value.B, 'base64').length;
  if ('N' in value) return numberBytes(value.N);
  if ('M' in value)
    return Object.entries(value.M).reduce((sum, [name, it]) => sum + utf8(name) + valueBytes(it) + member, collection);
  if ('L' in value) return value.L.reduce((sum, it) => sum + valueBytes(it) + member, collection);
  return 1;
};

/** Bytes of an item as DynamoDB counts them: the developer guide's "Item sizes and formats". */
export const itemBytes = (item: Item): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + utf8(name) + valueBytes(value), 0);
