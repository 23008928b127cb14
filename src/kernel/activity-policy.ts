/** The policy an activity goes by: what its declaration says now, with what was changed by hand. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import { parseDuration } from './duration.ts';
import type { ActivityRecord } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { RetryOptions } from './retry-policy.ts';
import { adjustRetryPolicy, parseRetryPolicy } from './retry-policy.ts';
import { decodeValue } from './value-decoding.ts';

export type ActivityPolicy = Pick<ActivityDescriptor, 'startToCloseTimeoutMs' | 'heartbeatTimeoutMs' | 'retry'>;

/** Custom actions of a chart are made as activities are that say nothing else. */
export const actionsPolicy: ActivityPolicy = {
  startToCloseTimeoutMs: parseDuration('1m', 'custom actions'),
  retry: parseRetryPolicy({}, 'custom actions'),
};

/** Undefined while the activity is not registered. */
export function policyOf(machine: RegisteredMachine, { src, kind, adjusted }: ActivityRecord): ActivityPolicy | undefined {
  const descriptor = kind === 'actions' ? actionsPolicy : machine.activities.get(src)?.descriptor;
  if (descriptor === undefined || adjusted === undefined) return descriptor;
  const { retry: declared, startToCloseTimeoutMs: declaredMs } = descriptor;
  const { retry, startToCloseTimeoutMs = declaredMs } = adjusted;
  return {
    ...descriptor,
    startToCloseTimeoutMs,
    retry: adjustRetryPolicy(declared, decodeValue(retry) as RetryOptions, 'retry'),
  };
}

/** When an attempt that was handed over has taken too long, and when it has been silent for too long. Epoch milliseconds. */
export function timeoutsOf(activity: ActivityRecord, policy: ActivityPolicy): { readonly closeAtMs: number; readonly signAtMs: number } {
  const { scheduledAtMs, attemptStartedAtMs = scheduledAtMs, heartbeatAtMs = attemptStartedAtMs } = activity;
  const { startToCloseTimeoutMs, heartbeatTimeoutMs = Infinity } = policy;
  return { closeAtMs: attemptStartedAtMs + startToCloseTimeoutMs, signAtMs: heartbeatAtMs + heartbeatTimeoutMs };
}
