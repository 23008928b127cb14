/**
 * Does what committed steps ask for: arms timers, starts and aborts attempts, waits out backoffs and the time of activities as a whole.
 *
 * Invariants
 * 1. Everything here follows from a commit that is on disk, or from rows read from it.
 * 2. An activity that may not begin yet waits in one place at least: in its backoff, on the waiting list, or as a wake-up on its
 *    way to the actor. Being met twice is harmless: the kernel ignores the second wake-up.
 * 3. Whatever began or is in its backoff is not on the waiting list: a place that comes free would cut the backoff short.
 * 4. The time an activity has as a whole is waited out once, from when it was first met: a clock that jumps does not change it.
 */
import { policyOf, timeoutsOf } from '../kernel/activity-policy.ts';
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { activityKey, childAddress } from '../kernel/address.ts';
import type { Commit, Effect } from '../kernel/commit.ts';
import { isNextInLine } from '../kernel/draft.ts';
import type { StepEnvelope } from '../kernel/envelope.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Clock } from '../kernel/ports.ts';
import type { ActivityRecord } from '../kernel/record.ts';
import { logCommit } from './commit-log.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { OwnAttempts } from './own-attempts.ts';
import type { TimerQueue } from './timer-queue.ts';
import type { VolatileRunner } from './volatile-runner.ts';
import type { WaitingList } from './waiting-list.ts';

/** What an actor hears of its own timers and activities. */
export type InnerEnvelope = StepEnvelope;

export interface PerformerParts {
  readonly clock: Clock;
  readonly attempts: OwnAttempts;
  readonly timers: TimerQueue;
  readonly waiting: WaitingList;
  readonly volatile: VolatileRunner;
  readonly deliver: (address: Address, envelope: InnerEnvelope) => void;
  readonly logger: Logger;
  /** Is told of user code that is about to be entered. */
  readonly onEnter: OnEnter;
}

export class Performer {
  readonly #parts: PerformerParts;
  readonly #backoffs = new Map<string, () => void>();
  /** What is waited out for activities as a whole. */
  readonly #deadlines = new Map<string, () => void>();
  #isStopped = false;

  constructor(parts: PerformerParts) {
    this.#parts = parts;
  }

  /**
   * Acts on a commit that is on disk.
   *
   * @param latest the actor as decided since, if it is still there
   */
  perform(commit: Commit, actor: Actor, latest: Actor | undefined): void {
    const { timers, volatile, attempts, logger } = this.#parts;
    const { address } = commit.record;
    attempts.recorded(commit);
    logCommit(logger, commit);
    for (const timer of commit.timersDisarmed) timers.disarm(address, timer.generation);
    for (const { generation, dueAtMs } of commit.timersArmed) timers.arm({ address, generation, dueAtMs });
    for (const n of commit.activitiesRemoved) this.#drop(address, n);
    for (const activity of commit.activitiesPut) this.#takeUp(actor, activity);
    for (const effect of commit.effects) this.#act(actor, effect, latest);
    // A callback or observable that came to an end of its own is not told to stop.
    for (const n of commit.activitiesRemoved) volatile.stop(address, n);
    // Everybody else took a step for it in the same batch.
    for (const { to, envelope } of commit.messages) {
      if (envelope.kind === 'message') volatile.tell({ ...address, path: to }, envelope.event, actor);
    }
  }

  /** What a callback or observable shows of itself. */
  snapshotOfVolatile(sessionId: string): unknown {
    return this.#parts.volatile.snapshotOf(sessionId);
  }

  /**
   * Takes up the pending activities and armed timers of an actor as it is on disk; lost attempts are not its business.
   *
   * @param latest the actor as decided since, if it is still there
   */
  resume(actor: Actor, latest: Actor | undefined): void {
    const { address, timers } = actor.record;
    // The record is the authority: a timer whose row was lost is found again here.
    for (const { generation, dueAtMs } of timers) this.#parts.timers.arm({ address, generation, dueAtMs });
    for (const activity of actor.activities.values()) {
      // Its attempt has begun, though not yet on disk: it must not ask for a place again.
      const isBegun = activity.state === 'waiting' && latest?.activities.get(activity.n)?.state !== 'waiting';
      if (activity.state === 'live') this.#parts.volatile.start(actor, activity);
      else if (!isBegun) this.#takeUp(actor, activity);
    }
  }

  /** Puts an activity that found no free place on the waiting list. */
  enlist(address: Address, { n, name, idempotencyKey: key }: ActivityRecord): void {
    this.#parts.waiting.enlist({ key, name, address, n });
  }

  /** The wake-up of an activity was handled: a place that went with it and was not used goes to the next. */
  passOn(address: Address, n: number): void {
    this.#parts.waiting.passOn(activityKey(address, n));
  }

  /** Nothing waits any more: what is not begun stays on disk. */
  stop(): void {
    this.#isStopped = true;
    for (const cancel of [...this.#backoffs.values(), ...this.#deadlines.values()]) cancel();
    this.#backoffs.clear();
    this.#deadlines.clear();
    this.#parts.waiting.stop();
    this.#parts.volatile.shutDown();
  }

  #act(actor: Actor, effect: Effect, latest: Actor | undefined): void {
    const { attempts, volatile, logger } = this.#parts;
    const { address } = actor.record;
    switch (effect.kind) {
      case 'run-attempt':
        this.#run(actor, effect, latest);
        break;
      case 'abort-attempt':
        attempts.abort(address, effect.n, effect.reason);
        break;
      case 'start-volatile': {
        const activity = actor.activities.get(effect.n);
        if (activity !== undefined) volatile.start(actor, activity);
        break;
      }
      case 'tell-volatile':
        volatile.tell(childAddress(address, effect.n), effect.event, actor);
        break;
      case 'stop-volatile':
        volatile.stop(address, effect.n);
        break;
      case 'log':
        logger.info({ workflow: address.workflowId, label: effect.label, value: effect.value }, effect.label ?? 'log');
    }
  }

  #run(actor: Actor, effect: Extract<Effect, { kind: 'run-attempt' }>, latest: Actor | undefined): void {
    // As its place was asked for; the name it is declared with may have changed since it was scheduled.
    const name = actor.activities.get(effect.n)?.name ?? '';
    // Its outcome may be decided already, as told by hand, or its state left: then its code is not entered.
    const awaited = latest?.activities.get(effect.n);
    if (awaited?.state !== 'running' || awaited.attempt !== effect.attempt) {
      this.#parts.attempts.pass(name);
      this.#tellNotBegun(actor, effect, latest);
      return;
    }
    this.#parts.onEnter('activity', name);
    this.#parts.attempts.run(actor, name, effect);
  }

  /** Who undoes what was left waits for what ran, and there was nothing. */
  #tellNotBegun({ record: { address } }: Actor, { n, attempt }: Extract<Effect, { kind: 'run-attempt' }>, latest: Actor | undefined): void {
    const entry = latest?.ledger.get(n);
    if (entry?.outcome !== 'leaving' || entry.attempt !== attempt) return;
    this.#parts.deliver(address, { kind: 'attempt-released', n, attempt, hasBegun: false });
  }

  #takeUp(actor: Actor, activity: ActivityRecord): void {
    if (this.#isStopped || activity.state === 'live') return;
    const { address } = actor.record;
    const { state } = activity;
    const key = activity.idempotencyKey;
    if (state === 'exhausted') {
      this.#drop(address, activity.n);
      return;
    }
    this.#waitForWhole(address, activity, key);
    this.#cancelBackoff(key);
    if (state === 'waiting') {
      // Custom actions of a later step are taken up when those before them have ended.
      if (isNextInLine(actor.activities, activity)) this.enlist(address, activity);
      return;
    }
    this.#parts.waiting.forget(key);
    if (state === 'running') this.#attend(actor, activity);
    if (state === 'backoff') this.#waitForBackoff(address, activity, key);
  }

  #waitForBackoff(address: Address, { n, nextAttemptAtMs = 0 }: ActivityRecord, key: string): void {
    const { clock, deliver } = this.#parts;
    const cancel = clock.setTimer(Math.max(0, nextAttemptAtMs - clock.now()), () => {
      this.#backoffs.delete(key);
      deliver(address, { kind: 'attempt-due', n });
    });
    this.#backoffs.set(key, cancel);
  }

  #waitForWhole(address: Address, { n, scheduleToCloseAtMs }: ActivityRecord, key: string): void {
    if (scheduleToCloseAtMs === undefined || this.#deadlines.has(key)) return;
    const { clock, deliver } = this.#parts;
    const cancel = clock.setTimer(Math.max(0, scheduleToCloseAtMs - clock.now()), () =>
      deliver(address, { kind: 'activity-timed-out', n }),
    );
    this.#deadlines.set(key, cancel);
  }

  /** What was handed over is watched without its code; what was not is watched since it was started. */
  #attend({ machine, record: { address } }: Actor, activity: ActivityRecord): void {
    if (activity.isHandedOver !== true) return;
    const policy = policyOf(machine, activity);
    if (policy === undefined) return;
    const { clock, attempts } = this.#parts;
    const { n, name, attempt, heartbeatAtMs = 0 } = activity;
    const { closeAtMs, signAtMs } = timeoutsOf(activity, policy);
    const nowMs = clock.now();
    const timeouts = { closeMs: closeAtMs - nowMs, signMs: signAtMs - nowMs, heartbeatTimeoutMs: policy.heartbeatTimeoutMs };
    attempts.attend({ address, name, n, attempt }, timeouts, { closeAtMs, heartbeatAtMs });
  }

  /** It is not awaited any more. */
  #drop(address: Address, n: number): void {
    if (this.#backoffs.size + this.#deadlines.size === 0 && this.#parts.waiting.isEmpty) return;
    const key = activityKey(address, n);
    this.#cancelBackoff(key);
    this.#parts.waiting.forget(key);
    this.#deadlines.get(key)?.();
    this.#deadlines.delete(key);
  }

  #cancelBackoff(key: string): void {
    if (this.#backoffs.size === 0) return;
    this.#backoffs.get(key)?.();
    this.#backoffs.delete(key);
  }
}
