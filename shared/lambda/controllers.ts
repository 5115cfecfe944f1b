import * as contract from '../api/controllers.ts';
import type { ChainHead } from '../domain/chain-head.ts';
import { type Changed, decommission, replaceController, revokeCertificates, rotate } from '../domain/controller.ts';
import { apply, type Emission } from '../domain/decision.ts';
import { Refusal } from '../domain/refusal.ts';
import { decidedAnew } from '../store/anew.ts';
import { commitBankLog } from '../store/commit.ts';
import { bothWrites, type FoundController, readController, readControllerWithDoors } from '../store/controllers.ts';
import { Lost } from '../store/table.ts';
import type { Answer, Call, Handlers, HttpDeps } from './endpoint.ts';

const answer = ({ bank, controller }: Changed, bankSequence: number): Answer => ({
  body: contract.ControllerView.parse({
    ...controller,
    id: bank.id,
    bankSequence,
    lifecycle: bank.lifecycle,
    generation: bank.bankKey.generation,
  }),
  etag: controller.version,
});

type Act = Call<
  | typeof contract.rotateCertificate
  | typeof contract.revokeCertificate
  | typeof contract.replaceController
  | typeof contract.decommissionBank
>;

/** What staff do to the controller of a bank. Things, shadows and certificates follow by the reaction bus/banks. */
export const controllerHandlers = (deps: HttpDeps): Handlers => {
  const owned = <Found extends FoundController>(found: Found | null, { caller, params }: Act | Asked): Found => {
    if (found === null || found.bank.tenant !== caller.tenant)
      throw new Refusal('not_found', `there is no bank ${params.bankId}`);
    return found;
  };

  const save = async (
    call: Act,
    before: FoundController,
    after: Changed,
    emission: Omit<Emission<ChainHead>, 'set'>,
  ): Promise<Answer> => {
    if (call.ifMatch !== undefined && call.ifMatch !== before.controller.version)
      throw new Refusal('precondition_failed', `the controller is at version ${before.controller.version} now`);
    const made = answer(after, before.log.version + 1);
    try {
      await deps.table.write([
        ...bothWrites(before, after),
        ...commitBankLog(apply(before.log, [{ ...emission, set: {} }]), call.circumstances).writes,
        ...call.record(made),
      ]);
    } catch (error) {
      if (!(error instanceof Lost) || error.to('idempotency')) throw error;
      const { serialNumber } = after.controller;
      if (error.to('unique')) {
        const existing = String(error.to('unique')?.current?.bankId ?? '');
        throw new Refusal('already_exists', `the controller ${serialNumber} is that of ${existing}`, { existing });
      }
      if (call.ifMatch !== undefined && error.to('other'))
        throw new Refusal('precondition_failed', 'the controller was changed meanwhile');
      throw error;
    }
    return made;
  };

  /** A bank that reports much changes its log again and again: what is to be done to its controller is decided anew. */
  const acting =
    <A extends Act>(decide: (call: A) => Promise<Answer>) =>
    (call: A): Promise<Answer> =>
      decidedAnew('the bank reports at this very moment; try again', () => decide(call));

  type Asked = Call<typeof contract.getController>;

  return {
    [contract.getController.id]: async (call: Asked) => {
      const found = owned(await readController(deps.table, call.params.bankId), call);
      return answer(found, found.log.version);
    },

    [contract.rotateCertificate.id]: acting(async (call: Call<typeof contract.rotateCertificate>) => {
      const found = owned(await readController(deps.table, call.params.bankId), call);
      const rotation = deps.newId('rot');
      const { reason } = call.body;
      return save(call, found, rotate(found, rotation, call.now), {
        type: 'bank.certificate_rotation_requested',
        data: { rotation, reason },
      });
    }),

    [contract.revokeCertificate.id]: acting(async (call: Call<typeof contract.revokeCertificate>) => {
      const found = owned(await readController(deps.table, call.params.bankId), call);
      const { certificateId, reason } = call.body;
      const { revoked, ...after } = revokeCertificates(found, certificateId);
      const { lifecycle } = after.bank;
      return save(call, found, after, {
        type: 'bank.certificate_revoked',
        data: { certificateIds: revoked, reason, lifecycle },
      });
    }),

    [contract.replaceController.id]: acting(async (call: Call<typeof contract.replaceController>) => {
      const found = owned(await readController(deps.table, call.params.bankId), call);
      const { serialNumber, reason } = call.body;
      const after = replaceController(found, serialNumber, (await deps.rootKeys()).version);
      const { generation } = after.bank.bankKey;
      const replaces = found.controller.serialNumber;
      return save(call, found, after, {
        type: 'bank.controller_replaced',
        data: { serialNumber, replaces, generation, reason, changesGrants: true },
      });
    }),

    /**
     * A reservation that is made at the very same moment is not seen here: nobody can deposit at a bank that is cut off,
     * so it expires as one that nobody used.
     */
    [contract.decommissionBank.id]: acting(async (call: Call<typeof contract.decommissionBank>) => {
      const found = owned(await readControllerWithDoors(deps.table, call.params.bankId), call);
      return save(call, found, decommission(found, found.compartments), {
        type: 'bank.decommissioned',
        data: { reason: call.body.reason },
      });
    }),
  };
};
