import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';

/** Who did something by hand, and why. */
export interface ByHand {
  readonly by?: string;
  readonly note?: string;
}

/** What happened, as an actor hears of it. Plain data: it is journaled as it is. */
export type Envelope =
  | { readonly kind: 'start'; readonly input: Json }
  | { readonly kind: 'signal'; readonly event: Json; readonly messageId?: string }
  | { readonly kind: 'timer'; readonly generation: number }
  | { readonly kind: 'attempt-due'; readonly n: number }
  | {
      readonly kind: 'attempt-completed';
      readonly n: number;
      readonly attempt: number;
      readonly output: Json;
      readonly isFromOutside?: true;
    }
  | ({
      readonly kind: 'attempt-failed';
      readonly n: number;
      readonly attempt: number;
      /** What the error itself asks for instead of the backoff. */
      readonly nextRetryDelayMs?: number;
      readonly heartbeatDetails?: Json;
      readonly isFromOutside?: true;
    } & FailedOutcome)
  | {
      readonly kind: 'attempt-timed-out';
      readonly n: number;
      readonly attempt: number;
      /** Absent: it did not end in time. */
      readonly timeout?: 'heartbeat';
      readonly heartbeatDetails?: Json;
    }
  /** a sign of life worth keeping */
  | {
      readonly kind: 'attempt-heartbeat';
      readonly n: number;
      readonly attempt: number;
      readonly heartbeatDetails?: Json;
      readonly isFromOutside?: true;
    }
  /** its outcome will come from outside */
  | { readonly kind: 'attempt-handed-over'; readonly n: number; readonly attempt: number }
  /** it took too long as a whole */
  | { readonly kind: 'activity-timed-out'; readonly n: number }
  | ({ readonly kind: 'activity-adjusted'; readonly n: number; readonly retry?: Json; readonly startToCloseTimeoutMs?: number } & ByHand)
  /** its backoff is cut short */
  | ({ readonly kind: 'activity-hurried'; readonly n: number } & ByHand)
  | ({ readonly kind: 'activity-completed'; readonly n: number; readonly output: Json } & ByHand)
  | ({ readonly kind: 'activity-failed'; readonly n: number } & FailedOutcome & ByHand)
  /** the process died while the attempt ran */
  | { readonly kind: 'attempt-lost'; readonly n: number; readonly attempt: number }
  /** the process is closing and the attempt is given back; `hasBegun` if its code was entered */
  | {
      readonly kind: 'attempt-released';
      readonly n: number;
      readonly attempt: number;
      readonly hasBegun: boolean;
      readonly heartbeatDetails?: Json;
    }
  | { readonly kind: 'terminate'; readonly reason: string };
