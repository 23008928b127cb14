import { join } from 'node:path';
import type { Level } from 'level';
import type { Runtime } from 'perdure';
import { openCalmRuntime } from './calm-runtime.ts';
import { openRawLevel } from './contenders.ts';
import type { Measured } from './finding.ts';
import { figure, ratio } from './finding.ts';
import type { Measure, MeasureOptions } from './measure.ts';
import { note, noteMachine } from './note-machine.ts';
import { bytesOf, recordWrites } from './recorded-writes.ts';
import { median, quantile, spread } from './statistics.ts';
import { newFolder, removeFolder } from './temp-folder.ts';

export const signal: Measure = {
  name: 'signal',
  title: 'an acknowledged signal to a workflow that waits in a state, one at a time',
  run: measureSignals,
};

const warmUpRounds = 10;

const workflows = ['notes-1', 'notes-2', 'notes-3', 'notes-4', 'notes-5', 'notes-6', 'notes-7', 'notes-8'];

async function measureSignals({ isQuick, tell }: MeasureOptions): Promise<Measured> {
  const rounds = isQuick ? 1 : 11;
  const count = isQuick ? 8 : 240;
  const folder = newFolder();
  tell('recording what one signal writes');
  const { runtime, bytes } = await openRecorded(join(folder, 'store'));
  const level = await openRawLevel(join(folder, 'raw'));
  const signals: number[][] = [];
  const puts: number[][] = [];
  for (let round = 0; round <= rounds; round += 1) {
    tell(round === 0 ? 'warming up' : `round ${round} of ${rounds}`);
    // Until all code is compiled, which a process that works for long does once.
    const times = round === 0 ? warmUpRounds * count : count;
    const ofSignals = await timesOf(times, (n) => runtime.send(workflows[n % workflows.length] ?? '', note));
    const ofPuts = await timesOf(times, (n) => put(level, (warmUpRounds + round) * count + n, bytes));
    if (round === 0) continue;
    signals.push(ofSignals);
    puts.push(ofPuts);
  }
  await runtime.close();
  await level.close();
  removeFolder(folder);
  return measured(signals, puts, bytes);
}

/** Also says how many bytes an acknowledged signal writes. */
async function openRecorded(path: string): Promise<{ readonly runtime: Runtime; readonly bytes: number }> {
  let runtime: Runtime | undefined;
  const open = async (): Promise<Runtime> => {
    runtime = await openCalmRuntime(path, [noteMachine]);
    for (const id of workflows) await runtime.start(noteMachine, { id });
    return runtime;
  };
  const batches = await recordWrites(open, (opened) => opened.send(workflows[0] ?? '', note));
  if (runtime === undefined) throw new Error('Recording opened nothing.');
  return { runtime, bytes: bytesOf(batches) };
}

const keyBytes = 16;

function put(level: Level<Uint8Array, Uint8Array>, n: number, bytes: number): Promise<void> {
  return level.put(Buffer.from(String(n).padStart(keyBytes, '0')), Buffer.alloc(bytes - keyBytes, 'value'), { sync: true });
}

/** Milliseconds of each, one after the other. */
async function timesOf(count: number, act: (n: number) => Promise<unknown>): Promise<number[]> {
  const times: number[] = [];
  for (let n = 0; n < count; n += 1) {
    const beganAtMs = performance.now();
    await act(n);
    times.push(performance.now() - beganAtMs);
  }
  return times;
}

function measured(signals: readonly number[][], puts: readonly number[][], bytes: number): Measured {
  const half = (rounds: readonly number[][]): number[] => rounds.map(median);
  const row = (what: string, rounds: readonly number[][]) => ({
    what,
    'p50 ms': median(half(rounds)),
    spread: spread(half(rounds)),
    'p99 ms': quantile(rounds.flat(), 0.99),
  });
  const last = (rounds: readonly number[][]): number[] => rounds.map((round) => quantile(round, 0.99));
  return {
    rows: [row('acknowledged signal', signals), row(`raw synced put of ${bytes} B`, puts)],
    findings: [
      ratio(
        { name: 'signal/p50-of-put', meaning: 'p50 of a signal / of a raw synced put', better: 'lower', target: 1.5 },
        half(signals),
        half(puts),
      ),
      figure({ name: 'signal/p99', meaning: 'p99 of a signal', better: 'lower', unit: 'ms' }, last(signals)),
    ],
  };
}
