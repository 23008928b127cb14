/**
 * Where each kind of record stands: one letter for its space, then parts that keep their order (see `key-bytes.ts`).
 *
 * | space | parts |
 * | --- | --- |
 * | actor | address |
 * | journal | address, sequence |
 * | activity | address, n |
 * | child | address of the parent, n |
 * | ledger | address of its owner, n |
 * | item, page | address of the fan-out, n |
 * | mailbox | address of the root, n |
 * | timer | moment due, address, generation |
 * | message, twin | workflow id, message id |
 * | tombstone | workflow id |
 * | definition | machine id, version |
 * | meta | a word |
 * | started, closed, count | see `listing-keys.ts` |
 * | outbox, emission, consumer, aside | see `outbox-keys.ts` |
 * | queue, owed | see `queue-keys.ts` |
 */
import type { Address } from '../kernel/address.ts';
import type { TimerRow } from '../kernel/ports.ts';
import { reasonOf, recordDamaged } from './damage.ts';
import { KeyReader, addressBytes, idBytes, integerBytes, momentBytes, uint32Bytes, writeInteger, writeUint32 } from './key-bytes.ts';

const letters = {
  actor: 'a',
  // These four are more than one bit away from each other and from all others: none becomes another by a flipped bit.
  aside: 'P',
  consumer: 'K',
  emission: 'V',
  outbox: 'E',
  mailbox: 'b',
  child: 'c',
  closed: 'z',
  count: 'n',
  definition: 'd',
  // These two are more than one bit away from each other and from all others, too.
  item: '5',
  page: '6',
  journal: 'j',
  ledger: 'l',
  message: 'm',
  meta: 's',
  owed: 'h',
  // More than one bit away from that of `owed`.
  queue: 'q',
  started: 'o',
  timer: 't',
  tombstone: 'x',
  // More than one bit away from that of `message`.
  twin: 'w',
  activity: 'y',
} as const;

/** A kind of record. */
export type Space = keyof typeof letters;

/** Keys from `from` up to, not including, `to`. */
export interface KeyRange {
  readonly from: Uint8Array;
  readonly to: Uint8Array;
}

/** Holds the number of the last commit. */
export const headKey: Uint8Array = keyOf('meta', Buffer.from('head'));

export function encodeActorKey(address: Address): Uint8Array {
  return addressKey('actor', address, 0);
}

export function decodeActorKey(key: Uint8Array): Address {
  return decode('actor', key, (reader) => reader.address());
}

export function encodeJournalKey(address: Address, sequence: number): Uint8Array {
  return numberedKey('journal', address, sequence);
}

export function decodeJournalKey(key: Uint8Array): { readonly address: Address; readonly sequence: number } {
  return decode('journal', key, (reader) => ({ address: reader.address(), sequence: reader.integer() }));
}

export function encodeActivityKey(address: Address, n: number): Uint8Array {
  return countedKey('activity', address, n);
}

/** The derived row that says that activities stand in the record: among those that have rows, since one scan finds both. */
export function encodeActivityMarkKey(address: Address): Uint8Array {
  return countedKey('activity', address, activityMarkNumber);
}

/** Activities are counted from 1. */
export const activityMarkNumber = 0;

export function decodeActivityKey(key: Uint8Array): { readonly address: Address; readonly n: number } {
  return decode('activity', key, (reader) => ({ address: reader.address(), n: reader.uint32() }));
}

export function encodeChildKey(parent: Address, n: number): Uint8Array {
  return countedKey('child', parent, n);
}

export function decodeChildKey(key: Uint8Array): { readonly parent: Address; readonly n: number } {
  return decode('child', key, (reader) => ({ parent: reader.address(), n: reader.uint32() }));
}

export function encodeLedgerKey(owner: Address, n: number): Uint8Array {
  return countedKey('ledger', owner, n);
}

export function decodeLedgerKey(key: Uint8Array): { readonly owner: Address; readonly n: number } {
  return decode('ledger', key, (reader) => ({ owner: reader.address(), n: reader.uint32() }));
}

export function encodeItemKey(fanOut: Address, n: number): Uint8Array {
  return countedKey('item', fanOut, n);
}

export function decodeItemKey(key: Uint8Array): { readonly fanOut: Address; readonly n: number } {
  return decode('item', key, (reader) => ({ fanOut: reader.address(), n: reader.uint32() }));
}

export function encodePageKey(fanOut: Address, n: number): Uint8Array {
  return countedKey('page', fanOut, n);
}

export function decodePageKey(key: Uint8Array): { readonly fanOut: Address; readonly n: number } {
  return decode('page', key, (reader) => ({ fanOut: reader.address(), n: reader.uint32() }));
}

export function encodeMailKey(root: Address, n: number): Uint8Array {
  return numberedKey('mailbox', root, n);
}

export function decodeMailKey(key: Uint8Array): { readonly address: Address; readonly n: number } {
  return decode('mailbox', key, (reader) => ({ address: reader.address(), n: reader.integer() }));
}

export function encodeTimerKey(timer: TimerRow): Uint8Array {
  return keyOf('timer', momentBytes(timer.dueAtMs), addressBytes(timer.address), integerBytes(timer.generation));
}

export function decodeTimerKey(key: Uint8Array): TimerRow {
  return decode('timer', key, (reader) => ({ dueAtMs: reader.moment(), address: reader.address(), generation: reader.integer() }));
}

export function encodeMessageKey(workflowId: string, messageId: string): Uint8Array {
  return keyOf('message', idBytes(workflowId), idBytes(messageId));
}

/** Where the twin of a message row stands, which says that the row was written: far from it, so that no fault takes both away. */
export function twinKeyOf(messageKey: Uint8Array): Uint8Array {
  const key = Uint8Array.from(messageKey);
  key[0] = letters.twin.charCodeAt(0);
  return key;
}

export function decodeMessageKey(key: Uint8Array): { readonly workflowId: string; readonly messageId: string } {
  return decode('message', key, messageParts);
}

export function messageParts(reader: KeyReader): { readonly workflowId: string; readonly messageId: string } {
  return { workflowId: reader.id(), messageId: reader.id() };
}

export function encodeTombstoneKey(workflowId: string): Uint8Array {
  return keyOf('tombstone', idBytes(workflowId));
}

export function decodeTombstoneKey(key: Uint8Array): string {
  return decode('tombstone', key, (reader) => reader.id());
}

export function encodeDefinitionKey(id: string, version: string): Uint8Array {
  return keyOf('definition', idBytes(id), idBytes(version));
}

export function decodeDefinitionKey(key: Uint8Array): { readonly id: string; readonly version: string } {
  return decode('definition', key, (reader) => ({ id: reader.id(), version: reader.id() }));
}

/** Every key of a space. */
export function spaceRange(space: Space): KeyRange {
  return prefixRange(keyOf(space));
}

type WorkflowSpace =
  'actor' | 'journal' | 'activity' | 'child' | 'ledger' | 'item' | 'page' | 'mailbox' | 'message' | 'twin' | 'emission' | 'owed';

/** All rows of a workflow id in one space; where they stand under addresses, runs ascend. */
export function workflowRange(space: WorkflowSpace, workflowId: string): KeyRange {
  return prefixRange(keyOf(space, idBytes(workflowId)));
}

/** All actors of ids that begin with a text; an empty one is the beginning of all. */
export function idPrefixRange(text: string): KeyRange {
  // Without the two bytes that end an id.
  return prefixRange(keyOf('actor', idBytes(text).subarray(0, -2)));
}

/** The rows of one actor, without those of its children. */
export function actorRowsRange(space: 'journal' | 'activity' | 'child' | 'mailbox' | 'item' | 'page', address: Address): KeyRange {
  return prefixRange(keyOf(space, addressBytes(address)));
}

/** The rows of all actors of one run. */
export function runRange(space: 'actor' | 'activity' | 'child' | 'ledger', { workflowId, run }: Address): KeyRange {
  return prefixRange(keyOf(space, idBytes(workflowId), uint32Bytes(run)));
}

/** Timers due up to and including `untilMs`; none are due before 1970. */
export function timersUntilRange(untilMs: number): KeyRange {
  if (Number.isNaN(untilMs)) throw new TypeError('Timers cannot be read up to NaN; pass epoch milliseconds.');
  const all = spaceRange('timer');
  return { from: all.from, to: untilMs < 0 ? all.from : prefixRange(keyOf('timer', momentBytes(untilMs))).to };
}

/** The smallest key after `key`. */
export function successorOf(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(0)]);
}

/** Compares in the order of the database. */
export function compareKeys(left: Uint8Array, right: Uint8Array): number {
  return Buffer.compare(left, right);
}

/** @throws RangeError if it is the key of nothing */
export function spaceOf(key: Uint8Array): Space {
  const letter = String.fromCharCode(key[0] ?? 0);
  for (const [space, own] of Object.entries(letters)) if (own === letter) return space as Space;
  throw new RangeError('a space nobody writes to');
}

function countedKey(space: Space, address: Address, counter: number): Uint8Array {
  const bytes = addressKey(space, address, 4);
  writeUint32(bytes, counter, bytes.length - 4);
  return bytes;
}

function numberedKey(space: Space, address: Address, number: number): Uint8Array {
  const bytes = addressKey(space, address, 8);
  writeInteger(bytes, number, bytes.length - 8);
  return bytes;
}

/** With room for what comes after the address. */
function addressKey(space: Space, address: Address, more: number): Buffer {
  const place = addressBytes(address);
  const bytes = Buffer.allocUnsafe(1 + place.length + more);
  bytes.writeUInt8(letters[space].charCodeAt(0), 0);
  bytes.set(place, 1);
  return bytes;
}

export function keyOf(space: Space, ...parts: readonly Uint8Array[]): Uint8Array {
  const bytes = Buffer.allocUnsafe(parts.reduce((sum, part) => sum + part.length, 1));
  let offset = bytes.writeUInt8(letters[space].charCodeAt(0), 0);
  for (const part of parts) {
    bytes.set(part, offset);
    offset += part.length;
  }
  return bytes;
}

/** @throws PerdureError `RECORD_DAMAGED` if the key is none of this space */
export function decode<Parts>(space: Space, key: Uint8Array, read: (reader: KeyReader) => Parts): Parts {
  const reader = new KeyReader(key);
  try {
    if (reader.byte() !== letters[space].charCodeAt(0)) throw new RangeError(`not in the space of ${space}`);
    const parts = read(reader);
    reader.end();
    return parts;
  } catch (error) {
    const reason = `it is not the key of a row of space ${space}: ${reasonOf(error)}`;
    throw recordDamaged(`key ${Buffer.from(key).toString('hex')}`, reason, error);
  }
}

/** Every key that begins with these bytes. */
export function prefixRange(prefix: Uint8Array): KeyRange {
  let length = prefix.length;
  while (length > 0 && prefix[length - 1] === 0xff) length -= 1;
  const to = Buffer.from(prefix.subarray(0, length));
  const last = to[length - 1];
  // Every prefix begins with a letter, so something below 0xff is always left.
  if (last === undefined) throw new TypeError('A range needs a prefix.');
  to[length - 1] = last + 1;
  return { from: prefix, to };
}
