/** Lists and counts of a store, held against its records: through everything that changes them, and everything that harms them. */
import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { checkCount } from '../../src/kernel/count-query.ts';
import { hasErrorCode } from '../../src/kernel/errors.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { WorkflowFilter } from '../../src/kernel/list-filter.ts';
import type { ListOptions, ListPosition } from '../../src/kernel/list-query.ts';
import { checkList } from '../../src/kernel/list-query.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { WorkflowStatus } from '../../src/kernel/record.ts';
import { headOperation } from '../../src/storage/batch.ts';
import { createCodec } from '../../src/storage/codec.ts';
import type { Database, Entry, Operation } from '../../src/storage/database.ts';
import { encodeActorKey, headKey, spaceRange } from '../../src/storage/keys.ts';
import { encodeCountKey } from '../../src/storage/listing-keys.ts';
import { allRecords, findDifference, isMeant, latestRoots } from '../support/listing-reference.ts';
import { isSoak } from '../support/sizes.ts';
import type { Act } from './listing-world.ts';
import { ListingWorld } from './listing-world.ts';
import { flip } from './samples.ts';

const isMissing = (): boolean => false;
const listOf = async (store: Store, filter: WorkflowFilter = {}, options: ListOptions = {}) =>
  store.list(checkList(filter, options, isMissing));
const idsOf = async (...asked: Parameters<typeof listOf>): Promise<string[]> => (await listOf(...asked)).workflows.map(({ id }) => id);
const countOf = async (store: Store, filter: WorkflowFilter = {}) => {
  const { counts, exact } = await store.count(checkCount(filter, {}, isMissing));
  return { value: counts.get(''), exact };
};
const isIndexDamage = (error: unknown): boolean => hasErrorCode(error, 'INDEX_DAMAGED');

const ids = ['a', 'ab', 'b', '\0', 'a\0', '\u{10000}', '\uffff', '__proto__'];
const anyIdOf = fc.constantFrom(...ids);
const anyValue = fc.constantFrom('open', 'shut', { working: 'kyc' }, { working: { kyc: 'asking' } }, { left: 'l', right: { r: {} } }, {});
const anyAct: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ kind: fc.constant('start' as const), id: anyIdOf, machine: fc.constantFrom('m', 'n'), value: anyValue }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('move' as const), id: anyIdOf, value: anyValue }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      id: anyIdOf,
      status: fc.constantFrom<WorkflowStatus>('completed', 'failed', 'failed', 'cancelled', 'terminated'),
      failureClass: fc.constantFrom('Timeout', '__proto__', 'lone \ud800'),
    }),
  },
  fc.record({ kind: fc.constant('pause' as const), id: anyIdOf }),
  fc.record({ kind: fc.constant('delete' as const), id: anyIdOf }),
  // Clocks are set back, too.
  fc.record({ kind: fc.constant('wait' as const), ms: fc.constantFrom(0, 1, 700, 30_000, 61_000, -5_000) }),
);
const anyActs = fc.array(fc.array(anyAct, { maxLength: 5 }), { maxLength: 12 });
const numRuns = isSoak ? 5_000 : 150;

async function expectSound(world: ListingWorld): Promise<void> {
  const { store, roots } = world;
  expect(await findDifference(store, [...roots.values()], true)).toBeUndefined();
  expect(
    latestRoots(await allRecords(store))
      .map(({ address }) => address.workflowId)
      .sort(),
  ).toEqual([...roots.keys()].sort());
}

async function takeAll(world: ListingWorld, batches: readonly (readonly Act[])[]): Promise<void> {
  for (const acts of batches) await world.take(acts);
}

describe('every list and every count is what the records say', () => {
  test('whatever happens', async () => {
    await fc.assert(
      fc.asyncProperty(anyActs, async (batches) => {
        const world = await ListingWorld.create();
        for (const acts of batches) await world.take(acts);
        await expectSound(world);
        await world.reopen(withoutWrites);
        await expectSound(world);
      }),
      { numRuns },
    );
  });

  test('when a write was refused, wherever, whether or not it took effect', async () => {
    await fc.assert(
      fc.asyncProperty(anyActs, fc.nat(30), fc.boolean(), async (batches, sound, isKept) => {
        const world = await ListingWorld.create();
        await world.reopen((database) => failingAfter(database, sound, isKept));
        await takeAll(world, batches).catch(() => undefined);
        await world.reopen();
        const roots = latestRoots(await allRecords(world.store));
        expect(await findDifference(world.store, roots, true)).toBeUndefined();
      }),
      { numRuns },
    );
  });

  test('when they are made anew, wherever that was cut off', async () => {
    await fc.assert(
      fc.asyncProperty(anyActs, fc.nat(12), async (batches, sound) => {
        const world = await ListingWorld.create();
        for (const acts of batches) await world.take(acts);
        await asOfOlderForm(world);
        await world.reopen((database) => failingAfter(database, sound, true)).catch(() => undefined);
        await world.reopen();
        await expectSound(world);
      }),
      { numRuns: numRuns / 3 },
    );
  });
});

/** Everything of one list, page by page, with something happening between them. */
async function pagesThrough(
  store: () => Store,
  filter: WorkflowFilter,
  options: ListOptions,
  between: () => Promise<void>,
): Promise<string[]> {
  const seen: string[] = [];
  for (let after: ListPosition | undefined, isFirst = true; isFirst || after !== undefined; isFirst = false) {
    const query = checkList(filter, options, isMissing);
    const page = await store().list(after === undefined ? query : { ...query, after });
    seen.push(...page.workflows.map(({ id, run }) => `${id}:${run}`));
    after = page.next;
    await between();
  }
  return seen;
}

test('paging neither repeats nor skips what was there throughout, while workflows come, go and change', async () => {
  const anyOrder = fc.record({
    sort: fc.constantFrom('started' as const, 'closed' as const, 'id' as const),
    order: fc.constantFrom('ascending' as const, 'descending' as const),
    limit: fc.integer({ min: 1, max: 3 }),
  });
  const anyFilter = fc.constantFrom<WorkflowFilter>(
    {},
    { machine: 'm' },
    { status: ['running', 'completed', 'failed'] },
    { idPrefix: 'a' },
  );
  await fc.assert(
    fc.asyncProperty(anyActs, anyActs, anyOrder, anyFilter, async (earlier, later, order, filter) => {
      const world = await ListingWorld.create();
      for (const acts of earlier) await world.take(acts);
      const isIn = (place: string): boolean => {
        const root = [...world.roots.values()].find(({ address }) => `${address.workflowId}:${address.run}` === place);
        return root !== undefined && isMeant(root, filter) && (order.sort !== 'closed' || root.closedAtMs !== undefined);
      };
      let throughout = [...world.roots.values()].map(({ address }) => `${address.workflowId}:${address.run}`).filter(isIn);
      const batches = [...later];
      const seen = await pagesThrough(
        () => world.store,
        filter,
        order,
        async () => {
          // One act at a time: what leaves and comes back within a batch would be taken for one that stayed.
          for (const act of batches.shift() ?? []) {
            await world.take([act]);
            throughout = throughout.filter(isIn);
          }
        },
      );
      expect(seen).toHaveLength(new Set(seen).size);
      expect(seen).toEqual(expect.arrayContaining(throughout));
    }),
    { numRuns },
  );
});

const withoutWrites = (database: Database): Database => ({
  ...database,
  write: () => Promise.reject(new Error('Opening wrote something.')),
});

/** So many writes go well; the next one does not, as far as its writer knows. */
function failingAfter(database: Database, sound: number, isKept: boolean): Database {
  let left = sound;
  return {
    ...database,
    async write(operations) {
      left -= 1;
      if (left >= 0 || isKept) await database.write(operations);
      if (left < 0) throw new Error('disk full');
    },
  };
}

/** As if the store had been written by a version that kept no lists, and some of its rows were never there. */
async function asOfOlderForm({ database, store }: ListingWorld): Promise<void> {
  const { lastCommit } = store;
  const head = await database.get(headKey);
  const codec = createCodec('test');
  const { commit } = codec.decode(headKey, head!) as { commit: number };
  expect(lastCommit).toBeLessThanOrEqual(commit);
  const rows = await listingRowsOf(database);
  const gone = rows.filter((_row, index) => index % 2 === 0).map(({ key }): Operation => ({ kind: 'delete', key }));
  await database.write([headOperation(codec, commit, false), ...gone]);
}

async function listingRowsOf(database: Database): Promise<Entry[]> {
  const spaces = await Promise.all((['started', 'closed', 'count'] as const).map(async (space) => database.entries(spaceRange(space))));
  return spaces.flat();
}

/** Open, paused, completed and failed ones, over some minutes. */
async function lively(): Promise<ListingWorld> {
  const world = await ListingWorld.create();
  for (let number = 0; number < 12; number += 1) {
    const id = `w-${String(number).padStart(2, '0')}`;
    await world.take([
      { kind: 'start', id, machine: number % 2 === 0 ? 'm' : 'n', value: number % 3 === 0 ? 'open' : { working: 'kyc' } },
      { kind: 'wait', ms: 25_000 },
    ]);
    if (number % 4 === 1) await world.take([{ kind: 'end', id, status: 'failed', failureClass: number === 5 ? 'Timeout' : 'Other' }]);
    if (number % 4 === 2) await world.take([{ kind: 'end', id, status: 'completed', failureClass: '' }]);
    if (number % 4 === 3) await world.take([{ kind: 'pause', id }]);
  }
  return world;
}

describe('a row that is harmed', () => {
  const harms: readonly [string, (entry: Entry, bit: number) => readonly Operation[]][] = [
    ['lost', ({ key }) => [{ kind: 'delete', key }]],
    ['turned over in its value', ({ key, value }, bit) => [{ kind: 'put', key, value: flip(value, bit % (8 * value.length)) }]],
    [
      'turned over in its key',
      ({ key, value }, bit) => [
        { kind: 'delete', key },
        { kind: 'put', key: flip(key, bit % (8 * key.length)), value },
      ],
    ],
  ];

  test.each(harms)('%s makes no list and no count say anything else, and is made anew', async (_, harm) => {
    const kept = await lively();
    const rows = await listingRowsOf(kept.database);
    const all = await kept.database.entries({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) });
    const roots = [...kept.roots.values()];
    let noticed = 0;
    for (const [number, row] of rows.entries()) {
      // A flipped key may reach into another space and be in nobody's way there, but not in its own.
      for (const isReopened of [false, true]) {
        const world = await ListingWorld.create();
        await world.database.write(all.map(({ key, value }): Operation => ({ kind: 'put', key, value })));
        await world.reopen();
        await world.database.write(harm(row, 7 * number + 3));
        if (isReopened) await world.reopen();
        const found = await findDifference(world.store, roots, true).catch((error: unknown) => error);
        if (found === undefined) continue;
        expect(found, `row ${number}`).toSatisfy(isIndexDamage);
        noticed += 1;
        await world.store.rebuildListing();
        expect(await findDifference(world.store, roots, true)).toBeUndefined();
      }
    }
    expect(noticed).toBeGreaterThanOrEqual(rows.length);
  });

  test('that leads to a workflow that is not there is damage, too', async () => {
    const world = await lively();
    const { address } = world.roots.get('w-00')!;
    await world.database.write([
      { kind: 'delete', key: encodeActorKey(address) },
      ...(await world.database.keys(spaceRange('journal'))).map((key): Operation => ({ kind: 'delete', key })),
    ]);
    await expect(listOf(world.store)).rejects.toSatisfy(isIndexDamage);
    await world.store.rebuildListing();
    expect(await idsOf(world.store)).not.toContain('w-00');
    expect(await countOf(world.store)).toEqual({ value: 11, exact: true });
  });

  test('ends the keeping when it has to change, not the store', async () => {
    const world = await lively();
    const [row] = await world.database.entries(spaceRange('count'));
    const second = Math.floor((world.roots.get('w-00')!.startedAtMs + 300_000) / 1_000);
    await world.database.write([{ kind: 'put', key: encodeCountKey(['started', second]), value: row!.value }]);
    await world.take([{ kind: 'start', id: 'late', machine: 'm', value: 'open' }]);
    await expect(listOf(world.store)).rejects.toThrow('The index of workflows is damaged: it is not kept at present.');
    await world.take([{ kind: 'start', id: 'later', machine: 'm', value: 'open' }]);
    await world.store.rebuildListing();
    await expectSound(world);
    await world.take([{ kind: 'end', id: 'late', status: 'failed', failureClass: 'Timeout' }]);
    await expectSound(world);
  });
});

describe('a record that cannot be read', () => {
  test('is listed as parked, before and after the rows are made anew', async () => {
    const world = await lively();
    const root = world.roots.get('w-04')!;
    const key = encodeActorKey(root.address);
    const value = await world.database.get(key);
    await world.database.write([{ kind: 'put', key, value: flip(value!, 100) }]);
    const parked = { id: 'w-04', run: 1, status: 'parked', parkedReason: 'record-damaged' };
    const listed = async (options: ListOptions) => (await listOf(world.store, {}, options)).workflows.find(({ id }) => id === 'w-04');
    expect(await listed({})).toEqual({ ...parked, startedAtMs: root.startedAtMs });
    expect(await listed({ sort: 'id' })).toMatchObject(parked);
    expect(await idsOf(world.store, { status: 'parked' })).toEqual(['w-04']);
    await asOfOlderForm(world);
    await world.reopen();
    expect(await listed({})).toMatchObject(parked);
    expect(await countOf(world.store, { status: 'parked' })).toEqual({ value: 1, exact: true });
    expect(await countOf(world.store)).toEqual({ value: 12, exact: true });
  });

  test('keeps nothing from being deleted: lists are made anew', async () => {
    const world = await lively();
    const key = encodeActorKey(world.roots.get('w-01')!.address);
    await world.database.write([{ kind: 'put', key, value: Uint8Array.of(1) }]);
    await world.take([{ kind: 'delete', id: 'w-01' }]);
    await expect(listOf(world.store)).rejects.toSatisfy(isIndexDamage);
    await world.store.rebuildListing();
    await expectSound(world);
  });
});

describe('what the database cannot read', () => {
  test('leaves lists and counts unanswered and everything else as it is, until it can', async () => {
    const world = await lively();
    const corruption = Object.assign(new Error('block checksum mismatch'), { code: 'LEVEL_CORRUPTION' });
    let isCorrupt = true;
    await world.reopen((database) => ({
      ...database,
      entries: (query) => (isCorrupt ? Promise.reject(corruption) : database.entries(query)),
      keys: (query) => (isCorrupt ? Promise.reject(corruption) : database.keys(query)),
    }));
    await expect(listOf(world.store)).rejects.toSatisfy(isIndexDamage);
    await world.store.rebuildListing();
    await expect(countOf(world.store)).rejects.toSatisfy(isIndexDamage);
    await world.take([{ kind: 'start', id: 'new', machine: 'm', value: 'open' }]);
    isCorrupt = false;
    await world.store.rebuildListing();
    await expectSound(world);
  });
});

describe('what is looked at', () => {
  test('is bounded: a page may come with too few, a count says that it stopped', async () => {
    const world = await lively();
    const { listScanMax, countScanMax } = limits;
    try {
      Object.assign(limits, { listScanMax: 5, countScanMax: 5 });
      const filter = { machine: 'm', state: 'working', started: { from: 0 } };
      expect(await countOf(world.store, filter)).toEqual({ value: 2, exact: false });
      expect((await world.store.count(checkCount({}, { groupBy: 'failureClass' }, isMissing))).exact).toBe(true);
      const { workflows, next } = await listOf(world.store, { failureClass: 'Timeout' });
      expect({ workflows, next: next?.id }).toEqual({ workflows: [], next: 'w-07' });
      expect(
        await pagesThrough(
          () => world.store,
          { failureClass: 'Timeout' },
          {},
          () => Promise.resolve(),
        ),
      ).toEqual(['w-05:1']);
      Object.assign(limits, { countScanMax: 1 });
      const failures = await world.store.count(checkCount({ failureClass: 'Timeout' }, {}, isMissing));
      expect(failures).toEqual({ counts: new Map(), exact: false });
    } finally {
      Object.assign(limits, { listScanMax, countScanMax });
    }
  });

  test('is nothing but counts where they say it', async () => {
    const world = await lively();
    const spaces = new Set<string>();
    await world.reopen((database) => ({
      ...database,
      readAtOnce: (read) =>
        database.readAtOnce((reader) =>
          read({
            ...reader,
            entries: (query) => {
              spaces.add(String.fromCharCode(query.from[0] ?? 0));
              return reader.entries(query);
            },
          }),
        ),
    }));
    const whole = { from: 0, to: 1_700_000_040_000 };
    expect(whole.to % 60_000).toBe(0);
    const filters: WorkflowFilter[] = [{}, { status: 'failed', machine: 'm', version: '1' }, { machine: 'n', state: 'working' }];
    for (const filter of filters) await countOf(world.store, filter);
    await world.store.count(checkCount({ status: 'failed', closed: whole }, { groupBy: 'failureClass' }, isMissing));
    expect([...spaces]).toEqual(['n']);
  });
});
