/** The stored mailbox, a few rows a turn, in front of everything else: each row is applied by the commit that takes it. */
import { PerdureError } from '../kernel/errors.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { DecideContext } from '../kernel/draft.ts';
import { limits } from '../kernel/limits.ts';
import { isDraining } from '../kernel/mailbox.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { Store } from '../kernel/ports.ts';
import type { Step } from '../kernel/step.ts';
import type { Letter, Resident } from './resident.ts';

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
      const { tree } = resident;
      if (tree === undefined) return;
      const rows = await this.#store.readMailbox(tree.address, limits.mailPerTurn);
      if (rows.length === 0 && isDraining(tree.root.record)) throw mailLost(tree.root.record);
      for (const mail of rows) {
        if (!isDraining(tree.root.record)) return;
        const decision = decideInTree(tree, mail, this.#keeper.context(), mail.n);
        if (decision.kind !== 'commit') continue;
        this.#keeper.commit(resident, decision.steps);
        // What is left of a row comes before the next one, and has to be read.
        if (decision.steps.some(({ commit }) => commit.mailPut.length > 0)) return;
      }
    } catch (error) {
      this.#keeper.giveUp(resident, error);
    }
  }

  reject(): void {
    // Nobody waits for it: what is not applied stays on disk.
  }
}

/** To look again and again for what is not there would keep the process busy for ever. */
function mailLost({ address: { workflowId }, queued = 0 }: ActorRecord): PerdureError {
  const key = `mailbox of ${JSON.stringify(workflowId)}`;
  const reason = `it counts ${queued} rows, and none is there`;
  return new PerdureError('RECORD_DAMAGED', `The ${key} is damaged: ${reason}.`, { key, reason });
}
