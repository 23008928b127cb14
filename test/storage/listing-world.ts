/** Workflows as they come and go, without a kernel: written to a store, and kept here as what has to be found there. */
import { rootAddress } from '../../src/kernel/address.ts';
import { listingChange, listingOf } from '../../src/kernel/listing.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { ActorRecord, WorkflowStatus } from '../../src/kernel/record.ts';
import { isClosed } from '../../src/kernel/record.ts';
import type { Json } from '../../src/kernel/json.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { Database } from '../../src/storage/database.ts';
import type { MemoryDatabase } from './memory-database.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { sampleBatch, sampleCommit } from './samples.ts';

export type Act =
  | { readonly kind: 'start'; readonly id: string; readonly machine: string; readonly value: Json }
  | { readonly kind: 'move'; readonly id: string; readonly value: Json }
  | { readonly kind: 'end'; readonly id: string; readonly status: WorkflowStatus; readonly failureClass: string }
  | { readonly kind: 'pause'; readonly id: string }
  | { readonly kind: 'delete'; readonly id: string }
  | { readonly kind: 'wait'; readonly ms: number };

const options = { location: 'memory', storeId: 'test' };

export class ListingWorld {
  readonly database: MemoryDatabase;
  store: Store;
  /** The latest run of each id. */
  readonly roots = new Map<string, ActorRecord>();
  readonly #lastRuns = new Map<string, number>();
  #commits = 0;
  #nowMs = 1_700_000_000_000;

  private constructor(database: MemoryDatabase, store: Store) {
    this.database = database;
    this.store = store;
  }

  static async create(): Promise<ListingWorld> {
    const database = await createMemoryDatabase();
    return new ListingWorld(database, await openStoreOn(database.reopen(), options));
  }

  /** The process ends; another opens what is there. */
  async reopen(change: (database: Database) => Database = (database) => database): Promise<void> {
    await this.store.close();
    this.store = await openStoreOn(change(this.database.reopen()), options);
  }

  /** In one batch but for deletions. */
  async take(acts: readonly Act[]): Promise<void> {
    let commits: Commit[] = [];
    const flush = async (): Promise<void> => {
      if (commits.length === 0) return;
      const batch = sampleBatch(this.#commits + 1, commits);
      this.#commits += commits.length;
      commits = [];
      await this.store.write(batch);
    };
    for (const act of acts) {
      if (act.kind === 'wait') this.#nowMs += act.ms;
      else if (act.kind === 'delete') {
        await flush();
        await this.#delete(act.id);
      } else commits.push(...this.#commit(act));
    }
    await flush();
  }

  #commit(act: Exclude<Act, { kind: 'wait' | 'delete' }>): Commit[] {
    const before = this.roots.get(act.id);
    if (act.kind === 'start') return before === undefined || isClosed(before.status) ? [this.#start(act, before)] : [];
    if (before === undefined || isClosed(before.status)) return [];
    switch (act.kind) {
      case 'move':
        return [this.#step(before, { chart: { ...before.chart, value: act.value } })];
      case 'pause':
        return [this.#step(before, { status: before.status === 'paused' ? 'running' : 'paused' })];
      case 'end': {
        const failure = act.status === 'completed' ? {} : { failure: { class: act.failureClass, message: 'x' } };
        return [this.#step(before, { status: act.status, closedAtMs: this.#nowMs, ...failure })];
      }
    }
  }

  #start({ id, machine, value }: Extract<Act, { kind: 'start' }>, before: ActorRecord | undefined): Commit {
    const run = (this.#lastRuns.get(id) ?? 0) + 1;
    this.#lastRuns.set(id, run);
    const { chart } = sampleCommit(1).record;
    const record = { machine: { id: machine, version: '1', structureHash: 'aa' }, chart: { ...chart, value }, startedAtMs: this.#nowMs };
    const commit = sampleCommit(1, { address: rootAddress(id, run), record });
    this.roots.set(id, commit.record);
    return before === undefined ? commit : { ...commit, listed: { ...commit.listed, before: listingOf(before) } };
  }

  #step(before: ActorRecord, change: Partial<ActorRecord>): Commit {
    const after: ActorRecord = { ...before, ...change, sequence: before.sequence + 1 };
    const { listed: _listed, ...commit } = sampleCommit(after.sequence, { address: before.address, record: after });
    this.roots.set(before.address.workflowId, after);
    const listed = listingChange(before, after);
    return listed === undefined ? commit : { ...commit, listed };
  }

  async #delete(id: string): Promise<void> {
    const root = this.roots.get(id);
    if (root === undefined || !isClosed(root.status)) return;
    this.roots.delete(id);
    for (let isDone = false; !isDone;) ({ isDone } = await this.store.erase(id, root.address.run, 2));
  }
}
