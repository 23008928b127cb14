/** The parts that move, wired together over one store. */
import type { RateLimit } from '../kernel/activity-descriptor.ts';
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Page, Random, Store, TimerRow } from '../kernel/ports.ts';
import { ActivityRunner } from './activity-runner.ts';
import { Admission } from './admission.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import { ViewRegistry } from './committed-view.ts';
import { EnvelopeLetter } from './envelope-letter.ts';
import type { InnerEnvelope } from './performer.ts';
import type { Alone } from './erasing.ts';
import { Forgetting } from './forgetting.ts';
import { Performer } from './performer.ts';
import { Supervisor } from './supervisor.ts';
import { TimerQueue } from './timer-queue.ts';
import { VolatileRunner } from './volatile-runner.ts';
import { WaitingList } from './waiting-list.ts';

export interface EngineParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConcurrentAttempts: number;
  readonly rateLimit?: RateLimit | undefined;
  /** How long message ids are known; undefined: as long as their workflows. */
  readonly messageIdRetentionMs: number | undefined;
}

export class Engine {
  readonly supervisor: Supervisor;
  readonly views: ViewRegistry = new ViewRegistry();
  readonly #store: Store;
  readonly #pipeline: CommitPipeline;
  readonly #runner: ActivityRunner;
  readonly #timers: TimerQueue;
  readonly #performer: Performer;
  readonly #forgetting: Forgetting | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isStopping = false;

  constructor({ store, registry, clock, random, maxConcurrentAttempts, rateLimit, messageIdRetentionMs: retentionMs }: EngineParts) {
    const onError = (error: unknown): void => this.#fail(error);
    const onDue = ({ address, generation }: TimerRow): void => this.supervisor.deliver(address, { kind: 'timer', generation });
    const context = (): DecideContext => ({ nowMs: clock.now(), random, admit: (name, key) => waiting.admit(name, key) });
    this.#store = store;
    this.#pipeline = new CommitPipeline(store, onError);
    const admission = new Admission(clock, registry, { maxConcurrentAttempts, rateLimit });
    const waiting = new WaitingList({
      clock,
      admission,
      wake: ({ address, n }) => this.supervisor.deliver(address, { kind: 'attempt-due', n }),
      rescan: () => void this.recover(),
    });
    this.#runner = new ActivityRunner(clock, (name) => {
      admission.giveBack(name);
      waiting.wakeNext();
    });
    const onDamaged = ({ workflowId }: Address): void => void this.supervisor.wake(workflowId);
    this.#timers = new TimerQueue(store, clock, { onDue, onDamaged, onError });
    this.#performer = new Performer({
      clock,
      runner: this.#runner,
      timers: this.#timers,
      waiting,
      volatile: new VolatileRunner((address, envelope) => this.supervisor.deliver(address, envelope)),
      log: () => undefined,
      deliver: (address, envelope) => this.supervisor.deliver(address, envelope),
      ask: async (address, envelope) => this.tell(address.workflowId, address.path, () => envelope),
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
    const alone: Alone = (work) => this.supervisor.erase(work);
    this.#forgetting = retentionMs === undefined ? undefined : new Forgetting({ store, clock, retentionMs, alone, onError });
  }

  /** Attempts whose code goes on though nobody waits for it any more. */
  get zombieAttempts(): number {
    return this.#runner.zombies;
  }

  /** Tells an actor what `choose` says; resolves when what came of it is on disk, rejects if it was refused. */
  async tell(id: string, path: readonly number[], choose: (actor: Actor) => InnerEnvelope | Error): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      this.supervisor.post(id, new EnvelopeLetter(this.supervisor, path, choose, { resolve, reject }));
    });
  }

  /** The error that stopped the engine, if one did. */
  get failure(): unknown {
    return this.#failure?.error;
  }

  /** Brings every workflow with pending activities or with mail into memory, a page at a time, so that they go on. */
  async recover(): Promise<void> {
    try {
      await this.#wakeAll((after) => this.#store.scanActive(limits.scanPageMax, after));
      await this.#wakeAll((after) => this.#store.scanMail(limits.scanPageMax, after));
    } catch (error) {
      if (!this.#isStopping) this.#fail(error);
    }
  }

  async #wakeAll(scan: (after?: Uint8Array) => Promise<Page<Address>>): Promise<void> {
    for (let page = await scan(); !this.#isStopping; page = await scan(page.next)) {
      await Promise.all(page.rows.map(async (address) => this.supervisor.wake(address.workflowId)));
      if (page.next === undefined) return;
    }
  }

  /** No new attempts and timers; running attempts are told and given back; everything decided is written. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#forgetting?.stop();
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
    this.#forgetting?.stop();
    this.#timers.stop();
    this.#performer.stop();
    this.supervisor.fail(error);
    this.views.endAll(error);
    void this.#runner.shutDown(0);
  }
}
