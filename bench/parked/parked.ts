import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { openRuntime } from 'perdure';
import type { Finding, Measured, Row } from '../finding.ts';
import { figure, ratio } from '../finding.ts';
import type { Measure, MeasureOptions } from '../measure.ts';
import { median, spread } from '../statistics.ts';
import { newFolder, removeFolder } from '../temp-folder.ts';
import { parkedMachine } from './parked-machine.mjs';

export const parked: Measure = {
  name: 'parked',
  title: 'a fresh process opens a store of workflows that wait for a day, and asks for one of them',
  run: measureParked,
};

const inFlight = 1_000;
const reopenFile = fileURLToPath(new URL('reopen.mjs', import.meta.url));

interface Reopening {
  readonly seconds: number;
  /** Of the process: when it has the answer, and before it opened the store. */
  readonly mebibytes: number;
  readonly emptyMebibytes: number;
}

interface Store {
  readonly path: string;
  readonly count: number;
  readonly startedPerSecond: number;
  /** The first finds a log to read. */
  readonly first: Reopening;
  readonly reopenings: Reopening[];
}

async function measureParked({ isQuick, tell }: MeasureOptions): Promise<Measured> {
  const rounds = isQuick ? 1 : 15;
  const few = await fill(isQuick ? 20 : 10_000, tell);
  const many = await fill(isQuick ? 40 : 100_000, tell);
  for (let round = 1; round <= rounds; round += 1) {
    for (const store of [few, many]) {
      tell(`reopening ${store.count}, round ${round} of ${rounds}`);
      store.reopenings.push(await reopen(store.path, idOf(Math.floor((store.count * round) / (rounds + 1)))));
    }
  }
  for (const { path } of [few, many]) removeFolder(path);
  return { rows: [few, many].map(rowOf), findings: findingsOf(few, many) };
}

function idOf(n: number): string {
  return `parked-${n}`;
}

async function fill(count: number, tell: (progress: string) => void): Promise<Store> {
  const path = newFolder();
  const runtime = await openRuntime({ path, machines: [parkedMachine] });
  const beganAtMs = performance.now();
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) {
      const n = next;
      next += 1;
      if (n % 1_000 === 0) tell(`parking ${n} of ${count}`);
      await runtime.start(parkedMachine, { id: idOf(n) });
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  const startedPerSecond = (count * 1_000) / (performance.now() - beganAtMs);
  await runtime.close();
  return { path, count, startedPerSecond, first: await reopen(path, idOf(0)), reopenings: [] };
}

function reopen(path: string, id: string): Promise<Reopening> {
  return new Promise((resolve, reject) => {
    // As this process was started, but for the loader of TypeScript, unless it is the sources that are measured.
    const isOfSources = import.meta.resolve('perdure').endsWith('.ts');
    const options = isOfSources ? process.execArgv : [];
    const child = execFile(process.execPath, [...options, reopenFile, path, id], (error, output) => {
      process.removeListener('exit', kill);
      if (error === null) resolve(JSON.parse(output) as Reopening);
      else reject(new Error(`Reopening ${path} failed: ${error.message}`, { cause: error }));
    });
    const kill = (): void => void child.kill('SIGKILL');
    // Before the folder it has open is removed.
    process.prependListener('exit', kill);
  });
}

function rowOf({ count, startedPerSecond, first, reopenings }: Store): Row {
  const seconds = reopenings.map((reopening) => reopening.seconds);
  return {
    parked: count,
    'starts/s': startedPerSecond,
    'first time ms': first.seconds * 1_000,
    'open + get ms': median(seconds) * 1_000,
    spread: spread(seconds),
    'RSS MB': median(reopenings.map(({ mebibytes }) => mebibytes)),
    'first time MB': first.mebibytes,
    'before open MB': median(reopenings.map(({ emptyMebibytes }) => emptyMebibytes)),
  };
}

function findingsOf(few: Store, many: Store): Finding[] {
  const times = ({ reopenings }: Store): number[] => reopenings.map((reopening) => reopening.seconds);
  const memory = ({ reopenings }: Store): number[] => reopenings.map(({ mebibytes }) => mebibytes);
  const better = 'lower';
  const firsts = [few.first, many.first];
  const first = 'the first time, with a log to read, at the worse size:';
  return [
    figure({ name: 'parked/first-open', meaning: `${first} open and get one`, better, unit: 's', target: 0.5 }, [
      Math.max(...firsts.map(({ seconds }) => seconds)),
    ]),
    figure({ name: 'parked/first-memory', meaning: `${first} memory of the process`, better, unit: 'MB', target: 100 }, [
      Math.max(...firsts.map(({ mebibytes }) => mebibytes)),
    ]),
    figure({ name: 'parked/open-100000', meaning: '100,000 parked: open and get one', better, unit: 's', target: 0.5 }, times(many)),
    figure(
      { name: 'parked/memory-100000', meaning: '100,000 parked: memory of the process', better, unit: 'MB', target: 100 },
      memory(many),
    ),
    ratio(
      { name: 'parked/open-100000-of-10000', meaning: 'time with 100,000 / with 10,000', better, target: 1.2 },
      times(many),
      times(few),
    ),
    ratio(
      { name: 'parked/memory-100000-of-10000', meaning: 'memory with 100,000 / with 10,000', better, target: 1.2 },
      memory(many),
      memory(few),
    ),
  ];
}
