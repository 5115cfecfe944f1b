import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { enrollingClient, provisioningTopics } from '../../shared/device/certificate.ts';
import { plain, synthesized, Target, Text } from './template.ts';

const Template = z.object({
  TemplateName: z.string(),
  TemplateType: z.string(),
  Enabled: z.boolean(),
  TemplateBody: z.string().transform((text): unknown => JSON.parse(text)),
  ProvisioningRoleArn: Target,
  PreProvisioningHook: z.object({ PayloadVersion: z.string(), TargetArn: Target }),
});
const Policy = z.object({
  PolicyName: z.string(),
  PolicyDocument: z.object({
    Statement: z.array(z.object({ Effect: z.string(), Action: z.string(), Resource: z.array(Text) })),
  }),
});
const Permission = z.object({
  Action: z.string(),
  Principal: z.string(),
  FunctionName: Target,
  SourceArn: z.unknown().optional(),
  SourceAccount: z.unknown().optional(),
});

const of = (stage: 'prod' | 'local') => {
  const stack = synthesized(stage);
  const template = stack.all('AWS::IoT::ProvisioningTemplate', Template)[0]?.properties;
  if (!template) throw new Error('there is no provisioning template');
  const claim = stack
    .all('AWS::IoT::Policy', Policy)
    .find(({ properties }) => properties.PolicyName.endsWith('-claim'));
  return { stack, template, statements: claim?.properties.PolicyDocument.Statement ?? [] };
};

const here = 'arn:aws:iot:ap-southeast-1:123456789012:';

describe('the provisioning template', () => {
  const { stack, template } = of('prod');

  it('makes nobody anything but what the hook says: the thing of that bank, with the policy of banks', () => {
    expect(template).toMatchObject({
      TemplateType: 'FLEET_PROVISIONING',
      Enabled: true,
      PreProvisioningHook: { PayloadVersion: '2020-04-01' },
      TemplateBody: {
        Parameters: { SerialNumber: { Type: 'String' }, BankId: { Type: 'String' } },
        Resources: {
          certificate: { Properties: { Status: 'Active' } },
          policy: { Properties: { PolicyName: 'latchwork-prod-bank' } },
          thing: { Properties: { ThingName: { Ref: 'BankId' } } },
        },
      },
    });
  });

  it('has a name that AWS IoT takes, of at most 36 characters', () => {
    expect(template.TemplateName).toMatch(/^[0-9A-Za-z_-]{1,36}$/);
  });

  it('is the only one that may call its hook, and the rule of certificates the only other', () => {
    const hook = template.PreProvisioningHook.TargetArn;
    const callers = stack
      .all('AWS::Lambda::Permission', Permission)
      .filter(({ properties }) => properties.FunctionName === hook)
      .map(({ properties }) => properties);
    for (const { Principal, SourceAccount } of callers)
      expect([Principal, plain(SourceAccount)]).toEqual(['iot.amazonaws.com', '123456789012']);
    expect(callers.map(({ SourceArn }) => plain(SourceArn)).toSorted()).toEqual([
      `${here}provisioningtemplate/${template.TemplateName}`,
      `${here}rule/lw_certificate`,
    ]);
  });

  it('acts as a role that reaches no thing but those of banks', () => {
    const Role = z.object({
      Policies: z.array(
        z.object({
          PolicyDocument: z.object({
            Statement: z.array(
              z.object({
                Action: z.union([z.string(), z.array(z.string())]),
                Resource: z.union([z.array(z.unknown()), z.unknown().transform((it) => [it])]),
              }),
            ),
          }),
        }),
      ),
    });
    const role = stack
      .all('AWS::IAM::Role', z.unknown())
      .find(({ logicalId }) => logicalId === template.ProvisioningRoleArn);
    const statements = Role.parse(role?.properties).Policies.flatMap(({ PolicyDocument }) => PolicyDocument.Statement);
    const resources = statements.flatMap(({ Resource }) => Resource.map((it) => Text.parse(it)));
    expect([...new Set(resources)].toSorted()).toEqual([
      `${here}cert/*`,
      `${here}policy/latchwork-prod-bank`,
      `${here}thing/bnk_*`,
    ]);
    expect(statements.flatMap(({ Action }) => Action).filter((it) => /Delete|Detach|CreatePolicy|\*/.test(it))).toEqual(
      [],
    );
  });
});

describe('a claim', () => {
  it('lets its owner ask for a certificate and be registered, and hear the answers, under no name of a bank', () => {
    const { template, statements } = of('prod');
    const { fromCsr, register } = provisioningTopics(template.TemplateName);
    const answers = [fromCsr, register].flatMap((topic) => [`${topic}/accepted`, `${topic}/rejected`]);
    expect(statements.map(({ Action, Resource }) => [Action, Resource.map((it) => it.replace(here, ''))])).toEqual([
      ['iot:Connect', [`client/${enrollingClient}*`]],
      ['iot:Publish', [`topic/${fromCsr}`, `topic/${register}`]],
      ['iot:Subscribe', answers.map((topic) => `topicfilter/${topic}`)],
      ['iot:Receive', answers.map((topic) => `topic/${topic}`)],
    ]);
    expect(enrollingClient.startsWith('bnk_')).toBe(false);
  });

  it('has AWS make private keys nowhere but on the local engine', () => {
    const asks = (stage: 'prod' | 'local') =>
      JSON.stringify(of(stage).statements).includes(`topic/${provisioningTopics('').withKey}"`);
    expect([asks('prod'), asks('local')]).toEqual([false, true]);
  });
});
