/** The stored mailbox, a few rows a turn, in front of everything else: each row is applied by the commit that takes it. */
import { decide } from '../kernel/decide.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import { isDraining } from '../kernel/mailbox.ts';
import type { Store } from '../kernel/ports.ts';
import type { Letter, Resident, Step } from './resident.ts';

/** The part of the supervisor that it needs. */
interface Keeper {
  context(): DecideContext;
  commit(resident: Resident, steps: readonly Step[], onCommitted?: () => void, onRejected?: (error: unknown) => void): void;
  giveUp(resident: Resident, error: unknown): void;
}

export class DrainLetter implements Letter {
  readonly #keeper: Keeper;
  readonly #store: Store;

  constructor(keeper: Keeper, store: Store) {
    this.#keeper = keeper;
    this.#store = store;
  }

  async handle(resident: Resident): Promise<void> {
    try {
      // What is read has to be what is decided: rows put and taken before have to be on disk.
      await new Promise<void>((resolve, reject) => this.#keeper.commit(resident, [], resolve, reject));
      const { actor } = resident;
      if (actor === undefined) return;
      for (const { n, envelope } of await this.#store.readMailbox(actor.record.address, limits.mailPerTurn)) {
        if (resident.actor === undefined || !isDraining(resident.actor.record)) return;
        const decision = decide(resident.actor, envelope, this.#keeper.context(), n);
        if (decision.kind === 'commit') this.#keeper.commit(resident, [decision]);
      }
    } catch (error) {
      this.#keeper.giveUp(resident, error);
    }
  }

  reject(): void {
    // Nobody waits for it: what is not applied stays on disk.
  }
}
