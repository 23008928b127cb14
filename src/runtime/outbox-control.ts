/** The outbox as users see it. */
import { checkId } from '../kernel/address.ts';
import type { EngineKeeper } from './engine-keeper.ts';
import type { Outbox, OutboxLag } from './outbox-door.ts';

export class OutboxControl implements Outbox {
  readonly #keeper: EngineKeeper;
  readonly #check: (isWriting: boolean) => void;

  /** @param check throws where the runtime takes no such calls */
  constructor(keeper: EngineKeeper, check: (isWriting: boolean) => void) {
    this.#keeper = keeper;
    this.#check = check;
  }

  async lag(): Promise<readonly OutboxLag[]> {
    this.#check(false);
    const { outbox, store } = this.#keeper;
    return outbox.lag(store);
  }

  async remove(name: string): Promise<void> {
    this.#check(true);
    checkId(name, 'name of an outbox consumer');
    const { outbox, store, engine } = this.#keeper;
    await outbox.remove(name, { store, alone: async (work) => engine.supervisor.erase(work) });
  }
}
