import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';

/** Messages to people: SMS by SNS. */
export class Notifications extends Construct {
  constructor(scope: Construct, id: string, { data, bus }: { data: Data; bus: Bus }) {
    super(scope, id);
    const { fn } = bus.reaction(this, 'Messages', {
      entry: 'bus/messages',
      name: 'Messages',
      impact: 'Recipients, and those they send instead, are not told that an item waits for them.',
      to: [
        'transaction.deposited',
        'transaction.moved',
        'transaction.credentials_reissued',
        'credential.delegated',
        'credential.taken_back',
      ],
    });
    // It remembers what it has told.
    data.readWrite(fn);
    data.readRootSecret(fn);
    fn.allow({
      actions: ['sns:Publish'],
      resources: ['*'],
      wildcard: 'A phone number is no resource that a policy could name; topics are denied below.',
    });
    fn.deny(['sns:Publish'], ['arn:*:sns:*:*:*']);
  }
}
