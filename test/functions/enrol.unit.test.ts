import { describe, expect, it } from 'vitest';
import { bankReaction } from '../../functions/bus/banks.ts';
import { enrolment } from '../../functions/device/enrol.ts';
import { claims } from '../../functions/operator/claims.ts';
import * as contract from '../../shared/api/controllers.ts';
import type { CertificateAnswer } from '../../shared/device/certificate.ts';
import type { Bank } from '../../shared/domain/bank.ts';
import { byHand, Controller } from '../../shared/domain/controller.ts';
import { Refusal } from '../../shared/domain/refusal.ts';
import { rootKeysFrom } from '../../shared/domain/root-key.ts';
import { controllerHandlers } from '../../shared/lambda/controllers.ts';
import { newId } from '../../shared/lambda/ids.ts';
import type { IssuedCertificate } from '../../shared/outside/certificates.ts';
import { certificateIdOf } from '../../shared/outside/dismissal.ts';
import { bankWrites, parseBank } from '../../shared/store/banks.ts';
import { CommitRow } from '../../shared/store/commit-row.ts';
import { controllerWrites } from '../../shared/store/controllers.ts';
import { keys } from '../../shared/store/rows.ts';
import type { Table } from '../../shared/store/table.ts';
import { bankOf, doorOf, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

const serialNumber = 'LW-1';
const now = Date.parse(startedAt);
const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

/** Certificates as AWS IoT keeps them, as far as we use them. */
const authority = () => {
  const valid = new Set<string>();
  const attached = new Set<string>();
  let made = 0;
  const find = async (id: string): Promise<IssuedCertificate> => ({ id, arn: `arn:cert/${id}`, pem: `PEM of ${id}` });
  return {
    valid,
    attached,
    create: async () => {
      made += 1;
      return find(`cert${made}`);
    },
    find,
    admit: async ({ id, arn }: IssuedCertificate, thing?: string) => {
      valid.add(id);
      if (thing) attached.add(arn);
    },
    attachedTo: async () => [...attached],
    dismiss: async (arn: string) => {
      valid.delete(certificateIdOf(arn));
      attached.delete(arn);
    },
  };
};

const tenantRow = (id: string) => ({
  ...keys.tenant(id),
  id,
  name: id,
  createdAt: startedAt,
  version: 1,
  hash: 'x'.repeat(64),
});

/** Two tenants with a claim each, and a bank of the first that waits for its controller. */
const stage = async (more: Partial<Bank> = {}) => {
  const table = memoryTable(tenantRow('ten_1'), tenantRow('ten_2'));
  const bank = bankOf([doorOf('1')], { lifecycle: 'provisioning', ...more });
  const certificates = authority();
  const ended: string[] = [];
  const answers: CertificateAnswer[] = [];
  const shadows = memoryShadows();
  const deps = { table, rootKeys: async () => rootKeys, newId, clock: () => now, certificates };
  const none = byHand(bank);
  await table.write([
    ...bankWrites(bank),
    ...controllerWrites(none, { ...none, serialNumber, certificates: [], version: 1 }),
  ]);
  const operate = claims({ ...deps, template: 'bank' });
  const own = await operate({ action: 'issue', tenantId: 'ten_1', name: 'own', csr: 'csr' });
  const foreign = await operate({ action: 'issue', tenantId: 'ten_2', name: 'foreign', csr: 'csr' });

  const hear = (over: Table = table) =>
    enrolment({
      ...deps,
      table: over,
      link: {
        answer: async (_bankId, answer) => {
          answers.push(answer);
        },
      },
    });
  /** What AWS IoT does with the hook's answer. */
  const enrols = async (claimCertificateId = own.claimId, serial = serialNumber): Promise<string | null> => {
    const made = await certificates.create();
    const answer = await hear()({
      claimCertificateId,
      certificateId: made.id,
      parameters: { SerialNumber: serial },
    });
    if (!answer?.allowProvisioning) return null;
    await certificates.admit(made, answer.parameterOverrides?.BankId);
    return made.id;
  };
  const reacts = (type: string) =>
    bankReaction({
      ...deps,
      things: { ensure: async () => undefined },
      shadows,
      sessions: {
        end: async (id) => {
          ended.push(id);
        },
      },
    })({ tenant: bank.tenant, subject: bank.id, type });
  const controller = async (): Promise<Controller> => Controller.parse(await table.get(keys.controller(bank.id)));
  const bankNow = async (): Promise<Bank> => parseBank((await table.get(keys.bank(bank.id))) ?? {});
  const sets = async (change: Partial<Bank>): Promise<void> => {
    const [write] = bankWrites({ ...(await bankNow()), ...change });
    if (write) await table.write([{ ...write, expects: 'anything' }]);
  };
  /** The answer, or the code of the refusal. */
  const act = async (
    route: { id: string },
    body: object,
    ifMatch?: number,
  ): Promise<contract.ControllerView | string> => {
    const call = {
      params: { bankId: bank.id },
      query: {},
      body,
      caller: { tenant: 'ten_1', apiKeyId: 'key_1', mode: 'live', scopes: [], system: null },
      now: startedAt,
      circumstances: { actor: { type: 'api_key', id: 'key_1' }, now: startedAt, newId },
      ifMatch,
      record: () => [],
    };
    try {
      const answer = await controllerHandlers(deps)[route.id]?.(call as never);
      return contract.ControllerView.parse(answer?.body);
    } catch (error) {
      if (error instanceof Refusal) return error.code;
      throw error;
    }
  };
  const told = () =>
    table
      .rows()
      .filter(({ PK, SK }) => PK === keys.bankLog(bank.id).PK && SK.startsWith('C#'))
      .flatMap((row) => CommitRow.parse(row).events)
      .map(({ type, actor }) => `${type} by ${actor.type}`);
  const asks = (rotation: string, certificateId: string, csr?: string) =>
    hear()({ bankId: bank.id, certificateId, rotation, ...(csr !== undefined && { csr }) });
  return {
    ...{ table, bank, certificates, ended, answers, shadows, own, foreign, operate },
    ...{ enrols, reacts, controller, bankNow, sets, act, told, asks },
  };
};

/** It has enrolled and reported. */
const active = async () => {
  const it = await stage();
  const first = await it.enrols();
  if (first === null) throw new Error('it was not let in');
  await it.sets({ lifecycle: 'active' });
  return { ...it, first };
};

const rotating = async () => {
  const it = await active();
  const asked = await it.act(contract.rotateCertificate, { reason: 'yearly' });
  if (typeof asked === 'string') throw new Error(asked);
  return { ...it, rotation: asked.rotation?.id ?? '' };
};

describe('the hook', () => {
  it('lets in the controller of a bank that waits for it, as that bank', async () => {
    const { enrols, controller, certificates, told } = await stage();
    const id = await enrols();
    expect(await controller()).toMatchObject({ certificates: [{ id, state: 'active' }] });
    expect(certificates.attached).toEqual(new Set([`arn:cert/${id}`]));
    expect(told()).toEqual(['bank.enrolled by bank']);
  });

  it.each([
    ['of a serial number that nobody registered', {}, 'LW-2', 'own'],
    ['of another tenant’s bank', {}, serialNumber, 'foreign'],
    ['of a bank that has one already', { lifecycle: 'active' }, serialNumber, 'own'],
    ['of a bank that was cut off', { lifecycle: 'inactive' }, serialNumber, 'own'],
    ['of a bank that is no more', { lifecycle: 'decommissioned' }, serialNumber, 'own'],
  ] as const)('lets in none %s', async (_, more, serial, whose) => {
    const it = await stage(more);
    expect(await it.enrols(it[whose].claimId, serial)).toBeNull();
    expect([it.certificates.attached.size, it.told()]).toEqual([0, []]);
  });

  it('lets in none with a claim that nobody issued, or that was revoked', async () => {
    const { enrols, operate, own, certificates } = await stage();
    expect(await enrols('forged')).toBeNull();
    await operate({ action: 'revoke', claimId: own.claimId, reason: 'lost' });
    expect(certificates.valid.has(own.claimId)).toBe(false);
    expect(await enrols()).toBeNull();
  });

  it('lets one in again that has not reported yet, and nobody with what it had before', async () => {
    const { enrols, reacts, controller, certificates } = await stage();
    const first = await enrols();
    const second = await enrols();
    await reacts('bank.enrolled');
    expect((await controller()).certificates).toMatchObject([{ id: second }]);
    expect(certificates.attached).toEqual(new Set([`arn:cert/${second}`]));
    expect(certificates.valid.has(first ?? '')).toBe(false);
  });

  it('lets one in whose bank is only just being given its thing, and nothing takes that back', async () => {
    const { enrols, reacts, certificates } = await stage();
    const attachedTo = certificates.attachedTo;
    let id: string | null = null;
    certificates.attachedTo = async () => {
      id = await enrols();
      return attachedTo();
    };
    await reacts('bank.registered');
    expect(certificates.attached).toEqual(new Set([`arn:cert/${id}`]));
  });

  it('lets one in while the journal of its bank writes at the same moment', async () => {
    const { table, enrols, told, act } = await stage();
    const write = table.write;
    let others = 1;
    table.write = async (writes) => {
      if (others > 0) {
        others -= 1;
        await act(contract.replaceController, { serialNumber, reason: 'at the same moment' });
      }
      return write(writes);
    };
    expect(await enrols()).not.toBeNull();
    expect(told()).toEqual(['bank.controller_replaced by api_key', 'bank.enrolled by bank']);
  });
});

describe('a rotation', () => {
  it('hands out a certificate beside the old one, and ends the old one once the new one was connected with', async () => {
    const { rotation, asks, first, answers, certificates, reacts, controller, ended, told } = await rotating();
    await asks(rotation, first, 'csr');
    const [{ certificatePem } = {}] = answers;
    const second = certificatePem?.replace('PEM of ', '') ?? '';
    expect(certificates.valid).toEqual(new Set([...certificates.valid, first, second]));
    expect((await controller()).certificates).toMatchObject([
      { id: first, state: 'active' },
      { id: second, state: 'pending' },
    ]);
    await reacts('bank.certificate_rotation_requested');
    expect(certificates.attached.size).toBe(2);

    await asks(rotation, second);
    expect(answers.at(-1)).toEqual({ rotation, done: true });
    await reacts('bank.certificate_rotated');
    expect(certificates.attached).toEqual(new Set([`arn:cert/${second}`]));
    expect(certificates.valid.has(first)).toBe(false);
    expect(ended).toEqual([]);
    expect(told().slice(1)).toEqual([
      'bank.certificate_rotation_requested by api_key',
      'bank.certificate_issued by bank',
      'bank.certificate_rotated by bank',
    ]);
  });

  it('is told to the bank in config, and is not any more once its controller is another one', async () => {
    const { rotation, reacts, shadows, act } = await rotating();
    await reacts('bank.certificate_rotation_requested');
    expect(shadows.desired('config')).toMatchObject({ rotation });
    await act(contract.replaceController, { serialNumber: 'LW-9', reason: 'broken' });
    await reacts('bank.controller_replaced');
    expect(shadows.desired('config')).not.toHaveProperty('rotation');
  });

  it('that is asked for twice with one request gives one certificate', async () => {
    const { rotation, asks, first, answers, told } = await rotating();
    await asks(rotation, first, 'csr');
    await asks(rotation, first, 'csr');
    expect(answers[1]).toEqual(answers[0]);
    expect(told().filter((it) => it.startsWith('bank.certificate_issued'))).toHaveLength(1);
  });

  it('that is asked for with another key gives another certificate, and forgets the one before', async () => {
    const { rotation, asks, first, controller, certificates, reacts } = await rotating();
    await asks(rotation, first, 'csr');
    await asks(rotation, first, 'another csr');
    const ids = (await controller()).certificates?.map(({ id }) => id) ?? [];
    expect(ids).toHaveLength(2);
    await asks(rotation, ids[1] ?? '');
    await reacts('bank.certificate_rotated');
    expect(certificates.attached).toEqual(new Set([`arn:cert/${ids[1]}`]));
  });

  it('that nobody ordered gives nothing', async () => {
    const { asks, first, answers, certificates } = await rotating();
    const before = certificates.valid.size;
    await asks('rot_forged', first, 'csr');
    expect([answers, certificates.valid.size]).toEqual([[], before]);
  });

  it('is not confirmed by the old certificate', async () => {
    const { rotation, asks, first, controller } = await rotating();
    await asks(rotation, first, 'csr');
    await asks(rotation, first);
    expect((await controller()).rotation?.id).toBe(rotation);
  });

  it('of a controller that was given its certificate by hand ends that one too', async () => {
    const { table, act, asks, reacts, certificates, answers, sets, bank } = await stage();
    await table.write([{ kind: 'other', expects: 'anything', remove: keys.controller(bank.id) }]);
    await sets({ lifecycle: 'active' });
    const given = await certificates.create();
    await certificates.admit(given, bank.id);
    const asked = await act(contract.rotateCertificate, { reason: 'yearly' });
    const rotation = typeof asked === 'string' ? asked : (asked.rotation?.id ?? '');
    expect(asked).toMatchObject({ certificates: null });
    await reacts('bank.certificate_rotation_requested');
    expect(certificates.valid.has(given.id)).toBe(true);
    await asks(rotation, given.id, 'csr');
    await asks(rotation, answers[0]?.certificatePem?.replace('PEM of ', '') ?? '');
    await reacts('bank.certificate_rotated');
    expect(certificates.valid.has(given.id)).toBe(false);
  });
});

describe('a revocation', () => {
  it('ends all certificates and the connection, and the bank takes no part any more', async () => {
    const { act, reacts, certificates, ended, first, bankNow, bank } = await active();
    expect(await act(contract.revokeCertificate, { reason: 'stolen' })).toMatchObject({
      certificates: [],
      lifecycle: 'inactive',
    });
    await reacts('bank.certificate_revoked');
    expect([certificates.valid.has(first), certificates.attached.size, ended]).toEqual([false, 0, [bank.id]]);
    expect((await bankNow()).lifecycle).toBe('inactive');
    // The event comes again: there is nothing left to end.
    await reacts('bank.certificate_revoked');
    expect(ended).toEqual([bank.id]);
  });

  it('of one of two leaves the other', async () => {
    const { rotation, asks, first, act, reacts, certificates, controller } = await rotating();
    await asks(rotation, first, 'csr');
    const pending = (await controller()).certificates?.[1]?.id ?? '';
    const after = await act(contract.revokeCertificate, { certificateId: pending, reason: 'seen elsewhere' });
    expect(after).toMatchObject({ certificates: [{ id: first }], lifecycle: 'active' });
    await reacts('bank.certificate_revoked');
    expect(certificates.attached).toEqual(new Set([`arn:cert/${first}`]));
  });

  it('of one that the bank does not have is refused', async () => {
    const { act } = await active();
    expect(await act(contract.revokeCertificate, { certificateId: 'nobody’s', reason: 'x' })).toBe('not_found');
  });
});

describe('a replaced controller', () => {
  it('is let in as the same bank, while the old one is not', async () => {
    const { act, enrols, reacts, own, ended, bank, first, certificates } = await active();
    expect(await act(contract.replaceController, { serialNumber: 'LW-2', reason: 'broken' })).toMatchObject({
      generation: 2,
      serialNumber: 'LW-2',
      lifecycle: 'provisioning',
    });
    await reacts('bank.controller_replaced');
    expect([ended, certificates.valid.has(first)]).toEqual([[bank.id], false]);
    expect(await enrols()).toBeNull();
    expect(await enrols(own.claimId, 'LW-2')).not.toBeNull();
  });

  it('may have the number of the old one: it is the same box, wiped', async () => {
    const { act, enrols } = await active();
    await act(contract.replaceController, { serialNumber, reason: 'wiped' });
    expect(await enrols()).not.toBeNull();
  });

  it('cannot be one that another bank waits for', async () => {
    const { act, table } = await active();
    const other = { ...byHand({ tenant: 'ten_1', id: 'bnk_2' }), serialNumber: 'LW-2', version: 1 };
    await table.write(controllerWrites(byHand({ tenant: 'ten_1', id: 'bnk_2' }), other));
    expect(await act(contract.replaceController, { serialNumber: 'LW-2', reason: 'x' })).toBe('already_exists');
  });

  it('is not written over what was not read', async () => {
    const { act } = await active();
    expect(await act(contract.replaceController, { serialNumber: 'LW-2', reason: 'x' }, 1)).toBe('precondition_failed');
    expect(await act(contract.replaceController, { serialNumber: 'LW-2', reason: 'x' }, 2)).toMatchObject({
      serialNumber: 'LW-2',
    });
  });
});

describe('the end of a bank', () => {
  it('leaves its serial number to others, and nobody connected', async () => {
    const { act, reacts, ended, bank, table, certificates } = await active();
    expect(await act(contract.decommissionBank, { reason: 'closed' })).toMatchObject({ lifecycle: 'decommissioned' });
    await reacts('bank.decommissioned');
    expect([ended, certificates.attached.size]).toEqual([[bank.id], 0]);
    expect(await table.get(keys.serialNumber('ten_1', serialNumber))).toBeUndefined();
  });

  it('is the end', async () => {
    const { act, enrols } = await active();
    await act(contract.decommissionBank, { reason: 'closed' });
    for (const [route, body] of [
      [contract.decommissionBank, {}],
      [contract.rotateCertificate, {}],
      [contract.revokeCertificate, {}],
      [contract.replaceController, { serialNumber: 'LW-2' }],
    ] as const)
      expect(await act(route, { reason: 'x', ...body })).toBe('invalid_transition');
    expect(await enrols()).toBeNull();
  });
});
