import { PerdureError } from './errors.ts';
import type { Json } from './json.ts';
import type { ActorRecord, ParkReason } from './record.ts';
import { isClosed } from './record.ts';

/** The errors in which hosts refuse a message, worded once. */
export function closedError(record: ActorRecord): PerdureError {
  const { status, address } = record;
  const id = address.workflowId;
  const state = isClosed(status) ? `is closed (${status})` : 'has ended (what it did is being undone)';
  return new PerdureError('WORKFLOW_CLOSED', `Workflow "${id}" ${state} and takes no more events.`, { id, status });
}

export function parkedError(record: ActorRecord): PerdureError {
  // Whatever parks a record says why.
  const { reason, failure } = record.parked as NonNullable<ActorRecord['parked']>;
  const id = record.address.workflowId;
  return parkedFor(id, reason, `${failure.message} Mend the cause, then unpark("${id}").`);
}

/** For what is said of it in memory only: that ends by itself, or `message` says what would help. */
export function parkedFor(id: string, reason: ParkReason, message: string): PerdureError {
  return new PerdureError('WORKFLOW_PARKED', `Workflow "${id}" is parked (${reason}): ${message}`, { id, reason });
}

/** @param accepts event types the state has a transition for now */
export function notAcceptedError(
  { address: { workflowId: id }, status }: ActorRecord,
  { event }: { readonly event: Json },
  accepts: readonly string[],
): PerdureError {
  const type = String((Object(event) as { readonly type?: unknown }).type);
  const state = status === 'running' ? 'in its state' : `while it is ${status}`;
  const list = accepts.length === 0 ? 'nothing' : accepts.map((each) => `"${each}"`).join(', ');
  const message = `Workflow "${id}" does not accept "${type}" ${state}; it accepts ${list} now. Nothing was stored.`;
  return new PerdureError('EVENT_NOT_ACCEPTED', message, { id, type, accepts });
}

/** An outcome or a sign of life from outside for an attempt nobody waits for: it ended, timed out, or its state was left. */
export function notAwaited(record: ActorRecord, { n, attempt }: { readonly n: number; readonly attempt: number }): PerdureError {
  if (isClosed(record.status) && record.address.path.length === 0) return closedError(record);
  if (record.status === 'parked') return parkedError(record);
  const id = record.address.workflowId;
  const message = `Attempt ${attempt} of activity ${n} of workflow "${id}" is not awaited any more: it was completed, failed, timed out or aborted before.`;
  return new PerdureError('ATTEMPT_NOT_AWAITED', message, { id, n, attempt });
}

export function activityNotFound(record: ActorRecord, n: number): PerdureError {
  // That a child came to its end says nothing of its workflow.
  if (isClosed(record.status) && record.address.path.length === 0) return closedError(record);
  if (record.status === 'parked') return parkedError(record);
  const id = record.address.workflowId;
  const message = `Workflow "${id}" has no pending activity ${n}; describe() lists those it has.`;
  return new PerdureError('ACTIVITY_NOT_FOUND', message, { id, n });
}

export function notFoundError(id: string): PerdureError {
  return new PerdureError('WORKFLOW_NOT_FOUND', `There is no workflow "${id}" in this store; start it first.`, { id });
}
