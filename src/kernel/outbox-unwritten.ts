/** What of the progress of a consumer is not written down yet. */
import type { ProgressChange } from './outbox-lane.ts';
import { asideKey } from './outbox-lane.ts';
import type { OutboxAside, OutboxAsideKey, OutboxPlace, OutboxPosition } from './outbox.ts';
import { comparePositions } from './outbox.ts';

export class OutboxUnwritten {
  /** Undefined: whatever is there is to be replaced. */
  #after: OutboxPosition | undefined;
  readonly #asides = new Map<string, { readonly key: OutboxAsideKey; readonly aside: OutboxAside | undefined }>();
  #finished: OutboxPlace[] = [];

  /** @param after what is written down of the cursor */
  constructor(after: OutboxPosition | undefined) {
    this.#after = after;
  }

  get finishedCount(): number {
    return this.#finished.length;
  }

  has(after: OutboxPosition): boolean {
    return this.#finished.length + this.#asides.size > 0 || this.#isNew(after);
  }

  finish({ commit, n, address, sequence }: OutboxPlace): void {
    this.#finished.push({ commit, n, address, sequence });
  }

  /** @param aside undefined: it is gone */
  put(key: OutboxAsideKey, aside: OutboxAside | undefined): void {
    this.#asides.set(asideKey(key), { key, aside });
  }

  take(name: string, after: OutboxPosition): ProgressChange {
    const changed = [...this.#asides.values()];
    const change: ProgressChange = {
      name,
      ...(this.#isNew(after) ? { after } : {}),
      asidesPut: changed.flatMap(({ aside }) => aside ?? []),
      asidesRemoved: changed.filter(({ aside }) => aside === undefined).map(({ key }) => key),
      finished: this.#finished,
    };
    this.#after = after;
    this.#asides.clear();
    this.#finished = [];
    return change;
  }

  /** What could not be written, below what is newer. */
  restore({ after, asidesPut, asidesRemoved, finished }: ProgressChange): void {
    if (after !== undefined) this.#after = undefined;
    for (const aside of asidesPut) this.#putBelow(aside, aside);
    for (const key of asidesRemoved) this.#putBelow(key, undefined);
    this.#finished = [...finished, ...this.#finished];
  }

  #putBelow({ workflowId, lone }: OutboxAsideKey, aside: OutboxAside | undefined): void {
    const key: OutboxAsideKey = lone === undefined ? { workflowId } : { workflowId, lone };
    if (!this.#asides.has(asideKey(key))) this.#asides.set(asideKey(key), { key, aside });
  }

  #isNew(after: OutboxPosition): boolean {
    return this.#after === undefined || comparePositions(this.#after, after) !== 0;
  }
}
