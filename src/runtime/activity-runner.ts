/**
 * Runs attempts: user code with I/O. It decides nothing; each attempt ends in one report, and what that means is the kernel's.
 *
 * Invariants
 * 1. An attempt starts only from an effect of a commit that is on disk.
 * 2. One attempt of an activity is awaited at a time in a process; its place is held until it settled, was aborted (which follows on
 *    its time-out) or was handed over, whichever comes first.
 * 3. Each attempt reports at most one outcome; code that goes on after its time-out or abort may add one late completion.
 * 4. `zombies` is the number of attempts whose code goes on though nobody waits for it any more.
 */
import type { AbortReason, ActivityDescriptor } from '../kernel/activity-descriptor.ts';
import type { AttemptHost, AttemptOutcome, RunAttempt } from '../kernel/attempt-outcome.ts';
import { makeAttempt } from '../kernel/attempt-outcome.ts';
import type { Json } from '../kernel/json.ts';
import type { Clock } from '../kernel/ports.ts';
import { AbortHandle } from './abort-handle.ts';
import type { AttemptTimeouts, WatchedAttempt } from './attempt-watch.ts';
import { AttemptWatch } from './attempt-watch.ts';

/** Which attempt of which activity, and whom to tell of it. */
export interface AttemptOrder extends WatchedAttempt {
  /** The activity's own, for ever. */
  readonly key: string;
  /** Under which its place was taken. */
  readonly name: string;
  /** Resolves with the attempt's token once it is on disk that its outcome comes from outside. */
  handOver(): Promise<string>;
}

/** What the row of an attempt that was handed over says: it changes when somebody changes it. */
export interface RecordedMoments {
  /** When it has to be over. */
  readonly closeAtMs: number;
  /** When it last gave a sign of life. */
  readonly heartbeatAtMs: number;
}

class AwaitedAttempt implements AttemptHost {
  readonly order: AttemptOrder;
  readonly watch: AttemptWatch;
  /** Made for who looks at the signal, or is to be told. */
  #abortion: AbortHandle | undefined = undefined;
  hasPlace = false;
  isCodeRunning = false;
  /** Set once it was handed over. */
  recorded: RecordedMoments | undefined = undefined;

  constructor(clock: Clock, order: AttemptOrder, timeouts: AttemptTimeouts) {
    this.order = order;
    this.watch = new AttemptWatch(clock, order, timeouts);
  }

  get signal(): AbortSignal {
    return (this.#abortion ??= new AbortHandle()).signal;
  }

  abort(reason: AbortReason): void {
    (this.#abortion ??= new AbortHandle()).abort(reason);
  }

  heartbeat(details: Json | undefined): void {
    this.watch.beat(details);
  }

  handOver(): Promise<string> {
    return this.order.handOver();
  }
}

export class ActivityRunner {
  readonly #clock: Clock;
  readonly #onPlaceFree: (name: string) => void;
  readonly #awaited = new Map<string, AwaitedAttempt>();
  #zombies = 0;
  #isShuttingDown = false;
  #shutdown: Promise<void> | undefined;
  #onAllSettled: () => void = () => undefined;

  /** @param onPlaceFree is told under which name a place came free; not during a shutdown */
  constructor(clock: Clock, onPlaceFree: (name: string) => void) {
    this.#clock = clock;
    this.#onPlaceFree = onPlaceFree;
  }

  get zombies(): number {
    return this.#zombies;
  }

  /** Under which names places are taken, once for each. */
  placesTaken(): string[] {
    return [...this.#awaited.values()].filter(({ hasPlace }) => hasPlace).map(({ order }) => order.name);
  }

  /** Starts an attempt on a place taken before. */
  run(order: AttemptOrder, effect: RunAttempt, descriptor: ActivityDescriptor): void {
    if (this.#isShuttingDown) {
      const { n, attempt } = order;
      // Committed while the shutdown began: it was not started, so it is not charged.
      order.report({ kind: 'attempt-released', n, attempt, hasBegun: false });
      return;
    }
    const { startToCloseTimeoutMs, heartbeatTimeoutMs } = descriptor;
    const closeMs = effect.startToCloseTimeoutMs ?? startToCloseTimeoutMs;
    const awaited = this.#await(order, { closeMs, signMs: heartbeatTimeoutMs ?? Infinity, heartbeatTimeoutMs });
    awaited.hasPlace = true;
    awaited.isCodeRunning = true;
    void makeAttempt(effect, descriptor, awaited).then((outcome) => this.#codeEnded(awaited, outcome));
  }

  /** Watches over an attempt that was handed over, in this life of the process or an earlier one. */
  attend(order: AttemptOrder, timeouts: AttemptTimeouts, recorded: RecordedMoments): void {
    if (this.#isShuttingDown) return;
    const known = this.#awaited.get(order.key);
    if (known?.order.attempt !== order.attempt) {
      this.#await(order, timeouts).recorded = recorded;
      return;
    }
    const before = known.recorded;
    if (before?.heartbeatAtMs !== recorded.heartbeatAtMs) known.watch.seen();
    if (before !== undefined && before.closeAtMs !== recorded.closeAtMs) known.watch.closeIn(timeouts.closeMs);
    known.recorded = recorded;
    this.#giveBackPlace(known);
  }

  abort(key: string, reason: AbortReason): void {
    const awaited = this.#awaited.get(key);
    if (awaited === undefined) return;
    this.#forget(awaited);
    if (awaited.isCodeRunning) this.#zombies += 1;
    awaited.abort(reason);
  }

  /**
   * Aborts what runs and starts nothing more. Resolves when all code ended or the grace period is over; what still runs then is
   * reported as given back. What was handed over goes on without this process. A second call waits for the first.
   */
  async shutDown(graceMs: number): Promise<void> {
    this.#shutdown ??= this.#shutDownOnce(graceMs);
    await this.#shutdown;
  }

  async #shutDownOnce(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    const settled = new Promise<void>((resolve) => (this.#onAllSettled = resolve));
    this.#checkAllSettled();
    for (const awaited of this.#awaited.values()) awaited.abort('shutdown');
    let stopTimer = (): void => undefined;
    await Promise.race([settled, new Promise<void>((resolve) => (stopTimer = this.#clock.setTimer(graceMs, resolve)))]);
    stopTimer();
    for (const { order, watch, recorded } of this.#awaited.values()) {
      const { n, attempt } = order;
      // Its time-out means nothing any more, and would keep the process alive.
      watch.stop();
      if (recorded === undefined) order.report({ kind: 'attempt-released', n, attempt, hasBegun: true, ...told(watch) });
    }
  }

  #await(order: AttemptOrder, timeouts: AttemptTimeouts): AwaitedAttempt {
    const awaited = new AwaitedAttempt(this.#clock, order, timeouts);
    this.#awaited.set(order.key, awaited);
    return awaited;
  }

  #codeEnded(awaited: AwaitedAttempt, outcome: AttemptOutcome | undefined): void {
    const { order, watch } = awaited;
    awaited.isCodeRunning = false;
    if (this.#awaited.get(order.key) !== awaited) this.#zombies -= 1;
    else if (outcome !== undefined || awaited.recorded === undefined) this.#forget(awaited);
    this.#checkAllSettled();
    if (outcome === undefined) return;
    const keepsDetails = outcome.kind === 'attempt-failed' || outcome.kind === 'attempt-released';
    order.report(keepsDetails ? { ...outcome, ...told(watch) } : outcome);
  }

  #forget(awaited: AwaitedAttempt): void {
    awaited.watch.stop();
    this.#awaited.delete(awaited.order.key);
    this.#giveBackPlace(awaited);
  }

  #giveBackPlace(awaited: AwaitedAttempt): void {
    if (!awaited.hasPlace) return;
    awaited.hasPlace = false;
    if (!this.#isShuttingDown) this.#onPlaceFree(awaited.order.name);
  }

  #checkAllSettled(): void {
    if (this.#isShuttingDown && ![...this.#awaited.values()].some(({ isCodeRunning }) => isCodeRunning)) this.#onAllSettled();
  }
}

/** The last an attempt told of itself, if that is not on its way already. */
function told({ unrecorded }: AttemptWatch): { readonly heartbeatDetails?: Json } {
  return unrecorded === undefined ? {} : { heartbeatDetails: unrecorded };
}
