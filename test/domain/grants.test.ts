import { describe, expect, it } from 'vitest';
import { AccessMethod, type Step } from '#shared/device/access.ts';
import { defaultBankConfig } from '#shared/device/config.ts';
import { DoorGrants, DoorsDocument, GrantsDocument } from '#shared/device/shadow.ts';
import { doorsPerShadow, shadowBytesMax, shadowNames } from '#shared/device/topics.ts';
import { resend } from '#shared/domain/access.ts';
import { doorsPerBankMax, type LayoutDoor } from '#shared/domain/bank.ts';
import { order } from '#shared/domain/commanding.ts';
import { changed, newCompartment } from '#shared/domain/compartment.ts';
import type { Credential } from '#shared/domain/credential.ts';
import { broughtVerifier, verifiersAt } from '#shared/domain/derived.ts';
import { doorGrants, whyNot } from '#shared/domain/grants.ts';
import { cancel, expireIfDue, hold } from '#shared/domain/lifecycle.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs, instant, plusSeconds } from '#shared/domain/time.ts';
import type { Transaction } from '#shared/domain/transaction.ts';
import { newId } from '#shared/lambda/ids.ts';
import { sendCommand } from '#shared/outside/door-commands.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { compartmentWrite } from '#shared/store/commit.ts';
import { bankOf, Cloud, doorOf, hours, Journal, minutes, reserved, startedAt } from './cloud-and-bank.ts';

const of = 'txn_1';
const seconds = (at: string): number => epochMs(at) / 1000;
const verifierOf = ({ id }: Credential): string => `verifier of ${id}`;
const grantsOf = (it: Transaction) => doorGrants(it, verifierOf).grants;

const parcel = (live: (cloud: Cloud, journal: Journal) => void = () => undefined): Transaction => {
  const cloud = new Cloud([doorOf('1')]);
  cloud.reserve(of);
  live(cloud, new Journal());
  return cloud.transaction(of);
};
const deposited = (cloud: Cloud, journal: Journal) => cloud.learn(journal.deposited(of, '1', minutes(2)));
const cancelled = (cloud: Cloud) => cloud.decide(of, (it, at, fresh, now) => cancel(it, at, 'by_caller', fresh, now));
const overdue = (cloud: Cloud) => {
  cloud.now = hours(80);
  cloud.decide(of, expireIfDue);
};

describe('what a bank may decide alone', () => {
  it('is both steps from the first moment on, the pickup after the deposit', () => {
    expect(doorGrants(parcel(), verifierOf)).toEqual({
      transactionId: of,
      version: 2,
      grants: [
        {
          id: `${of}_p`,
          step: 'pickup',
          after: `${of}_d`,
          within: 72 * 3600,
          method: 'pin',
          verifier: `verifier of ${of}_p`,
          notBefore: seconds(startedAt),
          notAfter: seconds(hours(120)),
          uses: 1,
        },
        {
          id: `${of}_d`,
          step: 'deposit',
          method: 'pin',
          verifier: `verifier of ${of}_d`,
          notBefore: seconds(startedAt),
          notAfter: seconds(hours(24)),
          uses: 1,
        },
      ],
    });
  });

  it('needs no proof of the deposit once the cloud has it', () => {
    const [pickup, ...others] = grantsOf(parcel(deposited));
    expect(others).toEqual([]);
    expect(pickup).toMatchObject({ step: 'pickup', notAfter: seconds(plusSeconds(minutes(2), 72 * 3600)) });
    expect(pickup).not.toHaveProperty('after');
  });

  it('waits for the credential that the courier has now, not for the one that was replaced', () => {
    const it = parcel((cloud) => cloud.decide(of, (each, _at, fresh) => resend(each, `${of}_d`, fresh)));
    const [first, second] = grantsOf(it);
    const courier = it.credentials.at(-1)?.id;
    expect(first).toMatchObject({ step: 'pickup', after: courier });
    expect(second).toMatchObject({ step: 'deposit', id: courier });
  });

  it('is whole seconds, rounded so that nothing ends early', () => {
    const it = reserved();
    const odd = it.credentials.map((c) => ({ ...c, notBefore: instant(10_900), notAfter: instant(20_001) }));
    expect(grantsOf({ ...it, credentials: odd })[0]).toMatchObject({ notBefore: 10, notAfter: 21 });
  });

  it.each<[string, Transaction, [Step, string | undefined][]]>([
    [
      'a hold blocks the pickup only',
      parcel((cloud) => cloud.decide(of, (it) => hold(it, 'customs'))),
      [
        ['pickup', 'on_hold'],
        ['deposit', undefined],
      ],
    ],
    [
      'a hold after the deposit',
      parcel((cloud, journal) => {
        deposited(cloud, journal);
        cloud.decide(of, (it) => hold(it, 'customs'));
      }),
      [['pickup', 'on_hold']],
    ],
    [
      'a cancellation leaves only staff a right',
      parcel((cloud, journal) => {
        deposited(cloud, journal);
        cancelled(cloud);
      }),
      [
        ['recall', undefined],
        ['pickup', 'credential_revoked'],
      ],
    ],
    [
      'the pickup deadline tells the recipient that it is too late',
      parcel((cloud, journal) => {
        deposited(cloud, journal);
        overdue(cloud);
      }),
      [
        ['recall', undefined],
        ['pickup', 'too_late'],
      ],
    ],
    [
      'even staff’s right is untouched by a hold',
      parcel((cloud, journal) => {
        deposited(cloud, journal);
        cloud.decide(of, (it) => hold(it, 'customs'));
        overdue(cloud);
      }),
      [
        ['recall', undefined],
        ['pickup', 'too_late'],
      ],
    ],
  ])('%s', (_what, it, expected) => {
    expect(grantsOf(it).map((each) => [each.step, each.blocked])).toEqual(expected);
  });

  it('is never more than four grants a door: first what opens, then the newest', () => {
    const it = parcel();
    const [deposit, pickup] = it.credentials;
    if (!deposit || !pickup) throw new Error('a parcel has both');
    const dead = Array.from({ length: 6 }, (_, nth) => ({ ...pickup, id: `crd_${nth}`, state: 'revoked' as const }));
    const many = grantsOf({ ...it, credentials: [...dead, deposit, pickup] });
    expect(many.map((each) => each.id)).toEqual([`${of}_p`, `${of}_d`, 'crd_5', 'crd_4']);
    expect(
      DoorGrants.safeParse(doorGrants({ ...it, credentials: many.length ? it.credentials : [] }, verifierOf)).success,
    ).toBe(true);
  });

  it.each(['used', 'superseded'] as const)('says nothing of what is %s', (state) => {
    const it = parcel();
    expect(grantsOf({ ...it, credentials: it.credentials.map((c) => ({ ...c, state })) })).toEqual([]);
  });
});

describe('a credential that the bank asks about', () => {
  const pickup = (it: Transaction): Credential => {
    const found = it.credentials.find((c) => c.step === 'pickup');
    if (!found) throw new Error('a parcel has a pickup');
    return found;
  };
  const stored = parcel(deposited);
  const held = parcel((cloud, journal) => {
    deposited(cloud, journal);
    cloud.decide(of, (it) => hold(it, 'customs'));
  });

  it.each<[string | null, Transaction, Partial<Credential>]>([
    [null, stored, {}],
    ['compartment_empty', parcel(), {}],
    ['too_early', stored, { notBefore: hours(60) }],
    ['too_late', stored, { notAfter: minutes(30) }],
    ['too_late', stored, { state: 'expired' }],
    ['credential_revoked', stored, { state: 'revoked' }],
    ['credential_revoked', stored, { state: 'used' }],
    ['credential_revoked', stored, { state: 'superseded' }],
    ['on_hold', held, {}],
  ])('is answered %s', (reason, it, more) => {
    expect(whyNot(it, { ...pickup(it), ...more }, hours(1))?.reason ?? null).toBe(reason);
  });
});

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(32), older: {} });
const bytes = (value: unknown): number => Buffer.byteLength(JSON.stringify(value));

/** Every field as long as it gets. */
describe('a bank of 120 doors whose every door is taken and every command open', () => {
  const layout: LayoutDoor[] = Array.from({ length: doorsPerBankMax }, (_, nth) =>
    doorOf(`D-${String(100_000 + nth)}`, {
      heightMm: [1_200, 600, 400, 300, 200, 120][nth % 6] ?? 120,
      thermalClass: (['ambient', 'refrigerated', 'frozen', 'heated'] as const)[nth % 4] ?? 'ambient',
      bottomMm: 100 + (nth % 10) * 165,
    }),
  );
  const offlineSeconds = Object.fromEntries(AccessMethod.options.map((method) => [method, 31_536_000]));
  const bank = bankOf(layout, {
    id: newId('bnk'),
    name: 'N'.repeat(120),
    tenant: newId('ten'),
    siteId: newId('sit'),
    config: { ...defaultBankConfig, locale: 'de-CH', offlineSeconds },
  });

  const shapes = ['waiting', 'over', 'labelled'] as const;
  const full = (door: string, shape: (typeof shapes)[number]): Transaction => {
    const it = { ...reserved(newId('txn'), door), label: 'L'.repeat(22), scanAt: 'deposit,pickup' };
    const [deposit, pickup] = it.credentials;
    if (!deposit || !pickup) throw new Error('a parcel has both');
    const credential = (of: Credential, state: Credential['state']) => ({ ...of, id: newId('crd'), state });
    // The longest words that there are, and a verifier for each.
    const label = (of: Credential, state: Credential['state']): Credential => ({
      ...credential(of, state),
      method: 'barcode',
      verifier: broughtVerifier(rootKeys, { bankId: bank.id, bankKey: bank.bankKey }, 'barcode', 'A-1001'),
    });
    if (shape === 'labelled')
      return {
        ...it,
        version: 99_999,
        preconditions: [{ condition: 'identity' }],
        tolerance: { earlySeconds: 86_400, lateSeconds: 86_400 },
        credentials: [label(deposit, 'active'), ...Array.from({ length: 3 }, () => label(pickup, 'issued'))],
      };
    const credentials =
      shape === 'waiting'
        ? [credential(deposit, 'active'), ...Array.from({ length: 3 }, () => credential(pickup, 'issued'))]
        : [...Array.from({ length: 3 }, () => credential(deposit, 'revoked')), credential(pickup, 'revoked')];
    return { ...it, version: 99_999, flags: shape === 'waiting' ? ['held'] : [], credentials };
  };

  const documents = (shape: (typeof shapes)[number]) =>
    Array.from({ length: Math.ceil(layout.length / doorsPerShadow.grants) }, (_, k) => {
      const doors = layout.slice(k * doorsPerShadow.grants, (k + 1) * doorsPerShadow.grants);
      const entries = doors.map(({ door }) => [
        door,
        doorGrants(full(door, shape), (it) => verifiersAt(rootKeys, { bankId: bank.id, bankKey: bank.bankKey })(it)),
      ]);
      return { rev: 999_999_999, ...Object.fromEntries(entries) };
    });

  it.each(shapes)('has four grants a door in 15 shadows that each fit, %s', (shape) => {
    const all = documents(shape);
    expect(all).toHaveLength(15);
    for (const desired of all) {
      const read = GrantsDocument.parse(desired);
      const doors = Object.values(read).filter((it) => typeof it !== 'number');
      expect(doors.map((it) => it.grants.length)).toEqual(Array(8).fill(4));
      expect(bytes({ desired, reported: {} })).toBeLessThanOrEqual(shadowBytesMax);
    }
  });

  it('has its commands and what it reports of its doors in 5 shadows that each fit', async () => {
    const desired = new Map<string, Record<string, unknown>>();
    const shadows: Parameters<typeof sendCommand>[0] = {
      change: async (_bankId, name, decide) => {
        const before = desired.get(name) ?? {};
        desired.set(name, { ...before, ...(await decide(before)) });
      },
    };
    for (const [position, { door }] of layout.entries()) {
      const compartment = changed(newCompartment(door), { heldBy: newId('txn') }, true);
      const input = { id: newId('cmd'), reason: 'all at once', notAfter: hours(1), credential: null };
      const { command } = order(bank, compartment, null, input, startedAt);
      await sendCommand(shadows, command.after, position);
    }
    const longest = { is: 'closed unknown jammed' };
    expect([...desired.keys()]).toEqual(shadowNames.all(120).filter((it) => it.startsWith('doors-')));
    for (const document of desired.values()) {
      const doors = Object.keys(DoorsDocument.parse(document));
      expect(doors).toHaveLength(24);
      const reported = Object.fromEntries(doors.map((door) => [door, longest]));
      expect(bytes({ desired: document, reported })).toBeLessThanOrEqual(shadowBytesMax);
    }
  });

  it('has a row of at most 4 KB, and one of at most 300 bytes for each door', () => {
    const [row] = bankWrites(bank);
    expect(itemBytes(row && 'put' in row ? row.put : {})).toBeLessThanOrEqual(4_096);
    for (const { door } of layout) {
      const before = newCompartment(door);
      const after = changed(
        before,
        {
          heldBy: newId('txn'),
          commandId: newId('cmd'),
          contents: 'unknown',
          lock: 'jammed',
          until: epochMs(startedAt),
          wear: 999_999,
          lastEntry: { journalId: `jnl_${'0'.repeat(24)}`, seq: 99_999, at: epochMs(startedAt) },
        },
        true,
      );
      const write = compartmentWrite(bank.id, { before, after });
      expect(itemBytes('put' in write ? write.put : {})).toBeLessThanOrEqual(300);
    }
  });
});

/** As DynamoDB counts an item: names and texts in UTF-8, two digits of a number a byte and one more, 3 for a list or map. */
const itemBytes = (item: Record<string, unknown>): number =>
  Object.entries(item).reduce((sum, [name, value]) => sum + Buffer.byteLength(name) + valueBytes(value), 0);

const valueBytes = (value: unknown): number => {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return Math.ceil(String(value).length / 2) + 1;
  if (typeof value !== 'object' || value === null) return 1;
  const parts = Array.isArray(value) ? value.map(valueBytes) : [itemBytes({ ...value })];
  return 3 + Object.keys(value).length + parts.reduce((sum, it) => sum + it, 0);
};
