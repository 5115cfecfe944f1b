import type { Credential } from './credential.ts';
import type { Message, MessageKind } from './message.ts';
import { type ReminderKind, remindedOf, reminderOf } from './reminder.ts';
import type { Instant } from './time.ts';
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
export const receiver = ({ workflow, recipient, parties }: Transaction): Pick<Told, 'to' | 'party'> => {
  const isCollected = workflowOf(workflow).steps.some(({ step, by }) => step === 'pickup' && by === 'collector');
  return isCollected && parties.collector
    ? { to: 'collector', party: parties.collector }
    : { to: 'recipient', party: recipient };
};

/** Whether anybody can be told anything of it. */
export const isReachable = (it: Transaction): boolean =>
  [receiver(it).party, ...Object.values(it.delegates ?? {})].some(
    ({ phone, email }) => phone !== undefined || email !== undefined,
  );

/** A right that whoever a transaction is for has at a time, and is told of. */
type Entitlement = {
  workflows: readonly Transaction['workflow'][];
  state: Transaction['state'];
  step: Credential['step'];
  overdue?: true;
  /** The deadline that they are told; left out: the end of their credential. */
  until?: 'reserveUntil' | 'useUntil';
};

/** Of a transaction at a time at most one of them holds. */
const entitlements = {
  item_waits: { workflows: ['sale', 'release', 'parcel', 'return'], state: 'stored', step: 'pickup' },
  loan_ready: { workflows: ['loan'], state: 'reserved', step: 'pickup', until: 'reserveUntil' },
  // Their credential opens for a year longer, so that what is late can be brought back.
  loan_runs: { workflows: ['loan'], state: 'in_use', step: 'deposit', until: 'useUntil' },
  loan_overdue: { workflows: ['loan'], state: 'in_use', step: 'deposit', until: 'useUntil', overdue: true },
  rental_ready: { workflows: ['rental'], state: 'reserved', step: 'use', until: 'reserveUntil' },
  rental_runs: { workflows: ['rental'], state: 'in_use', step: 'use', until: 'useUntil' },
  rental_overdue: { workflows: ['rental'], state: 'in_use', step: 'use', until: 'useUntil', overdue: true },
} as const satisfies Record<Exclude<MessageKind, 'delegated' | 'taken_back' | ReminderKind>, Entitlement>;

type EntitledKind = keyof typeof entitlements;
const isEntitled = (kind: string): kind is EntitledKind => Object.hasOwn(entitlements, kind);
const entitledKinds = Object.keys(entitlements).filter(isEntitled);

/** Each right of those whom it is for to do what is to be done now, unless they handed it on. */
export const entitled = (it: Transaction): Told[] => {
  if (it.move) return [];
  const kind = entitledKinds.find((name) => {
    const { workflows, state, overdue }: Entitlement = entitlements[name];
    const isLate = it.state === 'in_use' && it.flags.includes('overdue');
    return workflows.includes(it.workflow) && state === it.state && (overdue === true) === isLate;
  });
  if (kind === undefined) return [];
  return it.credentials.flatMap((credential) => {
    const { step, state, suspended, delegatedFrom, method } = credential;
    // Staff were told what to do by whoever gave them their code.
    const isOwn = step === entitlements[kind].step && delegatedFrom === undefined && method !== 'operator';
    return isOwn && state === 'active' && !suspended ? [{ kind, ...receiver(it), credential }] : [];
  });
};

/** Whom it is for, by their PIN if they have one, and whoever they handed their right to. */
export const concerned = (it: Transaction): Told[] => {
  const own = entitled(it);
  const told = own.findLast(({ credential }) => credential.method === 'pin') ?? own.at(-1);
  return [...(told ? [told] : []), ...delegated(it)];
};

const isReminder = (kind: string): kind is ReminderKind => Object.hasOwn(remindedOf, kind);

/** Whoever may do now what a deadline is about, if it is still that one. Who cannot open need not hurry. */
const reminded = (it: Transaction, by: Instant): Told | null => {
  const reminder = reminderOf(it);
  const [told] = concerned(it);
  return told && reminder?.by === by && !it.flags.includes('held') ? { ...told, kind: reminder.kind } : null;
};

/** Until when they may do it, as they are told. */
export const toldUntil = (it: Transaction, { kind, credential }: Told): Instant => {
  const deadline = isReminder(kind)
    ? remindedOf[kind]
    : isEntitled(kind)
      ? (entitlements[kind] as Entitlement).until
      : undefined;
  return (deadline && it.deadlines[deadline]) ?? credential.notAfter;
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

/** What a message says if it is still so: whom to tell, and how they open. */
export const stillTrue = (
  it: Transaction,
  { kind, credentialId, remindsOf }: Pick<Message, 'kind' | 'credentialId' | 'remindsOf'>,
): Told | null =>
  remindsOf !== null
    ? reminded(it, remindsOf)
    : ([...entitled(it), ...delegated(it), ...takenBack(it, credentialId)].find(
        (told) => told.kind === kind && told.credential.id === credentialId,
      ) ?? null);
