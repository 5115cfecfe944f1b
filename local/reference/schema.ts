import * as z from 'zod';
import { escaped, prose } from './html.ts';

/** What is shown of a JSON Schema. */
const Schema = z.looseObject({
  $ref: z.string().optional(),
  type: z.union([z.string(), z.array(z.string())]).optional(),
  const: z.unknown().optional(),
  enum: z.array(z.unknown()).optional(),
  format: z.string().optional(),
  description: z.string().optional(),
  default: z.unknown().optional(),
  properties: z.record(z.string(), z.unknown()).optional(),
  required: z.array(z.string()).optional(),
  items: z.unknown().optional(),
  additionalProperties: z.unknown().optional(),
  anyOf: z.array(z.unknown()).optional(),
  oneOf: z.array(z.unknown()).optional(),
  allOf: z.array(z.unknown()).optional(),
});
type Schema = z.infer<typeof Schema>;

const read = (value: unknown): Schema => (typeof value === 'object' ? Schema.parse(value ?? {}) : {});

const limits: Record<string, (limit: number) => string> = {
  minimum: (limit) => `at least ${limit}`,
  exclusiveMinimum: (limit) => `more than ${limit}`,
  maximum: (limit) => `at most ${limit}`,
  minLength: (limit) => `at least ${limit} ${limit === 1 ? 'character' : 'characters'}`,
  maxLength: (limit) => `at most ${limit} characters`,
  minItems: (limit) => `at least ${limit}`,
  maxItems: (limit) => `at most ${limit}`,
};
/** The largest whole number that JSON carries is no limit that anybody meets. */
const isTold = (value: unknown): value is number =>
  typeof value === 'number' && Math.abs(value) < Number.MAX_SAFE_INTEGER;

/** What is longer than that is told elsewhere. */
const enumMost = 40;
const isOfEvents = (all: readonly unknown[]): boolean => all.every((one) => /^[a-z_]+\.[a-z_]+$/.test(String(one)));

const enumOf = (all: readonly unknown[]): string =>
  all.length > enumMost && isOfEvents(all)
    ? `one of the <a href="event-types.html#types">types of events</a>`
    : all.map((one) => `<code>${escaped(JSON.stringify(one))}</code>`).join(', ');

const toldOf = (it: Schema): string[] =>
  Object.entries(limits).flatMap(([name, told]) => {
    const limit = it[name];
    return isTold(limit) ? [told(limit)] : [];
  });

const nameOf = ($ref: string): string => $ref.slice($ref.lastIndexOf('/') + 1);

/** In a few words: what a value may be. */
const kindOf = (value: unknown): string => {
  const it = read(value);
  if (it.$ref !== undefined) return `<a href="shapes.html#${escaped(nameOf(it.$ref))}">${escaped(nameOf(it.$ref))}</a>`;
  if ('const' in it) return `<code>${escaped(JSON.stringify(it.const))}</code>`;
  if (it.enum) return enumOf(it.enum);
  const others = it.anyOf ?? it.oneOf;
  if (others) return [...new Set(others.map(kindOf))].join(' or ');
  if (it.allOf) return it.allOf.map(kindOf).join(' and ');
  if (it.type === 'array') return [`list of ${kindOf(it.items)}`, ...toldOf(it)].join(', ');
  const type = [it.type ?? 'anything'].flat().join(' or ');
  return [escaped(it.format ?? type), ...toldOf(it)].join(', ');
};

/** What lies inside: the fields of an object, of the objects of a list, or of each of several kinds. */
const insideOf = (value: unknown): string => {
  const it = read(value);
  if (it.$ref !== undefined) return '';
  const fields = Object.entries(it.properties ?? {}).map(([name, field]) => fieldOf(name, field, it.required ?? []));
  const others = [...(it.anyOf ?? []), ...(it.oneOf ?? []), ...(it.allOf ?? [])].map(insideOf);
  const items = it.items === undefined ? '' : insideOf(it.items);
  const values = typeof it.additionalProperties === 'object' ? insideOf(it.additionalProperties) : '';
  return [fields.length > 0 ? `<dl>${fields.join('')}</dl>` : '', ...others, items, values].join('');
};

const fieldOf = (name: string, value: unknown, required: readonly string[]): string => {
  const { default: usual } = read(value);
  const notes = [
    kindOf(value),
    ...(required.includes(name) ? [] : ['may be missing']),
    ...(usual === undefined ? [] : [`<code>${escaped(JSON.stringify(usual))}</code> if left out`]),
  ];
  return `<dt><code>${escaped(name)}</code> <span class="quiet">${notes.join('; ')}</span></dt><dd>${described(value)}${insideOf(value)}</dd>`;
};

/** What it means, where that is said. */
export const described = (value: unknown): string => {
  const { description } = read(value);
  return description === undefined ? '' : `<p>${prose(description)}</p>`;
};

/** A schema to read: what it is, and everything in it. */
export const shown = (value: unknown): string => {
  const inside = insideOf(value);
  return inside === '' ? `<p>${kindOf(value)}</p>` : inside;
};

/** The same of a single value that has a name of its own, as a parameter has. */
export const shownField = (name: string, schema: unknown, isRequired: boolean, description?: string): string =>
  fieldOf(name, { ...read(schema), ...(description !== undefined && { description }) }, isRequired ? [name] : []);
