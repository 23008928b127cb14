/**
 * Deleting a workflow: all runs of its id. First a tombstone is written, in the batch that takes the records; from then on nothing
 * of it is read. The rest goes a slice at a time, and before the id is used again. The tombstone stays: it keeps the number of the
 * last run, so that no address and no idempotency key is ever issued twice.
 */
import { PerdureError } from './errors.ts';
import type { ActorRecord } from './record.ts';
import { isClosed } from './record.ts';

/**
 * The error in which deleting this workflow is refused, or undefined.
 *
 * @param isOver whether nothing goes on after its end: a child may, and custom actions may be left
 */
export function deletionRefusal({ address: { workflowId: id }, status }: ActorRecord, isOver: boolean): PerdureError | undefined {
  if (isClosed(status) && isOver) return undefined;
  const message = `Workflow "${id}" is open (${isClosed(status) ? 'something of it still runs' : status}) and cannot be deleted; bring it to its end first.`;
  return new PerdureError('WORKFLOW_OPEN', message, { id, status });
}
