import { PerdureError } from '../kernel/errors.ts';
import type { Duration } from '../kernel/duration.ts';
import { parseDuration } from '../kernel/duration.ts';
import type { Actor } from '../kernel/actor.ts';
import { resultOf } from '../kernel/outcome.ts';
import type { Clock } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';
import { parkedError } from '../kernel/refusals.ts';
import type { AnyMachineSnapshot, AnyStateMachine, EventFromLogic, EventObject, OutputFrom, SnapshotFrom } from '../kernel/xstate-seam.ts';
import type { CommittedView, SnapshotObserver, ViewRegistry } from './committed-view.ts';
import { tellEnd } from './committed-view.ts';
import type { SendResult } from '../kernel/signal.ts';

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

export interface HandleParts {
  readonly view: CommittedView;
  readonly views: ViewRegistry;
  readonly clock: Clock;
  /** Closed on a machine that is gone: there is no snapshot to show, but its end is known. */
  readonly closed: ActorRecord | undefined;
  readonly send: (event: EventObject, options: SendOptions | undefined) => Promise<SendResult>;
  /** Throws if the runtime is closed or the workflow cannot be shown. */
  readonly check: () => void;
}

export function createHandle(parts: HandleParts): WorkflowHandle {
  const { view, views, clock, closed, send, check } = parts;
  const ended = (): ActorRecord | undefined => (view.current === undefined ? closed : undefined);

  const current = (): Actor => {
    if (view.current === undefined) check();
    if (closed !== undefined && view.current === undefined) throw machineGone(closed);
    if (view.current === undefined) throw new TypeError(`Nothing of workflow "${view.workflowId}" is committed yet.`);
    return view.current;
  };

  const waitFor = async (predicate: (snapshot: AnyMachineSnapshot) => boolean, options: WaitOptions = {}): Promise<AnyMachineSnapshot> => {
    const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout, 'waitFor: timeout');
    if (typeof predicate !== 'function')
      throw new TypeError(`waitFor: give a function from snapshot to boolean; found ${typeof predicate}.`);
    check();
    const gone = ended();
    if (gone !== undefined) throw waitEnded(gone);
    const wait = views.until(view, ({ record, chart: { snapshot } }) => {
      if (predicate(snapshot)) return snapshot;
      if (isClosed(record.status)) throw waitEnded(record);
      if (record.status === 'parked') throw parkedError(record);
      return undefined;
    });
    if (timeoutMs === undefined) return wait.promise;
    const stopTimer = clock.setTimer(timeoutMs, () => wait.end(waitTimeout(view.workflowId, timeoutMs)));
    return wait.promise.finally(stopTimer);
  };

  const result = async (): Promise<unknown> => {
    check();
    const gone = ended();
    if (gone !== undefined) return resultOf(gone);
    const closing = views.until(view, ({ record }) => {
      if (record.status === 'parked') throw parkedError(record);
      return isClosed(record.status) ? record : undefined;
    });
    return resultOf(await closing.promise);
  };

  const subscribe = (observer: ((snapshot: AnyMachineSnapshot) => void) | SnapshotObserver): { unsubscribe(): void } => {
    if (typeof observer !== 'function' && (typeof observer !== 'object' || observer === null)) {
      throw new TypeError(`subscribe: give a function or an observer { next, error, complete }; found ${String(observer)}.`);
    }
    check();
    // Each subscription is its own, even of one observer object twice.
    const own: SnapshotObserver = typeof observer === 'function' ? { next: observer } : { ...bound(observer) };
    if (view.current !== undefined && isClosed(view.current.record.status)) {
      tellEnd(own, view.current);
      return { unsubscribe: () => undefined };
    }
    if (ended() !== undefined) {
      own.complete?.();
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

function machineGone({ machine, address }: ActorRecord): PerdureError {
  const { id, version } = machine;
  const message = `Workflow "${address.workflowId}" closed on machine "${id}" version "${version}", which is not registered: describe() and result() answer without it.`;
  return new PerdureError('MACHINE_NOT_REGISTERED', message, { machine: id, version });
}

function waitEnded({ address, status }: ActorRecord): PerdureError {
  const id = address.workflowId;
  return new PerdureError('WAIT_ENDED', `Workflow "${id}" closed (${status}) before the condition held.`, { id, status });
}

function waitTimeout(id: string, timeoutMs: number): PerdureError {
  return new PerdureError('WAIT_TIMEOUT', `The condition on workflow "${id}" did not hold within ${timeoutMs} ms; it goes on regardless.`, {
    id,
    timeoutMs,
  });
}
