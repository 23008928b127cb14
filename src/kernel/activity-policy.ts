/** The policy an activity goes by: what its declaration says now, with what was changed by hand. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import type { ActivityRecord } from './record.ts';
import type { RegisteredMachine } from './registered-machine.ts';
import type { RetryOptions } from './retry-policy.ts';
import { adjustRetryPolicy } from './retry-policy.ts';
import { decodeValue } from './value-encoding.ts';

export type ActivityPolicy = Pick<ActivityDescriptor, 'startToCloseTimeoutMs' | 'heartbeatTimeoutMs' | 'retry'>;

/** Undefined while the activity is not registered. */
export function policyOf(machine: RegisteredMachine, { src, adjusted }: ActivityRecord): ActivityPolicy | undefined {
  const descriptor = machine.activities.get(src)?.descriptor;
  if (descriptor === undefined || adjusted === undefined) return descriptor;
  const { retry: declared, startToCloseTimeoutMs: declaredMs } = descriptor;
  const { retry, startToCloseTimeoutMs = declaredMs } = adjusted;
  return {
    ...descriptor,
    startToCloseTimeoutMs,
    retry: retry === undefined ? declared : adjustRetryPolicy(declared, decodeValue(retry) as RetryOptions, 'retry'),
  };
}

/** When an attempt that was handed over has taken too long, and when it has been silent for too long. Epoch milliseconds. */
export function timeoutsOf(activity: ActivityRecord, policy: ActivityPolicy): { readonly closeAtMs: number; readonly signAtMs: number } {
  const { scheduledAtMs, attemptStartedAtMs = scheduledAtMs, heartbeatAtMs = attemptStartedAtMs } = activity;
  const { startToCloseTimeoutMs, heartbeatTimeoutMs = Infinity } = policy;
  return { closeAtMs: attemptStartedAtMs + startToCloseTimeoutMs, signAtMs: heartbeatAtMs + heartbeatTimeoutMs };
}
