/** A chart as plain data: what can be asked of its structure without running it. */
import type { LogicKind } from './xstate-logic.ts';

export interface ChartGraph {
  readonly machine: string;
  /** The root first, in document order. */
  readonly states: readonly ChartState[];
  /** All actor logic of the machine, also what no state invokes. */
  readonly actors: readonly ChartActor[];
  /** Events that the chart raises or sends later on, as far as they are written down. */
  readonly raised: readonly RaisedEvent[];
  /** Some of its actions are made by code (`enqueueActions`): they may raise events and arm timers that nobody sees here. */
  readonly hasHiddenActions: boolean;
  /** Its root declares a deadline. */
  readonly hasDeadline: boolean;
}

export interface ChartState {
  readonly id: string;
  readonly type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history';
  readonly above: string | undefined;
  readonly below: readonly string[];
  /** Of a compound state its initial one; of a history state what is entered when there is nothing to recall. */
  readonly initial: readonly string[];
  readonly tags: readonly string[];
  /** Entering or leaving it changes the context, as far as that is written down. */
  readonly isAssigning: boolean;
  readonly invokes: readonly ChartInvoke[];
  /** Of each event in the order in which they are tried. */
  readonly transitions: readonly ChartTransition[];
}

export interface ChartTransition {
  readonly source: string;
  readonly kind: 'event' | 'after' | 'always' | 'state-done' | 'child-done' | 'child-failed' | 'child-news';
  /** What it waits for, as XState names it: `A`, `A.*`, `*`, `xstate.done.actor.ID`; empty for `always`. */
  readonly on: string;
  readonly targets: readonly string[];
  readonly isGuarded: boolean;
  /** It changes nothing: the event is taken, so that no other transition has it. */
  readonly isInert: boolean;
  /** It changes the context, as far as that is written down. */
  readonly isAssigning: boolean;
}

export interface ChartActor {
  /** The name under which the machine has the logic. */
  readonly src: string;
  readonly kind: LogicKind | 'compensation';
  /** What an activity says about being undone; `none` also of what is no activity. */
  readonly undo: 'undo' | 'irreversible' | 'none';
}

export interface ChartInvoke extends ChartActor {
  readonly state: string;
  readonly childId: string;
}

export interface RaisedEvent {
  /** Where. */
  readonly state: string;
  readonly type: string;
  /** It is for the chart itself; what is sent may be for another actor. */
  readonly isOwn: boolean;
}
