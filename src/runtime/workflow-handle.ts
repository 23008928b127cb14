import { PerdureError } from '../kernel/errors.ts';
import type { Duration } from '../kernel/duration.ts';
import { parseDuration } from '../kernel/duration.ts';
import type { Actor } from '../kernel/actor.ts';
import { resultOf } from '../kernel/outcome.ts';
import type { Clock } from '../kernel/ports.ts';
import { isClosed } from '../kernel/record.ts';
import type { AnyMachineSnapshot, AnyStateMachine, EventFromLogic, EventObject, OutputFrom, SnapshotFrom } from '../kernel/xstate-seam.ts';
import type { CommittedView, SnapshotObserver, ViewRegistry } from './committed-view.ts';
import { tellEnd } from './committed-view.ts';
import type { SendResult } from './resident.ts';

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
   * Sends an event; resolves when the commit that applied it is on disk.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_PARKED`, `EVENT_TYPE_RESERVED`, `PAYLOAD_…`, `MAILBOX_FULL`,
   *   `STORE_UNAVAILABLE` (outcome unknown: repeat with the same `messageId`)
   */
  send(event: EventFromLogic<Machine>, options?: SendOptions): Promise<SendResult>;
  /** The last committed snapshot. */
  getSnapshot(): SnapshotFrom<Machine>;
  /** Calls back with the snapshot of every commit from now on, and once when the workflow closed. */
  subscribe(observer: ((snapshot: SnapshotFrom<Machine>) => void) | SubscriptionObserver<Machine>): { unsubscribe(): void };
  /**
   * The first committed snapshot, now or later, for which the predicate holds.
   *
   * @throws PerdureError `WAIT_TIMEOUT`, or `WAIT_ENDED` if the workflow closed without it
   */
  waitFor(predicate: (snapshot: SnapshotFrom<Machine>) => boolean, options?: WaitOptions): Promise<SnapshotFrom<Machine>>;
  /**
   * The output, once the workflow completed.
   *
   * @throws WorkflowFailedError if it ended failed, cancelled or terminated
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

export interface HandleParts {
  readonly view: CommittedView;
  readonly views: ViewRegistry;
  readonly clock: Clock;
  readonly send: (event: EventObject, options: SendOptions | undefined) => Promise<SendResult>;
  /** Throws if the runtime is closed or the workflow cannot be shown. */
  readonly check: () => void;
}

export function createHandle(parts: HandleParts): WorkflowHandle {
  const { view, views, clock, send, check } = parts;

  const current = (): Actor => {
    if (view.current === undefined) check();
    if (view.current === undefined) throw new TypeError(`Nothing of workflow "${view.workflowId}" is committed yet.`);
    return view.current;
  };

  const waitFor = async (predicate: (snapshot: AnyMachineSnapshot) => boolean, options: WaitOptions = {}): Promise<AnyMachineSnapshot> => {
    const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout, 'waitFor: timeout');
    check();
    const wait = views.until(view, (actor) => {
      if (predicate(actor.chart.snapshot)) return actor.chart.snapshot;
      if (isClosed(actor.record.status)) throw waitEnded(actor);
      return undefined;
    });
    if (timeoutMs === undefined) return wait.promise;
    const stopTimer = clock.setTimer(timeoutMs, () => wait.end(waitTimeout(view.workflowId, timeoutMs)));
    return wait.promise.finally(stopTimer);
  };

  const result = async (): Promise<unknown> => {
    check();
    return resultOf(await views.until(view, (actor) => (isClosed(actor.record.status) ? actor : undefined)).promise);
  };

  const subscribe = (observer: ((snapshot: AnyMachineSnapshot) => void) | SnapshotObserver): { unsubscribe(): void } => {
    check();
    // Each subscription is its own, even of one observer object twice.
    const own: SnapshotObserver = typeof observer === 'function' ? { next: observer } : { ...bound(observer) };
    if (view.current !== undefined && isClosed(view.current.record.status)) {
      tellEnd(own, view.current);
      return { unsubscribe: () => undefined };
    }
    return { unsubscribe: views.observe(view, own) };
  };

  return { id: view.workflowId, send, getSnapshot: () => current().chart.snapshot, subscribe, waitFor, result } as WorkflowHandle;
}

function bound(observer: SnapshotObserver): SnapshotObserver {
  return {
    next: (snapshot) => observer.next?.(snapshot),
    error: (error) => observer.error?.(error),
    complete: () => observer.complete?.(),
  };
}

function waitEnded(actor: Actor): PerdureError {
  const id = actor.record.address.workflowId;
  const { status } = actor.record;
  return new PerdureError('WAIT_ENDED', `Workflow "${id}" closed (${status}) before the condition held.`, { id, status });
}

function waitTimeout(id: string, timeoutMs: number): PerdureError {
  return new PerdureError('WAIT_TIMEOUT', `The condition on workflow "${id}" did not hold within ${timeoutMs} ms; it goes on regardless.`, {
    id,
    timeoutMs,
  });
}
