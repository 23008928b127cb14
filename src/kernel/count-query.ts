/** A count as it is asked for, and what it is grouped by. */
import type { CheckedFilter, WorkflowFilter } from './list-filter.ts';
import { checkFilter } from './list-filter.ts';
import type { IsMissing, ListedWorkflow } from './listing.ts';
import { leavesOf } from './listing.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

/**
 * What to group a count by. Of `state`, each group is a state without any below it (`working.kyc`): who is in parallel states is in
 * several. Of `version` and `state`, machines are not told apart: name one in the filter. Who has no failure is in no group of `failureClass`.
 */
export type CountGroup = 'status' | 'machine' | 'version' | 'state' | 'failureClass';

/** How to count. */
export interface CountOptions {
  readonly groupBy?: CountGroup | undefined;
}

/** How many workflows there are. */
export interface WorkflowCount {
  readonly value: number;
  /** False if there may be more: counting stopped at its bound. */
  readonly exact: boolean;
}

/** How many workflows there are in each group; groups without any are left out. */
export interface WorkflowGroups {
  readonly groups: { readonly [group: string]: number };
  /** False if there may be more: counting stopped at its bound. */
  readonly exact: boolean;
}

/** A count that was checked. */
export interface CountQuery {
  readonly filter: CheckedFilter;
  readonly groupBy: CountGroup | undefined;
  readonly isMissing: IsMissing;
}

/** What a store answers: by group, all under one name where nothing is grouped. */
export interface CountAnswer {
  readonly counts: ReadonlyMap<string, number>;
  readonly exact: boolean;
}

const groupNames: readonly unknown[] = ['status', 'machine', 'version', 'state', 'failureClass'] satisfies readonly CountGroup[];

/** @throws TypeError naming what is wrong and what to give */
export function checkCount(filter: WorkflowFilter, options: CountOptions, isMissing: IsMissing): CountQuery {
  const checked = checkFilter(filter, 'count');
  checkOptions<CountOptions>(options, 'count', { groupBy: true });
  const { groupBy } = options;
  if (groupBy !== undefined && !groupNames.includes(groupBy)) {
    throw new TypeError(`count: groupBy must be one of ${groupNames.join(', ')}; found ${formatValue(groupBy)}.`);
  }
  return { filter: checked, groupBy, isMissing };
}

/** In the words of whoever asked. */
export function countShown({ counts, exact }: CountAnswer, { groupBy }: { readonly groupBy: unknown }): WorkflowCount | WorkflowGroups {
  if (groupBy === undefined) return { value: counts.get('') ?? 0, exact };
  // Names may be anything, `__proto__` too: entries become properties of its own.
  return { groups: Object.fromEntries([...counts].sort(([a], [b]) => (a < b ? -1 : 1))), exact };
}

/** The groups a workflow is counted in. */
export function groupsOf({ status, machine, value, failureClass }: ListedWorkflow, groupBy: CountGroup | undefined): readonly string[] {
  switch (groupBy) {
    case undefined:
      return [''];
    case 'status':
      return [status];
    case 'machine':
      return machine === undefined ? [] : [machine.id];
    case 'version':
      return machine === undefined ? [] : [machine.version];
    case 'state':
      return leavesOf(value ?? {});
    case 'failureClass':
      return failureClass === undefined ? [] : [failureClass];
  }
}

/** Adds to a group. */
export function addTo(counts: Map<string, number>, group: string, count: number): void {
  counts.set(group, (counts.get(group) ?? 0) + count);
}
