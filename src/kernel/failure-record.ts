import type { Json } from './json.ts';

/** Why something failed, in at most 8 KB: kept with the workflow, shown to people, carried by `WorkflowFailedError`. */
export interface FailureRecord {
  /** The error's `name`: what retry policies and counts go by. */
  readonly class: string;
  readonly message: string;
  /** Cut to a quarter of the record. */
  readonly stack?: string;
  /** Where the error came from, if it came from an activity. */
  readonly activity?: string;
  /** Number of the attempt that failed. */
  readonly attempt?: number;
  /** Whether another attempt followed, or would have. */
  readonly retryable?: boolean;
  /** The chart's state when it happened. */
  readonly state?: Json;
  /** The chain of `cause`, nearest first. */
  readonly causes?: readonly { readonly class: string; readonly message: string }[];
}
