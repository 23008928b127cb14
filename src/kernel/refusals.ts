import { PerdureError } from './errors.ts';
import type { ActorRecord, ParkReason } from './record.ts';
import { isClosed } from './record.ts';

/** The errors in which hosts refuse a message, worded once. */
export function closedError(record: ActorRecord): PerdureError {
  const id = record.address.workflowId;
  return new PerdureError('WORKFLOW_CLOSED', `Workflow "${id}" is closed (${record.status}) and takes no more events.`, {
    id,
    status: record.status,
  });
}

export function parkedError(record: ActorRecord): PerdureError {
  return parkedFor(record.address.workflowId, record.parked?.reason ?? 'poison', record.parked?.failure.message ?? '');
}

export function parkedFor(id: string, reason: ParkReason, message: string): PerdureError {
  return new PerdureError('WORKFLOW_PARKED', `Workflow "${id}" is parked (${reason}): ${message}`, { id, reason });
}

/** An outcome or a sign of life from outside for an attempt nobody waits for: it ended, timed out, or its state was left. */
export function notAwaited(record: ActorRecord, { n, attempt }: { readonly n: number; readonly attempt: number }): PerdureError {
  if (isClosed(record.status)) return closedError(record);
  if (record.status === 'parked') return parkedError(record);
  const id = record.address.workflowId;
  const message = `Attempt ${attempt} of activity ${n} of workflow "${id}" is not awaited any more: it was completed, failed, timed out or aborted before.`;
  return new PerdureError('ATTEMPT_NOT_AWAITED', message, { id, n, attempt });
}

export function activityNotFound(record: ActorRecord, n: number): PerdureError {
  if (isClosed(record.status)) return closedError(record);
  if (record.status === 'parked') return parkedError(record);
  const id = record.address.workflowId;
  const message = `Workflow "${id}" has no pending activity ${n}; describe() lists those it has.`;
  return new PerdureError('ACTIVITY_NOT_FOUND', message, { id, n });
}

export function notFoundError(id: string): PerdureError {
  return new PerdureError('WORKFLOW_NOT_FOUND', `There is no workflow "${id}" in this store; start it first.`, { id });
}
