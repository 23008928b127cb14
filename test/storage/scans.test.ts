/** Rows whose keys cannot be decoded, met by reads of many rows. */
import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { Page, Store } from '../../src/kernel/ports.ts';
import { encodeActivityKey, encodeActorKey, encodeTimerKey } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from './memory-database.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { flip, sampleActivity, sampleBatch, sampleCommit, sampleTimer } from './samples.ts';

const options = { location: 'memory', storeId: 'store-1' };
const addresses = ['ant', 'bear', 'cow', 'duck'].map((id) => rootAddress(id, 1));
const isDamaged = (error: unknown): boolean => hasErrorCode(error, 'RECORD_DAMAGED');

/** Four actors, each with an activity and a timer. */
async function filled(): Promise<{ readonly store: Store; readonly memory: MemoryDatabase }> {
  const memory = await createMemoryDatabase();
  const store = await openStoreOn(memory, options);
  const commits = addresses.map((address, index) =>
    sampleCommit(1, {
      address,
      record: { activities: [{ n: 4, childId: '4.order.paying' }] },
      activitiesPut: [sampleActivity(4)],
      timersArmed: [sampleTimer(1, dueOf(index))],
    }),
  );
  await store.write(sampleBatch(1, commits));
  return { store, memory };
}

function dueOf(index: number): number {
  return 1_000 * (index + 1);
}

interface Scan {
  /** The key of the row of an actor, by its place among the addresses. */
  readonly key: (address: Address, index: number) => Uint8Array;
  readonly read: (store: Store, limit: number, after?: Uint8Array) => Promise<Page<Address>>;
}

async function addressesOf(page: Promise<Page<{ readonly address: Address }>>): Promise<Page<Address>> {
  const { rows, ...rest } = await page;
  return { rows: rows.map(({ address }) => address), ...rest };
}

const scans: Readonly<Record<string, Scan>> = {
  'of pending activities': {
    key: (address) => encodeActivityKey(address, 4),
    read: (store, limit, after) => store.scanActive(limit, after),
  },
  'of timers': {
    key: (address, index) => encodeTimerKey({ address, generation: 1, dueAtMs: dueOf(index) }),
    read: (store, limit, after) => addressesOf(store.scanTimers(Number.MAX_SAFE_INTEGER, limit, after)),
  },
  'of actors': {
    key: (address) => encodeActorKey(address),
    read: (store, limit, after) => addressesOf(store.scanActors(limit, after)),
  },
};

/** What a scan finds in pages of `limit`, each of which is full unless it is the last. */
async function allPages(scan: Scan, store: Store, limit: number): Promise<readonly Address[]> {
  const found: Address[] = [];
  let page = await scan.read(store, limit);
  for (; page.next !== undefined; page = await scan.read(store, limit, page.next)) {
    expect(page.rows).toHaveLength(limit);
    found.push(...page.rows);
  }
  return [...found, ...page.rows];
}

/** Bytes right behind a row's key that are the key of nothing. */
function noKeyBehind(key: Uint8Array): Uint8Array {
  return Buffer.concat([key, Uint8Array.of(7)]);
}

describe.each(Object.entries(scans))('a scan %s', (_name, scan) => {
  test('passes over rows whose key cannot be decoded, wherever they are and whatever the size of the page', async () => {
    const { store, memory } = await filled();
    const keys = addresses.map(scan.key);
    const letter = (keys[0] ?? Uint8Array.of()).subarray(0, 1);
    const noKeys = [letter, ...keys.map(noKeyBehind), Buffer.concat([letter, Uint8Array.of(0xff)])];
    await memory.write(noKeys.map((key) => ({ kind: 'put' as const, key, value: Uint8Array.of(1) })));
    for (const limit of [1, 2, 3, 4, 5, 100]) expect(await allPages(scan, store, limit)).toEqual(addresses);
  });

  test('finds nothing, and ends, where no key can be decoded', async () => {
    const memory = await createMemoryDatabase();
    const store = await openStoreOn(memory, options);
    const key = scan.key(rootAddress('ant', 1), 0);
    const noKeys = Array.from({ length: 9 }, (_item, index) => Buffer.concat([key, Uint8Array.of(index)]));
    await memory.write(noKeys.map((noKey) => ({ kind: 'put' as const, key: noKey, value: Uint8Array.of() })));
    for (const limit of [1, 2, 100]) expect(await scan.read(store, limit)).toEqual({ rows: [] });
  });

  test('finds every other row after any bit of a key was turned over', async () => {
    const { store, memory } = await filled();
    const key = scan.key(rootAddress('bear', 1), 1);
    const value = (await memory.get(key)) ?? Uint8Array.of();
    const others = addresses.filter(({ workflowId }) => workflowId !== 'bear');
    for (let bit = 0; bit < key.length * 8; bit += 1) {
      const moved = flip(key, bit);
      await memory.write([
        { kind: 'delete', key },
        { kind: 'put', key: moved, value },
      ]);
      expect(await allPages(scan, store, 2)).toEqual(expect.arrayContaining(others));
      await memory.write([
        { kind: 'delete', key: moved },
        { kind: 'put', key, value },
      ]);
    }
  });

  test('ends where the database itself finds its bytes corrupt', async () => {
    const { memory } = await filled();
    const error = Object.assign(new Error('Corruption: block checksum mismatch'), { code: 'LEVEL_CORRUPTION' });
    const fail = (): Promise<never> => Promise.reject(error);
    const store = await openStoreOn({ ...memory, entries: fail, keys: fail }, options);
    await expect(scan.read(store, 10)).rejects.toSatisfy(isDamaged);
  });
});

test('a scan of timers goes on right behind its last row, not behind what it passed over', async () => {
  const { store, memory } = await filled();
  const damaged = noKeyBehind(encodeTimerKey({ address: rootAddress('z', 1), generation: 1, dueAtMs: 1_500 }));
  await memory.write([{ kind: 'put', key: damaged, value: Uint8Array.of() }]);
  const page = await store.scanTimers(10_000, 1);
  const late = rootAddress('late', 1);
  await store.write(sampleBatch(5, [sampleCommit(1, { address: late, timersArmed: [sampleTimer(1, 1_250)] })]));
  expect((await store.scanTimers(10_000, 1, page.next)).rows).toEqual([{ address: late, generation: 1, dueAtMs: 1_250 }]);
});
