/** Which workflows a list or a count is about. */
import type { ListedWorkflow } from './listing.ts';
import { isInState, leavesOf } from './listing.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import { problemOfId } from './address.ts';
import type { WorkflowStatus } from './record.ts';
import { formatValue } from './value-encoding.ts';

/** From a moment up to, not including, another; either may be left out. */
export interface TimeRange {
  /** The first moment that belongs to it: a `Date`, or epoch milliseconds. */
  readonly from?: Date | number;
  /** The first moment after it. */
  readonly to?: Date | number;
}

/** What has to be true of a workflow, all of it; what is left out may be anything. */
export interface WorkflowFilter {
  /** One of these. */
  readonly status?: WorkflowStatus | readonly WorkflowStatus[];
  /** The id of its machine. */
  readonly machine?: string;
  /** The version of its machine. */
  readonly version?: string;
  /** A state it is in, at any depth: `working` is true of whatever is in `working.kyc`. A dot in the name of a state is written `\.`. */
  readonly state?: string;
  /** The class of the failure it ended with. */
  readonly failureClass?: string;
  /** When it was started. */
  readonly started?: TimeRange;
  /** When it closed; open workflows are left out. */
  readonly closed?: TimeRange;
  /** How its id begins. */
  readonly idPrefix?: string;
}

/** A range in epoch milliseconds. */
export interface Moments {
  readonly fromMs?: number;
  readonly toMs?: number;
}

/** A filter that was checked: plain data. */
export interface CheckedFilter extends Omit<WorkflowFilter, 'status' | 'started' | 'closed'> {
  readonly status?: readonly WorkflowStatus[];
  readonly started?: Moments;
  readonly closed?: Moments;
}

const filterNames: OptionNames<WorkflowFilter> = {
  status: true,
  machine: true,
  version: true,
  state: true,
  failureClass: true,
  started: true,
  closed: true,
  idPrefix: true,
};

const allStatuses: Readonly<Record<WorkflowStatus, true>> = {
  running: true,
  paused: true,
  parked: true,
  completed: true,
  failed: true,
  cancelled: true,
  terminated: true,
};

/**
 * @param door names the function in messages
 * @throws TypeError naming what is wrong and what to give
 */
export function checkFilter(filter: WorkflowFilter, door: string): CheckedFilter {
  const place = `${door}: filter`;
  checkOptions<WorkflowFilter>(filter, place, filterNames);
  const { status, started, closed } = filter;
  const checked: { -readonly [Name in keyof CheckedFilter]: CheckedFilter[Name] } = {};
  for (const name of ['machine', 'version', 'state', 'failureClass', 'idPrefix'] as const) {
    const text: unknown = filter[name];
    if (text === undefined) continue;
    if (typeof text !== 'string' || text === '') {
      throw new TypeError(`${place}: ${name} must be a string that is not empty; found ${formatValue(text)}.`);
    }
    checked[name] = text;
  }
  const problem = checked.idPrefix === undefined ? undefined : problemOfId(checked.idPrefix);
  if (problem !== undefined) throw new TypeError(`${place}: idPrefix ${formatValue(checked.idPrefix)} ${problem}: no id begins with it.`);
  if (status !== undefined) checked.status = checkStatus(status, place);
  if (started !== undefined) checked.started = checkRange(started, `${place}: started`);
  if (closed !== undefined) checked.closed = checkRange(closed, `${place}: closed`);
  return checked;
}

function checkStatus(status: WorkflowStatus | readonly WorkflowStatus[], place: string): readonly WorkflowStatus[] {
  const given: readonly unknown[] = Array.isArray(status) ? status : [status];
  const unknown = given.findIndex((each) => typeof each !== 'string' || !Object.hasOwn(allStatuses, each));
  if (unknown === -1 && given.length > 0) return Object.keys(allStatuses).filter((each) => given.includes(each)) as WorkflowStatus[];
  const found = given.length === 0 ? 'none' : formatValue(given[unknown]);
  throw new TypeError(`${place}: status must be one or several of ${Object.keys(allStatuses).join(', ')}; found ${found}.`);
}

/** @throws TypeError naming what is wrong and what to give */
export function checkRange(range: TimeRange, place: string): Moments {
  checkOptions<TimeRange>(range, place, { from: true, to: true });
  const [fromMs, toMs] = [momentOf(range.from, `${place}.from`), momentOf(range.to, `${place}.to`)];
  if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
    throw new TypeError(`${place}: from (${fromMs}) must not be later than to (${toMs}).`);
  }
  return { ...(fromMs === undefined ? {} : { fromMs }), ...(toMs === undefined ? {} : { toMs }) };
}

function momentOf(moment: unknown, place: string): number | undefined {
  if (moment === undefined) return undefined;
  const atMs: unknown = moment instanceof Date ? moment.getTime() : moment;
  if (typeof atMs === 'number' && Number.isFinite(atMs)) return atMs;
  throw new TypeError(`${place} must be a valid Date or epoch milliseconds; found ${formatValue(moment instanceof Date ? atMs : moment)}.`);
}

/** Of one whose record cannot be read only what is known can be true. */
export function matchesFilter(workflow: ListedWorkflow, filter: CheckedFilter): boolean {
  const { status, machine, version, state, failureClass, started, closed, idPrefix } = filter;
  return (
    (status === undefined || status.includes(workflow.status)) &&
    (machine === undefined || workflow.machine?.id === machine) &&
    (version === undefined || workflow.machine?.version === version) &&
    (state === undefined || isInState(leavesOf(workflow.value ?? {}), state)) &&
    (failureClass === undefined || workflow.failureClass === failureClass) &&
    isWithin(workflow.startedAtMs, started) &&
    isWithin(workflow.closedAtMs, closed) &&
    (idPrefix === undefined || workflow.id.startsWith(idPrefix))
  );
}

export function isWithin(atMs: number | undefined, range: Moments | undefined): boolean {
  if (range === undefined) return true;
  const { fromMs = -Infinity, toMs = Infinity } = range;
  return atMs !== undefined && atMs >= fromMs && atMs < toMs;
}
