import * as z from 'zod';
import { Envelope } from '../../events/envelope.ts';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';

export const EventView = once(() => Envelope.meta({ id: 'Event' }));

export const listOf = <T extends z.ZodType>(item: T) => z.object({ data: z.array(item), nextCursor: field.textOrNull });

export const page = {
  limit: z.coerce.number().int().min(1).max(100).default(50),
  cursor: z.string().max(1024).optional(),
};

/**
 * Shows of a value what a schema names, and nothing else. For what is ours and fits: a row was parsed when it was read,
 * and parsing it again would tell nothing new.
 */
export const projection = <Schema extends z.ZodObject>(schema: Schema) => {
  const names = Object.keys(schema.shape);
  return (it: z.infer<Schema>) =>
    Object.fromEntries(names.flatMap((name) => (it[name] === undefined ? [] : [[name, it[name]]]))) as z.infer<Schema>;
};

/** For the document, in JSON Schema: what else holds where something holds, and where not. */
export const where = (holds: object, also: object, otherwise?: object) => ({
  if: holds,
  // biome-ignore lint/suspicious/noThenProperty: a keyword of JSON Schema; nobody awaits it
  then: also,
  ...(otherwise && { else: otherwise }),
});

/** Ids in a path: ours, so that anything else is simply not found. */
export const idParam = z.string().min(1).max(200);

export const noBody = z.strictObject({});

/**
 * JSON Schema of what is taken (`input`) or sent (`output`). What is sent may get new fields, so nothing in it says that
 * there are no others; what is taken stays as strict as it is.
 */
export const jsonSchemaOf = (
  schema: z.ZodType,
  io: 'input' | 'output',
  options: { target?: 'draft-7'; reused?: 'inline' } = {},
) =>
  z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    ...options,
    override: ({ jsonSchema }) => {
      if (io === 'input') return;
      if (jsonSchema.additionalProperties === false) delete jsonSchema.additionalProperties;
      // The largest whole number that JSON carries: no limit that anybody meets, and said a hundred times.
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
    },
  });
