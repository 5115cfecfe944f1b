import * as z from 'zod';
import type { Step } from '../device/access.ts';

export const Workflow = z.enum(['parcel']);
export type Workflow = z.infer<typeof Workflow>;

export type PartyRole = 'depositor' | 'recipient' | 'staff';

type WorkflowRow = {
  /** In the order they are done; each names who does it, and the state the transaction is in once it is done. */
  steps: readonly { step: Step; by: PartyRole; reaches: 'stored' | 'completed' }[];
  /** Seconds, where neither the tenant, the site nor the call says otherwise. */
  deadlines: { reserve: number; deposit: number; pickup: number };
};

const hours = (count: number): number => count * 3600;

/** What distinguishes one use of a door from another. A new workflow is a new row. */
export const workflows = {
  parcel: {
    steps: [
      { step: 'deposit', by: 'depositor', reaches: 'stored' },
      { step: 'pickup', by: 'recipient', reaches: 'completed' },
    ],
    deadlines: { reserve: hours(24), deposit: hours(48), pickup: hours(72) },
  },
} as const satisfies Record<Workflow, WorkflowRow>;
