/** What is told to an actor by somebody who waits for what comes of it, as a letter: acknowledged by its commit. */
import type { Actor } from '../kernel/actor.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { Step } from '../kernel/step.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { activityNotFound, notAwaited, parkedError } from '../kernel/refusals.ts';
import type { InnerEnvelope } from './performer.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import { withoutActor } from './signal-letter.ts';
import type { Supervisor } from './supervisor.ts';

export class EnvelopeLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #path: readonly number[];
  readonly #choose: (actor: Actor) => InnerEnvelope | Error;
  readonly #asked: Asked<void>;

  /**
   * @param path of the actor within its workflow
   * @param choose says what to tell, or why not, when the actor is known
   */
  constructor(supervisor: Supervisor, path: readonly number[], choose: (actor: Actor) => InnerEnvelope | Error, asked: Asked<void>) {
    this.#path = path;
    this.#supervisor = supervisor;
    this.#choose = choose;
    this.#asked = asked;
  }

  handle(resident: Resident): void {
    const { tree } = resident;
    const actor = tree?.get(this.#path);
    if (tree === undefined) {
      this.reject(withoutActor(resident));
      return;
    }
    const { root } = tree;
    const envelope = this.#choose(actor ?? root);
    if (envelope instanceof Error) {
      this.#supervisor.refuse(resident, this, envelope);
      return;
    }
    if (actor === undefined) {
      this.#supervisor.refuse(resident, this, nobodyThere(root.record, envelope));
      return;
    }
    const decision = decideInTree(tree, { to: this.#path, envelope }, this.#supervisor.context());
    if (decision.kind === 'refuse') this.#supervisor.refuse(resident, this, decision.error);
    else this.#commit(resident, decision.kind === 'commit' ? decision.steps : []);
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #commit(resident: Resident, steps: readonly Step[]): void {
    const [step] = steps;
    const acknowledge = (): void => {
      // An event that poisoned its workflow was not applied.
      if (step?.commit.journal.outcome === 'parked') this.reject(parkedError(step.commit.record));
      else this.#asked.resolve();
    };
    this.#supervisor.commit(resident, steps, acknowledge, (error) => this.reject(error));
  }
}

/** The child it is about came to its end, or never was: its workflow is there. */
function nobodyThere(root: ActorRecord, envelope: InnerEnvelope): Error {
  if ('attempt' in envelope) return notAwaited(root, envelope);
  return activityNotFound(root, 'n' in envelope ? envelope.n : 0);
}
