/**
 * Watches over one attempt by the monotonic clock: whether it takes too long, whether it is silent for too long, and what it tells of itself.
 *
 * Invariants
 * 1. It reports at most one time-out, and nothing after `stop`.
 * 2. Details are reported at once, then at most once in the interval of `heartbeatRecordMs`; `unrecorded` has those not reported yet.
 */
import type { AttemptOutcome } from '../kernel/attempt-outcome.ts';
import { heartbeatRecordMs } from '../kernel/heartbeat.ts';
import type { Json } from '../kernel/json.ts';
import type { Clock } from '../kernel/ports.ts';

export interface AttemptTimeouts {
  /** What is left of the time it may take; `Infinity` for as long as it likes. */
  readonly closeMs: number;
  /** What is left until it has to give a sign of life. */
  readonly signMs: number;
  /** How long it may be silent from then on; undefined for as long as it likes. */
  readonly heartbeatTimeoutMs: number | undefined;
}

/** Which attempt is watched, and whom to tell of it. */
export interface WatchedAttempt {
  readonly n: number;
  readonly attempt: number;
  report(outcome: AttemptOutcome): void;
}

export class AttemptWatch {
  readonly #clock: Clock;
  readonly #attempt: WatchedAttempt;
  readonly #heartbeatTimeoutMs: number | undefined;
  #stopClose: (() => void) | undefined;
  #stopSign: (() => void) | undefined;
  #stopRecord: (() => void) | undefined;
  #silentUntilMs: number;
  #unrecorded: Json | undefined;
  #isStopped = false;

  constructor(clock: Clock, attempt: WatchedAttempt, { closeMs, signMs, heartbeatTimeoutMs }: AttemptTimeouts) {
    this.#clock = clock;
    this.#attempt = attempt;
    this.#heartbeatTimeoutMs = heartbeatTimeoutMs;
    this.#silentUntilMs = signMs === Infinity ? Infinity : clock.monotonic() + signMs;
    this.#awaitClose(closeMs);
    if (signMs !== Infinity) this.#awaitSign();
  }

  /** The last details told that have not been reported. */
  get unrecorded(): Json | undefined {
    return this.#unrecorded;
  }

  /** It may take this long from now on. */
  closeIn(closeMs: number): void {
    if (this.#isStopped) return;
    this.#stopClose?.();
    this.#awaitClose(closeMs);
  }

  /** A sign of life. The timer is not set anew: when it fires, it looks when the last one was. */
  seen(): void {
    this.#silentUntilMs = this.#clock.monotonic() + (this.#heartbeatTimeoutMs ?? Infinity);
  }

  /** A sign of life of the attempt itself, perhaps with details. */
  beat(details: Json | undefined): void {
    if (this.#isStopped) return;
    this.seen();
    if (details === undefined) return;
    this.#unrecorded = details;
    if (this.#stopRecord === undefined) this.#record();
  }

  stop(): void {
    this.#isStopped = true;
    this.#stopClose?.();
    this.#stopSign?.();
    this.#stopRecord?.();
  }

  #record(): void {
    this.#stopRecord = undefined;
    const details = this.#unrecorded;
    if (details === undefined) return;
    this.#unrecorded = undefined;
    const { n, attempt } = this.#attempt;
    this.#attempt.report({ kind: 'attempt-heartbeat', n, attempt, heartbeatDetails: details });
    this.#stopRecord = this.#clock.setTimer(heartbeatRecordMs(this.#heartbeatTimeoutMs), () => this.#record());
  }

  #awaitClose(closeMs: number): void {
    this.#stopClose = this.#timer(closeMs, () => this.#timeOut({}));
  }

  #awaitSign(): void {
    const delayMs = Math.max(0, this.#silentUntilMs - this.#clock.monotonic());
    this.#stopSign = this.#timer(delayMs, () => {
      if (this.#clock.monotonic() < this.#silentUntilMs) this.#awaitSign();
      else this.#timeOut({ timeout: 'heartbeat' });
    });
  }

  #timeOut(which: { readonly timeout?: 'heartbeat' }): void {
    const details = this.#unrecorded;
    const { n, attempt } = this.#attempt;
    this.stop();
    this.#attempt.report({
      kind: 'attempt-timed-out',
      n,
      attempt,
      ...which,
      ...(details === undefined ? {} : { heartbeatDetails: details }),
    });
  }

  #timer(delayMs: number, callback: () => void): (() => void) | undefined {
    return delayMs === Infinity ? undefined : this.#clock.setTimer(Math.max(0, delayMs), callback);
  }
}
