import type { Contender } from './contenders.ts';
import { handRolled, inMemory, perdure, rawBatches } from './contenders.ts';
import type { Load, Result } from './compare.ts';
import { compare, jobId } from './compare.ts';
import type { Finding, Measured, Row } from './finding.ts';
import { figure, ratio } from './finding.ts';
import type { Measure, MeasureOptions } from './measure.ts';
import type { RecordedBatch } from './recorded-writes.ts';
import { bytesOf, recordWrites } from './recorded-writes.ts';

export const throughput: Measure = {
  name: 'throughput',
  title: 'workflows of five activities that return at once, 300 B of context, from start to result',
  run: measureThroughput,
};

// Rounds are short and many: what else the machine does comes and goes. One at a time comes last: with so few jobs the code would not
// be warm.
const loads: readonly Load[] = [
  { inFlight: 100, jobs: 4_000, rounds: 9 },
  { inFlight: 1_000, jobs: 1_500, rounds: 5 },
  { inFlight: 1, jobs: 200, rounds: 9 },
];

const quickLoads = loads.map((load) => ({ ...load, jobs: 4, rounds: 1 }));

async function measureThroughput({ isQuick, tell }: MeasureOptions): Promise<Measured> {
  tell('recording what one job writes');
  const batches = await recordJob();
  const contenders = [perdure, inMemory, handRolled, rawBatches(batches, jobId(recordedJob))];
  const found = new Map<number, Result[]>();
  for (const load of isQuick ? quickLoads : loads) found.set(load.inFlight, await compare(contenders, load, tell));
  const rows = [1, 100, 1_000].flatMap((inFlight) => (found.get(inFlight) ?? []).map((result) => rowOf(inFlight, result)));
  return { rows: [...rows, writtenRow(batches)], findings: findingsOf(found) };
}

const recordedJob = 2;

/** The second job: the first also writes what is written once a store. */
async function recordJob(): Promise<RecordedBatch[]> {
  const open = async (): ReturnType<Contender['open']> => {
    const opened = await perdure.open();
    await opened.runOne(jobId(1));
    return opened;
  };
  let close = (): Promise<void> => Promise.resolve();
  try {
    return await recordWrites(open, (opened) => {
      ({ close } = opened);
      return opened.runOne(jobId(recordedJob));
    });
  } finally {
    await close();
  }
}

function rowOf(inFlight: number, { name, rate, spread, cpuSeconds }: Result): Row {
  return { 'in flight': inFlight, what: name, 'jobs/s': rate, spread, 'CPU s per 1,000 jobs': cpuSeconds };
}

function writtenRow(batches: readonly RecordedBatch[]): Row {
  return { what: `one job writes ${bytesOf(batches)} B in ${batches.flat().length} rows and ${batches.length} batches` };
}

function findingsOf(found: ReadonlyMap<number, readonly Result[]>): Finding[] {
  const samples = (inFlight: number, { name }: Pick<Contender, 'name'>): Result['samples'] =>
    found.get(inFlight)?.find((result) => result.name === name)?.samples ?? [];
  const rates = (inFlight: number, contender: Pick<Contender, 'name'>): number[] => samples(inFlight, contender).map(({ rate }) => rate);
  const cpu = (contender: Pick<Contender, 'name'>): number[] => samples(100, contender).map(({ cpuSeconds }) => cpuSeconds);
  const raw = { name: 'raw LevelDB' };
  const higher = (name: string, meaning: string, target?: number) =>
    ({ name: `throughput/${name}`, meaning, better: 'higher', ...(target === undefined ? {} : { target }) }) as const;
  const lower = (name: string, meaning: string, target?: number) => ({ ...higher(name, meaning, target), better: 'lower' }) as const;
  return [
    ratio(
      higher('of-memory-at-100', 'jobs/s of Perdure / in memory, 100 in flight (aim: 0.8)', 0.6),
      rates(100, perdure),
      rates(100, inMemory),
    ),
    ratio(higher('of-memory-at-1000', 'the same, 1,000 in flight'), rates(1_000, perdure), rates(1_000, inMemory)),
    figure({ ...lower('cpu-at-100', 'CPU seconds for 1,000 jobs, 100 in flight', 0.35), unit: 's' }, cpu(perdure)),
    ratio(lower('cpu-of-memory-at-100', 'the same / in memory'), cpu(perdure), cpu(inMemory)),
    ratio(lower('cpu-of-raw-at-100', 'the same / raw LevelDB'), cpu(perdure), cpu(raw)),
    ratio(lower('time-of-raw-at-1', 'time of a job / of its raw batches, one at a time', 1.8), rates(1, raw), rates(1, perdure)),
    ratio(lower('time-of-hand-rolled-at-1', 'time of a job / hand-rolled, one at a time'), rates(1, handRolled), rates(1, perdure)),
    ratio(higher('of-hand-rolled-at-100', 'jobs/s of Perdure / hand-rolled, 100 in flight'), rates(100, perdure), rates(100, handRolled)),
  ];
}
