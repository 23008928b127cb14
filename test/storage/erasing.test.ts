import { describe, expect, test } from 'vitest';
import { listingOf } from '../../src/kernel/listing.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { MessageRecord } from '../../src/kernel/record.ts';
import type { MailRecord } from '../../src/kernel/mail-record.ts';
import type { Database } from '../../src/storage/database.ts';
import { spaceRange } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from './memory-database.ts';
import { createMemoryDatabase } from './memory-database.ts';
import { sampleActivity, sampleBatch, sampleCommit } from './samples.ts';

const everything = { from: Uint8Array.of(0), to: Uint8Array.of(0xff) };

async function opened(database?: MemoryDatabase): Promise<{ readonly store: Store; readonly database: MemoryDatabase }> {
  const disk = database ?? (await createMemoryDatabase());
  return { database: disk, store: await openStoreOn(disk, { location: 'memory', storeId: 'test' }) };
}

function message(workflowId: string, n: number, atMs = 0): MessageRecord {
  return { workflowId, messageId: `m-${n}`, run: 1, sequence: n, outcome: 'applied', atMs };
}

function mail(n: number): MailRecord {
  return { n, to: [], envelope: { kind: 'signal', event: { type: 'PAY', amount: n } } };
}

/** Run `run` of a workflow with so many steps, each with a message. */
function runOf(workflowId: string, run: number, steps: number) {
  const address = rootAddress(workflowId, run);
  const before = run === 2 ? { before: listingOf(sampleCommit(1, { address: rootAddress(workflowId, 1) }).record) } : {};
  const listed = { ...before, after: listingOf(sampleCommit(1, { address }).record) };
  return Array.from({ length: steps }, (_item, index) =>
    sampleCommit(index + 1, {
      address,
      message: message(workflowId, run * 100 + index + 1),
      ...(index === 0 ? { listed } : {}),
    }),
  );
}

describe('a mailbox', () => {
  test('is kept in order, counted and found, each workflow once', async () => {
    const { store } = await opened();
    const [first, other] = [rootAddress('a', 1), rootAddress('b', 1)];
    const put = [mail(1), mail(2), mail(256)];
    const record = { counters: { child: 0, timer: 0, mail: 256 }, queued: 3 };
    const commits = [first, other].map((address) => sampleCommit(1, { address, record, mailPut: put }));
    await store.write(sampleBatch(1, commits));
    expect(await store.readMailbox(first, 2)).toEqual(put.slice(0, 2));
    expect(await store.readMailbox(first, 10)).toEqual(put);
    const page = await store.scanMail(1);
    expect(page.rows).toEqual([first]);
    expect(await store.scanMail(1, page.next)).toEqual({ rows: [other] });
    expect((await store.readTree(first))?.root.record.queued).toBe(3);
    await store.write(sampleBatch(3, [sampleCommit(2, { address: first, mailRemoved: [1, 2, 256] })]));
    expect(await store.readMailbox(first, 10)).toEqual([]);
    expect((await store.scanMail(10)).rows).toEqual([other]);
  });

  test.each([
    ['too few', 2],
    ['too many', 0],
  ])('with %s rows is damage of its workflow', async (_, queued) => {
    const { store } = await opened();
    const record = { counters: { child: 0, timer: 0, mail: 2 }, queued };
    await store.write(sampleBatch(1, [sampleCommit(1, { record, mailPut: [mail(1)] })]));
    await expect(store.readTree(rootAddress('order-1', 1))).rejects.toMatchObject({
      code: 'RECORD_DAMAGED',
      details: { reason: `its mailbox has 1 rows, it counts ${queued}` },
    });
  });
});

describe('erasing', () => {
  test.each([1, 2, 5, 1_000])('%i rows at a time is invisible from the first batch on and leaves only a tombstone', async (limit) => {
    const { store, database } = await opened();
    const kept = runOf('orders', 1, 3);
    const commits = [...runOf('order', 1, 4), ...runOf('order', 2, 2), ...kept];
    await store.write(sampleBatch(1, commits));
    const before = (await database.keys(everything)).length;
    let batches = 0;
    for (let isDone = false; !isDone;) {
      ({ isDone } = await store.erase('order', 2, limit));
      batches += 1;
      expect(await store.readLatestRun('order')).toBeUndefined();
      expect(await store.readTombstone('order')).toEqual(isDone ? { lastRun: 2 } : { lastRun: 2, isClearing: true });
      const again = await opened(database.reopen());
      expect(await again.store.readLatestRun('order')).toBeUndefined();
      expect(await again.store.readTombstone('order')).toEqual(await store.readTombstone('order'));
    }
    // Two records, six journal rows, six message ids and their twins.
    expect(batches).toBe(Math.max(1, Math.ceil(20 / limit)));
    // And its row in the list.
    expect((await database.keys(everything)).length).toBe(before - 20 - 1 + 1);
    expect(await store.readLatestRun('orders')).toBe(1);
    expect(await store.readMessage('orders', 'm-101')).toEqual(kept[0]?.message);
    await store.write(sampleBatch(10, runOf('order', 3, 1)));
    expect(await store.readLatestRun('order')).toBe(3);
  });

  test('takes along what a damaged workflow left behind', async () => {
    const { store, database } = await opened();
    await store.write(sampleBatch(1, [sampleCommit(1, { activitiesPut: [sampleActivity(1)], mailPut: [mail(1)] })]));
    expect(await store.erase('order-1', 1, 100)).toEqual({ isDone: true });
    expect((await database.keys(everything)).length).toBe(2);
  });

  test('fails as a write does, and ends the writing', async () => {
    const { database } = await opened();
    const failing: Database = {
      get: (key) => database.get(key),
      getNow: (key) => database.getNow(key),
      keys: (query) => database.keys(query),
      entries: (query) => database.entries(query),
      readAtOnce: (read) => database.readAtOnce(read),
      write: () => Promise.reject(new Error('disk full')),
      close: () => database.close(),
    };
    const store = await openStoreOn(failing, { location: 'memory', storeId: 'test' });
    await expect(store.erase('order', 1, 10)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    await expect(store.write(sampleBatch(1, [sampleCommit(1)]))).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
  });
});

test('message ids given before a moment are forgotten, a slice at a time', async () => {
  const { store, database } = await opened();
  const commits = Array.from({ length: 10 }, (_item, index) => sampleCommit(index + 1, { message: message('order-1', index, index * 10) }));
  await store.write(sampleBatch(1, commits));
  let passes = 0;
  for (let after: Uint8Array | undefined, isOver = false; !isOver; passes += 1) {
    const { next } = await store.forgetMessages(50, 4, after);
    [after, isOver] = [next, next === undefined];
  }
  expect(passes).toBe(3);
  const left = await Promise.all(commits.map(async (_commit, n) => (await store.readMessage('order-1', `m-${n}`))?.atMs));
  expect(left).toEqual([undefined, undefined, undefined, undefined, undefined, 50, 60, 70, 80, 90]);
  expect(await database.keys(spaceRange('twin'))).toHaveLength(5);
});
