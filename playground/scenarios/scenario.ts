/** A scenario: a story that is played on a real runtime, told in plain words, and held against what it claims. */

/** What it came to, for programs; each scenario says what is in it. */
export type Facts = Readonly<Record<string, unknown>>;

export interface Stage {
  /** A directory of its own; removed afterwards. */
  readonly folder: string;
  say(line?: string): void;
  /** Something the scenario claims, and whether it has seen that it is so. One that is not makes the scenario fail. */
  claim(what: string, holds: boolean): void;
  /** Is called in the end, the latest first; also where the scenario fails or is interrupted. */
  atEnd(close: () => Promise<unknown>): void;
}

export interface Scenario {
  readonly name: string;
  /** In one line. */
  readonly summary: string;
  play(stage: Stage): Promise<Facts>;
}
