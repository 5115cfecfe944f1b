import { isDeepStrictEqual } from 'node:util';
import { ConfigDocument } from '../device/config.ts';
import { shadowNames } from '../device/topics.ts';
import { type Bank, offlineSecondsOf } from '../domain/bank.ts';
import { issuerKeysOf } from '../domain/derived.ts';
import type { RootKeys } from '../domain/root-key.ts';
import { thermalZonesOf } from '../domain/thermal.ts';
import { keepTrue, type Patch, replacing, type Shadows } from './shadows.ts';

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

/** `bankNow`: the bank as it surely is; another call may be at the same with one that is older, or newer. */
export const keepConfig = (
  shadows: Shadows,
  bankId: string,
  bankNow: () => Promise<Bank | null>,
  rootKeys: RootKeys,
): Promise<void> =>
  keepTrue(shadows, bankId, shadowNames.config, async (desired) => {
    const bank = await bankNow();
    return bank && configPatch(desired, bank, rootKeys);
  });
