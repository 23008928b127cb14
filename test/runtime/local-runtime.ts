/** A local runtime on a database in memory and a clock that a test moves. */
import { onTestFinished } from 'vitest';
import type { AnyStateMachine } from 'xstate';
import { assembleRuntime } from '../../src/hosts/local/open-runtime.ts';
import type { RateLimit } from '../../src/kernel/activity-descriptor.ts';
import type { Logger } from '../../src/kernel/logger.ts';
import { createRegistry } from '../../src/kernel/machine-registry.ts';
import type { Store } from '../../src/kernel/ports.ts';
import type { Runtime } from '../../src/runtime/runtime-door.ts';
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
  readonly messageIdRetentionMs?: number;
  readonly clock?: ManualClock;
  readonly database?: MemoryDatabase;
  /** Puts something between runtime and store. */
  readonly onStore?: (store: Store) => Store;
}

/** Opened for one test, after which it is closed. */
export async function openTestRuntime(options: TestRuntimeOptions): Promise<TestRuntime> {
  const { machines, maxConcurrentAttempts = 100, clock = new ManualClock(), onStore = (store) => store, random = () => 0.5 } = options;
  const { rateLimit, logger, messageIdRetentionMs } = options;
  const database = options.database ?? (await createMemoryDatabase());
  const store = onStore(await openStoreOn(database, { location: 'memory', storeId: 'test' }));
  const registry = createRegistry(machines);
  const runtime = await assembleRuntime({
    store,
    registry,
    clock,
    random,
    maxConcurrentAttempts,
    rateLimit,
    logger,
    messageIdRetentionMs,
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
