/** How merchants stand, in numbers: what `npm start` shows while it runs and what it ends with are counted here and nowhere else. */
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
