/**
 * Does what committed steps ask for: arms timers, starts and aborts attempts, waits out backoffs.
 *
 * Invariants
 * 1. Everything here follows from a commit that is on disk, or from rows read from it.
 * 2. An activity that may not begin yet waits in one place at least: in its backoff, on the waiting list, or as a wake-up on its
 *    way to the actor. Being met twice is harmless: the kernel ignores the second wake-up.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import type { Envelope } from '../kernel/envelope.ts';
import { limits } from '../kernel/limits.ts';
import type { Clock } from '../kernel/ports.ts';
import type { ActivityRecord } from '../kernel/record.ts';
import type { ActivityRunner } from './activity-runner.ts';
import type { TimerQueue } from './timer-queue.ts';

/** What an actor hears of its own timers and activities. */
export type InnerEnvelope = Exclude<Envelope, { kind: 'start' }>;

export interface PerformerParts {
  readonly clock: Clock;
  readonly runner: ActivityRunner;
  readonly timers: TimerQueue;
  readonly deliver: (address: Address, envelope: InnerEnvelope) => void;
  /** Looks through the store for waiting activities; for when the list overflowed. */
  readonly rescan: () => void;
}

export class Performer {
  readonly #parts: PerformerParts;
  readonly #backoffs = new Map<string, () => void>();
  #waiting: { readonly address: Address; readonly n: number }[] = [];
  #hasOverflowed = false;
  #isStopped = false;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  /** Acts on a commit that is on disk. */
  perform(commit: Commit, actor: Actor): void {
    const { timers, runner, deliver } = this.#parts;
    const { address } = commit.record;
    for (const timer of commit.timersDisarmed) timers.disarm(address, timer.generation);
    for (const { generation, dueAtMs } of commit.timersArmed) timers.arm({ address, generation, dueAtMs });
    for (const n of commit.activitiesRemoved) this.#cancelBackoff(keyOf(address, n));
    for (const activity of commit.activitiesPut) this.#takeUp(address, activity);
    for (const effect of commit.effects) {
      const key = keyOf(address, effect.n);
      if (effect.kind === 'abort-attempt') {
        runner.abort(key, effect.reason);
        continue;
      }
      const registered = actor.machine.activities.get(effect.src);
      if (registered === undefined) throw new TypeError(`Activity "${effect.src}" was scheduled without being registered.`);
      runner.run(key, effect, registered.descriptor, (outcome) => deliver(address, outcome));
    }
  }

  /** Takes up the pending activities of an actor just read from disk; lost attempts are not its business. */
  resume(actor: Actor): void {
    for (const activity of actor.activities.values()) this.#takeUp(actor.record.address, activity);
  }

  /** Puts an activity that found no free place on the waiting list. */
  enlist(address: Address, n: number): void {
    if (this.#waiting.length >= limits.waitingActivitiesMax) this.#hasOverflowed = true;
    else this.#waiting.push({ address, n });
    if (this.#waiting.length === 1) this.wakeNext();
  }

  /** A place came free: the longest waiting activity may have it. */
  wakeNext(): void {
    if (!this.#parts.runner.hasPlace()) return;
    const next = this.#waiting.shift();
    if (next !== undefined) this.#parts.deliver(next.address, { kind: 'attempt-due', n: next.n });
    else if (this.#hasOverflowed) {
      this.#hasOverflowed = false;
      this.#parts.rescan();
    }
  }

  /** Nothing waits any more: what is not begun stays on disk. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of this.#backoffs.values()) cancel();
    this.#backoffs.clear();
    this.#waiting = [];
    this.#hasOverflowed = false;
  }

  #takeUp(address: Address, activity: ActivityRecord): void {
    if (this.#isStopped) return;
    const { clock, deliver } = this.#parts;
    const key = keyOf(address, activity.n);
    this.#cancelBackoff(key);
    if (activity.state === 'waiting') this.enlist(address, activity.n);
    if (activity.state !== 'backoff') return;
    const delayMs = Math.max(0, (activity.nextAttemptAtMs ?? 0) - clock.now());
    const cancel = clock.setTimer(delayMs, () => {
      this.#backoffs.delete(key);
      deliver(address, { kind: 'attempt-due', n: activity.n });
    });
    this.#backoffs.set(key, cancel);
  }

  #cancelBackoff(key: string): void {
    this.#backoffs.get(key)?.();
    this.#backoffs.delete(key);
  }
}

function keyOf(address: Address, n: number): string {
  return `${formatAddress(address)}:${n}`;
}
