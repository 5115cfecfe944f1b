import { cdk, request, stageNames } from './cdk.ts';
import { stackNames } from './stages.ts';

// Needs neither an account nor credentials: nothing in the stacks is looked up, the account stays a reference.
const wanted = request(stageNames, 'prod');
cdk('synth', { ...wanted, cdkArguments: ['--quiet', ...wanted.cdkArguments] });
const files = Object.values(stackNames(wanted.stage)).map((name) => `cdk.out/${name}.template.json`);
console.log(`latchwork: the templates of stage ${wanted.stage} are in ${files.join(' and ')}`);
