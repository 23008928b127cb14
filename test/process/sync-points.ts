/**
 * Puts itself between Perdure and LevelDB, in this process: every batch is announced right before it is handed over, and again
 * right after its sync returned, before anybody else hears of it.
 */
import { Level } from 'level';

export interface SyncPoint {
  /** Directory of the database. */
  readonly location: string;
  /** Number of the batch since its database was opened, from 1. */
  readonly number: number;
  readonly side: 'before' | 'after';
}

/** What happens at a point: it may kill the process, or hold what comes after it by a promise. */
export type SyncPointVisit = (point: SyncPoint) => void | Promise<void>;

interface ChainedBatch {
  write(options?: { readonly sync?: boolean }): Promise<void>;
}

interface BatchingDatabase {
  readonly location: string;
  batch(...batch: readonly unknown[]): ChainedBatch | Promise<void>;
}

/** @returns what takes it away again */
export function visitSyncPoints(visit: SyncPointVisit): () => void {
  const prototype = Level.prototype as unknown as BatchingDatabase;
  const { batch } = prototype;
  const numbers = new WeakMap<BatchingDatabase, number>();
  prototype.batch = function visited(this: BatchingDatabase, ...operations) {
    if (operations.length > 0) throw new Error('A batch went past the sync points: they know chained batches only.');
    const chained = batch.call(this) as ChainedBatch;
    const { write } = chained;
    chained.write = async (options) => {
      if (options?.sync !== true) throw new Error('A batch was written without a sync.');
      const number = (numbers.get(this) ?? 0) + 1;
      numbers.set(this, number);
      await visit({ location: this.location, number, side: 'before' });
      await write.call(chained, options);
      await visit({ location: this.location, number, side: 'after' });
    };
    return chained;
  };
  return () => {
    prototype.batch = batch;
  };
}

export function killThisProcess(): void {
  process.kill(process.pid, 'SIGKILL');
}

/** For what is to wait until the process is killed. */
export async function forever(): Promise<never> {
  return new Promise<never>(() => undefined);
}
