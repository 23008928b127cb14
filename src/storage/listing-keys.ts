/**
 * Keys of what lists and counts go by.
 *
 * | space | parts |
 * | --- | --- |
 * | started, closed | moment, address of the root: of each id its latest run |
 * | count | a letter for what is counted, then what {@link CountName} says |
 */
import type { Address } from '../kernel/address.ts';
import type { ListPosition } from '../kernel/list-query.ts';
import { rootAddress } from '../kernel/address.ts';
import { addressBytes, idBytes, integerBytes, momentBytes } from './key-bytes.ts';
import type { KeyRange } from './keys.ts';
import { decode, keyOf, prefixRange, spaceRange } from './keys.ts';

/** Workflows by when they were started, and by when they closed. */
export type IndexName = 'started' | 'closed';

export interface IndexRow {
  readonly atMs: number;
  readonly address: Address;
}

/**
 * What is counted, over the latest runs of all ids.
 *
 * - `status`: machine, version, status
 * - `state`: machine, the leaves of its state value as JSON
 * - `started`, `closed`, `failed`: workflows that were started, closed, ended badly in a second: what the indexes are checked by
 * - `failure`: minute, status and class, as JSON, of those that ended badly in it
 */
export type CountName =
  | readonly ['status', machine: string, version: string, status: string]
  | readonly ['state', machine: string, leaves: string]
  | readonly ['started', second: number]
  | readonly ['closed', second: number]
  | readonly ['failed', second: number]
  | readonly ['failure', minute: number, status: string, failureClass: string];

type CountKind = CountName[0];

const countLetters: Readonly<Record<CountKind, string>> = {
  closed: 'c',
  failed: 'e',
  failure: 'f',
  started: 'o',
  status: 's',
  state: 't',
};

/** No clock that is right shows an earlier one, and keys cannot hold it. */
export function momentOf(atMs: number): number {
  return Math.max(0, atMs);
}

export const secondMs = 1_000;
export const minuteMs = 60_000;

export function encodeIndexKey(index: IndexName, { atMs, address }: IndexRow): Uint8Array {
  return keyOf(index, momentBytes(momentOf(atMs)), addressBytes(address));
}

export function decodeIndexKey(index: IndexName, key: Uint8Array): IndexRow {
  return decode(index, key, (reader) => ({ atMs: reader.moment(), address: reader.address() }));
}

export function positionKey(index: IndexName, { id, run, atMs }: ListPosition): Uint8Array {
  return encodeIndexKey(index, { atMs, address: rootAddress(id, run) });
}

/** From a moment up to, not including, another. */
export function indexRange(index: IndexName, fromMs: number, toMs: number): KeyRange {
  const keyAt = (atMs: number): Uint8Array => (atMs === Infinity ? spaceRange(index).to : keyOf(index, momentBytes(momentOf(atMs))));
  return { from: keyAt(fromMs), to: keyAt(toMs) };
}

export function encodeCountKey([kind, ...parts]: CountName): Uint8Array {
  return keyOf('count', Buffer.from(countLetters[kind]), ...parts.map(partBytes));
}

function partBytes(part: string | number): Uint8Array {
  return typeof part === 'number' ? integerBytes(part) : idBytes(part);
}

export function decodeCountKey<Kind extends CountKind>(kind: Kind, key: Uint8Array): Extract<CountName, readonly [Kind, ...unknown[]]> {
  const name = decode('count', key, (reader): CountName => {
    if (reader.byte() !== countLetters[kind].charCodeAt(0)) throw new RangeError(`not a count of ${kind}`);
    switch (kind) {
      case 'status':
        return ['status', reader.id(), reader.id(), reader.id()];
      case 'state':
        return ['state', reader.id(), reader.id()];
      case 'failure':
        return ['failure', reader.integer(), reader.id(), reader.id()];
      default:
        return [kind, reader.integer()];
    }
  });
  return name as Extract<CountName, readonly [Kind, ...unknown[]]>;
}

/** All counts of a kind. */
export function countRange(kind: CountKind): KeyRange {
  return prefixRange(keyOf('count', Buffer.from(countLetters[kind])));
}

/** Counts of a kind by time: from a second or minute up to, not including, another. */
export function countRangeOf(kind: 'started' | 'closed' | 'failed' | 'failure', from: number, to: number): KeyRange {
  const all = countRange(kind);
  const keyAt = (at: number): Uint8Array => keyOf('count', Buffer.from(countLetters[kind]), integerBytes(at));
  return { from: from === 0 ? all.from : keyAt(from), to: to === Infinity ? all.to : keyAt(to) };
}
