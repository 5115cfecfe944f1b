import { randomUUID } from 'node:crypto';
import { DeleteRolePolicyCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import { GetFunctionConfigurationCommand } from '@aws-sdk/client-lambda';
import { SNSClient, SubscribeCommand } from '@aws-sdk/client-sns';
import { CreateQueueCommand, GetQueueAttributesCommand, ReceiveMessageCommand } from '@aws-sdk/client-sqs';
import { describe, expect, it } from 'vitest';
import { clientOptions } from '../../local/endpoint.ts';
import { outputOf } from '../../local/stack-handle.ts';
import { Feed } from '../../shared/api/events.ts';
import { BrandingView } from '../../shared/api/message-templates.ts';
import { listMessages } from '../../shared/api/messages.ts';
import { WebhookEndpointView } from '../../shared/api/webhook-endpoints.ts';
import { WorkflowTermsView } from '../../shared/api/workflow-terms.ts';
import { anEmail, aPhone, emailsTo, smsTo } from '../support/inbox.ts';
import { invariantsHold } from '../support/invariants.ts';
import { createParcel, deposit, doorOf, knownAtBank, pickUp, readParcel } from '../support/parcel.ts';
import { peopleAt } from '../support/people.ts';
import { aws, eventually, newBank, newReceiver, newTenant, stack } from '../support/stack.ts';

describe('the recipient of a deposited item', () => {
  it('is told by SMS where it is and until when, and opens with the PIN that stands there', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { name: 'Bahnhof' });
    const phone = aPhone();
    const parcel = await createParcel(tenant, bank, { recipient: { phone, locale: 'de-CH' } });
    await knownAtBank(tenant, parcel.id);
    expect(await smsTo(phone)).toEqual([]);
    await deposit(bank, parcel);
    const [message = '', ...more] = await eventually(async () => {
      const found = await smsTo(phone);
      expect(found).not.toEqual([]);
      return found;
    });
    expect(more).toEqual([]);

    const [, door, pin, day, time, link = ''] =
      /^Ihre Sendung liegt bereit: Bahnhof, Fach (\S+)\. PIN: (\d{6})\. Bitte abholen bis \S+, (\d+)\. \S+, (\d\d:\d\d)\. (http\S+)$/.exec(
        message,
      ) ?? [];
    const page = await fetch(link);
    expect(page.status).toBe(200);
    expect(await page.text()).toContain(pin);
    expect(door).toBe(doorOf(parcel));
    const { deadlines } = await readParcel(tenant, parcel.id);
    const local = new Intl.DateTimeFormat('de', { timeZone: 'Europe/Zurich', day: 'numeric' });
    const clock = new Intl.DateTimeFormat('de', { timeZone: 'Europe/Zurich', timeStyle: 'short' });
    expect(day).toBe(local.format(new Date(deadlines.pickupBy)));
    expect(time).toBe(clock.format(new Date(deadlines.pickupBy)));

    await knownAtBank(tenant, parcel.id);
    expect(await bank.panel.enter(pin ?? '')).toMatchObject({ granted: true, door });
  });
});

describe('who has not come yet', () => {
  it('is reminded by SMS before it is too late, as long before as their tenant says, and no more once they came', async () => {
    const tenant = await newTenant();
    const terms = { workflows: { parcel: { remindBeforeSeconds: 6 } } };
    await tenant.api.patch('/v1/workflow-terms/tenant', terms, WorkflowTermsView);
    const bank = await newBank(tenant, { name: 'Bahnhof' });
    const until = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
    const [phone, other] = [aPhone(), aPhone()];
    const parcel = await createParcel(tenant, bank, {
      recipient: { phone, locale: 'en' },
      deadlines: { reserveUntil: until(9), depositBy: until(9), pickupBy: until(18) },
    });
    expect(await knownAtBank(tenant, parcel.id)).toMatchObject({ remindBeforeSeconds: 6 });
    await deposit(bank, parcel);

    const collected = await createParcel(tenant, bank, { recipient: { phone: other } });
    await knownAtBank(tenant, collected.id);
    await deposit(bank, collected);
    const told = async () =>
      (await tenant.api.get(`/v1/transactions/${collected.id}/messages`, listMessages.response())).data;
    const planned = { kind: 'pickup_due', state: 'waiting', reason: 'not_due' };
    await eventually(async () => expect(await told()).toMatchObject([planned, { kind: 'item_waits', state: 'sent' }]));
    await knownAtBank(tenant, collected.id);
    await pickUp(bank, collected);
    await eventually(async () => expect(await told()).toMatchObject([{ kind: 'item_waits' }]));

    const [first, reminder] = await eventually(
      async () => {
        const found = await smsTo(phone);
        expect(found).toHaveLength(2);
        return found;
      },
      { within: 25_000 },
    );
    const [, pin = ''] = / PIN: (\d{6})\. /.exec(first ?? '') ?? [];
    expect(reminder).toMatch(
      new RegExp(`^Reminder: your item waits at Bahnhof, door ${doorOf(parcel)}, until .*PIN: ${pin}\\. http\\S+$`),
    );
    expect(await readParcel(tenant, parcel.id)).toMatchObject({ state: 'stored' });
    expect(await smsTo(other)).toHaveLength(1);
  });
});

describe('whose only number was taken away before they could be reminded', () => {
  it('is told nothing, and the event of that is in the feed and at the webhook of their tenant', async () => {
    const tenant = await newTenant();
    const terms = { workflows: { parcel: { remindBeforeSeconds: 6 } } };
    await tenant.api.patch('/v1/workflow-terms/tenant', terms, WorkflowTermsView);
    const receiver = await newReceiver();
    const wanted = { url: receiver.url, eventTypes: ['message.*'] };
    const { secret } = await tenant.api.post('/v1/webhook-endpoints', wanted, WebhookEndpointView);
    receiver.verifyWith(secret ?? '');
    const bank = await newBank(tenant);
    const until = (seconds: number) => new Date(Date.now() + seconds * 1000).toISOString();
    const phone = aPhone();
    const parcel = await createParcel(tenant, bank, {
      recipient: { phone },
      deadlines: { reserveUntil: until(8), depositBy: until(8), pickupBy: until(14) },
    });
    await knownAtBank(tenant, parcel.id);
    await deposit(bank, parcel);
    await eventually(async () => expect(await smsTo(phone)).toHaveLength(1));
    const place = `/v1/transactions/${parcel.id}`;
    expect(await tenant.api.request('PATCH', place, { body: { recipient: { name: 'Ada' } } })).toMatchObject({
      status: 200,
    });
    const [event] = await eventually(
      async () => {
        const { data } = await tenant.api.get('/v1/events?type=message.*', Feed());
        expect(data).toHaveLength(1);
        return data;
      },
      { within: 25_000 },
    );
    const failed = {
      transactionId: parcel.id,
      kind: 'pickup_due',
      to: 'recipient',
      reason: 'no_address',
      attempts: [],
    };
    expect(event).toMatchObject({ type: 'message.failed', sequence: 1, data: failed });
    await eventually(() =>
      expect(receiver.received().map(({ headers }) => headers['webhook-id'])).toContain(event?.id),
    );
    const { data } = await tenant.api.get(`${place}/messages`, listMessages.response());
    expect(data.find(({ id }) => id === event?.subject)).toMatchObject({ state: 'suppressed', reason: 'no_address' });
    await invariantsHold({ tenants: [tenant], banks: [bank] });
  });
});

describe('who rents a door', () => {
  it('is told by SMS which is theirs, in the words of the tenant, and opens with the PIN that stands there', async () => {
    const tenant = await newTenant();
    const place = '/v1/message-templates/rental_ready/de/sms';
    const text = '{{brand}}: Fach {{door}} bei {{place}} ist Ihres. {{code}} Bis {{until}}!';
    await tenant.api.patch('/v1/branding', { name: 'Türchen & Co' }, BrandingView);
    expect(await tenant.api.request('PUT', place, { body: { text } })).toMatchObject({ status: 200 });
    const bank = await newBank(tenant, { name: 'Bahnhof' });
    const people = peopleAt(tenant, bank);
    const phone = aPhone();
    const rental = await people.begin('rental', { recipient: { phone, locale: 'de-CH' } });
    const [message = ''] = await eventually(async () => {
      const found = await smsTo(phone);
      expect(found).toHaveLength(1);
      return found;
    });
    const [, door, pin = ''] =
      /^Türchen & Co: Fach (\S+) bei Bahnhof ist Ihres\. PIN: (\d{6})\. Bis .+!$/.exec(message) ?? [];
    expect(door).toBe(rental.door);
    await people.atBank(rental);
    expect(await bank.panel.enter(pin)).toMatchObject({ granted: true, door });
  });
});

/** Until it is taken back, SNS takes no SMS of ours: a policy of the very role says no, as one of an account's owner may. */
const withoutSms = async (then: () => Promise<void>): Promise<void> => {
  const iam = new IAMClient(clientOptions(stack));
  const FunctionName = outputOf(stack.outputs, 'SendSmsFunctionName');
  const { Role = '' } = await aws.lambda.send(new GetFunctionConfigurationCommand({ FunctionName }));
  const policy = { RoleName: Role.slice(Role.lastIndexOf('/') + 1), PolicyName: 'no-sms' };
  const denied = { Effect: 'Deny', Action: 'sns:Publish', Resource: '*' };
  const PolicyDocument = JSON.stringify({ Version: '2012-10-17', Statement: [denied] });
  await iam.send(new PutRolePolicyCommand({ ...policy, PolicyDocument }));
  await then().finally(() => iam.send(new DeleteRolePolicyCommand(policy)));
};

describe('a recipient whom no SMS reaches', () => {
  it('is told by e-mail at once, opens with the PIN that stands there, and both is to be seen', async () => {
    const tenant = await newTenant();
    const bank = await newBank(tenant, { name: 'Bahnhof' });
    const [phone, email] = [aPhone(), anEmail()];
    const parcel = await createParcel(tenant, bank, { recipient: { phone, email, locale: 'en' } });
    await knownAtBank(tenant, parcel.id);
    await withoutSms(async () => {
      await deposit(bank, parcel);
      await eventually(async () => expect(await emailsTo(email)).toHaveLength(1));
    });
    expect(await smsTo(phone)).toEqual([]);
    const [mail] = await emailsTo(email);
    expect(mail).toMatchObject({ from: 'messages@latchwork.example', subject: 'Your item waits for you at Bahnhof' });
    const [, pin] = /\nPIN: (\d{6})\.\n/.exec(mail?.text ?? '') ?? [];
    const [link = ''] = /http\S+\/p\/\S+/.exec(mail?.text ?? '') ?? [];
    expect(await (await fetch(link)).text()).toContain(pin);
    expect(mail?.html).toContain(`<a href="${link}"`);

    const read = () => tenant.api.get(`/v1/transactions/${parcel.id}/messages`, listMessages.response());
    const told = await eventually(async () => {
      const data = (await read()).data.filter(({ remindsOf }) => remindsOf === null);
      expect(data.map(({ state }) => state)).toEqual(['sent']);
      return data;
    });
    expect(told).toMatchObject([
      {
        kind: 'item_waits',
        to: 'recipient',
        channel: 'email',
        attempts: [
          { channel: 'sms', outcome: 'unavailable' },
          { channel: 'email', outcome: 'sent', error: null },
        ],
      },
    ]);
    for (const secret of [pin ?? '', phone, email]) expect(JSON.stringify(told)).not.toContain(secret);

    await knownAtBank(tenant, parcel.id);
    expect(await bank.panel.enter(pin ?? '')).toMatchObject({ granted: true, door: doorOf(parcel) });
  });
});

describe('the people who run it', () => {
  it('are told by the operations topic when a door is torn open', async () => {
    const topic = outputOf(stack.outputs, 'OpsTopicArn');
    const allowed = {
      Effect: 'Allow',
      Principal: { Service: 'sns.amazonaws.com' },
      Action: 'sqs:SendMessage',
      Resource: '*',
    };
    const { QueueUrl } = await aws.sqs.send(
      new CreateQueueCommand({
        QueueName: `ops-${randomUUID()}`,
        Attributes: { Policy: JSON.stringify({ Version: '2012-10-17', Statement: [allowed] }) },
      }),
    );
    const { Attributes } = await aws.sqs.send(
      new GetQueueAttributesCommand({ QueueUrl, AttributeNames: ['QueueArn'] }),
    );
    const sns = new SNSClient(clientOptions(stack));
    await sns.send(
      new SubscribeCommand({
        TopicArn: topic,
        Protocol: 'sqs',
        Endpoint: Attributes?.QueueArn,
        Attributes: { RawMessageDelivery: 'true' },
      }),
    );

    const tenant = await newTenant();
    const bank = await newBank(tenant);
    const [{ door } = { door: '' }] = bank.doors;
    await bank.panel.door(door, { door: 'open', force: true });
    const seen: string[] = [];
    const alert = await eventually(async () => {
      const { Messages = [] } = await aws.sqs.send(new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10 }));
      seen.push(...Messages.map((it) => it.Body ?? ''));
      const found = seen.find((it) => it.includes(bank.id));
      expect(found).toBeDefined();
      return found;
    });
    expect(alert).toContain(`Where: bank ${bank.id}, door ${door}\n`);
    expect(alert).toContain('What to do: ');
    expect(alert).toContain('(compartment.forced_open)');
  });
});
