/** `start` as a letter to the workflow of that id, whether it exists or not; with a signal it is `signalWithStart`. */
import type { ActorRecord } from '../kernel/record.ts';
import { parkedFor } from '../kernel/refusals.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { ExistingRun, StartDecision, StartRequest } from '../kernel/start.ts';
import { decideNewRun, inputOf } from '../kernel/start.ts';
import { commitMessage } from './message-commit.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { MessageParts } from './signal-letter.ts';
import { outcomeOnDisk, refuseUnknown } from './signal-letter.ts';

/** The workflow that has the id, and what became of the signal, if one was sent along. */
export interface Started {
  readonly resident: Resident;
  readonly sent: SendResult | undefined;
}

export class StartLetter implements Letter {
  readonly #parts: MessageParts;
  readonly #request: StartRequest;
  readonly #asked: Asked<Started>;

  constructor(parts: MessageParts, request: StartRequest, asked: Asked<Started>) {
    this.#parts = parts;
    this.#request = request;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { tree, closed, isLeftOpen, park, input } = resident;
    const record = tree?.root.record ?? closed;
    const messageId = this.#request.signal?.messageId;
    if (park !== undefined) this.reject(parkedFor(resident.workflowId, park.reason, park.failure.message));
    else if (record === undefined) this.#decide(resident, undefined);
    else if (messageId !== undefined) return this.#handleMessage(resident, record, messageId);
    else if (input !== undefined) this.#decide(resident, { record, tree, input, isLeftOpen });
    else return this.#readInput(resident, record);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  /** What was told before is not told again, nor is a run begun for it. */
  #handleMessage(resident: Resident, record: ActorRecord, messageId: string): void | Promise<void> {
    const uncommitted = resident.uncommittedMessages?.get(messageId);
    if (uncommitted === undefined) return this.#lookUp(resident, record, messageId);
    this.#answerWith(resident, uncommitted);
    return undefined;
  }

  async #lookUp(resident: Resident, record: ActorRecord, messageId: string): Promise<void> {
    try {
      const sent = await outcomeOnDisk(this.#parts, resident, messageId);
      if (sent === undefined) await this.#readInput(resident, record);
      else this.#asked.resolve({ resident, sent });
    } catch (error) {
      refuseUnknown(this.#parts, resident, this, error);
    }
  }

  #decide(resident: Resident, existing: ExistingRun | undefined): void {
    const { supervisor } = this.#parts;
    const decision = decideNewRun(resident.workflowId, resident.lastRun, existing, this.#request, supervisor.context());
    switch (decision.kind) {
      case 'refuse':
        supervisor.refuse(resident, this, decision.error);
        return;
      case 'use-existing':
        // After everything decided before it is on disk: what is returned must be there.
        this.#parts.supervisor.commit(
          resident,
          [],
          () => this.#asked.resolve({ resident, sent: undefined }),
          (error) => this.reject(error),
        );
        return;
      case 'commit':
        this.#commit(resident, decision);
    }
  }

  #commit(resident: Resident, { tree, steps, isNewRun, signalled }: Extract<StartDecision, { kind: 'commit' }>): void {
    const { supervisor } = this.#parts;
    if (isNewRun) {
      resident.input = this.#request.input;
      // What the run before was told was not told to this one.
      resident.uncommittedMessages = undefined;
      Object.assign(resident, { closed: undefined, isLeftOpen: false });
      resident.tree = tree;
    }
    if (signalled !== undefined) {
      this.#answerWith(
        resident,
        commitMessage(resident, signalled, this.#request.signal?.messageId, (...told) => supervisor.commit(resident, steps, ...told)),
      );
      return;
    }
    supervisor.commit(
      resident,
      steps,
      () => this.#asked.resolve({ resident, sent: undefined }),
      (error) => this.reject(error),
    );
  }

  async #readInput(resident: Resident, record: ActorRecord): Promise<void> {
    try {
      const [first] = resident.input === undefined ? await this.#parts.store.readJournal(record.address, 1, 1) : [];
      const input = resident.input ?? inputOf(first);
      resident.input = input;
      this.#decide(resident, { record, tree: resident.tree, input, isLeftOpen: resident.isLeftOpen });
    } catch (error) {
      this.reject(error);
    }
  }

  #answerWith(resident: Resident, result: Promise<SendResult>): void {
    result.then(
      (sent) => this.#asked.resolve({ resident, sent }),
      (error: unknown) => this.reject(error),
    );
  }
}
