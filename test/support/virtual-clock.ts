/** A clock that stands still until a test moves it. Wall time and monotonic time move apart as they do in the world. */
import type { Clock } from '../../src/kernel/ports.ts';
import type { Life } from './life.ts';

interface Timer {
  readonly dueAtMs: number;
  readonly life: Life;
  readonly callback: () => void;
}

export class VirtualClock {
  /** How long whatever happens takes between two looks at the monotonic clock. */
  workMs = 0;
  #wallMs = 1_700_000_000_000;
  #monotonicMs = 0;
  #timers: Timer[] = [];
  #plannedTurns = 0;

  now(): number {
    return this.#wallMs;
  }

  /** Whether somebody will be called back without anybody moving the clock. */
  get isBusy(): boolean {
    return this.#plannedTurns > 0;
  }

  /** The wall clock is set to another time; monotonic time does not move. */
  step(ms: number): void {
    this.#wallMs += ms;
  }

  /** Time passes, all at once, as for a process that was suspended: whoever is due then is called back, in due order. */
  advance(ms: number): void {
    this.#wallMs += ms;
    this.#monotonicMs += ms;
    this.#callDue();
  }

  /** The port of one life: nobody is called back after its end. */
  portFor(life: Life): Clock {
    return {
      now: () => this.#wallMs,
      monotonic: () => (this.#monotonicMs += this.workMs),
      setTimer: (delayMs, callback) => {
        const timer = { dueAtMs: this.#monotonicMs + Math.max(0, delayMs), life, callback };
        this.#timers.push(timer);
        if (timer.dueAtMs <= this.#monotonicMs) this.#plan(() => this.#callDue());
        return () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        };
      },
      yieldTurn: (callback) => {
        this.#plan(() => {
          if (!life.isCut) callback();
        });
      },
    };
  }

  #plan(callback: () => void): void {
    this.#plannedTurns += 1;
    setImmediate(() => {
      this.#plannedTurns -= 1;
      callback();
    });
  }

  /** What the callbacks set for now has its turn later, so that none of them can keep this loop going. */
  #callDue(): void {
    const due = this.#timers.filter((timer) => timer.dueAtMs <= this.#monotonicMs).sort((a, b) => a.dueAtMs - b.dueAtMs);
    for (const timer of due) {
      if (!this.#timers.includes(timer)) continue;
      this.#timers = this.#timers.filter((other) => other !== timer);
      if (!timer.life.isCut) timer.callback();
    }
  }
}
