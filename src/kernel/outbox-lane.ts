/** What a consumer of the outbox is given in order, and where it stands. */
import { roughSize } from './json.ts';
import type {
  OutboxAside,
  OutboxAsideKey,
  OutboxEntry,
  OutboxPlace,
  OutboxPoison,
  OutboxPosition,
  OutboxProgressChange,
  OutboxQueueChange,
} from './outbox.ts';
import { comparePositions } from './outbox.ts';

/** The messages of one workflow in their order, or one of them alone. */
export interface Lane {
  readonly workflowId: string;
  /** What is in memory; of a lane aside it may be none, and has to be read from `aside.from` on. */
  readonly messages: OutboxEntry[];
  aside: OutboxAside | undefined;
}

/** A lane that waits for a person. */
export interface PoisonedLane extends Lane {
  aside: OutboxAside & { readonly poison: OutboxPoison };
}

/** What has to be written down, and the entries that this consumer does not need any more. */
export interface ProgressChange extends OutboxProgressChange, OutboxQueueChange {
  readonly finished: readonly OutboxPlace[];
}

export function positionOf({ commit, n }: OutboxPosition): OutboxPosition {
  return { commit, n };
}

export function placeKey({ commit, n }: OutboxPosition): string {
  return `${commit}:${n}`;
}

/** No id of a workflow is empty. */
export function asideKey({ workflowId, lone }: OutboxAsideKey): string {
  return lone === undefined ? `:${workflowId}` : placeKey(lone);
}

export function sizeOf({ content }: OutboxEntry): number {
  return content === undefined ? 0 : roughSize(content.event);
}

export function isIn({ from, to }: OutboxAside, position: OutboxPosition): boolean {
  return comparePositions(position, from) >= 0 && comparePositions(position, to) <= 0;
}

export function isRetrying(aside: OutboxAside | undefined): boolean {
  return aside !== undefined && aside.failed > 0 && aside.poison === undefined;
}

export function isPoisoned(lane: Lane): lane is PoisonedLane {
  return lane.aside?.poison !== undefined;
}
