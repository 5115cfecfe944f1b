import { cdk, request, stageNames } from './cdk.ts';

// Needs neither an account nor credentials: nothing in the stack is looked up, the account stays a reference.
const wanted = request(stageNames, 'prod');
cdk('synth', { ...wanted, cdkArguments: ['--quiet', ...wanted.cdkArguments] });
console.log(`latchwork: the template of stage ${wanted.stage} is in cdk.out/latchwork-${wanted.stage}.template.json`);
