import { appendFileSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { type Latchwork, latchwork, orThrow } from '../client/index.ts';
import { startBanks } from '../device-sim/run.ts';
import type { Settings } from '../device-sim/settings.ts';
import { banksTakePart } from '../local/active-banks.ts';
import { bankIdentity } from '../local/bank-identity.ts';
import { createTenant } from '../local/create-tenant.ts';
import { largeBank } from '../local/demo-layouts.ts';
import type { Lifetime } from '../local/lifetime.ts';
import { type Panel, panel } from '../local/panel.ts';
import { localDir } from '../local/paths.ts';
import type { System } from '../local/system.ts';
import { until } from '../local/until.ts';
import type { PlayedBank } from './play.ts';

/** Where a day is played: an API, and banks that take part. */
export type Ground = { api: Latchwork; banks: Omit<PlayedBank, 'assetId'>[]; logFile: string };

const apiOf = (apiUrl: string, apiKey: string): Latchwork => latchwork({ baseUrl: apiUrl, apiKey, retries: 5 });

/** A tenant of its own in the local system, with so many new banks: what was played before is in nobody's way. */
export const localGround = async (system: System, count: number, seed: number, life: Lifetime): Promise<Ground> => {
  const dir = join(localDir, 'sim', String(Date.now()));
  mkdirSync(dir, { recursive: true });
  life.atEnd(({ failed }) => {
    if (!failed) rmSync(dir, { recursive: true, force: true });
  });
  const { apiKey } = await createTenant(system, system.outputs, 'Simulator');
  const api = apiOf(system.apiUrl, apiKey);
  const site = await orThrow(api.POST('/v1/sites', { body: { name: 'Simulated street', timeZone: 'Europe/Zurich' } }));
  const banks: Settings['banks'] = [];
  for (let nth = 1; nth <= count; nth += 1) {
    const name = `Simulated bank ${nth}`;
    const body = { siteId: site.id, name, layout: [...largeBank], simulated: true };
    const { id } = await orThrow(api.POST('/v1/banks', { body }));
    const identity = await bankIdentity(system, system.outputs, dir, id);
    banks.push({ id, name, ...identity, doors: [...largeBank], options: { contentsSensor: true, sensorLagMs: 0 } });
  }
  const control = { host: '127.0.0.1', port: 0 };
  const settings = { control, mqtt: system.mqtt, stateDir: join(dir, 'banks'), seed, banks };
  return ground(settings, system.apiUrl, apiKey, join(dir, 'banks.log'), life);
};

/** The banks of a file, at a system that is deployed somewhere. */
export const deployedGround = (
  endpoint: string,
  apiKey: string,
  settings: Settings,
  life: Lifetime,
): Promise<Ground> => {
  mkdirSync(settings.stateDir, { recursive: true });
  return ground(settings, endpoint, apiKey, join(settings.stateDir, 'banks.log'), life);
};

const ground = async (
  settings: Settings,
  apiUrl: string,
  apiKey: string,
  logFile: string,
  life: Lifetime,
): Promise<Ground> => {
  const running = await startBanks(settings, (line) => appendFileSync(logFile, `${line}\n`));
  life.atEnd(() => running.stop());
  const named = running.banks.map(({ id }, nth) => ({ id, name: settings.banks[nth]?.name || id }));
  // One after the other: fifty that are asked about at once keep the engine from letting any of them in.
  for (const bank of named) await banksTakePart({ apiUrl, tenants: [{ apiKey, banks: [bank] }] });
  const banks = running.banks.map(({ id, controlUrl }) => ({ id, controlUrl, hands: panel(controlUrl) }));
  return { api: apiOf(apiUrl, apiKey), banks, logFile };
};

const openAsStaff = async (
  api: Latchwork,
  bankId: string,
  door: string,
  hands: Panel,
  reason: string,
): Promise<void> => {
  await orThrow(api.POST('/v1/commands', { body: { bankId, door, reason } }));
  await until(`door ${door} of ${bankId} opens`, async () => (await hands.state()).doors[door]?.door === 'open');
};

const anAsset = { lengthMm: 300, widthMm: 200, heightMm: 100, massG: 1_000 };

/** Something to lend, in a door of its own. */
export const placeAsset = async (
  { api }: Pick<Ground, 'api'>,
  { id: bankId, hands }: Ground['banks'][number],
): Promise<string> => {
  const body = { bankId, name: 'Drill', item: anAsset };
  const { id, door } = await orThrow(api.POST('/v1/assets', { body }));
  await openAsStaff(api, bankId, door, hands, 'put in what is lent');
  await hands.fill(door);
  await until(`asset ${id} is in its door`, async () => (await assetOf(api, id)).state === 'home');
  return id;
};

/** Taken out again and lent no more, so that the next run finds the door free. */
export const removeAsset = async (
  { api }: Pick<Ground, 'api'>,
  { id: bankId, hands }: Ground['banks'][number],
  assetId: string,
): Promise<void> => {
  const { door } = await assetOf(api, assetId);
  const path = { params: { path: { assetId } } };
  await orThrow(api.POST('/v1/assets/{assetId}/retire', { ...path, body: { reason: 'the simulated day is over' } }));
  await openAsStaff(api, bankId, door, hands, 'take out what was lent');
  await hands.clear(door);
};

const assetOf = (api: Latchwork, assetId: string) =>
  orThrow(api.GET('/v1/assets/{assetId}', { params: { path: { assetId } } }));
