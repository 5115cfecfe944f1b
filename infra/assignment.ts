import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';
import type { Deadlines } from './deadlines.ts';

/** What follows from how compartments are chosen, and from what is said of workflows. */
export class Assignment extends Construct {
  constructor(scope: Construct, id: string, { data, bus, deadlines }: { data: Data; bus: Bus; deadlines: Deadlines }) {
    super(scope, id);
    const policies = bus.reaction(this, 'Policies', {
      entry: 'bus/policies',
      name: 'BusPolicies',
      impact: 'Banks go on by the policies and terms that their tenant has replaced.',
      to: ['assignment_policy.*', 'workflow_terms.*', 'bank.registered'],
      // Two at once would only take turns at the same rows.
      maxConcurrency: 2,
    });
    data.readWrite(policies.fn);

    const waiting = bus.reaction(this, 'Waiting', {
      entry: 'bus/waiting',
      name: 'BusWaiting',
      impact: 'Who waits for a compartment gets a free one late: only by the sweep, every 15 minutes.',
      // Whoever begins to wait, and whatever may free a door: one that freed just before is seen by the former.
      to: [
        'transaction.waitlisted',
        'transaction.completed',
        'transaction.cancelled',
        'transaction.expired',
        'transaction.recalled',
        'transaction.rejected',
        'transaction.moved',
        'transaction.taken_out',
        'transaction.move_redirected',
        'transaction.move_cancelled',
        'compartment.cleared',
        'compartment.returned_to_service',
        'asset.retired',
        'stock_unit.withdrawn',
        'bank.booted',
      ],
      maxConcurrency: 10,
    });
    data.readWrite(waiting.fn);
    data.readRootSecret(waiting.fn);
    deadlines.wakeFrom(waiting.fn);
  }
}
