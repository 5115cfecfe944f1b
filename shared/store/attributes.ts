import type { AttributeValue } from '@aws-sdk/client-dynamodb';

/**
 * A row as DynamoDB spells it. Ours hold what JSON holds and bytes, so this is all there is to say; the SDK's document
 * client, which must know sets and numbers of any size, cost a tenth of a request.
 */
export type Attributes = Record<string, AttributeValue>;

/** Fields that are undefined are left out, as JSON does it. */
export const attributesOf = (row: object): Attributes => {
  const attributes: Attributes = {};
  for (const [name, value] of Object.entries(row)) if (value !== undefined) attributes[name] = attributeOf(value);
  return attributes;
};

/** In JSON, bytes are base64: so they go to DynamoDB, and so they come back. */
class Bytes extends Uint8Array {
  toJSON(): string {
    return Buffer.from(this.buffer, this.byteOffset, this.byteLength).toString('base64');
  }
}

const bytesOf = (it: unknown): Uint8Array =>
  new Uint8Array(it instanceof Uint8Array ? it : Buffer.from(String(it), 'base64'));

const attributeOf = (value: unknown): AttributeValue => {
  if (typeof value === 'string') return { S: value };
  if (typeof value === 'number' && Math.abs(value) <= Number.MAX_SAFE_INTEGER) return { N: String(value) };
  if (typeof value === 'boolean') return { BOOL: value };
  if (value === null) return { NULL: true };
  if (value instanceof Uint8Array) return { B: new Bytes(value) };
  if (Array.isArray(value)) return { L: value.map(attributeOf) };
  if (isPlain(value)) return { M: attributesOf(value) };
  throw new Error(`a row cannot hold ${String(value)}`);
};

const isPlain = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;

/** The row again, keys and index attributes included. */
export const rowOf = (attributes: Attributes): Record<string, unknown> => {
  const row: Record<string, unknown> = {};
  for (const name in attributes) row[name] = plainOf(attributes[name]);
  return row;
};

const plainOf = (it: AttributeValue | undefined): unknown => {
  if (it?.S !== undefined) return it.S;
  if (it?.N !== undefined) return Number(it.N);
  if (it?.M !== undefined) return rowOf(it.M);
  if (it?.L !== undefined) return it.L.map(plainOf);
  if (it?.B !== undefined) return bytesOf(it.B);
  if (it?.BOOL !== undefined) return it.BOOL;
  if (it?.NULL !== undefined) return null;
  throw new Error(`a row holds ${JSON.stringify(it)}, which none of ours does`);
};
