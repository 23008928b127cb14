/** The parts that move, wired together over one store. */
import type { Address } from '../kernel/address.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Random, Store, TimerRow } from '../kernel/ports.ts';
import { ActivityRunner } from './activity-runner.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { ViewRegistry } from './committed-view.ts';
import { Performer } from './performer.ts';
import { Supervisor } from './supervisor.ts';
import { TimerQueue } from './timer-queue.ts';

export interface EngineParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConcurrentAttempts: number;
}

export class Engine {
  readonly supervisor: Supervisor;
  readonly views: ViewRegistry = new ViewRegistry();
  readonly #store: Store;
  readonly #pipeline: CommitPipeline;
  readonly #runner: ActivityRunner;
  readonly #timers: TimerQueue;
  readonly #performer: Performer;
  #failure: { readonly error: unknown } | undefined;
  #isStopping = false;

  constructor({ store, registry, clock, random, maxConcurrentAttempts }: EngineParts) {
    const onError = (error: unknown): void => this.#fail(error);
    const onDue = ({ address, generation }: TimerRow): void => this.supervisor.deliver(address, { kind: 'timer', generation });
    const context = (): DecideContext => ({ nowMs: clock.now(), random, admit: () => this.#runner.admit() });
    this.#store = store;
    this.#pipeline = new CommitPipeline(store, onError);
    this.#runner = new ActivityRunner(clock, maxConcurrentAttempts, () => this.#performer.wakeNext());
    const onDamaged = ({ workflowId }: Address): void => void this.supervisor.wake(workflowId);
    this.#timers = new TimerQueue(store, clock, { onDue, onDamaged, onError });
    this.#performer = new Performer({
      clock,
      runner: this.#runner,
      timers: this.#timers,
      deliver: (address, envelope) => this.supervisor.deliver(address, envelope),
      rescan: () => void this.recover(),
    });
    const { views } = this;
    this.supervisor = new Supervisor({
      store,
      clock,
      registry,
      views,
      pipeline: this.#pipeline,
      performer: this.#performer,
      context,
      onError,
    });
  }

  /** The error that stopped the engine, if one did. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** Brings every workflow with pending activities into memory, a page at a time, so that they go on. */
  async recover(): Promise<void> {
    try {
      for (
        let page = await this.#store.scanActive(limits.scanPageMax);
        ;
        page = await this.#store.scanActive(limits.scanPageMax, page.next)
      ) {
        if (this.#isStopping) return;
        await Promise.all(page.rows.map(async (address) => this.supervisor.wake(address.workflowId)));
        if (page.next === undefined) return;
      }
    } catch (error) {
      if (!this.#isStopping) this.#fail(error);
    }
  }

  /** No new attempts and timers; running attempts are told and given back; everything decided is written. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#timers.stop();
    this.#performer.stop();
    await this.#runner.shutDown(graceMs);
    // Handling letters gives commits, and performing these may give letters.
    while (!this.supervisor.isSettled() || !this.#pipeline.isIdle()) {
      await this.supervisor.settled();
      await this.#pipeline.idle();
    }
  }

  /** Stops committing, acts on nothing unconfirmed, tells everybody who waits. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#timers.stop();
    this.#performer.stop();
    this.supervisor.fail(error);
    this.views.endAll(error);
    void this.#runner.shutDown(0);
  }
}
