import { describe, expect, test } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { createMachine } from 'xstate';
import { rootAddress } from '../../src/kernel/address.ts';
import { limits } from '../../src/kernel/limits.ts';
import { silentLogger } from '../../src/kernel/logger.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { WorkflowStatus } from '../../src/kernel/record.ts';
import { reconcileDefinitions } from '../../src/runtime/definitions.ts';
import { encodeDefinitionKey } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { flip, sampleBatch, sampleCommit } from '../storage/samples.ts';
import { changedStore } from '../support/changed-store.ts';

function version(number: string, states: readonly string[] = ['a', 'b']): AnyStateMachine {
  return createMachine({ id: 'shop', version: number, initial: 'a', states: Object.fromEntries(states.map((name) => [name, {}])) });
}

const [one, two, three] = [version('1'), version('2'), version('3')];
const changedOne = version('1', ['a', 'c']);

/** A store that is opened again and again with other machines, and workflows put into it as they are. */
async function create() {
  const memory = await createMemoryDatabase();
  const store = await openStoreOn(memory, { location: 'memory', storeId: 'test' });
  let commits = 0;
  let pages = 0;
  let writes = 0;
  const watched = changedStore(store, {
    scanActors: (limit, after) => {
      pages += 1;
      return store.scanActors(limit, after);
    },
    write: (batch) => {
      writes += 1;
      return store.write({ ...batch, firstCommit: commits + 1 });
    },
  });
  const sequences = new Map<string, number>();
  const put = async (machine: AnyStateMachine, ids: readonly string[], status: WorkflowStatus): Promise<void> => {
    const [registered] = createRegistry([machine]).machines;
    const record = { machine: registered!.reference, status };
    const steps = ids.map((id) => {
      const sequence = (sequences.get(id) ?? 0) + 1;
      sequences.set(id, sequence);
      return sampleCommit(sequence, { address: rootAddress(id, 1), record });
    });
    await store.write(sampleBatch(commits + 1, steps));
    commits += steps.length;
  };
  return {
    memory,
    store,
    start: (machine: AnyStateMachine, ...ids: readonly string[]) => put(machine, ids, 'running'),
    park: (machine: AnyStateMachine, ...ids: readonly string[]) => put(machine, ids, 'parked'),
    close: (machine: AnyStateMachine, ...ids: readonly string[]) => put(machine, ids, 'completed'),
    /** What opening with these machines counts, and how much it read and wrote for it. */
    open: async (...machines: readonly AnyStateMachine[]) => {
      [pages, writes] = [0, 0];
      const { versionMissing } = await reconcileDefinitions(watched, createRegistry(machines), silentLogger);
      return { versionMissing, pages, writes };
    },
    /** Versions that are stored, retired ones with a cross. */
    versions: async () => {
      const definitions = await store.readDefinitions();
      return definitions.map(({ machine, isRetired }) => `${machine.version}${isRetired === true ? '†' : ''}`);
    },
  };
}

const nothing = { versionMissing: 0, pages: 0, writes: 0 };

describe('a stored version that is not registered', () => {
  test('is looked for among the workflows once if none is open on it, and retired', async () => {
    const { start, close, open, versions } = await create();
    expect(await open(one)).toEqual({ ...nothing, writes: 1 });
    await start(one, 'w');
    await close(one, 'w');
    expect(await open(two)).toEqual({ versionMissing: 0, pages: 1, writes: 1 });
    expect(await versions()).toEqual(['1†', '2']);
    expect(await open(two)).toEqual(nothing);
    expect(await open(two)).toEqual(nothing);
  });

  test('is counted at every opening while workflows are open on it, running or parked, and retired when they are closed', async () => {
    const { start, park, close, open, versions } = await create();
    await open(one);
    await start(one, 'v', 'w', 'x');
    await park(one, 'w');
    await close(one, 'x');
    expect(await open(two)).toEqual({ versionMissing: 2, pages: 1, writes: 1 });
    expect(await open(two)).toEqual({ versionMissing: 2, pages: 1, writes: 0 });
    expect(await versions()).toEqual(['1', '2']);
    expect(await open(one, two)).toEqual(nothing);
    await close(one, 'v', 'w');
    expect(await open(two)).toEqual({ versionMissing: 0, pages: 1, writes: 1 });
    expect(await versions()).toEqual(['1†', '2']);
  });

  test('is looked for together with all others', async () => {
    const { start, open, versions } = await create();
    await open(one, two, three);
    await start(two, 'v', 'w');
    expect(await open()).toEqual({ versionMissing: 2, pages: 1, writes: 1 });
    expect(await versions()).toEqual(['1†', '2', '3†']);
    expect(await open(three)).toEqual({ versionMissing: 2, pages: 1, writes: 1 });
    expect(await versions()).toEqual(['1†', '2', '3']);
  });

  test('is counted over all pages of workflows', async () => {
    const { start, open } = await create();
    await open(one);
    const ids = Array.from({ length: limits.scanPageMax + 1 }, (_item, index) => `w-${index}`);
    await start(one, ...ids);
    expect(await open()).toEqual({ versionMissing: ids.length, pages: 2, writes: 0 });
  });
});

describe('a retired version that is registered again', () => {
  test('loses the mark without a look at the workflows, so that those started on it are counted when it is missing again', async () => {
    const { start, open, versions } = await create();
    await open(one);
    await open();
    expect(await versions()).toEqual(['1†']);
    expect(await open(one)).toEqual({ ...nothing, writes: 1 });
    expect(await versions()).toEqual(['1']);
    expect(await open(one)).toEqual(nothing);
    await start(one, 'w');
    expect(await open()).toEqual({ versionMissing: 1, pages: 1, writes: 0 });
  });

  test('may have another structure, which is held against later ones', async () => {
    const { start, close, open, versions } = await create();
    await open(one);
    await start(one, 'w');
    await close(one, 'w');
    await open();
    expect(await open(changedOne)).toEqual({ ...nothing, writes: 1 });
    expect(await versions()).toEqual(['1']);
    await start(changedOne, 'x');
    await expect(open(one)).rejects.toMatchObject({ code: 'DEFINITION_CHANGED' });
  });
});

describe('a structure that changed under its version', () => {
  test('is refused while workflows are open on it, and nothing is written', async () => {
    const { start, open, versions, store } = await create();
    await open(one, two);
    await start(one, 'w');
    const before = await store.readDefinitions();
    await expect(open(changedOne, three)).rejects.toMatchObject({
      code: 'DEFINITION_CHANGED',
      details: { machine: 'shop', version: '1', differences: ['state "shop.b" was removed', 'state "shop.c" was added'] },
    });
    expect(await versions()).toEqual(['1', '2']);
    expect(await store.readDefinitions()).toEqual(before);
  });

  test('replaces the stored one when all of them are closed; one look serves it and the missing versions', async () => {
    const { start, close, open, versions } = await create();
    await open(one, two);
    await start(one, 'w');
    await close(one, 'w');
    expect(await open(changedOne)).toEqual({ versionMissing: 0, pages: 1, writes: 1 });
    expect(await versions()).toEqual(['1', '2†']);
    expect(await open(changedOne)).toEqual(nothing);
  });
});

test('a stored definition that is damaged is written again', async () => {
  const { memory, store, open } = await create();
  await open(one, two);
  const sound = await store.readDefinitions();
  const key = encodeDefinitionKey('shop', '1');
  const value = await memory.get(key);
  await memory.write([{ kind: 'put', key, value: flip(value!, 99) }]);
  expect(await open(one, two)).toEqual({ ...nothing, writes: 1 });
  expect(await store.readDefinitions()).toEqual(sound);
});
