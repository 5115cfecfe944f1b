import type { Fact, Rule } from './merge-context.ts';
import { arrive, failedToCarry, takeAlong, takenAlongAtLast, unlessOver, whereItLies } from './merge-moves.ts';
import {
  complete,
  completeLate,
  dispute,
  failed,
  giveBack,
  ignore,
  inItsTurn,
  lend,
  lendLate,
  noteDeposit,
  notePickup,
  ofAssets,
  ofStock,
  recalled,
  recalledLate,
  sellLate,
  start,
  started,
  store,
  takeBack,
  usedLate,
} from './merge-rules.ts';
import type { TransactionState } from './transaction.ts';

type Row = Record<TransactionState, readonly [Rule, string]>;
const known = [ignore, 'already known, nothing changes'] as const;
const late = [completeLate, 'completed and `late`, `transaction.conflicted` names both sides'] as const;
const afterAll = [
  ofAssets(lendLate, ofStock(sellLate, completeLate)),
  'completed and `late`, `transaction.conflicted` names both sides; an asset is out: `in_use`; goods from stock are sold; who was promised them ends `rejected`',
] as const;
const intoRecall = [
  takeBack('deposited'),
  'conflicted, then `recall_due`; if the door was promised again, that reservation moves or ends `rejected`',
] as const;
const afterEnd = [
  usedLate,
  '`transaction.conflicted`, flag `late`: a bank that had not learned of the end let it happen',
] as const;
const backOrIntoRecall = [
  ofAssets(dispute('deposited'), takeBack('deposited')),
  `${intoRecall[1]}; of a loan, flag \`disputed\``,
] as const;
const odd = (fact: Fact) =>
  [dispute(fact), '`transaction.conflicted`, flag `disputed`, for a person to look at'] as const;

const unforeseen = [
  unlessOver(dispute('taken_out')),
  '`transaction.conflicted`, flag `disputed`: it was said to have been handed over',
] as const;
const movedThere = [
  unlessOver(arrive),
  'of a move: it is at that door, the rights of the receiver follow; where the bank did not know that it was to go elsewhere, or nowhere, also `late` and conflicted, and whoever was promised that door moves or ends `rejected`',
] as const;
const insideAgain = [unlessOver(takeBack('put_in')), `of a move that had ended so: ${intoRecall[1]}`] as const;

/**
 * The merge table: what each physical fact does to a transaction in each state. Physical truth wins, and is flagged;
 * nothing that a door did is dropped. docs/transactions.md is generated from it, and every row has a test.
 */
export const mergeTable: Record<Fact, Row> = {
  deposit_started: {
    created: known,
    reserved: [started, 'the depositor has opened once: `depositBy` runs instead of `reserveUntil`'],
    stored: known,
    in_use: known,
    recall_due: known,
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  deposited: {
    created: odd('deposited'),
    reserved: [
      inItsTurn('deposit', store, giveBack),
      '`stored`; at another door than now promised, also `conflicted`: the item stays where it is, and whoever was promised that door moves or ends `rejected`; of a loan, learned of before its pickup: completed and `late`',
    ],
    stored: known,
    in_use: [
      inItsTurn('deposit', giveBack, dispute('deposited')),
      'of a loan: returned and completed, the door is its asset’s again; else flag `disputed`',
    ],
    recall_due: known,
    completed: [noteDeposit, 'learned of after the pickup: `depositedAt` is added, flag `late`'],
    cancelled: backOrIntoRecall,
    expired: backOrIntoRecall,
    recalled: known,
    rejected: backOrIntoRecall,
  },
  nothing_deposited: {
    created: known,
    reserved: [
      failed('transaction.deposit_failed', 'nothing_deposited'),
      '`transaction.deposit_failed`, the deposit stays open',
    ],
    stored: odd('nothing_deposited'),
    in_use: [
      inItsTurn('deposit', failed('transaction.deposit_failed', 'nothing_deposited'), ignore),
      'of a loan: `transaction.deposit_failed`, the return stays open',
    ],
    recall_due: odd('nothing_deposited'),
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  picked_up: {
    created: odd('picked_up'),
    reserved: [
      inItsTurn('pickup', lend, completeLate),
      'of a loan: `in_use`, its time begins; else learned of before the deposit: completed and `late`, the deposit is added when it is learned of',
    ],
    stored: [
      complete,
      'completed; if it was held, or to be moved, and the bank did not know yet, also `late` and conflicted',
    ],
    in_use: known,
    recall_due: late,
    completed: [notePickup, 'already known; of a loan whose return was learned of first, `pickedUpAt` is added'],
    cancelled: afterAll,
    expired: afterAll,
    recalled: odd('picked_up'),
    rejected: afterAll,
  },
  nothing_taken: {
    created: known,
    reserved: [
      inItsTurn('pickup', failed('transaction.pickup_failed', 'abandoned'), ignore),
      'of a loan: `transaction.pickup_failed`, the pickup stays open',
    ],
    stored: [failed('transaction.pickup_failed', 'abandoned'), '`transaction.pickup_failed`, the pickup stays open'],
    in_use: known,
    recall_due: known,
    completed: odd('nothing_taken'),
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  recalled: {
    created: known,
    reserved: known,
    stored: [
      recalledLate,
      'staff took it out before the bank learned of the extension: `recalled`, `late`, conflicted',
    ],
    in_use: known,
    recall_due: [recalled, '`recalled`, the compartment is free'],
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  emptied_by_nobody: {
    created: known,
    reserved: known,
    stored: [whereItLies(dispute('emptied_by_nobody')), odd('emptied_by_nobody')[1]],
    in_use: known,
    recall_due: odd('emptied_by_nobody'),
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  used: {
    created: known,
    reserved: [start, '`in_use`: the time for the use begins'],
    stored: known,
    in_use: [ignore, 'opened once more, which the journal keeps'],
    recall_due: known,
    completed: afterEnd,
    cancelled: afterEnd,
    expired: afterEnd,
    recalled: known,
    rejected: afterEnd,
  },
  taken_out: {
    created: known,
    reserved: known,
    stored: [
      unlessOver(takeAlong),
      'of a move: in somebody’s hands, the old door is free; where the move had been called off, also `late` and conflicted: its door stays its own, so that it can be put back',
    ],
    in_use: known,
    recall_due: [unlessOver(takenAlongAtLast), '`recalled`, `late`, conflicted: whoever was to carry it has it'],
    completed: unforeseen,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
  put_in: {
    created: known,
    reserved: known,
    stored: movedThere,
    in_use: known,
    recall_due: movedThere,
    completed: insideAgain,
    cancelled: known,
    expired: known,
    recalled: insideAgain,
    rejected: known,
  },
  not_carried: {
    created: known,
    reserved: known,
    stored: [failedToCarry, 'of a move: `transaction.move_failed`, it goes on'],
    in_use: known,
    recall_due: known,
    completed: known,
    cancelled: known,
    expired: known,
    recalled: known,
    rejected: known,
  },
};
