/**
 * Gives one consumer its messages. What comes next, and what a failure means, is the kernel's (`outbox-progress.ts`).
 *
 * Invariants
 * 1. Only what a commit emitted that is on disk is given out.
 * 2. A message counts as delivered when its handler ended well while it was waited for; nothing else says so.
 * 3. A store that fails or cannot be read costs nothing but time: what is known stays, and is gone on with over the next one.
 * 4. An attempt that a shutdown cut off is no failure.
 */
import { deliveryTimeout } from '../kernel/engine-errors.ts';
import { judgeFailure, messageFor, unreadableMessage } from '../kernel/outbox-consumer.ts';
import type { ConsumerPolicy, DeliveryVerdict } from '../kernel/outbox-consumer.ts';
import type { OutboxContent, OutboxEntry, OutboxPlace } from '../kernel/outbox.ts';
import { outboxMessageId } from '../kernel/outbox.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Lane } from '../kernel/outbox-lane.ts';
import type { OutboxProgress } from '../kernel/outbox-progress.ts';
import type { Clock, OutboxStore, Random } from '../kernel/ports.ts';

export interface RunnerParts {
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly policy: ConsumerPolicy;
  readonly progress: OutboxProgress;
  /** Since when a message is poison: no two of the same commit have the same. */
  readonly poisonAtMs: (place: OutboxPlace) => number;
  /** Is told that there is something to write down. */
  readonly onProgress: () => void;
}

export class OutboxRunner {
  readonly #parts: RunnerParts;
  #store: OutboxStore | undefined;
  /** The last commit on disk that emitted something, as far as is known, and up to where entries were met. */
  #until = 0;
  #metUntil = 0;
  #isScanning = false;
  #running = 0;
  readonly #signals = new Set<AbortController>();
  /** What waits: backoffs and time-outs. */
  readonly #timers = new Set<() => void>();
  #isResting = false;
  #stopped: 'stopping' | 'stopped' | undefined;
  #onIdle: () => void = () => undefined;

  constructor(parts: RunnerParts) {
    this.#parts = parts;
  }

  get progress(): OutboxProgress {
    return this.#parts.progress;
  }

  /** Goes on over an open store, up to and including a commit. */
  attach(store: OutboxStore, lastCommit: number): void {
    this.#store = store;
    this.#isResting = false;
    this.reach(lastCommit);
  }

  detach(): void {
    this.#store = undefined;
  }

  /** Something was emitted up to this commit. */
  reach(lastCommit: number): void {
    this.#until = Math.max(this.#until, lastCommit);
    this.pump();
  }

  /** Begins what may begin. */
  pump(): void {
    const store = this.#store;
    if (store === undefined || this.#stopped !== undefined || this.#isResting) return;
    if (!this.#isScanning && this.#until > this.#metUntil && !this.progress.isFull) void this.#scan(store);
    while (this.#running < limits.outboxConcurrentMax) {
      const lane = this.progress.next();
      if (lane === undefined) return;
      this.#running += 1;
      void this.#serve(store, lane);
    }
  }

  /** Begins nothing more; tells who runs, and waits for them for a while. */
  async shutDown(graceMs: number): Promise<void> {
    this.#stopped = 'stopping';
    for (const cancel of this.#timers) cancel();
    this.#timers.clear();
    for (const controller of this.#signals) controller.abort('shutdown');
    if (this.#running > 0) {
      await new Promise<void>((resolve) => {
        const cancel = this.#parts.clock.setTimer(graceMs, resolve);
        this.#onIdle = () => {
          cancel();
          resolve();
        };
      });
    }
    this.#stopped = 'stopped';
  }

  async #scan(store: OutboxStore): Promise<void> {
    this.#isScanning = true;
    const { progress } = this;
    const until = this.#until;
    try {
      const { entries, unreadable } = await store.scan(progress.met, until, limits.outboxPageMax);
      if (this.#stopped !== undefined) return;
      this.#sayLost(unreadable, 'Entries of the outbox cannot be read, nor whose they are: they were delivered to nobody.');
      for (const entry of entries) progress.meet(entry);
      if (entries.length < limits.outboxPageMax) this.#metUntil = until;
    } catch (error) {
      this.#rest(store, error);
    } finally {
      this.#isScanning = false;
    }
    this.pump();
  }

  async #serve(store: OutboxStore, lane: Lane): Promise<void> {
    try {
      if (lane.messages.length === 0) await this.#load(store, lane);
      const [entry] = lane.messages;
      if (entry !== undefined && this.#stopped === undefined) await this.#deliver(lane, entry);
    } catch (error) {
      this.progress.back(lane);
      this.#rest(store, error);
    }
    this.#running -= 1;
    if (this.#stopped === 'stopped') return;
    this.#parts.onProgress();
    if (this.#running === 0) this.#onIdle();
    this.pump();
  }

  async #load(store: OutboxStore, lane: Lane): Promise<void> {
    if (lane.aside === undefined) return;
    const { from, to } = lane.aside;
    const lost = this.progress.loaded(lane, await store.readOf(lane.workflowId, from, limits.outboxLanePageMax), to);
    this.#sayLost(lost, 'Entries of the outbox are missing: they were delivered to nobody.', lane.workflowId);
  }

  async #deliver(lane: Lane, entry: OutboxEntry): Promise<void> {
    const { random, policy, poisonAtMs } = this.#parts;
    const attempt = (lane.aside?.failed ?? 0) + 1;
    if (entry.content === undefined) {
      this.#fail(lane, entry, unreadableMessage(entry, this.#parts.poisonAtMs(entry)));
      return;
    }
    try {
      await this.#call(entry, entry.content, attempt);
      if (this.#stopped !== 'stopped') this.progress.finished(lane);
    } catch (error) {
      if (this.#stopped === undefined) this.#fail(lane, entry, judgeFailure(policy.retry, error, attempt, poisonAtMs(entry), random()));
    }
  }

  #fail(lane: Lane, entry: OutboxEntry, verdict: DeliveryVerdict): void {
    const { logger, policy } = this.#parts;
    const { address } = entry;
    this.progress.failed(lane, verdict);
    if (verdict.kind === 'retry') {
      this.#after(verdict.delayMs, () => {
        this.progress.due(lane);
        this.pump();
      });
      return;
    }
    const said = {
      consumer: policy.name,
      id: address.workflowId,
      run: address.run,
      message: outboxMessageId(entry),
      class: verdict.failure.class,
    };
    logger.warn(said, 'A message of the outbox failed for good.');
    if (!this.progress.isStalled) return;
    logger.error({ consumer: policy.name }, 'So many messages stand aside that the consumer is given no others.');
  }

  async #call(entry: OutboxEntry, content: OutboxContent, attempt: number): Promise<void> {
    const { policy } = this.#parts;
    const controller = new AbortController();
    this.#signals.add(controller);
    let isOver = (): void => undefined;
    const timedOut = new Promise<never>((_, reject) => {
      isOver = this.#after(policy.startToCloseTimeoutMs, () => {
        controller.abort('start-to-close-timeout');
        reject(deliveryTimeout(policy.startToCloseTimeoutMs));
      });
    });
    const handle = async (): Promise<unknown> => policy.handle({ ...messageFor(entry, content, attempt), signal: controller.signal });
    try {
      await Promise.race([handle(), timedOut]);
    } finally {
      isOver();
      this.#signals.delete(controller);
    }
  }

  /** Invariant 3: a store that is closed under it is followed by another. */
  #rest(store: OutboxStore, error: unknown): void {
    if (this.#store !== store || this.#stopped !== undefined || this.#isResting) return;
    this.#isResting = true;
    const { logger, policy } = this.#parts;
    logger.error({ consumer: policy.name, error: String(error) }, 'The outbox cannot be read; it is tried again.');
    this.#after(limits.outboxPauseMs, () => {
      this.#isResting = false;
      this.pump();
    });
  }

  #sayLost(entries: number, sentence: string, id?: string): void {
    const { logger, policy } = this.#parts;
    if (entries > 0) logger.error({ consumer: policy.name, entries, ...(id === undefined ? {} : { id }) }, sentence);
  }

  #after(delayMs: number, callback: () => void): () => void {
    const end = (): void => {
      this.#timers.delete(cancel);
      callback();
    };
    const cancel = this.#parts.clock.setTimer(delayMs, end);
    this.#timers.add(cancel);
    return () => {
      cancel();
      this.#timers.delete(cancel);
    };
  }
}
