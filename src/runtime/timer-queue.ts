/**
 * Machine timers, by wall time. Only those due soon are in memory; the rest stay on disk in due order.
 *
 * Invariants
 * 1. Every committed timer due by `loadedUntilMs` is in memory, has fired, or lies on disk behind `unread`, which is read next.
 * 2. No timer fires before the wall clock reads its due time.
 * 3. Timers fire in due order. One may fire twice (a scan can meet one that is just being decided): the kernel ignores the second.
 * 4. A damaged row fires nothing. Its actor is told of, so that it is read and arms what its record says.
 */
import TinyQueue from 'tinyqueue';
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import { limits } from '../kernel/limits.ts';
import type { Clock, Store, TimerRow } from '../kernel/ports.ts';

interface Entry extends TimerRow {
  readonly order: number;
}

export interface TimerQueueEvents {
  /** Hands a due timer to its actor. */
  readonly onDue: (timer: TimerRow) => void;
  /** A row of this actor's timers is damaged. */
  readonly onDamaged: (address: Address) => void;
  /** A scan of the store failed. */
  readonly onError: (error: unknown) => void;
}

export class TimerQueue {
  readonly #store: Store;
  readonly #clock: Clock;
  readonly #events: TimerQueueEvents;
  readonly #known = new Map<string, Entry>();
  #heap = new TinyQueue<Entry>([], byDueTime);
  #loadedUntilMs = -Infinity;
  /** Where reading goes on. What lies before has fired in this life or is in memory; what is parked is not met again and again. */
  #unread: Uint8Array | number = -Infinity;
  /** Up to when a scan under way reads. */
  #loadingUntilMs: number | undefined;
  #isStopped = false;
  #order = 0;
  #cancelSleep: () => void = () => undefined;

  constructor(store: Store, clock: Clock, events: TimerQueueEvents) {
    this.#store = store;
    this.#clock = clock;
    this.#events = events;
    void this.#load(clock.now() + limits.timerWindowMs);
  }

  /** Entries in memory, with those that were disarmed and not swept out yet. */
  get inMemory(): number {
    return this.#heap.length;
  }

  /** Tells of a timer whose arming is committed. */
  arm(timer: TimerRow): void {
    // While a scan is under way it may already have passed this place: better met twice than never.
    const untilMs = Math.max(this.#loadedUntilMs, this.#loadingUntilMs ?? -Infinity);
    if (this.#isStopped || timer.dueAtMs > untilMs) return;
    const entry = this.#add(timer);
    if (entry !== undefined && this.#heap.peek() === entry) this.#sleep();
  }

  /** The entry stays in the heap and is passed over when its time comes; too many of them are swept out. */
  disarm(address: Address, generation: number): void {
    this.#known.delete(keyOf(address, generation));
    if (this.#heap.length > 2 * this.#known.size + limits.scanPageMax) this.#heap = new TinyQueue([...this.#known.values()], byDueTime);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancelSleep();
  }

  #add(timer: TimerRow): Entry | undefined {
    const key = keyOf(timer.address, timer.generation);
    if (this.#known.has(key)) return undefined;
    this.#order += 1;
    const entry = { order: this.#order, ...timer };
    this.#known.set(key, entry);
    this.#heap.push(entry);
    return entry;
  }

  #tick(): void {
    if (this.#isStopped) return;
    const nowMs = this.#clock.now();
    const startedAt = this.#clock.monotonic();
    for (let next = this.#heap.peek(); next !== undefined && next.dueAtMs <= nowMs; next = this.#heap.peek()) {
      this.#heap.pop();
      const key = keyOf(next.address, next.generation);
      if (this.#known.get(key) !== next) continue;
      this.#known.delete(key);
      this.#events.onDue(next);
      if (this.#clock.monotonic() - startedAt < limits.sliceMs) continue;
      // Very many are due at once: others get a turn, then it goes on.
      this.#cancelSleep();
      this.#clock.yieldTurn(() => this.#tick());
      return;
    }
    if (this.#loadAtMs() <= nowMs) void this.#load(nowMs + limits.timerWindowMs);
    // Also while the scan is under way: what is in memory goes on firing.
    this.#sleep();
  }

  /** Half a window ahead, so that the heap never runs dry before its horizon; if it is full, when that is reached. */
  #loadAtMs(): number {
    if (this.#loadingUntilMs !== undefined) return Infinity;
    const hasRoom = this.#known.size < limits.timersInMemoryMax / 2;
    return hasRoom ? this.#loadedUntilMs - limits.timerWindowMs / 2 : this.#loadedUntilMs;
  }

  async #load(untilMs: number): Promise<void> {
    this.#loadingUntilMs = untilMs;
    try {
      this.#loadedUntilMs = await this.#loadPages(untilMs);
    } catch (error) {
      if (!this.#isStopped) this.#events.onError(error);
    } finally {
      this.#loadingUntilMs = undefined;
    }
    this.#sleep();
  }

  /** Reads pages until enough is in memory; answers up to when nothing armed from now on may stay on disk. */
  async #loadPages(untilMs: number): Promise<number> {
    for (;;) {
      const { rows, next } = await this.#store.scanTimers(untilMs, limits.scanPageMax, this.#unread);
      for (const timer of rows) {
        if (timer.isDamaged === true) this.#events.onDamaged(timer.address);
        else this.#add(timer);
      }
      this.#unread = next ?? untilMs;
      const last = rows.at(-1);
      if (next === undefined || last === undefined || this.#isStopped) return untilMs;
      if (this.#known.size >= limits.timersInMemoryMax) return last.dueAtMs;
    }
  }

  #sleep(): void {
    this.#cancelSleep();
    if (this.#isStopped) return;
    const nextMs = Math.min(this.#heap.peek()?.dueAtMs ?? Infinity, this.#loadAtMs());
    const delayMs = Math.max(0, Math.min(nextMs - this.#clock.now(), limits.clockCheckMs));
    this.#cancelSleep = this.#clock.setTimer(delayMs, () => this.#tick());
  }
}

function byDueTime(a: Entry, b: Entry): number {
  return a.dueAtMs - b.dueAtMs || a.order - b.order;
}

function keyOf(address: Address, generation: number): string {
  return `${formatAddress(address)}:${generation}`;
}
