/** Under the second host: reads a workflow, writes what was decided on it, acts upon that, and wakes it when something is due. */
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { checkId } from '../../src/kernel/address.ts';
import type { Commit, Message } from '../../src/kernel/commit.ts';
import { decideInTree } from '../../src/kernel/decide-in-tree.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { MachineRegistry, Revival } from '../../src/kernel/machine-registry.ts';
import { isVersionMissing, revive } from '../../src/kernel/machine-registry.ts';
import { isDraining } from '../../src/kernel/mailbox.ts';
import type { Clock, Random } from '../../src/kernel/ports.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import { closedError, notFoundError, parkedError, parkedFor } from '../../src/kernel/refusals.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import type { EnvelopeQuestion } from '../../src/runtime/envelope-letter.ts';
import type { Documents, Run, WorkflowDocument } from './documents.ts';
import { fold, treeIn } from './documents.ts';
import { Effects } from './effects.ts';
import { reconcileDefinitions } from './known-machines.ts';
import { Readers } from './readers.ts';

export interface Parts {
  readonly documents: Documents;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

/** The latest run of a workflow, as it is on disk. */
export interface Found {
  readonly document: WorkflowDocument;
  readonly run: Run;
  readonly record: ActorRecord;
  readonly revival: Revival;
}

/** Without an actor if its machine is not there and only the record changes. */
type Step = { readonly commit: Commit; readonly actor?: Actor };

export class Keeper {
  readonly readers = new Readers();
  readonly #parts: Parts;
  readonly #alarms = new Map<string, () => void>();
  readonly #effects: Effects;
  #queue: Promise<unknown> = Promise.resolve();
  #commits = 0;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#effects = new Effects(
      parts.clock,
      (address, envelope) => this.tell(address, () => ({ to: address.path, envelope })),
      ({ workflowId, path }, envelope) => this.ask(workflowId, { path, choose: () => envelope, gone: () => notFoundError(workflowId) }),
    );
  }

  get commits(): number {
    return this.#commits;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Takes up what is on disk; says how many workflows wait for their machine. */
  async recover(): Promise<number> {
    const { documents, registry } = this.#parts;
    const runs: Run[] = [];
    for (const id of await documents.ids()) {
      const run = (await documents.readIfWhole(id))?.run;
      if (run !== undefined) runs.push(run);
    }
    const roots = runs.map(([root]) => root!.record);
    await reconcileDefinitions(documents, registry, roots);
    for (const run of runs) {
      this.#commits = Math.max(this.#commits, ...run.map(({ journal }) => journal.at(-1)?.commit ?? 0));
      const { tree } = this.#revive(run);
      if (tree === undefined) continue;
      for (const message of lostAttempts(tree)) this.tell(tree.address, () => message);
      if (isDraining(tree.root.record)) this.tell(tree.address, () => undefined);
      this.#effects.resume(tree);
      this.#setAlarm(tree);
    }
    return roots.filter((record) => isVersionMissing(registry, record)).length;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#alarms.values()) cancel();
    await this.#effects.shutDown();
    await this.#queue;
  }

  context(): DecideContext {
    return { nowMs: this.#parts.clock.now(), random: this.#parts.random, admit: () => !this.#isClosed };
  }

  inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#queue.then(work);
    return ((this.#queue = answer.catch(() => undefined)), answer);
  }

  /** What waits in the mailbox of a workflow is applied before anything else is done with it. */
  async read(id: string): Promise<Found | undefined> {
    for (;;) {
      const found = await this.#parts.documents.read(id);
      if (found?.run === undefined) return undefined;
      const { document, run } = found;
      const { revival, tree } = this.#revive(run);
      const { record, mail } = run[0]!;
      if (tree === undefined || !isDraining(record)) return { document, run, record, revival };
      const decision = decideInTree(tree, mail[0]!, this.context(), mail[0]!.n);
      if (decision.kind !== 'commit') throw new TypeError('A row of the mailbox was not taken.');
      await this.commit(document, tree, decision.steps);
    }
  }

  #revive(run: Run): { readonly revival: Revival; readonly tree: Tree | undefined } {
    const revival = revive(this.#parts.registry, treeIn(run));
    if (revival.kind !== 'tree') return { revival, tree: undefined };
    revival.tree.showLive = this.#effects.snapshotOf;
    return { revival, tree: revival.tree };
  }

  async find(id: string): Promise<Found> {
    checkId(id, 'workflow id');
    const found = await this.read(id);
    if (found === undefined) throw notFoundError(id);
    return found;
  }

  /** Everything the steps change is in one document, written at once; only then is it acted upon and shown. */
  async commit(document: WorkflowDocument, tree: Tree | undefined, steps: readonly Step[]): Promise<void> {
    for (const { commit } of steps) fold(document, commit, (this.#commits += 1));
    await this.#parts.documents.write(document);
    for (const { commit, actor } of steps) {
      if (actor === undefined) continue;
      if (actor.record.address.run === tree?.address.run) tree.show(commit, actor);
      if (actor.record.address.path.length === 0) this.readers.show(actor);
      this.#effects.perform(actor, commit);
    }
    if (tree === undefined) return;
    this.readers.keep(tree.root);
    if (steps.some(({ commit: { journal } }) => goingOn.has(journal.envelope.kind))) {
      this.#effects.resume(tree);
    }
    this.#setAlarm(tree);
  }

  /** Tells an actor what `choose` says; resolves when what came of it is on disk. */
  ask(id: string, { path, choose, gone }: EnvelopeQuestion): Promise<void> {
    return this.inTurn(async () => {
      const { document, record, revival } = await this.find(id);
      const tree = treeOf(id, revival);
      const actor = tree?.get(path);
      if (tree === undefined) throw closedError(record);
      if (actor === undefined) throw gone(tree.root.record);
      const envelope = choose(actor);
      if (envelope instanceof Error) throw envelope;
      const decision = decideInTree(tree, { to: path, envelope }, this.context());
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind !== 'commit') return;
      await this.commit(document, tree, decision.steps);
      const [{ commit }] = decision.steps;
      if (commit.journal.outcome === 'parked') throw parkedError(commit.record);
    });
  }

  /** Tells actors what came of their timers, attempts and live children; `choose` is asked when its turn has come. */
  tell({ workflowId, run }: Address, choose: (tree: Tree) => Message | undefined): void {
    void this.inTurn(async () => {
      const found = await this.read(workflowId);
      if (found?.record.address.run !== run) return;
      const tree = treeOf(workflowId, found.revival);
      const message = tree && choose(tree);
      const decision = message && decideInTree(tree, message, this.context());
      if (decision?.kind === 'commit') await this.commit(found.document, tree, decision.steps);
      else if (tree !== undefined) this.#setAlarm(tree);
    });
  }

  /** The wall clock may jump, so it is looked at now and then. */
  #setAlarm(tree: Tree): void {
    const [{ clock }, { address }] = [this.#parts, tree];
    this.#alarms.get(address.workflowId)?.();
    const atMs = this.#isClosed ? undefined : wakeAt(tree);
    if (atMs === undefined) return;
    const wake = (): void => this.tell(address, (woken) => due(woken, clock.now())[0]);
    this.#alarms.set(address.workflowId, clock.setTimer(Math.min(atMs - clock.now(), limits.clockCheckMs), wake));
  }
}

const goingOn: ReadonlySet<string> = new Set(['resume', 'unpark', 'event-discarded']);

/** Undefined if it is closed and its machine is gone. */
export function treeOf(id: string, revival: Revival): Tree | undefined {
  if (revival.kind === 'parked') throw parkedFor(id, revival.park.reason, revival.park.failure.message);
  return revival.kind === 'tree' ? revival.tree : undefined;
}
