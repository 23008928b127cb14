/**
 * A second host, of the kernel alone: one message at a time, one write for each, one JSON document for each workflow, nothing
 * kept in memory between messages but what readers see. That it keeps the contract shows that the rules are the kernel's.
 */
import type { AnyStateMachine, EventObject } from 'xstate';
import type { HistoryEntry, SendOptions, SendResult, StartOptions, WorkflowDescription } from 'perdure';
import type { Actor } from '../../src/kernel/actor.ts';
import type { Address } from '../../src/kernel/address.ts';
import { checkId, formatAddress } from '../../src/kernel/address.ts';
import type { AttemptOutcome } from '../../src/kernel/attempt-outcome.ts';
import { makeAttempt } from '../../src/kernel/attempt-outcome.ts';
import { formatToken } from '../../src/kernel/attempt-token.ts';
import type { Effect } from '../../src/kernel/commit.ts';
import type { Decision } from '../../src/kernel/decide.ts';
import { decide } from '../../src/kernel/decide.ts';
import { describeWorkflow } from '../../src/kernel/describe.ts';
import type { DecideContext } from '../../src/kernel/draft.ts';
import { encodeEvent } from '../../src/kernel/event-check.ts';
import { historyEntry } from '../../src/kernel/history.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { MachineRegistry, Revival } from '../../src/kernel/machine-registry.ts';
import { isVersionMissing, revive } from '../../src/kernel/machine-registry.ts';
import type { Clock, Random } from '../../src/kernel/ports.ts';
import type { Json } from '../../src/kernel/json.ts';
import { closedError, notFoundError, parkedFor } from '../../src/kernel/refusals.ts';
import { answerOf, firstOutcome } from '../../src/kernel/signal.ts';
import { decideNewRun, inputOf } from '../../src/kernel/start.ts';
import { encodePayload } from '../../src/kernel/value-encoding.ts';
import { due, lostAttempts, wakeAt } from '../../src/kernel/wake.ts';
import { ActivityControl } from '../../src/runtime/activity-control.ts';
import { AttemptWatch } from '../../src/runtime/attempt-watch.ts';
import type { ContractHandle, ContractRuntime } from './contract-host.ts';
import type { Documents, WorkflowDocument } from './documents.ts';
import { fold } from './documents.ts';
import { Readers } from './readers.ts';

type Committed = Extract<Decision, { kind: 'commit' }>;
type Parts = { readonly documents: Documents; readonly registry: MachineRegistry; readonly clock: Clock; readonly random: Random };

export class SecondHost implements ContractRuntime {
  readonly activities = new ActivityControl(async (id, choose) => this.tell(id, choose));
  readonly #parts: Parts;
  readonly #readers = new Readers();
  readonly #alarms = new Map<string, () => void>();
  readonly #attempts = new Map<string, { readonly controller: AbortController; readonly ended: Promise<void> }>();
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
      this.#commits = Math.max(this.#commits, run.journal.at(-1)?.commit ?? 0);
      if (isVersionMissing(registry, run.record)) this.#versionMissing += 1;
      const revival = revive(registry, run);
      if (revival.kind !== 'actor') continue;
      for (const envelope of lostAttempts(revival.actor)) this.#tell(run.record.address, () => envelope);
      this.#setAlarm(revival.actor);
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
      const existing = found && { record: found.run.record, actor: actorOf(id, found.revival), input: inputOf(found.run.journal[0]) };
      const decision = decideNewRun(id, existing, { machine: registered, input, policy }, this.#context());
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind === 'commit') await this.#commit(found?.document ?? { runs: [], messages: [] }, decision.steps);
      return this.#readers.handle<Machine>(id, this, found?.run.record, () => existing!.actor!);
    });
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<ContractHandle<Machine>> {
    const { run, revival } = await this.#inTurn(() => this.#find(id));
    return this.#readers.handle<Machine>(id, this, run.record, () => actorOf(id, revival)!);
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    const { messageId } = options;
    if (messageId !== undefined) checkId(messageId, 'message id');
    const signal = { kind: 'signal' as const, event: encodeEvent(event), ...(messageId && { messageId }) };
    return this.#inTurn(async () => {
      const { document, run, revival } = await this.#find(id);
      const known = firstOutcome(
        run.record,
        document.messages.findLast((message) => message.messageId === messageId),
      );
      if (known !== undefined) return known;
      const actor = actorOf(id, revival);
      const decision = actor && decide(actor, signal, this.#context());
      if (decision?.kind !== 'commit') throw decision?.kind === 'refuse' ? decision.error : closedError(run.record);
      await this.#commit(document, [decision]);
      const answer = answerOf(decision.commit);
      if (answer.kind === 'refuse') throw answer.error;
      return answer.result;
    });
  }

  /** Tells an actor what `choose` says; resolves when what came of it is on disk. */
  async tell(id: string, choose: (actor: Actor) => Parameters<typeof decide>[1] | Error): Promise<void> {
    return this.#inTurn(async () => {
      const { document, run, revival } = await this.#find(id);
      const actor = actorOf(id, revival);
      const envelope = actor === undefined ? closedError(run.record) : choose(actor);
      if (envelope instanceof Error) throw envelope;
      const decision = decide(actor!, envelope, this.#context());
      if (decision.kind === 'refuse') throw decision.error;
      if (decision.kind === 'commit') await this.#commit(document, [decision]);
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
    return found === undefined ? undefined : { ...found, revival: revive(this.#parts.registry, found.run) };
  }

  async #find(id: string) {
    checkId(id, 'workflow id');
    const found = await this.#read(id);
    if (found === undefined) throw notFoundError(id);
    return found;
  }

  /** Everything the steps change is in one document, written at once; only then is it acted upon and shown. */
  async #commit(document: WorkflowDocument, steps: readonly Committed[]): Promise<void> {
    for (const { commit } of steps) fold(document, commit, (this.#commits += 1));
    await this.#parts.documents.write(document);
    for (const { commit, actor } of steps) {
      this.#readers.show(actor);
      for (const effect of commit.effects) this.#perform(actor, effect);
      this.#setAlarm(actor);
    }
  }

  #perform({ machine, record: { address } }: Actor, effect: Effect): void {
    const key = `${formatAddress(address)}:${effect.n}`;
    if (effect.kind === 'abort-attempt') return this.#attempts.get(key)?.controller.abort(effect.reason);
    const { descriptor } = machine.activities.get(effect.src)!;
    const controller = new AbortController();
    const report = (outcome: AttemptOutcome): void => this.#tell(address, () => outcome);
    const { startToCloseTimeoutMs: closeMs, heartbeatTimeoutMs } = descriptor;
    const watch = new AttemptWatch(
      this.#parts.clock,
      effect,
      { closeMs, signMs: heartbeatTimeoutMs ?? Infinity, heartbeatTimeoutMs },
      report,
    );
    const handOver = async () => {
      await this.tell(address.workflowId, () => ({ kind: 'attempt-handed-over', n: effect.n, attempt: effect.attempt }));
      // From now on its time-outs are on disk.
      watch.stop();
      return formatToken({ address, ...effect });
    };
    const host = { signal: controller.signal, heartbeat: (details: Json | undefined) => watch.beat(details), handOver };
    const ended = makeAttempt(effect, descriptor, host).then((outcome) => {
      watch.stop();
      if (outcome !== undefined) report(outcome);
    });
    this.#attempts.set(key, { controller, ended });
  }

  /** Tells an actor what came of its own timers and attempts; `choose` is asked when its turn has come. */
  #tell({ workflowId, run }: Address, choose: (actor: Actor) => Parameters<typeof decide>[1] | undefined): void {
    void this.#inTurn(async () => {
      const found = await this.#read(workflowId);
      if (found?.run.record.address.run !== run) return;
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
