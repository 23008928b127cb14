/** How a chart's end becomes the engine's word for the workflow, and why it failed. */
import { WorkflowFailedError } from './errors.ts';
import type { FailureRecord } from './failure-record.ts';
import { boundFailure, failureOf } from './failure.ts';
import type { ActorRecord, WorkflowStatus } from './record.ts';
import { decodeValue } from './value-decoding.ts';
import type { Json } from './json.ts';
import type { AnyMachineSnapshot } from './xstate-seam.ts';

/** Only the root's final state decides: tag `failed`, tag `cancelled`, or neither. A chart in error has failed. */
export function statusOf(snapshot: AnyMachineSnapshot): WorkflowStatus {
  if (snapshot.status === 'error') return 'failed';
  if (snapshot.status !== 'done') return 'running';
  if (snapshot.tags.has('failed')) return 'failed';
  return snapshot.tags.has('cancelled') ? 'cancelled' : 'completed';
}

/**
 * The failure of a workflow that ended badly. Its class is the `name` of the output's `error`, else that of the last activity
 * error that moved the workflow, else `Failed` (or `Cancelled`).
 */
export function failureOfEnd(
  status: WorkflowStatus,
  snapshot: AnyMachineSnapshot,
  activityFailure: FailureRecord | undefined,
): FailureRecord | undefined {
  if (status !== 'failed' && status !== 'cancelled') return undefined;
  return boundFailure(unboundFailure(status, snapshot, activityFailure));
}

function unboundFailure(
  status: 'failed' | 'cancelled',
  snapshot: AnyMachineSnapshot,
  activityFailure: FailureRecord | undefined,
): FailureRecord {
  const state = snapshot.value as Json;
  if (snapshot.status === 'error') return { ...activityFailure, ...failureOf(snapshot.error), state };
  const named = namedError(snapshot.output);
  if (named !== undefined) {
    const failure = failureOf(named);
    // Passed on from an activity, it still says which, and at which attempt.
    return { ...(failure.class === activityFailure?.class ? activityFailure : {}), ...failure, state };
  }
  if (activityFailure !== undefined) return { ...activityFailure, state };
  const word = status === 'failed' ? 'Failed' : 'Cancelled';
  return { class: word, message: `The chart ended in ${JSON.stringify(state)}, tagged "${status}".`, state };
}

/**
 * The output of a closed workflow.
 *
 * @throws WorkflowFailedError if it did not complete
 */
export function resultOf({ address, status, failure, chart }: ActorRecord): unknown {
  if (status === 'completed') return chart.output === undefined ? undefined : decodeValue(chart.output);
  // Every other end has a failure.
  throw new WorkflowFailedError(address.workflowId, status, failure as FailureRecord);
}

function namedError(output: unknown): unknown {
  const error = (Object(output) as { readonly error?: unknown }).error;
  return typeof (Object(error) as { readonly name?: unknown }).name === 'string' ? error : undefined;
}
