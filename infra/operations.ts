import { Construct } from 'constructs';
import type { Alarms } from './alarms.ts';
import type { Bus } from './bus.ts';
import { ServiceFunction } from './constructs/service-function.ts';
import type { Data } from './data.ts';
import type { Stage } from './stages.ts';

export type OperationsProps = { stage: Stage; data: Data; bus: Bus; alarms: Alarms };

/** What the people who run it need: word of what needs a person, and the tools that only they may use. */
export class Operations extends Construct {
  constructor(scope: Construct, id: string, { stage, data, bus, alarms }: OperationsProps) {
    super(scope, id);
    const { fn: signals } = bus.reaction(this, 'Signals', {
      entry: 'bus/signals',
      name: 'Signals',
      impact:
        'You are not told of conflicts, moves that stopped half-way, what fails at doors and banks, disabled endpoints, exports that could not be pushed, and incidents that nobody sees to.',
      to: [
        'transaction.conflicted',
        'transaction.overdue',
        'transaction.scan_failed',
        'transaction.rejected',
        'webhook_endpoint.disabled',
        'export.push_failed',
        'incident.escalated',
        'compartment.*',
        'bank.offline',
        'bank.online',
        'bank.power_lost',
        'bank.tampered',
        'bank.journal_truncated',
      ],
    });
    alarms.tellFrom(signals);

    const { fn: incidents } = bus.reaction(this, 'Incidents', {
      entry: 'bus/incidents',
      name: 'Incidents',
      impact:
        'What goes wrong is nobody’s work until this is mended: no incident is opened, and none says that its cause is over.',
      // What shared/domain/incident-kinds.ts names; a test compares them.
      to: [
        'bank.offline',
        'bank.online',
        'bank.decommissioned',
        'bank.tampered',
        'bank.journal_truncated',
        'compartment.lock_jammed',
        'compartment.not_closing',
        'compartment.forced_open',
        'compartment.contents_mismatched',
        'compartment.temperature_out_of_range',
        'compartment.returned_to_service',
        'transaction.conflicted',
        'transaction.scan_failed',
        'transaction.overdue',
        'transaction.moved',
        'transaction.recalled',
        'transaction.rejected',
        'webhook_endpoint.disabled',
        'webhook_endpoint.enabled',
        'webhook_endpoint.deleted',
        'message.failed',
        'export.push_failed',
      ],
    });
    data.readWrite(incidents);

    // Nothing triggers it: who may invoke it is a matter of the account's own IAM.
    const createTenant = new ServiceFunction(this, 'CreateTenant', {
      stage,
      entry: 'operator/create-tenant',
      name: 'CreateTenant',
      impact: 'A new tenant could not be created.',
    });
    data.readWrite(createTenant);
    data.readRootSecret(createTenant);
  }
}
