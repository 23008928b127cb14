/** `npm start`: every merchant of a file through the onboarding, killed on the way if asked, audited at the end. */
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { openReader } from 'perdure';
import pc from 'picocolors';
import { readAnnouncements } from './announcements.ts';
import type { Audit } from './audit.ts';
import { audit } from './audit.ts';
import { onboardWithCrashes } from './crash.ts';
import { makeDataDirectory } from './data-directory.ts';
import { interruptedCode, stopOnInterrupt } from './interrupt.ts';
import { readLedger } from './ledger.ts';
import { progressView } from './progress-bar.ts';
import { closingTable, isGood, summarise, verdict } from './report.ts';
import type { Inputs, Progress, RunOptions } from './run.ts';
import { announcementsPath, ledgerPath, onboard, readInputs, storePath } from './run.ts';
import type { Group } from './tally.ts';
import { countedGroups } from './tally.ts';

export interface OnboardCommandOptions extends RunOptions {
  readonly crash: number;
  readonly batch?: boolean;
  readonly json?: boolean;
}

/** @returns the exit code: 0 if everything closed and the audit found nothing */
export async function onboardCommand(options: OnboardCommandOptions): Promise<number> {
  const say = (text: string): void => void (options.json === true ? process.stderr : process.stdout).write(`${text}\n`);
  const inputs = await readInputs(options);
  await offerFreshStart(options, inputs);
  const source = options.merchants ?? `${inputs.merchants.length} invented merchants (seed ${options.seed})`;
  say(`Onboarding ${source} through ${options.machine} on the store ${storePath(options.data)}`);
  const startedAtMs = performance.now();
  const { isComplete, crashes } = await run(options, inputs);
  if (!isComplete) {
    say(pc.yellow('Stopped cleanly. The same command goes on where it stopped.'));
    return interruptedCode;
  }
  const seconds = (performance.now() - startedAtMs) / 1_000;
  const { audited, ends } = await auditStore(options.data, inputs);
  const summary = summarise(audited, crashes, seconds);
  say(closingTable(ends));
  say(verdict(summary));
  if (summary.announced > 0) say(`Others were told ${summary.announced} things: ${announcementsPath(options.data)}`);
  for (const finding of [...audited.reruns, ...audited.lost, ...audited.halfMade].slice(0, 10)) say(pc.red(`  ${finding}`));
  const example = inputs.merchants.find((merchant) => merchant.id === 'm-7731')?.id ?? inputs.merchants[0]?.id ?? 'ID';
  const data = options.data === 'data' ? '' : ` --data ${options.data}`;
  say(`Ask for one of them: npm start -- where ${example}${data}`);
  if (options.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
  return isGood(summary) ? 0 : 1;
}

async function run(options: OnboardCommandOptions, inputs: Inputs): Promise<{ isComplete: boolean; crashes: number }> {
  const total = inputs.merchants.length;
  const { signal } = stopOnInterrupt();
  const view = progressView(total, process.stderr);
  let crashes = 0;
  let last: Progress = { closed: 0, failed: 0, open: {} };
  const report = (progress: Progress): void => {
    // A process that was killed counts from the beginning again, over those that are closed already.
    const { closed, failed, open } = progress;
    last = { closed: Math.max(last.closed, closed), failed: Math.max(last.failed, failed), open };
    view.update(last, crashes);
  };
  try {
    if (options.crash === 0) return { isComplete: await onboard(inputs, options, report, signal), crashes };
    await makeDataDirectory(options.data);
    const onCrash = (count: number): void => {
      crashes = count;
      view.update(last, crashes);
    };
    const files = absolute(options);
    return await onboardWithCrashes({ run: files, crashes: options.crash, merchants: total, report, onCrash, signal });
  } finally {
    view.stop();
  }
}

/** The worker may stand in another directory. */
function absolute({ merchants, watchlist, data, seed, machine, timeScale }: RunOptions): RunOptions {
  return {
    data: resolve(data),
    seed,
    machine,
    timeScale,
    ...(merchants === undefined ? {} : { merchants: resolve(merchants) }),
    ...(watchlist === undefined ? {} : { watchlist: resolve(watchlist) }),
  };
}

async function auditStore(data: string, inputs: Inputs): Promise<{ audited: Audit; ends: Group[] }> {
  const reader = await openReader({ path: storePath(data) });
  try {
    const audited = await audit(
      reader,
      inputs.merchants.map((merchant) => merchant.id),
      await readLedger(ledgerPath(data)),
      await readAnnouncements(announcementsPath(data)),
    );
    return { audited, ends: await countedGroups(reader) };
  } finally {
    await reader.close();
  }
}

/** A store in which everything is closed has nothing to show; on a terminal one may begin again. */
async function offerFreshStart(options: OnboardCommandOptions, inputs: Inputs): Promise<void> {
  if (options.batch === true || options.json === true || !process.stdin.isTTY || !process.stdout.isTTY) return;
  const closed = new Set(
    (await readLedger(ledgerPath(options.data))).flatMap((entry) => (entry.kind === 'closed' ? [entry.merchant] : [])),
  );
  if (!inputs.merchants.every((merchant) => closed.has(merchant.id))) return;
  const questions = createInterface({ input: process.stdin, output: process.stdout });
  const answer = await questions.question(
    `All ${inputs.merchants.length} merchants are closed in ${options.data} already. Delete it and run again? [y/N] `,
  );
  questions.close();
  if (answer.trim().toLowerCase() !== 'y') return;
  // The store last: what others were told, and what the world saw, is of it.
  await rm(announcementsPath(options.data), { force: true });
  await rm(ledgerPath(options.data), { force: true });
  await rm(storePath(options.data), { recursive: true, force: true });
}
