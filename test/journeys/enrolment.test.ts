import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import mqtt from 'mqtt';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { startBanks } from '../../device-sim/run.ts';
import { Made } from '../../local/api-client.ts';
import { panel } from '../../local/panel.ts';
import { BankView } from '../../shared/api/banks.ts';
import { ControllerView } from '../../shared/api/controllers.ts';
import { type ClaimFiles, issueClaim, revokeClaim } from '../support/claim.ts';
import { invariantsHold } from '../support/invariants.ts';
import { becomes, createParcel, deposit, knownAtBank, Parcel, pinFor, readParcel } from '../support/parcel.ts';
import { type Bank, eventually, newTenant, ordinaryDoors, stack, type Tenant } from '../support/stack.ts';

/*
 * The life of a bank's controller on the real stack: claim, hook, template, certificates and policies of the engine. It
 * makes the private keys of enrolling controllers itself, as it answers nothing else; those of a rotation never leave them.
 */

const layout = ordinaryDoors(2);
const stateDir = join(stack.stateDir, 'banks');

/** A controller with that number is switched on, and nobody has given it a certificate. */
const switchedOn = async (claim: ClaimFiles, serialNumber: string): Promise<Bank> => {
  const { template, certFile, keyFile, answersCsr } = claim;
  const running = await startBanks(
    {
      mqtt: stack.mqtt,
      stateDir,
      claim: { template, certFile, keyFile, answersCsr },
      banks: [{ serialNumber, doors: layout }],
    },
    () => undefined,
  );
  const [{ id, controlUrl } = { id: '', controlUrl: '' }] = running.banks;
  return { id, siteId: '', doors: layout, controlUrl, panel: panel(controlUrl), stop: running.stop };
};

const Identity = z.object({ current: z.object({ cert: z.string(), key: z.string() }) });
const proofOf = (serialNumber: string) =>
  Identity.parse(JSON.parse(readFileSync(join(stateDir, 'controllers', serialNumber, 'controller.json'), 'utf8')))
    .current;

/** Somebody connects as that bank with what a controller had. */
const connects = async (bank: Pick<Bank, 'id'>, proof: { cert: string; key: string }): Promise<boolean> => {
  const { host, port, caFile } = stack.mqtt;
  const options = { ca: readFileSync(caFile), clientId: bank.id, protocolVersion: 5, reconnectPeriod: 0 } as const;
  try {
    const client = await mqtt.connectAsync(`mqtts://${host}:${port}`, { ...options, ...proof }, false);
    await client.endAsync(true);
    return true;
  } catch {
    return false;
  }
};

const certificateOf = async (bank: Bank): Promise<string> => String((await bank.panel.state()).certificateId);

const stage = async () => {
  const [tenant, other] = await Promise.all([newTenant(), newTenant()]);
  const [claim, foreign] = await Promise.all([issueClaim(tenant.id), issueClaim(other.id)]);
  const site = await tenant.api.post('/v1/sites', { name: 'Site', timeZone: 'UTC' }, Made);
  return { tenant, claim, foreign, siteId: site.id, serials: [1, 2].map((nth) => `LW-${tenant.id.slice(4)}-${nth}`) };
};

const bankNow = (tenant: Tenant, id: string): Promise<BankView> => tenant.api.get(`/v1/banks/${id}`, BankView);
const controllerOf = (tenant: Tenant, id: string): Promise<ControllerView> =>
  tenant.api.get(`/v1/banks/${id}/controller`, ControllerView);
const act = (tenant: Tenant, id: string, action: string, body: object) =>
  tenant.api.request('POST', `/v1/banks/${id}/${action}`, { body });

const takesPart = (tenant: Tenant, { id, panel: hands }: Bank): Promise<void> =>
  eventually(
    async () => {
      expect(await hands.state()).toMatchObject({ online: true, timeKnown: true, journal: { unacknowledged: 0 } });
      expect((await bankNow(tenant, id)).lifecycle).toBe('active');
    },
    { what: 'the bank takes part', within: 30_000 },
  );

describe('a controller', { timeout: 180_000 }, () => {
  it('enrols, changes its certificate, is cut off, is replaced, and its bank ends', async () => {
    const { tenant, claim, foreign, siteId, serials } = await stage();
    const [first = '', second = ''] = serials;

    await expect(switchedOn(claim, first)).rejects.toThrow('AccessDenied');
    const body = { siteId, name: 'Enrolling', layout, simulated: true, serialNumber: first };
    const { id } = await tenant.api.post('/v1/banks', body, Made);
    await expect(switchedOn(foreign, first)).rejects.toThrow('AccessDenied');
    expect(await tenant.api.request('POST', '/v1/banks', { body })).toMatchObject({
      status: 409,
      body: { code: 'already_exists', existing: id },
    });

    const bank = await switchedOn(claim, first);
    expect(bank.id).toBe(id);
    await takesPart(tenant, bank);
    const enrolled = await certificateOf(bank);
    expect(await controllerOf(tenant, id)).toMatchObject({ certificates: [{ id: enrolled, state: 'active' }] });
    const parcel = await createParcel(tenant, bank);
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await becomes(tenant, parcel.id, 'stored');

    const old = proofOf(first);
    expect(await act(tenant, id, 'rotate-certificate', { reason: 'once a year' })).toMatchObject({ status: 200 });
    const rotated = await eventually(
      async () => {
        const shown = await controllerOf(tenant, id);
        expect(shown).toMatchObject({ rotation: null, certificates: [{ state: 'active' }] });
        return shown;
      },
      { what: 'the bank has changed its certificate', within: 30_000 },
    );
    expect(rotated.certificates).toMatchObject([{ id: await certificateOf(bank) }]);
    expect(await certificateOf(bank)).not.toBe(enrolled);
    await takesPart(tenant, bank);
    await eventually(async () => expect(await connects(bank, old)).toBe(false), {
      what: 'nobody connects with the old certificate',
      within: 30_000,
    });
    await takesPart(tenant, bank);

    expect(await act(tenant, id, 'revoke-certificate', { reason: 'stolen' })).toMatchObject({
      body: { lifecycle: 'inactive', certificates: [] },
    });
    await eventually(async () => expect((await bank.panel.state()).online).toBe(false), {
      what: 'its connection has ended',
      within: 30_000,
    });
    expect(await connects(bank, proofOf(first))).toBe(false);
    expect((await bank.panel.state()).online).toBe(false);
    await bank.stop();

    expect(await act(tenant, id, 'replace-controller', { serialNumber: second, reason: 'stolen' })).toMatchObject({
      body: { lifecycle: 'provisioning', generation: 2 },
    });
    const other = await switchedOn(claim, second);
    expect(other.id).toBe(id);
    await takesPart(tenant, other);
    const reissued = await eventually(async () => {
      const shown = await readParcel(tenant, parcel.id);
      expect(shown.credentials.filter((it) => it.state === 'active')).toMatchObject([{ step: 'pickup', atBank: true }]);
      expect(shown.credentials.map(({ state }) => state)).toContain('superseded');
      return shown;
    });
    expect(reissued).toMatchObject({ state: 'stored', door: parcel.door });
    expect(await other.panel.enter(pinFor(parcel, 'pickup'))).toMatchObject({ granted: false });

    expect(await act(tenant, id, 'decommission', { reason: 'the station is rebuilt' })).toMatchObject({
      status: 409,
      body: { code: 'conflict' },
    });
    const pickup = reissued.credentials.find((it) => it.state === 'active')?.id;
    const again = await tenant.api.post(`/v1/transactions/${parcel.id}/credentials/${pickup}/resend`, {}, Parcel);
    await knownAtBank(tenant, parcel.id);
    const value = again.credentials.find((it) => it.value !== undefined)?.value ?? '';
    expect(await other.panel.enter(value)).toMatchObject({ granted: true, door: parcel.door });
    await other.panel.clear(parcel.door ?? '');
    await becomes(tenant, parcel.id, 'completed');
    await invariantsHold({ tenants: [tenant], banks: [], quiet: true });

    expect(await act(tenant, id, 'decommission', { reason: 'the station is rebuilt' })).toMatchObject({
      body: { lifecycle: 'decommissioned', serialNumber: null },
    });
    await eventually(async () => expect((await other.panel.state()).online).toBe(false), {
      what: 'the connection of a bank that is no more has ended',
      within: 30_000,
    });
    await other.stop();
  });

  it('is not let in with a claim that was revoked', async () => {
    const { tenant, claim, siteId, serials } = await stage();
    const [serialNumber = ''] = serials;
    await tenant.api.post('/v1/banks', { siteId, name: 'Enrolling', layout, simulated: true, serialNumber }, Made);
    await revokeClaim(claim.claimId);
    await expect(switchedOn(claim, serialNumber)).rejects.toThrow();
  });
});
