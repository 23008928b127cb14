import type { Park } from '../kernel/machine-registry.ts';
import type { Json } from '../kernel/json.ts';
import { limits } from '../kernel/limits.ts';
import { isDraining, isHalted } from '../kernel/mailbox.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { SendResult } from '../kernel/signal.ts';
import type { Tree } from '../kernel/tree.ts';
import type { CommittedView } from './committed-view.ts';

/** Something to be done with an actor, in the order it came. */
export interface Letter {
  /** Runs on the actor as decided so far. A promise holds the mailbox until it settles; it never rejects. */
  handle(resident: Resident): void | Promise<void>;
  /** The actor cannot be had, or the store takes no more writes. */
  reject(error: unknown): void;
}

/** Where a letter that somebody waits on leaves its answer. */
export interface Asked<Answer> {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * One workflow in memory.
 *
 * Invariants
 * 1. Letters are handled one at a time, in order; while `isBusy` none is.
 * 2. `tree` is the decided state: it may be ahead of the disk by `uncommitted` units. Readers never see it, they see `view`.
 * 3. At most one of `tree`, `closed` and `park` is set; none means that there is no such workflow.
 */
export interface Resident {
  readonly workflowId: string;
  readonly mailbox: Letter[];
  readonly view: CommittedView;
  /** Outcomes of messages whose commit is not on disk yet; later ones are found in the store. */
  uncommittedMessages: Map<string, Promise<SendResult>> | undefined;
  tree: Tree | undefined;
  /** Closed on a machine that is gone: what there is to know of it. */
  closed: ActorRecord | undefined;
  /** Something goes on after its end, or waits for its machine to do so; said where there is no tree that says it. */
  isLeftOpen: boolean;
  park: Park | undefined;
  /** What it was started with, if that happened in this process. */
  input: Json | undefined;
  /** The highest run ever given to the id, as far as that is not in `tree` or `closed`: what a deleted one had. */
  lastRun: number;
  isBusy: boolean;
  isReady: boolean;
  uncommitted: number;
}

export function createResident(workflowId: string, view: CommittedView): Resident {
  return {
    workflowId,
    mailbox: [],
    view,
    uncommittedMessages: undefined,
    tree: undefined,
    closed: undefined,
    isLeftOpen: false,
    park: undefined,
    input: undefined,
    lastRun: 0,
    isBusy: true,
    isReady: false,
    uncommitted: 0,
  };
}

/** Whether something is to be done with it: what its actor was told before it could hear of it, or a letter. */
export function hasWork({ tree, mailbox }: Resident): boolean {
  return mailbox.length > 0 || (tree !== undefined && isDraining(tree.root.record));
}

/** Whether it is to have a turn: one that is far ahead of the disk waits, or everybody else's commits would wait behind all of its own. */
export function canGoOn(resident: Resident): boolean {
  return !resident.isBusy && resident.uncommitted < limits.uncommittedMax && hasWork(resident);
}

/** Nothing would be lost by reading it from disk again. */
export function isIdle(resident: Resident): boolean {
  const { tree, isBusy, uncommitted } = resident;
  return !isActive(tree) && !isBusy && !hasWork(resident) && uncommitted === 0;
}

/** Attempts that run in this process would be taken for lost ones of another. */
function isActive(tree: Tree | undefined): boolean {
  if (tree?.isActive !== true) return false;
  if (!isHalted(tree.root.record)) return true;
  return [...tree.actors()].some(({ activities }) => [...activities.values()].some(({ state }) => state === 'running' || state === 'live'));
}
