/** Whether a type is among those that are wanted: by its name, or by `<entity>.*`, which also takes types that come one day. */
export const isOfWanted = (type: string, wanted: readonly string[]): boolean =>
  wanted.some((it) => (it.endsWith('.*') ? type.startsWith(it.slice(0, -1)) : type === it));

/** So many letters are to be put in, left out or changed to make one of the other (Levenshtein). */
const distance = (one: string, other: string): number => {
  let row = Array.from({ length: other.length + 1 }, (_, nth) => nth);
  for (const [at, letter] of [...one].entries()) {
    const next = [at + 1];
    for (const [nth, there] of [...other].entries()) {
      const changed = (row[nth] ?? 0) + (letter === there ? 0 : 1);
      next.push(Math.min(changed, (row[nth + 1] ?? 0) + 1, (next[nth] ?? 0) + 1));
    }
    row = next;
  }
  return row.at(-1) ?? 0;
};

/** More of what was given says nothing to anybody. */
const shownCharacters = 60;

/** The three names that a wrong one may have meant, the most alike first; of its own entity where there is such. */
export const nearestTypes = (given: string, known: readonly string[]): string[] => {
  const text = given.slice(0, shownCharacters);
  const entity = text.slice(0, text.indexOf('.') + 1);
  const ofEntity = known.filter((it) => entity !== '' && it.startsWith(entity));
  return (ofEntity.length > 0 ? ofEntity : [...known])
    .map((it) => ({ it, far: distance(text, it) }))
    .toSorted((one, other) => one.far - other.far)
    .slice(0, 3)
    .map(({ it }) => it);
};

/** What is said of a value that is none of the known types, in words that follow the field's name. */
export const wrongType = (given: unknown, known: readonly string[]): string => {
  if (given === undefined) return 'is missing';
  if (typeof given !== 'string') return 'must be the name of an event type; GET /v1/asyncapi.json lists them';
  const shown = given.length > shownCharacters ? `${given.slice(0, shownCharacters)}…` : given;
  const nearest = nearestTypes(given, known).join(', ');
  return `${JSON.stringify(shown)} is no event type; the nearest are ${nearest}, and GET /v1/asyncapi.json lists all`;
};
