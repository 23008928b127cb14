/**
 * A list as it is asked for: checked at the door, then plain data that every host understands. Its cursor is the place of the last
 * workflow that was looked at, so that paging neither repeats nor skips one that was there throughout, whatever comes and goes.
 */
import { problemOfId } from './address.ts';
import { decodeCursor, encodeCursor, unreadableCursor } from './cursor.ts';
import { limits } from './limits.ts';
import type { CheckedFilter, WorkflowFilter } from './list-filter.ts';
import { checkFilter } from './list-filter.ts';
import type { IsMissing, ListedWorkflow } from './listing.ts';
import { checkOptions } from './options.ts';
import { formatValue } from './value-encoding.ts';

/** What a list is sorted by: when workflows were started, when they closed (open ones are left out), or their ids. */
export type ListSort = 'started' | 'closed' | 'id';

/** Which part of a list, and in which order. */
export interface ListOptions {
  /** Default `started`. */
  readonly sort?: ListSort;
  /** Default `descending`, newest first; of ids `ascending`. */
  readonly order?: 'ascending' | 'descending';
  /** Workflows in one page at most. Default 100, maximum 1,000. */
  readonly limit?: number;
  /** The `next` of a page of the same filter, sort and order, to go on behind it. */
  readonly cursor?: string | undefined;
}

/** A page of a list. */
export interface WorkflowList {
  /** At most `limit`; fewer, or none, where the filter leaves out most of what was looked at. */
  readonly workflows: readonly ListedWorkflow[];
  /** The cursor of the next page; absent at the end of the list. */
  readonly next?: string;
}

/** The place of a workflow in a list. */
export interface ListPosition {
  readonly id: string;
  readonly run: number;
  /** What it is sorted by; 0 for ids. */
  readonly atMs: number;
}

/** A list that was checked. */
export interface ListQuery {
  readonly filter: CheckedFilter;
  readonly sort: ListSort;
  readonly isDescending: boolean;
  readonly limit: number;
  /** Where to go on: right behind it. */
  readonly after?: ListPosition;
  readonly isMissing: IsMissing;
}

/** What a store answers. */
export interface ListAnswer {
  readonly workflows: readonly ListedWorkflow[];
  /** The last one that was looked at; absent at the end. */
  readonly next?: ListPosition;
}

/**
 * @throws TypeError naming what is wrong and what to give; PerdureError `CURSOR_INVALID` for a cursor that is none of this list
 */
export function checkList(filter: WorkflowFilter, options: ListOptions, isMissing: IsMissing): ListQuery {
  const checked = checkFilter(filter, 'list');
  checkOptions<ListOptions>(options, 'list', { sort: true, order: true, limit: true, cursor: true });
  const { sort = 'started', limit = limits.listPageDefault, cursor } = options;
  if (!['started', 'closed', 'id'].includes(sort)) {
    throw new TypeError(`list: sort must be 'started', 'closed' or 'id'; found ${formatValue(sort)}.`);
  }
  const { order = sort === 'id' ? 'ascending' : 'descending' } = options;
  if (order !== 'ascending' && order !== 'descending') {
    throw new TypeError(`list: order must be 'ascending' or 'descending'; found ${formatValue(order)}.`);
  }
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.listPageMax) {
    throw new TypeError(`list: limit must be a whole number from 1 to ${limits.listPageMax}; found ${formatValue(limit)}.`);
  }
  const query: ListQuery = { filter: checked, sort, isDescending: order === 'descending', limit, isMissing };
  return cursor === undefined ? query : { ...query, after: parseCursor(cursor, query) };
}

/** The cursor that goes on behind a place. */
export function formatCursor({ id, run, atMs }: ListPosition, query: ListQuery): string {
  return encodeCursor(nameOf(query), [id, run, atMs]);
}

function parseCursor(cursor: unknown, query: ListQuery): ListPosition {
  const [id, run, atMs] = decodeCursor(cursor, nameOf(query), 'list');
  const isPlace = typeof id === 'string' && problemOfId(id) === undefined && Number.isInteger(run) && typeof atMs === 'number';
  if (!isPlace) throw unreadableCursor(String(cursor), 'list');
  return { id, run: Number(run), atMs };
}

/** What a cursor has to have in common with its list; the size of its pages may change. */
function nameOf({ filter, sort, isDescending }: ListQuery): unknown {
  // A filter that was checked has its fields in one order.
  return [filter, sort, isDescending];
}
