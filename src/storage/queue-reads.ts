/** Reading what waits for a person. A row that is damaged or lost hides no other: it is shown with what its key says. */
import { addTo } from '../kernel/count-query.ts';
import type { CountAnswer } from '../kernel/count-query.ts';
import { limits } from '../kernel/limits.ts';
import type { CheckedQueueFilter, QueueAnswer, QueueCountQuery, QueueQuery, StoredQueueItem } from '../kernel/queue-query.ts';
import { isAskedOfPlaces, matchesQueueFilter, queueGroupsOf } from '../kernel/queue-query.ts';
import type { QueuePlace } from '../kernel/queue-record.ts';
import { queueKinds } from '../kernel/queue-record.ts';
import type { QueueValue } from './batch.ts';
import type { Codec } from './codec.ts';
import { unlessCorrupt, unlessDamaged } from './damage.ts';
import type { DatabaseReader } from './database.ts';
import type { KeyRange } from './keys.ts';
import { compareKeys, successorOf } from './keys.ts';
import { decodeOwedKey, decodeQueueKey, encodeOwedKey, encodeQueueKey, owedRange, queueRange } from './queue-keys.ts';

/** Rows looked at before others get a turn. */
const pageRows = 500;

export async function readQueue(reader: DatabaseReader, codec: Codec, { filter, limit, after }: QueueQuery): Promise<QueueAnswer> {
  const items: StoredQueueItem[] = [];
  const walked = await walk(reader, codec, { filter, after, max: limits.listScanMax, isOfPlaces: false }, (item) => {
    // One more than the page holds says whether it is the last.
    if (items.length === limit) return false;
    items.push(item);
    return true;
  });
  return walked.last === undefined || walked.isEnd ? { items } : { items, next: walked.last };
}

export async function countQueue(reader: DatabaseReader, codec: Codec, { filter, groupBy }: QueueCountQuery): Promise<CountAnswer> {
  const counts = new Map<string, number>();
  const isOfPlaces = isAskedOfPlaces(filter, groupBy);
  const walked = await walk(reader, codec, { filter, after: undefined, max: limits.countScanMax, isOfPlaces }, (item) => {
    for (const group of queueGroupsOf(item, groupBy)) addTo(counts, group, 1);
    return true;
  });
  return { counts, exact: walked.isEnd };
}

/** Undefined if no such item waits. */
export async function readQueueItem(reader: DatabaseReader, codec: Codec, place: QueuePlace): Promise<StoredQueueItem | undefined> {
  const key = encodeQueueKey(place);
  const value = await reader.get(key).catch(unlessCorrupt);
  if (value === 'corrupt') return { ...place, isDamaged: true };
  if (value !== undefined) return itemOf(codec, key, value, place);
  // It is lost if something says that it was there.
  const owed = await reader.get(encodeOwedKey(place)).catch(unlessCorrupt);
  return owed === undefined ? undefined : { ...place, isDamaged: true };
}

/** What all runs of an id owe, in the order of lists. */
export async function readOwed(
  reader: DatabaseReader,
  codec: Codec,
  workflowId: string,
  limit: number,
): Promise<readonly StoredQueueItem[]> {
  const places = await placesOwed(reader, workflowId, limit);
  const items = await Promise.all(places.map(async (place) => readQueueItem(reader, codec, place)));
  return items.filter((item) => item !== undefined);
}

async function placesOwed(reader: DatabaseReader, workflowId: string, limit: number): Promise<readonly QueuePlace[]> {
  const keys = await reader.keys({ limit, ...owedRange(workflowId) });
  const places = keys.flatMap((key) => unlessDamaged(() => decodeOwedKey(key)) ?? []);
  const byKey = places.map((place) => ({ place, key: encodeQueueKey(place) }));
  return byKey.sort((a, b) => compareKeys(a.key, b.key)).map(({ place }) => place);
}

function itemOf(codec: Codec, key: Uint8Array, value: Uint8Array, place: QueuePlace): StoredQueueItem {
  const told = unlessDamaged(() => codec.decode(key, value) as QueueValue);
  return told === undefined ? { ...place, isDamaged: true } : { ...place, ...told };
}

interface Way {
  readonly filter: CheckedQueueFilter;
  /** Where to go on: right behind it. */
  readonly after: QueuePlace | undefined;
  /** Items to look at. */
  readonly max: number;
  /** Whether nothing but places is asked for: then no values are read. */
  readonly isOfPlaces: boolean;
}

interface Walked {
  /** Nothing is behind the last one. */
  readonly isEnd: boolean;
  /** The last that was looked at, and not refused. */
  readonly last: QueuePlace | undefined;
}

type Visit = (item: StoredQueueItem) => boolean;

/** Until `visit` has had enough. */
async function walk(reader: DatabaseReader, codec: Codec, way: Way, visit: Visit): Promise<Walked> {
  const walked: { last: QueuePlace | undefined; seen: number } = { last: way.after, seen: 0 };
  const look = (item: StoredQueueItem): boolean => {
    if (walked.seen >= way.max || (matchesQueueFilter(item, way.filter) && !visit(item))) return false;
    walked.seen += 1;
    walked.last = item;
    return true;
  };
  const isEnd = way.filter.workflow === undefined ? await walkAll(reader, codec, way, look) : await walkOwed(reader, codec, way, look);
  return { isEnd, last: walked.last };
}

/** Of one workflow. */
async function walkOwed(reader: DatabaseReader, codec: Codec, { filter, after, max }: Way, look: Visit): Promise<boolean> {
  const behind = after && encodeQueueKey(after);
  const places = await placesOwed(reader, filter.workflow ?? '', max);
  for (const place of places) {
    if (behind !== undefined && compareKeys(encodeQueueKey(place), behind) <= 0) continue;
    const item = await readQueueItem(reader, codec, place);
    if (item !== undefined && !look(item)) return false;
  }
  return places.length < max;
}

async function walkAll(reader: DatabaseReader, codec: Codec, way: Way, look: Visit): Promise<boolean> {
  for (let range of rangesOf(way)) {
    for (;;) {
      const page = { limit: pageRows, ...range };
      const rows: readonly { readonly key: Uint8Array; readonly value?: Uint8Array }[] = way.isOfPlaces
        ? (await reader.keys(page)).map((key) => ({ key }))
        : await reader.entries(page);
      for (const { key, value } of rows) {
        // A key nobody can read names nothing.
        const place = unlessDamaged(() => decodeQueueKey(key));
        const item = place && (value === undefined ? { ...place, isDamaged: true as const } : itemOf(codec, key, value, place));
        if (item !== undefined && !look(item)) return false;
      }
      const last = rows.at(-1);
      if (rows.length < pageRows || last === undefined) break;
      range = { from: successorOf(last.key), to: range.to };
    }
  }
  return true;
}

/** One after the other, from behind the last item on. */
function rangesOf({ filter, after }: Way): readonly KeyRange[] {
  const { fromMs = 0, toMs = Infinity } = filter.since ?? {};
  const behind = after && successorOf(encodeQueueKey(after));
  return (filter.kind ?? queueKinds)
    .map((kind) => queueRange(kind, fromMs, toMs))
    .map(({ from, to }) => ({ from: behind !== undefined && compareKeys(behind, from) > 0 ? behind : from, to }))
    .filter(({ from, to }) => compareKeys(from, to) < 0);
}
