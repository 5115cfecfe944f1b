import * as z from 'zod';
import { apiClient } from './api-client.ts';
import { type Panel, panel } from './panel.ts';
import { Received } from './receiver.ts';
import { PlainError, say, seconds } from './say.ts';
import type { System } from './system.ts';
import { until } from './until.ts';

const Transaction = z.object({
  id: z.string(),
  state: z.string(),
  door: z.string(),
  credentials: z.array(
    z.object({
      id: z.string(),
      step: z.string(),
      method: z.string(),
      atBank: z.boolean(),
      value: z.string().optional(),
      link: z.string().optional(),
    }),
  ),
});
type Transaction = z.infer<typeof Transaction>;

/**
 * One parcel from order to pickup, over the same doors that customers use. What people did to the banks before may be in
 * its way (a full bank, a locked keypad), so a parcel that does not go through is told, tidied up and no end of the rest.
 */
export async function demo(system: System): Promise<void> {
  const [tenant] = system.tenants;
  if (!tenant) throw new PlainError('the demo needs a tenant');
  const api = apiClient(system.apiUrl, tenant.apiKey);
  for (const bank of system.banks.filter(({ tenantId }) => tenantId === tenant.id)) {
    say(`\nA parcel through ${bank.name}:`);
    let made: Transaction | undefined;
    try {
      made = await order(api, bank.id);
      await carry(system, api, made, panel(bank.controlUrl));
      return;
    } catch (error) {
      if (!(error instanceof PlainError)) throw error;
      say(`  ✗ ${error.message}`);
      if (made) await api.request('POST', `/v1/transactions/${made.id}/cancel`, { body: {} });
    }
  }
  say('\nNo parcel went through; what stands in its way is told above. npm start -- --fresh begins with empty banks.');
}

type Api = ReturnType<typeof apiClient>;

const order = (api: Api, bankId: string): Promise<Transaction> =>
  tell('the shop orders a compartment', async (note) => {
    const transaction = await api.post('/v1/transactions', parcel(bankId), Transaction);
    note(`door ${transaction.door}, PINs for courier and recipient`);
    return transaction;
  });

/** Where the recipient sees it, now and for a week. */
const pageOf = ({ credentials }: Transaction): string =>
  credentials.find(({ step, link }) => step === 'pickup' && link !== undefined)?.link ?? '';

async function carry(system: System, api: Api, made: Transaction, hands: Panel): Promise<void> {
  const startedAt = performance.now();
  const inState = async (state: string) => {
    const now = await api.get(`/v1/transactions/${made.id}`, Transaction);
    return now.state === state && now;
  };

  await tell('the bank learns both PINs', async (note) => {
    await until('every credential is at the bank', async () => {
      const now = await inState('reserved');
      return now ? now.credentials.every(({ atBank }) => atBank) : false;
    });
    note('it now opens with the network down, too');
  });
  await tell('the courier enters a PIN', (note) => enter(hands, pinOf(made, 'deposit'), made.door, note));
  await tell('puts the parcel in and closes', async (note) => {
    await hands.fill(made.door);
    await until('the transaction is stored', () => inState('stored'));
    note('stored');
  });
  await tell('the recipient enters a PIN', (note) => enter(hands, pinOf(made, 'pickup'), made.door, note));
  await tell('takes the parcel and closes', async (note) => {
    await hands.clear(made.door);
    await until('the transaction is completed', () => inState('completed'));
    note('completed');
  });
  await tell('the shop hears of it', async (note) => {
    const types = await until('the webhook receiver has every event', () => heard(system, made.id));
    note(`signed webhooks: ${types.join(', ')}`);
  });
  say(`  Done in ${seconds(startedAt)}. The recipient's page: ${pageOf(made)}`);
}

const parcel = (bankId: string) => ({
  workflow: 'parcel',
  bankId,
  externalIds: { order: `DEMO-${Date.now()}` },
  items: [{ description: 'A book', lengthMm: 220, widthMm: 150, heightMm: 40, massG: 600 }],
  recipient: { name: 'Robin Example', phone: '+41790000000', locale: 'en' },
});

const expected = ['transaction.reserved', 'transaction.deposited', 'transaction.completed'];

/** The types that came for this transaction with a good signature, once all that the demo caused are among them. */
async function heard(system: System, transactionId: string): Promise<string[] | undefined> {
  const response = await fetch(system.webhookReceiver.receivedUrl);
  const messages = z.array(Received).parse(await response.json());
  const Event = z.object({ type: z.string(), subject: z.string(), sequence: z.number() });
  const events = messages
    .filter(({ verified }) => verified)
    .map(({ body }) => Event.parse(JSON.parse(body)))
    .filter(({ subject }) => subject === transactionId)
    .sort((a, b) => a.sequence - b.sequence);
  const types = [...new Set(events.map(({ type }) => type))];
  return expected.every((type) => types.includes(type)) ? types : undefined;
}

function pinOf(transaction: Transaction, step: string): string {
  const credential = transaction.credentials.find((it) => it.step === step && it.method === 'pin');
  if (credential?.value === undefined) throw new PlainError(`the answer holds no PIN for the ${step}`);
  return credential.value;
}

async function enter(bank: Panel, value: string, door: string, note: (text: string) => void): Promise<void> {
  const answer = await bank.enter(value);
  if (!answer.granted || answer.door !== door) {
    throw new PlainError(`the bank did not open door ${door}: ${answer.message}`);
  }
  note(`door ${door} opens`);
}

async function tell<Result>(
  sentence: string,
  work: (note: (text: string) => void) => Promise<Result>,
): Promise<Result> {
  let outcome = '';
  try {
    const result = await work((text) => {
      outcome = text;
    });
    say(`  · ${sentence}: ${outcome}`);
    return result;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new PlainError(`${sentence}: ${why}`, { cause: error });
  }
}
