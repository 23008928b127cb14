/** A boot journal in memory, which outlives the runtimes that write it. */
import type { BootRecord } from '../../src/kernel/crash-loop.ts';
import type { BootStorage } from '../../src/runtime/boot-watch.ts';

export class BootMemory implements BootStorage {
  record: BootRecord | undefined;
  /** Whether its process died: what that writes from then on is not written. */
  isDead = false;
  /** Is told of every record before it is written. */
  onWrite: (record: BootRecord) => void = () => undefined;

  read(): Promise<BootRecord | undefined> {
    return Promise.resolve(this.record);
  }

  write(record: BootRecord): Promise<void> {
    if (this.isDead) return Promise.resolve();
    this.onWrite(record);
    this.record = record;
    return Promise.resolve();
  }

  clear(): Promise<void> {
    this.record = undefined;
    return Promise.resolve();
  }
}
