import type { EventType } from './catalogue.ts';

/**
 * When an event of each type comes, and what it means to whoever receives it. Apart from the catalogue, so that no function
 * carries it: it is for the documents.
 */
export const said: Record<EventType, string> = {
  'transaction.created': 'A transaction was created; if it got a door at once, `transaction.reserved` comes with it.',
  'transaction.waitlisted':
    'No compartment was free, and it waits for one until `waitUntil`; `transaction.reserved` comes when it has got one.',
  'transaction.reserved': 'It has got a compartment, `door`: when it was created, or after it had waited for one.',
  'transaction.updated':
    'Something of it was changed (`changes`): by the API its recipient, parties, items or metadata; by its bank that a deposit has begun.',
  'transaction.deposited':
    'Its item is inside: the bank saw it put in, or it is a sale of goods that lay there already. With the flag `late` it was learned of only after the pickup.',
  'transaction.linked':
    'It became a part of something, or of something else; without `link` it is a part of nothing any more.',
  'transaction.picked_up': 'Its item was taken out by whoever was to get it; what was lent begins to be used.',
  'transaction.completed':
    'It ended as it should: picked up, brought back, or used. With a `reason` somebody said so by hand.',
  'transaction.moved':
    'It has another door: before anything was inside, because staff wanted it or its door was occupied, failed or given to somebody else; or its item was carried there.',
  'transaction.move_started':
    'Staff want its item carried to `toDoor` by `moveBy`. Until it is there, nobody can pick it up.',
  'transaction.move_redirected': 'Its item is to be carried to yet another door; `fromDoor` is held for it no more.',
  'transaction.taken_out':
    'Its item was taken out to be carried to `toDoor`, and is in somebody’s hands; the door it came from is free if it is another.',
  'transaction.move_failed':
    'A door was opened for the move and nothing was done, or it did not open. The move goes on.',
  'transaction.move_cancelled':
    'The move was called off before anything was taken out: by staff, because its time had passed, or because the transaction ended or was recalled. The item lies where it was.',
  'transaction.started':
    'Its use has begun, and its time runs: the renter closed the door for the first time, or what is lent was taken out.',
  'transaction.returned': 'What was lent was brought back; `transaction.completed` comes with it.',
  'transaction.extended': 'Somebody gave it other deadlines; `changes` has them.',
  'transaction.payment_confirmed':
    'Its payment was confirmed; if nothing else is asked for, the receiver can open now.',
  'transaction.confirmed': 'A `condition` other than payment was confirmed; with the last one the receiver can open.',
  'transaction.charged': 'An amount is asked for besides what was agreed. Money moves elsewhere.',
  'transaction.refunded': 'A refund was written down. Money moves elsewhere.',
  'transaction.disputed': 'Somebody objects to what is recorded of it; it has the flag `disputed`.',
  'transaction.overdue':
    'Its time has passed and it goes on all the same: what is rented or lent is not back, or a move is not done.',
  'transaction.held':
    'Somebody stopped it for a `reason`: whoever is to get the item cannot open until the hold is lifted. Its deadlines go on.',
  'transaction.hold_lifted': 'The hold is over: whoever is to get the item can open again.',
  'transaction.expired':
    'It ended because its time passed: `stage` says what was not done. An item that waits too long to be picked up is recalled instead (`transaction.recall_started`).',
  'transaction.cancelled':
    'It was cancelled, and has no door any more. An item that is inside already is recalled instead (`transaction.recall_started`); goods from stock stay where they are.',
  'transaction.recall_started':
    'Whoever was to get the item gets it no more: staff are to take it out. `cause` says why: the time to pick it up has passed, somebody wanted it, or something was put in that should not be there.',
  'transaction.recalled': 'Staff have taken the item out, or whoever was carrying it keeps it; it has ended.',
  'transaction.rejected':
    'It lost its reserved door, which was occupied or given to somebody else, and none other fits: it has ended.',
  'transaction.credentials_reissued':
    'The controller of its bank was replaced: each PIN or code has a new one in its place (`by`), and what people had brought is revoked. Hand on the new ones.',
  'transaction.conflicted':
    'The bank did, in good faith, what was decided otherwise meanwhile. `recorded` and `happened` name both; what happened stands, and somebody should look at it.',
  'transaction.compartment_failed':
    'The compartment that it has has failed, and it could not be given another; somebody has to look after it.',
  'transaction.excursion_began': 'Behind its door it has been too warm or too cold for longer than it may be.',
  'transaction.excursion_ended':
    'The temperature behind its door is back in range; `seconds` and `extremeC` say how long and how far it was outside.',
  'transaction.deposit_failed':
    'The door was opened for the deposit and closed again with nothing put in. The deposit stays open.',
  'transaction.pickup_failed':
    'The door was opened for the pickup and closed again with nothing taken out. The pickup stays open.',
  'transaction.scanned': 'A label was read at its door: it was the `right` one, or none was named to compare it with.',
  'transaction.scan_failed':
    'A wrong label was read at its door, or none where one had to be. What was done stands; somebody should look at it.',
  'credential.issued': 'Somebody asked for another credential of a transaction, besides those it was created with.',
  'credential.revoked':
    'A credential was revoked by hand: it opens nothing any more, once the bank has learned of it. The transaction goes on.',
  'credential.superseded': 'A PIN or code was sent anew: `by` takes its place, and the old one opens nothing.',
  'credential.delegated': 'Somebody else was given the right of `delegatedFrom`, with a credential of their own.',
  'credential.taken_back': 'A right that was handed on was taken back from whoever had it.',
  'access.denied': 'A bank did not open for somebody; `reason` says why, and `next` what the person was told to do.',
  'access.phone_denied':
    'Somebody wanted a door opened by phone and gave a wrong code of the panel; the bank was not asked.',
  'command.queued': 'Somebody wants a door opened, until `notAfter` at the latest.',
  'command.sent': 'The command was given to be fetched by its bank.',
  'command.acknowledged': 'The bank has the command, and is about to carry it out.',
  'command.opened': 'The door was opened by the command, perhaps later than it was waited for.',
  'command.closed': 'The door that the command had opened was closed again; the command is over.',
  'command.rejected': 'The bank did not try to carry it out; `reason` says why.',
  'command.failed': 'The bank tried to open the door, and it did not open; `reason` says why.',
  'command.timed_out':
    'The bank did not open the door until `notAfter`, as far as is known. If it did, `command.opened` comes later.',
  'command.superseded': 'Another command for the same door took its place before the bank had acknowledged this one.',
  'compartment.lock_jammed':
    'The lock was tried and the door stayed shut. Unless it has worked since, `compartment.out_of_service` follows.',
  'compartment.forced_open': 'A door was opened without anybody’s right.',
  'compartment.left_ajar': 'A door was left open.',
  'compartment.not_closing':
    'A door was pushed shut, and its lock does not catch. Unless it has worked since, `compartment.out_of_service` follows.',
  'compartment.contents_mismatched':
    'The sensor found something else inside than is believed to be there, and nothing that was done at the door explains it.',
  'compartment.temperature_out_of_range':
    'It has been too warm or too cold inside for longer than it may be; `compartment.out_of_service` follows, unless that is over by now.',
  'compartment.temperature_in_range':
    'The temperature inside is back in range. The compartment stays out of service until somebody returns it.',
  'compartment.out_of_service': 'It is offered to nobody: staff want it, or it failed and took itself out.',
  'compartment.returned_to_service':
    'It is offered again: staff said so, or its lock has obeyed a command and is mended.',
  'compartment.cleared': 'Staff looked inside and said that it is empty.',
  'bank.registered': 'A bank was registered with its compartments.',
  'bank.updated': 'Its language, or how long it opens without the cloud, was changed by the API or by workflow terms.',
  'bank.vendor_updated': 'Its vendor is called at another host, or some of its doors hang on other locks.',
  'bank.booted': 'Its controller began anew.',
  'bank.journal_truncated':
    'It dropped entries of its journal for want of room, `from` and `to` inclusive. What its doors did then is not known.',
  'bank.power_lost': 'Its power is going.',
  'bank.power_restored': 'Its power is back, and its controller has begun anew.',
  'bank.tampered': 'The housing of its controller was opened.',
  'bank.suspected_offline': 'Its connection broke, and did not come back at once.',
  'bank.offline': 'Its connection has stayed away for longer; it opens by itself what it may, and tells of it later.',
  'bank.online':
    'Its connection is back, and has stayed; `seconds` says how long it was away. Only after `bank.suspected_offline` or `bank.offline`.',
  'bank.enrolled': 'A controller was let in by a claim, and may connect with this certificate and no other.',
  'bank.certificate_rotation_requested': 'Somebody wants its controller to get another certificate.',
  'bank.certificate_issued': 'Its controller was given a certificate beside the one that it connects with.',
  'bank.certificate_rotated': 'Its controller has connected with the new certificate; the old one is no longer valid.',
  'bank.certificate_revoked':
    'Somebody revoked certificates of its controller; without an active one left the bank is out of reach.',
  'bank.controller_replaced':
    'Another controller is to take the place of the old one, whose knowledge opens nothing any more. PINs and codes are issued anew.',
  'bank.decommissioned': 'Its life has ended; nothing is reserved at it any more.',
  'import.created': 'An import was asked for, and waits for its file.',
  'import.uploaded': 'Its file has come, and is being checked.',
  'import.rejected': 'Something is wrong with the file or its rows; nothing of it was created.',
  'import.started': 'Its file is right, and its transactions are being created.',
  'import.completed': 'All rows were tried; `counts` says how many were created, were there already, and were refused.',
  'import.failed': 'It cannot go on, as `problem` says; what was created until then stays.',
  'export.created': 'An export was asked for, by the API or by a schedule, and is being written.',
  'export.completed': 'Its file can be fetched.',
  'export.failed': 'There will be no file; `problem` says why.',
  'export.pushed': 'Its file is in the bucket that it was to be pushed to, under the name `key`.',
  'export.push_failed': 'Its file will not come into that bucket, as `reason` says; it can be fetched all the same.',
  'export_schedule.created': 'Exports are made again and again from now on.',
  'export_schedule.updated': 'A schedule was changed; `changes` has what, and when it runs next.',
  'export_schedule.ran': 'A schedule was due, and made the export `exportId` of the period that had ended.',
  'export_schedule.deleted': 'A schedule was deleted, and makes no more exports.',
  'reconciliation.created': 'A reconciliation was asked for, and waits for its file.',
  'reconciliation.uploaded': 'Its file has come, and is compared with what is recorded.',
  'reconciliation.rejected': 'Something is wrong with the file, as `problem` says; nothing was compared.',
  'reconciliation.completed':
    'It was compared: the result is in `changes`, and the list of differences can be fetched.',
  'reconciliation.failed': 'There will be no result; `problem` says why.',
  'incident.opened': 'Something went wrong that is somebody’s to set right; nobody has it yet.',
  'incident.recurred':
    'The same has happened once more, while it was not closed. What was resolved before that is `in_progress` again.',
  'incident.cause_ended': 'What was behind it is over. It is not closed by that: people say whether it is resolved.',
  'incident.acknowledged': 'Somebody has taken it: `changes.owner`.',
  'incident.assigned': 'It is for somebody else to set right: `changes.owner`.',
  'incident.noted': 'A step to set it right was recorded, the last of `changes.steps`.',
  'incident.resolved': 'It was set right, as `changes.resolution` says.',
  'incident.reopened': 'It was not resolved after all, for the `reason` that was given, and is with its owner again.',
  'incident.closed': 'It is over, and its cause too. If the same happens again, another one is opened.',
  'incident.escalated':
    'Nobody has done in time what is `missed`: it is one `level` up, and the operator of the deployment is alerted.',
  'asset.registered': 'A thing that is lent was registered, and has a door of its own.',
  'asset.moved': 'Another door of its bank is its own: it was carried there, or brought back there.',
  'asset.retired': 'It is lent no more.',
  'stock_unit.registered': 'Goods were registered; with a door, `stock_unit.placed` comes with it.',
  'stock_unit.updated': 'What is said of the goods was changed.',
  'stock_unit.placed': 'The goods have a door, into which they are to be put.',
  'stock_unit.stocked':
    'The goods lie in their door, and can be sold; without a sensor, because it was opened for them and closed.',
  'stock_unit.missing': 'The door of the goods was found empty, and nobody had bought them.',
  'stock_unit.sold': 'The goods were picked up by whoever had bought them.',
  'stock_unit.withdrawn':
    'The goods are for sale no more: staff said so, or took them out after they had been sold and not picked up.',
  'site.created': 'A site was created.',
  'site.updated': 'A site was changed; `changes` has what.',
  'tenant.created': 'The operator of the deployment made you a tenant.',
  'tenant.claim_issued': 'The operator issued a claim: with it, controllers of your banks can enrol.',
  'tenant.claim_revoked': 'The operator revoked a claim: no controller can enrol with it any more.',
  'api_key.created': 'An API key was made.',
  'api_key.revoked': 'An API key was revoked; it stops working within 60 seconds.',
  'badge_group.replaced': 'A group has other badges; whoever shows one of them opens what is granted to the group.',
  'assignment_policy.replaced': 'Compartments are chosen by other rules from now on; `policy` is their version.',
  'assignment_policy.restored':
    'Compartments are chosen by the rules of an older version again; `changes.restores` says which.',
  'workflow_terms.updated':
    'You or one of your sites say something else of workflows, of quiet hours, or of how long banks open without the cloud.',
  'branding.updated': 'How you show yourself to people was changed.',
  'message_template.created': 'People are told this text of yours instead of ours, in one language and by one channel.',
  'message_template.updated': 'A text of yours was changed.',
  'message_template.removed': 'A text of yours was removed; people are told ours again.',
  'message.failed':
    'Somebody was to be told something (`kind`) and was not: no channel took it, or they had no address any more (`reason` is `no_address`). It is not tried again.',
  'webhook_endpoint.created':
    'An endpoint was registered. It is the first event that the endpoint itself gets, whatever it has subscribed to.',
  'webhook_endpoint.updated': 'What was said of an endpoint was changed.',
  'webhook_endpoint.secret_rotated':
    'An endpoint’s events are signed with another key from now on, and with the one before as well for as long as was asked.',
  'webhook_endpoint.pinged': 'Somebody asked for a ping; only the endpoint itself is sent it.',
  'webhook_endpoint.tried':
    'Somebody asked for an example. Only the endpoint itself is sent it: `sample` as the data of an event of that type, with `test`.',
  'webhook_endpoint.replay_started':
    'What the feed holds of a time is sent to an endpoint again; with `states`, only deliveries that ended so.',
  'webhook_endpoint.disabled':
    'Nothing is sent to an endpoint any more: its owner wanted it, it answered 410, or it failed for five days.',
  'webhook_endpoint.enabled': 'An endpoint that was disabled is sent events again.',
  'webhook_endpoint.deleted':
    'An endpoint was deleted: it gets nothing any more, and what was on its way to it ends dead.',
};
