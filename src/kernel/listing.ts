/** What lists and counts show of a workflow, and what of it they go by. */
import type { Address } from './address.ts';
import type { Json } from './json.ts';
import { limits } from './limits.ts';
import type { ActorRecord, ParkReason, WorkflowStatus } from './record.ts';
import { isClosed } from './record.ts';

/** A workflow in a list: its latest run as of its last commit, without its context. Moments are epoch milliseconds. */
export interface ListedWorkflow {
  readonly id: string;
  /** 1, 2, … each time the id was started again. */
  readonly run: number;
  /** Absent if its record cannot be read. */
  readonly machine?: { readonly id: string; readonly version: string };
  readonly status: WorkflowStatus;
  /** The chart's state value. Absent if its record cannot be read. */
  readonly value?: Json;
  /** Absent if its record cannot be read and nothing else tells. */
  readonly startedAtMs?: number;
  /** Absent while it is open. */
  readonly closedAtMs?: number;
  /** Why it ended badly: the class of its failure. */
  readonly failureClass?: string;
  /** Why the engine will not run it. */
  readonly parkedReason?: ParkReason;
}

/** What derived rows are made of: whatever changes none of it changes no list and no count. */
export interface Listing {
  readonly run: number;
  readonly machine: string;
  readonly version: string;
  readonly status: WorkflowStatus;
  /** The states it is in that have none below them; see {@link leavesOf}. */
  readonly leaves: readonly string[];
  readonly startedAtMs: number;
  readonly closedAtMs?: number;
  readonly failureClass?: string;
}

/** What a step changed for lists and counts. Without `before` the id had no workflow; without `after` it has none any more. */
export interface ListingChange {
  readonly before?: Listing;
  readonly after?: Listing;
}

/** Whether a version of a machine is not registered, so that whatever is open on it is parked. */
export type IsMissing = (machine: string, version: string) => boolean;

export function listingOf({ address, machine, status, chart, startedAtMs, closedAtMs, failure }: ActorRecord): Listing {
  return {
    run: address.run,
    machine: machine.id,
    version: machine.version,
    status,
    leaves: leavesOf(chart.value),
    startedAtMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(failure === undefined ? {} : { failureClass: failure.class }),
  };
}

/** What a commit changes for lists and counts; most change nothing. */
export function listingChange(before: ActorRecord | undefined, after: ActorRecord): ListingChange | undefined {
  if (after.address.path.length > 0) return undefined;
  if (before === undefined) return { after: listingOf(after) };
  // Whatever else a listing is made of changes only with the status.
  if (before.status === after.status && isSame(before.chart.value, after.chart.value)) return undefined;
  return { before: listingOf(before), after: listingOf(after) };
}

/** Whether nothing but the state is another, as after most steps. */
export function hasOnlyMoved({ before, after }: ListingChange): boolean {
  return before !== undefined && before.run === after?.run && before.status === after.status && before.version === after.version;
}

function isSame(left: Json, right: Json): boolean {
  if (left === right) return true;
  if (typeof left !== 'object' || typeof right !== 'object') return false;
  return JSON.stringify(left) === JSON.stringify(right);
}

/**
 * The states of a value that have no state below them, as paths: `working.kyc`; in parallel states there are several. A dot or
 * a backslash in the name of a state has a backslash before it.
 */
export function leavesOf(value: Json): readonly string[] {
  const [known, text] = typeof value === 'string' ? [leavesOfNames, value] : [leavesOfValues, JSON.stringify(value)];
  const found = known.get(text);
  if (found !== undefined) return found;
  const leaves: string[] = [];
  const walk = (below: Json, path: string): void => {
    const states = typeof below === 'string' ? [[below, {}] as const] : Object.entries(Object(below) as { readonly [name: string]: Json });
    if (states.length === 0 && path !== '') leaves.push(path);
    for (const [name, own] of states) walk(own, path + (path === '' ? '' : '.') + name.replace(/[\\.]/g, String.raw`\$&`));
  };
  walk(value, '');
  leaves.sort();
  if (known.size >= limits.statesRememberedMax) known.clear();
  known.set(text, leaves);
  return leaves;
}

// What follows from a value alone, remembered: the same value gives the same array, by which others remember what follows from that.
const leavesOfNames = new Map<string, readonly string[]>();
const leavesOfValues = new Map<string, readonly string[]>();

/** Whether a state is active: one of the leaves, or above one of them. */
export function isInState(leaves: readonly string[], state: string): boolean {
  return leaves.some((leaf) => leaf === state || leaf.startsWith(`${state}.`));
}

/** The status as lists show it: what is open on a version that is not registered waits for it. */
export function statusShown(status: WorkflowStatus, machine: string, version: string, isMissing: IsMissing): WorkflowStatus {
  return isClosed(status) || !isMissing(machine, version) ? status : 'parked';
}

export function listedWorkflow(record: ActorRecord, isMissing: IsMissing): ListedWorkflow {
  const { address, machine, chart, parked, startedAtMs, closedAtMs, failure } = record;
  const isWaiting = !isClosed(record.status) && isMissing(machine.id, machine.version);
  const parkedReason = isWaiting ? 'version-missing' : parked?.reason;
  return {
    id: address.workflowId,
    run: address.run,
    machine: { id: machine.id, version: machine.version },
    status: isWaiting ? 'parked' : record.status,
    value: chart.value,
    startedAtMs,
    ...(closedAtMs === undefined ? {} : { closedAtMs }),
    ...(failure === undefined ? {} : { failureClass: failure.class }),
    ...(parkedReason === undefined ? {} : { parkedReason }),
  };
}

/** One whose record cannot be read, with what the row that names it says. */
export function unreadableWorkflow(
  { workflowId: id, run }: Address,
  moments: Pick<ListedWorkflow, 'startedAtMs' | 'closedAtMs'>,
): ListedWorkflow {
  return { id, run, status: 'parked', parkedReason: 'record-damaged', ...moments };
}
