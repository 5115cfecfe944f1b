/** The compartments of the demo banks: columns of mixed sizes, and in the large one some that cool, freeze and heat. */

type Column = {
  thermalClass: 'ambient' | 'refrigerated' | 'frozen' | 'heated';
  widthMm: number;
  /** From the ground up. */
  heightsMm: readonly number[];
};

export type LayoutDoor = ReturnType<typeof doors>[number];

const depthMm = 500;
/** The base of a bank: the lowest floor is this far above the ground. */
const baseMm = 100;
/** What stands between two compartments. */
const shelfMm = 20;

const ambient = { thermalClass: 'ambient', widthMm: 440 } as const;

export const smallBank = doors([
  { ...ambient, heightsMm: [600, 400, 200, 120, 120, 120] },
  { ...ambient, heightsMm: [400, 400, 200, 200, 120, 120] },
]);

export const largeBank = doors([
  { ...ambient, heightsMm: [600, 400, 200, 120, 120, 120] },
  { ...ambient, heightsMm: [400, 400, 200, 200, 120, 120] },
  { thermalClass: 'refrigerated', widthMm: 440, heightsMm: [400, 400, 300, 300] },
  { thermalClass: 'frozen', widthMm: 440, heightsMm: [400, 400, 300, 300] },
  { thermalClass: 'heated', widthMm: 440, heightsMm: [400, 400, 300, 300] },
]);

function doors(columns: readonly Column[]) {
  return columns
    .flatMap(({ thermalClass, widthMm, heightsMm }) => {
      let bottomMm = baseMm;
      return heightsMm.map((heightMm) => {
        const compartment = { widthMm, heightMm, depthMm, maxMassG: 20_000, thermalClass, bottomMm };
        bottomMm += heightMm + shelfMm;
        return compartment;
      });
    })
    .map((compartment, position) => ({ door: String(position + 1), ...compartment }));
}
