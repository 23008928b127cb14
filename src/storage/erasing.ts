/**
 * Taking rows away for good, in bounded batches.
 *
 * 1. The first batch of a deletion writes the tombstone: from then on `readLatestRun` finds nothing, whatever else is still there.
 * 2. What waits for a person goes first, then records, so that scans of them meet nothing that is deleted; the batch after which nothing is left says so.
 * 3. The twin of a message goes before it or with it: alone it would say that the message was lost.
 * 4. Timers have no rows here: what is closed has none armed.
 * 5. Lists and counts lose it in the first batch.
 * 6. What it emitted goes with it unless there are consumers: then each entry goes once all of them had it.
 */
import { rootAddress } from '../kernel/address.ts';
import { listingOf } from '../kernel/listing.ts';
import type { TombstoneRecord } from '../kernel/record.ts';
import type { MessageValue } from './batch.ts';
import { queueDeletions, tombstoneOperation } from './batch.ts';
import type { Codec } from './codec.ts';
import { unlessDamaged } from './damage.ts';
import type { DatabaseReader, Operation } from './database.ts';
import { readRoot } from './index-rows.ts';
import type { KeyRange } from './keys.ts';
import { spaceOf, spaceRange, successorOf, twinKeyOf, workflowRange } from './keys.ts';
import { hasConsumers, outboxKeysOf } from './outbox-rows.ts';
import { decodeOwedKey } from './queue-keys.ts';
import type { WorkflowChange } from './count-changes.ts';
import { readTombstoneOf } from './reads.ts';

/** Where a workflow has rows of its own. */
export const erasedSpaces = [
  'owed',
  'actor',
  'activity',
  'child',
  'ledger',
  'item',
  'page',
  'mailbox',
  'journal',
  'twin',
  'message',
] as const;

/** The next batch of a deletion; repeating it after a crash goes on where it was. */
export async function eraseOperations(
  reader: DatabaseReader,
  codec: Codec,
  workflowId: string,
  lastRun: number,
  limit: number,
): Promise<{ readonly operations: readonly Operation[]; readonly isDone: boolean }> {
  const keys: Uint8Array[] = [];
  for (const space of erasedSpaces) {
    // One more than may go says whether this is the last batch.
    if (keys.length <= limit) keys.push(...(await reader.keys({ limit: limit + 1 - keys.length, ...workflowRange(space, workflowId) })));
  }
  const emissions =
    keys.length > limit || (await hasConsumers(reader))
      ? []
      : await reader.keys({ limit: limit + 1 - keys.length, ...workflowRange('emission', workflowId) });
  keys.push(...emissions);
  const isDone = keys.length <= limit;
  const tombstone: TombstoneRecord = isDone ? { lastRun } : { lastRun, isClearing: true };
  const entries = outboxKeysOf(isDone ? emissions : emissions.slice(0, -1)).map((key): Operation => ({ kind: 'delete', key }));
  const deletions = [...keys.slice(0, limit).flatMap(deletionsOf), ...entries];
  return { operations: [tombstoneOperation(workflowId, tombstone, codec), ...deletions], isDone };
}

/** An item of the queue goes with what says that it is owed. */
function deletionsOf(key: Uint8Array): readonly Operation[] {
  const owed = spaceOf(key) === 'owed' ? unlessDamaged(() => decodeOwedKey(key)) : undefined;
  return owed === undefined ? [{ kind: 'delete', key }] : queueDeletions(owed);
}

/** What a batch of a deletion changes for lists and counts, before it is written; undefined if the record does not tell. */
export async function listingErased(
  reader: DatabaseReader,
  codec: Codec,
  workflowId: string,
  lastRun: number,
): Promise<readonly WorkflowChange[] | undefined> {
  const tombstone = await readTombstoneOf(reader, codec, workflowId);
  if (tombstone !== undefined && tombstone.lastRun >= lastRun) return [];
  const found = await readRoot(reader, codec, rootAddress(workflowId, lastRun));
  return found === undefined || 'unreadable' in found ? undefined : [{ workflowId, before: listingOf(found) }];
}

/**
 * Message ids given before a moment, among the next `limit` rows; `next` is where to go on. One that cannot be read stays: its
 * message id is unanswerable, which is not the same as unknown.
 */
export async function forgetOperations(
  reader: DatabaseReader,
  codec: Codec,
  beforeMs: number,
  limit: number,
  after: Uint8Array | undefined,
): Promise<{ readonly operations: readonly Operation[]; readonly next: Uint8Array | undefined }> {
  const all: KeyRange = spaceRange('message');
  const rows = await reader.entries({ from: after ?? all.from, to: all.to, limit });
  const forgotten = rows.filter(({ key, value }) => {
    const message = unlessDamaged(() => codec.decode(key, value) as MessageValue);
    return message !== undefined && message.atMs < beforeMs;
  });
  const last = rows.at(-1);
  return {
    operations: forgotten.flatMap(({ key }) => [key, twinKeyOf(key)]).map((key) => ({ kind: 'delete', key })),
    next: rows.length < limit || last === undefined ? undefined : successorOf(last.key),
  };
}
