/** Runs the onboarding in a process of its own and kills it with SIGKILL at random moments, until the wanted number is reached. */
import type { ChildProcess } from 'node:child_process';
import { fork } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { mulberry32 } from '../inputs/seeded-random.ts';
import type { Progress, RunOptions } from './run.ts';

export type WorkerMessage =
  { readonly kind: 'progress'; readonly progress: Progress } | { readonly kind: 'error'; readonly message: string };

export interface CrashOptions {
  readonly run: RunOptions;
  readonly crashes: number;
  readonly merchants: number;
  readonly report: (progress: Progress) => void;
  readonly onCrash: (crashes: number) => void;
  /** Asks the worker to stop cleanly. */
  readonly signal: AbortSignal;
}

export interface CrashOutcome {
  readonly crashes: number;
  readonly isComplete: boolean;
}

const workerFile = fileURLToPath(new URL('./worker.ts', import.meta.url));

/** How long after its moment a kill may come: so that it does not always meet the process just after a merchant closed. */
const scatterMs = 40;

/** Kills come before this share of the merchants is closed, so that the process does not finish first. */
const lastMomentShare = 0.9;

/** @throws Error with the worker's own message if it fails otherwise than by our hand */
export async function onboardWithCrashes(options: CrashOptions): Promise<CrashOutcome> {
  const { signal } = options;
  const random = mulberry32(options.run.seed);
  const moment = (): number => Math.floor(random() * lastMomentShare * options.merchants);
  const moments = Array.from({ length: options.crashes }, moment).sort((a, b) => a - b);
  let crashes = 0;
  for (;;) {
    const life = await liveOnce(options, moments[crashes], random() * scatterMs);
    if (!life.isKilled) return { crashes, isComplete: life.isComplete };
    crashes += 1;
    options.onCrash(crashes);
    if (signal.aborted) return { crashes, isComplete: false };
  }
}

interface Life {
  readonly isKilled: boolean;
  readonly isComplete: boolean;
}

/** @param killAt number of closed merchants at which the process is killed; it is left alone if undefined */
async function liveOnce(options: CrashOptions, killAt: number | undefined, scatter: number): Promise<Life> {
  const { report, signal } = options;
  // A process group of its own: a Ctrl-C in the terminal reaches only us, and we pass it on once.
  const child = fork(workerFile, [JSON.stringify(options.run)], { detached: true });
  const stop = (): void => void child.kill('SIGINT');
  signal.addEventListener('abort', stop, { once: true });
  if (signal.aborted) stop();
  let isKilled = false;
  let message = '';
  child.on('message', (received: WorkerMessage) => {
    if (received.kind === 'error') ({ message } = received);
    if (received.kind !== 'progress') return;
    report(received.progress);
    if (killAt === undefined || isKilled || received.progress.closed < killAt) return;
    isKilled = true;
    void delay(scatter).then(() => child.kill('SIGKILL'));
  });
  const code = await exitOf(child);
  signal.removeEventListener('abort', stop);
  if (code === 'SIGKILL') return { isKilled: true, isComplete: false };
  if (code === 0 || code === 130) return { isKilled: false, isComplete: code === 0 };
  throw new Error(message === '' ? `The worker process ended with ${code}.` : message);
}

async function exitOf(child: ChildProcess): Promise<number | string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, killedBy) => resolve(killedBy ?? code ?? 1));
  });
}
