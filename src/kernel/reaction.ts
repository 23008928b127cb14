/** What an envelope means to an actor: what the chart is to hear, if anything, and how the rest of the record changes. */
import type { Draft } from './draft.ts';
import type { PerdureError } from './errors.ts';
import type { EventObject } from './xstate-seam.ts';

/** An end that the engine brings about. */
export interface EngineEnd {
  readonly status: 'terminated' | 'cancelled' | 'failed';
  readonly failureClass: string;
  readonly reason: string;
}

export function cancelledFor(reason: string): EngineEnd {
  return { status: 'cancelled', failureClass: 'Cancelled', reason };
}

export function terminatedFor(reason: string): EngineEnd {
  return { status: 'terminated', failureClass: 'Terminated', reason };
}

/** A part of the commit that follows. */
export type Change = (draft: Draft) => void;

export type Reaction =
  /** the chart hears `event`; `change` is part of the same commit */
  | { readonly kind: 'deliver'; readonly event: EventObject; readonly change: Change }
  /** bookkeeping only */
  | { readonly kind: 'note'; readonly change: Change }
  /** a result nobody waits for: journaled, nothing else */
  | { readonly kind: 'late'; readonly change?: Change }
  /** what it did is undone, as far as it could be: it closes as it ended */
  | { readonly kind: 'close'; readonly status: 'failed' | 'cancelled'; readonly change: Change }
  /** nothing to write: a wake-up for what is no longer there */
  | { readonly kind: 'ignore' }
  | { readonly kind: 'refuse'; readonly error: PerdureError }
  /** the chart ends in error without being asked: its custom actions failed */
  | {
      readonly kind: 'fail';
      readonly error: unknown;
      readonly change: Change;
      /** What it hears before that. */
      readonly last?: EventObject;
    }
  /**
   * it has to end: a chart that has something to say to that where it is hears of it, any other ends. `isNamed`: its machine has a
   * transition for this event somewhere. `change` is part of the commit either way
   */
  | { readonly kind: 'ask'; readonly event: EventObject; readonly isNamed: boolean; readonly end: EngineEnd; readonly change: Change }
  /** ends without asking the chart */
  | { readonly kind: 'end'; readonly end: EngineEnd };
