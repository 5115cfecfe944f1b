import * as contract from '#shared/api/banks.ts';
import * as controllers from '#shared/api/controllers.ts';
import { defaultBankConfig } from '#shared/device/config.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { type Compartment, changed } from '#shared/domain/compartment.ts';
import { byHand } from '#shared/domain/controller.ts';
import { pinDigitsFor } from '#shared/domain/credential.ts';
import { apply, born, type Emission } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { Site } from '#shared/domain/site.ts';
import { ChainHead } from '#shared/domain/subjects.ts';
import { controllerHandlers } from '#shared/lambda/controllers.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { live } from '#shared/live.ts';
import { bankWrites, readBank, readBankAndDoor, readBankDoorAndLog, readBankWithDoors } from '#shared/store/banks.ts';
import { commitBankLog, commitCompartmentLog, compartmentWrite } from '#shared/store/commit.ts';
import { controllerWrites } from '#shared/store/controllers.ts';
import { keys } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';

const answer = (bank: Bank): Answer => ({ body: contract.BankView.parse(bank), etag: bank.version });

const compartmentView = (bank: Bank, it: Compartment): contract.CompartmentView =>
  contract.CompartmentView.parse({ ...bank.layout.find((built) => built.door === it.door), ...it });

const notFound = (what: string): Refusal => new Refusal('not_found', `there is no ${what}`);

const serviceEmission = (reason: string | null): Emission<ChainHead> =>
  reason === null
    ? { type: 'compartment.returned_to_service', set: {} }
    : { type: 'compartment.out_of_service', set: {}, data: { reason } };

export const bankHandlers = (deps: HttpDeps): Handlers => ({
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
    const made = answer(bank);
    const { serialNumber } = body;
    const none = byHand(bank);
    const enrols =
      serialNumber === undefined ? [] : controllerWrites(none, { ...none, serialNumber, certificates: [], version: 1 });
    try {
      await deps.table.write([...bankWrites(bank), ...enrols, ...writes, ...record(made)]);
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
    const bank = await readBank(deps.table, caller.tenant, params.bankId);
    if (bank === null) throw notFound(`bank ${params.bankId}`);
    return answer(bank);
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
    const { body, caller, params, circumstances, ifMatch } = call;
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

    const { id: bankId, tenant, siteId } = bank;
    const head: ChainHead = logRow
      ? ChainHead.parse(logRow)
      : { tenant, bankId, siteId, door: params.door, version: 0, hash: '' };
    const after = changed(
      before,
      { outOfService, ...(clears ? { uncleared: undefined } : {}) },
      before.availability === 'occupied',
    );
    const change = apply(head, [
      ...(clears ? [{ type: 'compartment.cleared' as const, set: {} }] : []),
      ...(outOfService === before.outOfService ? [] : [serviceEmission(outOfService)]),
    ]);
    try {
      await deps.table.write([
        compartmentWrite(bank.id, { before, after }),
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
    const deps = live();
    return { deps, handlers: bankHandlers(deps) };
  },
);
