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
import type { Clock } from '../kernel/ports.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { RegisteredMachine } from '../kernel/registered-machine.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import { checkStartPolicy } from '../kernel/start-policy.ts';
import { encodePayload } from '../kernel/value-encoding.ts';
import type { AnyStateMachine, EventObject, InputFrom } from '../kernel/xstate-seam.ts';
import type { EngineKeeper } from './engine-keeper.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { HistoryOptions, Reader } from './reader.ts';
import { StoreReader } from './reader.ts';
import { SignalLetter } from './signal-letter.ts';
import { StartLetter } from './start-letter.ts';
import { spaceLow, storeFailed, storeSlow } from './store-refusals.ts';
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
  /**
   * - `open`: everything is taken.
   * - `degraded`: starts are refused, everything else goes on: a write takes longer than a second, or the disk is nearly full.
   * - `recovering`: the store failed and will be opened again by the runtime itself; starts and sends are refused, reads go on.
   * - `failed`: the store cannot be opened again (`STORE_DAMAGED`, …); close the runtime.
   * - `closed`: `close` was called.
   */
  readonly state: 'open' | 'degraded' | 'recovering' | 'failed' | 'closed';
  /** Open workflows whose machine version was not registered when the runtime was opened; they wait for it. */
  readonly versionMissing: number;
  /** Why it is degraded, recovering or failed. */
  readonly failure?: unknown;
  /** Since when it is recovering or failed. Epoch milliseconds. */
  readonly sinceAtMs?: number;
}

/** Workflows on one store, run by this process. */
export interface Runtime extends Reader {
  /**
   * Starts a workflow; resolves when its first step is on disk.
   *
   * @throws PerdureError `WORKFLOW_EXISTS`, `MACHINE_NOT_REGISTERED`, `ID_INVALID`, `PAYLOAD_…`, `STEP_FAILED` if the first step threw,
   *   `STORE_UNAVAILABLE` (outcome unknown: repeat with the same id), `STORE_SLOW` and `STORE_SPACE_LOW` while the disk cannot keep up
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
  readonly keeper: EngineKeeper;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly versionMissing: number;
  /** Free space on the store's disk; absent where there is none to run out of. */
  readonly space?: DiskSpace;
}

/** How much room the store has. */
export interface DiskSpace {
  /** Free bytes when last looked, if fewer than starts need. Answers at once. */
  shortage(): { readonly freeBytes: number; readonly floorBytes: number } | undefined;
}

export class LocalRuntime implements Runtime {
  readonly #parts: RuntimeParts;
  #closing: Promise<void> | undefined;

  constructor(parts: RuntimeParts) {
    this.#parts = parts;
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
    this.#checkRoom();
    const { store, engine } = this.#parts.keeper;
    const resident = await this.#ask<Resident>(
      id,
      (asked) => new StartLetter(engine.supervisor, store, { machine: registered, input, policy }, asked),
    );
    return this.#handle<Machine>(resident);
  }

  async get<Machine extends AnyStateMachine>(id: string): Promise<WorkflowHandle<Machine>> {
    this.#checkOpen();
    checkId(id, 'workflow id');
    const { supervisor } = this.#parts.keeper.engine;
    const resident = await this.#ask<Resident>(id, ({ resolve, reject }) => ({
      handle: (found) => {
        if (found.actor === undefined && found.closed === undefined && found.park === undefined) reject(notFoundError(id));
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
    const { store, engine } = this.#parts.keeper;
    return this.#ask<SendResult>(id, (asked) => new SignalLetter(engine.supervisor, store, signal, asked));
  }

  async describe(id: string): Promise<WorkflowDescription> {
    this.#checkReadable();
    return this.#reader().describe(id);
  }

  async history(id: string, options?: HistoryOptions): Promise<readonly HistoryEntry[]> {
    this.#checkReadable();
    return this.#reader().history(id, options);
  }

  health(): RuntimeHealth {
    const { keeper, versionMissing } = this.#parts;
    if (this.#closing !== undefined) return { state: 'closed', versionMissing };
    const { trouble } = keeper;
    if (trouble !== undefined) {
      const { error: failure, sinceAtMs, isFinal } = trouble;
      return { state: isFinal ? 'failed' : 'recovering', versionMissing, failure, sinceAtMs };
    }
    const failure = this.#strain();
    return failure === undefined ? { state: 'open', versionMissing } : { state: 'degraded', versionMissing, failure };
  }

  async close(options: { readonly grace?: Duration } = {}): Promise<void> {
    const graceMs = options.grace === undefined ? limits.closeGraceMs : parseDuration(options.grace, 'close: grace');
    this.#closing ??= this.#parts.keeper.close(graceMs, closedError());
    await this.#closing;
  }

  /** Hands a letter over and waits for what it comes to. */
  async #ask<Answer>(id: string, letter: (asked: Asked<Answer>) => Letter): Promise<Answer> {
    const { supervisor } = this.#parts.keeper.engine;
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
    const { keeper, clock } = this.#parts;
    const handle = new ViewHandle({
      view,
      views: keeper.views,
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

  #reader(): Reader {
    return new StoreReader(this.#parts.keeper.store, this.#parts.registry, true);
  }

  /** Reads go on after the store refused a write. */
  #checkReadable(): void {
    if (this.#closing !== undefined) throw closedError();
  }

  #checkOpen(): void {
    this.#checkReadable();
    const { trouble } = this.#parts.keeper;
    if (trouble !== undefined) throw storeFailed(this.#parts.keeper.store.location, trouble.error, trouble.isFinal);
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
