/** What is kept of the items of a fan-out: rows of their own, so that no record grows with them. */
import type { FailureRecord } from './failure-record.ts';
import type { Json } from './json.ts';

/** What became of an item; written once. Those that wait, run, or were under way when the fan-out ended without them have none. */
export interface ItemRecord {
  /** Its place among the items, from 1. */
  readonly n: number;
  readonly status: 'completed' | 'failed';
  /** Number of the activity or child that it was. */
  readonly child: number;
  readonly output?: Json;
  readonly failure?: FailureRecord;
  /** What it was given; of those that failed, for whoever reads of it. */
  readonly input?: Json;
}

/** Items that have not begun, as they were given. It goes when the last of them has begun. */
export interface PageRecord {
  /** From 1. */
  readonly n: number;
  /** The place of its first item. */
  readonly first: number;
  readonly inputs: readonly Json[];
}

/** How far a fan-out is: what its chart shows, and what goes on from. */
export interface FanOutCounts {
  readonly total: number;
  /** Items that began. */
  readonly begun: number;
  readonly succeeded: number;
  readonly failed: number;
}

/** The first item that failed, and why. */
export interface FailedItem {
  readonly item: number;
  readonly class: string;
  readonly message: string;
}

/** What an actor that is a fan-out has besides what every actor has. */
export interface FanOutRows {
  /** In their order. */
  readonly pages: readonly PageRecord[];
  /** Of items that ended, where their outputs are given to the parent; otherwise empty, however many have ended. */
  readonly ended: readonly ItemRecord[];
  /** Whether outputs are given to the parent: as it was declared when it began, whatever is declared since. */
  readonly isInline?: true;
  /** Undos of items that the root was not told of yet. */
  readonly untold?: number;
}
