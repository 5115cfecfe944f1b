/** What a bad link does to messages, both ways. */
export type Faults = {
  /** Share of messages lost, 0..1. */
  drop: number;
  /** Share of messages delivered twice, 0..1. */
  duplicate: number;
  /** Every message takes a random time up to this: later ones overtake. */
  delayMs: number;
};

export const noFaults: Faults = { drop: 0, duplicate: 0, delayMs: 0 };

/** mulberry32: small, seeded, so that a run with the same seed meets the same faults. */
export const seeded = (seed: number): (() => number) => {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};

/** When each copy of a message is delivered, in milliseconds from now; none if it is lost. */
export const deliveries = ({ drop, duplicate, delayMs }: Faults, random: () => number): number[] => {
  if (random() < drop) return [];
  const copies = random() < duplicate ? 2 : 1;
  return Array.from({ length: copies }, () => Math.round(random() * delayMs));
};
