/** What the actors of a workflow have still to hear, as it waits in the workflow's mailbox. */
import type { ActorEnvelope } from './envelope.ts';

/** Something said to an actor that it has still to hear. */
export interface Word {
  readonly envelope: ActorEnvelope;
  /** How many units of steps led to it with nothing told from outside. Bounded, so that a circle of events comes to an end. */
  readonly unitsBefore?: number;
}

/** What is said to one actor: one word, or the start of a child with what was said to it already. */
export interface Saying {
  /** Path of the actor within the workflow; `[]` is the root. */
  readonly to: readonly number[];
  readonly words: readonly [Word, ...Word[]];
}

/** An actor in the middle of a step. */
export interface BusyActor {
  readonly path: readonly number[];
  /** What it has still to say in that step. */
  readonly says: readonly Saying[];
  /** What was said to it meanwhile: it hears of that when all of the above is said. */
  readonly hears: readonly Word[];
}

/** What a workflow has to hear, and, if it is what is left of a unit, all that comes after that. */
export interface Mail extends Word {
  /** Path of the actor within the workflow; `[]` is the root. */
  readonly to: readonly number[];
  /** Who is in the middle of a step; the last of them is the one it is for. Absent if nothing else is left. */
  readonly rest?: readonly BusyActor[];
}

/** A row of the mailbox of a workflow: it waits until a commit takes it. What is left of a unit takes the place of its row. */
export interface MailRecord extends Mail {
  /** From `counters.mail` of the root's record. */
  readonly n: number;
}
