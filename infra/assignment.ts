import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';

/** What follows from how compartments are chosen. */
export class Assignment extends Construct {
  constructor(scope: Construct, id: string, { data, bus }: { data: Data; bus: Bus }) {
    super(scope, id);
    const policies = bus.reaction(this, 'Policies', {
      entry: 'bus/assignment-policies',
      name: 'BusAssignmentPolicies',
      impact: 'Banks go on choosing compartments by the policy that their tenant has replaced.',
      to: ['assignment_policy.*', 'bank.registered'],
      // Two at once would only take turns at the same rows.
      maxConcurrency: 2,
    });
    data.readWrite(policies.fn);
  }
}
