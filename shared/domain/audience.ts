import type { Credential } from './credential.ts';
import type { Message, MessageKind } from './message.ts';
import type { Party, Transaction } from './transaction.ts';
import { workflowOf } from './workflow.ts';

/** Somebody to be told something, and their credential. */
export type Told = { kind: MessageKind; to: Message['to']; party: Party; credential: Credential };

/** Who may open now with a right that was handed to them. While it is being moved nobody may; they are told afterwards. */
export const delegated = ({ credentials, delegates = {}, move }: Transaction): Told[] =>
  credentials.flatMap((credential) => {
    const party = delegates[credential.id];
    return party && credential.state === 'active' && !move
      ? [{ kind: 'delegated' as const, to: 'delegate' as const, party, credential }]
      : [];
  });

/** Whom it is for: by its workflow the recipient or the collector, who need not be named. */
const receiver = ({ workflow, recipient, parties }: Transaction): Pick<Told, 'to' | 'party'> => {
  const isCollected = workflowOf(workflow).steps.some(({ step, by }) => step === 'pickup' && by === 'collector');
  return isCollected && parties.collector
    ? { to: 'collector', party: parties.collector }
    : { to: 'recipient', party: recipient };
};

/** Each right of those whom it is for to collect what lies inside, unless they handed it on. */
export const waitingFor = (it: Transaction): Told[] => {
  if (it.state !== 'stored' || it.move) return [];
  return it.credentials.flatMap((credential) => {
    const { step, state, suspended, delegatedFrom, method } = credential;
    // Staff were told what to do by whoever gave them their code.
    const isOwn = step === 'pickup' && delegatedFrom === undefined && method !== 'operator';
    return isOwn && state === 'active' && !suspended
      ? [{ kind: 'item_waits' as const, ...receiver(it), credential }]
      : [];
  });
};

/** Who may collect what lies inside: whoever it is for, by their PIN if they have one, and whoever they handed that to. */
export const collectors = (it: Transaction): Told[] => {
  const own = waitingFor(it);
  const told = own.findLast(({ credential }) => credential.method === 'pin') ?? own.at(-1);
  return [...(told ? [told] : []), ...(it.state === 'stored' ? delegated(it) : [])];
};

/** Whose right was taken back. Who was never told that they may collect it need not be told that they may not. */
export const takenBack = (it: Transaction, credentialId: string): Told[] => {
  const credential = it.credentials.find(({ id }) => id === credentialId);
  const party = it.delegates?.[credentialId];
  const wasTold = credential?.step !== 'pickup' || it.depositedAt !== null;
  return wasTold && credential && party && credential.state !== 'active'
    ? [{ kind: 'taken_back', to: 'delegate', party, credential }]
    : [];
};

const truths = {
  item_waits: waitingFor,
  delegated,
  taken_back: takenBack,
} as const satisfies Record<MessageKind, (it: Transaction, credentialId: string) => Told[]>;

/** What a message says if it is still so: whom to tell, and how they open. */
export const stillTrue = (it: Transaction, about: Pick<Message, 'kind' | 'credentialId'>): Told | null =>
  truths[about.kind](it, about.credentialId).find(({ credential }) => credential.id === about.credentialId) ?? null;
