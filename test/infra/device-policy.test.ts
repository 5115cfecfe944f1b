import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { ruleNames, topics } from '../../shared/device/topics.ts';
import { synthesized, Text } from './template.ts';

const Policy = z.object({
  PolicyDocument: z.object({
    Version: z.string(),
    Statement: z.array(
      z.object({
        Effect: z.literal('Allow'),
        Action: z.string(),
        Resource: z.array(Text),
        Condition: z.unknown().optional(),
      }),
    ),
  }),
});
const document = synthesized('prod').all('AWS::IoT::Policy', Policy)[0]?.properties.PolicyDocument;
const statements = document?.Statement ?? [];
const name = `\${iot:Connection.Thing.ThingName}`;

/** As AWS IoT decides for a connected bank: its name is put in, `*` stands for anything, nothing else does. */
const may = (bank: string, action: string, resource: string) =>
  statements.some(
    (statement) =>
      statement.Action === `iot:${action}` &&
      statement.Resource.some((pattern) => {
        const literal = pattern.replaceAll(name, bank).split(':').slice(5).join(':');
        const parts = literal.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
        return new RegExp(`^${parts.join('.*')}$`).test(resource);
      }),
  );

const own = topics('bnk_a');
const other = topics('bnk_b');

describe('the device policy', () => {
  it('fits into 2,048 characters, in the region with the longest name', () => {
    const resolved = JSON.stringify(document).replace(/\s/g, '');
    expect(resolved).toContain('ap-southeast-1');
    expect(resolved.length).toBeLessThanOrEqual(2_048);
  });

  it('names the connected thing in every line', () => {
    for (const { Resource } of statements) for (const resource of Resource) expect(resource).toContain(name);
  });

  it('lets nobody connect but a thing whose certificate is attached to it', () => {
    expect(statements.find(({ Action }) => Action === 'iot:Connect')?.Condition).toEqual({
      Bool: { 'iot:Connection.Thing.IsAttached': 'true' },
    });
  });

  it.each([
    ['Connect', 'client/bnk_a'],
    ['Publish', `topic/${own.journal}`],
    ['Publish', `topic/${own.ask}`],
    ['Publish', `topic/${own.shadow('config').get}`],
    ['Publish', `topic/${own.shadow('grants-14').get}`],
    ['Publish', `topic/${own.shadow('doors-4').update}`],
    ['Subscribe', `topicfilter/${own.down}`],
    ['Subscribe', `topicfilter/${own.shadow('+').getAccepted}`],
    ['Subscribe', `topicfilter/${own.shadow('+').getRejected}`],
    ['Subscribe', `topicfilter/${own.shadow('+').delta}`],
    ['Subscribe', `topicfilter/${own.shadow('doors-0').updateAccepted}`],
    ['Subscribe', `topicfilter/${own.shadow('doors-0').updateRejected}`],
    ['Receive', `topic/${own.ack}`],
    ['Receive', `topic/${own.key}`],
    ['Receive', `topic/${own.shadow('config').getAccepted}`],
    ['Receive', `topic/${own.shadow('grants-0').delta}`],
    ['Receive', `topic/${own.shadow('doors-0').updateRejected}`],
  ])('lets a bank %s %s', (action, resource) => {
    expect(may('bnk_a', action, resource)).toBe(true);
  });

  it.each([
    ['Connect', 'client/bnk_b', 'another’s name'],
    ['Publish', `topic/${other.journal}`, 'another’s journal'],
    ['Publish', `topic/${other.ask}`, 'another’s asks'],
    ['Publish', `topic/${other.shadow('doors-0').update}`, 'another’s shadow'],
    ['Publish', `topic/$aws/rules/other/bnk_a`, 'another rule'],
    ['Publish', `topic/${own.shadow('grants-0').update}`, 'the grants, which only the cloud writes'],
    ['Publish', `topic/${own.shadow('config').update}`, 'its configuration, which only the cloud writes'],
    ['Publish', `topic/${own.shadow('doors-0').update}`.replace('update', 'delete'), 'deleting a shadow'],
    ['Publish', `topic/${own.ack}`, 'what comes from the cloud'],
    ['Subscribe', `topicfilter/${topics('+').down}`, 'everybody’s messages'],
    ['Subscribe', 'topicfilter/lw/#', 'everybody’s messages'],
    ['Subscribe', `topicfilter/${other.down}`, 'another’s messages'],
    ['Subscribe', `topicfilter/${topics('+').shadow('+').delta}`, 'everybody’s shadows'],
    ['Receive', `topic/${other.ack}`, 'another’s messages'],
    ['Receive', `topic/${other.shadow('doors-0').delta}`, 'another’s shadow'],
  ])('does not let a bank %s %s: %s', (action, resource) => {
    expect(may('bnk_a', action, resource)).toBe(false);
  });

  it('names rules that exist, and none that others set off', () => {
    const rules = synthesized('prod').all('AWS::IoT::TopicRule', z.object({ RuleName: z.string() }));
    const named = rules.map(({ properties }) => properties.RuleName);
    expect(named.sort()).toEqual([...Object.values(ruleNames), 'lw_presence'].sort());
    expect(may('bnk_a', 'Publish', 'topic/$aws/rules/lw_presence/bnk_a')).toBe(false);
    expect(may('bnk_a', 'Publish', 'topic/$aws/events/presence/connected/bnk_a')).toBe(false);
  });
});
