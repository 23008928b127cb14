/** The local host: everything in this process, on a LevelDB directory of its own. */
import type { RateLimitOptions } from '../../kernel/activity-bounds.ts';
import { parseRateLimit } from '../../kernel/activity-bounds.ts';
import type { RateLimit } from '../../kernel/activity-descriptor.ts';
import type { Duration } from '../../kernel/duration.ts';
import { parseDuration } from '../../kernel/duration.ts';
import { PerdureError } from '../../kernel/errors.ts';
import { limits } from '../../kernel/limits.ts';
import type { Logger } from '../../kernel/logger.ts';
import { guardedLogger, silentLogger } from '../../kernel/logger.ts';
import { createRegistry } from '../../kernel/machine-registry.ts';
import type { MachineRegistry, OnDefinitionChange } from '../../kernel/machine-registry.ts';
import type { OptionNames } from '../../kernel/options.ts';
import type { ConsumerPolicy, OutboxConsumer } from '../../kernel/outbox-consumer.ts';
import { parseConsumers } from '../../kernel/outbox-consumer.ts';
import { checkOptions } from '../../kernel/options.ts';
import { plainPromiseWarning } from '../../kernel/plain-promise.ts';
import type { Clock, Random, Store } from '../../kernel/ports.ts';
import { formatValue } from '../../kernel/value-encoding.ts';
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
import type { DiskSpace } from '../../runtime/runtime.ts';
import type { Runtime } from '../../runtime/runtime-door.ts';
import type { Reader } from '../../runtime/reader.ts';
import { StoreReader } from '../../runtime/reader.ts';
import { LocalRuntime } from '../../runtime/runtime.ts';
import { BootJournal } from '../../storage/boot-journal.ts';
import { measureFree } from '../../storage/free-space.ts';
import { hasStore, openLevelStore } from '../../storage/open-level-store.ts';
import { LocalDisk } from './local-disk.ts';
import { realClock } from './real-clock.ts';

/** Options of `openRuntime`. */
export interface OpenRuntimeOptions {
  /** The directory of the store, made if it is missing. On a local file system: network mounts do not keep what is acknowledged. */
  readonly path: string;
  /** The machines this process runs, each version once; with their implementations provided. */
  readonly machines: readonly AnyStateMachine[];
  /** Attempts of activities that may run at once; further ones wait. Default 10,000. */
  readonly maxConcurrentAttempts?: number;
  /** How often attempts of activities may begin: `count` at once, and `count` more over each `per`, evenly. Default: no limit. */
  readonly rateLimit?: RateLimitOptions;
  /**
   * Consumers of what machines emit, by name: each is given every event once at least, those of a workflow in their order, and goes on
   * where it was in the next process. One that is new is given everything that is kept: what not every other consumer has had, or,
   * with no other, what the workflows that are there emitted. Default: none.
   */
  readonly outbox?: { readonly [name: string]: OutboxConsumer };
  /** Where the runtime says what happens to it; a `pino` logger fits. Default: nowhere. */
  readonly logger?: Logger;
  /**
   * How long the `messageId` of a message is known: after that, the same id is a new message. Default `workflow`: as long as the
   * workflow is there. A duration such as `'30d'` keeps a workflow that lives for years from gathering them.
   */
  readonly messageIdRetention?: Duration | 'workflow';
  /**
   * Steps that the history of a workflow keeps at most, a few hundred more or less: the first, and the newest of the others. Default 10,000;
   * `Infinity` keeps all of them for as long as the workflow is there.
   */
  readonly maxHistorySteps?: number;
  /**
   * What to do when a machine has another structure than that its open workflows were started on, under the same version: `fail`
   * (default) with `DEFINITION_CHANGED`, or `warn` the logger and run them on the machine as it is now. Those that rest in a state it
   * does not have any more are parked as `version-missing`.
   */
  readonly onDefinitionChange?: OnDefinitionChange;
  /** What to do when another process has the store: `fail` (default) with `STORE_LOCKED`, or `wait` until its owner is gone. */
  readonly onLocked?: 'fail' | 'wait';
  /** Ends the waiting of `onLocked: 'wait'`. */
  readonly signal?: AbortSignal;
}

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

function retentionOf({ messageIdRetention = 'workflow' }: OpenRuntimeOptions): number | undefined {
  return messageIdRetention === 'workflow' ? undefined : parseDuration(messageIdRetention, `openRuntime: messageIdRetention`);
}

function consumersOf({ outbox = {} }: OpenRuntimeOptions): readonly ConsumerPolicy[] {
  return parseConsumers(outbox, 'openRuntime');
}

type Door = 'openRuntime' | 'openReader';

const runtimeOptions: OptionNames<OpenRuntimeOptions> = {
  path: true,
  machines: true,
  maxConcurrentAttempts: true,
  rateLimit: true,
  outbox: true,
  logger: true,
  messageIdRetention: true,
  maxHistorySteps: true,
  onDefinitionChange: true,
  onLocked: true,
  signal: true,
};

function checkValues(options: OpenRuntimeOptions, door: Door): void {
  checkLogger(options.logger);
  const { path, machines, maxConcurrentAttempts = 1, onLocked = 'fail', onDefinitionChange = 'fail', signal } = options;
  if (typeof path !== 'string' || path === '') {
    throw new TypeError(`${door}: path must name a directory; found ${formatValue(path)}.`);
  }
  if (!Array.isArray(machines)) throw new TypeError(`${door}: machines must be an array of XState machines.`);
  const stranger = machines.findIndex((machine: unknown) => !isMachine(machine));
  if (stranger !== -1) throw new TypeError(`${door}: machines must be an array of XState machines; item ${stranger} is none.`);
  if (!Number.isInteger(maxConcurrentAttempts) || maxConcurrentAttempts < 1) {
    throw new TypeError(`${door}: maxConcurrentAttempts must be a whole number from 1; found ${maxConcurrentAttempts}.`);
  }
  if (options.rateLimit !== undefined) parseRateLimit(options.rateLimit, door);
  retentionOf(options);
  consumersOf(options);
  checkHistorySteps(options.maxHistorySteps, door);
  if (onDefinitionChange !== 'fail' && onDefinitionChange !== 'warn') {
    throw new TypeError(`${door}: onDefinitionChange must be 'fail' or 'warn'; found ${formatValue(onDefinitionChange)}.`);
  }
  if (onLocked !== 'fail' && onLocked !== 'wait') {
    throw new TypeError(`${door}: onLocked must be 'fail' or 'wait'; found ${formatValue(onLocked)}.`);
  }
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new TypeError(`${door}: signal must be an AbortSignal such as controller.signal; found ${formatValue(signal)}.`);
  }
}

function checkHistorySteps(steps = Infinity, door: Door): void {
  if (steps === Infinity || (Number.isInteger(steps) && steps >= 1)) return;
  throw new TypeError(`${door}: maxHistorySteps must be a whole number from 1, or Infinity to keep all; found ${formatValue(steps)}.`);
}

function checkLogger(logger: unknown): void {
  if (logger === undefined) return;
  const methods = Object(logger) as { readonly [name: string]: unknown };
  const missing = ['debug', 'info', 'warn', 'error'].find((name) => typeof methods[name] !== 'function');
  if (missing === undefined) return;
  throw new TypeError(
    `openRuntime: logger must have the methods debug, info, warn and error, as a pino logger does; ${missing} is missing.`,
  );
}

/** By what it can do: a page in a test has an AbortSignal of its own, which is no instance of this one. */
function isAbortSignal(value: unknown): boolean {
  const { aborted, addEventListener, throwIfAborted } = Object(value) as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof throwIfAborted === 'function';
}

function isMachine(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'root' in value && 'implementations' in value;
}
