/** What is told to an actor by somebody who waits for what comes of it, as a letter: acknowledged by its commit. */
import type { Actor } from '../kernel/actor.ts';
import { decideInTree } from '../kernel/decide-in-tree.ts';
import type { Step } from '../kernel/step.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { parkedError } from '../kernel/refusals.ts';
import type { InnerEnvelope } from './performer.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import { withoutActor } from './signal-letter.ts';
import type { Supervisor } from './supervisor.ts';

/** To whom, and what. */
export interface EnvelopeQuestion {
  /** Of the actor within its workflow. */
  readonly path: readonly number[];
  /** Says what to tell, or why not, when the actor is known. */
  readonly choose: (actor: Actor) => InnerEnvelope | Error;
  /** Why nobody is told: the workflow is there, but it has no such actor, or not any more. */
  readonly gone: (root: ActorRecord) => Error;
}

export class EnvelopeLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #path: readonly number[];
  readonly #choose: (actor: Actor) => InnerEnvelope | Error;
  readonly #gone: (root: ActorRecord) => Error;
  readonly #asked: Asked<void>;

  constructor(supervisor: Supervisor, { path, choose, gone }: EnvelopeQuestion, asked: Asked<void>) {
    this.#path = path;
    this.#supervisor = supervisor;
    this.#choose = choose;
    this.#gone = gone;
    this.#asked = asked;
  }

  handle(resident: Resident): void {
    const { tree } = resident;
    const actor = tree?.get(this.#path);
    if (tree === undefined) {
      this.reject(withoutActor(resident));
      return;
    }
    const envelope = actor === undefined ? this.#gone(tree.root.record) : this.#choose(actor);
    if (envelope instanceof Error) {
      this.#supervisor.refuse(resident, this, envelope);
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
