/**
 * Activities that may not begin yet. What comes free goes to the longest waiting one that may have it.
 *
 * Invariants
 * 1. A place that comes free is taken for the activity it is offered to before anybody else can ask for it; a newcomer never
 *    overtakes those of its name.
 * 2. An offer ends with the wake-up it went with: taken up by `admit`, or passed on.
 * 3. While somebody waits who could begin at a known time, a timer is set for it; who waits for a place is woken by whoever leaves one.
 */
import type { Address } from '../kernel/address.ts';
import { limits } from '../kernel/limits.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Admission } from './admission.ts';

/** An activity that waits; `key` is its own for ever. */
export interface Waiting {
  readonly key: string;
  readonly name: string;
  readonly address: Address;
  readonly n: number;
}

interface Entry extends Waiting {
  readonly order: number;
}

export interface WaitingListParts {
  readonly clock: Clock;
  readonly admission: Admission;
  /** Tells an activity that it may begin. */
  readonly wake: (waiting: Waiting) => void;
  /** Looks through the store for waiting activities; for when the list overflowed. */
  readonly rescan: () => void;
}

export class WaitingList {
  readonly #parts: WaitingListParts;
  readonly #lines = new Map<string, Line>();
  /** Those that wait, by key: an entry of a line whose activity began meanwhile is passed over. */
  readonly #listed = new Map<string, Entry>();
  /** Places taken for activities that have been woken, by key: whose name they were taken under. */
  readonly #offers = new Map<string, string>();
  #order = 0;
  #cancelTimer: () => void = () => undefined;
  #hasOverflowed = false;
  #isStopped = false;

  constructor(parts: WaitingListParts) {
    this.#parts = parts;
  }

  /** Whether nobody waits. Places may be on offer all the same. */
  get isEmpty(): boolean {
    return this.#listed.size === 0;
  }

  /** Takes a place for one attempt, if it may begin now. */
  admit(name: string, key: string): boolean {
    if (this.#isStopped) return false;
    if (this.#offers.size > 0 && this.#offers.delete(key)) return true;
    return this.#first(name) === undefined && this.#parts.admission.take(name);
  }

  enlist(waiting: Waiting): void {
    const { key, name } = waiting;
    if (this.#isStopped || this.#listed.has(key) || this.#offers.has(key)) return;
    if (this.#listed.size >= limits.waitingActivitiesMax) this.#hasOverflowed = true;
    else {
      this.#order += 1;
      const entry = { order: this.#order, ...waiting };
      this.#listed.set(key, entry);
      this.#lineOf(name).push(entry, this.#listed);
    }
    this.wakeNext();
  }

  /** It waits no more. A wake-up on its way still says so itself. */
  forget(key: string): void {
    if (this.#listed.size > 0) this.#listed.delete(key);
  }

  /** The wake-up it was sent is over: if it did not begin, the next may. */
  passOn(key: string): void {
    const name = this.#offers.get(key);
    if (name === undefined) return;
    this.#offers.delete(key);
    this.#parts.admission.giveBack(name, true);
    this.wakeNext();
  }

  /** Something came free: whoever may begin now is told, the longest waiting first. */
  wakeNext(): void {
    if (this.#isStopped || (this.#listed.size === 0 && !this.#hasOverflowed)) return;
    const { admission, wake, rescan } = this.#parts;
    for (let next = this.#next(); next !== undefined; next = this.#next()) {
      if (!admission.take(next.name)) break;
      this.#listed.delete(next.key);
      this.#offers.set(next.key, next.name);
      wake(next);
    }
    this.#setTimer();
    if (!this.#hasOverflowed || !admission.hasPlace() || this.#listed.size > limits.waitingActivitiesMax / 2) return;
    this.#hasOverflowed = false;
    rescan();
  }

  /** Nothing waits any more: what is not begun stays on disk. Places on offer are for whoever comes next to reclaim. */
  stop(): void {
    this.#isStopped = true;
    this.#cancelTimer();
    this.#offers.clear();
    this.#lines.clear();
    this.#listed.clear();
    this.#hasOverflowed = false;
  }

  /** The longest waiting one that may begin now. */
  #next(): Entry | undefined {
    if (!this.#parts.admission.hasPlace()) return undefined;
    let oldest: Entry | undefined;
    for (const name of this.#lines.keys()) {
      const first = this.#first(name);
      if (first === undefined || (oldest !== undefined && oldest.order < first.order)) continue;
      if (this.#parts.admission.waitMs(name) === 0) oldest = first;
    }
    return oldest;
  }

  /** For those that wait for nothing but time. */
  #setTimer(): void {
    this.#cancelTimer();
    const { admission, clock } = this.#parts;
    const waits = [...this.#lines.keys()].filter((name) => this.#first(name) !== undefined).map((name) => admission.waitMs(name));
    const delayMs = Math.min(Infinity, ...waits);
    this.#cancelTimer = delayMs === Infinity ? () => undefined : clock.setTimer(Math.ceil(delayMs), () => this.wakeNext());
  }

  #first(name: string): Entry | undefined {
    if (this.#lines.size === 0) return undefined;
    const line = this.#lines.get(name);
    const first = line?.first(this.#listed);
    if (line !== undefined && first === undefined) this.#lines.delete(name);
    return first;
  }

  #lineOf(name: string): Line {
    const line = this.#lines.get(name) ?? new Line();
    this.#lines.set(name, line);
    return line;
  }
}

/** Entries in the order they came. Those that left are dropped when they come to the front, or are too many. */
class Line {
  #entries: Entry[] = [];
  #front = 0;

  push(entry: Entry, listed: ReadonlyMap<string, Entry>): void {
    this.#entries.push(entry);
    if (this.#entries.length <= 2 * listed.size + limits.scanPageMax) return;
    this.#entries = this.#entries.slice(this.#front).filter(({ key, order }) => listed.get(key)?.order === order);
    this.#front = 0;
  }

  first(listed: ReadonlyMap<string, Entry>): Entry | undefined {
    for (let entry = this.#entries[this.#front]; entry !== undefined; entry = this.#entries[this.#front]) {
      if (listed.get(entry.key) === entry) return entry;
      this.#front += 1;
    }
    return undefined;
  }
}
