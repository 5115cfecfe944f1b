import { Stack, Tags } from 'aws-cdk-lib';
import type { Construct } from 'constructs';
import { Api } from './api.ts';
import { Assignment } from './assignment.ts';
import { Bus } from './bus.ts';
import { Data } from './data.ts';
import { Deadlines } from './deadlines.ts';
import { Devices } from './devices.ts';
import { Enrolment } from './enrolment.ts';
import { Imports } from './imports.ts';
import { LockBoards } from './lock-boards.ts';
import { Notifications } from './notifications.ts';
import { Operations } from './operations.ts';
import { Schedules } from './schedules.ts';
import { Search } from './search.ts';
import type { Stage } from './stages.ts';
import { Republish, Sweep } from './sweep.ts';
import { Webhooks } from './webhooks.ts';

/** The whole product of one stage. One account and region holds one stage: the banks know the names of the IoT rules. */
export class LatchworkStack extends Stack {
  constructor(scope: Construct, stage: Stage) {
    super(scope, `latchwork-${stage.name}`, {
      description: `Latchwork, stage ${stage.name}`,
      terminationProtection: stage.retain,
    });
    Tags.of(this).add('application', 'latchwork');
    Tags.of(this).add('stage', stage.name);

    const data = new Data(this, 'Data', { stage });
    const bus = new Bus(this, 'Bus', { stage, data });
    const schedules = new Schedules(this, 'Schedules', { stage });
    const deadlines = new Deadlines(this, 'Deadlines', { stage, data, bus, schedules });
    new Assignment(this, 'Assignment', { data, bus, deadlines });
    const devices = new Devices(this, 'Devices', { stage, data, bus });
    new Enrolment(this, 'Enrolment', { stage, data, devices });
    const webhooks = new Webhooks(this, 'Webhooks', { stage, data, bus, schedules });
    new LockBoards(this, 'LockBoards', { data, bus, devices, webhooks });
    new Search(this, 'Search', { stage, data, bus });
    new Imports(this, 'Imports', { stage, data, bus });
    new Notifications(this, 'Notifications', { data, bus });
    new Api(this, 'Api', { stage, data, devices, webhooks });
    new Sweep(this, 'Sweep', { stage, data, webhooks });
    new Republish(this, 'Republish', { stage, data, bus });
    const operations = new Operations(this, 'Operations', { stage, data, bus });
    operations.hearAllAlarms();
  }
}
