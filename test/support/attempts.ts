/** The second host's attempts: user code, each to its own end. */
import type { ActivityDescriptor } from '../../src/kernel/activity-descriptor.ts';
import type { AttemptOutcome, RunAttempt } from '../../src/kernel/attempt-outcome.ts';
import { makeAttempt } from '../../src/kernel/attempt-outcome.ts';
import type { AbortReason } from '../../src/kernel/commit.ts';
import type { Clock } from '../../src/kernel/ports.ts';

export class Attempts {
  readonly #clock: Clock;
  readonly #running = new Map<string, { readonly controller: AbortController; readonly ended: Promise<void> }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  run(key: string, effect: RunAttempt, descriptor: ActivityDescriptor, tell: (outcome: AttemptOutcome | undefined) => void): void {
    const controller = new AbortController();
    const timedOut = { kind: 'attempt-timed-out', n: effect.n, attempt: effect.attempt } as const;
    const stopTimer = this.#clock.setTimer(descriptor.startToCloseTimeoutMs, () => tell(timedOut));
    const ended = makeAttempt(effect, descriptor, controller.signal).then((outcome) => {
      stopTimer();
      tell(outcome);
    });
    this.#running.set(key, { controller, ended });
  }

  abort(key: string, reason: AbortReason): void {
    this.#running.get(key)?.controller.abort(reason);
  }

  /** Tells all of them, and waits until they have ended. */
  async shutDown(): Promise<void> {
    for (const { controller } of this.#running.values()) controller.abort('shutdown');
    await Promise.all([...this.#running.values()].map(({ ended }) => ended));
  }
}
