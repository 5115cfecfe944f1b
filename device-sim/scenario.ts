import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod';

export const Workflow = z.enum(['sale', 'release', 'parcel', 'return', 'loan', 'rental']);
export type Workflow = z.infer<typeof Workflow>;

/** How a transaction goes: to its good end, taken back before anything was put in, or never picked up. */
export const Course = z.enum(['completed', 'cancelled', 'recalled']);
export type Course = z.infer<typeof Course>;

/** How often one is drawn compared with the others. */
const Weight = z.number().nonnegative();
const isDrawn = (weights: Iterable<number | undefined>): boolean => [...weights].some((weight) => (weight ?? 0) > 0);
const weightsOf = <Key extends z.ZodEnum>(key: Key) =>
  z
    .partialRecord(key, Weight)
    .refine((weights) => isDrawn(Object.values<number | undefined>(weights)), 'at least one must be able to happen');

/** Shortest and longest, in minutes of the simulated day. */
const Minutes = z
  .tuple([z.number().nonnegative(), z.number().positive()])
  .refine(([shortest, longest]) => shortest <= longest, 'the shortest comes first');

/** Who comes to a bank on a day, and what for. */
export const Traffic = z.strictObject({
  says: z.string(),
  /** The hour of the day at which a run begins. */
  from: z.int().min(0).max(23),
  perBankAndDay: z.number().positive().max(10_000),
  /** By hour of the day: how much of the day's traffic begins in it, compared with the other hours. */
  hours: z.array(Weight).length(24).refine(isDrawn, 'at some hour something must happen'),
  workflows: weightsOf(Workflow),
  courses: weightsOf(Course),
  /** Between one act of a transaction and the next: until the courier comes, until the recipient comes. */
  minutesBetween: Minutes,
  /** Share of visits at which a wrong code is entered first. */
  wrongCodes: z.number().min(0).max(1),
});
export type Traffic = z.infer<typeof Traffic>;

export const Episode = z.strictObject({
  what: z.string().min(1),
  perBankAndDay: z.number().nonnegative().max(10_000),
  minutes: Minutes,
  /** As at `/link`; what is not said stays as it is without faults. */
  link: z
    .strictObject({
      online: z.literal(false),
      drop: z.number().min(0).max(1),
      duplicate: z.number().min(0).max(1),
      delayMs: z.int().min(0).max(600_000),
    })
    .partial()
    .optional(),
  power: z.literal(false).optional(),
  /** Of the device's own clock, in real milliseconds. */
  clockSkewMs: z.int().optional(),
});
export type Episode = z.infer<typeof Episode>;

/** What happens to a bank on a day; of one bank one thing at a time. */
export const FaultScenario = z.strictObject({ says: z.string(), episodes: z.array(Episode) });
export type FaultScenario = z.infer<typeof FaultScenario>;

const folder = join(import.meta.dirname, 'scenarios');

/** By the name of a file that comes with the simulator, or by the path of one's own, which ends in `.json`. */
const read = async <T extends z.ZodType>(kind: string, name: string, shape: T): Promise<z.output<T>> => {
  const path = name.endsWith('.json') ? name : join(folder, kind, `${name}.json`);
  return shape.parse(JSON.parse(await readFile(path, 'utf8')));
};

export const readTraffic = (name: string): Promise<Traffic> => read('traffic', name, Traffic);
export const readFaults = (name: string): Promise<FaultScenario> => read('faults', name, FaultScenario);
