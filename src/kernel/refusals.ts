import { PerdureError } from './errors.ts';
import type { ActorRecord, ParkReason } from './record.ts';

/** The errors in which hosts refuse a message, worded once. */
export function closedError(record: ActorRecord): PerdureError {
  const id = record.address.workflowId;
  return new PerdureError('WORKFLOW_CLOSED', `Workflow "${id}" is closed (${record.status}) and takes no more events.`, {
    id,
    status: record.status,
  });
}

export function parkedError(record: ActorRecord): PerdureError {
  // Whatever parks a record says why.
  const { reason, failure } = record.parked as NonNullable<ActorRecord['parked']>;
  return parkedFor(record.address.workflowId, reason, failure.message);
}

export function parkedFor(id: string, reason: ParkReason, message: string): PerdureError {
  return new PerdureError('WORKFLOW_PARKED', `Workflow "${id}" is parked (${reason}): ${message}`, { id, reason });
}

export function notFoundError(id: string): PerdureError {
  return new PerdureError('WORKFLOW_NOT_FOUND', `There is no workflow "${id}" in this store; start it first.`, { id });
}
