/** What is told to an actor by somebody who waits for what comes of it, as a letter: acknowledged by its commit. */
import type { Actor } from '../kernel/actor.ts';
import { decide } from '../kernel/decide.ts';
import { parkedError } from '../kernel/refusals.ts';
import type { InnerEnvelope } from './performer.ts';
import type { Asked, Letter, Resident } from './resident.ts';
import { withoutActor } from './signal-letter.ts';
import type { Step, Supervisor } from './supervisor.ts';

export class EnvelopeLetter implements Letter {
  readonly #supervisor: Supervisor;
  readonly #choose: (actor: Actor) => InnerEnvelope | Error;
  readonly #asked: Asked<void>;

  /** @param choose says what to tell, or why not, when the actor is known */
  constructor(supervisor: Supervisor, choose: (actor: Actor) => InnerEnvelope | Error, asked: Asked<void>) {
    this.#supervisor = supervisor;
    this.#choose = choose;
    this.#asked = asked;
  }

  handle(resident: Resident): void {
    const { actor } = resident;
    if (actor === undefined) {
      this.reject(withoutActor(resident));
      return;
    }
    const envelope = this.#choose(actor);
    if (envelope instanceof Error) {
      this.#supervisor.refuse(resident, this, envelope);
      return;
    }
    const decision = decide(actor, envelope, this.#supervisor.context());
    if (decision.kind === 'refuse') this.#supervisor.refuse(resident, this, decision.error);
    else this.#commit(resident, decision.kind === 'commit' ? decision : undefined);
  }

  reject(error: unknown): void {
    this.#asked.reject(error);
  }

  #commit(resident: Resident, step: Step | undefined): void {
    const acknowledge = (): void => {
      // An event that poisoned its workflow was not applied.
      if (step?.commit.journal.outcome === 'parked') this.reject(parkedError(step.commit.record));
      else this.#asked.resolve();
    };
    this.#supervisor.commit(resident, step === undefined ? [] : [step], acknowledge, (error) => this.reject(error));
  }
}
