/** Whose turn it is: residents with something to do, in the order they came, in slices that leave the event loop its own turn. */
import { limits } from '../kernel/limits.ts';
import type { Clock } from '../kernel/ports.ts';
import type { Resident } from './resident.ts';

export class Turns {
  readonly #clock: Clock;
  readonly #take: (resident: Resident, hasTime: () => boolean) => void;
  #ready: Resident[] = [];
  #isPlanned = false;

  /** @param take handles some letters of a resident whose turn it is, as long as there is time */
  constructor(clock: Clock, take: (resident: Resident, hasTime: () => boolean) => void) {
    this.#clock = clock;
    this.#take = take;
  }

  /** Puts a resident at the end, if it does not wait already. */
  add(resident: Resident): void {
    if (resident.isReady) return;
    resident.isReady = true;
    this.#ready.push(resident);
    if (this.#isPlanned) return;
    this.#isPlanned = true;
    queueMicrotask(() => this.#run());
  }

  clear(): void {
    this.#ready = [];
  }

  #run(): void {
    const startedAt = this.#clock.monotonic();
    const hasTime = (): boolean => this.#clock.monotonic() - startedAt < limits.sliceMs;
    for (let resident = this.#ready.shift(); resident !== undefined; resident = this.#ready.shift()) {
      resident.isReady = false;
      this.#take(resident, hasTime);
      if (hasTime() || this.#ready.length === 0) continue;
      this.#clock.yieldTurn(() => this.#run());
      return;
    }
    this.#isPlanned = false;
  }
}
