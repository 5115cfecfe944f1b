import * as contract from '#shared/api/assets.ts';
import { Asset } from '#shared/domain/asset.ts';
import { assign, goesInto } from '#shared/domain/assignment.ts';
import type { Bank } from '#shared/domain/bank.ts';
import { Compartment, changed, newCompartment } from '#shared/domain/compartment.ts';
import { apply, born } from '#shared/domain/decision.ts';
import { Refusal } from '#shared/domain/refusal.ts';
import { type Answer, type Call, endpoint, type Handlers, type HttpDeps } from '#shared/lambda/endpoint.ts';
import { listAnswer } from '#shared/lambda/list.ts';
import { refuseUnless } from '#shared/lambda/problem.ts';
import { transactionView } from '#shared/lambda/transaction-view.ts';
import { live } from '#shared/live.ts';
import { readBankWithDoors } from '#shared/store/banks.ts';
import { commitAsset, compartmentWrite } from '#shared/store/commit.ts';
import { keys, ranges } from '#shared/store/rows.ts';
import { Lost } from '#shared/store/table.ts';
import { Applied, splitStored } from '#shared/store/transactions.ts';

type Where = Pick<contract.AssetView, 'state' | 'transactionId'>;

/** Where it is, by whose its door is now and what lies inside. */
const whereOf = (asset: Asset, { heldBy, contents }: Compartment): Where => {
  if (asset.retired !== null) return { state: 'retired', transactionId: null };
  const isOut = contents === 'empty';
  if (heldBy === asset.id) return { state: isOut ? 'missing' : 'home', transactionId: null };
  return { state: isOut ? 'lent' : 'reserved', transactionId: heldBy };
};

const answer = (asset: Asset, compartment: Compartment): Answer => ({
  body: contract.AssetView.parse({ ...asset, ...whereOf(asset, compartment) }),
  etag: asset.version,
});

/** So many doors are tried before the caller is asked to come back. */
const attemptsMax = 3;

export const assetHandlers = (deps: HttpDeps): Handlers => {
  const find = async (tenant: string, assetId: string): Promise<Asset> => {
    const row = await deps.table.get(keys.asset(tenant, assetId), true);
    if (row === undefined) throw new Refusal('not_found', `there is no asset ${assetId}`);
    return Asset.parse(row);
  };
  const doorOf = async ({ bankId, door }: Asset): Promise<Compartment> => {
    const row = await deps.table.get(keys.compartment(bankId, door), true);
    return row === undefined ? newCompartment(door) : Compartment.parse(row);
  };

  /** The doors it may have, best first. */
  const doorsFor = (
    { body, now }: Call<typeof contract.createAsset>,
    id: string,
    bank: Bank,
    compartments: Compartment[],
  ): Compartment[] => {
    const built = bank.layout.find((it) => it.door === body.door);
    if (body.door !== undefined && built === undefined)
      throw new Refusal('not_found', `there is no door ${body.door} at this bank`);
    if (built && !goesInto([body.item], built))
      throw new Refusal('reservation_refused', `the asset does not fit into door ${built.door}`, {
        reason: 'dimensions_exceeded',
      });
    const among = compartments.filter((it) => body.door === undefined || it.door === body.door);
    const found = assign([body.item], id, bank, among, now);
    if (found.refused !== null)
      throw new Refusal('reservation_refused', 'no door that fits is free for it', { reason: found.refused });
    return found.doors;
  };

  return {
    [contract.createAsset.id]: async (call: Call<typeof contract.createAsset>) => {
      const { body, caller, now, circumstances, record } = call;
      const read = await readBankWithDoors(deps.table, caller.tenant, body.bankId, true);
      if (read === null)
        throw new Refusal('reservation_refused', `there is no bank ${body.bankId}`, { reason: 'bank_unknown' });
      const id = deps.newId('ast');
      for (const before of doorsFor(call, id, read.bank, read.compartments).slice(0, attemptsMax)) {
        const asset: Asset = {
          id,
          tenant: caller.tenant,
          name: body.name,
          externalId: body.externalId ?? null,
          item: body.item,
          metadata: body.metadata,
          bankId: read.bank.id,
          siteId: read.bank.siteId,
          door: before.door,
          retired: null,
          createdAt: now,
          version: 1,
          hash: '',
        };
        const { after, writes } = commitAsset(born(asset, 'asset.registered'), circumstances);
        const compartment = changed(before, { heldBy: id, until: null }, before.contents !== 'empty');
        const made = answer(after, compartment);
        try {
          await deps.table.write([
            ...writes,
            compartmentWrite(read.bank.id, { before, after: compartment }),
            ...record(made),
          ]);
          return made;
        } catch (error) {
          if (!(error instanceof Lost) || error.to('compartment') === undefined) throw error;
        }
      }
      throw new Refusal('busy', 'others took the doors that fit at this very moment; try again', {
        retryAfterSeconds: 1,
      });
    },

    [contract.listAssets.id]: (call: Call<typeof contract.listAssets>) =>
      listAnswer(deps.table, keys.asset(call.caller.tenant, '').PK, call, (row) => contract.AssetSummary.parse(row)),

    [contract.getAsset.id]: async ({ caller, params }: Call<typeof contract.getAsset>) => {
      const asset = await find(caller.tenant, params.assetId);
      return answer(asset, await doorOf(asset));
    },

    [contract.listAssetLoans.id]: async ({ caller, params, query, cursors }: Call<typeof contract.listAssetLoans>) => {
      const { tenant } = caller;
      const range = ranges.assetLoans(tenant, params.assetId);
      const after = await cursors.read();
      const page = await deps.table.query(range, {
        limit: query.limit,
        newestFirst: true,
        ...(after === undefined ? {} : { after: { PK: range.PK, SK: after } }),
      });
      // One that nobody borrowed yet, or none of this tenant's.
      if (page.rows.length === 0 && after === undefined) await find(tenant, params.assetId);
      const ids = page.rows.map(({ SK }) => String(SK).slice(2));
      const rows = await deps.table.batchGet(
        ids.flatMap((id) => [keys.transaction(tenant, id), keys.applied(tenant, id)]),
      );
      const data = ids.flatMap((_, nth) => {
        const [row, applied] = [rows[2 * nth], rows[2 * nth + 1]];
        if (row === undefined) return [];
        const { transaction } = splitStored(row);
        return [transactionView({ transaction, applied: applied === undefined ? null : Applied.parse(applied) })];
      });
      return { body: { data, nextCursor: await cursors.give(page.next?.SK ?? null) } };
    },

    [contract.retireAsset.id]: async (call: Call<typeof contract.retireAsset>) => {
      const { body, caller, params, circumstances, record } = call;
      const asset = await find(caller.tenant, params.assetId);
      const before = await doorOf(asset);
      refuseUnless(asset.retired === null, 'conflict', `it is retired already: ${asset.retired}`);
      if (before.heldBy !== asset.id)
        throw new Refusal('conflict', `it is promised or lent to ${before.heldBy}; end that first`, {
          ...(before.heldBy === null ? {} : { existing: before.heldBy }),
        });
      const compartment = changed(before, { heldBy: null }, false);
      const change = apply(asset, [
        { type: 'asset.retired', set: { retired: body.reason }, data: { reason: body.reason } },
      ]);
      const { after, writes } = commitAsset(change, circumstances);
      const made = answer(after, compartment);
      try {
        await deps.table.write([
          ...writes,
          compartmentWrite(asset.bankId, { before, after: compartment }),
          ...record(made),
        ]);
      } catch (error) {
        if (!(error instanceof Lost) || error.to('idempotency')) throw error;
        throw new Refusal('busy', 'its door is in use at this very moment; try again', { retryAfterSeconds: 1 });
      }
      return made;
    },
  };
};

export const handler = endpoint(
  [contract.createAsset, contract.listAssets, contract.getAsset, contract.listAssetLoans, contract.retireAsset],
  () => {
    const deps = live();
    return { deps, handlers: assetHandlers(deps) };
  },
);
