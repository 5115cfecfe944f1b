import * as z from 'zod';

/** What somebody can do next whom a bank has refused. */
export const Next = z.enum([
  'come_back_later',
  'ask_for_more_time',
  'wait_and_try_again',
  'use_the_newest_code',
  'get_a_new_code',
  'check_the_code',
  'go_to_the_other_bank',
  'take_it_back',
  'pay',
  'have_it_confirmed',
  'contact_the_sender',
  'contact_support',
  'close_the_door',
  'scan_the_label',
]);
export type Next = z.infer<typeof Next>;

/** By the reason of the refusal; the reasons are design.md section 4's, and a few more. */
export const nextByReason: Record<string, Next> = {
  too_early: 'come_back_later',
  too_late: 'ask_for_more_time',
  code_expired: 'get_a_new_code',
  wrong_bank: 'go_to_the_other_bank',
  wrong_credential: 'check_the_code',
  wrong_compartment: 'check_the_code',
  wrong_presence_code: 'check_the_code',
  scan_required: 'scan_the_label',
  wrong_label: 'scan_the_label',
  keypad_locked: 'wait_and_try_again',
  credential_revoked: 'use_the_newest_code',
  delegated: 'take_it_back',
  on_hold: 'contact_the_sender',
  moving: 'come_back_later',
  payment_pending: 'pay',
  approval_pending: 'have_it_confirmed',
  identity_unconfirmed: 'have_it_confirmed',
  age_unconfirmed: 'have_it_confirmed',
  compartment_empty: 'come_back_later',
  compartment_occupied: 'contact_support',
  compartment_faulty: 'contact_support',
  door_not_closed: 'close_the_door',
  no_cloud_time: 'wait_and_try_again',
  bank_offline: 'wait_and_try_again',
  abandoned: 'contact_the_sender',
};

/** The cloud may send reasons that a bank does not know yet. */
export const nextFor = (reason: string): Next => nextByReason[reason] ?? 'contact_support';
