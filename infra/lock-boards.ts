import { Construct } from 'constructs';
import type { Bus } from './bus.ts';
import type { Data } from './data.ts';
import type { Devices } from './devices.ts';
import type { Webhooks } from './webhooks.ts';

export type LockBoardsProps = { data: Data; bus: Bus; devices: Devices; webhooks: Webhooks };

/** What goes out to the clouds of vendors whose boards drive a bank's locks; what comes in is HTTP (api.ts). */
export class LockBoards extends Construct {
  constructor(scope: Construct, id: string, { data, bus, devices, webhooks }: LockBoardsProps) {
    super(scope, id);
    const orders = bus.reaction(this, 'Orders', {
      entry: 'bus/lock-boards',
      name: 'LockBoards',
      impact: 'Doors of banks with lock boards do not open, neither for staff nor for codes.',
      to: ['command.queued'],
    });
    data.readWrite(orders.fn);
    data.readRootSecret(orders.fn);
    devices.hearFrom(orders.fn);
    webhooks.reachEndpoints(orders.fn);
    // What was not answered comes again in seconds; by its own retries a queue would come too late.
    orders.queue.sendFrom(orders.fn);
  }
}
