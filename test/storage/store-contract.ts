/** What every Store does, whatever is beneath it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { Page, Store } from '../../src/kernel/ports.ts';
import type { DefinitionRecord, MessageRecord } from '../../src/kernel/record.ts';
import { sampleActivity, sampleBatch, sampleCommit, sampleTimer } from './samples.ts';

/** A place where stores can be opened one after the other; what one wrote the next one finds. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

const first = rootAddress('order-1', 1);
const addressOf = (index: number): Address => rootAddress(`order-${String(index).padStart(3, '0')}`, 1);

async function allPages<Row>(read: (after?: Uint8Array) => Promise<Page<Row>>): Promise<Row[]> {
  const rows: Row[] = [];
  let after: Uint8Array | undefined;
  do {
    const page: Page<Row> = await read(after);
    rows.push(...page.rows);
    after = page.next;
  } while (after !== undefined);
  return rows;
}

/** Declares the suite; `place` is called before each test. */
export function storeContract(name: string, place: () => Promise<StorePlace>): void {
  describe(`a store on ${name}`, () => {
    let ground: StorePlace;
    let store: Store;
    beforeEach(async () => {
      ground = await place();
      store = await ground.open();
    });
    afterEach(async () => {
      await store.close();
      await ground.remove();
    });
    const reopen = async (): Promise<void> => {
      await store.close();
      store = await ground.open();
    };
    declareWriting(() => store, reopen);
    declareActors(() => store);
    declareJournals(() => store);
    declareScans(() => store, reopen);
    declareClosing(() => store);
  });
}

function declareWriting(store: () => Store, reopen: () => Promise<void>): void {
  test('is empty when new', async () => {
    expect(store().lastCommit).toBe(0);
    expect(await store().readLatestRun('order-1')).toBeUndefined();
    expect(await store().readActor(first)).toBeUndefined();
    expect(await store().readMessage('order-1', 'm')).toBeUndefined();
    expect(await store().readJournal(first, 1, 10)).toEqual([]);
    expect(await store().readDefinitions()).toEqual([]);
    expect(await store().scanActive(10)).toEqual({ rows: [] });
    expect(await store().scanTimers(Number.POSITIVE_INFINITY, 10)).toEqual({ rows: [] });
    expect(await store().scanActors(10)).toEqual({ rows: [] });
  });

  test('keeps everything a commit carries, and the number of the last one, when it is opened again', async () => {
    const message: MessageRecord = {
      workflowId: 'order-1',
      messageId: 'web-1',
      run: 1,
      sequence: 1,
      outcome: 'applied',
      atMs: 1_700_000_000_001,
    };
    const definition: DefinitionRecord = {
      machine: { id: 'order', version: '1', structureHash: 'aa' },
      structure: { states: { open: {} } },
    };
    const commit = sampleCommit(1, {
      record: { activities: [{ n: 4, childId: '4.order.paying' }], timers: [sampleTimer(1, 5_000)] },
      activitiesPut: [sampleActivity(4)],
      timersArmed: [sampleTimer(1, 5_000)],
      message,
    });
    await store().write({ firstCommit: 1, commits: [commit], definitions: [definition] });
    await reopen();
    expect(store().lastCommit).toBe(1);
    expect(await store().readLatestRun('order-1')).toBe(1);
    expect(await store().readActor(first)).toEqual({ record: commit.record, activities: [sampleActivity(4)] });
    expect(await store().readJournal(first, 1, 10)).toEqual([{ ...commit.journal, commit: 1 }]);
    expect(await store().readMessage('order-1', 'web-1')).toEqual(message);
    expect(await store().readDefinitions()).toEqual([definition]);
    expect(await store().scanActive(10)).toEqual({ rows: [first] });
    expect(await store().scanTimers(5_000, 10)).toEqual({ rows: [{ address: first, generation: 1, dueAtMs: 5_000 }] });
    expect(await store().scanActors(10)).toEqual({ rows: [{ address: first, record: commit.record }] });
  });

  test('takes definitions without a commit and gives no number for them', async () => {
    const definition: DefinitionRecord = { machine: { id: '__proto__', version: '..', structureHash: 'aa' }, structure: null };
    await store().write({ firstCommit: 1, commits: [], definitions: [{ ...definition, isRetired: true }] });
    expect(await store().readDefinitions()).toEqual([{ ...definition, isRetired: true }]);
    await store().write({ firstCommit: 1, commits: [], definitions: [{ ...definition, structure: { id: 1 } }] });
    expect(await store().readDefinitions()).toEqual([{ ...definition, structure: { id: 1 } }]);
    await reopen();
    expect(store().lastCommit).toBe(0);
    await store().write(sampleBatch(1, [sampleCommit(1)]));
  });

  test('takes several steps of one actor in one batch', async () => {
    const commits = [1, 2, 3].map((sequence) => sampleCommit(sequence));
    await store().write(sampleBatch(1, commits));
    expect((await store().readActor(first))?.record).toEqual(commits[2]?.record);
    expect((await store().readJournal(first, 1, 10)).map(({ sequence, commit }) => [sequence, commit])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('leaves nothing of what a batch puts and removes again', async () => {
    const started = sampleCommit(1, { activitiesPut: [sampleActivity(1)], timersArmed: [sampleTimer(1, 10), sampleTimer(2, 20)] });
    const ended = sampleCommit(2, { activitiesRemoved: [1], timersDisarmed: [sampleTimer(1, 10)] });
    await store().write(sampleBatch(1, [started, ended]));
    expect(await store().scanActive(10)).toEqual({ rows: [] });
    expect((await store().scanTimers(100, 10)).rows.map(({ generation }) => generation)).toEqual([2]);
    expect(await store().readActor(first)).toEqual({ record: ended.record, activities: [] });
  });

  test.each([
    ['leaves a gap in the commit numbers', sampleBatch(3, [sampleCommit(2)])],
    ['gives a commit number twice', sampleBatch(1, [sampleCommit(2)])],
    ['skips a sequence', sampleBatch(2, [sampleCommit(2), sampleCommit(4)])],
    ['has a record that does not follow its base', sampleBatch(2, [{ ...sampleCommit(2), base: 2 }])],
    ['has a journal record of another sequence', sampleBatch(2, [sampleCommit(2, { journal: { sequence: 3 } })])],
    ['has a journal record of another actor', sampleBatch(2, [sampleCommit(2, { journal: { address: rootAddress('order-2', 1) } })])],
  ])('takes no batch that %s, and none after it', async (_rule, batch) => {
    await store().write(sampleBatch(1, [sampleCommit(1)]));
    await expect(store().write(batch)).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_UNAVAILABLE'));
    await expect(store().write(sampleBatch(2, [sampleCommit(2)]))).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_UNAVAILABLE'));
    expect((await store().readActor(first))?.record.sequence).toBe(1);
    await reopen();
    expect(store().lastCommit).toBe(1);
    await store().write(sampleBatch(2, [sampleCommit(2)]));
  });

  test('refuses a batch while one is on its way, which is kept', async () => {
    const ahead = store().write(sampleBatch(1, [sampleCommit(1)]));
    await expect(store().write(sampleBatch(2, [sampleCommit(2)]))).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_UNAVAILABLE'));
    await ahead;
    await reopen();
    expect(store().lastCommit).toBe(1);
  });

  test('keeps the awkward ids apart', async () => {
    const ids = ['__proto__', '/', '..', 'a', 'a\0', 'a\0b', '\0', '\uffff', '\u{10000}', '\ufeffa', 'a:1:', 'émile'];
    const commits = ids.map((id) => sampleCommit(1, { address: rootAddress(id, 1), record: { updatedAtMs: id.length } }));
    await store().write(sampleBatch(1, commits));
    for (const [index, id] of ids.entries()) {
      expect((await store().readActor(rootAddress(id, 1)))?.record).toEqual(commits[index]?.record);
      expect(await store().readJournal(rootAddress(id, 1), 1, 10)).toEqual([{ ...commits[index]?.journal, commit: index + 1 }]);
      expect(await store().readLatestRun(id)).toBe(1);
    }
    const rows = await allPages((after) => store().scanActors(2, after));
    expect(rows.map(({ address }) => address.workflowId).sort()).toEqual([...ids].sort());
  });
}

function declareActors(store: () => Store): void {
  test('finds the highest run of an id, not of ids that begin with it', async () => {
    const commits = [1, 2, 300].map((run) => sampleCommit(1, { address: rootAddress('a', run) }));
    commits.push(sampleCommit(1, { address: rootAddress('ab', 900) }));
    commits.push(sampleCommit(1, { address: { workflowId: 'a', run: 2, path: [1] } }));
    await store().write(sampleBatch(1, commits));
    expect(await store().readLatestRun('a')).toBe(300);
    expect(await store().readLatestRun('ab')).toBe(900);
    expect(await store().readLatestRun('b')).toBeUndefined();
  });

  test('keeps the activities of an actor and of its children apart', async () => {
    const child = { ...first, path: [1] };
    const named = (n: number): { readonly n: number; readonly childId: string } => ({ n, childId: `${n}.order.paying` });
    await store().write(
      sampleBatch(1, [
        sampleCommit(1, { record: { activities: [named(1), named(300)] }, activitiesPut: [sampleActivity(300), sampleActivity(1)] }),
        sampleCommit(1, { address: child, record: { activities: [named(7)] }, activitiesPut: [sampleActivity(7)] }),
      ]),
    );
    expect((await store().readActor(first))?.activities.map(({ n }) => n)).toEqual([1, 300]);
    expect((await store().readActor(child))?.activities.map(({ n }) => n)).toEqual([7]);
    expect(await store().scanActive(10)).toEqual({ rows: [first, child] });
  });

  test('never shows an actor between two commits', async () => {
    const activities = [{ n: 1, childId: '1.order.paying' }];
    await store().write(sampleBatch(1, [sampleCommit(1)]));
    for (let sequence = 2; sequence < 60; sequence += 1) {
      const isEven = sequence % 2 === 0;
      const step = isEven ? { record: { activities }, activitiesPut: [sampleActivity(1)] } : { activitiesRemoved: [1] };
      const write = store().write(sampleBatch(sequence, [sampleCommit(sequence, step)]));
      const seen = await Promise.all([store().readActor(first), store().readActor(first), write.then(() => store().readActor(first))]);
      for (const actor of seen) expect(actor?.activities.length).toBe((actor?.record.sequence ?? 0) % 2 === 0 ? 1 : 0);
      expect(seen[2]?.record.sequence).toBe(sequence);
    }
  });

  test('refuses a record whose activities it does not hold', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { record: { activities: [{ n: 1, childId: 'a' }] } })]));
    await expect(store().readActor(first)).rejects.toSatisfy((error) => hasErrorCode(error, 'RECORD_DAMAGED'));
  });

  test('refuses a record that does not name an activity it holds', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { activitiesPut: [sampleActivity(1)] })]));
    await expect(store().readActor(first)).rejects.toSatisfy((error) => hasErrorCode(error, 'RECORD_DAMAGED'));
  });
}

function declareJournals(store: () => Store): void {
  test('pages through a journal, oldest first', async () => {
    const other = rootAddress('order-2', 1);
    for (let sequence = 1; sequence <= 20; sequence += 1) {
      await store().write(sampleBatch(sequence * 2 - 1, [sampleCommit(sequence), sampleCommit(sequence, { address: other })]));
    }
    const sequences = async (from: number, limit: number): Promise<number[]> =>
      (await store().readJournal(first, from, limit)).map(({ sequence }) => sequence);
    expect(await sequences(1, 5)).toEqual([1, 2, 3, 4, 5]);
    expect(await sequences(6, 5)).toEqual([6, 7, 8, 9, 10]);
    expect(await sequences(19, 5)).toEqual([19, 20]);
    expect(await sequences(21, 5)).toEqual([]);
    expect(await sequences(0, 2)).toEqual([1, 2]);
  });

  test('numbers the commits of all actors without gaps', async () => {
    const commits = [0, 1, 2].map((index) => sampleCommit(1, { address: addressOf(index) }));
    await store().write(sampleBatch(1, commits));
    await store().write(sampleBatch(4, [sampleCommit(2, { address: addressOf(1) })]));
    const journals = await Promise.all([0, 1, 2].map((index) => store().readJournal(addressOf(index), 1, 10)));
    expect(journals.map((records) => records.map(({ commit }) => commit))).toEqual([[1], [2, 4], [3]]);
  });
}

function declareScans(store: () => Store, reopen: () => Promise<void>): void {
  test('lists each actor with pending activities once, whatever the size of the page', async () => {
    const addresses = Array.from({ length: 7 }, (_item, index) => addressOf(index));
    const commits = addresses.map((address, index) =>
      sampleCommit(1, { address, activitiesPut: Array.from({ length: index }, (_item, n) => sampleActivity(n)) }),
    );
    await store().write(sampleBatch(1, commits));
    await reopen();
    for (const limit of [1, 2, 3, 6, 7, 100]) {
      expect(await allPages((after) => store().scanActive(limit, after))).toEqual(addresses.slice(1));
    }
    expect((await store().scanActive(6)).next).toBeUndefined();
  });

  test('lists timers in due order up to a moment, whatever the size of the page', async () => {
    const hundredYearsMs = 100 * 365.25 * 24 * 60 * 60 * 1000;
    const dues = [30, 10, 20, 10.5, 1_700_000_000_000 + hundredYearsMs, 0, 20];
    const commits = dues.map((dueAtMs, index) =>
      sampleCommit(1, { address: addressOf(index), timersArmed: [sampleTimer(index, dueAtMs)] }),
    );
    await store().write(sampleBatch(1, commits));
    for (const limit of [1, 2, 100]) {
      const rows = await allPages((after) => store().scanTimers(20, limit, after));
      expect(rows.map(({ dueAtMs, generation }) => [dueAtMs, generation])).toEqual([
        [0, 5],
        [10, 1],
        [10.5, 3],
        [20, 2],
        [20, 6],
      ]);
    }
    expect((await store().scanTimers(Number.MAX_SAFE_INTEGER, 100)).rows.at(-1)).toEqual({
      address: addressOf(4),
      generation: 4,
      dueAtMs: 1_700_000_000_000 + hundredYearsMs,
    });
    expect(await store().scanTimers(-1, 100)).toEqual({ rows: [] });
    const latest = (await store().scanTimers(Number.MAX_SAFE_INTEGER, 100)).rows.at(-1)?.dueAtMs ?? Number.NaN;
    expect((await store().scanTimers(Number.MAX_SAFE_INTEGER, 100, latest - 1)).rows).toHaveLength(1);
    expect(await store().scanTimers(Number.MAX_SAFE_INTEGER, 100, latest)).toEqual({ rows: [] });
    expect((await store().scanTimers(Number.MAX_SAFE_INTEGER, 100, Number.NEGATIVE_INFINITY)).rows.length).toBeGreaterThan(1);
  });

  test('meets timers armed between two pages of a scan', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { timersArmed: [sampleTimer(1, 10), sampleTimer(2, 30)] })]));
    const page = await store().scanTimers(40, 1);
    await store().write(sampleBatch(2, [sampleCommit(2, { timersArmed: [sampleTimer(3, 20)] })]));
    expect((await store().scanTimers(40, 10, page.next)).rows.map(({ generation }) => generation)).toEqual([3, 2]);
  });

  test('goes on with a scan of timers after its end moved on, or back', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { timersArmed: [sampleTimer(1, 10), sampleTimer(2, 20), sampleTimer(3, 30)] })]));
    const page = await store().scanTimers(20, 1);
    expect((await store().scanTimers(30, 10, page.next)).rows.map(({ generation }) => generation)).toEqual([2, 3]);
    expect(await store().scanTimers(5, 10, page.next)).toEqual({ rows: [] });
  });

  test('lists every actor in key order, whatever the size of the page', async () => {
    const addresses: Address[] = [
      first,
      { ...first, path: [1] },
      { ...first, path: [1, 1] },
      { ...first, path: [2] },
      rootAddress('order-1', 2),
    ];
    const commits = addresses.map((address) => sampleCommit(1, { address }));
    await store().write(sampleBatch(1, commits.toReversed()));
    for (const limit of [1, 2, 5, 100]) {
      const rows = await allPages((after) => store().scanActors(limit, after));
      expect(rows).toEqual(commits.map(({ record }) => ({ address: record.address, record })));
    }
  });
}

function declareClosing(store: () => Store): void {
  test('closes once, after the write on its way, and takes nothing more', async () => {
    const write = store().write(sampleBatch(1, [sampleCommit(1)]));
    await Promise.all([store().close(), store().close(), write]);
    const isUnavailable = (error: unknown): boolean => hasErrorCode(error, 'STORE_UNAVAILABLE');
    await expect(store().write(sampleBatch(2, []))).rejects.toSatisfy(isUnavailable);
    await expect(store().readActor(first)).rejects.toSatisfy(isUnavailable);
    await expect(store().scanActors(10)).rejects.toSatisfy(isUnavailable);
  });
}
