/**
 * A second host, of the kernel alone: one message at a time, one write for each, one JSON document for each workflow, nothing
 * kept in memory between messages but what readers see. That it keeps the contract shows that the rules are the kernel's.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { HistoryEntry, SendOptions, SendResult, StartOptions, WorkflowDescription } from 'perdure';
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { checkId, formatAddress, rootAddress } from '../../src/kernel/address.ts';
import { attemptCompleted, attemptThrew } from '../../src/kernel/attempt-outcome.ts';
import type { Effect } from '../../src/kernel/commit.ts';
import type { Decision } from '../../src/kernel/decide.ts';
import { decide, decideStart } from '../../src/kernel/decide.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import type { Envelope } from '../../src/kernel/envelope.ts';
import { WorkflowFailedError } from '../../src/kernel/errors.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { MachineRegistry, Revival } from '../../src/kernel/machine-registry.ts';
import { revive } from '../../src/kernel/machine-registry.ts';
import type { Clock, Random } from '../../src/kernel/ports.ts';
import { isClosed } from '../../src/kernel/record.ts';
import { notFoundError, parkedError, parkedFor } from '../../src/kernel/refusals.ts';
import { judgeStart } from '../../src/kernel/start-policy.ts';
import { decodeValue, encodePayload } from '../../src/kernel/value-encoding.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';
import type { Documents, WorkflowDocument } from './documents.ts';
import { fold } from './documents.ts';

type Committed = Extract<Decision, { kind: 'commit' }>;
type Inner = Exclude<Envelope, { kind: 'start' }>;

export interface SecondHostParts {
  readonly documents: Documents;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
}

export class SecondHost implements ContractRuntime {
  readonly #parts: SecondHostParts;
  readonly #shown = new Map<string, Actor>();
  readonly #watchers = new Set<(actor: Actor) => void>();
  readonly #alarms = new Map<string, () => void>();
  readonly #attempts = new Map<string, { readonly controller: AbortController; readonly ended: Promise<void> }>();
  #queue: Promise<unknown> = Promise.resolve();
  #commits = 0;
  #versionMissing = 0;
  #isClosed = false;

  constructor(parts: SecondHostParts) {
    this.#parts = parts;
  }

  /** Takes up what is on disk. */
  async recover(): Promise<this> {
    const { documents, registry } = this.#parts;
    for (const id of await documents.ids()) {
      const run = (await documents.readIfWhole(id))?.run;
      if (run === undefined) continue;
      this.#commits = Math.max(this.#commits, run.journal.at(-1)?.commit ?? 0);
      const { address, machine, status } = run.record;
      if (!isClosed(status) && registry.find(machine.id, machine.version) === undefined) this.#versionMissing += 1;
      const revival = revive(registry, run);
      if (revival.kind === 'parked') continue;
      for (const envelope of lostAttempts(revival.actor)) this.#tell(address, () => envelope);
      this.#setAlarm(revival.actor);
    }
    return this;
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<ContractHandle<Machine>> {
    const { id = `workflow-${this.#commits}`, onExisting = 'same-input' } = options;
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    const registered = this.#parts.registry.find(machine.id, String(machine.version));
    if (registered === undefined) throw new TypeError(`Machine "${machine.id}" is not registered.`);
    return this.#inTurn(async () => {
      const found = await this.#parts.documents.read(id);
      const document = found?.document ?? { runs: [], messages: [] };
      const steps: Committed[] = [];
      if (found !== undefined) {
        const existing = this.#actorOf(id, revive(this.#parts.registry, found.run));
        const [first] = found.run.journal;
        const known = first?.envelope.kind === 'start' ? first.envelope.input : null;
        const verdict = judgeStart({ record: existing.record, input: known }, registered.reference, input, onExisting);
        if (verdict.kind === 'refuse') throw verdict.error;
        if (verdict.kind === 'use-existing') return this.#handle<Machine>(id, { kind: 'actor', actor: existing });
        const ended = decide(existing, { kind: 'terminate', reason: 'started anew' }, this.#context());
        if (ended.kind === 'commit') steps.push(ended);
      }
      const decision = decideStart(registered, rootAddress(id, document.runs.length + 1), input, this.#context());
      if (decision.kind !== 'commit') throw refusal(id, decision);
      await this.#commit(document, [...steps, decision]);
      return this.#handle<Machine>(id, { kind: 'actor', actor: decision.actor });
    });
  }

  get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>> {
    return this.#inTurn(async () => this.#handle<Machine>(id, (await this.#find(id)).revival));
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    const { messageId } = options;
    if (messageId !== undefined) checkId(messageId, 'message id');
    const signal = { kind: 'signal' as const, event: encodeEvent(event), ...(messageId === undefined ? {} : { messageId }) };
    return this.#inTurn(async () => {
      const { document, revival } = await this.#find(id);
      const known = document.messages.find((message) => message.messageId === messageId);
      if (known !== undefined) return { sequence: known.sequence, outcome: known.outcome };
      const decision = decide(this.#actorOf(id, revival), signal, this.#context());
      if (decision.kind !== 'commit') throw refusal(id, decision);
      await this.#commit(document, [decision]);
      const { record, journal } = decision.commit;
      if (journal.outcome !== 'applied' && journal.outcome !== 'unhandled') throw parkedError(record);
      return { sequence: record.sequence, outcome: journal.outcome };
    });
  }

  async describe(id: string): Promise<WorkflowDescription> {
    const { run, revival } = await this.#find(id);
    return revival.kind === 'actor' ? describeWorkflow(run, revival.actor) : describeWorkflow(run, undefined, revival.park);
  }

  async history(id: string): Promise<readonly HistoryEntry[]> {
    return (await this.#find(id)).run.journal.map(historyEntry);
  }

  health(): { readonly state: 'open' | 'closed'; readonly versionMissing: number } {
    return { state: this.#isClosed ? 'closed' : 'open', versionMissing: this.#versionMissing };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const cancel of this.#alarms.values()) cancel();
    for (const { controller } of this.#attempts.values()) controller.abort('shutdown');
    await Promise.all([...this.#attempts.values()].map(({ ended }) => ended));
    await this.#queue;
  }

  #context(): DecideContext {
    return { nowMs: this.#parts.clock.now(), random: this.#parts.random, admit: () => !this.#isClosed };
  }

  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#queue.then(work);
    this.#queue = answer.catch(() => undefined);
    return answer;
  }

  async #find(id: string) {
    checkId(id, 'workflow id');
    const found = await this.#parts.documents.read(id);
    if (found === undefined) throw notFoundError(id);
    return { ...found, revival: revive(this.#parts.registry, found.run) };
  }

  #actorOf(id: string, revival: Revival): Actor {
    if (revival.kind === 'actor') return revival.actor;
    throw parkedFor(id, revival.park.reason, revival.park.failure.message);
  }

  /** Everything the steps change is in one document, written at once; only then is it acted upon and shown. */
  async #commit(document: WorkflowDocument, steps: readonly Committed[]): Promise<void> {
    for (const { commit } of steps) fold(document, commit, (this.#commits += 1));
    await this.#parts.documents.write(steps[0]!.commit.record.address.workflowId, document);
    for (const { commit, actor } of steps) {
      this.#shown.set(actor.record.address.workflowId, actor);
      for (const watch of [...this.#watchers]) watch(actor);
      for (const effect of commit.effects) this.#perform(actor, effect);
      this.#setAlarm(actor);
    }
  }

  #perform(actor: Actor, effect: Effect): void {
    const { address } = actor.record;
    const key = `${formatAddress(address)}:${effect.n}`;
    if (effect.kind === 'abort-attempt') {
      this.#attempts.get(key)?.controller.abort(effect.reason);
      return;
    }
    const { n, attempt, input, idempotencyKey } = effect;
    const { descriptor } = actor.machine.activities.get(effect.src)!;
    const controller = new AbortController();
    const { signal } = controller;
    const timedOut = { kind: 'attempt-timed-out', n, attempt } as const;
    const stopTimer = this.#parts.clock.setTimer(descriptor.startToCloseTimeoutMs, () => this.#tell(address, () => timedOut));
    const attempted = async (): Promise<Inner | undefined> => {
      try {
        return attemptCompleted(n, attempt, await descriptor.run?.({ input: decodeValue(input), idempotencyKey, attempt, signal }));
      } catch (error) {
        return attemptThrew(n, attempt, error, signal.aborted ? signal.reason : undefined);
      }
    };
    const ended = attempted().then((outcome) => {
      stopTimer();
      this.#tell(address, () => outcome);
    });
    this.#attempts.set(key, { controller, ended });
  }

  /** Tells an actor what came of its own timers and attempts; `choose` is asked when its turn has come. */
  #tell({ workflowId, run }: Address, choose: (actor: Actor) => Inner | undefined): void {
    void this.#inTurn(async () => {
      const found = await this.#parts.documents.readIfWhole(workflowId);
      if (found?.run.record.address.run !== run) return;
      const actor = this.#actorOf(workflowId, revive(this.#parts.registry, found.run));
      const envelope = choose(actor);
      const decision = envelope === undefined ? undefined : decide(actor, envelope, this.#context());
      if (decision?.kind === 'commit') await this.#commit(found.document, [decision]);
      else this.#setAlarm(actor);
    });
  }

  /** The wall clock may jump, so it is looked at now and then. */
  #setAlarm(actor: Actor): void {
    const { clock } = this.#parts;
    const { address } = actor.record;
    this.#alarms.get(address.workflowId)?.();
    const atMs = this.#isClosed ? undefined : wakeAt(actor);
    if (atMs === undefined) return;
    const wake = (): void => this.#tell(address, (woken) => due(woken, clock.now())[0]);
    this.#alarms.set(address.workflowId, clock.setTimer(Math.min(atMs - clock.now(), limits.clockCheckMs), wake));
  }

  #handle<Machine extends AnyStateMachine>(id: string, revival: Revival): ContractHandle<Machine> {
    if (revival.kind === 'actor' && !this.#shown.has(id)) this.#shown.set(id, revival.actor);
    const current = (): Actor => this.#shown.get(id) ?? this.#actorOf(id, revival);
    const watch = (see: (actor: Actor) => void): (() => void) => {
      const watcher = (actor: Actor): void => (actor.record.address.workflowId === id ? see(actor) : undefined);
      this.#watchers.add(watcher);
      return () => this.#watchers.delete(watcher);
    };
    const handle = {
      id,
      send: (event: EventObject, options?: SendOptions) => this.send(id, event, options),
      getSnapshot: () => current().chart.snapshot,
      subscribe: (observer: (snapshot: unknown) => void) => ({ unsubscribe: watch((actor) => observer(actor.chart.snapshot)) }),
      result: async () => {
        const now = current();
        const isOver = ({ record }: Actor): boolean => isClosed(record.status);
        const { record, chart } = isOver(now)
          ? now
          : await new Promise<Actor>((resolve) => watch((actor) => isOver(actor) && resolve(actor)));
        if (record.status !== 'completed') throw new WorkflowFailedError(id, record.status, record.failure!);
        return chart.snapshot.output as unknown;
      },
    };
    return handle as unknown as ContractHandle<Machine>; // the machine's types are the caller's word for what is on disk
  }
}

function refusal(id: string, decision: Exclude<Decision, Committed>): Error {
  return decision.kind === 'refuse' ? decision.error : notFoundError(id);
}
