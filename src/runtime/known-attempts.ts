/** The attempts that a process knows of, by workflow. Most workflows have one at a time, which stands for itself. */
import type { Address } from '../kernel/address.ts';
import { activityKey } from '../kernel/address.ts';

interface Known {
  readonly address: Address;
  readonly n: number;
  /** The activity's own, for ever. */
  readonly key: string;
}

export class KnownAttempts<Attempt extends Known> {
  readonly #byWorkflow = new Map<string, Attempt | Map<string, Attempt>>();

  has(workflowId: string): boolean {
    return this.#byWorkflow.has(workflowId);
  }

  /** The one of this activity. */
  get(address: Address, n: number): Attempt | undefined {
    const found = this.#byWorkflow.get(address.workflowId);
    if (found === undefined || found instanceof Map) return found?.get(activityKey(address, n));
    return found.n === n && isSame(found.address, address) ? found : undefined;
  }

  isKnown(attempt: Attempt): boolean {
    const found = this.#byWorkflow.get(attempt.address.workflowId);
    return found === attempt || (found instanceof Map && found.get(attempt.key) === attempt);
  }

  /** In the order in which they became known. */
  of(workflowId: string): readonly Attempt[] {
    const found = this.#byWorkflow.get(workflowId);
    if (found instanceof Map) return [...found.values()];
    return found === undefined ? [] : [found];
  }

  /** Takes the place of an earlier one of the same activity. */
  add(attempt: Attempt): void {
    const { workflowId } = attempt.address;
    const found = this.#byWorkflow.get(workflowId);
    if (found instanceof Map) found.set(attempt.key, attempt);
    else if (found === undefined || found.key === attempt.key) this.#byWorkflow.set(workflowId, attempt);
    else this.#byWorkflow.set(workflowId, new Map([found, attempt].map((each) => [each.key, each])));
  }

  delete(attempt: Attempt): void {
    const { workflowId } = attempt.address;
    if (!this.isKnown(attempt)) return;
    const found = this.#byWorkflow.get(workflowId);
    if (found instanceof Map && found.size > 1) found.delete(attempt.key);
    else this.#byWorkflow.delete(workflowId);
  }
}

function isSame(one: Address, other: Address): boolean {
  if (one === other) return true;
  return one.run === other.run && one.path.length === other.path.length && one.path.every((part, index) => part === other.path[index]);
}
