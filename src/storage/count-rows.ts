/** Counts on disk: which of them a workflow is part of, and reading them. A count of nobody has no row. */
import type { Listing } from '../kernel/listing.ts';
import type { Codec } from './codec.ts';
import { indexDamaged, reasonOf } from './damage.ts';
import type { DatabaseReader } from './database.ts';
import type { KeyRange } from './keys.ts';
import { successorOf } from './keys.ts';
import type { CountName } from './listing-keys.ts';
import { countRange, decodeCountKey, minuteMs, momentOf, secondMs } from './listing-keys.ts';

export interface CountValue {
  readonly n: number;
}

export type NameOf<Kind extends CountName[0]> = Extract<CountName, readonly [Kind, ...unknown[]]>;

export interface CountRow<Kind extends CountName[0]> {
  readonly name: NameOf<Kind>;
  readonly n: number;
}

/** Rows read at once. */
const pageRows = 1_000;

/** Every count this workflow is part of, but for that of the state it is in. */
export function countsOf(listing: Listing): readonly CountName[] {
  const { machine, version, status, startedAtMs, closedAtMs, failureClass } = listing;
  const names: CountName[] = [
    ['status', machine, version, status],
    ['started', unitOf(startedAtMs, secondMs)],
  ];
  if (closedAtMs === undefined) return names;
  names.push(['closed', unitOf(closedAtMs, secondMs)]);
  // As JSON, since a class may be any text, and a key holds only what is well-formed.
  if (failureClass !== undefined) {
    names.push(['failed', unitOf(closedAtMs, secondMs)], ['failure', unitOf(closedAtMs, minuteMs), status, JSON.stringify(failureClass)]);
  }
  return names;
}

function unitOf(atMs: number, unitMs: number): number {
  return Math.floor(momentOf(atMs) / unitMs);
}

/**
 * Counts of one kind, in a range of them.
 *
 * @param max rows to read at most: `isWhole` says whether these were all
 * @throws PerdureError `INDEX_DAMAGED`
 */
export async function readCounts<Kind extends CountName[0]>(
  reader: DatabaseReader,
  codec: Codec,
  kind: Kind,
  range: KeyRange = countRange(kind),
  max: number = Infinity,
): Promise<{ readonly rows: readonly CountRow<Kind>[]; readonly isWhole: boolean }> {
  const rows: CountRow<Kind>[] = [];
  for (let { from } = range; ;) {
    const asked = Math.min(pageRows, max - rows.length);
    const entries = await reader.entries({ from, to: range.to, limit: asked + 1 });
    for (const { key, value } of entries.slice(0, asked)) rows.push(countRowOf(codec, kind, key, value));
    const last = entries[asked - 1];
    if (entries.length <= asked || last === undefined) return { rows, isWhole: true };
    if (rows.length >= max) return { rows, isWhole: false };
    from = successorOf(last.key);
  }
}

function countRowOf<Kind extends CountName[0]>(codec: Codec, kind: Kind, key: Uint8Array, value: Uint8Array): CountRow<Kind> {
  try {
    const { n } = codec.decode(key, value) as CountValue;
    return { name: decodeCountKey(kind, key), n };
  } catch (error) {
    throw indexDamaged(`a count of ${kind} cannot be read: ${reasonOf(error)}`, error);
  }
}

/** The counts that are kept of every machine. Every workflow is in one of each kind: where they differ a row is missing. */
export interface StandingCounts {
  readonly statuses: readonly CountRow<'status'>[];
  readonly states: readonly CountRow<'state'>[];
}

/** @throws PerdureError `INDEX_DAMAGED` */
export async function readStanding(reader: DatabaseReader, codec: Codec): Promise<StandingCounts> {
  const [{ rows: statuses }, { rows: states }] = await Promise.all([
    readCounts(reader, codec, 'status'),
    readCounts(reader, codec, 'state'),
  ]);
  const difference = new Map<string, number>();
  for (const { name, n } of statuses) difference.set(name[1], (difference.get(name[1]) ?? 0) + n);
  for (const { name, n } of states) difference.set(name[1], (difference.get(name[1]) ?? 0) - n);
  for (const [machine, n] of difference) {
    if (n !== 0) throw indexDamaged(`of machine ${JSON.stringify(machine)} not as many workflows are counted by status as by state`);
  }
  return { statuses, states };
}

export function sumOf(rows: readonly { readonly n: number }[]): number {
  return rows.reduce((sum, { n }) => sum + n, 0);
}
