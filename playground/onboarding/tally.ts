/** How merchants stand, in numbers: as the store counts them, and as the audit finds them one by one. */
import type { CountGroup, WorkflowFilter, WorkflowGroups, WorkflowStatus } from 'perdure';
import { stateText } from './state-text.ts';

/** How one merchant stands, as a workflow's description says it. */
export interface Standing {
  readonly status: string;
  /** The chart's state value. */
  readonly value: unknown;
  readonly failure?: { readonly class: string };
}

/** So many merchants stand alike. */
export interface Group {
  readonly status: string;
  readonly state: string;
  /** Absent unless they failed. */
  readonly failureClass?: string;
  readonly count: number;
}

/** Who counts: a runtime or a reader. */
export interface Counting {
  count(filter: WorkflowFilter, options: { readonly groupBy: CountGroup }): Promise<WorkflowGroups>;
}

/** Everybody in the store by status, state and class of failure: the largest group first, those that failed after all others. */
export async function countedGroups(store: Counting): Promise<Group[]> {
  const groups: Group[] = [];
  const statuses = await store.count({}, { groupBy: 'status' });
  for (const status of Object.keys(statuses.groups) as WorkflowStatus[]) {
    const rest = new Map(Object.entries((await store.count({ status }, { groupBy: 'state' })).groups));
    const failures = await store.count({ status }, { groupBy: 'failureClass' });
    for (const failureClass of Object.keys(failures.groups)) {
      const { groups: states } = await store.count({ status, failureClass }, { groupBy: 'state' });
      for (const [state, count] of Object.entries(states)) {
        groups.push({ status, state, failureClass, count });
        rest.set(state, (rest.get(state) ?? 0) - count);
      }
    }
    for (const [state, count] of rest) if (count > 0) groups.push({ status, state, count });
  }
  return groups.sort(inOrder);
}

/** States of those that are open, the most frequent first. */
export async function openStates(store: Counting): Promise<Record<string, number>> {
  const { groups } = await store.count({ status: ['running', 'compensating', 'paused', 'parked'] }, { groupBy: 'state' });
  return Object.fromEntries(Object.entries(groups).sort(([, a], [, b]) => b - a));
}

export class Tally {
  readonly #groups = new Map<string, Group>();

  /** Counts one more merchant; undefined for one whom the store does not have. */
  add(merchant: Standing | undefined): void {
    const { status, value, failure } = merchant ?? { status: 'missing', value: 'missing' };
    const group = { status, state: stateText(value), ...(failure === undefined ? {} : { failureClass: failure.class }) };
    const key = JSON.stringify(group);
    this.#groups.set(key, { ...group, count: (this.#groups.get(key)?.count ?? 0) + 1 });
  }

  /** The largest group first; those that failed after all others. */
  groups(): Group[] {
    return [...this.#groups.values()].sort(inOrder);
  }

  /** Sums of the groups by what `name` makes of them, without those that it has no name for; the largest first. */
  sumBy(name: (group: Group) => string | undefined): Record<string, number> {
    const sums = new Map<string, number>();
    for (const group of this.#groups.values()) {
      const key = name(group);
      if (key !== undefined) sums.set(key, (sums.get(key) ?? 0) + group.count);
    }
    return Object.fromEntries([...sums].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)));
  }

  /** How many merchants are in groups of which this holds. */
  count(isCounted: (group: Group) => boolean = () => true): number {
    return [...this.#groups.values()].reduce((sum, group) => (isCounted(group) ? sum + group.count : sum), 0);
  }
}

function inOrder(a: Group, b: Group): number {
  const failedLast = Number(a.failureClass !== undefined) - Number(b.failureClass !== undefined);
  return failedLast || b.count - a.count || (nameOf(a) < nameOf(b) ? -1 : 1);
}

function nameOf({ state, failureClass = '', status }: Group): string {
  return [state, failureClass, status].join(' ');
}
