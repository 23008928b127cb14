/** What users hold of a workflow. */
import type { Duration } from '../kernel/duration.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { AnyStateMachine, EmittedFrom, OutputFrom, SignalFrom, SnapshotFrom } from '../kernel/xstate-seam.ts';

/** Options of `send`. */
export interface SendOptions {
  /** Makes repeating the call safe: the same id is applied once, and every call returns the first outcome. */
  readonly messageId?: string;
}

/** Options of `waitFor`. */
export interface WaitOptions {
  /** Give up with `WAIT_TIMEOUT` after this long. Default: wait as long as it takes. */
  readonly timeout?: Duration;
}

/** A workflow, wherever it is: in memory or on disk. Satisfies what XState's UI bindings take (`subscribe`, `getSnapshot`). */
export interface WorkflowHandle<Machine extends AnyStateMachine = AnyStateMachine> {
  /** The workflow's id. */
  readonly id: string;
  /**
   * Sends an event; resolves when the commit that applied it is on disk. To a workflow that is paused or parked it is stored, and
   * the result says `queued`.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_PARKED` if its record is damaged, `EVENT_TYPE_RESERVED`, `PAYLOAD_…`, `MAILBOX_FULL`,
   *   `STORE_UNAVAILABLE` (outcome unknown: repeat with the same `messageId`), `RECORD_DAMAGED` if what is stored of this `messageId` is
   *   damaged or lost: nothing was applied, and the workflow is parked
   */
  send(event: SignalFrom<Machine>, options?: SendOptions): Promise<SendResult>;
  /**
   * `send` that refuses what the state does not accept, and whatever comes while the workflow is paused or parked; nothing is
   * stored then.
   *
   * @throws PerdureError `EVENT_NOT_ACCEPTED` with the event types accepted now, and what `send` throws
   */
  update(event: SignalFrom<Machine>, options?: SendOptions): Promise<SendResult>;
  /** The last committed snapshot. */
  getSnapshot(): SnapshotFrom<Machine>;
  /** Calls back with the snapshot of every commit from now on, and once when the workflow closed. */
  subscribe(observer: ((snapshot: SnapshotFrom<Machine>) => void) | SubscriptionObserver<Machine>): { unsubscribe(): void };
  /**
   * Calls back with each event of this type that the chart emits from now on, once the step that emitted it is on disk; `*` for
   * all of them. Who must not miss any reads them from the history.
   */
  on<Type extends EmittedFrom<Machine>['type'] | '*'>(
    type: Type,
    listener: (event: Type extends '*' ? EmittedFrom<Machine> : Extract<EmittedFrom<Machine>, { type: Type }>) => void,
  ): { unsubscribe(): void };
  /**
   * The first committed snapshot, now or later, for which the predicate holds.
   *
   * @throws PerdureError `WAIT_TIMEOUT`, `WAIT_ENDED` if the workflow closed without it, `WORKFLOW_PARKED` if the engine will not run it
   */
  waitFor(predicate: (snapshot: SnapshotFrom<Machine>) => boolean, options?: WaitOptions): Promise<SnapshotFrom<Machine>>;
  /**
   * The output, once the workflow completed.
   *
   * @throws WorkflowFailedError if it ended failed, cancelled or terminated; PerdureError `WORKFLOW_PARKED` if the engine will not run it
   */
  result(): Promise<OutputFrom<Machine>>;
}

/** What `subscribe` takes. */
export interface SubscriptionObserver<Machine extends AnyStateMachine> {
  /** Every commit. */
  readonly next?: (snapshot: SnapshotFrom<Machine>) => void;
  /** The chart ended in error. */
  readonly error?: (error: unknown) => void;
  /** The workflow closed in any other way. */
  readonly complete?: () => void;
}
