import { isDeepStrictEqual } from 'node:util';
import { ConfigDocument } from '../device/config.ts';
import { shadowNames } from '../device/topics.ts';
import { type Bank, offlineSecondsOf } from '../domain/bank.ts';
import { issuerKeysOf } from '../domain/derived.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { thermalZonesOf } from '../domain/thermal.ts';
import { type Patch, replacing, type Shadows } from './shadows.ts';

/** What has to change so that a bank's `config` says how it is set up and whose tokens it takes; null if it does already. */
export const configPatch = (
  desired: Record<string, unknown>,
  { config, layout, agreedOfflineSeconds }: Pick<Bank, 'config' | 'layout' | 'agreedOfflineSeconds'>,
  rootKeys: RootKeys,
): Patch | null => {
  const known = ConfigDocument().safeParse(desired).data;
  const { thermalRanges: _, offlineSeconds: __, ...own } = config;
  const offlineSeconds = offlineSecondsOf({ config, ...(agreedOfflineSeconds && { agreedOfflineSeconds }) });
  const isLimited = Object.keys(offlineSeconds).length > 0;
  const thermalZones = thermalZonesOf({ layout, config });
  const issuerKeys = issuerKeysOf(rootKeys);
  const wanted = {
    ...own,
    issuerKeys,
    ...(isLimited && { offlineSeconds }),
    ...(thermalZones.length > 0 && { thermalZones }),
  };
  if (known && isDeepStrictEqual({ ...known, rev: 0 }, { ...wanted, rev: 0 })) return null;
  // The bank keeps the highest: a new key of ours is news as well as a change of its row.
  return replacing(desired, { ...wanted, rev: Math.max(config.rev, (known?.rev ?? -1) + 1) });
};

export const keepConfig = (shadows: Shadows, bank: Bank, rootKeys: RootKeys): Promise<void> =>
  shadows.change(bank.id, shadowNames.config, (desired) => configPatch(desired, bank, rootKeys));
