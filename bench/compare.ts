/** Runs contenders in turns, so that what else the machine does at a time falls on all of them alike, and takes medians. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Contender, OpenContender } from './contenders.ts';
import { median, spread } from './statistics.ts';

export interface Sample {
  /** Jobs a second. */
  readonly rate: number;
  /** Processor seconds of this process for a thousand jobs, those of the garbage collector and of LevelDB's threads included. */
  readonly cpuSeconds: number;
}

/** Medians, and the rounds they were taken of. */
export interface Result extends Sample {
  readonly name: string;
  /** Of the rates. */
  readonly spread: number;
  readonly samples: readonly Sample[];
}

export interface Load {
  readonly jobs: number;
  readonly inFlight: number;
  readonly rounds: number;
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as (options: { readonly type: 'minor' }) => void;

/** Each contender keeps its store through all rounds, as one that works for long does. */
export async function compare(
  contenders: readonly Contender[],
  { jobs, inFlight, rounds }: Load,
  tell: (progress: string) => void = () => undefined,
): Promise<Result[]> {
  const lines: Line[] = [];
  for (const { name, open } of contenders) lines.push(new Line(name, await open()));
  for (let round = 0; round <= rounds; round += 1) {
    // What LevelDB still tidies up after one falls on whoever comes next: that is another one each time.
    const first = round % lines.length;
    for (const line of [...lines.slice(first), ...lines.slice(0, first)]) {
      tell(`${inFlight} in flight, ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}: ${line.name}`);
      // Twice a round: whoever has more code takes longer until all of it is compiled, which a process that works for long does once.
      if (round === 0) await line.run(2 * jobs, inFlight);
      else line.samples.push(await line.run(jobs, inFlight));
    }
  }
  for (const line of lines) await line.close();
  return lines.map(resultOf);
}

class Line {
  readonly name: string;
  readonly samples: Sample[] = [];
  readonly #contender: OpenContender;
  #begun = 0;

  constructor(name: string, contender: OpenContender) {
    this.name = name;
    this.#contender = contender;
  }

  async run(jobs: number, inFlight: number): Promise<Sample> {
    const { runOne } = this.#contender;
    const last = this.#begun + jobs;
    const lane = async (): Promise<void> => {
      while (this.#begun < last) {
        this.#begun += 1;
        await runOne(jobId(this.#begun));
      }
    };
    // What the one before has left behind is not to be cleared away on this one's time. A full collection would throw away compiled
    // code, too, and make what follows half as fast for a while.
    collectGarbage({ type: 'minor' });
    const cpuBefore = process.cpuUsage();
    const beganAtMs = performance.now();
    await Promise.all(Array.from({ length: inFlight }, lane));
    const seconds = (performance.now() - beganAtMs) / 1_000;
    const { user, system } = process.cpuUsage(cpuBefore);
    return { rate: jobs / seconds, cpuSeconds: (user + system) / 1_000 / jobs };
  }

  close(): Promise<void> {
    return this.#contender.close();
  }
}

function resultOf({ name, samples }: Line): Result {
  const rates = samples.map(({ rate }) => rate);
  return { name, rate: median(rates), spread: spread(rates), cpuSeconds: median(samples.map(({ cpuSeconds }) => cpuSeconds)), samples };
}

/** All of one length, so that recorded bytes of one job can stand for another. */
export function jobId(n: number): string {
  return `job-${String(n).padStart(8, '0')}`;
}
