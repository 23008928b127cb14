/** Which items of the queue are asked for: checked at the door, then plain data that every host understands. */
import { problemOfId } from './address.ts';
import { decodeCursor, encodeCursor, unreadableCursor } from './cursor.ts';
import { limits } from './limits.ts';
import type { Moments, TimeRange } from './list-filter.ts';
import { checkRange, isWithin } from './list-filter.ts';
import type { OptionNames } from './options.ts';
import { checkOptions } from './options.ts';
import type { QueueCause, QueueKind, QueuePlace, QueueRecord } from './queue-record.ts';
import { parseQueueItemId, queueCauses, queueItemId, queueKinds } from './queue-record.ts';
import { formatValue } from './value-encoding.ts';

/** What has to be true of an item, all of it; what is left out may be anything. */
export interface QueueFilter {
  /** One of these. */
  readonly kind?: QueueKind | readonly QueueKind[];
  /** One of these. */
  readonly cause?: QueueCause | readonly QueueCause[];
  /** The id of its workflow. */
  readonly workflow?: string;
  /** The id of the machine of the actor that it is about. */
  readonly machine?: string;
  /** Of the activity, or the state. */
  readonly name?: string;
  /** The class of the failure. */
  readonly failureClass?: string;
  /** Since when it waits: items older than an hour are those `since: { to: Date.now() - 3_600_000 }`. */
  readonly since?: TimeRange;
}

/** Which part of the list. */
export interface QueueListOptions {
  /** Items in one page at most. Default 100, maximum 1,000. */
  readonly limit?: number;
  /** The `next` of a page of the same filter, to go on behind it. */
  readonly cursor?: string | undefined;
}

/** What to group a count by. Items without a name or a failure are in no group of those. */
export type QueueCountGroup = 'kind' | 'cause' | 'machine' | 'name' | 'failureClass';

/** How to count. */
export interface QueueCountOptions {
  readonly groupBy?: QueueCountGroup | undefined;
}

/** A filter that was checked: plain data. */
export interface CheckedQueueFilter extends Omit<QueueFilter, 'kind' | 'cause' | 'since'> {
  readonly kind?: readonly QueueKind[];
  readonly cause?: readonly QueueCause[];
  readonly since?: Moments;
}

/** A list that was checked. */
export interface QueueQuery {
  readonly filter: CheckedQueueFilter;
  readonly limit: number;
  /** Where to go on: right behind it. */
  readonly after?: QueuePlace;
}

/** A count that was checked. */
export interface QueueCountQuery {
  readonly filter: CheckedQueueFilter;
  readonly groupBy: QueueCountGroup | undefined;
}

/** An item as a store reads it. Of a row that is damaged or lost only its place is known. */
export type StoredQueueItem = (QueueRecord & { readonly isDamaged?: undefined }) | (QueuePlace & { readonly isDamaged: true });

/** What a store answers: by kind, each oldest first. */
export interface QueueAnswer {
  readonly items: readonly StoredQueueItem[];
  /** The last one that was looked at; absent at the end. */
  readonly next?: QueuePlace;
}

const filterNames: OptionNames<QueueFilter> = {
  kind: true,
  cause: true,
  workflow: true,
  machine: true,
  name: true,
  failureClass: true,
  since: true,
};

/** @throws TypeError naming what is wrong and what to give; PerdureError `CURSOR_INVALID` for a cursor that is none of this list */
export function checkQueueList(filter: QueueFilter, options: QueueListOptions): QueueQuery {
  const checked = checkQueueFilter(filter, 'queue.list');
  checkOptions<QueueListOptions>(options, 'queue.list', { limit: true, cursor: true });
  const { limit = limits.listPageDefault, cursor } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.listPageMax) {
    throw new TypeError(`queue.list: limit must be a whole number from 1 to ${limits.listPageMax}; found ${formatValue(limit)}.`);
  }
  if (cursor === undefined) return { filter: checked, limit };
  const [id] = decodeCursor(cursor, ['queue', checked], 'queue.list');
  const after = parseQueueItemId(String(id));
  if (after === undefined) throw unreadableCursor(cursor, 'queue.list');
  return { filter: checked, limit, after };
}

/** The cursor that goes on behind an item. */
export function formatQueueCursor(place: QueuePlace, { filter }: QueueQuery): string {
  return encodeCursor(['queue', filter], [queueItemId(place)]);
}

const groupNames: readonly unknown[] = ['kind', 'cause', 'machine', 'name', 'failureClass'] satisfies readonly QueueCountGroup[];

/** @throws TypeError naming what is wrong and what to give */
export function checkQueueCount(filter: QueueFilter, options: QueueCountOptions): QueueCountQuery {
  const checked = checkQueueFilter(filter, 'queue.count');
  checkOptions<QueueCountOptions>(options, 'queue.count', { groupBy: true });
  const { groupBy } = options;
  if (groupBy !== undefined && !groupNames.includes(groupBy)) {
    throw new TypeError(`queue.count: groupBy must be one of ${groupNames.join(', ')}; found ${formatValue(groupBy)}.`);
  }
  return { filter: checked, groupBy };
}

function checkQueueFilter(filter: QueueFilter, door: string): CheckedQueueFilter {
  const place = `${door}: filter`;
  checkOptions<QueueFilter>(filter, place, filterNames);
  const { kind, cause, since } = filter;
  const checked: { -readonly [Name in keyof CheckedQueueFilter]: CheckedQueueFilter[Name] } = {};
  for (const name of ['workflow', 'machine', 'name', 'failureClass'] as const) {
    const text: unknown = filter[name];
    if (text === undefined) continue;
    if (typeof text !== 'string' || text === '') {
      throw new TypeError(`${place}: ${name} must be a string that is not empty; found ${formatValue(text)}.`);
    }
    checked[name] = text;
  }
  const problem = checked.workflow === undefined ? undefined : problemOfId(checked.workflow);
  if (problem !== undefined) throw new TypeError(`${place}: workflow ${formatValue(checked.workflow)} ${problem}; no workflow has that.`);
  if (kind !== undefined) checked.kind = checkWords(kind, queueKinds, `${place}: kind`);
  if (cause !== undefined) checked.cause = checkWords(cause, queueCauses, `${place}: cause`);
  if (since !== undefined) checked.since = checkRange(since, `${place}: since`);
  return checked;
}

/** In the order of the words there are, each once. */
function checkWords<Word extends string>(words: Word | readonly Word[], known: readonly Word[], place: string): readonly Word[] {
  const given: readonly unknown[] = Array.isArray(words) ? words : [words];
  const unknown = given.findIndex((each) => !known.includes(each as Word));
  if (unknown === -1 && given.length > 0) return known.filter((each) => given.includes(each));
  const found = given.length === 0 ? 'none' : formatValue(given[unknown]);
  throw new TypeError(`${place} must be one or several of ${known.join(', ')}; found ${found}.`);
}

/** Of one that cannot be read only what its place says can be true. */
export function matchesQueueFilter(item: StoredQueueItem, filter: CheckedQueueFilter): boolean {
  const { kind, cause, workflow, machine, name, failureClass, since } = filter;
  const told: Partial<QueueRecord> = item;
  return (
    (kind === undefined || kind.includes(item.kind)) &&
    (cause === undefined || cause.includes(item.cause)) &&
    (workflow === undefined || item.address.workflowId === workflow) &&
    (machine === undefined || told.machine?.id === machine) &&
    (name === undefined || told.name === name) &&
    (failureClass === undefined || told.failure?.class === failureClass) &&
    isWithin(item.atMs, since)
  );
}

/** The groups an item is counted in. */
export function queueGroupsOf(item: StoredQueueItem, groupBy: QueueCountGroup | undefined): readonly string[] {
  const { machine, name, failure }: Partial<QueueRecord> = item;
  switch (groupBy) {
    case undefined:
      return [''];
    case 'kind':
      return [item.kind];
    case 'cause':
      return [item.cause];
    case 'machine':
      return machine === undefined ? [] : [machine.id];
    case 'name':
      return name === undefined ? [] : [name];
    case 'failureClass':
      return failure === undefined ? [] : [failure.class];
  }
}

/** Whether what is asked can be told from the places of items alone. */
export function isAskedOfPlaces({ machine, name, failureClass }: CheckedQueueFilter, groupBy?: QueueCountGroup): boolean {
  const isNarrow = machine === undefined && name === undefined && failureClass === undefined;
  return isNarrow && (groupBy === undefined || groupBy === 'kind' || groupBy === 'cause');
}
