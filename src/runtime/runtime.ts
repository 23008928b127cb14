/** What users call (`runtime-door.ts`), over a store and the parts that move. Options have been checked by the host. */
import { nanoid } from 'nanoid';
import { checkId } from '../kernel/address.ts';
import type { WorkflowDescription } from '../kernel/describe.ts';
import { parseDeadline } from '../kernel/deadline.ts';
import type { Duration } from '../kernel/duration.ts';
import { parseDuration } from '../kernel/duration.ts';
import type { EndOptions, TerminateEnvelope } from '../kernel/ending.ts';
import { cancelOf, terminateOf } from '../kernel/ending.ts';
import type { ActEnvelope, CancelEnvelope } from '../kernel/envelope.ts';
import { PerdureError } from '../kernel/errors.ts';
import type { HistoryEntry } from '../kernel/history.ts';
import { limits } from '../kernel/limits.ts';
import { mailboxFull } from '../kernel/mailbox.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import { checkOptions } from '../kernel/options.ts';
import { actOf } from '../kernel/pause.ts';
import type { Clock } from '../kernel/ports.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { StartRequest } from '../kernel/start.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import { checkStartPolicy } from '../kernel/start-policy.ts';
import { encodePayload } from '../kernel/value-encoding.ts';
import type { AnyStateMachine, EventObject } from '../kernel/xstate-seam.ts';
import type { Activities } from './activity-control.ts';
import { ActivityControl } from './activity-control.ts';
import { ControlLetter } from './control-letter.ts';
import { DeleteLetter } from './delete-letter.ts';
import type { DiskSpace } from './disk-space.ts';
import type { EngineKeeper } from './engine-keeper.ts';
import { EndLetter } from './end-letter.ts';
import { EnvelopeLetter } from './envelope-letter.ts';
import { QueueControl } from './queue-control.ts';
import { QueueLetter } from './queue-letter.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { HistoryOptions, Reader } from './reader.ts';
import { StoreReader } from './reader.ts';
import type { ActOptions, Runtime, RuntimeHealth, SignalWithStartOptions, StartOptions } from './runtime-door.ts';
import { checkMachine, sendOptions, signalOf, signalWithStartOptions, startOptions } from './runtime-checks.ts';
import type { MessageParts } from './signal-letter.ts';
import { SignalLetter } from './signal-letter.ts';
import type { Started } from './start-letter.ts';
import { StartLetter } from './start-letter.ts';
import { OutboxControl } from './outbox-control.ts';
import { runtimeClosed, spaceLow, storeFailed, storeSlow } from './store-refusals.ts';
import { ViewHandle } from './view-handle.ts';
import type { SendOptions, WorkflowHandle } from './workflow-handle.ts';

export interface RuntimeParts {
  readonly keeper: EngineKeeper;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly versionMissing: number;
  readonly messageIdRetentionMs: number | undefined;
  /** Free space on the store's disk; absent where there is none to run out of. */
  readonly space?: DiskSpace;
}

export class LocalRuntime implements Runtime {
  readonly activities: Activities;
  readonly outbox: OutboxControl;
  readonly queue: QueueControl;
  readonly #parts: RuntimeParts;
  #closing: Promise<void> | undefined;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    this.queue = new QueueControl(
      () => this.#reader().queue,
      async (question) => {
        this.#checkOpen();
        if (question.place.cause === 'outbox-message') return parts.keeper.outbox.poison.act(question);
        const { engine, store } = parts.keeper;
        return this.#ask<void>(question.place.address.workflowId, (asked) => new QueueLetter(engine.supervisor, store, question, asked));
      },
    );
    this.activities = new ActivityControl(async (id, question) => {
      this.#checkOpen();
      return this.#ask<void>(id, (asked) => new EnvelopeLetter(parts.keeper.engine.supervisor, question, asked));
    });
    this.outbox = new OutboxControl(parts.keeper, (isWriting) => (isWriting ? this.#checkOpen() : this.#checkClosed()));
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<WorkflowHandle<Machine>> {
    checkMachine('start', machine);
    checkOptions(options, 'start', startOptions, '{ id, input }');
    const { resident } = await this.#start(machine, options, options.id ?? nanoid(), options.onExisting ?? 'same-input');
    return this.#handle<Machine>(resident);
  }

  async signalWithStart<Machine extends AnyStateMachine>(
    machine: Machine,
    options: SignalWithStartOptions<Machine>,
  ): Promise<{ readonly handle: WorkflowHandle<Machine>; readonly sent: SendResult }> {
    checkMachine('signalWithStart', machine);
    checkOptions(options, 'signalWithStart', signalWithStartOptions, '{ id, input, event }');
    const { id, event, messageId, onExisting = 'use-existing' } = options;
    const { resident, sent } = await this.#start(machine, options, id, onExisting, signalOf(event, messageId));
    if (sent === undefined) throw new TypeError('A start with a signal was answered without what became of the signal.');
    return { handle: this.#handle<Machine>(resident), sent };
  }

  async #start(
    machine: AnyStateMachine,
    options: { readonly input?: unknown; readonly deadline?: Duration | Date },
    id: string,
    policy: StartPolicy,
    signal?: StartRequest['signal'],
  ): Promise<Started> {
    this.#checkOpen();
    const registered = this.#registered(machine);
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    checkStartPolicy(policy);
    const deadline = options.deadline === undefined ? undefined : parseDeadline(options.deadline, 'start: deadline');
    this.#checkRoom();
    const request: StartRequest = { machine: registered, input, policy, deadline, ...(signal === undefined ? {} : { signal }) };
    return this.#ask<Started>(id, (asked) => new StartLetter(this.#messageParts(), request, asked));
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<WorkflowHandle<Machine>> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { supervisor } = this.#parts.keeper.engine;
    const resident = await this.#ask<Resident>(id, ({ resolve, reject }) => ({
      handle: (found) => {
        if (found.tree === undefined && found.closed === undefined && found.park === undefined) reject(notFoundError(id));
        else supervisor.commit(found, [], () => resolve(found), reject);
      },
      reject,
    }));
    return this.#handle<Machine>(resident);
  }

  async send(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    checkOptions(options, 'send', sendOptions);
    return this.#send(id, signalOf(event, options.messageId));
  }

  async update(id: string, event: EventObject, options: SendOptions = {}): Promise<SendResult> {
    checkOptions(options, 'update', sendOptions);
    return this.#send(id, { ...signalOf(event, options.messageId), isUpdate: true });
  }

  async #send(id: string, signal: NonNullable<StartRequest['signal']>): Promise<SendResult> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    return this.#ask<SendResult>(id, (asked) => new SignalLetter(this.#messageParts(), signal, asked));
  }

  async pause(id: string, options?: ActOptions): Promise<void> {
    await this.#control(id, actOf('pause', options));
  }

  async resume(id: string, options?: ActOptions): Promise<void> {
    await this.#control(id, actOf('resume', options));
  }

  async unpark(id: string, options?: ActOptions): Promise<void> {
    await this.#control(id, actOf('unpark', options));
  }

  async #control(id: string, envelope: ActEnvelope): Promise<void> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { supervisor } = this.#parts.keeper.engine;
    await this.#ask<void>(id, (asked) => new ControlLetter(supervisor, envelope, asked));
  }

  async cancel(id: string, options?: EndOptions): Promise<void> {
    await this.#end(id, cancelOf(options));
  }

  async terminate(id: string, options?: EndOptions): Promise<void> {
    await this.#end(id, terminateOf(options));
  }

  async #end(id: string, envelope: CancelEnvelope | TerminateEnvelope): Promise<void> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { supervisor } = this.#parts.keeper.engine;
    await this.#ask<void>(id, (asked) => new EndLetter(supervisor, envelope, asked));
  }

  async delete(id: string): Promise<void> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { engine, store } = this.#parts.keeper;
    await this.#ask<boolean>(id, (asked) => new DeleteLetter(engine.supervisor, store, asked));
    await this.#parts.keeper.outbox.poison.forget(id);
  }

  async describe(id: string): Promise<WorkflowDescription> {
    return this.#reader().describe(id);
  }

  async history(id: string, options?: HistoryOptions): Promise<readonly HistoryEntry[]> {
    return this.#reader().history(id, options);
  }

  readonly results: Reader['results'] = async (address, options) => this.#reader().results(address, options);

  readonly list: Reader['list'] = async (filter, options) => this.#reader().list(filter, options);

  readonly count = (async (filter, options) => this.#reader().count(filter, options)) as Reader['count'];

  health(): RuntimeHealth {
    const { keeper, versionMissing } = this.#parts;
    const { trouble } = keeper;
    const always = { versionMissing, zombieAttempts: keeper.attempts.zombies };
    if (this.#closing !== undefined) return { state: 'closed', ...always };
    if (trouble !== undefined) {
      const { error: failure, sinceAtMs, isFinal } = trouble;
      return { state: isFinal ? 'failed' : 'recovering', ...always, failure, sinceAtMs };
    }
    const failure = this.#strain();
    return failure === undefined ? { state: 'open', ...always } : { state: 'degraded', ...always, failure };
  }

  async close(options: { readonly grace?: Duration } = {}): Promise<void> {
    checkOptions<typeof options>(options, 'close', { grace: true }, "{ grace: '10s' }");
    const graceMs = options.grace === undefined ? limits.closeGraceMs : parseDuration(options.grace, 'close: grace');
    this.#closing ??= this.#parts.keeper.close(graceMs, runtimeClosed());
    await this.#closing;
  }

  /** Hands a letter over and waits for what it comes to. */
  async #ask<Answer>(id: string, letter: (asked: Asked<Answer>) => Letter): Promise<Answer> {
    const { supervisor } = this.#parts.keeper.engine;
    if (supervisor.backlog(id) >= limits.mailboxMax) throw mailboxFull(id);
    return new Promise<Answer>((resolve, reject) => supervisor.post(id, letter({ resolve, reject })));
  }

  #messageParts(): MessageParts {
    const { keeper, messageIdRetentionMs: retentionMs } = this.#parts;
    const { engine, store } = keeper;
    return { supervisor: engine.supervisor, store, retentionMs };
  }

  #handle<Machine extends AnyStateMachine>(resident: Resident): WorkflowHandle<Machine> {
    const { view, closed, park, workflowId } = resident;
    const { keeper, clock } = this.#parts;
    const handle = new ViewHandle({
      view,
      views: keeper.views,
      clock,
      closed,
      send: async (event, options) => this.send(workflowId, event, options),
      update: async (event, options) => this.update(workflowId, event, options),
      check: () => {
        this.#checkOpen();
        if (view.current === undefined && park !== undefined) throw parkedFor(workflowId, park.reason, park.failure.message);
      },
    });
    return handle as unknown as WorkflowHandle<Machine>; // the machine's types are the caller's word for what the store has
  }

  #registered(machine: AnyStateMachine): RegisteredMachine {
    const version = String(machine.version);
    const registered = this.#parts.registry.find(machine.id, version);
    if (registered !== undefined) return registered;
    const message = `Machine "${machine.id}" version "${version}" is not registered; give it to openRuntime({ machines }).`;
    throw new PerdureError('MACHINE_NOT_REGISTERED', message, { machine: machine.id, version });
  }

  /** Reads go on after the store refused a write. */
  #reader(): Reader {
    this.#checkClosed();
    const { store, engine } = this.#parts.keeper;
    return new StoreReader(store, this.#parts.registry, this.#parts.clock, true, (work) => engine.supervisor.erase(work));
  }

  #checkClosed(): void {
    if (this.#closing !== undefined) throw runtimeClosed();
  }

  #checkOpen(): void {
    this.#checkClosed();
    const { store, trouble } = this.#parts.keeper;
    if (trouble !== undefined) throw storeFailed(store.location, trouble.error, trouble.isFinal);
  }

  /** New work is the first to be refused where the disk cannot keep up; what is under way goes on. */
  #checkRoom(): void {
    const strain = this.#strain();
    if (strain !== undefined) throw strain;
  }

  #strain(): PerdureError | undefined {
    const { keeper, space } = this.#parts;
    const path = keeper.store.location;
    const sinceMs = Math.round(keeper.engine.syncingForMs);
    if (sinceMs > limits.slowSyncMs) return storeSlow(path, sinceMs);
    const shortage = space?.shortage();
    return shortage === undefined ? undefined : spaceLow(path, shortage.freeBytes, shortage.floorBytes);
  }
}
