/** Errors the engine itself tells a chart of. Retry policies know them by their names. */
import type { FailedItem, FanOutCounts } from './item-record.ts';
import { limits } from './limits.ts';
import { formatValue } from './value-encoding.ts';

/** The error of an attempt that took too long. */
export function startToCloseTimeout(timeoutMs: number): Error {
  return engineError('StartToCloseTimeout', `The attempt did not finish within ${timeoutMs} ms.`);
}

/** The error of an attempt that gave no sign of life. */
export function heartbeatTimeout(timeoutMs: number): Error {
  return engineError('HeartbeatTimeout', `The attempt gave no sign of life for ${timeoutMs} ms.`);
}

/** @param last the failure of the attempt before, if there was one */
export function scheduleToCloseTimeout(timeoutMs: number, last?: { readonly class: string; readonly message: string }): Error {
  const reason = last === undefined ? '' : ` Its last attempt failed with ${last.class}: ${last.message}`;
  return engineError('ScheduleToCloseTimeout', `The activity did not finish within ${timeoutMs} ms, all attempts included.${reason}`);
}

export function attemptLost(attempt: number): Error {
  return engineError('AttemptLost', `The process ended while attempt ${attempt} ran; whether it took effect is not known.`);
}

/** More items failed than are tolerated. */
export function fanOutFailed({ total, begun, succeeded, failed }: FanOutCounts, first: FailedItem): Error {
  const why = ` The first was item ${first.item}: ${first.class}: ${first.message}`;
  const never = total - begun;
  const left = never === 0 ? '' : `, ${never} never began`;
  const error = engineError(
    'FanOutFailed',
    `${failed} of ${total} items failed, more than are tolerated; ${succeeded} succeeded${left}.${why}`,
  );
  return Object.assign(error, { total, succeeded, failed, firstFailed: first });
}

/** Outputs were to be given inline, and cannot be. */
export function fanOutTooLarge(what: string): Error {
  return engineError('FanOutTooLarge', `${what} Have them paged, fanOut(child, { results: 'paged' }), and read them with runtime.results.`);
}

export function tooManyInline(items: number): Error {
  return fanOutTooLarge(`${items} items are too many for results inline, which may be ${limits.inlineResultsMax}.`);
}

export function tooManyUndoable(items: number): Error {
  const max = limits.undoableItemsMax;
  return engineError(
    'FanOutTooLarge',
    `${items} items are too many for an activity with compensate, which may be ${max}. Divide them between fan-outs, each for at most ${max}.`,
  );
}

export function sourceTooLarge(cause: unknown): Error {
  const why = cause instanceof Error ? cause.message : String(cause);
  return engineError('FanOutTooLarge', `The source cannot be asked for a page: its input and cursor have to be smaller. ${why}`);
}

/** A source does not come to an end. */
export function sourceStuck(cursor: unknown): Error {
  const again = `it was asked with the cursor ${formatValue(cursor)} and returned it as next.`;
  return engineError(
    'FanOutSourceInvalid',
    `The source of a fan-out does not get on: ${again} Return the cursor of the page after, or none at the end.`,
  );
}

/** A source gave what is no page. */
export function sourceInvalid(found: unknown): Error {
  return engineError(
    'FanOutSourceInvalid',
    `The source of a fan-out returns { items, next }, items an array of inputs; found ${formatValue(found)}.`,
  );
}

export function compensationStarted(): Error {
  return engineError(
    'CompensationStarted',
    'It was still in flight when what was done began to be undone, and is not waited for any more.',
  );
}

export function compensationBudgetOver(): Error {
  return engineError('CompensationBudgetOver', 'The time there was to undo what was done is over.');
}

export function undoMissing(activityName: string): Error {
  return engineError('UndoMissing', `The activity "${activityName}" has no undo any more (compensate).`);
}

export function childUndosDeferred(childName: string): Error {
  return engineError(
    'UndosDeferred',
    `Not everything that "${childName}" did could be undone: the undos that failed wait for a person one by one.`,
  );
}

/** The error of an activity that did not begin before the deadline of its workflow. */
export function deadlineExceeded(): Error {
  return engineError('DeadlineExceeded', 'The deadline of the workflow passed before an attempt began.');
}

/** An error of which only the record is left. */
export function asError({ class: name, message }: { readonly class: string; readonly message: string }): Error {
  return engineError(name, message);
}

/** The error of a handler of the outbox that took too long. */
export function deliveryTimeout(timeoutMs: number): Error {
  return engineError('StartToCloseTimeout', `The handler did not finish within ${timeoutMs} ms.`);
}

/** Its stack would be the engine's: noise in records, and different on each host. */
function engineError(name: string, message: string): Error {
  const error = new Error(message);
  return Object.assign(error, { name, stack: `${name}: ${message}` });
}
