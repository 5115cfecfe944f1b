import { App } from 'aws-cdk-lib';
import { addStacks } from './stacks.ts';
import { stageOf } from './stages.ts';

const app = new App();
addStacks(app, stageOf(app.node));
