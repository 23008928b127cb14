/**
 * Runs attempts: user code with I/O. It decides nothing; each attempt ends in one report, and what that means is the kernel's.
 *
 * Invariants
 * 1. An attempt starts only from an effect of a commit that is on disk.
 * 2. One attempt of an activity runs at a time in a process; a place is held from `admit` until the attempt settled, timed out
 *    or was aborted, whichever comes first.
 * 3. Each attempt reports at most one outcome; code that goes on after its time-out or abort may add one late completion.
 */
import type { ActivityDescriptor } from '../kernel/activity-descriptor.ts';
import type { AttemptOutcome, RunAttempt } from '../kernel/attempt-outcome.ts';
import { makeAttempt } from '../kernel/attempt-outcome.ts';
import type { AbortReason } from '../kernel/commit.ts';
import type { Clock } from '../kernel/ports.ts';

type Report = (outcome: AttemptOutcome) => void;

interface RunningAttempt {
  readonly controller: AbortController;
  readonly stopTimer: () => void;
  readonly giveBack: () => void;
}

export class ActivityRunner {
  readonly #clock: Clock;
  readonly #onPlaceFree: () => void;
  readonly #running = new Map<string, RunningAttempt>();
  readonly #places: number;
  #freePlaces: number;
  #isHolding = false;
  #isShuttingDown = false;
  #shutdown: Promise<void> | undefined;
  #onAllSettled: (() => void) | undefined;

  /** @param onPlaceFree is called when a place came free */
  constructor(clock: Clock, places: number, onPlaceFree: () => void) {
    this.#clock = clock;
    this.#places = places;
    this.#freePlaces = places;
    this.#onPlaceFree = onPlaceFree;
  }

  hasPlace(): boolean {
    return !this.#isShuttingDown && !this.#isHolding && this.#freePlaces > 0;
  }

  /** Grants no place until {@link release}. */
  hold(): void {
    this.#isHolding = true;
  }

  /** Grants places again, to who waits for them first. */
  release(): void {
    if (!this.#isHolding) return;
    this.#isHolding = false;
    for (let place = 0; place < this.#freePlaces; place += 1) this.#onPlaceFree();
  }

  /** Takes back the places of attempts that were never started, nor will be. */
  reclaimPlaces(): void {
    this.#freePlaces = this.#places - this.#running.size;
  }

  /** Takes a place for one attempt, if there is one. */
  admit(): boolean {
    if (!this.hasPlace()) return false;
    this.#freePlaces -= 1;
    return true;
  }

  /** Starts an attempt on a place taken before. */
  run(key: string, effect: RunAttempt, descriptor: ActivityDescriptor, report: Report): void {
    const { n, attempt } = effect;
    if (this.#isShuttingDown) {
      // Committed while the shutdown began: it was not started, so it is not charged.
      report({ kind: 'attempt-released', n, attempt, hasBegun: false });
      return;
    }
    const controller = new AbortController();
    const started: RunningAttempt = {
      controller,
      stopTimer: this.#clock.setTimer(descriptor.startToCloseTimeoutMs, () => report({ kind: 'attempt-timed-out', n, attempt })),
      giveBack: () => report({ kind: 'attempt-released', n, attempt, hasBegun: true }),
    };
    this.#running.set(key, started);
    void makeAttempt(effect, descriptor, controller.signal).then((outcome) => {
      this.#settle(key, started);
      if (outcome !== undefined) report(outcome);
    });
  }

  abort(key: string, reason: AbortReason): void {
    const attempt = this.#running.get(key);
    if (attempt === undefined) return;
    this.#settle(key, attempt);
    attempt.controller.abort(reason);
  }

  /**
   * Grants no further places and aborts what runs. Resolves when all attempts settled or the grace period is over; what still
   * runs then is reported as given back. A second call waits for the first.
   */
  async shutDown(graceMs: number): Promise<void> {
    this.#shutdown ??= this.#shutDownOnce(graceMs);
    await this.#shutdown;
  }

  async #shutDownOnce(graceMs: number): Promise<void> {
    this.#isShuttingDown = true;
    const settled = new Promise<void>((resolve) => {
      this.#onAllSettled = resolve;
      if (this.#running.size === 0) resolve();
    });
    for (const { controller } of this.#running.values()) controller.abort('shutdown' satisfies AbortReason);
    let stopTimer = (): void => undefined;
    await Promise.race([settled, new Promise<void>((resolve) => (stopTimer = this.#clock.setTimer(graceMs, resolve)))]);
    stopTimer();
    for (const attempt of this.#running.values()) {
      // Its time-out means nothing any more, and would keep the process alive.
      attempt.stopTimer();
      attempt.giveBack();
    }
  }

  /** Once per attempt: a later one under the same key is not touched. */
  #settle(key: string, attempt: RunningAttempt): void {
    if (this.#running.get(key) !== attempt) return;
    attempt.stopTimer();
    this.#running.delete(key);
    this.#freePlaces += 1;
    if (this.#running.size === 0) this.#onAllSettled?.();
    if (!this.#isShuttingDown) this.#onPlaceFree();
  }
}
