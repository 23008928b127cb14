import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { Runtime } from 'perdure';
import { openCalmRuntime } from './calm-runtime.ts';
import type { Measured, Row } from './finding.ts';
import { ratio } from './finding.ts';
import type { Measure, MeasureOptions } from './measure.ts';
import { note, noteMachine } from './note-machine.ts';
import { median, quantile, spread } from './statistics.ts';
import { newFolder, removeFolder } from './temp-folder.ts';

export const fairness: Measure = {
  name: 'fairness',
  title: 'what the senders to other workflows wait while one workflow is sent events without end, 5,000 of them unanswered at any time',
  run: measureFairness,
};

const flooded = 'flooded';

/** Half of what a mailbox holds. */
const unanswered = 5_000;

/** Those who send to workflows of their own, each its next when the last was acknowledged. */
interface Senders {
  readonly name: string;
  readonly count: number;
  readonly signalsEach: number;
  readonly pauseMs: number;
  readonly calm: number[];
  readonly meanwhile: number[];
}

async function measureFairness({ isQuick, tell }: MeasureOptions): Promise<Measured> {
  const rounds = isQuick ? 1 : 7;
  const folder = newFolder();
  const runtime = await openCalmRuntime(join(folder, 'store'), [noteMachine]);
  const kinds: Senders[] = [
    { name: '100 senders, busy', count: 100, signalsEach: isQuick ? 1 : 10, pauseMs: 0, calm: [], meanwhile: [] },
    { name: '20 senders, seldom', count: 20, signalsEach: isQuick ? 1 : 12, pauseMs: 5, calm: [], meanwhile: [] },
  ];
  await runtime.start(noteMachine, { id: flooded });
  for (let n = 0; n < 100; n += 1) await runtime.start(noteMachine, { id: otherId(n) });
  let floodedWith = 0;
  for (let round = 0; round <= rounds; round += 1) {
    for (const senders of kinds) {
      tell(`${senders.name}: ${round === 0 ? 'warming up' : `round ${round} of ${rounds}`}`);
      // More of them, since they are quickly done: a p99 wants many.
      const calm = await waits(runtime, { ...senders, signalsEach: 4 * senders.signalsEach });
      const flood = new Flood(runtime, isQuick ? 10 : unanswered);
      await flood.begin();
      const meanwhile = await waits(runtime, senders);
      floodedWith += await flood.end();
      if (round === 0) continue;
      senders.calm.push(quantile(calm, 0.99));
      senders.meanwhile.push(quantile(meanwhile, 0.99));
    }
  }
  await runtime.close();
  removeFolder(folder);
  return measured(kinds, floodedWith);
}

function otherId(n: number): string {
  return `other-${n}`;
}

/** How long each signal waited for its acknowledgement, in milliseconds. */
async function waits(runtime: Runtime, { count, signalsEach, pauseMs }: Senders): Promise<number[]> {
  const times: number[] = [];
  const sender = async (n: number): Promise<void> => {
    for (let sent = 0; sent < signalsEach; sent += 1) {
      if (pauseMs > 0) await delay(pauseMs);
      const beganAtMs = performance.now();
      await runtime.send(otherId(n), note);
      times.push(performance.now() - beganAtMs);
    }
  };
  await Promise.all(Array.from({ length: count }, (_, n) => sender(n)));
  return times;
}

class Flood {
  readonly #runtime: Runtime;
  readonly #unanswered: number;
  #lanes: Promise<unknown> = Promise.resolve();
  #answered = 0;
  #isOver = false;

  constructor(runtime: Runtime, unansweredMax: number) {
    this.#runtime = runtime;
    this.#unanswered = unansweredMax;
  }

  /** Resolves when the first was answered: then all are there. */
  begin(): Promise<void> {
    return new Promise((resolve, reject) => {
      const lane = async (): Promise<void> => {
        while (!this.#isOver) {
          await this.#runtime.send(flooded, note);
          this.#answered += 1;
          resolve();
        }
      };
      this.#lanes = Promise.all(Array.from({ length: this.#unanswered }, lane));
      this.#lanes.catch(reject);
    });
  }

  /** How many events there were, when the last was answered. */
  async end(): Promise<number> {
    this.#isOver = true;
    await this.#lanes;
    return this.#answered;
  }
}

function measured(kinds: readonly Senders[], floodedWith: number): Measured {
  const rowOf = ({ name, calm, meanwhile }: Senders): Row => ({
    others: name,
    'p99 ms': median(calm),
    spread: spread(calm),
    'p99 ms meanwhile': median(meanwhile),
    'its spread': spread(meanwhile),
  });
  const [busy, seldom] = kinds;
  const better = 'lower';
  const target = 2;
  return {
    rows: [...kinds.map(rowOf), { others: `the one was sent ${floodedWith} events` }],
    findings: [
      ratio(
        { name: 'fairness/busy', meaning: 'p99 of 100 busy senders meanwhile / without', better, target },
        busy?.meanwhile ?? [],
        busy?.calm ?? [],
      ),
      ratio(
        { name: 'fairness/seldom', meaning: 'p99 of 20 who send seldom / without', better, target },
        seldom?.meanwhile ?? [],
        seldom?.calm ?? [],
      ),
    ],
  };
}
