import { rmSync } from 'node:fs';
import * as z from 'zod';
import { readJson, writeJson } from './json-file.ts';

/** Makes things once per state: what was made is written down at once, so that a start that broke off goes on there. */
export type Once = {
  make: <Shape extends z.ZodType>(
    name: string,
    shape: Shape,
    make: () => Promise<z.infer<Shape>>,
  ) => Promise<z.infer<Shape>>;
  forget: () => void;
};

export function once(file: string): Once {
  let made = readJson(file, z.record(z.string(), z.unknown())) ?? {};
  return {
    make: async (name, shape, make) => {
      const known = shape.safeParse(made[name]);
      if (known.success) return known.data;
      const thing = await make();
      made = { ...made, [name]: thing };
      writeJson(file, made);
      return thing;
    },
    forget: () => {
      made = {};
      rmSync(file, { force: true });
    },
  };
}
