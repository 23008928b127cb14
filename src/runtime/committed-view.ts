/**
 * What readers see of a workflow: the last committed state, and nothing that a crash could take back.
 *
 * Invariants
 * 1. `current` changes only after the sync of the commit that explains it.
 * 2. Every observer gets every commit made while it is subscribed, in order; those of a batch whose outcome was unknown and came to
 *    light when the store was opened again are shown by the state they led to.
 * 3. There is at most one view per workflow in a runtime while anybody holds it, so all handles agree.
 * 4. A view somebody waits on is held by the registry: a pending promise alone would not keep it alive.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Json } from '../kernel/json.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { isClosed } from '../kernel/record.ts';
import { decodeValue } from '../kernel/value-decoding.ts';
import type { AnyMachineSnapshot, EventObject } from '../kernel/xstate-seam.ts';

export interface SnapshotObserver {
  readonly next?: (snapshot: AnyMachineSnapshot) => void;
  readonly error?: (error: unknown) => void;
  readonly complete?: () => void;
}

type Watcher = (actor: Actor | undefined, error: unknown) => void;

export interface CommittedView {
  readonly workflowId: string;
  /** Undefined until the first commit is seen, and while the workflow cannot be brought into memory. */
  current: Actor | undefined;
  readonly observers: Set<SnapshotObserver>;
  /** Promises waiting for a condition: told of every commit, or that none will come any more. */
  readonly watchers: Set<Watcher>;
  /** Of events that the chart emits, by type; `*` hears all. */
  readonly listeners: Map<string, Set<EmittedListener>>;
}

export type EmittedListener = (event: EventObject) => void;

export interface Wait<Answer> {
  readonly promise: Promise<Answer>;
  /** Ends the wait with an error. */
  readonly end: (error: unknown) => void;
}

export class ViewRegistry {
  readonly #views = new Map<string, WeakRef<CommittedView>>();
  readonly #held = new Set<CommittedView>();
  // A view nobody holds any more takes its entry with it.
  readonly #finalized = new FinalizationRegistry<string>((workflowId) => {
    if (this.#views.get(workflowId)?.deref() === undefined) this.#views.delete(workflowId);
  });

  /** The view of a workflow: the one somebody holds, or a new one. */
  of(workflowId: string): CommittedView {
    const known = this.#views.get(workflowId)?.deref();
    if (known !== undefined) return known;
    const view: CommittedView = { workflowId, current: undefined, observers: new Set(), watchers: new Set(), listeners: new Map() };
    this.#views.set(workflowId, new WeakRef(view));
    this.#finalized.register(view, workflowId);
    return view;
  }

  /** Adds an observer; the answer takes it away again. */
  observe(view: CommittedView, observer: SnapshotObserver): () => void {
    return this.#attach(view, view.observers, observer);
  }

  /** Adds a listener to what the chart emits; the answer takes it away again. */
  listen(view: CommittedView, type: string, listener: EmittedListener): () => void {
    const ofType = view.listeners.get(type) ?? new Set();
    view.listeners.set(type, ofType);
    const detach = this.#attach(view, ofType, listener);
    return () => {
      detach();
      if (ofType.size === 0 && view.listeners.get(type) === ofType) view.listeners.delete(type);
      this.#release(view);
    };
  }

  /** Resolves with the first defined answer of `judge`, asked now and after every commit; rejects if `judge` throws. */
  until<Answer>(view: CommittedView, judge: (actor: Actor) => Answer | undefined): Wait<Answer> {
    const { promise, settle } = waitFor(judge);
    if (view.current !== undefined && settle(view.current, undefined)) return { promise, end: () => undefined };
    const watcher: Watcher = (actor, error) => {
      if (settle(actor, error)) detach();
    };
    const detach = this.#attach(view, view.watchers, watcher);
    return { promise, end: (error) => watcher(undefined, error) };
  }

  /** Shows a committed state to everybody who watches. */
  publish(view: CommittedView, actor: Actor, emitted: readonly Json[] = []): void {
    view.current = actor;
    // As in XState: what a step emits is heard before its snapshot is seen.
    for (const event of emitted) emit(view, decodeValue(event) as EventObject);
    const { snapshot } = actor.chart;
    if (view.observers.size > 0) {
      for (const observer of [...view.observers]) {
        // One told before may have taken it away.
        if (view.observers.has(observer)) report(() => observer.next?.(snapshot));
      }
    }
    if (view.watchers.size > 0) for (const watcher of [...view.watchers]) watcher(actor, undefined);
    if (isClosed(actor.record.status)) this.#dismiss(view, (observer) => tellEnd(observer, actor));
  }

  /** Takes what was read from disk; if it is newer than what is shown, everybody who watches is shown. */
  catchUp(view: CommittedView, actor: Actor): void {
    const shown = view.current?.record;
    if (shown === undefined) view.current = actor;
    else if (isNewer(actor.record, shown)) this.publish(view, actor);
  }

  /** Ends every wait and every subscription with this error. */
  endAll(error: unknown): void {
    for (const view of [...this.#held]) {
      for (const watcher of [...view.watchers]) watcher(undefined, error);
      this.#dismiss(view, (observer) => report(() => observer.error?.(error)));
    }
  }

  #dismiss(view: CommittedView, tell: (observer: SnapshotObserver) => void): void {
    const observers = [...view.observers];
    view.observers.clear();
    view.listeners.clear();
    this.#release(view);
    for (const observer of observers) tell(observer);
  }

  #attach<Item>(view: CommittedView, items: Set<Item>, item: Item): () => void {
    items.add(item);
    this.#held.add(view);
    return () => {
      items.delete(item);
      this.#release(view);
    };
  }

  #release(view: CommittedView): void {
    if (view.observers.size + view.watchers.size + view.listeners.size === 0) this.#held.delete(view);
  }
}

function emit(view: CommittedView, event: EventObject): void {
  for (const listener of [...(view.listeners.get(event.type) ?? []), ...(view.listeners.get('*') ?? [])]) report(() => listener(event));
}

/** A promise and what settles it; `settle` answers whether it is settled now. */
function waitFor<Answer>(judge: (actor: Actor) => Answer | undefined): {
  readonly promise: Promise<Answer>;
  readonly settle: (actor: Actor | undefined, error: unknown) => boolean;
} {
  let resolve: (answer: Answer) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Answer>((onAnswer, onError) => {
    resolve = onAnswer;
    reject = onError;
  });
  const settle = (actor: Actor | undefined, error: unknown): boolean => {
    try {
      const answer = actor === undefined ? undefined : judge(actor);
      if (answer !== undefined) resolve(answer);
      else if (actor === undefined) reject(error);
      return answer !== undefined || actor === undefined;
    } catch (thrown) {
      reject(thrown);
      return true;
    }
  };
  return { promise, settle };
}

function isNewer(found: ActorRecord, shown: ActorRecord): boolean {
  return found.address.run > shown.address.run || (found.address.run === shown.address.run && found.sequence > shown.sequence);
}

/** Tells an observer that no further commit will come. */
export function tellEnd(observer: SnapshotObserver, actor: Actor | undefined): void {
  const snapshot = actor?.chart.snapshot;
  report(() => (snapshot?.status === 'error' ? observer.error?.(snapshot.error) : observer.complete?.()));
}

/** As in XState, an observer that throws is an uncaught error of its own and disturbs nobody else. */
function report(call: () => void): void {
  try {
    call();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
