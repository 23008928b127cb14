import type { FailureRecord } from './failure-record.ts';
import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';

/** What happened, as an actor hears of it. Plain data: it is journaled as it is. */
export type Envelope =
  | { readonly kind: 'start'; readonly input: Json }
  | { readonly kind: 'signal'; readonly event: Json; readonly messageId?: string }
  | { readonly kind: 'timer'; readonly generation: number }
  | { readonly kind: 'attempt-due'; readonly n: number }
  | { readonly kind: 'attempt-completed'; readonly n: number; readonly attempt: number; readonly output: Json }
  | ({ readonly kind: 'attempt-failed'; readonly n: number; readonly attempt: number } & FailedOutcome)
  | { readonly kind: 'attempt-timed-out'; readonly n: number; readonly attempt: number }
  /** the process died while the attempt ran */
  | { readonly kind: 'attempt-lost'; readonly n: number; readonly attempt: number }
  /** the process is closing and the attempt is given back; `hasBegun` if its code was entered */
  | { readonly kind: 'attempt-released'; readonly n: number; readonly attempt: number; readonly hasBegun: boolean }
  | { readonly kind: 'terminate'; readonly reason: string }
  /** the engine will not run it any more */
  | { readonly kind: 'park'; readonly reason: 'crash-loop'; readonly failure: FailureRecord };
