/**
 * Keeps actors: brings them into memory, hands them their letters one at a time, commits what they decide, lets the idle go.
 *
 * Invariants
 * 1. A workflow has at most one resident; everything that concerns it goes through that resident's mailbox.
 * 2. Nothing is acted upon, acknowledged or shown before its commit is on disk (`commit` below is the only way there).
 * 3. A resident is passivated only if reading it again gives the same actor: nothing undecided, uncommitted or running.
 * 4. After the store refused a write, no letter is handled any more.
 * 5. What waits in the stored mailbox of an actor is handled before any letter.
 * 6. Attempts that were running when a workflow is read from disk are accounted for first of all: what is not this process's own is lost.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { rootAddress } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import { controlTree } from '../kernel/held-tree.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { damaged, revive } from '../kernel/machine-registry.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import { isDraining, isHalted } from '../kernel/mailbox.ts';
import { isClosed } from '../kernel/record.ts';
import type { Step } from '../kernel/step.ts';
import type { Tree } from '../kernel/tree.ts';
import type { FirstWords } from '../kernel/wake.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { ViewRegistry } from './committed-view.ts';
import { DrainLetter } from './drain-letter.ts';
import { finishErasing } from './erasing.ts';
import { InnerLetter } from './inner-letter.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { InnerEnvelope, Performer } from './performer.ts';
import type { Letter, Resident } from './resident.ts';
import type { Told } from './resident-unit.ts';
import { ResidentUnit } from './resident-unit.ts';
import { canGoOn, createResident, hasWork, isIdle } from './resident.ts';
import { Turns } from './turns.ts';

export interface SupervisorParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly registry: MachineRegistry;
  readonly views: ViewRegistry;
  readonly pipeline: CommitPipeline;
  readonly performer: Performer;
  /** What a workflow read from disk has to hear first. */
  readonly firstWords: (tree: Tree) => FirstWords;
  /** What decisions depend on, read anew for each. */
  readonly context: () => DecideContext;
  /** Is told of user code that is about to be entered. */
  readonly onEnter: OnEnter;
  /** The store could not be read. */
  readonly onError: (error: unknown) => void;
}

export class Supervisor {
  readonly #parts: SupervisorParts;
  readonly #residents = new Map<string, Resident>();
  readonly #loading = new Map<string, Promise<void>>();
  readonly #drain: Letter;
  readonly #turns: Turns;
  #failure: { readonly error: unknown } | undefined;
  readonly #showLive: (sessionId: string) => unknown;
  readonly #onDisk = ({ resident, tree, steps, told }: ResidentUnit): void => {
    resident.uncommitted -= 1;
    for (const { commit, actor } of steps) this.#act(resident, tree, commit, actor);
    told.onCommitted?.();
    this.#schedule(resident);
    this.#letGo(resident);
  };

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
    this.#showLive = (sessionId) => parts.performer.snapshotOfVolatile(sessionId);
    this.#drain = new DrainLetter(this, parts.store);
    this.#turns = new Turns(parts.clock, (resident, hasTime) => this.#handleSome(resident, hasTime));
  }

  /** What decisions depend on now. */
  context(): DecideContext {
    return this.#parts.context();
  }

  /** Number of letters waiting for this workflow. */
  backlog(workflowId: string): number {
    return this.#residents.get(workflowId)?.mailbox.length ?? 0;
  }

  /** Whether its actors are in memory. */
  isInMemory(workflowId: string): boolean {
    return this.#residents.get(workflowId)?.tree !== undefined;
  }

  /** Workflows with decisions whose commit was not confirmed. */
  uncommittedIds(): string[] {
    return [...this.#residents.values()].filter(({ uncommitted }) => uncommitted > 0).map(({ workflowId }) => workflowId);
  }

  /** Hands over a letter; the workflow is brought into memory first if need be. */
  post(workflowId: string, letter: Letter): void {
    if (this.#failure !== undefined) {
      letter.reject(this.#failure.error);
      return;
    }
    const resident = this.#residents.get(workflowId) ?? this.#bringIn(workflowId);
    resident.mailbox.push(letter);
    this.#schedule(resident);
  }

  /** Tells an actor what its own timer or activity came to. */
  deliver(address: Address, envelope: InnerEnvelope): void {
    this.post(address.workflowId, new InnerLetter(this, this.#parts.performer, address, envelope));
  }

  /** Commits steps of one resident as one unit; `onCommitted` acknowledges. Without steps: waits for what was decided before. */
  commit(resident: Resident, steps: readonly Step[], onCommitted?: () => void, onRejected?: (error: unknown) => void): void {
    const { tree } = resident;
    if (tree !== undefined) tree.showLive = this.#showLive;
    const commits = steps.map((step) => step.commit);
    const told = onCommitted === undefined ? nobody : { onCommitted, onRejected };
    this.#submit(resident, commits, steps, told);
  }

  #act(resident: Resident, tree: Tree | undefined, written: Commit, actor: Actor): void {
    const { address } = actor.record;
    const latest = address.run === tree?.address.run ? tree.show(written, actor) : undefined;
    if (address.path.length === 0) this.#parts.views.publish(resident.view, actor, written.journal.emitted);
    this.#parts.performer.perform(written, actor, latest);
    // What came due while it was paused or parked went by unheard.
    if (goesOn(written) && tree !== undefined) this.#resume(tree);
  }

  /** Commits a change of the record of a workflow that waits for its machine: there is nothing to show and nothing to do. */
  commitParked(resident: Resident, commit: Commit, onCommitted: () => void, onRejected: (error: unknown) => void): void {
    if (resident.park !== undefined) resident.park = { ...resident.park, record: commit.record };
    this.#submit(resident, [commit], [], { onCommitted, onRejected });
  }

  #submit(resident: Resident, commits: readonly Commit[], steps: readonly Step[], told: Told): void {
    resident.uncommitted += 1;
    this.#parts.pipeline.submit(new ResidentUnit(resident, commits, steps, told, this.#onDisk));
  }

  /** Refuses a letter for what its actor decided before, once that is on disk: no crash may take back what the refusal says. */
  refuse(resident: Resident, letter: Letter, error: unknown): void {
    const reject = (reason: unknown): void => letter.reject(reason);
    this.commit(resident, [], () => reject(error), reject);
  }

  /** Rows that go are taken away by the store between two batches. */
  async erase<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    return this.#parts.pipeline.alone(work);
  }

  /** What is on disk of an actor turned out to be damaged, or could not be read. */
  giveUp(resident: Resident, error: unknown): void {
    if (hasErrorCode(error, 'RECORD_DAMAGED')) [resident.tree, resident.park] = [undefined, damaged(error)];
    else this.#parts.onError(error);
  }

  #bringIn(workflowId: string): Resident {
    const resident = createResident(workflowId, this.#parts.views.of(workflowId));
    this.#residents.set(workflowId, resident);
    const loaded = this.#load(resident).finally(() => this.#loading.delete(workflowId));
    this.#loading.set(workflowId, loaded);
    return resident;
  }

  async #load(resident: Resident): Promise<void> {
    try {
      const run = await this.#parts.store.readLatestRun(resident.workflowId);
      const stored = run === undefined ? undefined : await this.#parts.store.readTree(rootAddress(resident.workflowId, run));
      await this.#showEndBefore(resident, run ?? 0);
      // Another engine has it by now, and what was read may be old.
      if (this.#failure !== undefined) return;
      if (stored === undefined) resident.lastRun = await finishErasing(this.#parts.store, resident.workflowId, (work) => this.erase(work));
      else this.#settleIn(resident, revive(this.#parts.registry, stored));
    } catch (error) {
      this.giveUp(resident, error);
      if (resident.park === undefined) return;
    }
    resident.isBusy = false;
    this.#schedule(resident);
    this.#letGo(resident);
  }

  /** Where a run ended and another began in a batch of unknown outcome, whoever watches the first is shown its end. */
  async #showEndBefore({ view }: Resident, run: number): Promise<void> {
    const shown = view.current?.record.address;
    if (shown === undefined || shown.run >= run) return;
    const ended = await this.#parts.store.readTree(shown);
    const revival = ended && revive(this.#parts.registry, ended);
    if (revival?.kind === 'tree') this.#parts.views.catchUp(view, revival.tree.root);
  }

  #settleIn(resident: Resident, revival: ReturnType<typeof revive>): void {
    if (revival.kind === 'parked') {
      resident.park = revival.park;
      return;
    }
    if (revival.kind === 'closed') {
      Object.assign(resident, { closed: revival.record, isLeftOpen: !revival.isOver });
      return;
    }
    const { tree } = revival;
    resident.tree = tree;
    tree.showLive = this.#showLive;
    this.#parts.views.catchUp(resident.view, tree.root);
    const { park, messages } = this.#parts.firstWords(tree);
    const parking = park && controlTree(tree, park, this.#parts.context());
    if (parking?.kind === 'commit') this.commit(resident, parking.steps);
    for (const { to, envelope } of messages) this.deliver({ ...tree.address, path: to }, envelope);
    // In front of what is waiting already.
    resident.mailbox.unshift(...resident.mailbox.splice(resident.mailbox.length - messages.length));
    this.#resume(tree);
  }

  #resume(tree: Tree): void {
    if (isHalted(tree.root.record)) return;
    for (const actor of tree.shown()) this.#parts.performer.resume(actor, tree.get(actor.record.address.path));
  }

  #schedule(resident: Resident): void {
    if (this.#failure === undefined && canGoOn(resident)) this.#turns.add(resident);
  }

  #handleSome(resident: Resident, hasTime: () => boolean): void {
    if (resident.tree !== undefined) this.#parts.onEnter('machine', resident.tree.machine.reference.id);
    for (let handled = 0; handled < limits.lettersPerTurn && !resident.isBusy && hasWork(resident); handled += 1) {
      if (this.#failure !== undefined || (handled > 0 && !hasTime())) break;
      const letter = this.#nextLetter(resident);
      if (letter === undefined) break;
      const done = letter.handle(resident);
      if (done !== undefined) void this.#hold(resident, done);
    }
    this.#schedule(resident);
    this.#letGo(resident);
  }

  #nextLetter({ tree, mailbox }: Resident): Letter | undefined {
    return tree !== undefined && isDraining(tree.root.record) ? this.#drain : mailbox.shift();
  }

  async #hold(resident: Resident, done: Promise<void>): Promise<void> {
    resident.isBusy = true;
    await done;
    resident.isBusy = false;
    this.#schedule(resident);
    this.#letGo(resident);
  }

  /** Closed and unknown workflows leave memory at once, others when it is full, longest resident first. */
  #letGo(resident: Resident): void {
    if (!isIdle(resident) || this.#residents.get(resident.workflowId) !== resident) return;
    if (resident.tree === undefined || isClosed(resident.tree.root.record.status)) this.#residents.delete(resident.workflowId);
    if (this.#residents.size <= limits.residentsMax) return;
    let looked = 0;
    for (const candidate of this.#residents.values()) {
      this.#residents.delete(candidate.workflowId);
      // Who is active goes to the back, so as not to keep the idle behind it in memory.
      if (!isIdle(candidate)) this.#residents.set(candidate.workflowId, candidate);
      looked += 1;
      if (this.#residents.size <= limits.residentsMax || looked === limits.lettersPerTurn) return;
    }
  }

  /** Brings a workflow into memory, so that what is pending there goes on. */
  async wake(workflowId: string): Promise<void> {
    const resident = this.#residents.get(workflowId) ?? this.#bringIn(workflowId);
    const pending = this.#loading.get(workflowId);
    if (pending !== undefined) await pending;
    else if (resident.tree !== undefined) this.#resume(resident.tree);
  }

  /** Whether every letter handed over so far is handled, or none will be any more. */
  isSettled(): boolean {
    if (this.#failure !== undefined) return true;
    return [...this.#residents.values()].every((resident) => !resident.isBusy && !hasWork(resident));
  }

  /** Resolves when {@link isSettled}. */
  async settled(): Promise<void> {
    while (!this.isSettled()) await new Promise<void>((resolve) => this.#parts.clock.yieldTurn(resolve));
  }

  /** Handles no letter any more; those waiting and to come are rejected with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#turns.clear();
    for (const resident of this.#residents.values()) for (const letter of resident.mailbox.splice(0)) letter.reject(error);
  }
}

const nobody: Told = {};

function goesOn({ journal: { envelope } }: Commit): boolean {
  return envelope.kind === 'resume' || envelope.kind === 'unpark' || envelope.kind === 'event-discarded';
}
