/** Onboards merchants on a runtime, a window of them at a time, telling a reporter as they close. */
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from 'perdure';
import { openRuntime, WorkflowFailedError } from 'perdure';
import type { Merchant } from '../inputs/merchant.ts';
import { generateMerchants } from '../inputs/merchant-generator.ts';
import { readMerchantsFile } from '../inputs/merchants-file.ts';
import { createScreener } from '../inputs/name-screening.ts';
import { readWatchlistFile, SHIPPED_WATCHLIST } from '../inputs/watchlist-file.ts';
import { announcingTo, delivered } from './announcements.ts';
import { makeDataDirectory } from './data-directory.ts';
import type { Ledger } from './ledger.ts';
import { openLedger, readLedger, unansweredIn } from './ledger.ts';
import { usualFaults } from './providers.ts';
import type { MachineName, Scenario } from './scenario.ts';
import { scenarioIn } from './scenario.ts';
import type { Standing } from './tally.ts';
import { openStates, Tally } from './tally.ts';

export interface Inputs {
  readonly merchants: readonly Merchant[];
  readonly screen: ReturnType<typeof createScreener>;
}

export interface RunOptions {
  readonly merchants?: string;
  readonly watchlist?: string;
  readonly data: string;
  readonly seed: number;
  readonly machine: MachineName;
  /** How many times faster the chart's delays pass. */
  readonly timeScale: number;
}

/** What a run tells while it is under way. */
export interface Progress {
  /** Merchants of this run closed so far, those closed by earlier runs included. */
  readonly closed: number;
  readonly failed: number;
  /** How many of those in the store are in which state, of the open ones, as the store counts them. */
  readonly open: Readonly<Record<string, number>>;
}

/** How often the store is asked where everybody is. */
const countingIntervalMs = 250;

/** Merchants under way at once. */
const windowMax = 512;

export function storePath(data: string): string {
  return join(data, 'store');
}

export function ledgerPath(data: string): string {
  return join(data, 'ledger.jsonl');
}

export function announcementsPath(data: string): string {
  return join(data, 'announcements.jsonl');
}

/** @throws InputFileError with every problem of a file, before anything is started */
export async function readInputs(options: Pick<RunOptions, 'merchants' | 'watchlist' | 'seed'>): Promise<Inputs> {
  const merchants =
    options.merchants === undefined ? generateMerchants({ seed: options.seed }) : await readMerchantsFile(options.merchants);
  const watchlist = await readWatchlistFile(options.watchlist ?? SHIPPED_WATCHLIST);
  return { merchants, screen: createScreener(watchlist) };
}

/**
 * Onboards every merchant of the inputs; those closed in the store already count at once.
 *
 * @param signal stops the run cleanly: what is under way is kept and goes on with the next run
 * @returns whether every merchant is closed
 */
export async function onboard(
  inputs: Inputs,
  options: RunOptions,
  report: (progress: Progress) => void,
  signal: AbortSignal,
): Promise<boolean> {
  await makeDataDirectory(options.data);
  const unanswered = unansweredIn(await readLedger(ledgerPath(options.data)));
  const ledger = openLedger(ledgerPath(options.data));
  try {
    const world = { seed: options.seed, faults: usualFaults, screen: inputs.screen, ledger };
    const scenario = scenarioIn(world, { machine: options.machine, timeScale: options.timeScale, unanswered });
    const runtime = await openRuntime({
      path: storePath(options.data),
      machines: [scenario.machine],
      outbox: announcingTo(announcementsPath(options.data)),
    });
    try {
      const isComplete = await onboardAll({ runtime, scenario, ledger, merchants: inputs.merchants, report, signal });
      const say = (line: string): void => void process.stderr.write(`${line}\n`);
      return isComplete && (await delivered(runtime, signal, say));
    } finally {
      await runtime.close();
    }
  } finally {
    ledger.close();
  }
}

interface Job {
  readonly runtime: Runtime;
  readonly scenario: Scenario;
  readonly ledger: Ledger;
  readonly merchants: readonly Merchant[];
  readonly report: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

async function onboardAll(job: Job): Promise<boolean> {
  const { runtime, merchants, report, signal } = job;
  const tally = new Tally();
  let open: Progress['open'] = {};
  const tell = (): void => report({ closed: tally.count(), failed: tally.count(({ status }) => status !== 'completed'), open });
  const watching = watch(runtime, (counted) => {
    open = counted;
    tell();
  });
  tell();
  const queue = merchants.values();
  const stopped = new Promise<'stopped'>((resolve) => signal.addEventListener('abort', () => resolve('stopped'), { once: true }));
  const worker = async (): Promise<void> => {
    for (const merchant of queue) {
      if (signal.aborted) return;
      const end = await Promise.race([onboardOne(job, merchant), stopped]);
      if (end === 'stopped') return;
      tally.add(end);
      tell();
    }
  };
  try {
    await Promise.all(Array.from({ length: windowMax }, worker));
  } finally {
    await watching.stop();
  }
  open = {};
  tell();
  return tally.count() === merchants.length;
}

/** Asks again and again where the open ones are. */
function watch(runtime: Runtime, tell: (open: Progress['open']) => void): { readonly stop: () => Promise<void> } {
  const stopping = new AbortController();
  const { signal } = stopping;
  const asking = (async () => {
    while (!signal.aborted) {
      tell(await openStates(runtime));
      await delay(countingIntervalMs, undefined, { signal }).catch(() => undefined);
    }
  })();
  // Heard of when it is waited for.
  asking.catch(() => undefined);
  return {
    stop: async () => {
      stopping.abort();
      await asking;
    },
  };
}

async function onboardOne({ runtime, scenario, ledger, signal }: Job, merchant: Merchant): Promise<Standing | 'stopped'> {
  try {
    const begun = await scenario.begin(runtime, merchant);
    ledger.append({ kind: 'started', merchant: merchant.id });
    const end = await begun.result().then(
      () => ({ status: 'completed' }),
      (error: unknown) => {
        if (error instanceof WorkflowFailedError) return { status: error.details.status, failure: error.failure };
        throw error;
      },
    );
    ledger.append({ kind: 'closed', merchant: merchant.id, status: end.status });
    return { ...end, value: begun.stateValue() };
  } catch (error) {
    // The run is being stopped: the workflow goes on with the next one.
    if (signal.aborted) return 'stopped';
    throw error;
  }
}
