import type * as z from 'zod';

/** Makes a schema when it is first asked for: a cold start pays for what it does, not for all that its function can do. */
export const once = <Schema>(make: () => Schema): (() => Schema) => {
  let made: { schema: Schema } | undefined;
  return () => {
    made ??= { schema: make() };
    return made.schema;
  };
};

/** The same of a table of schemas: each row is made when it is first asked for. */
export const onceEach = <Makers extends Record<string, () => z.ZodObject>>(makers: Makers) => {
  const rows = Object.entries(makers).map(([name, make]) => [name, { enumerable: true, get: once(make) }]);
  return Object.defineProperties({}, Object.fromEntries(rows)) as {
    readonly [Name in keyof Makers]: ReturnType<Makers[Name]>;
  };
};
