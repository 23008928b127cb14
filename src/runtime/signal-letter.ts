/** `send` as a letter: applied once per message id, acknowledged by the commit that applied it. */
import type { Step } from '../kernel/decide-in-tree.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { Envelope } from '../kernel/envelope.ts';
import type { Store } from '../kernel/ports.ts';
import { closedError, notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { SendResult } from '../kernel/signal.ts';
import { answerOf, firstOutcome } from '../kernel/signal.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

type Signal = Extract<Envelope, { kind: 'signal' }>;

export class SignalLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #signal: Signal;
  readonly #asked: Asked<SendResult>;

  constructor(supervisor: Supervisor, store: Store, signal: Signal, asked: Asked<SendResult>) {
    this.#supervisor = supervisor;
    this.#store = store;
    this.#signal = signal;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { messageId } = this.#signal;
    if (messageId === undefined) {
      this.#apply(resident);
      return undefined;
    }
    const uncommitted = resident.uncommittedMessages.get(messageId);
    if (uncommitted === undefined) return this.#lookUp(resident, messageId);
    this.#answerWith(uncommitted);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #apply(resident: Resident): void {
    const { tree } = resident;
    if (tree === undefined) {
      this.reject(withoutActor(resident));
      return;
    }
    const decision = decideInTree(tree, { to: [], envelope: this.#signal }, this.#supervisor.context());
    if (decision.kind === 'refuse') this.#supervisor.refuse(resident, this, decision.error);
    if (decision.kind === 'commit') this.#commit(resident, decision.steps);
  }

  #commit(resident: Resident, steps: readonly [Step, ...Step[]]): void {
    const { messageId } = this.#signal;
    const answer = answerOf(steps[0].commit);
    const committed = new Promise<SendResult>((resolve, reject) => {
      const acknowledge = (): void => {
        const isKept = messageId !== undefined && resident.uncommittedMessages.get(messageId) === committed;
        if (isKept) resident.uncommittedMessages.delete(messageId);
        if (answer.kind === 'result') resolve(answer.result);
        else reject(answer.error);
      };
      this.#supervisor.commit(resident, steps, acknowledge, reject);
    });
    // Until the commit is on disk the store cannot answer for this message: whoever repeats it waits for the same outcome.
    if (messageId !== undefined) resident.uncommittedMessages.set(messageId, committed);
    this.#answerWith(committed);
  }

  async #lookUp(resident: Resident, messageId: string): Promise<void> {
    try {
      const record = resident.tree?.root.record ?? resident.closed;
      const known = await this.#store.readMessage(resident.workflowId, messageId);
      const first = record === undefined ? undefined : firstOutcome(record, known);
      if (first === undefined) this.#apply(resident);
      else this.#asked.resolve(first);
    } catch (error) {
      this.reject(error);
    }
  }

  #answerWith(result: Promise<SendResult>): void {
    result.then(
      (outcome) => this.#asked.resolve(outcome),
      (error: unknown) => this.reject(error),
    );
  }
}

export function withoutActor({ workflowId, closed, park }: Resident): Error {
  if (closed !== undefined) return closedError(closed);
  return park === undefined ? notFoundError(workflowId) : parkedFor(workflowId, park.reason, park.failure.message);
}
