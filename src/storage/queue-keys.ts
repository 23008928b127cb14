/**
 * Keys of what waits for a person.
 *
 * | space | parts |
 * | --- | --- |
 * | queue | kind, moment, address, cause, n |
 * | owed | address, kind, moment, cause, n |
 *
 * Each item has one of both: lists go by the first, and whoever asks for what a workflow owes, or deletes it, by the second, which
 * also says that there was such an item if the first is lost.
 */
import type { QueueCause, QueueKind, QueuePlace } from '../kernel/queue-record.ts';
import { queueCauses, queueKinds } from '../kernel/queue-record.ts';
import type { KeyReader } from './key-bytes.ts';
import { addressBytes, integerBytes, momentBytes } from './key-bytes.ts';
import type { KeyRange } from './keys.ts';
import { decode, keyOf, prefixRange, workflowRange } from './keys.ts';
import { momentOf } from './listing-keys.ts';

/** On disk: no letter may come to mean another kind or cause. */
const kindLetters: Readonly<Record<QueueKind, string>> = { deferred: 'a', 'dead-letter': 'f', decision: 'k' };
const causeLetters: Readonly<Record<QueueCause, string>> = {
  undo: 'u',
  activity: 'a',
  event: 'e',
  'outbox-message': 'o',
  'orphan-effect': 'x',
  decision: 'd',
};

export function encodeQueueKey({ kind, cause, address, n, atMs }: QueuePlace): Uint8Array {
  return keyOf('queue', letter(kindLetters[kind]), moment(atMs), addressBytes(address), letter(causeLetters[cause]), integerBytes(n));
}

export function decodeQueueKey(key: Uint8Array): QueuePlace {
  return decode('queue', key, (reader) => {
    const kind = readKind(reader);
    const atMs = reader.moment();
    const address = reader.address();
    return { kind, cause: readCause(reader), address, n: reader.integer(), atMs };
  });
}

export function encodeOwedKey({ kind, cause, address, n, atMs }: QueuePlace): Uint8Array {
  return keyOf('owed', addressBytes(address), letter(kindLetters[kind]), moment(atMs), letter(causeLetters[cause]), integerBytes(n));
}

export function decodeOwedKey(key: Uint8Array): QueuePlace {
  return decode('owed', key, (reader) => {
    const address = reader.address();
    const kind = readKind(reader);
    const atMs = reader.moment();
    return { kind, cause: readCause(reader), address, n: reader.integer(), atMs };
  });
}

/** Items of a kind from a moment up to, not including, another. */
export function queueRange(kind: QueueKind, fromMs: number, toMs: number): KeyRange {
  const all = prefixRange(keyOf('queue', letter(kindLetters[kind])));
  const keyAt = (atMs: number): Uint8Array => keyOf('queue', letter(kindLetters[kind]), moment(atMs));
  return { from: keyAt(fromMs), to: toMs === Infinity ? all.to : keyAt(toMs) };
}

/** What all runs of an id owe. */
export function owedRange(workflowId: string): KeyRange {
  return workflowRange('owed', workflowId);
}

function moment(atMs: number): Uint8Array {
  return momentBytes(momentOf(atMs));
}

function letter(text: string): Uint8Array {
  return Buffer.from(text);
}

function readKind(reader: KeyReader): QueueKind {
  return wordOf(queueKinds, kindLetters, reader.byte());
}

function readCause(reader: KeyReader): QueueCause {
  return wordOf(queueCauses, causeLetters, reader.byte());
}

function wordOf<Word extends string>(words: readonly Word[], letters: Readonly<Record<Word, string>>, byte: number): Word {
  const found = words.find((word) => letters[word].charCodeAt(0) === byte);
  if (found === undefined) throw new RangeError('a kind or cause that nobody writes');
  return found;
}
