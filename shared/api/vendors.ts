import * as z from 'zod';
import { once } from '../../events/once.ts';
import { LockBoard } from '../vendors/lock-board/registration.ts';

/** How a bank is reached that does not speak our own protocol. One row for each kind. */
export const Vendor = once(() => z.discriminatedUnion('kind', [LockBoard()]).meta({ id: 'Vendor' }));
export type Vendor = z.infer<ReturnType<typeof Vendor>>;
