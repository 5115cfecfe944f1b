import { expect, it } from 'vitest';
import { newCompartment } from '#shared/domain/compartment.ts';
import { verifiersAt } from '#shared/domain/derived.ts';
import { create } from '#shared/domain/lifecycle.ts';
import { rootKeysFrom } from '#shared/domain/root-key.ts';
import { epochMs } from '#shared/domain/time.ts';
import { bankWrites } from '#shared/store/banks.ts';
import { decisionWrites } from '#shared/store/transactions.ts';
import { askConsumer } from '../../functions/device/ask.ts';
import { bankOf, chosen, doorOf, freshFor, parcelInput, startedAt } from '../domain/cloud-and-bank.ts';
import { memoryShadows } from '../support/memory-shadows.ts';
import { memoryTable } from '../support/memory-table.ts';

const rootKeys = rootKeysFrom({ version: 1, key: 'k'.repeat(64), older: {} });

it('a credential whose door the bank is opening at that moment is refused, and asked for no more', async () => {
  let ids = 0;
  const newId = (prefix: string) => `${prefix}_${String(ids++).padStart(26, '0')}`;
  const table = memoryTable();
  const bank = bankOf([doorOf('1')]);
  await table.write(bankWrites(bank));
  const decision = create(parcelInput('txn_1'), newCompartment('1'), 6, chosen, freshFor('txn_1'), startedAt);
  const circumstances = { actor: { type: 'system' as const, id: 'test' }, now: startedAt, newId };
  await table.write(decisionWrites(rootKeys, decision, null, circumstances).writes);
  const [deposit] = decision.transaction.after.credentials;
  if (!deposit) throw new Error('nobody may put anything in');
  const verifier = verifiersAt(rootKeys, decision.transaction.after)(deposit);

  const answers: unknown[] = [];
  const ask = askConsumer({
    table,
    rootKeys: async () => rootKeys,
    newId,
    clock: () => epochMs(startedAt),
    shadows: memoryShadows(),
    link: {
      ack: async () => undefined,
      replay: async () => undefined,
      key: async () => undefined,
      answer: async (_bankId, answer) => void answers.push(answer),
    },
  });
  const question = (askId: string) =>
    ask({ bankId: bank.id, brokerTime: epochMs(startedAt), askId, method: 'pin', verifier, at: epochMs(startedAt) });

  await question('ask_1');
  expect(answers).toEqual([{ askId: 'ask_1', granted: true, door: '1' }]);
  const command = table.rows().find(({ PK, SK }) => PK.startsWith('CMD#') && SK === 'S');
  if (!command) throw new Error('no door was told to open');
  await table.write([{ kind: 'other', expects: 'anything', put: { ...command, state: 'acknowledged' } }]);
  await question('ask_2');
  expect(answers.at(-1)).toEqual({ askId: 'ask_2', granted: false, reason: 'door_not_closed' });
});
