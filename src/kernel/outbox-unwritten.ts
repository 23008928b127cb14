/** What of the progress of a consumer is not written down yet. */
import type { ProgressChange } from './outbox-lane.ts';
import { asideKey } from './outbox-lane.ts';
import type { QueuePlace, QueueRecord } from './queue-record.ts';
import { queueItemId } from './queue-record.ts';
import type { OutboxAside, OutboxAsideKey, OutboxPlace, OutboxPosition } from './outbox.ts';
import { comparePositions, poisonItem } from './outbox.ts';

export class OutboxUnwritten {
  readonly #name: string;
  /** Undefined: whatever is there is to be replaced. */
  #after: OutboxPosition | undefined;
  readonly #asides = new Map<string, { readonly key: OutboxAsideKey; readonly aside: OutboxAside | undefined }>();
  /** By their ids: items of the queue, and places of those that wait no more. */
  readonly #items = new Map<string, { readonly place: QueuePlace; readonly record: QueueRecord | undefined }>();
  #finished: OutboxPlace[] = [];

  /** @param after what is written down of the cursor */
  constructor(name: string, after: OutboxPosition | undefined) {
    this.#name = name;
    this.#after = after;
  }

  get finishedCount(): number {
    return this.#finished.length;
  }

  has(after: OutboxPosition): boolean {
    return this.#finished.length + this.#asides.size + this.#items.size > 0 || this.#isNew(after);
  }

  finish({ commit, n, address, sequence }: OutboxPlace): void {
    this.#finished.push({ commit, n, address, sequence });
  }

  /** What stands aside, or undefined if nothing does; what a person has to look at follows from what is poison. */
  put(key: OutboxAsideKey, before: OutboxAside | undefined, aside: OutboxAside | undefined): void {
    this.#asides.set(asideKey(key), { key, aside });
    if (before?.poison === aside?.poison) return;
    if (before?.poison !== undefined) this.#putItem(poisonItem(this.#name, before.poison, before.failed), undefined);
    if (aside?.poison === undefined) return;
    const item = poisonItem(this.#name, aside.poison, aside.failed);
    this.#putItem(item, item);
  }

  /** @param record undefined: it waits no more */
  #putItem(place: QueuePlace, record: QueueRecord | undefined): void {
    this.#items.set(queueItemId(place), { place, record });
  }

  take(after: OutboxPosition): ProgressChange {
    const changed = [...this.#asides.values()];
    const items = [...this.#items.values()];
    const change: ProgressChange = {
      name: this.#name,
      ...(this.#isNew(after) ? { after } : {}),
      asidesPut: changed.flatMap(({ aside }) => aside ?? []),
      asidesRemoved: changed.filter(({ aside }) => aside === undefined).map(({ key }) => key),
      queuePut: items.flatMap(({ record }) => record ?? []),
      queueRemoved: items.filter(({ record }) => record === undefined).map(({ place }) => place),
      finished: this.#finished,
    };
    this.#after = after;
    this.#asides.clear();
    this.#items.clear();
    this.#finished = [];
    return change;
  }

  /** What could not be written, below what is newer. */
  restore({ after, asidesPut, asidesRemoved, queuePut, queueRemoved, finished }: ProgressChange): void {
    if (after !== undefined) this.#after = undefined;
    for (const aside of asidesPut) this.#putBelow(aside, aside);
    for (const key of asidesRemoved) this.#putBelow(key, undefined);
    for (const record of queuePut) if (!this.#items.has(queueItemId(record))) this.#putItem(record, record);
    for (const place of queueRemoved) if (!this.#items.has(queueItemId(place))) this.#putItem(place, undefined);
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
