import * as z from 'zod';
import { once } from '../../events/once.ts';
import { Message } from '../domain/message.ts';
import type { Route } from './route.ts';
import { idParam, listOf, page } from './shapes.ts';

export const MessageView = Message.omit({ tenant: true, bankId: true, livemode: true, exhausted: true })
  .omit({ version: true })
  .meta({ id: 'Message' });
export type MessageView = z.infer<typeof MessageView>;

export const listMessages = {
  id: 'list-messages',
  noun: 'transactions',
  method: 'GET',
  path: '/v1/transactions/{transactionId}/messages',
  summary: 'Read whom a transaction has told what, and what became of each message, newest first',
  permission: 'transactions:read',
  params: z.object({ transactionId: idParam }),
  query: once(() => z.strictObject(page)),
  status: 200,
  response: once(() => listOf(MessageView)),
  problems: [],
} as const satisfies Route;
