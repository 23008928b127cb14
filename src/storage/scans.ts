/**
 * Reading many rows, a page at a time. A row whose key cannot be decoded is passed over: nothing says whose it is, and one row
 * must not keep the others from being read. Where it belongs it is missed: an actor names its activities and its armed timers,
 * and its journal is there without it. What the database itself cannot read ends a scan.
 */
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { Page, TimerRow } from '../kernel/ports.ts';
import type { ActorRecord } from '../kernel/record.ts';
import { decodeActor } from './actor-values.ts';
import type { Codec } from './codec.ts';
import { unlessDamaged } from './damage.ts';
import type { DatabaseReader } from './database.ts';
import type { KeyRange } from './keys.ts';
import {
  actorRowsRange,
  compareKeys,
  decodeActivityKey,
  decodeActorKey,
  decodeMailKey,
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

// `next` of a page is the key at which the next one begins. A page that has one is full, and rows that were passed over do not
// move it.

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
      from = successorOf(key);
      const address = unlessDamaged(() => decodeActivityKey(key).address);
      if (address === undefined) continue;
      const place = formatAddress(address);
      if (found.size === limit && !found.has(place)) return { rows: [...found.values()], next: actorRowsRange('activity', address).from };
      found.set(place, address);
    }
    if (keys.length <= limit) return { rows: [...found.values()] };
  }
}

/** Root addresses of all workflows with mail, each once: the rows of one are jumped over. */
export async function scanMail(reader: DatabaseReader, limit: number, after?: Uint8Array): Promise<Page<Address>> {
  const range = spaceRange('mailbox');
  const rows: Address[] = [];
  for (let from = after ?? range.from; ;) {
    const [key] = await reader.keys({ from, to: range.to, limit: 1 });
    if (key === undefined) return { rows };
    if (rows.length === limit) return { rows, next: key };
    const address = unlessDamaged(() => decodeMailKey(key).address);
    if (address !== undefined) rows.push(address);
    from = address === undefined ? successorOf(key) : actorRowsRange('mailbox', address).to;
  }
}

/**
 * Timers in due order, up to and including `untilMs`; those of one moment in the order of their addresses. A damaged row is
 * listed, too, and marked: its moment means nothing, but its actor is most likely the one it names, and knows what is armed.
 */
export async function scanTimers(
  reader: DatabaseReader,
  codec: Codec,
  untilMs: number,
  limit: number,
  after?: Uint8Array | number,
): Promise<Page<TimerRow>> {
  const begin = typeof after === 'number' ? timersUntilRange(after).to : after;
  return scan(reader, { limit, after: begin, ...timersUntilRange(untilMs) }, (key, value): TimerRow => {
    const timer = decodeTimerKey(key);
    const isSound = unlessDamaged(() => [codec.decode(key, value)]) !== undefined;
    return isSound ? timer : { ...timer, isDamaged: true };
  });
}

/** Every actor record in key order. */
export async function scanActors(reader: DatabaseReader, codec: Codec, limit: number, after?: Uint8Array): Promise<Page<ScannedActor>> {
  return scan(reader, { limit, after, ...spaceRange('actor') }, (key, value) => {
    const address = decodeActorKey(key);
    const found = unlessDamaged(() => decodeActor(codec, key, value));
    return found === undefined ? { address } : { address, record: { address, ...found } };
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
  const rows: Row[] = [];
  let next: Uint8Array | undefined;
  // A scan of timers may be continued with an earlier end than the page it goes on from.
  for (let begin = after ?? from; compareKeys(begin, to) < 0;) {
    // One more than is missing says whether there is a next page.
    const asked = limit + 1 - rows.length;
    const entries = await reader.entries({ from: begin, to, limit: asked });
    for (const { key, value } of entries) {
      begin = successorOf(key);
      const row = unlessDamaged(() => read(key, value));
      if (row === undefined) continue;
      if (rows.length === limit) return next === undefined ? { rows } : { rows, next };
      rows.push(row);
      // Right behind the last row, so that one written between the pages is met.
      next = begin;
    }
    if (entries.length < asked) break;
  }
  return { rows };
}
