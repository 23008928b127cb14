/**
 * Keys of the outbox.
 *
 * | space | parts |
 * | --- | --- |
 * | outbox | commit number, n, address of the actor, its sequence |
 * | emission | workflow id, then the parts of the outbox row: finds the rows of a workflow in their order |
 * | consumer | name |
 * | aside | name of the consumer, workflow id, and of a single message its commit number and n (otherwise 0 and 0) |
 *
 * What a row is about stands in its key, so that one whose value cannot be read is still known for whose it is.
 */
import type { OutboxAsideKey, OutboxPlace, OutboxPosition } from '../kernel/outbox.ts';
import { addressBytes, idBytes, integerBytes, uint32Bytes } from './key-bytes.ts';
import type { KeyReader } from './key-bytes.ts';
import type { KeyRange } from './keys.ts';
import { decode, keyOf, prefixRange, spaceRange } from './keys.ts';

export function encodeOutboxKey(place: OutboxPlace): Uint8Array {
  return keyOf('outbox', ...placeBytes(place));
}

export function decodeOutboxKey(key: Uint8Array): OutboxPlace {
  return decode('outbox', key, readPlace);
}

export function encodeEmissionKey(place: OutboxPlace): Uint8Array {
  return keyOf('emission', idBytes(place.address.workflowId), ...placeBytes(place));
}

export function decodeEmissionKey(key: Uint8Array): OutboxPlace {
  return decode('emission', key, (reader) => {
    reader.id();
    return readPlace(reader);
  });
}

function placeBytes({ commit, n, address, sequence }: OutboxPlace): readonly Uint8Array[] {
  return [integerBytes(commit), uint32Bytes(n), addressBytes(address), integerBytes(sequence)];
}

function readPlace(reader: KeyReader): OutboxPlace {
  return { commit: reader.integer(), n: reader.uint32(), address: reader.address(), sequence: reader.integer() };
}

/** From behind a position up to and including a commit. */
export function outboxRange(after: OutboxPosition, untilCommit: number): KeyRange {
  return {
    from: keyOf('outbox', integerBytes(after.commit), uint32Bytes(after.n + 1)),
    to: keyOf('outbox', integerBytes(untilCommit + 1)),
  };
}

/** Of a workflow, from a position on. */
export function emissionRange(workflowId: string, from: OutboxPosition): KeyRange {
  const id = idBytes(workflowId);
  return { from: keyOf('emission', id, integerBytes(from.commit), uint32Bytes(from.n)), to: prefixRange(keyOf('emission', id)).to };
}

export function encodeConsumerKey(name: string): Uint8Array {
  return keyOf('consumer', idBytes(name));
}

export function decodeConsumerKey(key: Uint8Array): string {
  return decode('consumer', key, (reader) => reader.id());
}

export function encodeAsideKey(consumer: string, { workflowId, lone }: OutboxAsideKey): Uint8Array {
  // No commit has number 0.
  const { commit, n } = lone ?? { commit: 0, n: 0 };
  return keyOf('aside', idBytes(consumer), idBytes(workflowId), integerBytes(commit), uint32Bytes(n));
}

export function decodeAsideKey(key: Uint8Array): OutboxAsideKey & { readonly consumer: string } {
  return decode('aside', key, (reader) => {
    const [consumer, workflowId, lone] = [reader.id(), reader.id(), { commit: reader.integer(), n: reader.uint32() }];
    return { consumer, workflowId, ...(lone.commit === 0 ? {} : { lone }) };
  });
}

/** All that stands aside for a consumer. */
export function asideRange(consumer: string): KeyRange {
  return prefixRange(keyOf('aside', idBytes(consumer)));
}

/** Whatever says of a consumer that it is there. */
export const consumerRange: KeyRange = spaceRange('consumer');
