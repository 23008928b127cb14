/** What a simulation can find, by the number under which the design knows it. */
export type Invariant =
  | 'I1 an acknowledged start stays'
  | 'I2 nothing acts or answers ahead of its cause'
  | 'I3 an outcome is recorded once and ends its step'
  | 'I4 key, attempts and calls of a step'
  | 'I5 journals are gapless and give the stored snapshot'
  | 'I6 a reopened store is what the applied batches made'
  | 'I7 each timer fires or is cancelled once, never early'
  | 'I8 each event is applied once, in order'
  | 'I9 final states never change'
  | 'I10 what took effect is undone or deferred, each once'
  | 'I10 undos run one at a time, the newest completion first'
  | 'I10 an undo follows from a commit, and never again after its record'
  | "I11 a child's outcome reaches its parent once, none runs against its policy"
  | 'I12 a paused or parked workflow does nothing, and harms no other'
  | 'I13 limits are kept'
  | 'custom actions are run at least once, in their order'
  | 'I14 everything becomes definite, rows equal records'
  | 'I15 the same seed gives the same trace'
  | 'a deadline passes once, and nothing begins after it'
  | 'after a rejected write nothing is written'
  | 'every caller gets an answer it can believe'
  | 'a closing runtime begins nothing'
  | 'observers see every commit in order'
  | 'what is emitted is delivered to every consumer'
  | 'of each workflow what was emitted first is delivered first'
  | 'a message is the same whenever it is delivered, and no other'
  | 'a message that failed for good holds back its own workflow only';

/** The first word is enough for people who know the list: `I7`. */
export class Violation extends Error {
  override readonly name = 'Violation';
  readonly invariant: Invariant;

  constructor(invariant: Invariant, found: string) {
    super(`${invariant}: ${found}`);
    this.invariant = invariant;
  }
}

export function check(condition: boolean, invariant: Invariant, found: () => string): asserts condition {
  if (!condition) throw new Violation(invariant, found());
}
