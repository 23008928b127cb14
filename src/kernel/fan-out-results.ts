/** What is told of a fan-out: how far it is, and what its items came to. */
import type { Address } from './address.ts';
import { formatAddress, problemOfId } from './address.ts';
import { decodeCursor, encodeCursor, unreadableCursor } from './cursor.ts';
import type { FailureRecord } from './failure-record.ts';
import type { FailedItem, FanOutCounts, ItemRecord } from './item-record.ts';
import { limits } from './limits.ts';
import { checkOptions } from './options.ts';
import type { ActorRecord } from './record.ts';
import { isClosed } from './record.ts';
import { decodeValue } from './value-decoding.ts';
import { formatValue } from './value-encoding.ts';

/** How far a fan-out is, as of its last commit. */
export interface FanOutDescription {
  /** What `runtime.results` is asked by. */
  readonly address: string;
  /** Items known so far. */
  readonly total: number;
  /** Whether these are all; not while its source has more. */
  readonly isTotalKnown: boolean;
  /** Items that have not begun. */
  readonly waiting: number;
  readonly underWay: number;
  readonly succeeded: number;
  readonly failed: number;
  /** Items that were under way when it ended without them; those that never began are `waiting` for ever then. */
  readonly cancelled: number;
  /** Items that ended each second, from its start to its last commit. */
  readonly perSecond: number;
  /** The first item that failed, and why. */
  readonly firstFailed?: FailedItem;
}

/** What an item of a fan-out came to. */
export interface ItemResult {
  /** Its place among the items, from 1. */
  readonly item: number;
  readonly status: ItemRecord['status'];
  /** Of one that completed. */
  readonly output?: unknown;
  /** Of one that failed. */
  readonly failure?: FailureRecord;
  /** What it was given; of an activity that failed. */
  readonly input?: unknown;
}

export interface ItemResults {
  /** Those that ended, in the order of the items. */
  readonly items: readonly ItemResult[];
  /** Pass it as `cursor` to go on; absent at the end. */
  readonly next?: string;
}

export interface ResultsOptions {
  /** The `next` of the page before. Default: from the first item on. */
  readonly cursor?: string;
  /** Items to return at most, up to 1,000. Default 100. */
  readonly limit?: number;
}

export interface ResultsQuery {
  readonly fanOut: Address;
  readonly from: number;
  readonly limit: number;
}

const form = /^(.+):([1-9]\d*):([1-9]\d*(?:\.[1-9]\d*)*)$/s;

/** @throws TypeError naming what is wrong and what to give; PerdureError `CURSOR_INVALID` for a cursor of another fan-out */
export function checkResults(address: unknown, options: ResultsOptions): ResultsQuery {
  const fanOut = addressIn(address);
  checkOptions<ResultsOptions>(options, 'results', { cursor: true, limit: true });
  const { cursor, limit = limits.listPageDefault } = options;
  if (!Number.isInteger(limit) || limit < 1 || limit > limits.listPageMax) {
    throw new TypeError(`results: limit must be a whole number from 1 to ${limits.listPageMax}; found ${formatValue(limit)}.`);
  }
  if (cursor === undefined) return { fanOut, from: 1, limit };
  const [from] = decodeCursor(cursor, ['results', formatAddress(fanOut)], 'results');
  if (!Number.isInteger(from)) throw unreadableCursor(cursor, 'results');
  return { fanOut, from: Number(from), limit };
}

function addressIn(text: unknown): Address {
  const [, workflowId = '', run, path = ''] = (typeof text === 'string' ? form.exec(text) : null) ?? [];
  if (problemOfId(workflowId) === undefined) return { workflowId, run: Number(run), path: path.split('.').map(Number) };
  throw new TypeError(
    `results: give the address of a fan-out, which its output has and describe(id).children[…].items; found ${formatValue(text)}.`,
  );
}

/** @param found one more than the limit, if there are more */
export function resultsShown(found: readonly ItemRecord[], { fanOut, limit }: ResultsQuery): ItemResults {
  const items = found.slice(0, limit).map(itemShown);
  const following = found[limit];
  return following === undefined ? { items } : { items, next: encodeCursor(['results', formatAddress(fanOut)], [following.n]) };
}

function itemShown({ n, status, output, failure, input }: ItemRecord): ItemResult {
  return {
    item: n,
    status,
    ...(output === undefined ? {} : { output: decodeValue(output) }),
    ...(failure === undefined ? {} : { failure }),
    ...(input === undefined ? {} : { input: decodeValue(input) }),
  };
}

/** @param counts what its chart shows */
export function describeFanOut(
  { address, status, startedAtMs, updatedAtMs }: ActorRecord,
  {
    total,
    begun,
    succeeded,
    failed,
    firstFailed,
    source,
  }: FanOutCounts & { readonly firstFailed: FailedItem | null; readonly source: unknown },
): FanOutDescription {
  const left = begun - succeeded - failed;
  const isOver = isClosed(status);
  const ended = succeeded + failed;
  return {
    address: formatAddress(address),
    total,
    isTotalKnown: source === null,
    waiting: total - begun,
    underWay: isOver ? 0 : left,
    succeeded,
    failed,
    cancelled: isOver ? left : 0,
    perSecond: ended === 0 ? 0 : ended / Math.max(0.001, (updatedAtMs - startedAtMs) / 1_000),
    ...(firstFailed === null ? {} : { firstFailed }),
  };
}
