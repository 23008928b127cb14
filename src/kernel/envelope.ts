import type { FailedOutcome } from './failure.ts';
import type { Json } from './json.ts';

/** What happened, as an actor hears of it. Plain data: it is journaled as it is. */
export type Envelope =
  | { readonly kind: 'start'; readonly input: Json }
  /** `isUpdate`: to be refused if the state does not accept it */
  | { readonly kind: 'signal'; readonly event: Json; readonly messageId?: string; readonly isUpdate?: true }
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
  | ControlEnvelope;

/** What a person asks of the engine, not of the chart: answered from the record alone, so that no machine is needed for it. */
export type ControlEnvelope = { readonly kind: 'pause' | 'resume' | 'unpark' } & Act;

/** Who does something to a workflow, and why; journaled with it. */
export interface Act {
  readonly by?: string;
  readonly note?: string;
}

/** What an actor hears once it was started: everything a step can be taken on. */
export type StepEnvelope = Exclude<Envelope, { readonly kind: 'start' } | ControlEnvelope>;
