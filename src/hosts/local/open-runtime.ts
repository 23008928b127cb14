/** The local host: everything in this process, on a LevelDB directory of its own. */
import { parseRateLimit } from '../../kernel/activity-bounds.ts';
import type { RateLimit } from '../../kernel/activity-descriptor.ts';
import { PerdureError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Logger } from '../../kernel/logger.ts';
import { guardedLogger, silentLogger } from '../../kernel/logger.ts';
import { createRegistry } from '../../kernel/machine-registry.ts';
import type { MachineRegistry } from '../../kernel/machine-registry.ts';
import type { ConsumerPolicy } from '../../kernel/outbox-consumer.ts';
import { checkOptions } from '../../kernel/options.ts';
import { plainPromiseWarning } from '../../kernel/plain-promise.ts';
import type { Clock, Random, Store } from '../../kernel/ports.ts';
import type { RetentionRule } from '../../kernel/retention.ts';
import type { AnyStateMachine } from '../../kernel/xstate-seam.ts';
import { selfTestXState } from '../../kernel/xstate-self-test.ts';
import { reconcileDefinitions } from '../../runtime/definitions.ts';
import type { OnEnter } from '../../runtime/loop-watchdog.ts';
import { LoopWatchdog } from '../../runtime/loop-watchdog.ts';
import type { Reopening } from '../../runtime/engine-keeper.ts';
import { EngineKeeper } from '../../runtime/engine-keeper.ts';
import type { BootStorage } from '../../runtime/boot-watch.ts';
import { BootWatch } from '../../runtime/boot-watch.ts';
import { OutboxDelivery } from '../../runtime/outbox-delivery.ts';
import type { DiskSpace } from '../../runtime/disk-space.ts';
import type { Runtime } from '../../runtime/runtime-door.ts';
import type { Reader } from '../../runtime/reader.ts';
import { StoreReader } from '../../runtime/reader.ts';
import { LocalRuntime } from '../../runtime/runtime.ts';
import { BootJournal } from '../../storage/boot-journal.ts';
import { measureFree } from '../../storage/free-space.ts';
import { hasStore, openLevelStore } from '../../storage/open-level-store.ts';
import type { OpenRuntimeOptions } from './open-options.ts';
import { budgetOf, checkValues, consumersOf, retentionOf, retentionRulesOf, runtimeOptions } from './open-options.ts';
import { LocalDisk } from './local-disk.ts';
import { realClock } from './real-clock.ts';

/** What a test may replace. */
export interface LocalParts {
  readonly store: Store;
  readonly registry: MachineRegistry;
  readonly clock: Clock;
  readonly random: Random;
  readonly maxConcurrentAttempts: number;
  readonly rateLimit?: RateLimit | undefined;
  /** Default: as long as their workflows. */
  readonly messageIdRetentionMs?: number | undefined;
  /** Records that the journal of an actor has at most; default {@link limits}. */
  readonly journalRecordsMax?: number | undefined;
  /** The time an unwinding has as a whole; default {@link limits}. */
  readonly compensationBudgetMs?: number | undefined;
  /** How long closed workflows are kept; default: for ever. */
  readonly retention?: readonly RetentionRule[] | undefined;
  /** Default: nobody is given what machines emit. */
  readonly outbox?: readonly ConsumerPolicy[] | undefined;
  /** Default: silent. */
  readonly logger?: Logger;
  /** Absent: a store that fails is the end of the runtime. */
  readonly reopening?: Reopening;
  readonly space?: DiskSpace;
  /** Absent: crash loops are not looked for. */
  readonly bootStorage?: BootStorage;
  /** Is told of user code that is about to be entered. */
  readonly onEnter?: OnEnter;
  /** Is waited for before the store is closed. */
  readonly onClosing?: () => Promise<void>;
}

/**
 * Opens a store and takes up what was pending in it.
 *
 * @throws PerdureError `STORE_LOCKED`, `STORE_DAMAGED`, `STORE_FORMAT_UNSUPPORTED`, `MACHINE_INVALID`, `MACHINE_DUPLICATE`,
 *   `IMPLEMENTATION_MISSING`, `DEFINITION_CHANGED`, `XSTATE_UNSUPPORTED`; `TypeError` for malformed options
 */
export async function openRuntime(options: OpenRuntimeOptions): Promise<Runtime> {
  checkOptions(options, 'openRuntime', runtimeOptions, `{ path: './data', machines: [machine] }`);
  checkValues(options, 'openRuntime');
  selfTestXState();
  const { path, onLocked = 'fail', signal, maxConcurrentAttempts = limits.concurrentAttemptsMax } = options;
  const logger = guardedLogger(options.logger ?? silentLogger);
  const registry = createRegistry(options.machines, options.onDefinitionChange);
  const store = await openLevelStore({ path, onLocked, ...(signal === undefined ? {} : { signal }) });
  const directory = store.location;
  const disk = new LocalDisk({
    directory,
    clock: realClock,
    logger,
    measure: measureFree,
    open: () => openLevelStore({ path: directory }),
  });
  const watchdog = new LoopWatchdog(realClock, logger);
  const runtime = await assembleRuntime({
    store,
    registry,
    clock: realClock,
    random: Math.random,
    rateLimit: options.rateLimit === undefined ? undefined : parseRateLimit(options.rateLimit, 'openRuntime'),
    messageIdRetentionMs: retentionOf(options),
    journalRecordsMax: options.maxHistorySteps,
    compensationBudgetMs: budgetOf(options),
    retention: retentionRulesOf(options),
    maxConcurrentAttempts,
    outbox: consumersOf(options),
    logger,
    reopening: disk,
    space: disk,
    bootStorage: new BootJournal(directory),
    onEnter: watchdog.enter,
    onClosing: () => {
      watchdog.stop();
      return disk.end();
    },
  }).catch((error: unknown) => {
    watchdog.stop();
    throw error;
  });
  await disk.begin();
  return runtime;
}

/** A store opened for questions only: nothing in it is run. */
export interface ClosableReader extends Reader {
  /** Closes the store. */
  close(): Promise<void>;
}

/**
 * Opens a store that no process has open, to ask where its workflows are and how they got there. Runs nothing and changes no record.
 *
 * @param options.machines what `describe` needs to say which events a workflow accepts; the rest is told without
 * @throws PerdureError `STORE_NOT_FOUND`, `STORE_LOCKED`, `STORE_DAMAGED`, `STORE_FORMAT_UNSUPPORTED`, and for the machines what
 *   {@link openRuntime} throws; `TypeError` for malformed options
 */
export async function openReader(options: {
  readonly path: string;
  readonly machines?: readonly AnyStateMachine[];
}): Promise<ClosableReader> {
  checkOptions<typeof options>(options, 'openReader', { path: true, machines: true }, `{ path: './data' }`);
  const { path, machines = [] } = options;
  checkValues({ path, machines }, 'openReader');
  const registry = createRegistry(machines);
  if (!(await hasStore(path))) {
    throw new PerdureError('STORE_NOT_FOUND', `There is no store at ${path}; name the directory a runtime was opened on.`, { path });
  }
  const store = await openLevelStore({ path });
  const reader = new StoreReader(store, registry, realClock, false);
  return {
    results: async (address, page) => reader.results(address, page),
    list: async (filter, page) => reader.list(filter, page),
    count: (async (filter, groups) => reader.count(filter, groups)) as Reader['count'],
    describe: async (id) => reader.describe(id),
    history: async (id, page) => reader.history(id, page),
    queue: reader.queue,
    close: async () => store.close(),
  };
}

/** Puts a runtime together over an open store, which it closes; if that fails the store is closed, too. */
export async function assembleRuntime(parts: LocalParts): Promise<Runtime> {
  const { store, registry, clock, random, logger = silentLogger, messageIdRetentionMs, bootStorage, space } = parts;
  try {
    const { versionMissing } = await reconcileDefinitions(store, registry, logger);
    warnOfPlainPromises(registry, logger);
    const bootWatch = bootStorage && (await BootWatch.begin({ storage: bootStorage, clock, logger }));
    if (bootWatch?.isAfterFailedBoot === true) {
      logger.warn({ store: store.location }, 'The process before died while it opened the store: this one goes step by step.');
      await bootWatch.rehearse(store, registry);
    }
    const outbox = await OutboxDelivery.open(store, { clock, random, logger, policies: parts.outbox ?? [] });
    const keeper = new EngineKeeper({ ...parts, outbox, logger, ...(bootWatch === undefined ? {} : { bootWatch }) });
    keeper.begin();
    logger.info({ store: store.location, lastCommit: store.lastCommit, versionMissing }, 'The runtime is open.');
    return new LocalRuntime({ keeper, registry, clock, versionMissing, messageIdRetentionMs, ...(space === undefined ? {} : { space }) });
  } catch (error) {
    await store.close();
    throw error;
  }
}

function warnOfPlainPromises({ machines }: MachineRegistry, logger: Logger): void {
  for (const { reference, activities } of machines) {
    for (const { src, descriptor } of activities.values()) {
      if (descriptor.isPlainPromise !== true) continue;
      logger.warn({ machine: reference.id, version: reference.version, src }, plainPromiseWarning(reference, src));
    }
  }
}
