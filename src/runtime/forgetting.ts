/**
 * Takes message ids out of the store that are older than the retention. There is no index by time: the rows are looked through,
 * a slice at a time, in passes a retention apart and one soon after opening. A row is thus met about once while it counts and once
 * when it does not, and goes at the latest two retentions after it was written. What forgets is `firstOutcome`: this is for the disk.
 */
import { limits } from '../kernel/limits.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import type { Alone } from './erasing.ts';

export interface ForgettingParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly retentionMs: number;
  readonly alone: Alone;
  readonly onError: (error: unknown) => void;
}

export class Forgetting {
  readonly #parts: ForgettingParts;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  /** The first pass begins soon after opening: a process may not live as long as the retention. */
  constructor(parts: ForgettingParts) {
    this.#parts = parts;
    this.#plan(limits.forgettingIntervalMs);
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #plan(intervalMs: number): void {
    if (!this.#isStopped) this.#cancel = this.#parts.clock.setTimer(intervalMs, () => void this.#pass());
  }

  async #pass(): Promise<void> {
    const { store, clock, retentionMs, alone, onError } = this.#parts;
    const beforeMs = clock.now() - retentionMs;
    const forget = (after?: Uint8Array): ReturnType<Store['forgetMessages']> =>
      alone(() => store.forgetMessages(beforeMs, limits.erasedPerBatchMax, after));
    try {
      for (let page = await forget(); page.next !== undefined && !this.#isStopped;) page = await forget(page.next);
    } catch (error) {
      if (!this.#isStopped) onError(error);
      return;
    }
    this.#plan(Math.max(retentionMs, limits.forgettingIntervalMs));
  }
}
