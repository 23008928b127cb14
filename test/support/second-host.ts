/**
 * A second host, of the kernel alone: one message at a time, one write for each, one JSON document for each workflow, nothing
 * kept in memory between messages but what readers see. That it keeps the contract shows that the rules are the kernel's.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { HistoryEntry, SendOptions, SendResult, StartOptions, WorkflowDescription } from 'perdure';
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { checkId, childAddress, formatAddress } from '../../src/kernel/address.ts';
import { makeAttempt } from '../../src/kernel/attempt-outcome.ts';
import type { Effect, Message } from '../../src/kernel/commit.ts';
import type { Step } from '../../src/kernel/decide-in-tree.ts';
import { decideInTree } from '../../src/kernel/decide-in-tree.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { MachineRegistry, Revival } from '../../src/kernel/machine-registry.ts';
import { isVersionMissing, revive } from '../../src/kernel/machine-registry.ts';
import type { Deliver } from '../../src/kernel/outside.ts';
import { codeOf } from '../../src/kernel/outside.ts';
import type { Clock, Random } from '../../src/kernel/ports.ts';
import { closedError, notFoundError, parkedFor } from '../../src/kernel/refusals.ts';
import { answerOf, firstOutcome } from '../../src/kernel/signal.ts';
import { decideNewRun, inputOf } from '../../src/kernel/start.ts';
import type { Tree } from '../../src/kernel/tree.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';
import type { Documents, WorkflowDocument } from './documents.ts';
import { fold, treeIn } from './documents.ts';
import { LiveChildren } from './live-children.ts';
import { Readers } from './readers.ts';

type Parts = { readonly documents: Documents; readonly registry: MachineRegistry; readonly clock: Clock; readonly random: Random };

export class SecondHost implements ContractRuntime {
  readonly #parts: Parts;
  readonly #readers = new Readers();
  readonly #alarms = new Map<string, () => void>();
  readonly #attempts = new Map<string, { readonly controller: AbortController; readonly ended: Promise<void> }>();
  readonly #deliver: Deliver = (address, envelope) => this.#tell(address, () => ({ to: address.path, envelope }));
  readonly #live = new LiveChildren(this.#deliver);
  #queue: Promise<unknown> = Promise.resolve();
  #commits = 0;
  #versionMissing = 0;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  async recover(): Promise<this> {
    const { documents, registry } = this.#parts;
    for (const id of await documents.ids()) {
      const run = (await documents.readIfWhole(id))?.run;
      if (run === undefined) continue;
      this.#commits = Math.max(this.#commits, ...run.map(({ journal }) => journal.at(-1)?.commit ?? 0));
      if (isVersionMissing(registry, run[0]!.record)) this.#versionMissing += 1;
      const revival = revive(registry, treeIn(run));
      if (revival.kind !== 'tree' || revival.tree.root.record.status === 'parked') continue;
      const { tree } = revival;
      for (const message of lostAttempts(tree)) this.#tell(tree.address, () => message);
      for (const actor of tree.actors()) this.#live.resume(actor);
      this.#setAlarm(tree);
    }
    return this;
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<ContractHandle<Machine>> {
    const { id = `workflow-${this.#commits}`, onExisting: policy = 'same-input' } = options;
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    const registered = this.#parts.registry.find(machine.id, String(machine.version))!;
    return this.#inTurn(async () => {
      const found = await this.#read(id);
      const existing = found && { record: found.record, tree: treeOf(id, found.revival), input: inputOf(found.run[0]!.journal[0]) };
      const decision = decideNewRun(id, existing, { machine: registered, input, policy }, this.#context());
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind === 'commit') await this.#commit(found?.document ?? { runs: [], messages: [] }, decision.tree, decision.steps);
      return this.#readers.handle<Machine>(id, this, found?.record, () => existing!.tree!.root);
    });
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>> {
    const { record, revival } = await this.#inTurn(() => this.#find(id));
    return this.#readers.handle<Machine>(id, this, record, () => treeOf(id, revival)!.root);
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    const { messageId } = options;
    if (messageId !== undefined) checkId(messageId, 'message id');
    const signal = { kind: 'signal' as const, event: encodeEvent(event), ...(messageId && { messageId }) };
    return this.#inTurn(async () => {
      const { document, record, revival } = await this.#find(id);
      const known = firstOutcome(
        record,
        document.messages.findLast((message) => message.messageId === messageId),
      );
      if (known !== undefined) return known;
      const tree = treeOf(id, revival);
      const decision = tree && decideInTree(tree, { to: [], envelope: signal }, this.#context());
      if (decision?.kind !== 'commit') throw decision?.kind === 'refuse' ? decision.error : closedError(record);
      await this.#commit(document, tree!, decision.steps);
      const answer = answerOf(decision.steps[0].commit);
      if (answer.kind === 'refuse') throw answer.error;
      return answer.result;
    });
  }

  async describe(id: string): Promise<WorkflowDescription> {
    const { run, revival } = await this.#find(id);
    const park = revival.kind === 'parked' ? revival.park : undefined;
    return describeWorkflow(treeIn(run), revival.kind === 'tree' ? revival.tree : undefined, park);
  }

  async history(id: string): Promise<readonly HistoryEntry[]> {
    return (await this.#find(id)).run[0]!.journal.map(historyEntry);
  }

  health(): { readonly state: 'open' | 'closed'; readonly versionMissing: number } {
    return { state: this.#isClosed ? 'closed' : 'open', versionMissing: this.#versionMissing };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#alarms.values()) cancel();
    this.#live.stopAll();
    for (const { controller } of this.#attempts.values()) controller.abort('shutdown');
    await Promise.all([...this.#attempts.values()].map(({ ended }) => ended));
    await this.#queue;
  }

  #context(): DecideContext {
    return { nowMs: this.#parts.clock.now(), random: this.#parts.random, admit: () => !this.#isClosed };
  }

  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#queue.then(work);
    return ((this.#queue = answer.catch(() => undefined)), answer);
  }

  async #read(id: string) {
    const found = await this.#parts.documents.read(id);
    return found && { ...found, record: found.run[0]!.record, revival: revive(this.#parts.registry, treeIn(found.run)) };
  }

  async #find(id: string) {
    checkId(id, 'workflow id');
    const found = await this.#read(id);
    if (found === undefined) throw notFoundError(id);
    return found;
  }

  /** Everything the steps change is in one document, written at once; only then is it acted upon and shown. */
  async #commit(document: WorkflowDocument, tree: Tree, steps: readonly Step[]): Promise<void> {
    for (const { commit } of steps) fold(document, commit, (this.#commits += 1));
    await this.#parts.documents.write(document);
    for (const { actor } of steps) {
      if (actor.record.address.run === tree.address.run) tree.show(actor);
      if (actor.record.address.path.length === 0) this.#readers.show(actor);
    }
    this.#readers.keep(tree.root);
    for (const { commit, actor } of steps) {
      for (const effect of commit.effects) this.#perform(actor, effect);
      for (const message of commit.messages) this.#live.tell(actor, message);
    }
    this.#setAlarm(tree);
  }

  #perform(actor: Actor, effect: Effect): void {
    const { address } = actor.record;
    switch (effect.kind) {
      case 'run-attempt':
        return this.#run(actor, effect);
      case 'abort-attempt':
        return this.#attempts.get(formatAddress(childAddress(address, effect.n)))?.controller.abort(effect.reason);
      case 'start-volatile':
        return this.#live.start(actor, effect.n);
      case 'stop-volatile':
        return this.#live.stop(address, effect.n);
      case 'log':
    }
  }

  #run(actor: Actor, effect: Extract<Effect, { kind: 'run-attempt' }>): void {
    const { address } = actor.record;
    const descriptor = codeOf(actor, effect, this.#deliver);
    const controller = new AbortController();
    const timedOut = { kind: 'attempt-timed-out', n: effect.n, attempt: effect.attempt } as const;
    const stopTimer = this.#parts.clock.setTimer(descriptor.startToCloseTimeoutMs, () => this.#deliver(address, timedOut));
    const ended = makeAttempt(effect, descriptor, controller.signal).then((outcome) => {
      stopTimer();
      if (outcome !== undefined) this.#deliver(address, outcome);
    });
    this.#attempts.set(formatAddress(childAddress(address, effect.n)), { controller, ended });
  }

  /** Tells actors what came of their timers, attempts and live children; `choose` is asked when its turn has come. */
  #tell({ workflowId, run }: Address, choose: (tree: Tree) => Message | undefined): void {
    void this.#inTurn(async () => {
      const found = await this.#read(workflowId);
      if (found?.record.address.run !== run) return;
      const tree = treeOf(workflowId, found.revival);
      const message = tree && choose(tree);
      const decision = message && decideInTree(tree, message, this.#context());
      if (decision?.kind === 'commit') await this.#commit(found.document, tree!, decision.steps);
      else if (tree !== undefined) this.#setAlarm(tree);
    });
  }

  /** The wall clock may jump, so it is looked at now and then. */
  #setAlarm(tree: Tree): void {
    const [{ clock }, { address }] = [this.#parts, tree];
    this.#alarms.get(address.workflowId)?.();
    const atMs = this.#isClosed ? undefined : wakeAt(tree);
    if (atMs === undefined) return;
    const wake = (): void => this.#tell(address, (woken) => due(woken, clock.now())[0]);
    this.#alarms.set(address.workflowId, clock.setTimer(Math.min(atMs - clock.now(), limits.clockCheckMs), wake));
  }
}

/** Undefined if it is closed and its machine is gone. */
function treeOf(id: string, revival: Revival): Tree | undefined {
  if (revival.kind === 'parked') throw parkedFor(id, revival.park.reason, revival.park.failure.message);
  return revival.kind === 'tree' ? revival.tree : undefined;
}
