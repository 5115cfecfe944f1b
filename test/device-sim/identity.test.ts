import { createPrivateKey } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import {
  csrFor,
  der,
  ecdsaWithSha256,
  nameOf,
  newPrivateKey,
  publicKeyOf,
  sequence,
  signedPem,
} from '../../device-sim/csr.ts';
import { openIdentity, readIdentity } from '../../device-sim/identity.ts';
import { openStore } from '../../device-sim/store.ts';

const dir = mkdtempSync(join(tmpdir(), 'latchwork-identity-'));
afterAll(() => rmSync(dir, { recursive: true }));

/** A certificate that the owner of the key signed for itself, good for this century (RFC 5280). */
const selfSigned = (key = newPrivateKey()): { cert: string; key: string } => {
  const one = der(0x02, Buffer.from([1]));
  const times = ['260101000000Z', '491231235959Z'].map((it) => der(0x17, Buffer.from(it)));
  const name = nameOf('somebody');
  const owner = createPrivateKey(key);
  const said = [one, sequence(ecdsaWithSha256), name, sequence(...times), name, publicKeyOf(owner)];
  return { key, cert: signedPem('CERTIFICATE', sequence(...said), owner) };
};
const keyOnItsWay = (folder: string): string =>
  z
    .object({ next: z.object({ key: z.string() }) })
    .parse(JSON.parse(readFileSync(join(folder, 'controller.json'), 'utf8'))).next.key;

describe('a request for a certificate', () => {
  it('holds no private key', () => {
    const key = newPrivateKey();
    const secret = createPrivateKey(key).export({ format: 'jwk' }).d ?? '';
    const csr = Buffer.from(csrFor(key, 'bnk_1').replaceAll(/-----.*-----|\s/g, ''), 'base64');
    expect(csr.includes(Buffer.from(secret, 'base64url'))).toBe(false);
  });
});

describe('an identity', () => {
  const given = selfSigned();

  it('is kept where only its owner may read it, and outlives a restart', async () => {
    const folder = join(dir, 'kept');
    const identity = await openIdentity(folder, { bankId: 'bnk_1', ...given });
    expect(identity.proof(0)).toEqual({ ...given, rotation: null });
    expect(statSync(join(folder, 'controller.json')).mode & 0o077).toBe(0);
    expect((await readIdentity(folder))?.certificateId()).toBe(identity.certificateId());
    expect(await readIdentity(join(dir, 'nobody'))).toBeNull();
  });

  it('tries the new one and the old one in turns until the new one is settled', async () => {
    const folder = join(dir, 'turns');
    const identity = await openIdentity(folder, { bankId: 'bnk_1', ...given });
    await identity.request('rot_1');
    expect(identity.proof(0).rotation).toBeNull();
    const { cert } = selfSigned(keyOnItsWay(folder));
    expect(await identity.accept('rot_1', cert)).toBe(true);
    const again = await openIdentity(folder, { bankId: 'bnk_1', ...given });
    expect([0, 1, 2].map((nth) => again.proof(nth).rotation)).toEqual(['rot_1', null, 'rot_1']);
    await again.settle();
    expect([0, 1].map((nth) => again.proof(nth).cert)).toEqual([cert, cert]);
  });

  it('takes no certificate for a key of somebody else, nor of another rotation', async () => {
    const identity = await openIdentity(join(dir, 'others'), { bankId: 'bnk_1', ...given });
    await identity.request('rot_1');
    expect(await identity.accept('rot_1', given.cert)).toBe(false);
    expect(await identity.accept('rot_2', given.cert)).toBe(false);
    expect(identity.proof(0)).toEqual({ ...given, rotation: null });
  });

  it('asks with the same key again, also after a restart', async () => {
    const folder = join(dir, 'again');
    const first = await openIdentity(folder, { bankId: 'bnk_1', ...given });
    await first.request('rot_1');
    const before = keyOnItsWay(folder);
    await (await openIdentity(folder, { bankId: 'bnk_1', ...given })).request('rot_1');
    expect(keyOnItsWay(folder)).toBe(before);
  });

  it('that was given another certificate by hand goes by that', async () => {
    const folder = join(dir, 'by-hand');
    await openIdentity(folder, { bankId: 'bnk_1', ...given });
    const other = selfSigned();
    expect((await openIdentity(folder, { bankId: 'bnk_1', ...other })).proof(0).cert).toBe(other.cert);
  });
});

describe('another controller at the same doors', () => {
  const layout = {
    bankId: 'bnk_1',
    doors: ['1'],
    contentsSensor: true,
    sensorLagMs: 0,
    batteryBackedClock: undefined,
  };

  it('has a disk of its own, and finds the doors as they are', async () => {
    const folder = join(dir, 'bank');
    const first = await openStore(folder, layout, 1, 'LW-1');
    const door = first.durable.doors['1'];
    if (!door) throw new Error('no door');
    const filled = { ...door, actual: { ...door.actual, inside: 'filled' as const } };
    await first.append({ doors: { 1: filled }, boots: 3 }, { lazy: false });
    await first.close();
    const same = await openStore(folder, layout, 2, 'LW-1');
    expect(same.durable).toMatchObject({ boots: 3, journalId: first.durable.journalId });
    await same.close();
    const other = await openStore(folder, layout, 3, 'LW-2');
    expect(other.durable).toMatchObject({ boots: 0, key: null, doors: { 1: { actual: { inside: 'filled' } } } });
    expect(other.durable.journalId).not.toBe(first.durable.journalId);
    await other.close();
  });
});
