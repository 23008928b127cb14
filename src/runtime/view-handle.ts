import { parseDuration } from '../kernel/duration.ts';
import { PerdureError } from '../kernel/errors.ts';
import { checkOptions } from '../kernel/options.ts';
import { resultOf } from '../kernel/outcome.ts';
import type { Clock } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';
import { parkedError } from '../kernel/refusals.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { AnyMachineSnapshot, EventObject } from '../kernel/xstate-seam.ts';
import type { CommittedView, EmittedListener, Shown, SnapshotObserver, ViewRegistry } from './committed-view.ts';
import { tellEnd } from './committed-view.ts';
import type { SendOptions, WaitOptions } from './workflow-handle.ts';

export interface HandleParts {
  readonly view: CommittedView;
  readonly views: ViewRegistry;
  readonly clock: Clock;
  /** Closed on a machine that is gone: there is no snapshot to show, but its end is known. */
  readonly closed: ActorRecord | undefined;
  readonly send: (event: EventObject, options: SendOptions | undefined) => Promise<SendResult>;
  readonly update: HandleParts['send'];
  /** Throws if the runtime is closed or the workflow cannot be shown. */
  readonly check: () => void;
}

/** A handle on one view; the machine's types are put on by whoever hands it out. */
export class ViewHandle {
  readonly id: string;
  readonly send: HandleParts['send'];
  readonly update: HandleParts['send'];
  readonly #parts: HandleParts;

  constructor(parts: HandleParts) {
    this.#parts = parts;
    this.id = parts.view.workflowId;
    this.send = parts.send;
    this.update = parts.update;
  }

  getSnapshot(): AnyMachineSnapshot {
    const { view, closed, check } = this.#parts;
    if (view.current === undefined) check();
    if (view.current !== undefined) return view.current.snapshot;
    if (closed !== undefined) throw machineGone(closed);
    throw new TypeError(`Nothing of workflow "${this.id}" is committed yet.`);
  }

  subscribe(observer: ((snapshot: AnyMachineSnapshot) => void) | SnapshotObserver): { unsubscribe(): void } {
    if (typeof observer !== 'function' && (typeof observer !== 'object' || observer === null)) {
      throw new TypeError(`subscribe: give a function or an observer { next, error, complete }; found ${String(observer)}.`);
    }
    const { view, views, check } = this.#parts;
    check();
    // Each subscription is its own, even of one observer object twice.
    const own: SnapshotObserver = typeof observer === 'function' ? { next: observer } : bound(observer);
    if (this.#gone() === undefined && !isEnded(view.current)) return { unsubscribe: views.observe(view, own) };
    tellEnd(own, view.current?.snapshot);
    return { unsubscribe: () => undefined };
  }

  on(type: string, listener: EmittedListener): { unsubscribe(): void } {
    if (typeof type !== 'string') throw new TypeError(`on: give the type of an emitted event, or '*'; found ${String(type)}.`);
    if (typeof listener !== 'function') throw new TypeError(`on: give a function that takes the event; found ${String(listener)}.`);
    const { view, views, check } = this.#parts;
    check();
    // Each subscription is its own, even of one function twice.
    const own: EmittedListener = (event) => listener(event);
    if (this.#gone() !== undefined || isEnded(view.current)) return { unsubscribe: () => undefined };
    return { unsubscribe: views.listen(view, type, own) };
  }

  async waitFor(predicate: (snapshot: AnyMachineSnapshot) => boolean, options: WaitOptions = {}): Promise<AnyMachineSnapshot> {
    if (typeof predicate !== 'function') {
      throw new TypeError(`waitFor: give a function from snapshot to boolean; found ${typeof predicate}.`);
    }
    checkOptions<WaitOptions>(options, 'waitFor', { timeout: true });
    const timeoutMs = options.timeout === undefined ? undefined : parseDuration(options.timeout, 'waitFor: timeout');
    const { view, views, clock, check } = this.#parts;
    check();
    const gone = this.#gone();
    if (gone !== undefined) throw waitEnded(gone);
    const wait = views.until(view, (record, snapshot) => {
      if (predicate(snapshot)) return snapshot;
      if (isClosed(record.status)) throw waitEnded(record);
      if (record.status === 'parked') throw parkedError(record);
      return undefined;
    });
    if (timeoutMs === undefined) return wait.promise;
    const stopTimer = clock.setTimer(timeoutMs, () => wait.end(waitTimeout(this.id, timeoutMs)));
    return wait.promise.finally(stopTimer);
  }

  async result(): Promise<unknown> {
    const { view, views, check } = this.#parts;
    check();
    const gone = this.#gone();
    if (gone !== undefined) return resultOf(gone);
    const closing = views.until(view, (record) => {
      if (record.status === 'parked') throw parkedError(record);
      return isClosed(record.status) ? record : undefined;
    });
    return resultOf(await closing.promise);
  }

  /** The record of a workflow that is closed and cannot be shown. */
  #gone(): ActorRecord | undefined {
    return this.#parts.view.current === undefined ? this.#parts.closed : undefined;
  }
}

function isEnded(shown: Shown | undefined): boolean {
  return shown !== undefined && isClosed(shown.record.status);
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
  const message = `Workflow "${address.workflowId}" closed on machine "${id}" version "${version}", which is not registered as it was then: describe() and result() answer without it.`;
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
