import type { Actor } from './actor.ts';
import type { Commit } from './commit.ts';

/** One decided step: what to write and the actor after it. */
export interface Step {
  readonly commit: Commit;
  readonly actor: Actor;
}
