import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import * as z from 'zod';
import { addStacks } from '../../infra/stacks.ts';
import { type StageName, stageOf } from '../../infra/stages.ts';

const root = join(import.meta.dirname, '..', '..');
const CdkJson = z.object({ context: z.record(z.string(), z.unknown()) });
const Template = z.object({
  Resources: z.record(
    z.string(),
    z.object({ Type: z.string(), DeletionPolicy: z.string().optional(), Properties: z.unknown() }),
  ),
  Outputs: z.record(z.string(), z.object({ Value: z.unknown(), Export: z.object({ Name: z.string() }).optional() })),
});
const Imported = z.object({ 'Fn::ImportValue': z.string() });

export type Resource<P> = { logicalId: string; deletionPolicy: string | undefined; properties: P };

const made = new Map<string, ReturnType<typeof synthesize>>();

/** The stacks of a stage with their templates as one, made once in this process; the functions' code is left out. */
export function synthesized(stage: StageName, overrides: Record<string, unknown> = {}) {
  const key = JSON.stringify({ stage, overrides });
  const known = made.get(key) ?? synthesize(stage, overrides);
  made.set(key, known);
  return known;
}

function synthesize(stage: StageName, overrides: Record<string, unknown>) {
  const { context } = CdkJson.parse(JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8')));
  const outdir = mkdtempSync(join(tmpdir(), 'latchwork-synth-'));
  const app = new App({ context: { ...context, 'aws:cdk:bundling-stacks': [], stage, ...overrides }, outdir });
  const stacks = addStacks(app, stageOf(app.node));
  const assembly = app.synth();
  const templates = stacks.map(({ stackName }) => Template.parse(assembly.getStackByName(stackName).template));
  const exported = new Map(
    templates.flatMap(({ Outputs }) => Object.values(Outputs)).map(({ Export, Value }) => [Export?.Name, Value]),
  );
  const all = templates.map((template) =>
    // What one has from another is as if it were its own.
    JSON.parse(JSON.stringify(template), (_, value) => {
      const { data } = Imported.safeParse(value);
      return data ? exported.get(data['Fn::ImportValue']) : value;
    }),
  );
  const template = Template.parse({
    Resources: Object.assign({}, ...all.map(({ Resources }) => Resources)),
    Outputs: Object.assign({}, ...all.map(({ Outputs }) => Outputs)),
  });
  rmSync(outdir, { recursive: true });
  return {
    app,
    outputs: template.Outputs,
    /** How many resources each stack has. */
    counts: templates.map(({ Resources }) => Object.keys(Resources).length),
    /** Every resource of a type, its properties parsed as far as a test looks at them. */
    all: <P>(type: string, properties: z.ZodType<P>): Resource<P>[] =>
      Object.entries(template.Resources)
        .filter(([, resource]) => resource.Type === type)
        .map(([logicalId, resource]) => ({
          logicalId,
          deletionPolicy: resource.DeletionPolicy,
          properties: properties.parse(resource.Properties),
        })),
  };
}

const Joined = z.object({ 'Fn::Join': z.tuple([z.string(), z.array(z.unknown())]) });
const Got = z.object({ 'Fn::GetAtt': z.tuple([z.string(), z.string()]) });
const Referred = z.object({ Ref: z.string() });

/** A value with its references as `<LogicalId>` or `<LogicalId.Arn>`, and a region and account with the longest names. */
export function plain(value: unknown): string {
  if (typeof value === 'string') return value;
  const joined = Joined.safeParse(value);
  if (joined.success) return joined.data['Fn::Join'][1].map(plain).join(joined.data['Fn::Join'][0]);
  const got = Got.safeParse(value);
  if (got.success) return `<${got.data['Fn::GetAtt'].join('.')}>`;
  const referred = Referred.safeParse(value);
  if (!referred.success) throw new Error(`not a string with references: ${JSON.stringify(value)}`);
  return pseudo[referred.data.Ref] ?? `<${referred.data.Ref}>`;
}

const pseudo: Record<string, string> = {
  'AWS::Partition': 'aws',
  'AWS::Region': 'ap-southeast-1',
  'AWS::AccountId': '123456789012',
};

/** The logical id that a reference is about. */
export const target = (value: unknown): string => plain(value).replace(/^<([^.>]+).*>$/, '$1');
export const Text = z.unknown().transform(plain);
export const Target = z.unknown().transform(target);
