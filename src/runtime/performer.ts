/**
 * Does what committed steps ask for: arms timers, starts and aborts attempts, waits out backoffs.
 *
 * Invariants
 * 1. Everything here follows from a commit that is on disk, or from rows read from it.
 * 2. An activity that may not begin yet waits in one place at least: in its backoff, on the waiting list, or as a wake-up on its
 *    way to the actor. Being met twice is harmless: the kernel ignores the second wake-up.
 * 3. Whatever began or is in its backoff is not on the waiting list: a place that comes free would cut the backoff short.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { Commit, Effect } from '../kernel/commit.ts';
import type { StepEnvelope } from '../kernel/envelope.ts';
import { limits } from '../kernel/limits.ts';
import { codeOf } from '../kernel/outside.ts';
import type { Clock } from '../kernel/ports.ts';
import type { ActivityRecord } from '../kernel/record.ts';
import type { ActivityRunner } from './activity-runner.ts';
import type { TimerQueue } from './timer-queue.ts';
import type { VolatileRunner } from './volatile-runner.ts';

/** What an actor hears of its own timers and activities. */
export type InnerEnvelope = StepEnvelope;

export interface PerformerParts {
  readonly clock: Clock;
  readonly runner: ActivityRunner;
  readonly timers: TimerQueue;
  readonly volatile: VolatileRunner;
  /** A chart's `log` action. */
  readonly log: (address: Address, entry: Extract<Effect, { kind: 'log' }>) => void;
  readonly deliver: (address: Address, envelope: InnerEnvelope) => void;
  /** Looks through the store for waiting activities; for when the list overflowed. */
  readonly rescan: () => void;
}

interface Waiting {
  readonly key: string;
  readonly address: Address;
  readonly n: number;
}

export class Performer {
  readonly #parts: PerformerParts;
  readonly #backoffs = new Map<string, () => void>();
  #waiting: Waiting[] = [];
  /** Those of `#waiting` that still wait, by key: an entry whose activity began meanwhile is passed over. */
  readonly #listed = new Map<string, Waiting>();
  #hasOverflowed = false;
  #isStopped = false;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  /** Acts on a commit that is on disk. */
  perform(commit: Commit, actor: Actor): void {
    const { timers, volatile } = this.#parts;
    const { address } = commit.record;
    for (const timer of commit.timersDisarmed) timers.disarm(address, timer.generation);
    for (const { generation, dueAtMs } of commit.timersArmed) timers.arm({ address, generation, dueAtMs });
    for (const n of commit.activitiesRemoved) {
      this.#forget(keyOf(address, n));
      // One that came to an end of its own is not told to stop.
      volatile.stop(address, n);
    }
    for (const activity of commit.activitiesPut) this.#takeUp(address, activity);
    for (const effect of commit.effects) {
      this.#act(actor, effect);
    }
    // Everybody else took a step for it in the same batch.
    for (const { to, envelope } of commit.messages) {
      if (envelope.kind === 'message') volatile.tell({ ...address, path: to }, envelope.event, actor);
    }
  }

  #act(actor: Actor, effect: Effect): void {
    const { runner, volatile, deliver, log } = this.#parts;
    const { address } = actor.record;
    switch (effect.kind) {
      case 'run-attempt':
        runner.run(keyOf(address, effect.n), effect, codeOf(actor, effect, deliver), (outcome) => deliver(address, outcome));
        break;
      case 'abort-attempt':
        runner.abort(keyOf(address, effect.n), effect.reason);
        break;
      case 'start-volatile': {
        const activity = actor.activities.get(effect.n);
        if (activity !== undefined) volatile.start(actor, activity);
        break;
      }
      case 'stop-volatile':
        volatile.stop(address, effect.n);
        break;
      case 'log':
        log(address, effect);
    }
  }

  /** Takes up the pending activities and armed timers of an actor just read from disk; lost attempts are not its business. */
  resume(actor: Actor): void {
    const { address, timers } = actor.record;
    // The record is the authority: a timer whose row was lost is found again here.
    for (const { generation, dueAtMs } of timers) this.#parts.timers.arm({ address, generation, dueAtMs });
    for (const activity of actor.activities.values()) {
      if (activity.state === 'live') this.#parts.volatile.start(actor, activity);
      else this.#takeUp(actor.record.address, activity);
    }
  }

  /** Puts an activity that found no free place on the waiting list. */
  enlist(address: Address, n: number): void {
    const key = keyOf(address, n);
    if (this.#listed.has(key)) return;
    if (this.#listed.size >= limits.waitingActivitiesMax) this.#hasOverflowed = true;
    else {
      const entry = { key, address, n };
      this.#listed.set(key, entry);
      this.#waiting.push(entry);
      // Too many that were passed over are swept out.
      if (this.#waiting.length > 2 * this.#listed.size + limits.scanPageMax) this.#waiting = [...this.#listed.values()];
    }
    if (this.#listed.size === 1) this.wakeNext();
  }

  /** A place came free: the longest waiting activity may have it. */
  wakeNext(): void {
    if (!this.#parts.runner.hasPlace()) return;
    let next = this.#waiting.shift();
    while (next !== undefined && this.#listed.get(next.key) !== next) next = this.#waiting.shift();
    if (next !== undefined) {
      this.#listed.delete(next.key);
      this.#parts.deliver(next.address, { kind: 'attempt-due', n: next.n });
    } else if (this.#hasOverflowed) {
      this.#hasOverflowed = false;
      this.#parts.rescan();
    }
  }

  /** Nothing waits any more: what is not begun stays on disk. */
  stop(): void {
    this.#isStopped = true;
    this.#parts.volatile.shutDown();
    for (const cancel of this.#backoffs.values()) cancel();
    this.#backoffs.clear();
    this.#waiting = [];
    this.#listed.clear();
    this.#hasOverflowed = false;
  }

  #takeUp(address: Address, activity: ActivityRecord): void {
    if (this.#isStopped) return;
    const { clock, deliver } = this.#parts;
    const key = keyOf(address, activity.n);
    if (activity.state === 'waiting') {
      this.#cancelBackoff(key);
      this.enlist(address, activity.n);
      return;
    }
    this.#forget(key);
    if (activity.state !== 'backoff') return;
    const delayMs = Math.max(0, (activity.nextAttemptAtMs ?? 0) - clock.now());
    const cancel = clock.setTimer(delayMs, () => {
      this.#backoffs.delete(key);
      deliver(address, { kind: 'attempt-due', n: activity.n });
    });
    this.#backoffs.set(key, cancel);
  }

  /** Waits for it neither in a backoff nor on the list. */
  #forget(key: string): void {
    this.#cancelBackoff(key);
    this.#listed.delete(key);
  }

  #cancelBackoff(key: string): void {
    this.#backoffs.get(key)?.();
    this.#backoffs.delete(key);
  }
}

function keyOf(address: Address, n: number): string {
  return `${formatAddress(address)}:${n}`;
}
