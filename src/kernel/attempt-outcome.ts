/** What an attempt came to, as the envelope that tells its actor. Hosts run the code; what its end means is said here. */
import type { Envelope } from './envelope.ts';
import { failedOutcome } from './failure.ts';
import { encodePayload } from './value-encoding.ts';
import { PerdureError } from './errors.ts';

export type AttemptOutcome = Extract<Envelope, { readonly attempt: number }>;

/** An output that cannot be stored is a failure of the activity, and trying again would not change it. */
export function attemptCompleted(n: number, attempt: number, output: unknown): AttemptOutcome {
  try {
    return { kind: 'attempt-completed', n, attempt, output: encodePayload(output, 'output') };
  } catch (error) {
    const { error: encoded, failure } = failedOutcome(error);
    const failureClass: string = error instanceof PerdureError ? (error as PerdureError).code : failure.class;
    return { kind: 'attempt-failed', n, attempt, error: encoded, failure: { ...failure, class: failureClass, retryable: false } };
  }
}

/** @param abortReason the reason of the attempt's signal if it had fired; then an error says nothing new */
export function attemptThrew(n: number, attempt: number, error: unknown, abortReason: unknown): AttemptOutcome | undefined {
  if (abortReason === undefined) return { kind: 'attempt-failed', n, attempt, ...failedOutcome(error) };
  return abortReason === 'shutdown' ? { kind: 'attempt-released', n, attempt } : undefined;
}
