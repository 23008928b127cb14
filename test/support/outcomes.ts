/** What came of a promise, so far. */
import type { PerdureError, PerdureErrorCode } from 'perdure';
import { hasErrorCode } from 'perdure';

export interface Outcome<Value> {
  state: 'pending' | 'fulfilled' | 'rejected';
  value?: Value;
  error?: unknown;
}

/** Watches a promise that may never settle. */
export function watch<Value>(promise: Promise<Value>): Outcome<Value> {
  const outcome: Outcome<Value> = { state: 'pending' };
  promise.then(
    (value) => Object.assign(outcome, { state: 'fulfilled', value }),
    (error: unknown) => Object.assign(outcome, { state: 'rejected', error }),
  );
  return outcome;
}

/** The error with which a promise rejects: one of Perdure with this code, or the test fails. */
export async function refusalOf<Code extends PerdureErrorCode>(promise: Promise<unknown>, code: Code): Promise<PerdureError<Code>> {
  const outcome = await promise.then(
    (value) => ({ value }),
    (error: unknown) => ({ error }),
  );
  if (!('error' in outcome)) throw new Error(`Expected ${code}, but it succeeded with ${JSON.stringify(outcome.value)}.`);
  const { error } = outcome;
  if (hasErrorCode(error, code)) return error;
  throw new Error(`Expected ${code}, found ${String(error)}.`, { cause: error });
}
