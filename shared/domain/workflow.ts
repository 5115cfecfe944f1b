import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { type AccessMethod, Step } from '../device/access.ts';

export type PartyRole = 'depositor' | 'recipient' | 'collector' | 'staff';

/** What must be confirmed before the one who receives may open. */
export const Condition = z.enum(['payment', 'approval', 'identity', 'age']);
export type Condition = z.infer<typeof Condition>;

export const DeadlineName = z.enum(['reserveUntil', 'depositBy', 'pickupBy', 'useUntil']);
export type DeadlineName = z.infer<typeof DeadlineName>;

export type WorkflowStep = {
  step: Step;
  by: PartyRole;
  /** The state in which it is done, and the one it leads to. */
  from: 'reserved' | 'stored' | 'in_use';
  to: 'stored' | 'in_use' | 'completed';
  /** The deadline at which its credential ends. */
  until: DeadlineName;
  /** Its credential still opens so many seconds after that. */
  grace?: number;
  /** As often as one likes. */
  repeats?: true;
  /** How the person may prove their right; the first is what they get unless the call says otherwise. */
  methods: readonly [AccessMethod, ...AccessMethod[]];
  /** To how many at a time they may hand it on; nobody to whom it was handed may. */
  delegates: number;
};

/** How much before and after their window people are let in all the same, in seconds. */
export const Tolerance = z.object({
  earlySeconds: field.count.max(86_400),
  lateSeconds: field.count.max(86_400),
});
export type Tolerance = z.infer<typeof Tolerance>;

/** Where a label may have to be scanned: what is put in, and what is taken out. */
export const ScanStep = Step.extract(['deposit', 'pickup']);
export type ScanStep = z.infer<typeof ScanStep>;

export type WorkflowRow = {
  /** What it is for, in the words of those who use it. */
  use: string;
  /** In the order they are done. */
  steps: readonly [WorkflowStep, ...WorkflowStep[]];
  /**
   * Seconds, where neither the tenant, the site nor the call says otherwise: the reservation and the deposit from the
   * creation, the pickup from the deposit, the use from its start. A workflow has no other deadlines than these.
   */
  deadlines: Partial<Record<DeadlineName, number>> & { reserveUntil: number };
  /** Unless the call says otherwise. The deadlines end so much later too. */
  tolerance: Tolerance;
  /** What is asked for unless the call says otherwise. */
  conditions: readonly Condition[];
  /** So long before the end of its pickup or use people are reminded of it; 0: never. */
  remindBeforeSeconds: number;
  /** It is about a thing that has its door before and after: an asset always, goods in stock where the call says so. */
  of?: 'asset' | 'stock';
  /** While it is in use: whether something is inside, and what the end of the time makes of it. */
  inUse?: { inside: boolean; due: 'ends' | 'stays' };
  /** What ends it, beside the last step and a deadline. */
  endsBy: string;
};

const hours = (count: number): number => count * 3600;

const storedAndTaken = { reserveUntil: hours(24), depositBy: hours(48), pickupBy: hours(72) };

/** Proofs that a person carries. */
const ofPersons = ['pin', 'qr', 'app', 'badge'] as const;
/** The label on what is put in or taken out proves the right as well. */
const orOfGoods = [...ofPersons, 'barcode'] as const;

const onTime: Tolerance = { earlySeconds: 0, lateSeconds: 0 };

const handOver = (
  depositor: PartyRole,
  receiver: PartyRole,
  { methods, delegates }: Pick<WorkflowStep, 'methods' | 'delegates'> = { methods: orOfGoods, delegates: 2 },
) =>
  [
    {
      step: 'deposit',
      by: depositor,
      from: 'reserved',
      to: 'stored',
      until: 'reserveUntil',
      methods: orOfGoods,
      delegates: 0,
    },
    { step: 'pickup', by: receiver, from: 'stored', to: 'completed', until: 'pickupBy', methods, delegates },
  ] as const;

/** What distinguishes one use of a door from another. A new workflow is a new row. */
export const workflows = {
  sale: {
    use: 'staff put in what was bought, the buyer collects it',
    steps: handOver('staff', 'recipient'),
    deadlines: storedAndTaken,
    tolerance: onTime,
    conditions: ['payment'],
    remindBeforeSeconds: hours(24),
    of: 'stock',
    endsBy: 'cancel, recall',
  },
  release: {
    use: 'staff hand something to a named person',
    // To a named person, and nobody else.
    steps: handOver('staff', 'recipient', { methods: ofPersons, delegates: 0 }),
    deadlines: storedAndTaken,
    // An appointment: ten minutes are within manners.
    tolerance: { earlySeconds: 600, lateSeconds: 600 },
    conditions: [],
    remindBeforeSeconds: hours(24),
    endsBy: 'cancel, recall',
  },
  parcel: {
    use: 'a courier or a person deposits, a recipient picks up',
    steps: handOver('depositor', 'recipient'),
    deadlines: storedAndTaken,
    tolerance: onTime,
    conditions: [],
    remindBeforeSeconds: hours(24),
    endsBy: 'cancel, recall',
  },
  return: {
    use: 'a customer brings something back, staff or a courier pick it up',
    steps: handOver('depositor', 'collector'),
    deadlines: storedAndTaken,
    tolerance: onTime,
    conditions: [],
    remindBeforeSeconds: hours(24),
    endsBy: 'cancel, recall',
  },
  loan: {
    use: 'an asset is issued to somebody and brought back',
    steps: [
      {
        step: 'pickup',
        by: 'recipient',
        from: 'reserved',
        to: 'in_use',
        until: 'reserveUntil',
        methods: ofPersons,
        delegates: 0,
      },
      {
        step: 'deposit',
        by: 'recipient',
        from: 'in_use',
        to: 'completed',
        until: 'useUntil',
        // Whoever is late must be able to bring it back all the same: a year is for ever at a door.
        grace: hours(24 * 365),
        methods: ofPersons,
        delegates: 0,
      },
    ],
    deadlines: { reserveUntil: hours(24), useUntil: hours(72) },
    tolerance: onTime,
    conditions: [],
    remindBeforeSeconds: hours(24),
    of: 'asset',
    inUse: { inside: false, due: 'stays' },
    endsBy: 'cancel, before it was issued',
  },
  rental: {
    use: 'one person has a door for a while, and opens it again and again',
    steps: [
      {
        step: 'use',
        by: 'recipient',
        from: 'reserved',
        to: 'in_use',
        until: 'useUntil',
        repeats: true,
        methods: ofPersons,
        delegates: 2,
      },
    ],
    deadlines: { reserveUntil: hours(1), useUntil: hours(24) },
    tolerance: onTime,
    conditions: [],
    remindBeforeSeconds: hours(1),
    inUse: { inside: true, due: 'ends' },
    endsBy: 'complete, by the renter or staff',
  },
} as const satisfies Record<string, WorkflowRow>;

export type Workflow = keyof typeof workflows;
export const Workflow = z.enum(Object.keys(workflows) as Workflow[]);

/** A workflow as the row says, without the narrowness of its literals. */
export const workflowOf = (workflow: Workflow): WorkflowRow => workflows[workflow];

/** The step that is done in a state, if any. */
export const stepIn = (workflow: Workflow, state: string): WorkflowStep | undefined =>
  workflowOf(workflow).steps.find((it) => it.from === state);
