/**
 * Notices that the event loop was blocked: code that computes for long, in an activity or a machine, holds up everything else in the
 * process. Nothing is lost by it; timers and outcomes are late.
 */
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Clock } from '../kernel/ports.ts';

/** User code is about to be entered: an activity's, or a machine's guards and actions. */
export type OnEnter = (kind: 'activity' | 'machine', name: string) => void;

export class LoopWatchdog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  #lastKind: 'activity' | 'machine' | undefined;
  #lastName = '';
  #cancel: () => void = () => undefined;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
    this.#watch();
  }

  readonly enter: OnEnter = (kind, name) => {
    this.#lastKind = kind;
    this.#lastName = name;
  };

  stop(): void {
    this.#cancel();
  }

  #watch(): void {
    const dueAtMs = this.#clock.monotonic() + limits.loopCheckMs;
    this.#cancel = this.#clock.setTimer(limits.loopCheckMs, () => {
      const lagMs = Math.round(this.#clock.monotonic() - dueAtMs);
      if (lagMs >= limits.loopLagMs) {
        const lastEntered = this.#lastKind === undefined ? {} : { [this.#lastKind]: this.#lastName };
        this.#logger.warn({ lagMs, lastEntered }, 'The event loop was blocked: timers and outcomes are late.');
      }
      this.#watch();
    });
  }
}
