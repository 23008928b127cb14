/** The parts that move, wired together over one open store. When the store fails, so does the engine: `engine-keeper.ts` makes the next. */
import type { Actor } from '../kernel/actor.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Random, Store, TimerRow } from '../kernel/ports.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import type { ViewRegistry } from './committed-view.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { OwnAttempts } from './own-attempts.ts';
import type { InnerEnvelope } from './performer.ts';
import { Performer } from './performer.ts';
import { Supervisor } from './supervisor.ts';
import { TimerQueue } from './timer-queue.ts';

export interface EngineParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly onEnter: OnEnter;
  /** What an actor read from disk has to hear first of all, given what its attempts came to. */
  readonly examine: (actor: Actor, lost: readonly InnerEnvelope[]) => readonly InnerEnvelope[];
  /** What outlives the engine: what readers see, and the attempts that run. */
  readonly views: ViewRegistry;
  readonly attempts: OwnAttempts;
  /** Is told once that the engine stopped, after everybody who waited for it was. */
  readonly onFailed: (error: unknown) => void;
}

export class Engine {
  readonly supervisor: Supervisor;
  readonly #parts: EngineParts;
  readonly #pipeline: CommitPipeline;
  readonly #timers: TimerQueue;
  readonly #performer: Performer;
  #failure: { readonly error: unknown } | undefined;
  #isStopping = false;

  constructor(parts: EngineParts) {
    const { store, registry, clock, random, logger, views, attempts, onEnter } = parts;
    const onError = (error: unknown): void => this.#fail(error);
    const onDue = ({ address, generation }: TimerRow): void => this.supervisor.deliver(address, { kind: 'timer', generation });
    // After a failure a letter may still be in hand: what it decides is not written, so it gets no place.
    const admit = (): boolean => this.#failure === undefined && attempts.admit();
    const context = (): DecideContext => ({ nowMs: clock.now(), random, admit });
    this.#parts = parts;
    const onSlow = (tookMs: number): void => logger.warn({ store: store.location, tookMs }, 'A batch took long to reach the disk.');
    this.#pipeline = new CommitPipeline(store, onError, () => clock.monotonic(), onSlow);
    this.#timers = new TimerQueue(store, clock, { onDue, onError });
    this.#performer = new Performer({
      clock,
      logger,
      onEnter,
      attempts,
      timers: this.#timers,
      deliver: (address, envelope) => this.supervisor.deliver(address, envelope),
      rescan: () => void this.recover(),
    });
    this.supervisor = new Supervisor({
      store,
      clock,
      registry,
      views,
      pipeline: this.#pipeline,
      performer: this.#performer,
      accountFor: (actor) => parts.examine(actor, attempts.accountFor(actor)),
      context,
      onEnter,
      onError,
    });
    attempts.attach({
      isInMemory: (workflowId) => this.supervisor.isInMemory(workflowId),
      deliver: (address, outcome) => this.supervisor.deliver(address, outcome),
      wake: (workflowId) => void this.supervisor.wake(workflowId),
      onPlaceFree: () => this.#performer.wakeNext(),
    });
  }

  /** For how long the batch on its way to the disk has been; 0 if there is none. */
  get syncingForMs(): number {
    return this.#pipeline.inFlightForMs;
  }

  /** Brings every workflow with pending activities into memory, a page at a time, so that they go on. */
  async recover(): Promise<void> {
    const { store } = this.#parts;
    try {
      for (let page = await store.scanActive(limits.scanPageMax); ; page = await store.scanActive(limits.scanPageMax, page.next)) {
        if (this.#isStopping) return;
        await Promise.all(page.rows.map(async (address) => this.supervisor.wake(address.workflowId)));
        if (page.next === undefined) return;
      }
    } catch (error) {
      if (!this.#isStopping) this.#fail(error);
    }
  }

  /** Whether everything handed over so far is handled and on disk, or never will be. */
  isSettled(): boolean {
    return this.supervisor.isSettled() && this.#pipeline.isIdle();
  }

  /** No new attempts and timers; running attempts are told and given back; everything decided is written. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#timers.stop();
    this.#performer.stop();
    await this.#parts.attempts.shutDown(graceMs);
    // Handling letters gives commits, and performing these may give letters.
    while (!this.isSettled()) {
      await this.supervisor.settled();
      await this.#pipeline.idle();
    }
  }

  /** Stops committing, acts on nothing unconfirmed, tells everybody who waits for a letter's answer. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#timers.stop();
    this.#performer.stop();
    this.supervisor.fail(error);
    this.#parts.onFailed(error);
  }
}
