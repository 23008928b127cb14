/** What steps emit, as rows of their batch. */
import type { Commit } from '../kernel/commit.ts';
import type { OutboxContent, OutboxPlace } from '../kernel/outbox.ts';
import type { Codec } from './codec.ts';
import type { Operation } from './database.ts';
import { encodeEmissionKey, encodeOutboxKey } from './outbox-keys.ts';

/** What a step emits. */
export function pushEmitted(operations: Operation[], { record, journal }: Commit, commit: number, codec: Codec): void {
  const { address, sequence, atMs, emitted = [] } = journal;
  const { id, version } = record.machine;
  for (const [n, event] of emitted.entries()) {
    const place: OutboxPlace = { commit, n, address, sequence };
    const content: OutboxContent = { machine: { id, version }, event, atMs };
    for (const [key, value] of [[encodeOutboxKey(place), content] as const, [encodeEmissionKey(place)] as const]) {
      operations.push({ kind: 'put', key, value: codec.encode(key, value) });
    }
  }
}
