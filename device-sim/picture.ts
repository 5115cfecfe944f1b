import * as z from 'zod';

const Millimetres = z.int().positive().max(10_000);

/** One door as it is built. Whoever leaves its sizes out gets an ordinary one. */
export const Compartment = z.object({
  door: z.string().min(1).max(16),
  widthMm: Millimetres.default(440),
  heightMm: Millimetres.default(300),
  /** Of its floor above the ground. 0: not said; it stands on the one before it. */
  bottomMm: z.int().min(0).max(10_000).default(0),
  thermalClass: z.string().max(32).default('ambient'),
});
export type Compartment = z.infer<typeof Compartment>;

export type Picture = {
  widthMm: number;
  heightMm: number;
  /** In layout order; `leftMm` from the left edge of the bank, `bottomMm` from the ground. */
  doors: (Compartment & { leftMm: number })[];
};

/** What stands between two compartments. */
const wallMm = 20;
const baseMm = 100;
/** Where nobody has said how high a compartment is, columns are no taller than people can reach. */
const columnMm = 2_000;

/** The front of a bank: a compartment that does not stand above the one before it begins a new column. */
export const picture = (compartments: readonly Compartment[]): Picture => {
  const doors: Picture['doors'] = [];
  let leftMm = wallMm;
  let columnWidthMm = 0;
  let topMm = 0;
  for (const compartment of compartments) {
    const stacked = topMm === 0 ? baseMm : topMm + wallMm;
    const isSaid = compartment.bottomMm > 0;
    const fits = isSaid ? compartment.bottomMm >= topMm : stacked + compartment.heightMm <= columnMm;
    if (!fits && columnWidthMm > 0) {
      leftMm += columnWidthMm + wallMm;
      columnWidthMm = 0;
    }
    const bottomMm = isSaid ? compartment.bottomMm : fits ? stacked : baseMm;
    doors.push({ ...compartment, leftMm, bottomMm });
    columnWidthMm = Math.max(columnWidthMm, compartment.widthMm);
    topMm = bottomMm + compartment.heightMm;
  }
  return {
    widthMm: leftMm + columnWidthMm + wallMm,
    heightMm: Math.max(0, ...doors.map((it) => it.bottomMm + it.heightMm)) + wallMm,
    doors,
  };
};
