import { type IResolvable, Reference, Stack, Tokenization, Validations } from 'aws-cdk-lib';
import { flattenCfnReference } from 'cdk-nag/lib/utils/flatten-cfn-reference.js';
import type { Construct } from 'constructs';

/** Tells cdk-nag why these resources hold a `*`. Every other one stays an error. */
export function acknowledgeWildcards(scope: Construct, resources: string[], reason: string): void {
  for (const resource of resources)
    Validations.of(scope).acknowledge({ id: `AwsSolutions-IAM5[Resource::${nameIn(scope, resource)}]`, reason });
}

/** As it will stand in the template of the scope's stack: what is another's comes by the name of its export. */
function nameIn(scope: Construct, resource: string): string {
  const stack = Stack.of(scope);
  const named = (token: IResolvable): string => {
    const isForeign = Reference.isReference(token) && Stack.of(token.target) !== stack;
    return flattenCfnReference(stack.resolve(isForeign ? Stack.of(token.target).exportValue(token) : token));
  };
  const parts = Tokenization.reverseString(resource);
  return String(parts.mapTokens({ mapToken: named }).join({ join: (a, b) => `${a ?? ''}${b ?? ''}` }));
}
