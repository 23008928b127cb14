/**
 * The disk a runtime lives on: whether there is room for new work, the reserve for when there is none, and the way back after a
 * failure.
 */
import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../kernel/limits.ts';
import type { Logger } from '../../kernel/logger.ts';
import type { Clock, Store } from '../../kernel/ports.ts';
import type { Reopening } from '../../runtime/engine-keeper.ts';
import type { DiskSpace } from '../../runtime/disk-space.ts';
import { FreeSpace } from '../../storage/free-space.ts';
import type { MeasureFree } from '../../storage/free-space.ts';
import { Reserve } from '../../storage/reserve.ts';

export interface LocalDiskParts {
  /** The store's directory. */
  readonly directory: string;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly measure: MeasureFree;
  /** Opens the store in the directory. */
  readonly open: () => Promise<Store>;
}

export class LocalDisk implements Reopening, DiskSpace {
  readonly #parts: LocalDiskParts;
  readonly #space: FreeSpace;
  readonly #reserve: Reserve;
  #isClosed = false;
  #cancelLook: () => void = () => undefined;

  constructor(parts: LocalDiskParts) {
    const { directory: path, clock, measure } = parts;
    this.#parts = parts;
    this.#space = new FreeSpace({ path, measure, monotonicMs: () => clock.monotonic(), holdsMs: limits.spaceCheckMs });
    this.#reserve = new Reserve(path, limits.reserveBytes);
  }

  /** Measures the space and sees to the reserve, which is written in the background. */
  async begin(): Promise<void> {
    await this.#space.measure();
    void this.#seeToReserve();
  }

  async end(): Promise<void> {
    this.#isClosed = true;
    this.#cancelLook();
    await this.#reserve.stop();
  }

  shortage(): { readonly freeBytes: number; readonly floorBytes: number } | undefined {
    const freeBytes = this.#space.latest();
    const floorBytes = limits.freeSpaceFloorBytes;
    return freeBytes === undefined || freeBytes >= floorBytes ? undefined : { freeBytes, floorBytes };
  }

  /** Opening reads LevelDB's log and writes it anew as tables, which are compressed: about a third of it has to fit. */
  async isPromising(failure: unknown): Promise<boolean> {
    if (isLackOfSpace(failure)) {
      await this.#reserve.release();
      this.#parts.logger.warn({ store: this.#parts.directory }, 'The disk is full: the reserve was released.');
      this.#lookLater();
    }
    const freeBytes = await this.#space.measure();
    return freeBytes === undefined || freeBytes >= (await this.#logBytes()) / 3 + limits.reopenSpaceBytes;
  }

  open(): Promise<Store> {
    return this.#parts.open();
  }

  async #logBytes(): Promise<number> {
    const level = join(this.#parts.directory, 'level');
    const logs = (await readdir(level)).filter((name) => name.endsWith('.log'));
    const sizes = await Promise.all(logs.map(async (name) => (await stat(join(level, name))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }

  /** It must not itself take the room that starts need. */
  async #seeToReserve(): Promise<void> {
    const freeBytes = await this.#space.measure();
    if (this.#isClosed) return;
    const hasRoom = freeBytes === undefined || freeBytes >= limits.freeSpaceFloorBytes + limits.reserveBytes;
    const isKept = hasRoom && (await this.#reserve.keep());
    if (!isKept) this.#lookLater();
  }

  #lookLater(): void {
    this.#cancelLook();
    if (!this.#isClosed) this.#cancelLook = this.#parts.clock.setTimer(limits.spaceCheckMs, () => void this.#seeToReserve());
  }
}

/** LevelDB gives one code for all errors of input and output: the operating system's words say which it was. */
function isLackOfSpace(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  return /No space left|quota exceeded|ENOSPC|EDQUOT/i.test(error.message) || isLackOfSpace(error.cause);
}
