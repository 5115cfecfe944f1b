import { App, Tags } from 'aws-cdk-lib';
import { LatchworkStack } from './stack.ts';
import { stageOf } from './stages.ts';

const app = new App();
const stage = stageOf(app.node);
new LatchworkStack(app, stage);
Tags.of(app).add('application', 'latchwork');
Tags.of(app).add('stage', stage.name);
