/** By how much a batch changes which counts. */
import type { Listing } from '../kernel/listing.ts';
import { hasOnlyMoved } from '../kernel/listing.ts';
import type { ListingChange } from '../kernel/listing.ts';
import { countsOf } from './count-rows.ts';
import type { CountName } from './listing-keys.ts';

/** A change of one workflow. */
export interface WorkflowChange extends ListingChange {
  readonly workflowId: string;
}

export interface Count {
  readonly name: CountName;
  n: number;
}

/** By how much each count changes; those that do not are left out. */
export function differences(changes: readonly WorkflowChange[], states: StateCounts): Map<string, Count> {
  const counts = new Map<string, Count>();
  const add = ({ name, text }: Named, n: number): void => {
    const count = counts.get(text);
    if (count === undefined) counts.set(text, { name, n });
    else count.n += n;
  };
  for (const change of changes) {
    const { before, after } = change;
    if (before !== undefined) add(states.of(before), -1);
    if (after !== undefined) add(states.of(after), 1);
    if (hasOnlyMoved(change)) continue;
    if (before !== undefined) for (const name of countsOf(before)) add(named(name), -1);
    if (after !== undefined) for (const name of countsOf(after)) add(named(name), 1);
  }
  for (const [text, { n }] of counts) if (n === 0) counts.delete(text);
  return counts;
}

/** A count and its name as one string. */
export interface Named {
  readonly name: CountName;
  readonly text: string;
}

export function named(name: CountName): Named {
  return { name, text: JSON.stringify(name) };
}

/** Counts by state, made once for each machine and state: most steps change two of them, and nothing else. */
export class StateCounts {
  /** By the leaves themselves, which are the same array for the same state value as long as that is remembered. */
  readonly #known = new WeakMap<readonly string[], Map<string, Named>>();

  of({ machine, leaves }: Listing): Named {
    let ofLeaves = this.#known.get(leaves);
    if (ofLeaves === undefined) this.#known.set(leaves, (ofLeaves = new Map<string, Named>()));
    let count = ofLeaves.get(machine);
    if (count === undefined) ofLeaves.set(machine, (count = named(['state', machine, JSON.stringify(leaves)])));
    return count;
  }
}
