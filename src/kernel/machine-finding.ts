import type { ChartPaths } from './chart-paths.ts';

/**
 * What is found:
 * - `undo-missing`: an activity says neither how it is undone nor that it cannot be
 * - `irreversible-early`: a later step can still fail, when what cannot be undone is done already
 * - `unwinding-missing`: a step with an undo, and an end that nothing unwinds
 * - `error-unhandled`: an activity, promise or child machine without `onError`
 * - `timer-missing`: a state that waits, perhaps for ever
 * - `state-unreachable`: a state that no path leads to
 * - `dead-end`: a state that no path leads out of
 * - `event-unaccepted`: an event that the chart raises and no state accepts
 * - `always-cycle`: transitions without an event that lead round in a circle
 */
export type MachineFindingCode =
  | 'undo-missing'
  | 'irreversible-early'
  | 'unwinding-missing'
  | 'error-unhandled'
  | 'timer-missing'
  | 'state-unreachable'
  | 'dead-end'
  | 'event-unaccepted'
  | 'always-cycle';

/** One thing that `checkMachine` has found. */
export interface MachineFinding {
  readonly code: MachineFindingCode;
  /** The id of the machine: the one that was given, or one among its actors. */
  readonly machine: string;
  /** The id of the state it is about, or of the root. */
  readonly state: string;
  /** Of an activity or child: the name under which the machine has its logic. */
  readonly src?: string;
  /** Of a raised event: its type. */
  readonly event?: string;
  readonly reason: string;
  /** What to do about it. */
  readonly remedy: string;
}

/** What a rule says; of which machine is known. */
export type RuleFinding = Omit<MachineFinding, 'machine'>;

export type Rule = (paths: ChartPaths) => RuleFinding[];

/** Names in a sentence. */
export function listed(ids: readonly string[]): string {
  return ids.map((id) => `"${id}"`).join(', ');
}
