/**
 * Plain promise logic (XState's `fromPromise`) as an activity: a rejection is final, there is no time-out, and it is run again after a
 * crash. The third attempt that is lost is the last, and the chart gets an error named `AttemptLost`.
 */
import type { ActivityDescriptor, ActivityScope } from './activity-descriptor.ts';
import { activityDescriptor } from './activity-descriptor.ts';
import type { MachineReference } from './record.ts';
import { parseRetryPolicy } from './retry-policy.ts';
import type { PromiseArguments } from './xstate-logic.ts';
import { isCompensation } from './xstate-compensation.ts';
import { fanOutIn } from './xstate-fan-out.ts';
import { kindOfLogic, promiseCreatorOf } from './xstate-logic.ts';

const lostAttemptsMax = 3;

/** How hosts run this logic as an activity; undefined for logic that is neither an activity nor a promise. */
export function runnableDescriptor(logic: unknown): ActivityDescriptor | undefined {
  const declared = activityDescriptor(logic);
  if (declared !== undefined || isCompensation(logic) || fanOutIn(logic) !== undefined || kindOfLogic(logic) !== 'promise') return declared;
  const create = promiseCreatorOf(logic);
  return {
    kind: 'activity',
    isPlainPromise: true,
    name: undefined,
    run: (scope) => create(argumentsOf(scope)),
    startToCloseTimeoutMs: Infinity,
    // Only lost attempts are left to be counted.
    retry: parseRetryPolicy({ maximumAttempts: lostAttemptsMax, retryIf: () => false }, 'promise'),
  };
}

/** What to tell whoever runs a machine that invokes a plain promise. */
export function plainPromiseWarning({ id, version }: MachineReference, src: string): string {
  return (
    `Machine "${id}" version "${version}" invokes the plain promise "${src}": it runs, but without retries and time-outs. ` +
    `Write it with activity({ run }) to have them.`
  );
}

/** As XState gives them; there is no actor behind `self` to be sent anything, and nobody listens to what is emitted. */
function argumentsOf({ input, signal, idempotencyKey }: ActivityScope<unknown>): PromiseArguments {
  const system = { get: () => undefined, getAll: () => ({}) };
  const getSnapshot = (): object => ({ status: 'active', output: undefined, error: undefined, input });
  const self = { id: idempotencyKey, sessionId: idempotencyKey, system, send: ignore, getSnapshot };
  return { input, system, self, emit: ignore, signal };
}

function ignore(): void {
  // Nobody is there to hear it.
}
