/**
 * A second host, of the kernel alone: one message at a time, one write for each, one JSON document for each workflow, nothing
 * kept in memory between messages but what readers see. That it keeps the contract shows that the rules are the kernel's.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { ActOptions, HistoryEntry, SendOptions, SendResult, SignalWithStartOptions, StartOptions, WorkflowDescription } from 'perdure';
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { checkId, formatAddress } from '../../src/kernel/address.ts';
import type { Effect } from '../../src/kernel/commit.ts';
import { decide, onActor } from '../../src/kernel/decide.ts';
import { deletionRefusal } from '../../src/kernel/deletion.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import type { ControlEnvelope, StepEnvelope } from '../../src/kernel/envelope.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { limits } from '../../src/kernel/limits.ts';
import { holdSignal, isDraining } from '../../src/kernel/mailbox.ts';
import type { MachineRegistry, Revival } from '../../src/kernel/machine-registry.ts';
import { isVersionMissing, revive } from '../../src/kernel/machine-registry.ts';
import { actOf, control } from '../../src/kernel/pause.ts';
import type { Clock, Random } from '../../src/kernel/ports.ts';
import type { ActorRecord } from '../../src/kernel/record.ts';
import type { RecordDecision } from '../../src/kernel/record-commit.ts';
import { closedError, notFoundError, parkedFor } from '../../src/kernel/refusals.ts';
import { answerOf, firstOutcome } from '../../src/kernel/signal.ts';
import { decideNewRun, inputOf } from '../../src/kernel/start.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import { Attempts } from './attempts.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';
import type { Documents, WorkflowDocument } from './documents.ts';
import { fold } from './documents.ts';
import { Readers } from './readers.ts';

/** Without an actor if its machine is not there and only the record changes. */
type Step = Extract<RecordDecision, { kind: 'commit' }> & { readonly actor?: Actor };
type Signal = Extract<StepEnvelope, { kind: 'signal' }>;
type Parts = { readonly documents: Documents; readonly registry: MachineRegistry; readonly clock: Clock; readonly random: Random };

export class SecondHost implements ContractRuntime {
  readonly #parts: Parts;
  readonly #readers = new Readers();
  readonly #alarms = new Map<string, () => void>();
  readonly #attempts: Attempts;
  #queue: Promise<unknown> = Promise.resolve();
  #commits = 0;
  #versionMissing = 0;
  #isClosed = false;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#attempts = new Attempts(parts.clock);
  }

  async recover(): Promise<this> {
    const { documents, registry } = this.#parts;
    for (const id of await documents.ids()) {
      const run = (await documents.readIfWhole(id))?.run;
      if (run === undefined) continue;
      this.#commits = Math.max(this.#commits, run.journal.at(-1)?.commit ?? 0);
      if (isVersionMissing(registry, run.record)) this.#versionMissing += 1;
      const revival = revive(registry, run);
      if (revival.kind !== 'actor') continue;
      for (const envelope of lostAttempts(revival.actor)) this.#tell(run.record.address, () => envelope);
      if (isDraining(run.record)) this.#tell(run.record.address, () => undefined);
      this.#setAlarm(revival.actor);
    }
    return this;
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<ContractHandle<Machine>> {
    return (await this.#start(machine, { id: `workflow-${this.#commits}`, onExisting: 'same-input', ...options })).handle;
  }

  async signalWithStart<Machine extends AnyStateMachine>(machine: Machine, options: SignalWithStartOptions<Machine>) {
    const signal = signalOf(options.event, options);
    const { handle, sent } = await this.#start(machine, { onExisting: 'use-existing', ...options }, signal);
    return { handle, sent: sent! };
  }

  async #start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>, signal?: Signal) {
    const [id, policy] = [options.id!, options.onExisting!];
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    const registered = this.#parts.registry.find(machine.id, String(machine.version))!;
    return this.#inTurn(async () => {
      const found = await this.#read(id);
      const { document, run, revival } = found ?? { document: { id, lastRun: 0, runs: [], messages: [] } };
      const existing = run && { record: run.record, actor: actorOf(id, revival!), input: inputOf(run.journal[0]) };
      const known = signal && run && this.#known(document, run.record, signal);
      const request = { machine: registered, input, policy, ...(signal && { signal }) };
      const decision = known === undefined ? decideNewRun(id, document.lastRun, existing, request, this.#context()) : undefined;
      if (decision?.kind === 'refuse') throw decision.error;
      if (decision?.kind === 'commit') await this.#commit(document, decision.steps);
      const sent = decision?.kind === 'commit' && decision.signalled ? answerOf(decision.signalled) : known;
      return { handle: this.#readers.handle<Machine>(id, this, run?.record, () => existing!.actor!), sent };
    });
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>> {
    const { run, revival } = await this.#inTurn(() => this.#find(id));
    return this.#readers.handle<Machine>(id, this, run.record, () => actorOf(id, revival)!);
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    return this.#send(id, signalOf(event, options));
  }

  async update(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    return this.#send(id, { ...signalOf(event, options), isUpdate: true });
  }

  #send(id: string, signal: Signal): Promise<SendResult> {
    return this.#inTurn(async () => {
      const { document, run, revival } = await this.#find(id);
      const known = this.#known(document, run.record, signal);
      if (known !== undefined) return known;
      const park = revival.kind === 'parked' ? revival.park.record : undefined;
      const actor = park === undefined ? actorOf(id, revival) : undefined;
      const { nowMs } = this.#context();
      const decision = park === undefined ? actor && decide(actor, signal, this.#context()) : holdSignal(park, signal, nowMs);
      if (decision?.kind !== 'commit') throw decision?.kind === 'refuse' ? decision.error : closedError(run.record);
      await this.#commit(document, [decision]);
      return answerOf(decision.commit);
    });
  }

  #known(document: WorkflowDocument, record: ActorRecord, { messageId }: Signal): SendResult | undefined {
    const message = messageId === undefined ? undefined : document.messages.findLast((given) => given.messageId === messageId);
    return firstOutcome(record, message, { nowMs: this.#context().nowMs, retentionMs: undefined });
  }

  pause = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('pause', options));
  resume = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('resume', options));
  unpark = (id: string, options?: ActOptions): Promise<void> => this.#control(id, actOf('unpark', options));

  #control(id: string, envelope: ControlEnvelope): Promise<void> {
    return this.#inTurn(async () => {
      const { document, run, revival } = await this.#find(id);
      const decision = control(run.record, envelope, this.#context().nowMs);
      if (decision.kind === 'refuse' && envelope.kind === 'unpark') actorOf(id, revival);
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind !== 'commit') return;
      const step = revival.kind === 'actor' ? onActor(revival.actor, decision) : decision;
      if (step.kind === 'commit') await this.#commit(document, [step]);
      // What waits in its mailbox is its first turn.
      this.#tell(run.record.address, () => undefined);
    });
  }

  delete(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const { run } = await this.#find(id);
      const refusal = deletionRefusal(run.record);
      if (refusal !== undefined) throw refusal;
      await this.#parts.documents.write({ id, lastRun: run.record.address.run, runs: [], messages: [] });
    });
  }

  async describe(id: string): Promise<WorkflowDescription> {
    const { run, revival: found } = await this.#find(id);
    return describeWorkflow(run, found.kind === 'actor' ? found.actor : undefined, found.kind === 'parked' ? found.park : undefined);
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
    await this.#attempts.shutDown();
    await this.#queue;
  }

  #context(): DecideContext {
    return { nowMs: this.#parts.clock.now(), random: this.#parts.random, admit: () => !this.#isClosed };
  }

  #inTurn<Answer>(work: () => Promise<Answer>): Promise<Answer> {
    const answer = this.#queue.then(work);
    return ((this.#queue = answer.catch(() => undefined)), answer);
  }

  /** What waits in the mailbox of a workflow is applied before anything else is done with it. */
  async #read(id: string) {
    for (;;) {
      const found = await this.#parts.documents.read(id);
      if (found?.run === undefined) return found && { ...found, run: undefined, revival: undefined };
      const revival = revive(this.#parts.registry, found.run);
      if (revival.kind !== 'actor' || !isDraining(found.run.record)) return { ...found, run: found.run, revival };
      const { n, envelope } = found.run.mail[0]!;
      const decision = decide(revival.actor, envelope, this.#context(), n);
      if (decision.kind === 'commit') await this.#commit(found.document, [decision]);
    }
  }

  async #find(id: string) {
    checkId(id, 'workflow id');
    const found = await this.#read(id);
    if (found?.run === undefined) throw notFoundError(id);
    return found;
  }

  /** Everything the steps change is in one document, written at once; only then is it acted upon and shown. */
  async #commit(document: WorkflowDocument, steps: readonly Step[]): Promise<void> {
    for (const { commit } of steps) fold(document, commit, (this.#commits += 1));
    await this.#parts.documents.write(document);
    for (const { commit, actor } of steps) {
      if (actor === undefined) continue;
      this.#readers.show(actor);
      for (const effect of commit.effects) this.#perform(actor, effect);
      this.#setAlarm(actor);
    }
  }

  #perform({ machine, record: { address } }: Actor, effect: Effect): void {
    const key = `${formatAddress(address)}:${effect.n}`;
    if (effect.kind === 'abort-attempt') this.#attempts.abort(key, effect.reason);
    else this.#attempts.run(key, effect, machine.activities.get(effect.src)!.descriptor, (outcome) => this.#tell(address, () => outcome));
  }

  /** Tells an actor what came of its own timers and attempts; `choose` is asked when its turn has come. */
  #tell({ workflowId, run }: Address, choose: (actor: Actor) => Parameters<typeof decide>[1] | undefined): void {
    void this.#inTurn(async () => {
      const found = await this.#read(workflowId);
      if (found?.run === undefined || found.run.record.address.run !== run) return;
      const actor = actorOf(workflowId, found.revival);
      const envelope = actor && choose(actor);
      const decision = envelope && decide(actor, envelope, this.#context());
      if (decision?.kind === 'commit') await this.#commit(found.document, [decision]);
      else if (actor !== undefined) this.#setAlarm(actor);
    });
  }

  /** The wall clock may jump, so it is looked at now and then. */
  #setAlarm(actor: Actor): void {
    const [{ clock }, { address }] = [this.#parts, actor.record];
    this.#alarms.get(address.workflowId)?.();
    const atMs = this.#isClosed ? undefined : wakeAt(actor);
    if (atMs === undefined) return;
    const wake = (): void => this.#tell(address, (woken) => due(woken, clock.now())[0]);
    this.#alarms.set(address.workflowId, clock.setTimer(Math.min(atMs - clock.now(), limits.clockCheckMs), wake));
  }
}

/** Undefined if it is closed and its machine is gone. */
function actorOf(id: string, revival: Revival): Actor | undefined {
  if (revival.kind === 'parked') throw parkedFor(id, revival.park.reason, revival.park.failure.message);
  return revival.kind === 'actor' ? revival.actor : undefined;
}

function signalOf(event: EventObject, { messageId }: SendOptions): Signal {
  if (messageId !== undefined) checkId(messageId, 'message id');
  return { kind: 'signal', event: encodeEvent(event), ...(messageId && { messageId }) };
}
