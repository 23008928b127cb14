/**
 * The disk under a store, and the handle one life of the process has on it. Each write is held until the scheduler decides its
 * fate; reads are answered as of the moment they were made, but when is the scheduler's to say, too.
 */
import type { Store, StoreBatch } from '../../src/kernel/ports.ts';
import type { Database, DatabaseReader, Operation } from '../../src/storage/database.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { Consumers } from './consumers.ts';
import type { Model } from './model.ts';
import { SortedMemory } from './sorted-memory.ts';
import { Violation } from './violation.ts';

/** Where planted faults go in: each wraps a part of the world; nothing is wrapped in a world without faults. */
export interface Seams {
  store: (store: Store) => Store;
  apply: (apply: (operations: readonly Operation[]) => Promise<void>) => (operations: readonly Operation[]) => Promise<void>;
}

export const seams: Seams = { store: (store) => store, apply: (apply) => apply };

const options = { location: 'memory', storeId: 'simulation' };

interface Erasing {
  readonly workflowId: string;
  readonly lastRun: number;
}

export interface HeldWrite {
  readonly operations: readonly Operation[];
  /** Absent for what a store writes of its own accord. */
  readonly batch: StoreBatch | undefined;
  /** What is deleted by it. */
  readonly erasing?: Erasing | undefined;
  readonly resolve: () => void;
  readonly reject: (error: Error) => void;
}

export class Disk {
  readonly #memory = new SortedMemory();
  readonly #apply: (operations: readonly Operation[]) => Promise<void>;
  readonly model: Model;
  consumers: Consumers | undefined;
  /** Up to which sequence each actor was compared with what is here. */
  readonly looked = new Map<string, number>();
  isEmpty = true;
  /** Whether anything was written since it was last looked at. */
  hasChanged = false;

  constructor(model: Model) {
    this.model = model;
    this.#apply = seams.apply(async (operations) => this.#memory.write(operations));
  }

  /** Writes for good; the model learns of it, too. */
  async apply({ operations, batch, erasing }: HeldWrite): Promise<void> {
    this.isEmpty = false;
    this.hasChanged = true;
    await this.#apply(operations);
    if (batch !== undefined) this.model.apply(batch);
    this.consumers?.apply(batch);
    if (erasing === undefined) return;
    this.model.erase(erasing.workflowId, erasing.lastRun);
    this.consumers?.emitted.erase(erasing.workflowId, erasing.lastRun);
  }

  reopen(): Database {
    return this.#memory.open();
  }

  /** A store to look at what is there. What has to be made anew when it is opened was not kept as it should have been. */
  async inspect(): Promise<Store> {
    const write = (): Promise<never> => Promise.reject(new Error('Looking at the store made it write.'));
    return openStoreOn({ ...this.reopen(), write }, { ...options, createIfEmpty: false });
  }
}

/** One life's handle on the disk. */
export class DiskHandle implements Database {
  readonly #database: Database;
  readonly #isHoldingReads: boolean;
  readonly #note: (found: unknown) => void;
  #batch: StoreBatch | undefined;
  #erasing: Erasing | undefined;
  held: HeldWrite | undefined;
  reads: (() => void)[] = [];
  isGone = false;
  hasRejected = false;
  failsNextRead = false;

  /** @param note is told what must not happen, since a store takes every error of its database for one of the disk */
  constructor(disk: Disk, isHoldingReads: boolean, note: (found: unknown) => void) {
    this.#database = disk.reopen();
    this.#note = note;
    this.#isHoldingReads = isHoldingReads;
  }

  /** The store of this life: real but for the handle beneath it and what is noted on the way down. */
  async open(): Promise<Store> {
    const store = await openStoreOn(this, options);
    const write = store.write.bind(store);
    store.write = async (batch) => {
      this.#batch = batch;
      await write(batch);
    };
    const erase = store.erase.bind(store);
    store.erase = async (workflowId, lastRun, limit) => {
      this.#erasing = { workflowId, lastRun };
      return erase(workflowId, lastRun, limit);
    };
    return seams.store(store);
  }

  get(key: Uint8Array): Promise<Uint8Array | undefined> {
    return this.#read(() => this.#database.get(key));
  }

  readonly getNow = (key: Uint8Array): Uint8Array | undefined => {
    this.#refuse();
    return this.#database.getNow(key);
  };

  entries(query: Parameters<Database['entries']>[0]): ReturnType<Database['entries']> {
    return this.#read(() => this.#database.entries(query));
  }

  keys(query: Parameters<Database['keys']>[0]): ReturnType<Database['keys']> {
    return this.#read(() => this.#database.keys(query));
  }

  readAtOnce<Result>(read: (reader: DatabaseReader) => Promise<Result>): Promise<Result> {
    return this.#read(() => this.#database.readAtOnce(read));
  }

  write(operations: readonly Operation[]): Promise<void> {
    const batch = this.#batch;
    const erasing = batch === undefined ? this.#erasing : undefined;
    this.#batch = undefined;
    this.#erasing = undefined;
    if (this.hasRejected) this.#note(new Violation('after a rejected write nothing is written', `${operations.length} operations came`));
    if (this.held !== undefined) this.#note(new Violation('I5 journals are gapless and give the stored snapshot', 'two batches at once'));
    return new Promise((resolve, reject) => {
      this.held = { operations, batch, erasing, resolve, reject };
    });
  }

  close(): Promise<void> {
    for (const answer of this.reads.splice(0)) answer();
    return this.#database.close();
  }

  #refuse(): void {
    if (!this.failsNextRead) return;
    this.failsNextRead = false;
    throw new Error('The disk did not answer.');
  }

  async #read<Result>(read: () => Promise<Result>): Promise<Result> {
    this.#refuse();
    const result = await read();
    if (this.isGone) return new Promise(() => undefined);
    if (this.#isHoldingReads) await new Promise<void>((resolve) => this.reads.push(resolve));
    return result;
  }
}
