/** A clock that moves only when a test says so. */
import type { Clock } from '../../src/kernel/ports.ts';

interface Timer {
  readonly dueAtMs: number;
  readonly callback: () => void;
}

export class ManualClock implements Clock {
  #wallMs = 1_700_000_000_000;
  #monotonicMs = 0;
  readonly #timers = new Set<Timer>();

  now(): number {
    return this.#wallMs;
  }

  monotonic(): number {
    return this.#monotonicMs;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    if (!(delayMs >= 0)) throw new RangeError(`A timer was set for ${delayMs} ms.`);
    const timer = { dueAtMs: this.#monotonicMs + delayMs, callback };
    this.#timers.add(timer);
    return () => void this.#timers.delete(timer);
  }

  yieldTurn(callback: () => void): void {
    setImmediate(callback);
  }

  /** Timers that wait to be called back: what would keep a process alive. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Sets the wall clock forward or back; no time passes. */
  stepWall(ms: number): void {
    this.#wallMs += ms;
  }

  /** Lets time pass; who is due on the way is called back in due order, at their time. */
  advance(ms: number): void {
    const endMs = this.#monotonicMs + ms;
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.#timers.delete(next);
      this.#moveTo(Math.max(next.dueAtMs, this.#monotonicMs));
      next.callback();
    }
    this.#moveTo(endMs);
  }

  /** The same, with a turn of the event loop for everybody after each call. */
  async pass(ms: number): Promise<void> {
    const endMs = this.#monotonicMs + ms;
    await settle();
    for (let next = this.#nextDue(endMs); next !== undefined; next = this.#nextDue(endMs)) {
      this.advance(Math.max(0, next.dueAtMs - this.#monotonicMs));
      await settle();
    }
    this.#moveTo(endMs);
  }

  #nextDue(untilMs: number): Timer | undefined {
    const [first] = [...this.#timers].filter((timer) => timer.dueAtMs <= untilMs).sort((a, b) => a.dueAtMs - b.dueAtMs);
    return first;
  }

  #moveTo(monotonicMs: number): void {
    this.#wallMs += monotonicMs - this.#monotonicMs;
    this.#monotonicMs = monotonicMs;
  }
}

/** Lets everything happen that can happen without time passing. */
export async function settle(turns = 30): Promise<void> {
  for (let turn = 0; turn < turns; turn += 1) await new Promise<void>((resolve) => setImmediate(resolve));
}

/** Waits for a condition that comes about without time passing; the test's own time-out ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await settle(1);
}
