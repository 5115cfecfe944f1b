import * as z from 'zod';
import * as field from '../../events/fields.ts';
import { once } from '../../events/once.ts';
import { Callback } from '../vendors/lock-board/messages.ts';
import { LockBoard } from '../vendors/lock-board/registration.ts';
import type { Route } from './route.ts';
import { idParam } from './shapes.ts';

const params = z.object({ bankId: idParam });

export const LockBoardView = once(() =>
  z
    .object({
      /** That of its bank. */
      id: field.text,
      ...LockBoard().pick({ url: true, locks: true }).shape,
      /** When a callback last told of a door, by the vendor's clock; null: none has yet. */
      toldAt: field.momentOrNull,
    })
    .meta({ id: 'LockBoard' }),
);
export type LockBoardView = z.infer<ReturnType<typeof LockBoardView>>;

export const getLockBoard = {
  id: 'get-lock-board',
  noun: 'lock-boards',
  method: 'GET',
  path: '/v1/banks/{bankId}/lock-board',
  summary: "Read where a bank's doors are on the boards of its vendor",
  permission: 'banks:read',
  params,
  status: 200,
  response: LockBoardView,
  problems: [],
} as const satisfies Route;

export const updateLockBoard = {
  id: 'update-lock-board',
  noun: 'lock-boards',
  method: 'PATCH',
  path: '/v1/banks/{bankId}/lock-board',
  summary: "Change where a bank's vendor is called, or on which locks its doors hang",
  permission: 'banks:write',
  params,
  body: once(() => LockBoard().pick({ url: true, locks: true }).partial()),
  status: 200,
  response: LockBoardView,
  problems: [],
} as const satisfies Route;

/** The vendor's cloud calls it; docs/vendors.md. */
export const hearLockBoard = {
  id: 'hear-lock-board',
  noun: 'lock-boards',
  method: 'POST',
  path: '/v1/banks/{bankId}/callbacks',
  summary: "Tell what a vendor's lock boards see: how doors are, and what was typed",
  permission: 'lock-boards:write',
  params,
  body: Callback,
  status: 202,
  response: once(() =>
    z
      .object({
        /** How many of the states and codes were news. */
        news: field.count,
      })
      .meta({ id: 'CallbackHeard' }),
  ),
  problems: ['invalid_transition'],
  repeats: true,
} as const satisfies Route;
