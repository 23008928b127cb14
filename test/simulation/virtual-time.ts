/**
 * Time that moves only when the scheduler moves it. Monotonic time goes forward with the wall clock; steps move the wall clock
 * alone. Each life of the process has timers of its own, which die with it.
 */
import type { Clock } from '../../src/kernel/ports.ts';

interface Timer {
  readonly dueAtMs: number;
  readonly order: number;
  readonly callback: () => void;
}

/** So many looks at the clock without a turn of the event loop are a loop that would never give others a turn. */
const looksMax = 20_000;

export class VirtualTime {
  wallMs = 1_700_000_000_000;
  monotonicMs = 5_000;
  /** Whether the wall clock was ever set back. */
  hasSteppedBack = false;

  pass(milliseconds: number): void {
    this.wallMs += milliseconds;
    this.monotonicMs += milliseconds;
  }

  step(milliseconds: number): void {
    this.wallMs += milliseconds;
    if (milliseconds < 0) this.hasSteppedBack = true;
  }
}

/** The clock of one life. */
export class LifeClock implements Clock {
  readonly #time: VirtualTime;
  #timers: Timer[] = [];
  #turns: (() => void)[] = [];
  #order = 0;
  #looks = 0;
  #isDead = false;
  isLooping = false;

  constructor(time: VirtualTime) {
    this.#time = time;
  }

  now(): number {
    return this.#time.wallMs;
  }

  monotonic(): number {
    this.#looks += 1;
    if (this.#looks <= looksMax) return this.#time.monotonicMs;
    this.isLooping = true;
    return this.#time.monotonicMs + this.#looks * 1_000;
  }

  setTimer(delayMs: number, callback: () => void): () => void {
    if (this.#isDead) return () => undefined;
    this.#order += 1;
    const timer = { dueAtMs: this.#time.monotonicMs + Math.max(0, delayMs), order: this.#order, callback };
    this.#timers.push(timer);
    return () => {
      const position = this.#timers.indexOf(timer);
      if (position !== -1) this.#timers.splice(position, 1);
    };
  }

  yieldTurn(callback: () => void): void {
    this.#turns.push(callback);
  }

  /** Gives a turn to whoever asked for one; answers whether anybody had. */
  turn(): boolean {
    const turns = this.#turns;
    this.#turns = [];
    this.#looks = 0;
    if (!this.#isDead) for (const callback of turns) callback();
    return turns.length > 0;
  }

  /** When the next timer is due, in monotonic milliseconds. */
  nextDueAtMs(): number | undefined {
    return this.#next()?.dueAtMs;
  }

  /** Calls back the timer that is due first, if its time has come. */
  fireNext(): boolean {
    const timer = this.#next();
    if (timer === undefined || timer.dueAtMs > this.#time.monotonicMs) return false;
    this.#timers.splice(this.#timers.indexOf(timer), 1);
    timer.callback();
    return true;
  }

  die(): void {
    this.#isDead = true;
    this.#timers = [];
    this.#turns = [];
  }

  #next(): Timer | undefined {
    let first: Timer | undefined;
    for (const timer of this.#timers) if (first === undefined || isBefore(timer, first)) first = timer;
    return first;
  }
}

function isBefore(one: Timer, other: Timer): boolean {
  return one.dueAtMs < other.dueAtMs || (one.dueAtMs === other.dueAtMs && one.order < other.order);
}
