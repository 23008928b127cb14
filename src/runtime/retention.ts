/**
 * Deletes workflows that have been closed for as long as they are kept, and has the disk given back what they took.
 *
 * Invariants
 * 1. Whether one is to go is judged when it has its turn, on its record as it is then: an id that was started again stays.
 * 2. What waits for a person keeps its workflow, and so does what still runs below it.
 * 3. One that stays is looked at again, within the hour; none holds up those behind it.
 * 4. So much is compacted at a time that it is paid for by what was deleted before: nothing comes back from LevelDB otherwise.
 */
import { checkCount, countShown } from '../kernel/count-query.ts';
import { limits } from '../kernel/limits.ts';
import type { ListAnswer, ListPosition } from '../kernel/list-query.ts';
import { checkList } from '../kernel/list-query.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { RetentionRule } from '../kernel/retention.ts';
import { isExpired } from '../kernel/retention.ts';
import type { Alone } from './erasing.ts';
import { mendingListing } from './erasing.ts';

export interface RetentionParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** One at least. */
  readonly rules: readonly RetentionRule[];
  readonly alone: Alone;
  /** Deletes a workflow if it `isWanted` when it has its turn; answers whether it was deleted. Rejects while it is open. */
  readonly remove: (workflowId: string, isWanted: (record: ActorRecord) => Promise<boolean>) => Promise<boolean>;
}

export class Retention {
  readonly #parts: RetentionParts;
  readonly #intervalMs: number;
  /** Where the next pass goes on, for each rule. */
  readonly #after = new Map<RetentionRule, ListPosition>();
  #restartedAtMs: number;
  /** Deleted since the store was compacted. */
  #deleted = 0;
  #cancel: () => void = () => undefined;
  #isStopped = false;

  constructor(parts: RetentionParts) {
    this.#parts = parts;
    const shortestMs = Math.min(...parts.rules.map(({ keptMs }) => keptMs));
    this.#intervalMs = Math.min(Math.max(shortestMs / 10, limits.retentionIntervalMinMs), limits.retentionIntervalMaxMs);
    this.#restartedAtMs = parts.clock.monotonic();
    this.#plan();
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel();
  }

  #plan(): void {
    if (!this.#isStopped) this.#cancel = this.#parts.clock.setTimer(this.#intervalMs, () => void this.#pass());
  }

  async #pass(): Promise<void> {
    const { clock, logger, rules, store } = this.#parts;
    if (clock.monotonic() - this.#restartedAtMs >= limits.retentionRestartMs) {
      this.#after.clear();
      this.#restartedAtMs = clock.monotonic();
    }
    try {
      for (const rule of rules) await this.#deleteExpired(rule);
      await this.#giveBack();
    } catch (error) {
      if (!this.#isStopped) logger.warn({ store: store.location, error: String(error) }, 'Closed workflows could not be looked through.');
    }
    this.#plan();
  }

  async #deleteExpired(rule: RetentionRule): Promise<void> {
    let deleted = 0;
    while (!this.#isStopped) {
      const { workflows, next } = await this.#expired(rule);
      // One after the other, so that whoever sends meanwhile, or closes, waits for one at most.
      for (const { id } of workflows) if (!this.#isStopped && (await this.#delete(id))) deleted += 1;
      if (next === undefined) break;
      this.#after.set(rule, next);
    }
    this.#deleted += deleted;
    if (deleted === 0) return;
    const { statuses } = rule;
    this.#parts.logger.info({ deleted, statuses }, 'Workflows were deleted that were closed for as long as they are kept.');
  }

  async #expired(rule: RetentionRule): Promise<ListAnswer> {
    const { store, clock, alone } = this.#parts;
    const filter = { status: rule.statuses, closed: { to: clock.now() - rule.keptMs + 1 } };
    const query = checkList(filter, { sort: 'closed', order: 'ascending' }, () => false);
    const after = this.#after.get(rule);
    return mendingListing(store, alone, async () => store.list(after === undefined ? query : { ...query, after }));
  }

  async #delete(id: string): Promise<boolean> {
    const { clock, rules, remove } = this.#parts;
    const isWanted = async (record: ActorRecord): Promise<boolean> => isExpired(record, rules, clock.now()) && !(await this.#isOwing(id));
    // Something of it still runs, or it cannot be read, or the store failed: whoever is asked next says so.
    return remove(id, isWanted).catch(() => false);
  }

  async #isOwing(workflow: string): Promise<boolean> {
    const { counts } = await this.#parts.store.countQueue({ filter: { workflow }, groupBy: undefined });
    return (counts.get('') ?? 0) > 0;
  }

  async #giveBack(): Promise<void> {
    if (this.#deleted === 0 || this.#isStopped) return;
    const { store, alone } = this.#parts;
    const query = checkCount({}, {}, () => false);
    const { value: left } = countShown(await mendingListing(store, alone, async () => store.count(query)), query) as {
      readonly value: number;
    };
    if (this.#deleted < left * limits.retentionCompactedShare) return;
    this.#deleted = 0;
    await store.compact(() => !this.#isStopped);
  }
}
