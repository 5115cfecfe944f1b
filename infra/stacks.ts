import { type App, Stack, Tags } from 'aws-cdk-lib';
import { Alarms } from './alarms.ts';
import { Api } from './api.ts';
import { Archive } from './archive.ts';
import { Assignment } from './assignment.ts';
import { Bus } from './bus.ts';
import { Data } from './data.ts';
import { Deadlines } from './deadlines.ts';
import { Devices } from './devices.ts';
import { Enrolment } from './enrolment.ts';
import { Exports } from './exports.ts';
import { Feed } from './feed.ts';
import { Imports } from './imports.ts';
import { LockBoards } from './lock-boards.ts';
import { Notifications } from './notifications.ts';
import { Operations } from './operations.ts';
import { Schedules } from './schedules.ts';
import { Search } from './search.ts';
import { type Stage, stackNames } from './stages.ts';
import { Republish, Sweep } from './sweep.ts';
import { Webhooks } from './webhooks.ts';

/** What stays whoever asks: the data, what it sets in motion, and the banks. */
class Core extends Stack {
  readonly data: Data;
  readonly bus: Bus;
  readonly schedules: Schedules;
  readonly devices: Devices;
  readonly alarms: Alarms;

  constructor(app: App, stage: Stage) {
    super(app, stackNames(stage.name).core, {
      description: `Latchwork, stage ${stage.name}: data, events and banks`,
      terminationProtection: stage.retain,
    });
    const data = new Data(this, 'Data', { stage });
    const bus = new Bus(this, 'Bus', { stage, data });
    const schedules = new Schedules(this, 'Schedules', { stage });
    const deadlines = new Deadlines(this, 'Deadlines', { stage, data, bus, schedules });
    new Assignment(this, 'Assignment', { data, bus, deadlines });
    const devices = new Devices(this, 'Devices', { stage, data, bus });
    new Enrolment(this, 'Enrolment', { stage, data, devices });
    new Search(this, 'Search', { stage, data, bus });
    new Feed(this, 'Feed', { stage, data, bus });
    new Archive(this, 'Archive', { stage, data, bus });
    new Imports(this, 'Imports', { stage, data, bus });
    new Exports(this, 'Exports', { stage, data, bus });
    new Republish(this, 'Republish', { stage, data, bus });
    const alarms = new Alarms(this, 'Alarms', { stage });
    this.data = data;
    this.bus = bus;
    this.schedules = schedules;
    this.devices = devices;
    this.alarms = alarms;
  }
}

/** What meets the world: the API, webhooks, the clouds of vendors, messages to people, and those who run it. */
class Edge extends Stack {
  constructor(app: App, stage: Stage, { data, bus, schedules, devices, alarms }: Core) {
    super(app, stackNames(stage.name).edge, {
      description: `Latchwork, stage ${stage.name}: API, webhooks and messages`,
      terminationProtection: stage.retain,
    });
    const webhooks = new Webhooks(this, 'Webhooks', { stage, data, bus, schedules });
    new LockBoards(this, 'LockBoards', { data, bus, devices, webhooks });
    const api = new Api(this, 'Api', { stage, data, devices, webhooks });
    const notifications = new Notifications(this, 'Notifications', { stage, data, bus, schedules, api });
    new Sweep(this, 'Sweep', { stage, data, webhooks, notifications });
    new Operations(this, 'Operations', { stage, data, bus, alarms });
  }
}

/**
 * The whole product of one stage, in two stacks, because CloudFormation takes 500 resources in one. One account and region
 * holds one stage: the banks know the names of the IoT rules.
 */
export const addStacks = (app: App, stage: Stage): Stack[] => {
  const core = new Core(app, stage);
  const edge = new Edge(app, stage, core);
  Tags.of(app).add('application', 'latchwork');
  Tags.of(app).add('stage', stage.name);
  for (const stack of [core, edge]) core.alarms.hearAll(stack);
  return [core, edge];
};
