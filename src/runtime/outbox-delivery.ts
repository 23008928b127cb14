/**
 * The consumers of the outbox over one store after the other, and what is written down of them.
 *
 * Invariants
 * 1. An entry leaves the store when no consumer awaits it, registered or not; with no consumer none leaves it here.
 * 2. One write of this is on its way at most; what changes meanwhile is in the next one.
 * 3. A consumer is on disk before it is given anything, so that deleting a workflow leaves its entries for it.
 */
import { PerdureError } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { ConsumerPolicy } from '../kernel/outbox-consumer.ts';
import { OutboxProgress } from '../kernel/outbox-progress.ts';
import type { OutboxChange, OutboxConsumerState, OutboxPlace } from '../kernel/outbox.ts';
import { noOutboxChange, outboxStart, poisonItem } from '../kernel/outbox.ts';
import type { QueueRecord } from '../kernel/queue-record.ts';
import type { Clock, Random, Store } from '../kernel/ports.ts';
import type { Alone } from './erasing.ts';
import type { OutboxLag } from './outbox-door.ts';
import { OutboxPoisonDesk } from './outbox-poison-desk.ts';
import { OutboxRunner } from './outbox-runner.ts';

export interface OutboxParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policies: readonly ConsumerPolicy[];
}

/** An open store, and how to write to it. */
export interface Attached {
  readonly store: Store;
  readonly alone: Alone;
}

export class OutboxDelivery {
  /** Where people deal with what failed for good. */
  readonly poison: OutboxPoisonDesk;
  readonly #parts: OutboxParts;
  readonly #runners = new Map<string, OutboxRunner>();
  /** Of consumers that this runtime was not opened with. */
  readonly #gone = new Map<string, OutboxProgress>();
  #attached: Attached | undefined;
  #location = '';
  #writing: Promise<boolean> | undefined;
  #cancelWrite: (() => void) | undefined;

  /** Reads how far consumers are from a store that nobody writes to yet, and writes down those that are new. */
  static async open(store: Store, parts: OutboxParts): Promise<OutboxDelivery> {
    const known = await store.outbox.readConsumers();
    const names = new Set(known.map(({ name }) => name));
    const fresh = parts.policies.filter(({ name }) => !names.has(name)).map(({ name }) => ({ name, after: outboxStart, asides: [] }));
    const damaged = known.filter(({ isDamaged }) => isDamaged === true);
    for (const { name: consumer } of damaged) {
      parts.logger.error({ consumer }, 'How far a consumer of the outbox is cannot be read: it is given everything that is kept.');
    }
    const registered = known.filter(({ name }) => parts.policies.some((policy) => policy.name === name));
    const queuePut = await itemsLost(store, registered);
    if (fresh.length + damaged.length + queuePut.length > 0) {
      const consumers = [...fresh, ...damaged].map(({ name, after, asides }) => ({ name, after, asidesPut: asides, asidesRemoved: [] }));
      await store.outbox.write({ ...noOutboxChange, consumers, consumersRemoved: damaged.map(({ name }) => name), queuePut });
    }
    return new OutboxDelivery(parts, [...known, ...fresh]);
  }

  private constructor(parts: OutboxParts, states: readonly OutboxConsumerState[]) {
    const { clock, random, logger, policies } = parts;
    this.#parts = parts;
    this.poison = new OutboxPoisonDesk({
      logger,
      runners: this.#runners,
      gone: this.#gone,
      open: () => this.#open(),
      writeAll: async () => this.#writeAll(),
    });
    for (const state of states) {
      const policy = policies.find(({ name }) => name === state.name);
      const progress = new OutboxProgress(state, policy?.skips ?? false);
      const poisonAtMs = (place: OutboxPlace): number => this.poison.freeAtMs(place, clock.now());
      const onProgress = (): void => this.#planWrite();
      if (policy === undefined) this.#gone.set(state.name, progress);
      else this.#runners.set(state.name, new OutboxRunner({ clock, random, logger, policy, progress, poisonAtMs, onProgress }));
    }
  }

  /** Goes on over an open store. @param alone does work on it while nothing else writes to it */
  attach(store: Store, alone: Alone): void {
    this.#attached = { store, alone };
    this.#location = store.location;
    for (const runner of this.#runners.values()) runner.attach(store.outbox, store.lastCommit);
    this.#planWrite();
  }

  /** The store takes no more writes. */
  detach(): void {
    this.#attached = undefined;
    for (const runner of this.#runners.values()) runner.detach();
  }

  /** Something was emitted up to this commit. */
  reach(lastCommit: number): void {
    for (const runner of this.#runners.values()) runner.reach(lastCommit);
  }

  /** Gives out nothing more, and writes down what was taken. */
  async shutDown(graceMs: number): Promise<void> {
    await Promise.all([...this.#runners.values()].map(async (runner) => runner.shutDown(graceMs)));
    this.#cancelWrite?.();
    // What a store that fails does not take is delivered again.
    let isTaken = true;
    while (isTaken && this.#attached !== undefined && this.#hasChanges) isTaken = await this.#write();
    await this.#writing;
  }

  async lag(store: Store): Promise<readonly OutboxLag[]> {
    const consumers = [...this.#progresses()].sort((left, right) => (left.name < right.name ? -1 : 1));
    return Promise.all(consumers.map(async (progress) => this.#lagOf(progress, store)));
  }

  async #lagOf(progress: OutboxProgress, { outbox }: Store): Promise<OutboxLag> {
    const { name: consumer, met } = progress;
    const { undelivered, isExact, poison, oldestAtMs } = progress.summary();
    const behind = await outbox.count(met, limits.outboxCountMax + 1);
    const [next] = behind === 0 || oldestAtMs !== undefined ? [] : (await outbox.scan(met, Number.MAX_SAFE_INTEGER - 1, 1)).entries;
    const oldest = oldestAtMs ?? next?.content?.atMs;
    return {
      consumer,
      isRegistered: this.#runners.has(consumer),
      undelivered: undelivered + Math.min(behind, limits.outboxCountMax),
      exact: isExact && behind <= limits.outboxCountMax,
      poison,
      ...(oldest === undefined ? {} : { oldestAtMs: oldest }),
    };
  }

  /** @throws PerdureError `CONSUMER_REGISTERED`, `CONSUMER_NOT_FOUND` */
  async remove(name: string, { store, alone }: Attached): Promise<void> {
    if (this.#runners.has(name)) {
      const sentence = `This runtime was opened with the outbox consumer ${JSON.stringify(name)}; open it without before removing it.`;
      throw new PerdureError('CONSUMER_REGISTERED', sentence, { name });
    }
    const gone = this.#gone.get(name);
    if (gone === undefined) {
      const known = [...this.#progresses()].map((progress) => progress.name).sort();
      const sentence = `There is no outbox consumer ${JSON.stringify(name)}; known: ${known.map((each) => JSON.stringify(each)).join(', ') || 'none'}.`;
      throw new PerdureError('CONSUMER_NOT_FOUND', sentence, { name, known });
    }
    await this.#clearFor(gone, store, alone);
    const queueRemoved = [...gone.poisoned()].map(({ aside }) => poisonItem(name, aside.poison, aside.failed));
    await alone(() => store.outbox.write({ ...noOutboxChange, consumersRemoved: [name], queueRemoved }));
    this.#gone.delete(name);
  }

  /** Takes away what only this consumer awaited. It goes last, so that what a crash cut off can be repeated. */
  async #clearFor(gone: OutboxProgress, store: Store, alone: Alone): Promise<void> {
    const others = [...this.#progresses()].filter((progress) => progress !== gone);
    const isKept = async (place: OutboxPlace): Promise<boolean> =>
      others.length > 0 ? others.some((other) => other.awaits(place)) : isThere(store, place);
    for (let after = outboxStart; ;) {
      const from = after;
      const entries = await alone(async () => {
        const page = await store.outbox.scan(from, Number.MAX_SAFE_INTEGER - 1, limits.outboxPageMax);
        const kept = await Promise.all(page.entries.map(isKept));
        const entriesRemoved = page.entries.filter((_, index) => kept[index] === false);
        if (entriesRemoved.length > 0) await store.outbox.write({ ...noOutboxChange, entriesRemoved });
        return page.entries;
      });
      const last = entries.at(-1);
      if (last === undefined || entries.length < limits.outboxPageMax) return;
      after = last;
    }
  }

  /** @throws PerdureError `STORE_UNAVAILABLE` */
  #open(): Attached {
    if (this.#attached !== undefined) return this.#attached;
    const sentence = `The store at ${this.#location} failed: whether this is on disk is not known. Ask again once it is open again.`;
    throw new PerdureError('STORE_UNAVAILABLE', sentence, { path: this.#location });
  }

  *#progresses(): IterableIterator<OutboxProgress> {
    for (const runner of this.#runners.values()) yield runner.progress;
    yield* this.#gone.values();
  }

  get #hasChanges(): boolean {
    return [...this.#runners.values()].some(({ progress }) => progress.hasChanges);
  }

  /** At once if much was delivered, else a little later: what comes meanwhile shares the write. */
  #planWrite(): void {
    if (this.#attached === undefined || this.#writing !== undefined || !this.#hasChanges) return;
    const finished = [...this.#runners.values()].reduce((sum, { progress }) => sum + progress.finishedCount, 0);
    if (finished >= limits.outboxUnwrittenMax) void this.#write();
    else this.#cancelWrite ??= this.#parts.clock.setTimer(limits.outboxWriteDelayMs, () => void this.#write());
  }

  /** Until all that is known now is on disk. @throws PerdureError `STORE_UNAVAILABLE` */
  async #writeAll(): Promise<void> {
    await this.#writing;
    await this.#write();
    this.#open();
  }

  /** Answers whether it is on disk. Never rejects: who is told of a store that fails is the engine's keeper. */
  #write(): Promise<boolean> {
    this.#cancelWrite?.();
    this.#cancelWrite = undefined;
    this.#writing ??= this.#writeOnce().finally(() => {
      this.#writing = undefined;
      this.#planWrite();
    });
    return this.#writing;
  }

  async #writeOnce(): Promise<boolean> {
    if (this.#attached === undefined) return false;
    const { store, alone } = this.#attached;
    const progresses = [...this.#runners.values()].map(({ progress }) => progress).filter((progress) => progress.hasChanges);
    const changes = progresses.map((progress) => ({ progress, change: progress.takeChange() }));
    const entriesRemoved = changes.flatMap(({ change }) => change.finished).filter((place) => !this.#isAwaited(place));
    const change: OutboxChange = {
      ...noOutboxChange,
      consumers: changes.map(({ change: { name, after, asidesPut, asidesRemoved } }) => ({
        name,
        asidesPut,
        asidesRemoved,
        ...(after === undefined ? {} : { after }),
      })),
      queuePut: changes.flatMap(({ change: { queuePut } }) => queuePut),
      queueRemoved: changes.flatMap(({ change: { queueRemoved } }) => queueRemoved),
      entriesRemoved,
    };
    try {
      if (changes.length > 0) await alone(() => store.outbox.write(change));
    } catch {
      for (const { progress, change: unwritten } of changes) progress.restore(unwritten);
      return false;
    }
    return true;
  }

  /** Invariant 1. */
  #isAwaited(place: OutboxPlace): boolean {
    return [...this.#progresses()].some((progress) => progress.awaits(place));
  }
}

/**
 * Poison holds back its workflow until somebody deals with it, so there has to be an item: it went if the workflow was deleted while its
 * consumer was not there, or if the process died right after that.
 */
async function itemsLost(store: Store, states: readonly OutboxConsumerState[]): Promise<readonly QueueRecord[]> {
  const lost: QueueRecord[] = [];
  for (const { name, asides } of states) {
    for (const { poison, failed } of asides) {
      const item = poison === undefined ? undefined : poisonItem(name, poison, failed);
      if (item !== undefined && (await store.readQueueItem(item)) === undefined) lost.push(item);
    }
  }
  return lost;
}

/** Whether the run is there that emitted it. */
async function isThere(store: Store, { address: { workflowId, run } }: OutboxPlace): Promise<boolean> {
  const tombstone = await store.readTombstone(workflowId);
  if (tombstone !== undefined && run <= tombstone.lastRun) return false;
  return (await store.readLatestRun(workflowId)) !== undefined;
}
