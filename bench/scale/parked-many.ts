import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { openRuntime } from 'perdure';
import type { Measured } from '../finding.ts';
import { figure } from '../finding.ts';
import { median, quantile } from '../statistics.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import type { ScaleOptions } from './scale-measure.ts';
import { inLanes } from './scale-measure.ts';
import { waitingMachine } from './waiting-machine.mjs';

const inFlight = 1_000;
const signalsMax = 200;
const reopenFile = fileURLToPath(new URL('reopen.mjs', import.meta.url));

interface Reopened {
  readonly openSeconds: number;
  /** Of the process, once the store is open. */
  readonly mebibytes: number;
  readonly signalMs: readonly number[];
}

/** Starts them, opens the store in a fresh process, the first time with a log to read, and signals some. */
export async function parkedMany({ size }: ScaleOptions): Promise<Measured> {
  const path = newFolder();
  const runtime = await openRuntime({ path, machines: [waitingMachine] });
  const beganAtMs = performance.now();
  await inLanes(size, inFlight, async (n) => void (await runtime.start(waitingMachine, { id: idOf(n) })));
  const startsPerSecond = (size * 1_000) / (performance.now() - beganAtMs);
  await runtime.close();
  const reopened = await reopen(path, size);
  removeFolder(path);
  const { openSeconds, mebibytes, signalMs } = reopened;
  const lower = 'lower';
  return {
    rows: [{ parked: size, 'starts/s': startsPerSecond, signals: signalMs.length, 'p99 ms': quantile(signalMs, 0.99) }],
    findings: [
      figure({ name: 'parked/starts', meaning: 'starts a second, 1,000 in flight', better: 'higher', unit: '/s', target: 5_000 }, [
        startsPerSecond,
      ]),
      figure({ name: 'parked/reopen', meaning: 'opening again, the log included', better: lower, unit: 's', target: 0.5 }, [openSeconds]),
      figure({ name: 'parked/memory', meaning: 'memory of the process then', better: lower, unit: 'MB', target: 120 }, [mebibytes]),
      figure({ name: 'parked/signal', meaning: 'a signal to any, p50', better: lower, unit: 'ms', target: 2 }, [median(signalMs)]),
    ],
  };
}

function idOf(n: number): string {
  return `parked-${n}`;
}

/** In a process that is started as this one was, but for the loader of TypeScript, unless it is the sources that are measured. */
async function reopen(path: string, size: number): Promise<Reopened> {
  const options = import.meta.resolve('perdure').endsWith('.ts') ? process.execArgv : [];
  const sample = new Set<string>();
  while (sample.size < Math.min(size, signalsMax)) sample.add(idOf(Math.floor(Math.random() * size)));
  const { stdout } = await promisify(execFile)(process.execPath, [...options, reopenFile, path, `${size}`, ...sample]);
  return JSON.parse(stdout) as Reopened;
}
