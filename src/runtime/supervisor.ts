/**
 * Keeps actors: brings them into memory, hands them their letters one at a time, commits what they decide, lets the idle go.
 *
 * Invariants
 * 1. A workflow has at most one resident; everything that concerns it goes through that resident's mailbox.
 * 2. Nothing is acted upon, acknowledged or shown before its commit is on disk (`commit` below is the only way there).
 * 3. A resident is passivated only if reading it again gives the same actor: nothing undecided, uncommitted or running.
 * 4. After the store refused a write, no letter is handled any more.
 * 5. Attempts that were running when an actor is read from disk are accounted for first of all: what is not this process's own is lost.
 */
import type { Actor } from '../kernel/actor.ts';
import type { Address } from '../kernel/address.ts';
import { rootAddress } from '../kernel/address.ts';
import type { Commit } from '../kernel/commit.ts';
import { decide } from '../kernel/decide.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { damaged, revive } from '../kernel/machine-registry.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import { isClosed } from '../kernel/record.ts';
import type { CommitPipeline } from './commit-pipeline.ts';
import type { ViewRegistry } from './committed-view.ts';
import type { OnEnter } from './loop-watchdog.ts';
import type { InnerEnvelope, Performer } from './performer.ts';
import type { Letter, Resident } from './resident.ts';
import { createResident, isIdle } from './resident.ts';

/** One decided step: what to write and the actor after it. */
export interface Step {
  readonly commit: Commit;
  readonly actor: Actor;
}

export interface SupervisorParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly registry: MachineRegistry;
  readonly views: ViewRegistry;
  readonly pipeline: CommitPipeline;
  readonly performer: Performer;
  /** What an actor read from disk has to hear first about the attempts that run according to its record. */
  readonly accountFor: (actor: Actor) => readonly InnerEnvelope[];
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
  #ready: Resident[] = [];
  #isTurnPlanned = false;
  #failure: { readonly error: unknown } | undefined;

  constructor(parts: SupervisorParts) {
    this.#parts = parts;
  }

  /** What decisions depend on now. */
  context(): DecideContext {
    return this.#parts.context();
  }

  /** Number of letters waiting for this workflow. */
  backlog(workflowId: string): number {
    return this.#residents.get(workflowId)?.mailbox.length ?? 0;
  }

  /** Whether its actor is in memory. */
  isInMemory(workflowId: string): boolean {
    return this.#residents.get(workflowId)?.actor !== undefined;
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
    const handle = (resident: Resident): void => {
      const { actor } = resident;
      if (actor?.record.address.run !== address.run) {
        // An earlier run's: its workflow id has been started again since. A place offered to it goes to the next.
        if (envelope.kind === 'attempt-due') this.#parts.performer.wakeNext();
        return;
      }
      const decision = decide(actor, envelope, this.#parts.context());
      if (decision.kind === 'commit') this.commit(resident, [decision]);
      else if (envelope.kind === 'attempt-due') this.#reconsider(actor, envelope.n);
    };
    this.post(address.workflowId, { handle, reject: () => undefined });
  }

  /** An attempt that was due did not begin: it waits for a place, or it is not wanted any more and the next may try. */
  #reconsider(actor: Actor, n: number): void {
    const activity = actor.activities.get(n);
    const isWanted = actor.record.status === 'running' && activity !== undefined && activity.state !== 'running';
    if (isWanted) this.#parts.performer.enlist(actor.record.address, n);
    else this.#parts.performer.wakeNext();
  }

  /** Commits steps of one resident as one unit; `onCommitted` acknowledges. Without steps: waits for what was decided before. */
  commit(resident: Resident, steps: readonly Step[], onCommitted?: () => void, onRejected?: (error: unknown) => void): void {
    const last = steps.at(-1);
    if (last !== undefined) resident.actor = last.actor;
    resident.uncommitted += 1;
    this.#parts.pipeline.submit({
      commits: steps.map((step) => step.commit),
      onCommitted: () => {
        resident.uncommitted -= 1;
        for (const { commit: written, actor } of steps) {
          this.#parts.views.publish(resident.view, actor);
          this.#parts.performer.perform(written, actor);
        }
        onCommitted?.();
        this.#letGo(resident);
      },
      onRejected: (error) => onRejected?.(error),
    });
  }

  /** Refuses a letter for what its actor decided before, once that is on disk: no crash may take back what the refusal says. */
  refuse(resident: Resident, letter: Letter, error: unknown): void {
    const reject = (reason: unknown): void => letter.reject(reason);
    this.commit(resident, [], () => reject(error), reject);
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
      const stored = run === undefined ? undefined : await this.#parts.store.readActor(rootAddress(resident.workflowId, run));
      await this.#showEndBefore(resident, run ?? 0);
      if (stored !== undefined) this.#settleIn(resident, revive(this.#parts.registry, stored));
    } catch (error) {
      if (!hasErrorCode(error, 'RECORD_DAMAGED')) {
        this.#parts.onError(error);
        return;
      }
      resident.park = damaged(error);
    }
    resident.isBusy = false;
    this.#schedule(resident);
    this.#letGo(resident);
  }

  /** Where a run ended and another began in a batch of unknown outcome, whoever watches the first is shown its end. */
  async #showEndBefore({ view }: Resident, run: number): Promise<void> {
    const shown = view.current?.record.address;
    if (shown === undefined || shown.run >= run) return;
    const ended = await this.#parts.store.readActor(shown);
    const revival = ended && revive(this.#parts.registry, ended);
    if (revival?.kind === 'actor') this.#parts.views.catchUp(view, revival.actor);
  }

  #settleIn(resident: Resident, revival: ReturnType<typeof revive>): void {
    if (revival.kind === 'parked') {
      resident.park = revival.park;
      return;
    }
    if (revival.kind === 'closed') {
      resident.closed = revival.record;
      return;
    }
    const { actor } = revival;
    resident.actor = actor;
    this.#parts.views.catchUp(resident.view, actor);
    const lost = this.#parts.accountFor(actor);
    if (actor.record.status !== 'running') return;
    for (const envelope of lost) this.deliver(actor.record.address, envelope);
    // In front of what is waiting already.
    resident.mailbox.unshift(...resident.mailbox.splice(resident.mailbox.length - lost.length));
    this.#parts.performer.resume(actor);
  }

  #schedule(resident: Resident): void {
    if (resident.isReady || resident.isBusy || resident.mailbox.length === 0) return;
    resident.isReady = true;
    this.#ready.push(resident);
    if (this.#isTurnPlanned) return;
    this.#isTurnPlanned = true;
    queueMicrotask(() => this.#turn());
  }

  #turn(): void {
    const startedAt = this.#parts.clock.monotonic();
    for (let resident = this.#ready.shift(); resident !== undefined; resident = this.#ready.shift()) {
      resident.isReady = false;
      this.#handleSome(resident);
      if (this.#parts.clock.monotonic() - startedAt < limits.sliceMs || this.#ready.length === 0) continue;
      this.#parts.clock.yieldTurn(() => this.#turn());
      return;
    }
    this.#isTurnPlanned = false;
  }

  #handleSome(resident: Resident): void {
    if (resident.actor !== undefined) this.#parts.onEnter('machine', resident.actor.machine.reference.id);
    for (let handled = 0; handled < limits.lettersPerTurn && !resident.isBusy; handled += 1) {
      const letter = this.#failure === undefined ? resident.mailbox.shift() : undefined;
      if (letter === undefined) break;
      const done = letter.handle(resident);
      if (done !== undefined) void this.#hold(resident, done);
    }
    this.#schedule(resident);
    this.#letGo(resident);
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
    if (resident.actor === undefined || isClosed(resident.actor.record.status)) this.#residents.delete(resident.workflowId);
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
    else if (resident.actor !== undefined) this.#parts.performer.resume(resident.actor);
  }

  /** Whether every letter handed over so far is handled, or none will be any more. */
  isSettled(): boolean {
    if (this.#failure !== undefined) return true;
    return [...this.#residents.values()].every((resident) => !resident.isBusy && resident.mailbox.length === 0);
  }

  /** Resolves when {@link isSettled}. */
  async settled(): Promise<void> {
    while (!this.isSettled()) await new Promise<void>((resolve) => this.#parts.clock.yieldTurn(resolve));
  }

  /** Handles no letter any more; those waiting and to come are rejected with this error. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#ready = [];
    for (const resident of this.#residents.values()) for (const letter of resident.mailbox.splice(0)) letter.reject(error);
  }
}
