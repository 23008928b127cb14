/** `start` as a letter to the workflow of that id, whether it exists or not. */
import type { Store } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { parkedFor } from '../kernel/refusals.ts';
import type { Step } from '../kernel/decide-in-tree.ts';
import type { ExistingRun, StartRequest } from '../kernel/start.ts';
import { decideNewRun, inputOf } from '../kernel/start.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

export class StartLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #request: StartRequest;
  readonly #asked: Asked<Resident>;

  constructor(supervisor: Supervisor, store: Store, request: StartRequest, asked: Asked<Resident>) {
    this.#supervisor = supervisor;
    this.#store = store;
    this.#request = request;
    this.#asked = asked;
  }

  handle(resident: Resident): void | Promise<void> {
    const { tree, closed, park, input } = resident;
    const record = tree?.root.record ?? closed;
    if (park !== undefined) this.reject(parkedFor(resident.workflowId, park.reason, park.failure.message));
    else if (record === undefined) this.#decide(resident, undefined);
    else if (input !== undefined) this.#decide(resident, { record, tree, input });
    else return this.#readInput(resident, record);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #decide(resident: Resident, existing: ExistingRun | undefined): void {
    const decision = decideNewRun(resident.workflowId, existing, this.#request, this.#supervisor.context());
    switch (decision.kind) {
      case 'refuse':
        this.#supervisor.refuse(resident, this, decision.error);
        return;
      case 'use-existing':
        // After everything decided before it is on disk: what is returned must be there.
        this.#commit(resident, []);
        return;
      case 'commit':
        resident.input = this.#request.input;
        // What the run before was told was not told to this one.
        resident.uncommittedMessages.clear();
        resident.closed = undefined;
        resident.tree = decision.tree;
        this.#commit(resident, decision.steps);
    }
  }

  async #readInput(resident: Resident, record: ActorRecord): Promise<void> {
    try {
      const [first] = await this.#store.readJournal(record.address, 1, 1);
      const input = inputOf(first);
      resident.input = input;
      this.#decide(resident, { record, tree: resident.tree, input });
    } catch (error) {
      this.reject(error);
    }
  }

  #commit(resident: Resident, steps: readonly Step[]): void {
    this.#supervisor.commit(
      resident,
      steps,
      () => this.#asked.resolve(resident),
      (error) => this.reject(error),
    );
  }
}
