/**
 * Keeps an engine running. When the store refused a write (or could not be read) the engine over it is done for: the store is
 * closed, opened again, and another engine takes up what is on disk.
 *
 * Invariants
 * 1. One store is open at most; the next is opened only when the one before is closed.
 * 2. Between a failure and the next engine nothing is decided: callers are refused with the error at once.
 * 3. What readers hold (views) and what runs (attempts, with their places) goes from one engine to the next.
 * 4. The failed store stays open for reading until there is a prospect of opening it again.
 */
import type { RateLimit } from '../kernel/activity-descriptor.ts';
import { PerdureError, hasErrorCode } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Random, Store } from '../kernel/ports.ts';
import type { RetentionRule } from '../kernel/retention.ts';
import { Admission } from './admission.ts';
import type { BootWatch } from './boot-watch.ts';
import { ViewRegistry } from './committed-view.ts';
import type { EngineParts } from './engine.ts';
import { Engine } from './engine.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { OutboxDelivery } from './outbox-delivery.ts';
import { OwnAttempts } from './own-attempts.ts';

/** How a failed store is opened again. */
export interface Reopening {
  /** Makes what room it can, then says whether opening has a prospect. Until it has, the failed store answers reads. */
  isPromising(failure: unknown): Promise<boolean>;
  /** Opens it; the one before is closed. */
  open(): Promise<Store>;
}

export interface KeeperParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly maxConcurrentAttempts: number;
  /** Gives what is emitted to its consumers, from one engine to the next. */
  readonly outbox: OutboxDelivery;
  readonly rateLimit?: RateLimit | undefined;
  /** How long message ids are known; undefined: as long as their workflows. */
  readonly messageIdRetentionMs?: number | undefined;
  /** Records that the journal of an actor has at most; default {@link limits}. */
  readonly journalRecordsMax?: number | undefined;
  /** The time an unwinding has as a whole; default {@link limits}. */
  readonly compensationBudgetMs?: number | undefined;
  /** How long closed workflows are kept; default: for ever. */
  readonly retention?: readonly RetentionRule[] | undefined;
  /** Absent: a failure is the end. */
  readonly reopening?: Reopening;
  /** Absent: nobody counts at what deaths of the process a workflow was in flight. */
  readonly bootWatch?: BootWatch;
  /** Is told of user code that is about to be entered. */
  readonly onEnter?: OnEnter;
  /** Is waited for before the store is closed for good. */
  readonly onClosing?: () => Promise<void>;
}

/** What is wrong with the store. */
export interface StoreTrouble {
  readonly error: unknown;
  readonly sinceAtMs: number;
  /** Whether it is not tried again. */
  readonly isFinal: boolean;
}

export class EngineKeeper {
  readonly views: ViewRegistry = new ViewRegistry();
  readonly attempts: OwnAttempts;
  readonly #parts: KeeperParts;
  #store: Store;
  #engine: Engine;
  #trouble: StoreTrouble | undefined;
  #recovery: Promise<void> = Promise.resolve();
  #booting: Promise<void> = Promise.resolve();
  /** Workflows with a batch of unknown outcome that readers were not shown yet. */
  readonly #doubtful = new Set<string>();
  #isClosing = false;
  readonly #pauses = new Set<() => void>();
  /** Failures without a calm time between them. */
  #failuresInARow = 0;
  #openedAtMs: number;

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#store = parts.store;
    const admission = new Admission(parts.clock, parts.registry, parts);
    this.attempts = new OwnAttempts(parts.clock, admission, (commit) => parts.bootWatch?.recorded(commit));
    if (parts.bootWatch?.isAfterFailedBoot === true) admission.hold();
    this.#engine = this.#createEngine(parts.store, (tree, messages) => parts.bootWatch?.examine(tree, messages) ?? { messages });
    this.#openedAtMs = parts.clock.monotonic();
  }

  /** Takes up what is pending in the store, in the background. */
  begin(): void {
    const { bootWatch } = this.#parts;
    this.#attachOutbox();
    if (bootWatch === undefined) void this.#engine.recover();
    else this.#booting = this.#boot(bootWatch);
  }

  /** The engine that runs, or the last that did. */
  get engine(): Engine {
    return this.#engine;
  }

  /** The store that is open, or the last that was. */
  get store(): Store {
    return this.#store;
  }

  get outbox(): OutboxDelivery {
    return this.#parts.outbox;
  }

  get trouble(): StoreTrouble | undefined {
    return this.#trouble;
  }

  /** Shuts down, also in the middle of a recovery; `closed` is told to everybody who still waits. */
  async close(graceMs: number, closed: PerdureError): Promise<void> {
    this.#isClosing = true;
    for (const end of this.#pauses) end();
    // What was decided before the store failed may still reach the disk while it is opened again: nothing of it begins any more.
    if (this.#trouble !== undefined) void this.attempts.shutDown(graceMs);
    await this.#recovery;
    const delivered = this.#parts.outbox.shutDown(graceMs);
    if (this.#trouble === undefined) await this.#engine.shutDown(graceMs);
    else await this.attempts.shutDown(graceMs);
    await delivered;
    this.#engine.supervisor.fail(closed);
    this.views.endAll(closed);
    await this.#booting;
    await this.#parts.bootWatch?.end(this.#trouble === undefined);
    await this.#parts.onClosing?.();
    await this.#store.close();
  }

  async #boot(bootWatch: BootWatch): Promise<void> {
    const { engine } = this;
    await Promise.all([engine.recover(), ...bootWatch.condemned().map(async (id) => engine.supervisor.wake(id))]);
    // Under load there may always be a letter: then what was pending has had its turn by the end of this.
    for (let looks = 0; looks < 100 && !engine.isSettled(); looks += 1) await this.#pause(limits.bootCalmMs / 5);
    await bootWatch.takenUp();
    this.attempts.release();
    for (const id of bootWatch.unsuspected()) engine.releaseVolatile(id);
    const chances = bootWatch.lastChances();
    const gapMs = Math.min(limits.lastChanceMs, limits.lastChancesMs / chances.length);
    for (const { address, envelope } of chances) {
      await this.#pause(gapMs);
      // Another engine has read them all from disk.
      if (this.#isClosing || this.#engine !== engine || this.#trouble !== undefined) return;
      engine.supervisor.deliver(address, envelope);
    }
    await this.#releaseVolatile(bootWatch, engine);
  }

  async #releaseVolatile(bootWatch: BootWatch, engine: Engine): Promise<void> {
    const groups = bootWatch.heldBack();
    for (const group of groups) {
      // Another engine began all of them anew.
      if (this.#isClosing || this.#engine !== engine || this.#trouble !== undefined) break;
      await bootWatch.nameCallbacks(group);
      for (const id of group) engine.releaseVolatile(id);
      await this.#pause(Math.min(limits.lastChanceMs, limits.lastChancesMs / groups.length));
    }
    if (groups.length > 0) await bootWatch.nameCallbacks([]);
  }

  #createEngine(store: Store, examine: EngineParts['examine']): Engine {
    const { registry, clock, random, logger, messageIdRetentionMs, onEnter = () => undefined } = this.#parts;
    const { journalRecordsMax, compensationBudgetMs, retention } = this.#parts;
    const { views, attempts } = this;
    const onFailed = (error: unknown): void => this.#onFailed(error);
    return new Engine({
      store,
      registry,
      clock,
      random,
      logger,
      messageIdRetentionMs,
      journalRecordsMax,
      compensationBudgetMs,
      retention,
      forgetPoison: async (id) => this.#parts.outbox.poison.forget(id),
      views,
      attempts,
      onFailed,
      examine,
      onEnter,
      onEmitted: (lastCommit) => this.#parts.outbox.reach(lastCommit),
    });
  }

  #attachOutbox(): void {
    const { engine } = this;
    this.#parts.outbox.attach(this.#store, async (work) => engine.supervisor.erase(work));
  }

  #onFailed(error: unknown): void {
    const { clock, logger, reopening } = this.#parts;
    this.attempts.detach();
    this.#parts.outbox.detach();
    if (clock.monotonic() - this.#openedAtMs >= limits.reopenCalmMs) this.#failuresInARow = 0;
    this.#trouble = { error, sinceAtMs: clock.now(), isFinal: false };
    logger.error({ store: this.#store.location, error: reasonOf(error) }, 'The store failed: nothing is written until it is opened again.');
    if (reopening === undefined) this.#giveUp(error);
    else if (!this.#isClosing) this.#recovery = this.#recover(reopening, this.#trouble);
  }

  async #recover(reopening: Reopening, trouble: StoreTrouble): Promise<void> {
    for (;;) {
      await this.#pause(this.#nextDelayMs());
      if (this.#isClosing) return;
      try {
        if (!(await reopening.isPromising(trouble.error)) || this.#isClosing) continue;
        await this.#store.close();
        this.#store = await reopening.open();
        if (!this.#isClosing) this.#takeUp(trouble.sinceAtMs);
        return;
      } catch (error) {
        this.#trouble = { ...trouble, error };
        this.#parts.logger.error({ store: this.#store.location, error: reasonOf(error) }, 'The store could not be opened again.');
        if (!isFinal(error)) continue;
        this.#giveUp(error);
        return;
      }
    }
  }

  /** Goes on over the store just opened. */
  #takeUp(failedAtMs: number): void {
    const { clock, logger } = this.#parts;
    for (const id of this.#engine.supervisor.uncommittedIds()) this.#doubtful.add(id);
    this.#openedAtMs = clock.monotonic();
    this.#trouble = undefined;
    this.#engine = this.#createEngine(this.#store, (_tree, messages) => ({ messages }));
    const { engine } = this;
    logger.info({ store: this.#store.location, afterMs: clock.now() - failedAtMs }, 'The store is open again.');
    this.#attachOutbox();
    void engine.recover();
    for (const id of this.#doubtful) void this.#clearUp(id);
  }

  /** Whether its last batch took effect is on disk: whoever watches it is shown. */
  async #clearUp(workflowId: string): Promise<void> {
    const { engine } = this;
    await engine.supervisor.wake(workflowId);
    if (this.#engine === engine && this.#trouble === undefined) this.#doubtful.delete(workflowId);
  }

  #giveUp(error: unknown): void {
    this.#trouble = { sinceAtMs: this.#parts.clock.now(), ...this.#trouble, error, isFinal: true };
    this.views.endAll(error);
    void this.attempts.shutDown(0);
  }

  #nextDelayMs(): number {
    const delayMs = Math.min(limits.reopenDelayMs * 2 ** this.#failuresInARow, limits.reopenDelayMaxMs);
    this.#failuresInARow = Math.min(this.#failuresInARow + 1, 30);
    return delayMs;
  }

  async #pause(delayMs: number): Promise<void> {
    if (this.#isClosing) return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        cancel();
        this.#pauses.delete(end);
        resolve();
      };
      const cancel = this.#parts.clock.setTimer(delayMs, end);
      this.#pauses.add(end);
    });
  }
}

/** What time does not mend. */
function isFinal(error: unknown): boolean {
  return hasErrorCode(error, 'STORE_DAMAGED') || hasErrorCode(error, 'STORE_FORMAT_UNSUPPORTED');
}

/** The messages of an error and its causes: those of a store name paths and reasons, never what is stored. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = error instanceof PerdureError ? `${error.code}: ` : '';
  return error.cause === undefined ? `${code}${error.message}` : `${code}${error.message} (${reasonOf(error.cause)})`;
}
