/** A local runtime on a database in memory and a clock that a test moves. */
import { onTestFinished } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import type { RateLimit } from '../../src/kernel/activity-descriptor.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { OutboxConsumer } from '../../src/kernel/outbox-consumer.ts';
import { parseConsumers } from '../../src/kernel/outbox-consumer.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { RetentionOptions } from '../../src/kernel/retention.ts';
import { parseRetention } from '../../src/kernel/retention.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
import type { BootStorage } from '../../src/runtime/boot-watch.ts';
import type { Reopening } from '../../src/runtime/engine-keeper.ts';
import type { DiskSpace } from '../../src/runtime/disk-space.ts';
import { openStoreOn } from '../../src/storage/level-store.ts';
import type { MemoryDatabase } from '../storage/memory-database.ts';
import { createMemoryDatabase } from '../storage/memory-database.ts';
import { ManualClock, settle } from './manual-clock.ts';

export interface TestRuntime {
  readonly runtime: Runtime;
  readonly clock: ManualClock;
  readonly database: MemoryDatabase;
}

export interface TestRuntimeOptions {
  readonly machines: readonly AnyStateMachine[];
  readonly maxConcurrentAttempts?: number;
  readonly rateLimit?: RateLimit;
  readonly logger?: Logger;
  /** Default: the middle of every jitter. */
  readonly random?: () => number;
  readonly outbox?: { readonly [name: string]: OutboxConsumer };
  readonly messageIdRetentionMs?: number;
  readonly journalRecordsMax?: number;
  readonly compensationBudgetMs?: number;
  readonly retention?: RetentionOptions;
  readonly clock?: ManualClock;
  readonly database?: MemoryDatabase;
  /** Puts something between runtime and store. */
  readonly onStore?: (store: Store) => Store;
  /** How a store that failed is opened again; without it a failure is the end. */
  readonly reopening?: (open: () => Promise<Store>) => Reopening;
  readonly space?: DiskSpace;
  readonly bootStorage?: BootStorage;
}

/** Opened for one test, after which it is closed. */
export async function openTestRuntime(options: TestRuntimeOptions): Promise<TestRuntime> {
  const { machines, maxConcurrentAttempts = 100, clock = new ManualClock(), onStore = (store) => store, random = () => 0.5 } = options;
  const database = options.database ?? (await createMemoryDatabase());
  const open = async (on: MemoryDatabase): Promise<Store> => onStore(await openStoreOn(on, { location: 'memory', storeId: 'test' }));
  const { rateLimit, messageIdRetentionMs, journalRecordsMax, compensationBudgetMs, reopening, logger, space, bootStorage } = options;
  const runtime = await assembleRuntime({
    store: await open(database),
    registry: createRegistry(machines),
    clock,
    random,
    maxConcurrentAttempts,
    rateLimit,
    messageIdRetentionMs,
    journalRecordsMax,
    compensationBudgetMs,
    retention: parseRetention(options.retention ?? {}, 'test'),
    outbox: parseConsumers(options.outbox ?? {}, 'test'),
    ...(reopening === undefined ? {} : { reopening: reopening(() => open(database.reopen())) }),
    ...(logger === undefined ? {} : { logger }),
    ...(space === undefined ? {} : { space }),
    ...(bootStorage === undefined ? {} : { bootStorage }),
  });
  onTestFinished(async () => {
    const closed = runtime.close({ grace: 0 });
    await clock.pass(1);
    await closed;
  });
  return { runtime, clock, database };
}

/** Closes it while time passes, so that attempts which never end are given back. */
export async function closeTestRuntime({ runtime, clock }: Pick<TestRuntime, 'runtime' | 'clock'>): Promise<void> {
  const closed = runtime.close({ grace: '1s' });
  await clock.pass(1_000);
  await closed;
  await settle();
}
