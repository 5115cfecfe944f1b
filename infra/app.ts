import { App } from 'aws-cdk-lib';
import { LatchworkStack } from './stack.ts';
import { stageOf } from './stages.ts';

const app = new App();
new LatchworkStack(app, stageOf(app.node));
