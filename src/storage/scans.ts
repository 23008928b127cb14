/**
 * Reading many rows, a page at a time. A row whose key cannot be told apart ends a scan with `RECORD_DAMAGED`: to go on
 * without it would leave some workflow stuck, and nothing says which.
 */
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import { hasErrorCode } from '../kernel/errors.ts';
import type { Page, TimerRow } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import type { ActorValue } from './batch.ts';
import type { Codec } from './codec.ts';
import type { DatabaseReader } from './database.ts';
import type { KeyRange } from './keys.ts';
import {
  actorRowsRange,
  compareKeys,
  decodeActivityKey,
  decodeActorKey,
  decodeTimerKey,
  spaceRange,
  successorOf,
  timersUntilRange,
} from './keys.ts';

export interface ScannedActor {
  readonly address: Address;
  /** Absent if it cannot be read. */
  readonly record?: ActorRecord;
}

// `next` of a page is the key at which the next one begins.

/**
 * Addresses of all actors with activity rows, each once. Values are not read: a damaged one is found when its actor is.
 */
export async function scanActive(reader: DatabaseReader, limit: number, after?: Uint8Array): Promise<Page<Address>> {
  const range = spaceRange('activity');
  const found = new Map<string, Address>();
  let from = after ?? range.from;
  // One more than asked for says whether there is a next page, and where it begins.
  for (;;) {
    const keys = await reader.keys({ from, to: range.to, limit: limit + 1 });
    for (const key of keys) {
      const { address } = decodeActivityKey(key);
      const place = formatAddress(address);
      if (found.size === limit && !found.has(place)) return { rows: [...found.values()], next: actorRowsRange('activity', address).from };
      found.set(place, address);
      from = successorOf(key);
    }
    if (keys.length <= limit) return { rows: [...found.values()] };
  }
}

/**
 * Timers in due order, up to and including `untilMs`; those of one moment in the order of their addresses. The key says it all,
 * and the actor's record, which is checked, decides whether the timer is armed: a damaged value is no reason to let it sleep.
 */
export async function scanTimers(
  reader: DatabaseReader,
  untilMs: number,
  limit: number,
  after?: Uint8Array | number,
): Promise<Page<TimerRow>> {
  const begin = typeof after === 'number' ? timersUntilRange(after).to : after;
  return scan(reader, { ...timersUntilRange(untilMs), limit, after: begin }, decodeTimerKey);
}

/** Every actor record in key order. */
export async function scanActors(reader: DatabaseReader, codec: Codec, limit: number, after?: Uint8Array): Promise<Page<ScannedActor>> {
  return scan(reader, { ...spaceRange('actor'), limit, after }, (key, value) => {
    const address = decodeActorKey(key);
    try {
      return { address, record: { address, ...(codec.decode(key, value) as ActorValue) } };
    } catch (error) {
      if (hasErrorCode(error, 'RECORD_DAMAGED')) return { address };
      throw error;
    }
  });
}

interface Scan extends KeyRange {
  readonly limit: number;
  readonly after: Uint8Array | undefined;
}

async function scan<Row>(
  reader: DatabaseReader,
  { from, to, limit, after }: Scan,
  read: (key: Uint8Array, value: Uint8Array) => Row,
): Promise<Page<Row>> {
  const begin = after ?? from;
  // A scan of timers may be continued with an earlier end than the page it goes on from.
  if (compareKeys(begin, to) >= 0) return { rows: [] };
  const entries = await reader.entries({ from: begin, to, limit: limit + 1 });
  const rows = entries.slice(0, limit).map(({ key, value }) => read(key, value));
  // Right behind the last row, so that one written between the pages is met.
  const last = entries[limit - 1];
  return last === undefined || entries.length <= limit ? { rows } : { rows, next: successorOf(last.key) };
}
