/** What users call, over a store and the parts that move. Options have been checked by the host. */
import { nanoid } from 'nanoid';
import { checkId } from '../kernel/address.ts';
import type { WorkflowDescription } from '../kernel/describe.ts';
import type { Duration } from '../kernel/duration.ts';
import { parseDuration } from '../kernel/duration.ts';
import { PerdureError } from '../kernel/errors.ts';
import { encodeEvent } from '../kernel/event-check.ts';
import type { HistoryEntry } from '../kernel/history.ts';
import { limits } from '../kernel/limits.ts';
import type { MachineRegistry } from '../kernel/machine-registry.ts';
import type { Clock, Store } from '../kernel/ports.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import { checkStartPolicy } from '../kernel/start-policy.ts';
import { encodePayload } from '../kernel/value-encoding.ts';
import type { AnyStateMachine, EventObject, InputFrom } from '../kernel/xstate-seam.ts';
import type { Activities } from './activity-control.ts';
import { ActivityControl } from './activity-control.ts';
import type { Engine } from './engine.ts';
import { EnvelopeLetter } from './envelope-letter.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { HistoryOptions, Reader } from './reader.ts';
import { StoreReader } from './reader.ts';
import { SignalLetter } from './signal-letter.ts';
import { StartLetter } from './start-letter.ts';
import { ViewHandle } from './view-handle.ts';
import type { SendOptions, WorkflowHandle } from './workflow-handle.ts';

/** Options of `start`; `input` may be left out where the machine takes none. */
export type StartOptions<Machine extends AnyStateMachine> = {
  /** Names the workflow; starting it again with the same input returns it. Default: a new random id. */
  readonly id?: string;
  /** What to do when the id is taken. Default `same-input`. */
  readonly onExisting?: StartPolicy;
} & (undefined extends InputFrom<Machine> ? { readonly input?: InputFrom<Machine> } : { readonly input: InputFrom<Machine> });

/** How the runtime itself is. */
export interface RuntimeHealth {
  /** `failed`: the store refused a write; open the runtime again. */
  readonly state: 'open' | 'closed' | 'failed';
  /** Open workflows whose machine version was not registered when the runtime was opened; they wait for it. */
  readonly versionMissing: number;
  /** Attempts that were aborted or timed out and whose code goes on: it ignores its `signal`. */
  readonly zombieAttempts: number;
  /** What made it fail. */
  readonly failure?: unknown;
}

/** Workflows on one store, run by this process. */
export interface Runtime extends Reader {
  /**
   * Starts a workflow; resolves when its first step is on disk.
   *
   * @throws PerdureError `WORKFLOW_EXISTS`, `MACHINE_NOT_REGISTERED`, `ID_INVALID`, `PAYLOAD_…`, `STEP_FAILED` if the first step threw,
   *   `STORE_UNAVAILABLE` (outcome unknown: repeat with the same id)
   */
  start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<WorkflowHandle<Machine>>;
  /**
   * A handle on a workflow that was started before, by this process or another.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`
   */
  get<Machine extends AnyStateMachine>(id: string): Promise<WorkflowHandle<Machine>>;
  /** Sends an event to a workflow by id; see `send` of the handle. */
  send(id: string, event: EventObject, options?: SendOptions): Promise<SendResult>;
  /** Pending activities: completed from outside, or dealt with by hand. */
  readonly activities: Activities;
  /** Whether the runtime is open, and what waits for a machine version. */
  health(): RuntimeHealth;
  /**
   * Takes no new work, tells running attempts (`signal`, reason `shutdown`), writes what is decided and closes the store.
   * Attempts that do not end within `grace` (default 5 s) are given back without being charged; with `maximumAttempts: 1` they
   * are lost, since they may have had their effect. Safe to call twice.
   */
  close(options?: { readonly grace?: Duration }): Promise<void>;
}

export interface RuntimeParts {
  readonly engine: Engine;
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly versionMissing: number;
}

export class LocalRuntime implements Runtime {
  readonly activities: Activities;
  readonly #parts: RuntimeParts;
  readonly #reader: Reader;
  #closing: Promise<void> | undefined;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
    this.#reader = new StoreReader(parts.store, parts.registry, true);
    this.activities = new ActivityControl(async (id, path, choose) => {
      this.#checkOpen();
      return this.#ask<void>(id, (asked) => new EnvelopeLetter(parts.engine.supervisor, path, choose, asked));
    });
  }

  async start<Machine extends AnyStateMachine>(machine: Machine, options: StartOptions<Machine>): Promise<WorkflowHandle<Machine>> {
    this.#checkOpen();
    checkStartArguments(machine, options);
    const registered = this.#registered(machine);
    const id = options.id ?? nanoid();
    checkId(id, 'workflow id');
    const input = encodePayload(options.input, 'input');
    const policy = options.onExisting ?? 'same-input';
    checkStartPolicy(policy);
    const { supervisor } = this.#parts.engine;
    const resident = await this.#ask<Resident>(
      id,
      (asked) => new StartLetter(supervisor, this.#parts.store, { machine: registered, input, policy }, asked),
    );
    return this.#handle<Machine>(resident);
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<WorkflowHandle<Machine>> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { supervisor } = this.#parts.engine;
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
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { messageId } = options;
    if (messageId !== undefined) checkId(messageId, 'message id');
    const signal = { kind: 'signal' as const, event: encodeEvent(event), ...(messageId === undefined ? {} : { messageId }) };
    const { supervisor } = this.#parts.engine;
    return this.#ask<SendResult>(id, (asked) => new SignalLetter(supervisor, this.#parts.store, signal, asked));
  }

  async describe(id: string): Promise<WorkflowDescription> {
    this.#checkReadable();
    return this.#reader.describe(id);
  }

  async history(id: string, options?: HistoryOptions): Promise<readonly HistoryEntry[]> {
    this.#checkReadable();
    return this.#reader.history(id, options);
  }

  health(): RuntimeHealth {
    const failure = this.#parts.engine.failure;
    const state = this.#closing !== undefined ? 'closed' : failure === undefined ? 'open' : 'failed';
    const { zombieAttempts } = this.#parts.engine;
    return { state, versionMissing: this.#parts.versionMissing, zombieAttempts, ...(failure === undefined ? {} : { failure }) };
  }

  async close(options: { readonly grace?: Duration } = {}): Promise<void> {
    const graceMs = options.grace === undefined ? limits.closeGraceMs : parseDuration(options.grace, 'close: grace');
    this.#closing ??= this.#close(graceMs);
    await this.#closing;
  }

  async #close(graceMs: number): Promise<void> {
    const { engine, store } = this.#parts;
    await engine.shutDown(graceMs);
    engine.supervisor.fail(closedError());
    engine.views.endAll(closedError());
    await store.close();
  }

  /** Hands a letter over and waits for what it comes to. */
  async #ask<Answer>(id: string, letter: (asked: Asked<Answer>) => Letter): Promise<Answer> {
    const { supervisor } = this.#parts.engine;
    if (supervisor.backlog(id) >= limits.mailboxMax) {
      throw new PerdureError(
        'MAILBOX_FULL',
        `Workflow "${id}" has ${limits.mailboxMax} messages waiting; send again when some are applied.`,
        {
          id,
          max: limits.mailboxMax,
        },
      );
    }
    return new Promise<Answer>((resolve, reject) => supervisor.post(id, letter({ resolve, reject })));
  }

  #handle<Machine extends AnyStateMachine>(resident: Resident): WorkflowHandle<Machine> {
    const { view, closed, park, workflowId } = resident;
    const { engine, clock } = this.#parts;
    const handle = new ViewHandle({
      view,
      views: engine.views,
      clock,
      closed,
      send: async (event, options) => this.send(workflowId, event, options),
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
  #checkReadable(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #checkOpen(): void {
    this.#checkReadable();
    const failure = this.#parts.engine.failure;
    if (failure instanceof Error) throw failure;
  }
}

/** Callers without types get told, too. */
function checkStartArguments(machine: unknown, options: unknown): void {
  if (typeof machine !== 'object' || machine === null || !('version' in machine)) {
    throw new TypeError(`start: give a machine that was registered with openRuntime; found ${machine === null ? 'null' : typeof machine}.`);
  }
  if (typeof options !== 'object' || options === null) {
    throw new TypeError(`start: give options such as { id, input }; found ${options === null ? 'null' : typeof options}.`);
  }
}

function closedError(): PerdureError {
  return new PerdureError('RUNTIME_CLOSED', 'The runtime is closed; open it again to go on.', {});
}
