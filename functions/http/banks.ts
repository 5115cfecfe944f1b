import { isDeepStrictEqual } from 'node:util';
import * as contract from '#shared/api/banks.ts';
import * as controllers from '#shared/api/controllers.ts';
import { defaultBankConfig } from '#shared/device/config.ts';
import { type Bank, setUpOf } from '#shared/domain/bank.ts';
import { ChainHead } from '#shared/domain/chain-head.ts';
import { type Compartment, changed, inService, outOfServiceSince } from '#shared/domain/compartment.ts';
import type { Presence } from '#shared/domain/connectivity.ts';
import { byHand } from '#shared/domain/controller.ts';
import { pinDigitsFor } from '#shared/domain/credential.ts';
import { apply, born, type Emission } from '#shared/domain/decision.ts';
import { healthOf, periodAsked } from '#shared/domain/health.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { Site } from '#shared/domain/site.ts';
import { compartmentView, connectionOf } from '#shared/lambda/bank-view.ts';
import { controllerHandlers } from '#shared/lambda/controllers.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { requireFields } from '#shared/lambda/problem.ts';
import { registerVendor } from '#shared/lambda/vendors.ts';
import { live } from '#shared/live.ts';
import { bankUpdate, bankWrites, readBankAndDoor, readBankDoorAndLog, readBankWithDoors } from '#shared/store/banks.ts';
import { commitBankLog, commitCompartmentLog, compartmentWrites } from '#shared/store/commit.ts';
import { controllerWrites } from '#shared/store/controllers.ts';
import { readBankHealth } from '#shared/store/health.ts';
import { readBankWithPresence, readPresence } from '#shared/store/presence.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

/** Whether it is online changes without the bank: its tag says nothing of that. */
const answer = (bank: Bank, presence: Presence | null): Answer => ({
  body: contract.BankView.parse({ ...bank, ...connectionOf(presence) }),
  etag: bank.version,
});

const notFound = (what: string): Refusal => new Refusal('not_found', `there is no ${what}`);

const serviceEmission = (reason: string | null): Emission<ChainHead> =>
  reason === null
    ? { type: 'compartment.returned_to_service', set: {} }
    : { type: 'compartment.out_of_service', set: {}, data: { reason } };

/** Another reason does not begin it anew. */
const keptSince = ({ outOfService, outOfServiceAt }: Compartment): Partial<Compartment> =>
  outOfService === null ? {} : { outOfServiceAt };

const settingsOf = ({ locale, offlineSeconds }: Pick<Bank['config'], 'locale' | 'offlineSeconds'>) => ({
  ...(locale !== undefined && { locale }),
  ...(offlineSeconds !== undefined && { offlineSeconds }),
});

export type BankDeps = HttpDeps & {
  /** Vendors may be private, and plain HTTP: for a stage whose vendors run on the same machine. */
  allowLoopback: boolean;
};

export const bankHandlers = (deps: BankDeps): Handlers => ({
  ...controllerHandlers(deps),

  [contract.createBank.id]: async ({ body, caller, now, circumstances, record }: Call<typeof contract.createBank>) => {
    const siteRow = await deps.table.get(keys.site(caller.tenant, body.siteId));
    if (siteRow === undefined) throw notFound(`site ${body.siteId}`);
    const pinDigits = pinDigitsFor(body.layout.length, defaultBankConfig.guessesPerDay);
    if (pinDigits === null) {
      const detail = 'has too many doors for PINs of at most 8 digits';
      throw new Refusal('invalid_request', `the layout ${detail}`, { errors: [{ pointer: '/layout', detail }] });
    }
    const { version } = await deps.rootKeys();
    const bank: Bank = {
      id: deps.newId('bnk'),
      tenant: caller.tenant,
      siteId: body.siteId,
      name: body.name,
      lifecycle: 'provisioning',
      simulated: body.simulated,
      layout: body.layout,
      config: {
        ...defaultBankConfig,
        rev: 1,
        timeZone: Site.parse(siteRow).timeZone,
        batteryBackedClock: body.batteryBackedClock,
        ...(body.thermalRanges && { thermalRanges: body.thermalRanges }),
        ...settingsOf(body),
      },
      bankKey: { generation: 1, keyVersion: version },
      pinDigits,
      createdAt: now,
      version: 1,
    };
    const head: ChainHead = {
      tenant: bank.tenant,
      bankId: bank.id,
      siteId: bank.siteId,
      door: null,
      version: 1,
      hash: '',
    };
    const { writes } = commitBankLog(
      born(head, 'bank.registered', [], { name: bank.name, doors: bank.layout.length }),
      circumstances,
    );
    const { serialNumber, vendor } = body;
    requireFields(
      serialNumber === undefined || vendor === undefined,
      '/serialNumber',
      'is that of a controller of ours, which a bank with a vendor does not have',
    );
    const driven = vendor && (await registerVendor(vendor, bank, deps));
    const made: Answer = { ...answer(bank, null), ...(driven && { issued: driven.issued }) };
    const none = byHand(bank);
    const enrols =
      serialNumber === undefined ? [] : controllerWrites(none, { ...none, serialNumber, certificates: [], version: 1 });
    try {
      await deps.table.write([...bankWrites(bank), ...enrols, ...(driven?.writes ?? []), ...writes, ...record(made)]);
    } catch (error) {
      const other = error instanceof Lost && !error.to('idempotency') ? error.to('unique') : undefined;
      if (other === undefined) throw error;
      const existing = String(other.current?.bankId ?? '');
      throw new Refusal('already_exists', `the controller ${serialNumber} is that of ${existing}`, { existing });
    }
    return made;
  },

  [contract.listBanks.id]: (call: Call<typeof contract.listBanks>) =>
    listAnswer(deps.table, keys.bankOfTenant(call.caller.tenant, '').PK, call, (row) =>
      contract.BankSummary.parse(row),
    ),

  [contract.getBank.id]: async ({ caller, params }: Call<typeof contract.getBank>) => {
    const found = await readBankWithPresence(deps.table, caller.tenant, params.bankId);
    if (found === null) throw notFound(`bank ${params.bankId}`);
    return answer(found.bank, found.presence);
  },

  [contract.getBankHealth.id]: async ({ caller, params, query, now }: Call<typeof contract.getBankHealth>) => {
    const asked = periodAsked(query, now);
    const found = await readBankHealth(deps.table, caller.tenant, params.bankId, asked.from);
    if (found === null) throw notFound(`bank ${params.bankId}`);
    return { body: healthOf(found, asked, now) };
  },

  [contract.updateBank.id]: async (call: Call<typeof contract.updateBank>) => {
    const { body, caller, params, circumstances, ifMatch } = call;
    const found = await readPresence(deps.table, params.bankId);
    if (found?.bank.tenant !== caller.tenant) throw notFound(`bank ${params.bankId}`);
    const { bank, presence, log } = found;
    if (log === null) throw new Error(`${bank.id} was registered without an event`);
    if (ifMatch !== undefined && ifMatch !== bank.version)
      throw new Refusal('precondition_failed', `the bank is at version ${bank.version} now`);
    const config = { ...bank.config, ...settingsOf(body) };
    if (isDeepStrictEqual(config, bank.config)) return answer(bank, presence);
    const after: Bank = { ...bank, config: { ...config, rev: config.rev + 1 }, version: bank.version + 1 };
    const change = apply(log, [{ type: 'bank.updated' as const, set: {}, data: setUpOf(after) }]);
    try {
      await deps.table.write([bankUpdate(after), ...commitBankLog(change, circumstances).writes]);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      if (ifMatch !== undefined) throw new Refusal('precondition_failed', 'the bank was changed meanwhile');
      throw new Refusal('busy', 'something happens at the bank at this very moment; try again', {
        retryAfterSeconds: 1,
      });
    }
    return answer(after, presence);
  },

  [contract.listCompartments.id]: async ({ caller, params }: Call<typeof contract.listCompartments>) => {
    const found = await readBankWithDoors(deps.table, caller.tenant, params.bankId, false);
    if (found === null) throw notFound(`bank ${params.bankId}`);
    return { body: { data: found.compartments.map((it) => compartmentView(found.bank, it)), nextCursor: null } };
  },

  [contract.getCompartment.id]: async ({ caller, params }: Call<typeof contract.getCompartment>) => {
    const found = await readBankAndDoor(deps.table, caller.tenant, params.bankId, params.door);
    if (found === null) throw notFound(`door ${params.door} at bank ${params.bankId}`);
    return { body: compartmentView(found.bank, found.compartment), etag: found.compartment.version };
  },

  [contract.updateCompartment.id]: async (call: Call<typeof contract.updateCompartment>) => {
    const { body, caller, params, circumstances, ifMatch, now } = call;
    const found = await readBankDoorAndLog(deps.table, { tenant: caller.tenant, ...params });
    if (found === null) throw notFound(`door ${params.door} at bank ${params.bankId}`);
    const { bank, compartment: before, logRow } = found;
    if (ifMatch !== undefined && ifMatch !== before.version)
      throw new Refusal('precondition_failed', `the compartment is at version ${before.version} now`);
    const { outOfService = before.outOfService, cleared } = body;
    const clears = cleared === true && before.uncleared === true;
    if (before.outOfService === outOfService && !clears)
      return { body: compartmentView(bank, before), etag: before.version };
    if (clears && before.contents === 'filled')
      throw new Refusal('conflict', 'its sensor says that something is inside');
    // It would be offered to nobody all the same, and nothing would tell when it is again.
    if (outOfService === null && before.outOfService !== null && before.lock === 'jammed')
      throw new Refusal('conflict', 'its lock is jammed; open it by a command: once it obeys, it is in service again');

    const { id: bankId, tenant, siteId } = bank;
    const head: ChainHead = logRow
      ? ChainHead.parse(logRow)
      : { tenant, bankId, siteId, door: params.door, version: 0, hash: '' };
    const after = changed(
      before,
      {
        ...(outOfService === null ? inService : { ...outOfServiceSince(outOfService, now), ...keptSince(before) }),
        ...(clears ? { uncleared: undefined } : {}),
      },
      before.availability === 'occupied',
    );
    const change = apply(head, [
      ...(clears ? [{ type: 'compartment.cleared' as const, set: {} }] : []),
      ...(outOfService === before.outOfService ? [] : [serviceEmission(outOfService)]),
    ]);
    try {
      await deps.table.write([
        ...compartmentWrites(bank.id, { before, after }, now),
        ...commitCompartmentLog(change, circumstances).writes,
      ]);
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      if (ifMatch !== undefined) throw new Refusal('precondition_failed', 'the compartment was changed meanwhile');
      throw new Refusal('busy', 'the door is in use at this very moment; try again', { retryAfterSeconds: 1 });
    }
    return { body: compartmentView(bank, after), etag: after.version };
  },
});

export const handler = endpoint(
  [
    contract.createBank,
    contract.listBanks,
    contract.getBank,
    contract.getBankHealth,
    contract.updateBank,
    contract.listCompartments,
    contract.getCompartment,
    contract.updateCompartment,
    controllers.getController,
    controllers.rotateCertificate,
    controllers.revokeCertificate,
    controllers.replaceController,
    controllers.decommissionBank,
  ],
  () => {
    const deps = { ...live(), allowLoopback: process.env.WEBHOOK_ALLOW_LOOPBACK === 'true' };
    return { deps, handlers: bankHandlers(deps) };
  },
);
