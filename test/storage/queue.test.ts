import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { listingOf } from '../../src/kernel/listing.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { QueueCause, QueueKind, QueuePlace, QueueRecord } from '../../src/kernel/queue-record.ts';
import { parseQueueItemId, queueCauses, queueItemId, queueKinds } from '../../src/kernel/queue-record.ts';
import { formatKey } from '../../src/storage/key-text.ts';
import { compareKeys, spaceRange } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { decodeOwedKey, decodeQueueKey, encodeOwedKey, encodeQueueKey } from '../../src/storage/queue-keys.ts';
import type { MemoryDatabase } from './memory-database.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { anyAddress, anyInteger, flip, sampleBatch, sampleCommit } from './samples.ts';

const anyPlace: fc.Arbitrary<QueuePlace> = fc.record({
  kind: fc.constantFrom(...queueKinds),
  cause: fc.constantFrom(...queueCauses),
  address: anyAddress,
  n: anyInteger,
  atMs: fc.oneof(fc.nat(), fc.double({ min: 0, max: 1e13, noNaN: true })).map((atMs) => atMs + 0),
});

interface Opened {
  readonly store: Store;
  readonly database: MemoryDatabase;
}

async function opened(): Promise<Opened> {
  const database = await createMemoryDatabase();
  return { database, store: await openStoreOn(database, { location: 'memory', storeId: 'test' }) };
}

function item(workflowId: string, atMs: number, more: Partial<QueueRecord> = {}): QueueRecord {
  return {
    kind: 'dead-letter',
    cause: 'activity',
    address: rootAddress(workflowId, 1),
    n: 1,
    atMs,
    machine: { id: 'order', version: '1' },
    ...more,
  };
}

async function holding(items: readonly QueueRecord[]): Promise<Opened> {
  const ground = await opened();
  const commits = items.map((put, index) =>
    sampleCommit(1, { address: rootAddress(`${put.address.workflowId}-${index}`, 1), queuePut: [put] }),
  );
  await ground.store.write(sampleBatch(1, commits));
  return ground;
}

async function listed(store: Store, filter = {}, limit = 100): Promise<QueuePlace[]> {
  return [...(await store.listQueue({ filter, limit })).items];
}

describe('keys of the queue', () => {
  test('are read back, whatever they are made of', () => {
    fc.assert(
      fc.property(anyPlace, (place) => {
        expect(decodeQueueKey(encodeQueueKey(place))).toEqual(place);
        expect(decodeOwedKey(encodeOwedKey(place))).toEqual(place);
        expect(parseQueueItemId(queueItemId(place))).toEqual(place);
      }),
    );
  });

  test('stand in the order of kind and age', () => {
    fc.assert(
      fc.property(anyPlace, anyPlace, (a, b) => {
        const byKind = queueKinds.indexOf(a.kind) - queueKinds.indexOf(b.kind);
        const order = Math.sign(byKind || a.atMs - b.atMs);
        if (order !== 0) expect(Math.sign(compareKeys(encodeQueueKey(a), encodeQueueKey(b)))).toBe(order);
      }),
    );
  });

  test('are named in messages, and a letter that nobody writes is none', () => {
    const place = item('w', 5);
    expect(formatKey(encodeQueueKey(place))).toBe('queue row: dead-letter of activity 1 of "w:1:", since 5');
    expect(formatKey(encodeOwedKey(place))).toBe('owed row: dead-letter of activity 1 of "w:1:", since 5');
    const strange = Uint8Array.from(encodeQueueKey(place));
    strange[1] = 0x7a;
    expect(() => decodeQueueKey(strange)).toThrow('a kind or cause that nobody writes');
  });
});

describe('the queue on disk', () => {
  const kinds: readonly (readonly [QueueKind, QueueCause])[] = [
    ['decision', 'decision'],
    ['dead-letter', 'outbox-message'],
    ['deferred', 'undo'],
  ];

  test('keeps what is put until it is removed, and lists it by kind, oldest first', async () => {
    const failure = { class: 'BankClosed', message: 'come again' };
    const full = item('a', 3, { name: 'pay', failure, attempts: 4, details: { to: 'bob' } });
    const others = kinds.flatMap(([kind, cause]) => [2, 1].map((atMs) => item('b', atMs, { kind, cause })));
    const { store } = await holding([full, ...others]);
    const [decisions, letters, deferred] = [others.slice(0, 2), others.slice(2, 4), others.slice(4)].map((pair) => pair.toReversed());
    expect(await listed(store)).toEqual([...(deferred ?? []), ...(letters ?? []), full, ...(decisions ?? [])]);
    expect(await store.readQueueItem(full)).toEqual(full);
    await store.write(sampleBatch(8, [sampleCommit(2, { address: rootAddress('a-0', 1), queueRemoved: [full] })]));
    expect(await store.readQueueItem(full)).toBeUndefined();
    expect(await listed(store, { workflow: 'a' })).toEqual([]);
    expect(await listed(store)).toHaveLength(6);
  });

  test('is what a workflow owes, of all its runs, where it is read whole', async () => {
    const address = rootAddress('w', 2);
    const owed = [item('w', 1), item('w', 2, { address: { ...address, path: [3] } })];
    const { store } = await opened();
    await store.write(sampleBatch(1, [sampleCommit(1, { address, queuePut: [...owed, item('w2', 1)] })]));
    expect((await store.readTree(address, 1))?.queue).toEqual(owed);
    expect(await store.readTree(address)).not.toHaveProperty('queue');
  });

  test('is read over many pages, from any place on', async () => {
    const { store } = await holding(Array.from({ length: 1_203 }, (_item, index) => item(`w${index % 7}`, index, { n: index })));
    const all = await listed(store, {}, 5_000);
    expect(all.map(({ n }) => n)).toEqual(Array.from({ length: 1_203 }, (_item, index) => index));
    expect((await store.countQueue({ filter: {}, groupBy: 'kind' })).counts).toEqual(new Map([['dead-letter', 1_203]]));
    expect((await store.countQueue({ filter: {}, groupBy: 'machine' })).counts).toEqual(new Map([['order', 1_203]]));
    for (const filter of [{}, { workflow: 'w3' }, { since: { fromMs: 700, toMs: 900 } }]) {
      const wanted = await listed(store, filter, 5_000);
      const seen: QueuePlace[] = [];
      for (
        let page = await store.listQueue({ filter, limit: 50 });
        ;
        page = await store.listQueue({ filter, limit: 50, after: page.next })
      ) {
        seen.push(...page.items);
        if (page.next === undefined) break;
      }
      expect(seen).toEqual(wanted);
    }
  });

  test('hides no item behind one that is damaged or lost', async () => {
    const [first, second, third] = [item('a', 1), item('b', 2), item('c', 3)];
    const { store, database } = await holding([first, second, third]);
    const [entry] = await database.entries({ ...spaceRange('queue'), limit: 1 });
    if (entry === undefined) throw new TypeError('There is an item.');
    const { machine: _, ...place } = first;
    await database.write([{ kind: 'put', key: entry.key, value: flip(entry.value, 100) }]);
    expect(await listed(store)).toEqual([{ ...place, isDamaged: true }, second, third]);
    expect(await listed(store, { machine: 'order' })).toEqual([second, third]);
    expect(await store.readQueueItem(place)).toEqual({ ...place, isDamaged: true });

    await database.write([{ kind: 'delete', key: entry.key }]);
    expect(await listed(store)).toEqual([second, third]);
    expect(await listed(store, { workflow: 'a' })).toEqual([{ ...place, isDamaged: true }]);
    expect(await store.readQueueItem(place)).toEqual({ ...place, isDamaged: true });
  });

  test('passes over keys that nobody can read', async () => {
    const { store, database } = await holding([item('a', 1)]);
    for (const space of ['queue', 'owed'] as const) {
      const [key] = await database.keys({ ...spaceRange(space), limit: 1 });
      await database.write([{ kind: 'put', key: Buffer.concat([key ?? Buffer.alloc(0), Uint8Array.of(1)]), value: Uint8Array.of(1) }]);
    }
    expect(await listed(store)).toHaveLength(1);
    expect(await listed(store, { workflow: 'a' })).toHaveLength(1);
  });

  test('goes with its workflow when that is deleted, and no other goes', async () => {
    const address = rootAddress('w', 1);
    const mine = Array.from({ length: 5 }, (_item, n) => item('w', 10 + n, { n, kind: n % 2 === 0 ? 'deferred' : 'dead-letter' }));
    const other = item('w2', 1);
    const { store, database } = await opened();
    const listing = { after: listingOf(sampleCommit(1, { address }).record) };
    await store.write(sampleBatch(1, [sampleCommit(1, { address, listed: listing, queuePut: [...mine, other] })]));
    const slices: boolean[] = [];
    for (let isDone = false; !isDone; slices.push(isDone)) ({ isDone } = await store.erase('w', 1, 3));
    expect(slices.length).toBeGreaterThan(1);
    expect(await listed(store)).toEqual([other]);
    expect(await database.keys(spaceRange('owed'))).toHaveLength(1);
    expect(await database.keys(spaceRange('queue'))).toHaveLength(1);
  });
});
