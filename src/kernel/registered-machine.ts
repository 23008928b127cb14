/** A machine as hosts know it: checked at the door, its structure hashed, the code it names found. Made by `register-machine.ts`. */
import type { ActivityDescriptor } from './activity-descriptor.ts';
import type { ParentClosePolicy } from './birth.ts';
import type { Deadline } from './deadline.ts';
import type { FanOutPlan } from './fan-out-plan.ts';
import type { Json } from './json.ts';
import type { MachineReference } from './record.ts';
import type { ChartLogic } from './xstate-chart-action.ts';
import type { AnyActorLogic, AnyStateMachine } from './xstate-seam.ts';
import type { ActionCode } from './xstate-structure.ts';

export interface RegisteredActivity {
  readonly src: string;
  readonly name: string;
  readonly descriptor: ActivityDescriptor;
}

/** Actor logic that a chart may have as a child, besides activities. */
export type RegisteredChild =
  /** with a record of its own */
  | { readonly kind: 'actor'; readonly machine: RegisteredMachine; readonly parentClosePolicy: ParentClosePolicy }
  /** a callback or observable: lives in the process only */
  | { readonly kind: 'volatile'; readonly name: string; readonly logic: AnyActorLogic };

export interface RegisteredMachine {
  readonly reference: MachineReference;
  readonly structure: Json;
  /** What its steps are taken by. */
  readonly logic: ChartLogic;
  /** The machine as it was given; undefined for a transition function. */
  readonly machine: AnyStateMachine | undefined;
  /** By `src`, which with the machine's id and version is the durable reference of an activity. */
  readonly activities: ReadonlyMap<string, RegisteredActivity>;
  /** By `src`. */
  readonly children: ReadonlyMap<string, RegisteredChild>;
  /** Custom actions by the name under which they are kept. */
  readonly actions: ReadonlyMap<string, ActionCode>;
  /** Whether the chart has something to say to `workflow.cancel`. */
  readonly handlesCancel: boolean;
  /** Whether it has something to say to `workflow.deadline`. */
  readonly handlesDeadline: boolean;
  /** Of workflows that are started without one. */
  readonly deadline: Deadline | undefined;
  /** What unwinds the ledgers of its actors; absent for what has none. */
  readonly unwinding?: RegisteredMachine;
  /** It runs items: what it goes by. */
  readonly fanOut?: { readonly plan: FanOutPlan };
  /** Of what unwinds the ledger of a fan-out: what there is to undo has one name, and there is much of it. */
  readonly isOfItems?: boolean;
  /** It is what unwinds the ledger of another. */
  readonly isUnwinding?: true;
  /** Whether the chart has states in which a person decides. */
  readonly needsDecisions: boolean;
}
