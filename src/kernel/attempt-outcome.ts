/** One attempt, and what it came to as the envelope that tells its actor. Hosts say when and where; what its end means is said here. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import type { Effect } from './commit.ts';
import type { Envelope } from './envelope.ts';
import { failedOutcome } from './failure.ts';
import { decodeValue } from './value-decoding.ts';
import { encodePayload } from './value-encoding.ts';
import { PerdureError } from './errors.ts';

export type AttemptOutcome = Extract<Envelope, { readonly attempt: number }>;

export type RunAttempt = Extract<Effect, { kind: 'run-attempt' }>;

/** Runs the code of one attempt. Never rejects; undefined if its end says nothing new. */
export async function makeAttempt(
  { n, attempt, input, idempotencyKey }: RunAttempt,
  descriptor: ActivityDescriptor,
  signal: AbortSignal,
): Promise<AttemptOutcome | undefined> {
  let output: unknown;
  try {
    output = await descriptor.run?.({ input: decodeValue(input), idempotencyKey, attempt, signal });
  } catch (error) {
    return attemptThrew(n, attempt, error, signal.aborted ? signal.reason : undefined);
  }
  return attemptCompleted(n, attempt, output);
}

/** An output that cannot be stored is a failure of the activity, and trying again would not change it. */
export function attemptCompleted(n: number, attempt: number, output: unknown): AttemptOutcome {
  try {
    return { kind: 'attempt-completed', n, attempt, output: encodePayload(output, 'output') };
  } catch (error) {
    // An error's class is its name, for the chart as for the record: here the code says more than the name.
    const named = error instanceof PerdureError ? Object.defineProperty(error, 'name', { value: (error as PerdureError).code }) : error;
    const outcome = failedOutcome(named);
    return { kind: 'attempt-failed', n, attempt, ...outcome, failure: { ...outcome.failure, retryable: false } };
  }
}

/** @param abortReason the reason of the attempt's signal if it had fired; then an error says nothing new */
export function attemptThrew(n: number, attempt: number, error: unknown, abortReason: unknown): AttemptOutcome | undefined {
  if (abortReason === undefined) return { kind: 'attempt-failed', n, attempt, ...failedOutcome(error) };
  return abortReason === 'shutdown' ? { kind: 'attempt-released', n, attempt, hasBegun: true } : undefined;
}
