/** One of the five: what it does to whom, as it was seen. */
export interface BugRow {
  readonly bug: string;
  /** How it was provoked, on both. */
  readonly provokedBy: string;
  /** What came of it. */
  readonly handRolled: string;
  readonly perdure: string;
  /** Whether the coordinator has it. */
  readonly isThere: boolean;
  /** Whether Perdure does not. */
  readonly isAbsent: boolean;
}
