/** `pause`, `resume` and `unpark` as letters: decided on the record, whether its machine is there or not. */
import type { ActEnvelope } from '../kernel/envelope.ts';
import { controlTree } from '../kernel/held-tree.ts';
import { control } from '../kernel/pause.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

export class ControlLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #envelope: ActEnvelope;
  readonly #asked: Asked<void>;

  constructor(supervisor: Supervisor, envelope: ActEnvelope, asked: Asked<void>) {
    this.#supervisor = supervisor;
    this.#envelope = envelope;
    this.#asked = asked;
  }

  handle(resident: Resident): void {
    const { workflowId, tree, closed, park } = resident;
    const record = tree?.root.record ?? closed ?? park?.record;
    if (record === undefined) {
      this.reject(park === undefined ? notFoundError(workflowId) : parkedFor(workflowId, park.reason, park.failure.message));
      return;
    }
    const [resolve, reject] = [() => this.#asked.resolve(), (error: unknown) => this.reject(error)];
    const context = this.#supervisor.context();
    if (tree === undefined) {
      const decision = control(record, this.#envelope, context);
      if (decision.kind === 'refuse') this.#supervisor.refuse(resident, this, this.#refusalFor(resident, decision.error));
      else if (decision.kind === 'commit') this.#supervisor.commitParked(resident, decision.commit, resolve, reject);
      else this.#supervisor.commit(resident, [], resolve, reject);
      return;
    }
    const decision = controlTree(tree, this.#envelope, context);
    if (decision.kind === 'refuse') this.#supervisor.refuse(resident, this, decision.error);
    // What changes nothing still waits for what was decided before it.
    else this.#supervisor.commit(resident, decision.kind === 'commit' ? decision.steps : [], resolve, reject);
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  /** What waits for its machine ends by itself: that is what there is to say of it, not that it is not parked. */
  #refusalFor({ workflowId, park }: Resident, error: Error): Error {
    if (this.#envelope.kind !== 'unpark' || park === undefined) return error;
    return parkedFor(workflowId, park.reason, park.failure.message);
  }
}
