import type { Birth, ParentClosePolicy } from './birth.ts';
import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';

/** What happened, as an actor hears of it. Plain data: it is journaled as it is. */
export type Envelope =
  | { readonly kind: 'start'; readonly input: Json; readonly birth?: Birth }
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
  /** an event from another actor of the workflow, or from itself; `from` is the sender's path */
  | { readonly kind: 'message'; readonly event: Json; readonly from: readonly number[] }
  /** a child completed */
  | { readonly kind: 'child-done'; readonly n: number; readonly output: Json }
  /** a child ended in error; `isStillborn` if its first step threw, so that there is no record of it */
  | ({ readonly kind: 'child-failed'; readonly n: number; readonly isStillborn?: true } & FailedOutcome)
  /** a child that is watched has a new snapshot */
  | { readonly kind: 'child-snapshot'; readonly n: number; readonly snapshot: Json }
  /** a child that was let go came to its end */
  | { readonly kind: 'child-gone'; readonly n: number }
  /** the parent closed, or left the state it belongs to */
  | { readonly kind: 'stop'; readonly mode: ParentClosePolicy }
  | { readonly kind: 'terminate'; readonly reason: string };

/** What an actor hears that is there already. */
export type StepEnvelope = Exclude<Envelope, { readonly kind: 'start' }>;
