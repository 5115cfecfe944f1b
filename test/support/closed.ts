const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The same schema, or document of schemas, but that objects have the fields that it names and no others. The documents
 * leave open what we send, so that who validates it bears new fields; here a field of ours that they do not name is found.
 * What is only one part of an `allOf` stays open: the other parts name other fields.
 */
export function closed<T>(document: T, isPart?: boolean): T;
export function closed(value: unknown, isPart = false): unknown {
  if (Array.isArray(value)) return value.map((it) => closed(it, isPart));
  if (!isRecord(value)) return value;
  const { type, properties, additionalProperties } = value;
  const isOpen = type === 'object' && isRecord(properties) && additionalProperties === undefined;
  return {
    ...Object.fromEntries(Object.entries(value).map(([name, it]) => [name, closed(it, name === 'allOf')])),
    ...(isOpen && !isPart && { additionalProperties: false }),
  };
}
