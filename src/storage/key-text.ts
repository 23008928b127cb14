/** Keys in words, for messages to people. */
import type { Address } from '../kernel/address.ts';
import { formatAddress } from '../kernel/address.ts';
import type { QueuePlace } from '../kernel/queue-record.ts';
import type { Space } from './keys.ts';
import {
  activityMarkNumber,
  decode,
  decodeActivityKey,
  decodeActorKey,
  decodeChildKey,
  decodeDefinitionKey,
  decodeItemKey,
  decodeJournalKey,
  decodeLedgerKey,
  decodeMailKey,
  decodePageKey,
  decodeTimerKey,
  decodeTombstoneKey,
  messageParts,
  spaceOf,
} from './keys.ts';
import { decodeAsideKey, decodeConsumerKey, decodeEmissionKey, decodeOutboxKey } from './outbox-keys.ts';
import { decodeOwedKey, decodeQueueKey } from './queue-keys.ts';

/** A key as people read it: `journal record #14 of "m-7731:1:3.2"`. Bytes that are no key come as hexadecimal digits. */
export function formatKey(key: Uint8Array): string {
  try {
    return describe(key);
  } catch {
    return `key ${Buffer.from(key).toString('hex')}`;
  }
}

function describe(key: Uint8Array): string {
  const space = spaceOf(key);
  if (isOutboxSpace(space)) return describeOutbox(space, key);
  switch (space) {
    case 'actor':
      return `actor ${formatPlace(decodeActorKey(key))}`;
    case 'journal': {
      const { address, sequence } = decodeJournalKey(key);
      return `journal record #${sequence} of ${formatPlace(address)}`;
    }
    case 'activity':
      return formatActivity(key);
    case 'child':
      return formatChild(key);
    case 'ledger':
      return formatEntry(key);
    case 'item':
    case 'page':
      return formatFanOutRow(key, space);
    case 'mailbox': {
      const { address, n } = decodeMailKey(key);
      return `mail ${n} of ${formatPlace(address)}`;
    }
    case 'timer':
      return formatTimer(key);
    case 'message':
    case 'twin': {
      const { workflowId, messageId } = decode(space, key, messageParts);
      return `${space} ${JSON.stringify(messageId)} of ${JSON.stringify(workflowId)}`;
    }
    case 'tombstone':
      return `tombstone of ${JSON.stringify(decodeTombstoneKey(key))}`;
    case 'definition': {
      const { id, version } = decodeDefinitionKey(key);
      return `definition ${JSON.stringify(id)} version ${JSON.stringify(version)}`;
    }
    case 'started':
    case 'closed':
    case 'count':
      return `row ${Buffer.from(key).toString('hex')} of the index of workflows`;
    case 'queue':
    case 'owed':
      return formatItem(space, space === 'queue' ? decodeQueueKey(key) : decodeOwedKey(key));
    case 'meta':
      return `meta row ${JSON.stringify(Buffer.from(key.subarray(1)).toString('latin1'))}`;
  }
}

function formatChild(key: Uint8Array): string {
  const { parent, n } = decodeChildKey(key);
  return `child ${n} of ${formatPlace(parent)}`;
}

function formatEntry(key: Uint8Array): string {
  const { owner, n } = decodeLedgerKey(key);
  return `ledger entry ${n} of ${formatPlace(owner)}`;
}

function formatTimer(key: Uint8Array): string {
  const { dueAtMs, address, generation } = decodeTimerKey(key);
  return `timer ${generation} of ${formatPlace(address)}, due at ${dueAtMs}`;
}

function formatFanOutRow(key: Uint8Array, space: 'item' | 'page'): string {
  const { fanOut, n } = space === 'item' ? decodeItemKey(key) : decodePageKey(key);
  return space === 'item' ? `item ${n} of ${formatPlace(fanOut)}` : `page ${n} of the items of ${formatPlace(fanOut)}`;
}

function formatActivity(key: Uint8Array): string {
  const { address, n } = decodeActivityKey(key);
  return n === activityMarkNumber ? `mark of activities of ${formatPlace(address)}` : `activity ${n} of ${formatPlace(address)}`;
}

type OutboxSpace = 'outbox' | 'emission' | 'consumer' | 'aside';

function isOutboxSpace(space: Space): space is OutboxSpace {
  return space === 'outbox' || space === 'emission' || space === 'consumer' || space === 'aside';
}

function describeOutbox(space: OutboxSpace, key: Uint8Array): string {
  if (space === 'consumer') return `cursor of the outbox consumer ${JSON.stringify(decodeConsumerKey(key))}`;
  if (space === 'aside') {
    const { consumer, workflowId } = decodeAsideKey(key);
    return `place of ${JSON.stringify(workflowId)} with the outbox consumer ${JSON.stringify(consumer)}`;
  }
  const { commit, n, address } = space === 'outbox' ? decodeOutboxKey(key) : decodeEmissionKey(key);
  return `${space} row of event ${n} of commit ${commit}, emitted by ${formatPlace(address)}`;
}

function formatItem(space: string, { kind, cause, address, n, atMs }: QueuePlace): string {
  return `${space} row: ${kind} of ${cause} ${n} of ${formatPlace(address)}, since ${atMs}`;
}

/** Quoted, so that control characters in an id cannot reach a terminal or a log. */
function formatPlace(address: Address): string {
  return JSON.stringify(formatAddress(address));
}
