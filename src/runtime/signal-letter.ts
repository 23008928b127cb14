/** `send` and `update` as a letter: applied or stored once per message id, acknowledged by the commit that did it. */
import type { Commit } from '../kernel/commit.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { StepEnvelope } from '../kernel/envelope.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import { failureOf } from '../kernel/failure.ts';
import { controlTree } from '../kernel/held-tree.ts';
import { holdSignal } from '../kernel/mailbox.ts';
import type { Store } from '../kernel/ports.ts';
import { closedError, notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { SendResult } from '../kernel/signal.ts';
import { firstOutcome } from '../kernel/signal.ts';
import { commitMessage } from './message-commit.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

type Signal = Extract<StepEnvelope, { readonly kind: 'signal' }>;

/** What a letter with a message in it needs. */
export interface MessageParts {
  readonly supervisor: Supervisor;
  readonly store: Store;
  /** How long message ids are known; undefined: as long as the workflow. */
  readonly retentionMs: number | undefined;
}

export class SignalLetter implements Letter {
  readonly #parts: MessageParts;
  readonly #signal: Signal;
  readonly #asked: Asked<SendResult>;

  constructor(parts: MessageParts, signal: Signal, asked: Asked<SendResult>) {
    this.#parts = parts;
    this.#signal = signal;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { messageId } = this.#signal;
    if (messageId === undefined) {
      this.#apply(resident);
      return undefined;
    }
    const uncommitted = resident.uncommittedMessages?.get(messageId);
    if (uncommitted === undefined) return this.#lookUp(resident, messageId);
    this.#answerWith(uncommitted);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #apply(resident: Resident): void {
    const { supervisor } = this.#parts;
    const { tree, park } = resident;
    if (tree !== undefined) {
      const decision = decideInTree(tree, { to: [], envelope: this.#signal }, supervisor.context());
      if (decision.kind === 'refuse') supervisor.refuse(resident, this, decision.error);
      if (decision.kind === 'commit') {
        const { steps } = decision;
        this.#commit(resident, steps[0].commit, (...told) => supervisor.commit(resident, steps, ...told));
      }
    } else if (park?.record !== undefined) {
      const decision = holdSignal(park.record, this.#signal, supervisor.context());
      if (decision.kind === 'refuse') supervisor.refuse(resident, this, decision.error);
      if (decision.kind === 'commit') {
        this.#commit(resident, decision.commit, (...told) => supervisor.commitParked(resident, decision.commit, ...told));
      }
    } else this.reject(withoutActor(resident));
  }

  #commit(resident: Resident, commit: Commit, submit: Parameters<typeof commitMessage>[3]): void {
    this.#answerWith(commitMessage(resident, commit, this.#signal.messageId, submit));
  }

  async #lookUp(resident: Resident, messageId: string): Promise<void> {
    try {
      const first = await outcomeOnDisk(this.#parts, resident, messageId);
      if (first === undefined) this.#apply(resident);
      else this.#asked.resolve(first);
    } catch (error) {
      refuseUnknown(this.#parts, resident, this, error);
    }
  }

  #answerWith(result: Promise<SendResult>): void {
    result.then(
      (outcome) => this.#asked.resolve(outcome),
      (error: unknown) => this.reject(error),
    );
  }
}

/** What a message was answered before, by a commit that is on disk. */
export async function outcomeOnDisk(parts: MessageParts, resident: Resident, messageId: string): Promise<SendResult | undefined> {
  const { supervisor, store, retentionMs } = parts;
  const { tree, closed, park, workflowId } = resident;
  const known = await store.readMessage(workflowId, messageId);
  const record = tree?.root.record ?? closed ?? park?.record;
  return record === undefined ? undefined : firstOutcome(record, known, { nowMs: supervisor.context().nowMs, retentionMs });
}

/**
 * Refuses a letter whose message cannot be answered. If what is on disk of it is damaged, its workflow is parked: it must not be told
 * again what it may have been told, and somebody should look at that disk.
 */
export function refuseUnknown({ supervisor }: MessageParts, resident: Resident, letter: Letter, error: unknown): void {
  const { tree } = resident;
  const isDamage = tree !== undefined && hasErrorCode(error, 'RECORD_DAMAGED');
  const park = { kind: 'park', reason: 'record-damaged', failure: failureOf(error) } as const;
  const decision = isDamage ? controlTree(tree, park, supervisor.context()) : undefined;
  const reject = (reason: unknown): void => letter.reject(reason);
  // Who is refused finds it parked.
  if (decision?.kind === 'commit') supervisor.commit(resident, decision.steps, () => reject(error), reject);
  else reject(error);
}

export function withoutActor({ workflowId, closed, park }: Resident): Error {
  if (closed !== undefined) return closedError(closed);
  return park === undefined ? notFoundError(workflowId) : parkedFor(workflowId, park.reason, park.failure.message);
}
