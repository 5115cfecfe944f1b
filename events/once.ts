/** Makes a schema when it is first asked for: a cold start pays for what it does, not for all that its function can do. */
export const once = <Schema>(make: () => Schema): (() => Schema) => {
  let made: { schema: Schema } | undefined;
  return () => {
    made ??= { schema: make() };
    return made.schema;
  };
};
