import type { ThermalRange } from '../device/config.ts';
import type { Bank, ThermalClass } from './bank.ts';

/**
 * What each thermal class promises, unless the bank says otherwise. Chilled food in the EU and the UK is kept at 8 °C at
 * most, frozen at -18 °C with 3 degrees for transport, hot at 63 °C at least. A door that is loaded warms up for some
 * minutes.
 */
export const usualRanges: Record<ThermalClass, ThermalRange | null> = {
  ambient: null,
  refrigerated: { minC: 0, maxC: 8, afterSeconds: 900 },
  frozen: { minC: -40, maxC: -15, afterSeconds: 900 },
  heated: { minC: 63, maxC: 95, afterSeconds: 900 },
};

/** The compartments of a bank whose temperature it is to watch: one zone per class that is built there. */
export const thermalZonesOf = ({
  layout,
  config,
}: Pick<Bank, 'layout' | 'config'>): (ThermalRange & { doors: string[] })[] => {
  const classes = [...new Set(layout.map((it) => it.thermalClass))];
  return classes.flatMap((thermalClass) => {
    const range = config.thermalRanges?.[thermalClass] ?? usualRanges[thermalClass];
    const doors = layout.filter((it) => it.thermalClass === thermalClass).map((it) => it.door);
    return range === null ? [] : [{ ...range, doors }];
  });
};
