import type { Bank } from './bank.ts';
import type { Command } from './command.ts';
import { supersedable, underWay } from './command-reports.ts';
import { type Compartment, changed } from './compartment.ts';
import type { CompartmentChange, SubjectChange } from './decision.ts';
import { apply, born } from './decision.ts';
import { isAtHome } from './home.ts';
import { Refusal } from './refusal.ts';
import type { Instant } from './time.ts';

export type CommandDecision = {
  command: SubjectChange<Command>;
  /** The one it takes the place of. */
  superseded: SubjectChange<Command> | null;
  compartment: CompartmentChange;
};

/**
 * A command to open a door. One that is still unanswered gives way to it; one the bank is carrying out does not
 * (`door_busy`). It names the transaction that has the door, so that the bank refuses it for any other.
 */
export const order = (
  bank: Bank,
  compartment: Compartment,
  previous: Command | null,
  input: Pick<Command, 'id' | 'reason' | 'notAfter' | 'credential'>,
  now: Instant,
): CommandDecision => {
  if (previous !== null && underWay(previous.state) && previous.notAfter > now)
    throw new Refusal('door_busy', `door ${compartment.door} is carrying out ${previous.id}`, {
      reason: 'door_busy',
      existing: previous.id,
    });
  const command: Command = {
    ...input,
    tenant: bank.tenant,
    bankId: bank.id,
    door: compartment.door,
    livemode: !bank.simulated,
    transactionId: isAtHome(compartment.heldBy) ? null : compartment.heldBy,
    state: 'queued',
    outcome: null,
    createdAt: now,
    updatedAt: now,
    version: 1,
    hash: '',
  };
  const gives = previous !== null && supersedable(previous.state) ? previous : null;
  return {
    command: born(command, 'command.queued', [], { reason: input.reason, notAfter: input.notAfter }),
    superseded: gives && apply(gives, [{ type: 'command.superseded', set: { state: 'superseded' } }]),
    compartment: {
      before: compartment,
      after: changed(compartment, { commandId: command.id }, compartment.availability === 'occupied'),
    },
  };
};

/** Nobody answered in time. What the bank reports later is accepted all the same. */
export const timeOutIfDue = (command: Command, now: Instant): SubjectChange<Command> | null =>
  ['queued', 'sent', 'acknowledged'].includes(command.state) && command.notAfter <= now
    ? apply(command, [{ type: 'command.timed_out', set: { state: 'timed_out' } }])
    : null;
