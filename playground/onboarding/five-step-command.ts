/** `npm start -- five-step`: three merchants, one of each kind, on a store of their own that is removed afterwards. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Runtime } from 'perdure';
import { openRuntime } from 'perdure';
import pc from 'picocolors';
import { generateMerchants } from '../inputs/merchant-generator.ts';
import type { Merchant } from '../inputs/merchant.ts';
import { createScreener } from '../inputs/name-screening.ts';
import { readWatchlistFile, SHIPPED_WATCHLIST } from '../inputs/watchlist-file.ts';
import { openLedger } from './ledger.ts';
import { fiveStepIn } from './five-step-world.ts';
import type { FaultScript } from './providers.ts';
import { ledgerPath, storePath } from './run.ts';
import { inputOf } from './scenario.ts';
import { stateText } from './state-text.ts';
import { stepsOf } from './steps.ts';

const shown = ['m-7731', 'm-9001-BAD', 'm-7732'];

/** One transient failure: the settlement provider's first answer for m-7732. */
const script: FaultScript = (merchantId, activity, attempt) => merchantId === 'm-7732' && activity === 'settlement.open' && attempt === 1;

/** How an unwinding asks for the next undo, and that it is over: nothing that people count. */
const aboutAsking: ReadonlySet<string> = new Set(['undo-next', 'child-done']);

export async function fiveStepCommand(json: boolean): Promise<number> {
  const data = await mkdtemp(join(tmpdir(), 'perdure-five-step-'));
  try {
    const ledger = openLedger(ledgerPath(data));
    const screen = createScreener(await readWatchlistFile(SHIPPED_WATCHLIST));
    const faults = { transientShare: 0, hangShare: 0, refusedShare: 0, delayMs: [5, 20] } as const;
    const machine = fiveStepIn({ seed: 1, faults, script, screen, ledger });
    const runtime = await openRuntime({ path: storePath(data), machines: [machine] });
    try {
      for (const merchant of generateMerchants().filter(({ id }) => shown.includes(id))) {
        await runtime.start(machine, { id: merchant.id, input: inputOf(merchant) });
      }
      for (const id of shown) await show(runtime, id, json);
    } finally {
      await runtime.close();
      ledger.close();
    }
    return 0;
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

async function show(runtime: Runtime, id: Merchant['id'], json: boolean): Promise<void> {
  const handle = await runtime.get(id);
  await handle.waitFor((snapshot) => snapshot.status !== 'active');
  const history = await runtime.history(id);
  const { value, failure } = await runtime.describe(id);
  const retries = history.filter((entry) => entry.kind === 'attempt-failed' && entry.outcome === 'noted').length;
  const steps = stepsOf(history);
  if (json) {
    process.stdout.write(`${JSON.stringify({ id, state: value, failure: failure?.class ?? null, steps, retries })}\n`);
    return;
  }
  const state = failure === undefined ? pc.green(stateText(value)) : pc.red(`${stateText(value)} (${failure.class})`);
  const path = history
    .filter(({ kind }) => !aboutAsking.has(kind))
    .map((entry) => (entry.outcome === 'noted' ? entry.kind : stateText(entry.value)))
    .join(' > ');
  process.stdout.write(`${pc.bold(id)} ${state} in ${steps} steps${retries === 0 ? '' : `, ${retries} transient retry`}\n  ${path}\n`);
}
