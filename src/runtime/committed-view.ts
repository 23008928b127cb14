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

/** Somebody who waits for a condition; answers whether the wait is over. */
interface Watcher {
  see(record: ActorRecord, snapshot: AnyMachineSnapshot): boolean;
  fail(error: unknown): void;
}

export interface CommittedView {
  readonly workflowId: string;
  /** Undefined until the first commit is seen, and while the workflow cannot be brought into memory. */
  current: Shown | undefined;
  /** Made when there is the first, as the others below. */
  observers: Set<SnapshotObserver> | undefined;
  /** Promises waiting for a condition: told of every commit, or that none will come any more. */
  watchers: Set<Watcher> | undefined;
  /** Of events that the chart emits, by type; `*` hears all. */
  listeners: Map<string, Set<EmittedListener>> | undefined;
}

/** What there is to see, without what the actor is computed with: views are in memory longer than actors. */
export interface Shown {
  readonly record: ActorRecord;
  readonly snapshot: AnyMachineSnapshot;
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
    const view: CommittedView = { workflowId, current: undefined, observers: undefined, watchers: undefined, listeners: undefined };
    this.#views.set(workflowId, new WeakRef(view));
    this.#finalized.register(view, workflowId);
    return view;
  }

  /** Adds an observer; the answer takes it away again. */
  observe(view: CommittedView, observer: SnapshotObserver): () => void {
    return this.#attach(view, (view.observers ??= new Set()), observer);
  }

  /** Adds a listener to what the chart emits; the answer takes it away again. */
  listen(view: CommittedView, type: string, listener: EmittedListener): () => void {
    view.listeners ??= new Map();
    const ofType = view.listeners.get(type) ?? new Set();
    view.listeners.set(type, ofType);
    const detach = this.#attach(view, ofType, listener);
    return () => {
      detach();
      if (ofType.size === 0 && view.listeners?.get(type) === ofType) view.listeners.delete(type);
      this.#release(view);
    };
  }

  /** Resolves with the first defined answer of `judge`, asked now and after every commit; rejects if `judge` throws. */
  until<Answer>(view: CommittedView, judge: Judge<Answer>): Wait<Answer> {
    const wait = new Condition(judge);
    const { current } = view;
    if (current !== undefined && wait.see(current.record, current.snapshot)) return { promise: wait.promise, end: () => undefined };
    view.watchers ??= new Set();
    view.watchers.add(wait);
    this.#held.add(view);
    const end = (error: unknown): void => {
      wait.fail(error);
      this.#endWait(view, wait);
    };
    return { promise: wait.promise, end };
  }

  /** Shows a committed state to everybody who watches. */
  publish(view: CommittedView, { record, chart }: Actor, emitted: readonly Json[] = []): void {
    const { snapshot } = chart;
    view.current = { record, snapshot };
    // As in XState: what a step emits is heard before its snapshot is seen.
    for (const event of emitted) emit(view, decodeValue(event) as EventObject);
    if (view.observers !== undefined && view.observers.size > 0) {
      for (const observer of [...view.observers]) {
        // One told before may have taken it away.
        if (isWatching(view, observer)) report(() => observer.next?.(snapshot));
      }
    }
    if (view.watchers !== undefined && view.watchers.size > 0) {
      for (const watcher of [...view.watchers]) if (watcher.see(record, snapshot)) this.#endWait(view, watcher);
    }
    if (isClosed(record.status)) this.#dismiss(view, (observer) => tellEnd(observer, snapshot));
  }

  /** Takes what was read from disk; if it is newer than what is shown, everybody who watches is shown. */
  catchUp(view: CommittedView, actor: Actor): void {
    const shown = view.current?.record;
    if (shown === undefined) view.current = { record: actor.record, snapshot: actor.chart.snapshot };
    else if (isNewer(actor.record, shown)) this.publish(view, actor);
  }

  /** Ends every wait and every subscription with this error. */
  endAll(error: unknown): void {
    for (const view of [...this.#held]) {
      for (const watcher of [...(view.watchers ?? [])]) watcher.fail(error);
      view.watchers = undefined;
      this.#dismiss(view, (observer) => report(() => observer.error?.(error)));
    }
  }

  #dismiss(view: CommittedView, tell: (observer: SnapshotObserver) => void): void {
    const { observers } = view;
    view.observers = undefined;
    view.listeners = undefined;
    this.#release(view);
    if (observers !== undefined) for (const observer of [...observers]) tell(observer);
  }

  #attach<Item>(view: CommittedView, items: Set<Item>, item: Item): () => void {
    items.add(item);
    this.#held.add(view);
    return () => {
      items.delete(item);
      this.#release(view);
    };
  }

  #endWait(view: CommittedView, watcher: Watcher): void {
    view.watchers?.delete(watcher);
    this.#release(view);
  }

  #release(view: CommittedView): void {
    const { observers, watchers, listeners } = view;
    if ((observers?.size ?? 0) + (watchers?.size ?? 0) + (listeners?.size ?? 0) === 0) this.#held.delete(view);
  }
}

function isWatching({ observers }: CommittedView, observer: SnapshotObserver): boolean {
  return observers?.has(observer) === true;
}

function emit({ listeners }: CommittedView, event: EventObject): void {
  if (listeners === undefined) return;
  for (const listener of [...(listeners.get(event.type) ?? []), ...(listeners.get('*') ?? [])]) report(() => listener(event));
}

/** Undefined for as long as it does not hold; what it throws ends the wait. */
type Judge<Answer> = (record: ActorRecord, snapshot: AnyMachineSnapshot) => Answer | undefined;

/** A promise of what a condition answers. */
class Condition<Answer> implements Watcher {
  readonly promise: Promise<Answer>;
  readonly #judge: Judge<Answer>;
  #resolve: (answer: Answer) => void = () => undefined;
  #reject: (error: unknown) => void = () => undefined;

  constructor(judge: Judge<Answer>) {
    this.#judge = judge;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  see(record: ActorRecord, snapshot: AnyMachineSnapshot): boolean {
    try {
      const answer = this.#judge(record, snapshot);
      if (answer !== undefined) this.#resolve(answer);
      return answer !== undefined;
    } catch (thrown) {
      this.#reject(thrown);
      return true;
    }
  }

  fail(error: unknown): void {
    this.#reject(error);
  }
}

function isNewer(found: ActorRecord, shown: ActorRecord): boolean {
  return found.address.run > shown.address.run || (found.address.run === shown.address.run && found.sequence > shown.sequence);
}

/** Tells an observer that no further commit will come. */
export function tellEnd(observer: SnapshotObserver, snapshot: AnyMachineSnapshot | undefined): void {
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
