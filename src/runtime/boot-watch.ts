/**
 * Watches over a boot: counts at how many deaths of the process a workflow was in flight, parks those that are in a crash loop, and
 * sees to it that boots that die one after the other come to an end.
 *
 * Invariants
 * 1. What was found running is in the journal before a boot that follows one that died lets an attempt begin; what was found live, before
 *    it begins anew in any process that follows one that died.
 * 2. A workflow is named in the journal before its steps are gone through, and for no longer than that. Nothing is written to the
 *    store meanwhile, so whoever kills the process from outside leaves the store as it was, and hardly ever a name.
 * 3. Who has one death left before it is a loop gets its attempt later than the others, and alone for a moment: if the process dies
 *    of one, the others were not in flight. So do callbacks and observables, with the names of their workflows in the journal.
 * 4. The journal is written by one hand at a time, in order.
 */
import type { Address } from '../kernel/address.ts';
import { rootAddress } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import type { AttemptInFlight, BootRecord, FindInFlight } from '../kernel/crash-loop.ts';
import { attemptInFlight, bootAfter, crashLoopOf, inFlightBefore, isLastChance } from '../kernel/crash-loop.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import { limits } from '../kernel/limits.ts';
import type { Logger } from '../kernel/logger.ts';
import { isDraining, isHalted } from '../kernel/mailbox.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { revive } from '../kernel/machine-registry.ts';
import type { Clock, Page, Store } from '../kernel/ports.ts';
import type { Tree } from '../kernel/tree.ts';
import type { FirstWords, StepMessage } from '../kernel/wake.ts';
import { due, lostAttempts } from '../kernel/wake.ts';
import type { InnerEnvelope } from './performer.ts';

/** Where the boot record is kept between processes. */
export interface BootStorage {
  read(): Promise<BootRecord | undefined>;
  /** On disk when it resolves. */
  write(record: BootRecord): Promise<void>;
  clear(): Promise<void>;
}

/** Word of lost attempts that is kept back. */
export interface LastChance {
  readonly address: Address;
  readonly envelope: InnerEnvelope;
}

export interface BootWatchParts {
  readonly storage: BootStorage;
  readonly clock: Clock;
  readonly logger: Logger;
}

export class BootWatch {
  readonly #parts: BootWatchParts;
  #before: BootRecord | undefined;
  #findBefore: FindInFlight = inFlightBefore(undefined);
  #record: BootRecord = bootAfter(undefined);
  /** Attempts found running by this process. */
  readonly #found: AttemptInFlight[] = [];
  readonly #lastChances: LastChance[] = [];
  /** Workflows whose callbacks and observables begin as soon as it is in the journal that they do. */
  readonly #unsuspected: string[] = [];
  /** Those whose callbacks and observables begin after all others. */
  readonly #held = new Map<string, { readonly found: readonly AttemptInFlight[]; readonly isSuspect: boolean }>();
  #isExamining = true;
  #isOver = false;
  #writing: Promise<void> = Promise.resolve();
  #cancelTimer: () => void = () => undefined;

  private constructor(parts: BootWatchParts) {
    this.#parts = parts;
  }

  /** Reads what the process before left, and says that this one has begun. */
  static async begin(parts: BootWatchParts): Promise<BootWatch> {
    const watch = new BootWatch(parts);
    watch.#before = await parts.storage.read();
    watch.#findBefore = inFlightBefore(watch.#before);
    watch.#record = bootAfter(watch.#before);
    await watch.#write({});
    return watch;
  }

  /** Whether the process before died before it had taken up what was pending. */
  get isAfterFailedBoot(): boolean {
    return this.#before?.phase === 'opening';
  }

  /** Ids of workflows that kill the process when they are taken up. */
  condemned(): string[] {
    return this.#record.suspects.filter(({ deaths }) => crashLoopOf(0, deaths) !== undefined).map(({ id }) => id);
  }

  /** Goes through the next steps of everything pending, for the case that one of them kills the process (invariant 2). */
  async rehearse(store: Store, registry: MachineRegistry): Promise<void> {
    const condemned = new Set(this.condemned());
    const suspects = this.#record.suspects.map(({ id }) => id).filter((id) => !condemned.has(id));
    const others = await this.#pendingIds(store, new Set([...condemned, ...suspects]));
    const size = Math.ceil(others.length / limits.bootNamesMax);
    const groups = [...suspects.map((id) => [id]), ...groupsOf(others, size)];
    for (const group of groups) {
      await this.#write({ named: group });
      for (const id of group) await this.#goThrough(store, registry, id);
      // Who was gone through is not suspected any more.
      this.#record = { ...this.#record, suspects: this.#record.suspects.filter(({ id }) => !group.includes(id)) };
    }
    await this.#write({ named: [] });
  }

  /** What a workflow that was read from disk has to hear first, given what its attempts came to. */
  examine(tree: Tree, messages: readonly StepMessage[]): FirstWords {
    if (!this.#isExamining || isHalted(tree.root.record) || tree.isOver) return { messages };
    const found = inFlight(tree, this.#before, this.#findBefore);
    const live = liveBefore(tree, this.#before, this.#findBefore);
    const [deaths, deathsOfCallbacks] = [mostDeaths(found), mostDeaths(live)];
    const { workflowId } = tree.address;
    const suspect = this.#record.suspects.find(({ id }) => id === workflowId);
    const failure = crashLoopOf(deaths, suspect?.deaths ?? 0, deathsOfCallbacks);
    // Whoever lets it go on begins to count anew.
    if (failure !== undefined) return { park: { kind: 'park', reason: 'crash-loop', failure }, messages };
    this.#found.push(...found);
    const holding = this.#holdVolatile(workflowId, live, suspect !== undefined);
    if (!isLastChance(deaths)) return { messages, ...holding };
    this.#lastChances.push(...messages.map(({ to, envelope }) => ({ address: { ...tree.address, path: to }, envelope })));
    return { messages: [], ...holding };
  }

  #holdVolatile(workflowId: string, live: readonly AttemptInFlight[], isSuspect: boolean): Pick<FirstWords, 'holdsVolatile'> {
    if (live.length === 0) return {};
    if (isLastChance(mostDeaths(live))) this.#held.set(workflowId, { found: live, isSuspect });
    else {
      this.#found.push(...live);
      this.#unsuspected.push(workflowId);
    }
    return { holdsVolatile: true };
  }

  /** Workflows whose callbacks and observables were kept back in {@link examine} and begin once {@link takenUp} is through (invariant 1). */
  unsuspected(): readonly string[] {
    return this.#unsuspected;
  }

  /**
   * Those whose callbacks and observables begin after all others, in the groups in which they do (invariant 3). Of a group in which a
   * process died each is one of its own.
   */
  heldBack(): readonly (readonly string[])[] {
    const ids = [...this.#held.keys()];
    const suspects = ids.filter((id) => this.#held.get(id)?.isSuspect);
    const others = ids.filter((id) => !suspects.includes(id));
    return [...suspects.map((id) => [id]), ...groupsOf(others, Math.ceil(others.length / limits.bootNamesMax))];
  }

  /** Says whose callbacks and observables begin now. Those of whom it was said before outlasted it: their deaths are counted anew. */
  async nameCallbacks(named: readonly string[]): Promise<void> {
    for (const id of this.#record.named) this.#held.delete(id);
    // All that was pending is taken up: a death from here on is none of a boot.
    await this.#write({ phase: 'running', named, inFlight: this.#inFlight(named) });
  }

  #inFlight(named: readonly string[] = []): AttemptInFlight[] {
    const begin = new Set(named);
    const callbacks = [...this.#held].flatMap(([id, { found }]) =>
      begin.has(id) ? found : found.map((each) => ({ ...each, isHeld: true as const })),
    );
    return [...this.#found, ...callbacks];
  }

  /** What was kept back in {@link examine}, to be delivered when all others have theirs (invariant 3). */
  lastChances(): readonly LastChance[] {
    return this.#lastChances;
  }

  /** Everything that was pending is in memory: says what was found running (invariant 1), and soon that the boot is over. */
  async takenUp(): Promise<void> {
    this.#isExamining = false;
    this.#record = { ...this.#record, inFlight: this.#inFlight(), suspects: [] };
    if (this.isAfterFailedBoot || this.#unsuspected.length > 0) await this.#write({});
    this.#later(limits.bootCalmMs, () => {
      void this.#write({ phase: 'running' });
      this.#later(limits.crashLoopCalmMs, () => void this.#write({ inFlight: [] }));
    });
  }

  /** Hears of every commit on disk: the first outcome shows that this process gets something done. */
  recorded({ record, journal }: Commit): void {
    const { kind } = journal.envelope;
    if (this.#record.hasProgress || (kind !== 'attempt-completed' && kind !== 'attempt-failed')) return;
    const { workflowId } = record.address;
    if (this.#lastChances.some(({ address }) => address.workflowId === workflowId)) return;
    void this.#write({ hasProgress: true });
  }

  /** @param isClean whether nothing was left in flight */
  async end(isClean: boolean): Promise<void> {
    this.#isOver = true;
    this.#cancelTimer();
    await this.#writing;
    if (isClean) await this.#parts.storage.clear();
  }

  async #pendingIds(store: Store, except: ReadonlySet<string>): Promise<string[]> {
    const nowMs = this.#parts.clock.now();
    const ids = new Set<string>();
    for await (const { workflowId } of rowsOf((after) => store.scanActive(limits.scanPageMax, after))) ids.add(workflowId);
    for await (const { workflowId } of rowsOf((after) => store.scanMail(limits.scanPageMax, after))) ids.add(workflowId);
    for await (const { address } of rowsOf((after) => store.scanTimers(nowMs, limits.scanPageMax, after))) ids.add(address.workflowId);
    return [...ids].filter((id) => !except.has(id));
  }

  async #goThrough(store: Store, registry: MachineRegistry, id: string): Promise<void> {
    try {
      const run = await store.readLatestRun(id);
      const stored = run === undefined ? undefined : await store.readTree(rootAddress(id, run));
      const revival = stored === undefined ? undefined : revive(registry, stored);
      if (revival?.kind !== 'tree') return;
      const { tree } = revival;
      const nowMs = this.#parts.clock.now();
      const context = { nowMs, random: () => 0, admit: () => false };
      const lost = lostAttempts(tree);
      const mailbox = [...(await store.readMailbox(tree.address, tree.root.record.queued ?? 0))];
      for (let mail = mailbox.shift(); mail !== undefined && isDraining(tree.root.record); mail = mailbox.shift()) {
        const decision = decideInTree(tree, mail, context, mail.n);
        // What is left of it comes next.
        if (decision.kind === 'commit') mailbox.unshift(...decision.steps.flatMap(({ commit }) => commit.mailPut));
      }
      for (const message of [...lost, ...due(tree, nowMs)]) decideInTree(tree, message, context);
    } catch {
      // What cannot be read is parked when it is taken up.
    }
  }

  #later(delayMs: number, callback: () => void): void {
    if (!this.#isOver) this.#cancelTimer = this.#parts.clock.setTimer(delayMs, callback);
  }

  #write(change: Partial<BootRecord>): Promise<void> {
    if (this.#isOver) return this.#writing;
    this.#record = { ...this.#record, ...change };
    const record = this.#record;
    // A journal that cannot be written must not keep the store from being opened: the disk may be full.
    this.#writing = this.#writing.then(() =>
      this.#parts.storage.write(record).catch((error: unknown) => {
        this.#parts.logger.warn({ error: String(error) }, 'The boot journal could not be written.');
      }),
    );
    return this.#writing;
  }
}

/** The attempts of this process's predecessor that its death cut off. */
function inFlight(tree: Tree, before: BootRecord | undefined, find: FindInFlight): AttemptInFlight[] {
  return lostAttempts(tree).flatMap(({ to, envelope }) => {
    const actor = tree.get(to);
    const activity = 'n' in envelope ? actor?.activities.get(envelope.n) : undefined;
    return actor === undefined || activity === undefined ? [] : [attemptInFlight(before, actor.record.address, activity, find)];
  });
}

/** The callbacks and observables that were live when this process's predecessor died. One that was closed left none behind to blame. */
function liveBefore(tree: Tree, before: BootRecord | undefined, find: FindInFlight): AttemptInFlight[] {
  if (before === undefined) return [];
  return [...tree.actors()].flatMap(({ record, activities }) =>
    [...activities.values()].filter(({ state }) => state === 'live').map((row) => attemptInFlight(before, record.address, row, find)),
  );
}

function mostDeaths(found: readonly AttemptInFlight[]): number {
  return found.reduce((most, { deaths }) => Math.max(most, deaths), 0);
}

async function* rowsOf<Row>(scan: (after?: Uint8Array) => Promise<Page<Row>>): AsyncIterable<Row> {
  for (let page = await scan(); ; page = await scan(page.next)) {
    yield* page.rows;
    if (page.next === undefined) return;
  }
}

function groupsOf(ids: readonly string[], size: number): string[][] {
  const groups: string[][] = [];
  for (let from = 0; from < ids.length; from += size) groups.push(ids.slice(from, from + size));
  return groups;
}
