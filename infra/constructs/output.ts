import { CfnOutput, Stack } from 'aws-cdk-lib';
import type { Construct } from 'constructs';

/** An output of the stack under exactly this name, wherever in the tree it is said. */
export const output = (scope: Construct, name: string, value: string) =>
  new CfnOutput(Stack.of(scope), name, { value });
