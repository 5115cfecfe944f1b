import type { Patch, Shadows } from '#shared/outside/shadows.ts';

export type MemoryShadows = Shadows & {
  desired: (name: string) => Record<string, unknown>;
  /** Told of each write, by the shadow's name. */
  onWrite: (name: string) => void;
  /** So many changes fail from now on. */
  failures: number;
};

const isObject = (it: unknown): it is Record<string, unknown> =>
  typeof it === 'object' && it !== null && !Array.isArray(it);

/** As AWS IoT merges: objects at every depth; what a patch leaves out stays. */
const patched = (before: Record<string, unknown>, patch: Patch): Record<string, unknown> => ({
  ...Object.fromEntries(Object.entries(before).filter(([name]) => patch[name] !== null)),
  ...Object.fromEntries(
    Object.entries(patch)
      .filter(([, value]) => value !== null)
      .map(([name, value]) => {
        const known = before[name];
        return [name, isObject(value) ? patched(isObject(known) ? known : {}, value) : value];
      }),
  ),
});

/** The shadows of one bank, for tests of what a function does with them; what AWS IoT does is tried on the engine. */
export const memoryShadows = (): MemoryShadows => {
  const documents = new Map<string, Record<string, unknown>>();
  const desired = (name: string): Record<string, unknown> => documents.get(name) ?? {};
  const memory: MemoryShadows = {
    desired: (name) => structuredClone(desired(name)),
    onWrite: () => undefined,
    failures: 0,
    change: async (_bankId, name, decide) => {
      if (memory.failures > 0) {
        memory.failures -= 1;
        throw new Error('the shadow cannot be reached');
      }
      for (;;) {
        const read = documents.get(name);
        const patch = await decide(structuredClone(read ?? {}));
        if (patch === null) return;
        // Somebody else was faster: what was decided on is no longer there.
        if (documents.get(name) !== read) continue;
        documents.set(name, patched(read ?? {}, structuredClone(patch)));
        memory.onWrite(name);
        return;
      }
    },
  };
  return memory;
};
