/**
 * What people do about messages that failed for good.
 *
 * 1. What was done is on disk when the promise resolves, with the item of the queue gone.
 */
import { PerdureError } from '../kernel/errors.ts';
import type { Logger } from '../kernel/logger.ts';
import type { Lane, PoisonedLane } from '../kernel/outbox-lane.ts';
import type { OutboxProgress } from '../kernel/outbox-progress.ts';
import type { OutboxEntry, OutboxPlace } from '../kernel/outbox.ts';
import { comparePositions, noOutboxChange, poisonItem } from '../kernel/outbox.ts';
import type { Store } from '../kernel/ports.ts';
import { actNotAllowed, itemNotFound } from '../kernel/queue-acts.ts';
import type { QueuePlace } from '../kernel/queue-record.ts';
import { isSameItem, queueItemId } from '../kernel/queue-record.ts';
import type { Alone } from './erasing.ts';
import type { OutboxRunner } from './outbox-runner.ts';
import type { QueueQuestion } from './queue-control.ts';

export interface PoisonDeskParts {
  readonly logger: Logger;
  /** By the names of their consumers. */
  readonly runners: ReadonlyMap<string, OutboxRunner>;
  /** Of consumers that the runtime was not opened with. */
  readonly gone: ReadonlyMap<string, OutboxProgress>;
  /** The open store; throws `STORE_UNAVAILABLE` if there is none. */
  readonly open: () => { readonly store: Store; readonly alone: Alone };
  /** Writes down all that changed. */
  readonly writeAll: () => Promise<void>;
}

/** A message that waits for a person. */
interface PoisonMessage {
  readonly consumer: string;
  readonly runner: OutboxRunner;
  readonly lane: PoisonedLane;
}

export class OutboxPoisonDesk {
  readonly #parts: PoisonDeskParts;

  constructor(parts: PoisonDeskParts) {
    this.#parts = parts;
  }

  /**
   * What a person does about a message that failed for good: has it delivered again, from its first attempt on, or gives it up, so that
   * those behind it are delivered.
   */
  async act({ place, act }: QueueQuestion): Promise<void> {
    if (act.kind !== 'discard' && act.kind !== 'retry') throw actNotAllowed(place, act);
    if ('input' in act) throw actNotAllowed(place, act, 'A message is delivered as it was emitted: it cannot be given another input.');
    const found = this.#find(place);
    if (found === undefined) throw await this.#notFound(place);
    const { consumer, lane, runner } = found;
    if (act.kind === 'discard') await this.#discard(runner, lane);
    else runner.progress.retry(lane);
    this.#parts.logger.info(
      { consumer, id: lane.workflowId, act: act.kind, by: act.by, note: act.note },
      'A message was dealt with by hand.',
    );
    await this.#parts.writeAll();
    runner.pump();
  }

  /** Of a workflow that is deleted nothing waits for a person any more. */
  async forget(workflowId: string): Promise<void> {
    const found = [...this.#poison()].filter(({ lane }) => lane.workflowId === workflowId);
    if (found.length === 0) return;
    for (const { runner, lane } of found) await this.#discard(runner, lane);
    await this.#parts.writeAll();
    for (const { runner } of found) runner.pump();
  }

  async #discard(runner: OutboxRunner, lane: PoisonedLane): Promise<void> {
    const { poison } = lane.aside;
    const entry = await this.#entryOf(lane);
    // Somebody else may have been faster.
    if ((lane as Lane).aside?.poison === poison) runner.progress.discard(lane, entry);
  }

  *#poison(): IterableIterator<PoisonMessage> {
    for (const [consumer, runner] of this.#parts.runners) for (const lane of runner.progress.poisoned()) yield { consumer, runner, lane };
  }

  #find(place: QueuePlace): PoisonMessage | undefined {
    for (const found of this.#poison()) {
      const { poison, failed } = found.lane.aside;
      if (isSameItem(poisonItem(found.consumer, poison, failed), place)) return found;
    }
    return undefined;
  }

  /** An item that nothing stands behind is taken away, unless its consumer may come back. */
  async #notFound(place: QueuePlace): Promise<PerdureError> {
    for (const [name, gone] of this.#parts.gone) {
      for (const { aside } of gone.poisoned()) {
        if (!isSameItem(poisonItem(name, aside.poison, aside.failed), place)) continue;
        const sentence = `This runtime was opened without the outbox consumer ${JSON.stringify(name)}: open it with it, or remove it.`;
        return new PerdureError('CONSUMER_NOT_FOUND', sentence, { name, known: [...this.#parts.runners.keys()] });
      }
    }
    const { store, alone } = this.#parts.open();
    await alone(() => store.outbox.write({ ...noOutboxChange, queueRemoved: [place] }));
    return itemNotFound(queueItemId(place));
  }

  /** Since when a message is poison, if it is from now on: items of one commit are told apart by it. */
  freeAtMs(place: OutboxPlace, nowMs: number): number {
    const taken = new Set<number>();
    for (const { lane } of this.#poison()) if (lane.aside.poison.place.commit === place.commit) taken.add(lane.aside.poison.sinceAtMs);
    let atMs = nowMs;
    while (taken.has(atMs)) atMs += 1;
    return atMs;
  }

  async #entryOf({ workflowId, aside: { from } }: PoisonedLane): Promise<OutboxEntry | undefined> {
    const [first] = await this.#parts.open().store.outbox.readOf(workflowId, from, 1);
    return first !== undefined && comparePositions(first, from) === 0 ? first : undefined;
  }
}
