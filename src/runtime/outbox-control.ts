/** The outbox as users see it. */
import { checkId } from '../kernel/address.ts';
import type { EngineKeeper } from './engine-keeper.ts';
import type { Outbox, OutboxLag } from './outbox-door.ts';

/** Each throws where the runtime takes no such calls. */
export interface OutboxDoors {
  /** For what only reads. */
  readonly checkClosed: () => void;
  readonly checkOpen: () => void;
}

export class OutboxControl implements Outbox {
  readonly #keeper: EngineKeeper;
  readonly #doors: OutboxDoors;

  constructor(keeper: EngineKeeper, doors: OutboxDoors) {
    this.#keeper = keeper;
    this.#doors = doors;
  }

  async lag(): Promise<readonly OutboxLag[]> {
    this.#doors.checkClosed();
    const { outbox, store } = this.#keeper;
    return outbox.lag(store);
  }

  async remove(name: string): Promise<void> {
    this.#doors.checkOpen();
    checkId(name, 'name of an outbox consumer');
    const { outbox, store, engine } = this.#keeper;
    await outbox.remove(name, { store, alone: async (work) => engine.supervisor.erase(work) });
  }
}
