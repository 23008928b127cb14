/** Free space on the disk of a store, known without waiting for the file system. */
import { statfs } from 'node:fs/promises';

/** Bytes that this user may still write below a path. */
export type MeasureFree = (path: string) => Promise<number>;

export const measureFree: MeasureFree = async (path) => {
  const { bavail, bsize } = await statfs(path);
  return bavail * bsize;
};

export interface FreeSpaceParts {
  readonly path: string;
  readonly measure: MeasureFree;
  readonly monotonicMs: () => number;
  /** How long an answer holds. */
  readonly holdsMs: number;
}

export class FreeSpace {
  readonly #parts: FreeSpaceParts;
  #bytes: number | undefined;
  #askedAtMs = -Infinity;
  #asking: Promise<void> | undefined;

  constructor(parts: FreeSpaceParts) {
    this.#parts = parts;
  }

  /** As last measured; measured anew in the background when that is too long ago. Undefined where it cannot be measured. */
  latest(): number | undefined {
    if (this.#parts.monotonicMs() - this.#askedAtMs >= this.#parts.holdsMs) void this.measure();
    return this.#bytes;
  }

  /** Measures now, or waits for the measurement under way. */
  async measure(): Promise<number | undefined> {
    this.#asking ??= this.#ask().finally(() => (this.#asking = undefined));
    await this.#asking;
    return this.#bytes;
  }

  async #ask(): Promise<void> {
    const { path, measure, monotonicMs } = this.#parts;
    this.#askedAtMs = monotonicMs();
    try {
      this.#bytes = await measure(path);
    } catch {
      // What is not known does not keep anybody from working: a full disk will say so itself.
      this.#bytes = undefined;
    }
  }
}
