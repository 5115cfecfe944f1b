import { meanings } from './meanings.ts';
import { isJson, type Json, withEach } from './names.ts';

/** What of one shape is said of the other as well: of a bank, of the bank as it is listed. */
const sameAs = (name: string): string => name.replace(/^(Create|Registered|Tested)(?=[A-Z])|(Input|Summary)$/g, '');

export type Telling = {
  /** A schema with a sentence for each of its fields. `owners`: of whom it is said, the narrowest first. */
  told: (schema: Json, owners: readonly string[]) => Json;
  /** The sentence for a field, or a shape, of that name. */
  said: (owners: readonly string[], ...path: string[]) => string | undefined;
  /** What has no sentence. */
  unsaid: () => string[];
  /** Sentences that are said of nothing. */
  idle: () => string[];
};

/** Puts the sentences of the table where they belong, and knows afterwards what was missing and what is left over. */
export const telling = (): Telling => {
  const used = new Set<string>();
  const missing = new Set<string>();

  const said: Telling['said'] = (owners, ...path) => {
    const whole = path.join('.');
    const all = owners.flatMap((owner) => [`${owner}.${whole}`, `${sameAs(owner)}.${whole}`]);
    const last = path.at(-1) ?? '';
    const row = [...all, last, sameAs(last)].find((it) => Object.hasOwn(meanings, it));
    if (row === undefined) {
      missing.add(all[0] ?? whole);
      return undefined;
    }
    used.add(row);
    return meanings[row];
  };

  const within = (schema: Json, owners: readonly string[], path: readonly string[]): Json => {
    const { properties } = schema;
    const own = isJson(properties)
      ? {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, field]) => {
              const at = [...path, name];
              return [
                name,
                isJson(field)
                  ? { ...within(field, owners, at), description: field.description ?? said(owners, ...at) }
                  : field,
              ];
            }),
          ),
        }
      : {};
    return {
      ...withEach(schema, (it) => within(it, owners, path), [
        'items',
        'additionalProperties',
        'allOf',
        'anyOf',
        'oneOf',
      ]),
      ...own,
    };
  };

  return {
    told: (schema, owners) => within(schema, owners, []),
    said,
    unsaid: () => [...missing],
    idle: () => Object.keys(meanings).filter((row) => !used.has(row)),
  };
};
