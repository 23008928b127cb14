/** Local hosts for the contract suite: the real runtime on the real store, in a process that can be cut off. */
import { join } from 'node:path';
import { Level } from 'level';
import { rootAddress } from '../../src/kernel/address.ts';
import type { MachineRegistry } from '../../src/kernel/machine-registry.ts';
import type { Clock, Store } from '../../src/kernel/ports.ts';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import type { BootStorage } from '../../src/runtime/boot-watch.ts';
import { BootJournal } from '../../src/storage/boot-journal.ts';
import type { Database } from '../../src/storage/database.ts';
import { databaseOn } from '../../src/storage/database.ts';
import { actorRowsRange, decodeActorKey, encodeActorKey, spaceRange, workflowRange } from '../../src/storage/keys.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import { openLevelStore } from '../../src/storage/open-level-store.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { BootMemory } from './boot-memory.ts';
import type { ContractHost, ContractRuntime, Harm } from './contract-host.ts';
import type { Life } from './life.ts';
import { seededRandom } from './seeded-random.ts';
import type { Ground } from './simulated-host.ts';
import { SimulatedHost } from './simulated-host.ts';

export async function createMemoryHost(): Promise<ContractHost> {
  const disk = await createMemoryDatabase();
  const boot = new BootMemory();
  const open: Ground['open'] = async (life, clock, registry, countsDeaths) => {
    const openStore = (): Promise<Store> => openStoreOn(cutOffDatabase(disk.reopen(), life), { location: 'memory', storeId: 'contract' });
    const runtime = await runOn({ openStore, clock, registry, boot: countsDeaths ? boot : undefined, life });
    return { runtime, letGo: () => Promise.resolve() };
  };
  return new SimulatedHost(localGround(open, (work) => work(disk)));
}

/** @param path a directory of its own */
export function createLevelHost(path: string): ContractHost {
  const open: Ground['open'] = async (life, clock, registry, countsDeaths) => {
    let store: Store | undefined;
    const openStore = async (): Promise<Store> => {
      store = await openLevelStore({ path });
      return cutOffStore(store, life);
    };
    const boot = countsDeaths ? new BootJournal(path) : undefined;
    const runtime = await runOn({ openStore, clock, registry, boot, life });
    return { runtime, letGo: async () => store?.close() };
  };
  return new SimulatedHost(
    localGround(open, async (work) => {
      const level = new Level<Uint8Array, Uint8Array>(join(path, 'level'), { keyEncoding: 'view', valueEncoding: 'view' });
      await level.open();
      try {
        return await work(databaseOn(level));
      } finally {
        await level.close();
      }
    }),
  );
}

interface LocalParts {
  readonly openStore: () => Promise<Store>;
  readonly clock: Clock;
  readonly registry: MachineRegistry;
  readonly boot: BootStorage | undefined;
  readonly life: Life;
}

/** Closes the store if the runtime does not come about. */
async function runOn({ openStore, clock, registry, boot, life }: LocalParts): Promise<ContractRuntime> {
  return assembleRuntime({
    store: await openStore(),
    registry,
    clock,
    random: seededRandom(7),
    maxConcurrentAttempts: 1_000,
    reopening: { isPromising: () => Promise.resolve(true), open: () => life.read(openStore) },
    ...(boot === undefined ? {} : { bootStorage: cutOffBoot(boot, life) }),
  });
}

function cutOffBoot(boot: BootStorage, life: Life): BootStorage {
  return {
    read: () => life.read(() => boot.read()),
    write: (record) => life.read(() => boot.write(record)),
    clear: () => life.read(() => boot.clear()),
  };
}

/** @param visit lends the bare database while no store is open */
function localGround(open: Ground['open'], visit: <Answer>(work: (database: Database) => Promise<Answer>) => Promise<Answer>): Ground {
  return {
    open,
    stored: () =>
      visit(async (database) => {
        const entries = await database.entries({ from: Uint8Array.of(0), to: Uint8Array.of(0xff) });
        return entries.map(({ key, value }) => `${Buffer.from(key).toString('latin1')} = ${Buffer.from(value).toString()}`).join('\n');
      }),
    storedIds: () => visit(async (database) => (await database.keys(spaceRange('actor'))).map((key) => decodeActorKey(key).workflowId)),
    harm: (id, harm) => visit((database) => harmDatabase(database, id, harm)),
  };
}

async function harmDatabase(database: Database, id: string, harm: Harm): Promise<void> {
  const address = rootAddress(id, 1);
  const spoil = async ([entry]: readonly { readonly key: Uint8Array; readonly value: Uint8Array }[]): Promise<void> => {
    if (entry === undefined) throw new TypeError(`There is nothing to harm: ${harm} of ${id}.`);
    const { key } = entry;
    const value = entry.value.map((byte, index) => (index === entry.value.length - 1 ? byte ^ 1 : byte));
    await database.write([{ kind: 'put', key, value }]);
  };
  const drop = async (key: Uint8Array | undefined): Promise<void> => {
    if (key === undefined) throw new TypeError(`There is nothing to harm: ${harm} of ${id}.`);
    await database.write([{ kind: 'delete', key }]);
  };
  switch (harm) {
    case 'record':
      return spoil(await database.entries(workflowRange('actor', id)));
    case 'activity':
      return spoil(await database.entries(actorRowsRange('activity', address)));
    case 'activity gone':
      return drop((await database.keys(actorRowsRange('activity', address)))[0]);
    case 'definition':
      return database.write((await database.keys(spaceRange('definition'))).map((key) => ({ kind: 'delete', key })));
    case 'mail':
      return spoil(await database.entries(actorRowsRange('mailbox', address)));
    case 'mail gone':
      return drop((await database.keys(actorRowsRange('mailbox', address)))[0]);
    case 'timer': {
      const mark = Buffer.from(encodeActorKey(address).subarray(1));
      const timers = await database.entries(spaceRange('timer'));
      return spoil(timers.filter(({ key }) => Buffer.from(key).includes(mark)));
    }
    case 'journal end':
      return drop((await database.keys(actorRowsRange('journal', address))).at(-1));
    case 'journal middle':
      return drop((await database.keys(actorRowsRange('journal', address))).at(1));
  }
}

function cutOffDatabase(database: Database, life: Life): Database {
  return {
    get: (key) => life.read(() => database.get(key)),
    getNow: (key) => database.getNow(key),
    entries: (query) => life.read(() => database.entries(query)),
    keys: (query) => life.read(() => database.keys(query)),
    readAtOnce: (read) => life.read(() => database.readAtOnce(read)),
    write: (operations) => life.write(() => database.write(operations)),
    close: () => life.read(() => database.close()),
  };
}

function cutOffStore(store: Store, life: Life): Store {
  return {
    location: store.location,
    outbox: {
      scan: (after, untilCommit, limit) => life.read(() => store.outbox.scan(after, untilCommit, limit)),
      readOf: (id, from, limit) => life.read(() => store.outbox.readOf(id, from, limit)),
      count: (after, limit) => life.read(() => store.outbox.count(after, limit)),
      readConsumers: () => life.read(() => store.outbox.readConsumers()),
      write: (change) => life.write(() => store.outbox.write(change)),
    },
    lastCommit: store.lastCommit,
    write: (batch) => life.write(() => store.write(batch)),
    erase: (id, lastRun, limit) => life.write(() => store.erase(id, lastRun, limit)),
    forgetMessages: (beforeMs, limit, after) => life.write(() => store.forgetMessages(beforeMs, limit, after)),
    compact: (isWanted) => life.read(() => store.compact(isWanted)),
    readTombstone: (id) => life.read(() => store.readTombstone(id)),
    readMailbox: (root, limit) => life.read(() => store.readMailbox(root, limit)),
    readItems: (fanOut, from, limit) => life.read(() => store.readItems(fanOut, from, limit)),
    readLatestRun: (id) => life.read(() => store.readLatestRun(id)),
    readTree: (address, closedMax) => life.read(() => store.readTree(address, closedMax)),
    readMessage: (id, messageId) => life.read(() => store.readMessage(id, messageId)),
    readJournal: (address, from, limit) => life.read(() => store.readJournal(address, from, limit)),
    scanActive: (limit, after) => life.read(() => store.scanActive(limit, after)),
    scanMail: (limit, after) => life.read(() => store.scanMail(limit, after)),
    scanTimers: (untilMs, limit, after) => life.read(() => store.scanTimers(untilMs, limit, after)),
    scanActors: (limit, after) => life.read(() => store.scanActors(limit, after)),
    list: (query) => life.read(() => store.list(query)),
    count: (query) => life.read(() => store.count(query)),
    listQueue: (query) => life.read(() => store.listQueue(query)),
    countQueue: (query) => life.read(() => store.countQueue(query)),
    readQueueItem: (place) => life.read(() => store.readQueueItem(place)),
    rebuildListing: () => life.write(() => store.rebuildListing()),
    readDefinitions: () => life.read(() => store.readDefinitions()),
    close: () => life.read(() => store.close()),
  };
}
