import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { rootAddress } from '../../src/kernel/address.ts';
import { checkCount } from '../../src/kernel/count-query.ts';
import type { PerdureError } from '../../src/kernel/errors.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { checkList } from '../../src/kernel/list-query.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { Database, Entry, Operation } from '../../src/storage/database.ts';
import { databaseOn } from '../../src/storage/database.ts';
import {
  encodeActivityKey,
  encodeActorKey,
  encodeChildKey,
  encodeJournalKey,
  encodeMessageKey,
  headKey,
  spaceRange,
  twinKeyOf,
} from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from './memory-database.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { flip, sampleActivity, sampleBatch, sampleChild, sampleCommit, sampleTimer } from './samples.ts';
import { storeContract } from './store-contract.ts';

const options = { location: 'memory', storeId: 'store-1' };
const address = rootAddress('order-1', 1);
const child = { ...address, path: [5] };
const isDamaged = (error: unknown): boolean => hasErrorCode(error, 'RECORD_DAMAGED');
const isUnavailable = (error: unknown): boolean => hasErrorCode(error, 'STORE_UNAVAILABLE');
const isStoreDamaged = (error: unknown): boolean => hasErrorCode(error, 'STORE_DAMAGED');

storeContract('memory', async () => {
  const database = await createMemoryDatabase();
  return { open: () => openStoreOn(database.reopen(), options), remove: () => Promise.resolve() };
});

storeContract('LevelDB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'perdure-store-'));
  const open = async (): Promise<Store> => {
    const level = new Level<Uint8Array, Uint8Array>(folder, { keyEncoding: 'view', valueEncoding: 'view' });
    await level.open();
    return openStoreOn(databaseOn(level), { ...options, location: folder });
  };
  return { open, remove: () => rm(folder, { recursive: true }) };
});

describe('after a write was rejected', () => {
  /** Rejects the second write, after or before it was applied. */
  async function openFailing(
    isApplied: boolean,
  ): Promise<{ readonly store: Store; readonly memory: MemoryDatabase; readonly writes: () => number }> {
    const memory = await createMemoryDatabase();
    let writes = 0;
    const database: Database = {
      ...memory,
      async write(operations) {
        writes += 1;
        // The first one is the head row of a new store.
        if (writes !== 3) return memory.write(operations);
        if (isApplied) await memory.write(operations);
        throw new Error('IO error: No space left on device');
      },
    };
    return { store: await openStoreOn(database, options), memory, writes: () => writes };
  }

  test.each([true, false])(
    'no further one reaches the database, reads go on, a new store finds what is there (applied: %s)',
    async (isApplied) => {
      const { store, memory, writes } = await openFailing(isApplied);
      await store.write(sampleBatch(1, [sampleCommit(1)]));
      await expect(store.write(sampleBatch(2, [sampleCommit(2)]))).rejects.toThrow(/No space left.*unknown|unknown.*No space left/);
      await expect(store.write(sampleBatch(2, [sampleCommit(2)]))).rejects.toSatisfy(isUnavailable);
      await expect(store.write(sampleBatch(3, [sampleCommit(3)]))).rejects.toSatisfy(isUnavailable);
      expect(writes()).toBe(3);
      const sequence = isApplied ? 2 : 1;
      expect((await store.readTree(address))?.root.record.sequence).toBe(sequence);
      const again = await openStoreOn(memory.reopen(), options);
      expect(again.lastCommit).toBe(sequence);
      await again.write(sampleBatch(sequence + 1, [sampleCommit(sequence + 1)]));
    },
  );

  test('the first cause is named with every later refusal', async () => {
    const { store } = await openFailing(false);
    await store.write(sampleBatch(1, [sampleCommit(1)]));
    const cause = await store.write(sampleBatch(2, [sampleCommit(2)])).catch((error: unknown) => error);
    await expect(store.write(sampleBatch(2, [sampleCommit(2)]))).rejects.toMatchObject({ cause });
  });
});

/** A store of two steps with every kind of row, and what is beneath it. */
async function filled(): Promise<{ readonly store: Store; readonly memory: MemoryDatabase; readonly rows: readonly Entry[] }> {
  const memory = await createMemoryDatabase();
  const store = await openStoreOn(memory, options);
  const activities = [{ n: 4, childId: '4.order.paying' }];
  await store.write({
    firstCommit: 1,
    commits: [
      sampleCommit(1, {
        record: { activities, children: 1 },
        activitiesPut: [sampleActivity(4)],
        childrenPut: [sampleChild(5)],
      }),
      sampleCommit(1, { address: child }),
      sampleCommit(2, {
        record: { activities, children: 1 },
        timersArmed: [sampleTimer(1, 5_000)],
        message: { workflowId: 'order-1', messageId: 'web-1', run: 1, sequence: 2, outcome: 'applied', atMs: 1_700_000_000_001 },
      }),
    ],
    definitions: [{ machine: { id: 'order', version: '1', structureHash: 'aa' }, structure: { id: 'order' } }],
  });
  const rows = await memory.entries({ from: Uint8Array.of(0), to: Uint8Array.of(255) });
  return { store, memory, rows };
}

/** Everything that can be read of the sample, as one text; a read that ends with an error code gives that. */
async function readAll(store: Store): Promise<string> {
  const reads: readonly Promise<unknown>[] = [
    store.readTree(address),
    store.readJournal(address, 1, 10),
    store.readJournal(child, 1, 10),
    store.readMessage('order-1', 'web-1'),
    store.readDefinitions(),
    store.scanTimers(Number.MAX_SAFE_INTEGER, 10),
    store.scanActors(10),
    ...readLists(store),
  ];
  const orDamaged = async (read: Promise<unknown>): Promise<unknown> => {
    try {
      return await read;
    } catch (error) {
      if (isDamaged(error) || hasErrorCode(error, 'INDEX_DAMAGED')) return 'damaged';
      throw error;
    }
  };
  const found = await Promise.all(reads.map(orDamaged));
  return JSON.stringify(found);
}

function codeOf(error: unknown): string {
  return (error as PerdureError).code;
}

function isOf(key: Uint8Array, letter: string): boolean {
  return key[0] === letter.charCodeAt(0);
}

/** What goes by the rows of lists and counts. */
function readLists(store: Store): readonly Promise<unknown>[] {
  const isMissing = (): boolean => false;
  return [store.list(checkList({}, {}, isMissing)), store.count(checkCount({}, { groupBy: 'status' }, isMissing))];
}

describe('damage on disk', () => {
  test('of any bit of any value is found before the value is used', async () => {
    const { store, memory, rows } = await filled();
    const sound = await readAll(store);
    for (const { key, value } of rows) {
      // The values of timer rows and twins say nothing: see the next tests.
      if (Buffer.from(key).equals(headKey) || isOf(key, 't') || isOf(key, 'w')) continue;
      for (let bit = 0; bit < value.length * 8; bit += 1) {
        await memory.write([{ kind: 'put', key, value: flip(value, bit) }]);
        if (isOf(key, 'd')) expect(await store.readDefinitions()).toEqual([]);
        else expect(await readAll(store)).toContain('"damaged"');
      }
      await memory.write([{ kind: 'put', key, value }]);
    }
    expect(await readAll(store)).toBe(sound);
  });

  test('of the value of a timer row does not keep the timer from being found, marked as damaged', async () => {
    const { store, memory, rows } = await filled();
    const sound = await store.scanTimers(Number.MAX_SAFE_INTEGER, 10);
    const timers = rows.filter(({ key }) => isOf(key, 't'));
    expect(timers).toHaveLength(sound.rows.length);
    await memory.write(timers.map(({ key, value }) => ({ kind: 'put' as const, key, value: flip(value, 3) })));
    const marked = sound.rows.map((row) => ({ ...row, isDamaged: true }));
    expect(await store.scanTimers(Number.MAX_SAFE_INTEGER, 10)).toEqual({ rows: marked });
  });

  test('of a twin keeps no message from being known', async () => {
    const { store, memory, rows } = await filled();
    const sound = await store.readMessage('order-1', 'web-1');
    const [twin, ...more] = rows.filter(({ key }) => isOf(key, 'w'));
    expect(more).toEqual([]);
    await memory.write([{ kind: 'put', key: twin!.key, value: flip(twin!.value, 17) }]);
    expect(await store.readMessage('order-1', 'web-1')).toEqual(sound);
    await memory.write([{ kind: 'delete', key: twin!.key }]);
    expect(await store.readMessage('order-1', 'web-1')).toEqual(sound);
  });

  test('of a block of twins takes no message for lost that was never told', async () => {
    const { memory } = await filled();
    const corrupt = (key: Uint8Array): void => {
      if (isOf(key, 'w')) throw Object.assign(new Error('Corruption: block checksum mismatch'), { code: 'LEVEL_CORRUPTION' });
    };
    const store = await openStoreOn({ ...memory, getNow: (key) => (corrupt(key), memory.getNow(key)) }, options);
    expect(await store.readMessage('order-1', 'web-2')).toBeUndefined();
    expect(await store.readMessage('order-1', 'web-1')).toMatchObject({ messageId: 'web-1' });
  });

  test('of any bit of any key is found, or the row is missed where it belongs', async () => {
    const { store, memory, rows } = await filled();
    for (const { key, value } of rows) {
      // The definition has no other row that would miss it.
      if (Buffer.from(key).equals(headKey) || isOf(key, 'd')) continue;
      for (let bit = 0; bit < key.length * 8; bit += 1) {
        const moved = flip(key, bit);
        await memory.write([
          { kind: 'delete', key },
          { kind: 'put', key: moved, value },
        ]);
        const found = await Promise.allSettled([
          store.readTree(address),
          store.readJournal(address, 1, 10),
          store.readMessage('order-1', 'web-1'),
          ...readLists(store),
        ]);
        const isFound = found.some(
          (read) => read.status === 'rejected' && ['RECORD_DAMAGED', 'INDEX_DAMAGED'].includes(codeOf(read.reason)),
        );
        // A timer row and a twin are derived from rows that are still there.
        expect(isFound).toBe(!isOf(key, 't') && !isOf(key, 'w'));
        await memory.write([
          { kind: 'delete', key: moved },
          { kind: 'put', key, value },
        ]);
      }
    }
  });

  test.each([
    ['a record is missing while its journal is there', encodeActorKey(address)],
    ['an activity that the record names is missing', encodeActivityKey(address, 4)],
    ['the head of the journal is missing', encodeJournalKey(address, 2)],
    ['the row of a child is missing', encodeChildKey(address, 5)],
    ['the record of a child is missing', encodeActorKey(child)],
    ['the journal of a child is missing', encodeJournalKey(child, 1)],
  ])('%s: the actor is not read', async (_what, key) => {
    const { store, memory } = await filled();
    await memory.write([{ kind: 'delete', key }]);
    await expect(store.readTree(address)).rejects.toSatisfy(isDamaged);
  });

  test('a lost record does not make its id look free', async () => {
    const { store, memory } = await filled();
    await memory.write([{ kind: 'delete', key: encodeActorKey(address) }]);
    expect(await store.readLatestRun('order-1')).toBe(1);
  });

  test('a gap in a journal is named by what is missing', async () => {
    const { store, memory } = await filled();
    await memory.write([{ kind: 'delete', key: encodeJournalKey(address, 1) }]);
    await expect(store.readJournal(address, 1, 10)).rejects.toThrow(
      'The stored journal record #1 of "order-1:1:" is damaged: it is missing',
    );
  });

  test('a journal without its end is told from a shorter one, page by page, unless the record is unreadable, too', async () => {
    const { store, memory } = await filled();
    await memory.write([{ kind: 'delete', key: encodeJournalKey(address, 2) }]);
    for (const from of [1, 2]) {
      await expect(store.readJournal(address, from, 10)).rejects.toThrow(
        'The stored journal record #2 of "order-1:1:" is damaged: it is missing, though its actor is at sequence 2',
      );
    }
    expect(await store.readJournal(address, 1, 1)).toHaveLength(1);
    expect(await store.readJournal(address, 3, 10)).toEqual([]);
    const record = (await memory.get(encodeActorKey(address))) ?? Uint8Array.of();
    await memory.write([{ kind: 'put', key: encodeActorKey(address), value: flip(record, 99) }]);
    expect(await store.readJournal(address, 1, 10)).toHaveLength(1);
  });

  test('an older version of a record is not taken for the current one', async () => {
    const { store, memory } = await filled();
    const key = encodeActorKey(address);
    const old = await memory.get(key);
    await store.write(sampleBatch(4, [sampleCommit(3, { record: { activities: [{ n: 4, childId: '4.order.paying' }], children: 1 } })]));
    if (old !== undefined) await memory.write([{ kind: 'put', key, value: old }]);
    await expect(store.readTree(address)).rejects.toThrow('it is at sequence 2, but its journal ends at 3');
  });

  test('of one row leaves the others readable, and a list of actors goes on over it', async () => {
    const { store, memory, rows } = await filled();
    const other = sampleCommit(1, { address: rootAddress('order-2', 1) });
    await store.write(sampleBatch(4, [other]));
    const row = rows.find(({ key }) => Buffer.from(key).equals(encodeActorKey(address)));
    if (row === undefined) throw new Error('no row');
    await memory.write([{ kind: 'put', key: row.key, value: flip(row.value, 99) }]);
    expect(await store.scanActors(10)).toMatchObject({
      rows: [{ address }, { address: child }, { address: other.record.address, record: other.record }],
    });
    expect((await store.readTree(other.record.address))?.root.record).toEqual(other.record);
  });

  test('a message row in the place of another is refused', async () => {
    const { store, memory } = await filled();
    const value = await memory.get(encodeMessageKey('order-1', 'web-1'));
    if (value !== undefined) await memory.write([{ kind: 'put', key: encodeMessageKey('order-1', 'web-2'), value }]);
    await expect(store.readMessage('order-1', 'web-2')).rejects.toSatisfy(isDamaged);
  });

  test('a message row that is lost is missed by its twin, in any later life of the store', async () => {
    const { memory } = await filled();
    await memory.write([{ kind: 'delete', key: encodeMessageKey('order-1', 'web-1') }]);
    const store = await openStoreOn(memory.reopen(), options);
    await expect(store.readMessage('order-1', 'web-1')).rejects.toThrow(
      'The stored message "web-1" of "order-1" is damaged: it is missing, though its twin says that it was written',
    );
    expect(await store.readMessage('order-1', 'web-2')).toBeUndefined();
    expect(await store.readMessage('order-2', 'web-1')).toBeUndefined();
  });

  test('a twin in the place of another takes no message for lost', async () => {
    const { store, memory } = await filled();
    const value = await memory.get(twinKeyOf(encodeMessageKey('order-1', 'web-1')));
    await memory.write([{ kind: 'put', key: twinKeyOf(encodeMessageKey('order-1', 'web-2')), value: value! }]);
    expect(await store.readMessage('order-1', 'web-2')).toBeUndefined();
  });

  test('a store written without twins answers as it did', async () => {
    const { memory } = await filled();
    const twins = await memory.keys(spaceRange('twin'));
    expect(twins).toHaveLength(1);
    await memory.write(twins.map((key) => ({ kind: 'delete' as const, key })));
    const store = await openStoreOn(memory.reopen(), options);
    expect(await store.readMessage('order-1', 'web-1')).toMatchObject({ outcome: 'applied' });
    expect(await store.readMessage('order-1', 'web-2')).toBeUndefined();
    expect(await store.erase('order-1', 1, 100)).toEqual({ isDone: true });
  });

  test('a message that is written between the look at its row and the look at its twin is not taken for lost', async () => {
    const memory = await createMemoryDatabase();
    const message = { workflowId: 'order-1', messageId: 'web-1', run: 1, sequence: 1, outcome: 'applied', atMs: 1 } as const;
    let isWritten = false;
    const database: Database = {
      ...memory,
      async get(key) {
        const found = await memory.get(key);
        if (isWritten || !isOf(key, 'm')) return found;
        isWritten = true;
        await store.write(sampleBatch(1, [sampleCommit(1, { message })]));
        return found;
      },
    };
    const store = await openStoreOn(database, options);
    expect(await store.readMessage('order-1', 'web-1')).toEqual(message);
  });
});

describe('the number of the last commit', () => {
  test('is in every batch', async () => {
    const memory = await createMemoryDatabase();
    const batches: (readonly Operation[])[] = [];
    const database: Database = {
      ...memory,
      write(operations) {
        batches.push(operations);
        return memory.write(operations);
      },
    };
    const store = await openStoreOn(database, options);
    await store.write(sampleBatch(1, [sampleCommit(1), sampleCommit(2)]));
    await store.write(sampleBatch(3, [sampleCommit(3)]));
    expect(batches.map((operations) => operations.filter(({ key }) => Buffer.from(key).equals(headKey)).length)).toEqual([1, 1, 1]);
  });

  test('missing from a database with records refuses the store', async () => {
    const { memory } = await filled();
    await memory.write([{ kind: 'delete', key: headKey }]);
    await expect(openStoreOn(memory.reopen(), options)).rejects.toSatisfy(isStoreDamaged);
  });

  test('unreadable refuses the store', async () => {
    const { memory } = await filled();
    const value = await memory.get(headKey);
    if (value === undefined) throw new Error('no head');
    for (let bit = 0; bit < value.length * 8; bit += 1) {
      await memory.write([{ kind: 'put', key: headKey, value: flip(value, bit) }]);
      await expect(openStoreOn(memory.reopen(), options)).rejects.toSatisfy(isStoreDamaged);
    }
  });

  test('older than a journal shows that a part of the store was lost', async () => {
    const { memory } = await filled();
    const head = await memory.get(headKey);
    const store = await openStoreOn(memory.reopen(), options);
    await store.write(sampleBatch(4, [sampleCommit(3, { record: { activities: [{ n: 4, childId: '4.order.paying' }], children: 1 } })]));
    if (head !== undefined) await memory.write([{ kind: 'put', key: headKey, value: head }]);
    const again = await openStoreOn(memory.reopen(), options);
    await expect(again.readTree(address)).rejects.toThrow('its journal ends at commit 4, but the store ends at 3');
  });

  test('of another store is refused', async () => {
    const { memory } = await filled();
    await expect(openStoreOn(memory.reopen(), { ...options, storeId: 'store-2' })).rejects.toThrow('belongs to another store');
  });

  test('missing where a store is known to have been refuses it', async () => {
    const memory = await createMemoryDatabase();
    await expect(openStoreOn(memory, { ...options, createIfEmpty: false })).rejects.toSatisfy(isStoreDamaged);
    expect(await memory.keys({ from: Uint8Array.of(0), to: Uint8Array.of(255) })).toEqual([]);
  });
});

describe('errors of the database while reading', () => {
  const failing = async (code: string): Promise<Store> => {
    const { memory } = await filled();
    const fail = (): Promise<never> => Promise.reject(Object.assign(new Error('Corruption: block checksum mismatch'), { code }));
    let isFailing = false;
    const entries: MemoryDatabase['entries'] = (query) => (isFailing ? fail() : memory.entries(query));
    const store = await openStoreOn({ ...memory, readAtOnce: fail, entries }, options);
    isFailing = true;
    return store;
  };

  test('a corrupt block is damage of what was read', async () => {
    const store = await failing('LEVEL_CORRUPTION');
    await expect(store.readTree(address)).rejects.toThrow('The stored actor "order-1:1:" is damaged: Corruption: block checksum mismatch.');
    await expect(store.scanActors(10)).rejects.toSatisfy(isDamaged);
  });

  test('anything else says nothing of the record', async () => {
    const store = await failing('LEVEL_IO_ERROR');
    await expect(store.readTree(address)).rejects.toSatisfy(isUnavailable);
  });
});

test('an actor record and a journal record of a small context take well under a kilobyte each', async () => {
  const context = { text: 'x'.repeat(440) };
  const memory = await createMemoryDatabase();
  const store = await openStoreOn(memory, options);
  const { record } = sampleCommit(1);
  const chart = { ...record.chart, context };
  await store.write(sampleBatch(1, [sampleCommit(1, { record: { chart }, journal: { context: { set: {}, removed: [] } } })]));
  const size = async (key: Uint8Array): Promise<number> => (await memory.get(key))?.length ?? 0;
  expect(await size(encodeActorKey(address))).toBeLessThan(860);
  expect(await size(encodeJournalKey(address, 1))).toBeLessThan(300);
});

test('a torn batch, of which only a beginning was applied, is found when the actor is read or the store opened', async () => {
  const activities = [{ n: 4, childId: '4.order.paying' }];
  await fc.assert(
    fc.asyncProperty(fc.nat({ max: 4 }), async (cut) => {
      const memory = await createMemoryDatabase();
      const database: Database = {
        ...memory,
        write: (operations) => memory.write(operations.length > 1 ? operations.slice(0, cut) : operations),
      };
      const store = await openStoreOn(database, options);
      await store.write(sampleBatch(1, [sampleCommit(1, { record: { activities }, activitiesPut: [sampleActivity(4)] })]));
      const again = await openStoreOn(memory.reopen(), options);
      const actor = await again.readTree(address).catch((error: unknown) => (isDamaged(error) ? 'damaged' : error));
      expect(cut === 0 ? actor === undefined : cut === 4 ? actor !== undefined : actor === 'damaged').toBe(true);
    }),
  );
});
