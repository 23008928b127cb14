/** `delete` as a letter: refused while the workflow is open, then slice by slice, while nothing else is done with the id. */
import { deletionRefusal } from '../kernel/deletion.ts';
import type { Store } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { notFoundError, parkedFor } from '../kernel/refusals.ts';
import { eraseAll } from './erasing.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import type { Supervisor } from './supervisor.ts';

export type IsWanted = (record: ActorRecord) => Promise<boolean>;

export class DeleteLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #store: Store;
  readonly #asked: Asked<boolean>;
  readonly #isWanted: IsWanted | undefined;

  /** @param isWanted is asked when it has its turn; default: it is, whatever became of it */
  constructor(supervisor: Supervisor, store: Store, asked: Asked<boolean>, isWanted?: IsWanted) {
    this.#supervisor = supervisor;
    this.#store = store;
    this.#asked = asked;
    this.#isWanted = isWanted;
  }

  handle(resident: Resident): void | Promise<void> {
    const { workflowId, tree, closed, isLeftOpen, park } = resident;
    const record = tree?.root.record ?? closed ?? park?.record;
    const refusal =
      record !== undefined
        ? deletionRefusal(record, tree === undefined ? !isLeftOpen : tree.isOver)
        : park === undefined
          ? notFoundError(workflowId)
          : parkedFor(workflowId, park.reason, park.failure.message);
    if (refusal !== undefined) this.#supervisor.refuse(resident, this, refusal);
    else if (record !== undefined) return this.#erase(resident, record);
    return undefined;
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  async #erase(resident: Resident, record: ActorRecord): Promise<void> {
    const lastRun = record.address.run;
    try {
      if ((await this.#isWanted?.(record)) === false) {
        this.#asked.resolve(false);
        return;
      }
      await eraseAll(this.#store, resident.workflowId, lastRun, (work) => this.#supervisor.erase(work));
      Object.assign(resident, { tree: undefined, closed: undefined, input: undefined, lastRun });
      resident.uncommittedMessages = undefined;
      this.#asked.resolve(true);
    } catch (error) {
      this.reject(error);
    }
  }
}
