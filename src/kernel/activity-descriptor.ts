import type { RetryPolicy } from './retry-policy.ts';

/** What an activity's code is given for one attempt. */
export interface ActivityScope<Input> {
  readonly input: Input;
  /**
   * Equal for all attempts of this activity, and for no other: hand it to the service you call, so that it can recognise a repeat.
   * A durable host keeps it over restarts; a plain `createActor` draws one each time it starts the activity.
   */
  readonly idempotencyKey: string;
  /** 1 for the first attempt; grows also over attempts lost to a crash. */
  readonly attempt: number;
  /** Fires when the attempt timed out, its state was left, its workflow closed or the process is closing; `reason` says which. */
  readonly signal: AbortSignal;
}

/** What hosts read off an activity's logic. */
export interface ActivityDescriptor {
  readonly kind: 'activity';
  readonly name: string | undefined;
  readonly run: ((scope: ActivityScope<unknown>) => unknown) | undefined;
  readonly startToCloseTimeoutMs: number;
  readonly retry: RetryPolicy;
}

/** Where hosts find the descriptor; shared by all copies of this library in a process. */
export const durable: unique symbol = Symbol.for('perdure.logic') as never;

/** The descriptor of an activity's logic, or undefined for any other logic. */
export function activityDescriptor(logic: unknown): ActivityDescriptor | undefined {
  if (typeof logic !== 'object' || logic === null) return undefined;
  return (logic as { readonly [durable]?: ActivityDescriptor })[durable];
}

/** The error of an attempt that took too long; retry policies know it as `StartToCloseTimeout`. */
export function startToCloseTimeout(timeoutMs: number): Error {
  return engineError('StartToCloseTimeout', `The attempt did not finish within ${timeoutMs} ms.`);
}

/** An error the engine itself tells a chart of. Its stack would be the engine's: noise in records, and different on each host. */
export function engineError(name: string, message: string): Error {
  const error = new Error(message);
  return Object.assign(error, { name, stack: `${name}: ${message}` });
}
