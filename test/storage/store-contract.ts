/** What every Store does, whatever is beneath it. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import type { Commit } from '../../src/kernel/commit.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import type { Page, PreparedCommit, Store } from '../../src/kernel/ports.ts';
import type { DefinitionRecord, MessageRecord, PendingActivity } from '../../src/kernel/record.ts';
import { declareJournals } from './journal-contract.ts';
import { declareOutbox } from './outbox-contract.ts';
import type { SampleStep } from './samples.ts';
import { sampleActivity, sampleBatch, sampleChild, sampleCommit, sampleTimer } from './samples.ts';

/** A place where stores can be opened one after the other; what one wrote the next one finds. */
export interface StorePlace {
  open(): Promise<Store>;
  remove(): Promise<void>;
}

const first = rootAddress('order-1', 1);
const below = (...path: readonly number[]): Address => ({ ...first, path });
const isDamaged = (error: unknown): boolean => hasErrorCode(error, 'RECORD_DAMAGED');
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
    declareFamilies(() => store);
    declareJournals(() => store);
    declareScans(() => store, reopen);
    declareOutbox(() => store, reopen);
    declareClosing(() => store);
  });
}

function declareWriting(store: () => Store, reopen: () => Promise<void>): void {
  test('is empty when new', async () => {
    expect(store().lastCommit).toBe(0);
    expect(await store().readLatestRun('order-1')).toBeUndefined();
    expect(await store().readTree(first)).toBeUndefined();
    expect(await store().readMessage('order-1', 'm')).toBeUndefined();
    expect(await store().readJournal(first, 1, 10)).toEqual([]);
    expect(await store().readDefinitions()).toEqual([]);
    expect(await store().scanActive(10)).toEqual({ rows: [] });
    expect(await store().scanTimers(Number.POSITIVE_INFINITY, 10)).toEqual({ rows: [] });
    expect(await store().scanActors(10)).toEqual({ rows: [] });
  });

  test('writes what was made ready, and only for the commit and the number it was made ready for', async () => {
    const [one, other] = [sampleCommit(1), sampleCommit(1, { address: below(9) })];
    const ready = (commit: Commit, number: number): PreparedCommit | undefined => store().prepare?.(commit, number);
    const prepared = [ready(one, 1), ready(one, 2)];
    await store().write({ ...sampleBatch(1, [one, other]), prepared });
    const [second, late] = [sampleCommit(2), sampleCommit(3)];
    await store().write({ ...sampleBatch(3, [second, late]), prepared: [ready(second, 1), ready(late, 4)] });
    expect(await store().readJournal(first, 1, 10)).toMatchObject([
      { sequence: 1, commit: 1 },
      { sequence: 2, commit: 3 },
      { sequence: 3, commit: 4 },
    ]);
    expect((await store().readTree(first))?.root.record).toEqual(late.record);
    expect(await store().readJournal(below(9), 1, 10)).toMatchObject([{ sequence: 1, commit: 2 }]);
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
      record: { activities: [{ n: 4, childId: '4.order.paying' }], timers: [sampleTimer(1, 5_000)], children: 1 },
      activitiesPut: [sampleActivity(4)],
      childrenPut: [sampleChild(9, { isEnded: true })],
      timersArmed: [sampleTimer(1, 5_000)],
      message,
    });
    const part = sampleCommit(1, { address: below(9) });
    await store().write({ firstCommit: 1, commits: [commit, part], definitions: [definition] });
    await reopen();
    expect(store().lastCommit).toBe(2);
    expect(await store().readLatestRun('order-1')).toBe(1);
    expect(await store().readTree(first)).toEqual({
      root: { record: commit.record, activities: [sampleActivity(4)], children: [sampleChild(9, { isEnded: true })] },
      others: [{ record: part.record, activities: [], children: [] }],
      closed: [],
    });
    expect(await store().readJournal(first, 1, 10)).toEqual([{ ...commit.journal, commit: 1 }]);
    expect(await store().readMessage('order-1', 'web-1')).toEqual(message);
    expect(await store().readDefinitions()).toEqual([definition]);
    expect(await store().scanActive(10)).toEqual({ rows: [first] });
    expect(await store().scanTimers(5_000, 10)).toEqual({ rows: [{ address: first, generation: 1, dueAtMs: 5_000 }] });
    expect(await store().scanActors(10)).toEqual({
      rows: [
        { address: first, record: commit.record },
        { address: below(9), record: part.record },
      ],
    });
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
    expect((await store().readTree(first))?.root.record).toEqual(commits[2]?.record);
    expect((await store().readJournal(first, 1, 10)).map(({ sequence, commit }) => [sequence, commit])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
  });

  test('leaves nothing of what a batch puts and removes again', async () => {
    const started = sampleCommit(1, {
      activitiesPut: [sampleActivity(1)],
      childrenPut: [sampleChild(2)],
      timersArmed: [sampleTimer(1, 10), sampleTimer(2, 20)],
    });
    const ended = sampleCommit(2, { activitiesRemoved: [1], childrenRemoved: [2], timersDisarmed: [sampleTimer(1, 10)] });
    await store().write(sampleBatch(1, [started, ended]));
    expect(await store().scanActive(10)).toEqual({ rows: [] });
    expect((await store().scanTimers(100, 10)).rows.map(({ generation }) => generation)).toEqual([2]);
    expect(await store().readTree(first)).toEqual({ root: { record: ended.record, activities: [], children: [] }, others: [], closed: [] });
  });

  test('finds an actor by the activities in its record, and reads them with those that have rows', async () => {
    const [inRecord, inRow] = [{ ...sampleActivity(1), isInRecord: true as const }, sampleActivity(2)];
    const inPlace = { activities: [inRecord, { n: 2, childId: inRow.childId }] };
    const started = sampleCommit(1, { record: inPlace, activitiesPut: [inRecord, inRow], activityMark: 'put' });
    await store().write(sampleBatch(1, [started]));
    expect(await store().scanActive(10)).toEqual({ rows: [first] });
    const root = { record: started.record, activities: [inRecord, inRow], children: [] };
    expect(await store().readTree(first)).toEqual({ root, others: [], closed: [] });
    const ended = sampleCommit(2, { activitiesRemoved: [1, 2], activityRowsRemoved: [2], activityMark: 'removed' });
    await store().write(sampleBatch(2, [ended]));
    expect(await store().scanActive(10)).toEqual({ rows: [] });
    expect((await store().readTree(first))?.root.activities).toEqual([]);
  });

  test.each<[string, SampleStep]>([
    ['is not marked', { record: { activities: [{ ...sampleActivity(1), isInRecord: true } as PendingActivity] } }],
    ['is marked, and has none', { activityMark: 'put' }],
    [
      'has one of them in a row, too',
      {
        record: { activities: [{ ...sampleActivity(1), isInRecord: true } as PendingActivity] },
        activitiesPut: [sampleActivity(1)],
        activityMark: 'put',
      },
    ],
  ])('takes an actor for damaged that should have activities in its record and %s', async (_how, step) => {
    await store().write(sampleBatch(1, [sampleCommit(1, step)]));
    await expect(store().readTree(first)).rejects.toSatisfy((error) => hasErrorCode(error, 'RECORD_DAMAGED'));
  });

  test.each([
    ['leaves a gap in the commit numbers', sampleBatch(3, [sampleCommit(2)])],
    ['gives a commit number twice', sampleBatch(1, [sampleCommit(2)])],
    ['skips a sequence', sampleBatch(2, [sampleCommit(2), sampleCommit(4)])],
    ['has a record that does not follow its base', sampleBatch(2, [{ ...sampleCommit(2), base: 2 }])],
    ['has a journal record of another sequence', sampleBatch(2, [sampleCommit(2, { journal: { sequence: 3 } })])],
    ['forgets what its record still has', sampleBatch(2, [sampleCommit(2, { journalForgotten: { from: 2, to: 1 } })])],
    ['forgets how it began', sampleBatch(2, [sampleCommit(2, { record: { journalFrom: 2 }, journalForgotten: { from: 1, to: 1 } })])],
    ['forgets itself', sampleBatch(2, [sampleCommit(2, { record: { journalFrom: 3 }, journalForgotten: { from: 2, to: 2 } })])],
    ['has a journal record of another actor', sampleBatch(2, [sampleCommit(2, { journal: { address: rootAddress('order-2', 1) } })])],
  ])('takes no batch that %s, and none after it', async (_rule, batch) => {
    await store().write(sampleBatch(1, [sampleCommit(1)]));
    await expect(store().write(batch)).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_UNAVAILABLE'));
    await expect(store().write(sampleBatch(2, [sampleCommit(2)]))).rejects.toSatisfy((error) => hasErrorCode(error, 'STORE_UNAVAILABLE'));
    expect((await store().readTree(first))?.root.record.sequence).toBe(1);
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
      expect((await store().readTree(rootAddress(id, 1)))?.root.record).toEqual(commits[index]?.record);
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
    commits.push(...[1, 900].map((run) => sampleCommit(1, { address: rootAddress('ab', run) })));
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
    const stored = await store().readTree(first);
    expect(stored?.root.activities.map(({ n }) => n)).toEqual([1, 300]);
    expect(stored?.others.map(({ activities }) => activities.map(({ n }) => n))).toEqual([[7]]);
    expect(await store().scanActive(10)).toEqual({ rows: [first, child] });
  });

  test('never shows an actor between two commits', async () => {
    const activities = [{ n: 1, childId: '1.order.paying' }];
    await store().write(sampleBatch(1, [sampleCommit(1)]));
    for (let sequence = 2; sequence < 60; sequence += 1) {
      const isEven = sequence % 2 === 0;
      const step = isEven ? { record: { activities }, activitiesPut: [sampleActivity(1)] } : { activitiesRemoved: [1] };
      const write = store().write(sampleBatch(sequence, [sampleCommit(sequence, step)]));
      const seen = await Promise.all([store().readTree(first), store().readTree(first), write.then(() => store().readTree(first))]);
      for (const tree of seen) expect(tree?.root.activities.length).toBe((tree?.root.record.sequence ?? 0) % 2 === 0 ? 1 : 0);
      expect(seen[2]?.root.record.sequence).toBe(sequence);
    }
  });

  test('refuses a record whose activities it does not hold', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { record: { activities: [{ n: 1, childId: 'a' }] } })]));
    await expect(store().readTree(first)).rejects.toSatisfy(isDamaged);
  });

  test('refuses a record that does not name an activity it holds', async () => {
    await store().write(sampleBatch(1, [sampleCommit(1, { activitiesPut: [sampleActivity(1)] })]));
    await expect(store().readTree(first)).rejects.toSatisfy(isDamaged);
  });
}

/** A root with a child that runs, which has one itself, and with one that is referred to after its end; a third is over. */
function family(): Commit[] {
  const activity = { n: 7, childId: '7.order.paying' };
  return [
    sampleCommit(1, { record: { children: 2 }, childrenPut: [sampleChild(2), sampleChild(10, { isEnded: true, output: { ok: 1 } })] }),
    sampleCommit(1, { address: below(10), record: { status: 'completed' } }),
    sampleCommit(1, {
      address: below(2),
      record: { children: 1, activities: [activity] },
      childrenPut: [sampleChild(3)],
      activitiesPut: [sampleActivity(7)],
    }),
    sampleCommit(1, { address: below(2, 3) }),
    sampleCommit(1, { address: below(1), record: { status: 'failed' } }),
  ];
}

const pathsOf = (actors: readonly { readonly address: Address }[]): readonly number[][] => actors.map(({ address }) => [...address.path]);

function declareFamilies(store: () => Store): void {
  test('reads all actors of a run that run or are referred to, parents before their children', async () => {
    const commits = family();
    await store().write(sampleBatch(1, commits));
    const stored = await store().readTree(first);
    expect(stored?.root).toEqual({ record: commits[0]?.record, activities: [], children: commits[0]?.childrenPut });
    expect(pathsOf(stored?.others.map(({ record }) => record) ?? [])).toEqual([[2], [2, 3], [10]]);
    expect(stored?.others[0]).toEqual({ record: commits[2]?.record, activities: [sampleActivity(7)], children: [sampleChild(3)] });
    expect(stored?.closed).toEqual([]);
    expect(await store().scanActive(10)).toEqual({ rows: [below(2)] });
  });

  test('adds those that are over as far as they are asked for', async () => {
    const over = [20, 21, 22].map((n) => sampleCommit(1, { address: below(n), record: { status: 'completed' } }));
    await store().write(sampleBatch(1, [...family(), ...over]));
    const closed = async (max: number) => pathsOf((await store().readTree(first, max))?.closed ?? []);
    expect(await closed(10)).toEqual([[1], [20], [21], [22]]);
    expect(await closed(2)).toEqual([[1], [20]]);
    expect(await closed(0)).toEqual([]);
  });

  test('keeps the children of other runs and other ids out', async () => {
    const others = [rootAddress('order-1', 2), rootAddress('order-10', 1), rootAddress('order', 1)];
    const alone = sampleCommit(1);
    const withChild = others.flatMap((address) => [
      sampleCommit(1, { address, record: { children: 1 }, childrenPut: [sampleChild(1)] }),
      sampleCommit(1, { address: { ...address, path: [1] } }),
    ]);
    await store().write(sampleBatch(1, [alone, ...withChild]));
    expect(await store().readTree(first, 10)).toEqual({
      root: { record: alone.record, activities: [], children: [] },
      others: [],
      closed: [],
      queue: [],
    });
    for (const address of others) expect((await store().readTree(address))?.others.map(({ record }) => record.address.path)).toEqual([[1]]);
  });

  test('takes steps of several actors of one run in one batch, and changes their rows', async () => {
    await store().write(sampleBatch(1, family()));
    const changed = sampleChild(2, { isDetached: true });
    const steps = [
      sampleCommit(2, { record: { children: 2 }, childrenPut: [changed, sampleChild(30)] }),
      sampleCommit(3, { record: { children: 1 }, childrenRemoved: [10, 30] }),
      sampleCommit(2, { address: below(2), record: { children: 0 }, childrenRemoved: [3], activitiesRemoved: [7] }),
    ];
    await store().write(sampleBatch(6, steps));
    const stored = await store().readTree(first, 10);
    expect(stored?.root).toEqual({ record: steps[1]?.record, activities: [], children: [changed] });
    expect(stored?.others).toEqual([{ record: steps[2]?.record, activities: [], children: [] }]);
    expect(pathsOf(stored?.closed ?? [])).toEqual([[1], [2, 3], [10]]);
  });

  test.each<[string, Commit[]]>([
    ['counts a child that is not there', [sampleCommit(1, { record: { children: 1 } })]],
    ['does not count a child that is', [sampleCommit(1, { childrenPut: [sampleChild(2, { isEnded: true })] })]],
    ['has a child without a record', [sampleCommit(1, { record: { children: 1 }, childrenPut: [sampleChild(2)] })]],
    ['is missing, though its children are there', [sampleCommit(1, { address: below(2), activitiesPut: [sampleActivity(7)] })]],
    [
      'has a child whose children are not there',
      [
        sampleCommit(1, { record: { children: 1 }, childrenPut: [sampleChild(2)] }),
        sampleCommit(1, { address: below(2), record: { children: 3 } }),
      ],
    ],
  ])('refuses a run whose record %s', async (_rule, commits) => {
    await store().write(sampleBatch(1, commits));
    await expect(store().readTree(first)).rejects.toSatisfy(isDamaged);
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
    await expect(store().readTree(first)).rejects.toSatisfy(isUnavailable);
    await expect(store().scanActors(10)).rejects.toSatisfy(isUnavailable);
  });
}
