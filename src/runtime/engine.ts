import type { Actor } from '../kernel/actor.ts';
/** The parts that move, wired together over one open store. When the store fails, so does the engine: `engine-keeper.ts` makes the next. */
import type { Address } from '../kernel/address.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Page, Random, Store, TimerRow } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { notAwaited } from '../kernel/refusals.ts';
import type { RetentionRule } from '../kernel/retention.ts';
import type { Tree } from '../kernel/tree.ts';
import type { FirstWords, StepMessage } from '../kernel/wake.ts';
import { CommitPipeline } from './commit-pipeline.ts';
import type { ViewRegistry } from './committed-view.ts';
import { EnvelopeLetter } from './envelope-letter.ts';
import type { IsWanted } from './delete-letter.ts';
import { DeleteLetter } from './delete-letter.ts';
import { Forgetting } from './forgetting.ts';
import { Retention } from './retention.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { HandOverEnvelope, OwnAttempts } from './own-attempts.ts';
import type { InnerEnvelope } from './performer.ts';
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
  readonly logger: Logger;
  readonly onEnter: OnEnter;
  /** How long message ids are known; undefined: as long as their workflows. */
  readonly messageIdRetentionMs: number | undefined;
  /** Records that the journal of an actor has at most; default {@link limits}. */
  readonly journalRecordsMax: number | undefined;
  /** The time an unwinding has as a whole; default {@link limits}. */
  readonly compensationBudgetMs: number | undefined;
  /** How long closed workflows are kept; default: for ever. */
  readonly retention?: readonly RetentionRule[] | undefined;
  /** Of a workflow that was deleted no message waits for a person any more. */
  readonly forgetPoison: (workflowId: string) => Promise<void>;
  /** What a workflow read from disk has to hear first of all, given what its attempts came to. */
  readonly examine: (tree: Tree, messages: readonly StepMessage[]) => FirstWords;
  /** Is told the number of the last commit of a batch with emitted events. */
  readonly onEmitted: (lastCommit: number) => void;
  /** What outlives the engine: what readers see, and the attempts that run with their places. */
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
  readonly #volatile: VolatileRunner;
  readonly #forgetting: Forgetting | undefined;
  readonly #retention: Retention | undefined;
  #failure: { readonly error: unknown } | undefined;
  #isStopping = false;

  constructor(parts: EngineParts) {
    const { store, registry, clock, random, logger, onEnter, views, attempts, journalRecordsMax, compensationBudgetMs } = parts;
    const onError = (error: unknown): void => this.#fail(error);
    const onDue = ({ address, generation }: TimerRow): void => this.supervisor.deliver(address, { kind: 'timer', generation });
    const deliver = (address: Address, envelope: InnerEnvelope): void => this.supervisor.deliver(address, envelope);
    const waiting = new WaitingList({
      clock,
      admission: attempts.admission,
      wake: ({ address, n }) => deliver(address, { kind: 'attempt-due', n }),
      rescan: () => void this.recover(),
    });
    const admit = (name: string, key: string): boolean => waiting.admit(name, key);
    const context = (): DecideContext => ({ nowMs: clock.now(), random, admit, journalRecordsMax, compensationBudgetMs });
    this.#parts = parts;
    const onSlow = (tookMs: number): void => logger.warn({ store: store.location, tookMs }, 'A batch took long to reach the disk.');
    this.#pipeline = new CommitPipeline(store, onError, () => clock.monotonic(), onSlow, parts.onEmitted);
    const onDamaged = ({ workflowId }: Address): void => void this.supervisor.wake(workflowId);
    this.#timers = new TimerQueue(store, clock, { onDue, onDamaged, onError });
    const volatile = new VolatileRunner(deliver);
    this.#volatile = volatile;
    this.#performer = new Performer({ clock, logger, onEnter, attempts, timers: this.#timers, waiting, volatile, deliver });
    this.supervisor = new Supervisor({
      store,
      clock,
      registry,
      views,
      pipeline: this.#pipeline,
      performer: this.#performer,
      firstWords: (tree) => {
        const words = parts.examine(tree, attempts.accountFor(tree));
        if (words.holdsVolatile === true) this.#volatile.hold(tree.address.workflowId);
        return words;
      },
      context,
      onEnter,
      onError,
    });
    this.#forgetting = this.#createForgetting(onError);
    this.#retention = this.#createRetention();
    attempts.attach({
      isInMemory: (workflowId) => this.supervisor.isInMemory(workflowId),
      deliver,
      ask: async (address, envelope) => this.#ask(address, envelope),
      wake: (workflowId) => void this.supervisor.wake(workflowId),
      onPlaceFree: () => waiting.wakeNext(),
    });
  }

  /** For how long the batch on its way to the disk has been; 0 if there is none. */
  get syncingForMs(): number {
    return this.#pipeline.inFlightForMs;
  }

  /** Brings every workflow with pending activities or with mail into memory, a page at a time, so that they go on. */
  async recover(): Promise<void> {
    const { store } = this.#parts;
    try {
      await this.#wakeAll((after) => store.scanActive(limits.scanPageMax, after));
      await this.#wakeAll((after) => store.scanMail(limits.scanPageMax, after));
    } catch (error) {
      if (!this.#isStopping) this.#fail(error);
    }
  }

  /** Lets the callbacks and observables of a workflow begin that were kept back when it was read. */
  releaseVolatile(workflowId: string): void {
    this.#volatile.release(workflowId);
  }

  /** Whether everything handed over so far is handled and on disk, or never will be. */
  isSettled(): boolean {
    return this.supervisor.isSettled() && this.#pipeline.isIdle();
  }

  /** No new attempts and timers; running attempts are told and given back; everything decided is written. */
  async shutDown(graceMs: number): Promise<void> {
    this.#isStopping = true;
    this.#stopMoving();
    await this.#parts.attempts.shutDown(graceMs);
    // Handling letters gives commits, and performing these may give letters.
    while (!this.isSettled()) {
      await this.supervisor.settled();
      await this.#pipeline.idle();
    }
  }

  async #wakeAll(scan: (after?: Uint8Array) => Promise<Page<Address>>): Promise<void> {
    for (let page = await scan(); !this.#isStopping && this.#failure === undefined; page = await scan(page.next)) {
      await Promise.all(page.rows.map(async (address) => this.supervisor.wake(address.workflowId)));
      if (page.next === undefined) return;
    }
  }

  /** Resolves when what it came to is on disk; rejects if it was refused. */
  async #ask({ workflowId, run, path }: Address, envelope: HandOverEnvelope): Promise<void> {
    const choose = ({ record }: Actor): InnerEnvelope | Error => (record.address.run === run ? envelope : notAwaited(record, envelope));
    const gone = (root: ActorRecord): Error => notAwaited(root, envelope);
    return new Promise<void>((resolve, reject) => {
      this.supervisor.post(workflowId, new EnvelopeLetter(this.supervisor, { path, choose, gone }, { resolve, reject }));
    });
  }

  #createForgetting(onError: (error: unknown) => void): Forgetting | undefined {
    const { store, clock, messageIdRetentionMs: retentionMs } = this.#parts;
    if (retentionMs === undefined) return undefined;
    return new Forgetting({ store, clock, retentionMs, alone: (work) => this.supervisor.erase(work), onError });
  }

  #createRetention(): Retention | undefined {
    const { store, clock, logger, retention: rules = [], forgetPoison } = this.#parts;
    if (rules.length === 0) return undefined;
    const { supervisor } = this;
    const remove = async (id: string, isWanted: IsWanted): Promise<boolean> => {
      const isDeleted = await new Promise<boolean>((resolve, reject) => {
        supervisor.post(id, new DeleteLetter(supervisor, store, { resolve, reject }, isWanted));
      });
      // One that failed for good since it was looked at.
      if (isDeleted) await forgetPoison(id);
      return isDeleted;
    };
    return new Retention({ store, clock, logger, rules, remove, alone: (work) => supervisor.erase(work) });
  }

  #stopMoving(): void {
    this.#forgetting?.stop();
    this.#retention?.stop();
    this.#timers.stop();
    this.#performer.stop();
  }

  /** Stops committing, acts on nothing unconfirmed, tells everybody who waits for a letter's answer. */
  #fail(error: unknown): void {
    if (this.#failure !== undefined) return;
    this.#failure = { error };
    this.#stopMoving();
    this.supervisor.fail(error);
    this.#parts.onFailed(error);
  }
}
