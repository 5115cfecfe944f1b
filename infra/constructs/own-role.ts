import {
  type AddToPrincipalPolicyResult,
  PolicyDocument,
  type PolicyStatement,
  Role,
  type RoleProps,
} from 'aws-cdk-lib/aws-iam';
import type { Construct } from 'constructs';

/**
 * A role that holds all it may do in itself. The policy that CDK makes beside every role would be one more of the 500
 * resources that a stack may have, for each function.
 */
export class OwnRole extends Role {
  private readonly permissions: PolicyDocument;

  constructor(scope: Construct, id: string, props: RoleProps) {
    const permissions = new PolicyDocument();
    super(scope, id, { ...props, inlinePolicies: { Own: permissions } });
    this.permissions = permissions;
  }

  override addToPrincipalPolicy(statement: PolicyStatement): AddToPrincipalPolicyResult {
    this.permissions.addStatements(statement);
    return { statementAdded: true, policyDependable: this };
  }
}
