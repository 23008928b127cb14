/** What users call on a runtime. */
import type { Activities } from './activity-control.ts';
import type { Duration } from '../kernel/duration.ts';
import type { EndOptions } from '../kernel/ending.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { StartPolicy } from '../kernel/start-policy.ts';
import type { AnyStateMachine, EventObject, InputFrom, SignalFrom } from '../kernel/xstate-seam.ts';
import type { Outbox } from './outbox-door.ts';
import type { Queue } from './queue-control.ts';
import type { Reader } from './reader.ts';
import type { SendOptions, WorkflowHandle } from './workflow-handle.ts';

/** Options of `start`; `input` may be left out where the machine takes none. */
export type StartOptions<Machine extends AnyStateMachine> = {
  /** Names the workflow; starting it again with the same input returns it. Default: a new random id. */
  readonly id?: string;
  /** What to do when the id is taken. Default `same-input`. */
  readonly onExisting?: StartPolicy;
  /**
   * When the workflow has to be over: so long after its start (a number is milliseconds), or at a moment; one in the past passes at once.
   * It hears `workflow.deadline` then: a chart that has a transition for that where it is decides what comes of it, any other ends `failed`
   * with class `DeadlineExceeded`. From that moment on no attempt of an activity begins, and a retry that would fails before with its last
   * error, until such a chart has heard of it. Not compared where the id is taken: a workflow that exists keeps its own. Default:
   * `meta: { deadline }` of the machine's root, otherwise none.
   */
  readonly deadline?: Duration | Date;
} & (undefined extends InputFrom<Machine> ? { readonly input?: InputFrom<Machine> } : { readonly input: InputFrom<Machine> });

/** Options of `signalWithStart`. */
export type SignalWithStartOptions<Machine extends AnyStateMachine> = StartOptions<Machine> & {
  readonly id: string;
  /** What the workflow is sent, whether it was there or not. */
  readonly event: SignalFrom<Machine>;
  /** Makes repeating the call safe: the same id is applied once, and no other run is started for it. */
  readonly messageId?: string;
};

/** Who does it and why; both are journaled and shown by `history`. */
export interface ActOptions {
  readonly by?: string;
  readonly note?: string;
}

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
  /** Attempts that were aborted or timed out and whose code goes on: it ignores its `signal`. */
  readonly zombieAttempts: number;
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
  /** `send` that refuses what the state does not accept; see `update` of the handle. */
  update(id: string, event: EventObject, options?: SendOptions): Promise<SendResult>;
  /**
   * Starts a workflow if there is none of that id, then sends it the event, all in one commit. `onExisting` is `use-existing` by
   * default: an open workflow of that machine is sent the event whatever it was started with.
   *
   * @throws what `start` and `send` throw; nothing is started or stored then
   */
  signalWithStart<Machine extends AnyStateMachine>(
    machine: Machine,
    options: SignalWithStartOptions<Machine>,
  ): Promise<{ readonly handle: WorkflowHandle<Machine>; readonly sent: SendResult }>;
  /**
   * Pauses a workflow: no attempt begins and no timer fires; what it is sent is stored. Attempts that run go on, their outcomes
   * are stored, too. Pausing what is paused changes nothing.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_PARKED`
   */
  pause(id: string, options?: ActOptions): Promise<void>;
  /**
   * Lets a paused workflow go on: it hears first of what was stored, in its order, then of timers that came due meanwhile.
   * Resuming what runs changes nothing.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_PARKED`
   */
  resume(id: string, options?: ActOptions): Promise<void>;
  /**
   * Lets a workflow go on that was parked because its chart threw, or because it was in flight whenever the process died: what it threw
   * on is redone, attempts that were lost are followed by the next, then comes what was stored since. If it throws again the
   * workflow is parked again, and nothing is lost.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED`, `WORKFLOW_NOT_PARKED`; `WORKFLOW_PARKED` if it waits for a machine or
   *   an activity, which registering it ends, or its record is damaged
   */
  unpark(id: string, options?: ActOptions): Promise<void>;
  /**
   * Asks a workflow to cancel what it does: it is sent `{ type: 'workflow.cancel', reason }`. A chart that has a transition for that where it
   * is decides what comes of it; any other ends `cancelled`, and its children with it. It is asked once: cancelling again changes
   * nothing. One that is paused or parked is asked when it goes on.
   *
   * @param options `reason` (default "It was cancelled.") and `by`, 1,000 characters at most: journaled, and the message of the failure
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `MAILBOX_FULL`, `WORKFLOW_CLOSED` if it ended otherwise before
   */
  cancel(id: string, options?: EndOptions): Promise<void>;
  /**
   * Ends a workflow at once, `terminated`, with all its children: no code of users is run any more, and attempts that run are aborted. Also
   * one that is paused or parked, and what goes on after the end of one that closed. Terminating it again changes nothing.
   *
   * @param options as of {@link cancel}; the default of `reason` is "It was terminated."
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_CLOSED` if it ended otherwise before, `WORKFLOW_PARKED` if its machine is not
   *   registered or its record is damaged
   */
  terminate(id: string, options?: EndOptions): Promise<void>;
  /**
   * Deletes a closed workflow, all runs of its id: record, journal, message ids, everything. What it emitted and outbox consumers have not
   * had is still delivered to them, but for what failed for good; with no consumer it goes, too. The id can be used again; run numbers
   * go on where they were, so that no idempotency key is issued twice.
   *
   * @throws PerdureError `WORKFLOW_NOT_FOUND`, `WORKFLOW_OPEN`, `STORE_UNAVAILABLE` (outcome unknown: repeat it)
   */
  delete(id: string): Promise<void>;
  /** Whether the runtime is open, and what waits for a machine version. */
  health(): RuntimeHealth;
  /** Pending activities: completed from outside, or dealt with by hand. */
  readonly activities: Activities;
  /** What machines emitted, on its way to the consumers that `openRuntime({ outbox })` was given. */
  readonly outbox: Outbox;
  /** What waits for a person, and what a person does about it. */
  readonly queue: Queue;
  /**
   * Takes no new work, tells running attempts (`signal`, reason `shutdown`), writes what is decided and closes the store.
   * Attempts that do not end within `grace` (default 5 s) are given back without being charged; with `maximumAttempts: 1` they
   * are lost, since they may have had their effect. Safe to call twice.
   */
  close(options?: { readonly grace?: Duration }): Promise<void>;
}
