import type { Runtime } from 'perdure';
import { openRuntime } from 'perdure';
import { openCalmRuntime } from './calm-runtime.ts';
import type { Finding, Measured, Row } from './finding.ts';
import { ratio } from './finding.ts';
import type { Measure, MeasureOptions } from './measure.ts';
import { note, noteMachine } from './note-machine.ts';
import { median, spread } from './statistics.ts';
import { newFolder, removeFolder } from './temp-folder.ts';

export const history: Measure = {
  name: 'history',
  title: 'the next event of a workflow that has seen 10, 1,000 or 10,000, and taking it up again',
  run: measureHistory,
};

const inFlight = 500;

/** A store of its own for each length, with one workflow that has seen so many events; each has as much in its files as it must. */
class Past {
  readonly name: string;
  readonly events: number;
  readonly folder = newFolder();
  readonly nextEventMs: number[][] = [];
  readonly resumeMs: number[] = [];
  #runtime: Runtime | undefined;
  #id = 'past-0';
  #begun = 0;

  constructor(name: string, events: number) {
    this.name = name;
    this.events = events;
  }

  async open(): Promise<void> {
    this.#runtime = await openCalmRuntime(this.folder, [noteMachine]);
  }

  /** A workflow that lacks two events to the number. */
  async begin(): Promise<void> {
    this.#begun += 1;
    this.#id = `past-${this.#begun}`;
    await this.#runtime?.start(noteMachine, { id: this.#id });
    const missing = 2;
    for (let sent = missing; sent < this.events; sent += inFlight) {
      await Promise.all(Array.from({ length: Math.min(inFlight, this.events - sent) }, () => this.#send()));
    }
  }

  async timeEvent(): Promise<number> {
    const beganAtMs = performance.now();
    await this.#send();
    return performance.now() - beganAtMs;
  }

  /** From opening the store to the acknowledgement of the next event. */
  async timeResuming(): Promise<number> {
    await this.close();
    const beganAtMs = performance.now();
    this.#runtime = await openRuntime({ path: this.folder, machines: [noteMachine] });
    await this.#send();
    return performance.now() - beganAtMs;
  }

  async close(): Promise<void> {
    await this.#runtime?.close();
  }

  async #send(): Promise<void> {
    await this.#runtime?.send(this.#id, note);
  }
}

async function measureHistory({ isQuick, tell }: MeasureOptions): Promise<Measured> {
  const short = new Past('10th', 10);
  const pasts = [short, new Past('1000th', isQuick ? 20 : 1_000), new Past('10000th', isQuick ? 30 : 10_000)];
  const rounds = isQuick ? 1 : 15;
  for (const past of pasts) {
    tell(`${past.events} events`);
    await past.open();
    await past.begin();
  }
  for (let round = 0; round <= rounds; round += 1) {
    tell(round === 0 ? 'warming up' : `next events, round ${round} of ${rounds}`);
    const times = await timeEvents(pasts, isQuick ? 2 : 30);
    if (round > 0) for (const [index, past] of pasts.entries()) past.nextEventMs.push(times[index] ?? []);
  }
  // The first reopening reads the log of what was written until now, which has nothing to do with one workflow's past.
  for (let round = 0; round <= rounds; round += 1) {
    tell(round === 0 ? 'warming up' : `resuming, round ${round} of ${rounds}`);
    for (const past of pasts) {
      const time = await past.timeResuming();
      if (round > 0) past.resumeMs.push(time);
    }
  }
  for (const past of pasts) {
    await past.close();
    removeFolder(past.folder);
  }
  return { rows: pasts.map(rowOf), findings: findingsOf(pasts) };
}

/** In turns. The short past is begun anew for each event: it would not stay short. */
async function timeEvents(pasts: readonly Past[], count: number): Promise<number[][]> {
  const times: number[][] = pasts.map(() => []);
  for (let n = 0; n < count; n += 1) {
    for (const [index, past] of pasts.entries()) {
      if (index === 0) await past.begin();
      // One that does not count: what is warm is warm for all then.
      await past.timeEvent();
      times[index]?.push(await past.timeEvent());
    }
  }
  return times;
}

function rowOf({ name, nextEventMs, resumeMs }: Past): Row {
  const medians = nextEventMs.map(median);
  return { event: name, ms: median(medians), spread: spread(medians), 'resume ms': median(resumeMs), 'its spread': spread(resumeMs) };
}

function findingsOf([short, ...longer]: readonly Past[]): Finding[] {
  const better = 'lower';
  const target = 1.2;
  const medians = (past: Past | undefined): number[] => (past?.nextEventMs ?? []).map(median);
  return longer.flatMap((past) => [
    ratio(
      { name: `history/event-${past.name}`, meaning: `time of the ${past.name} event / of the 10th`, better, target },
      medians(past),
      medians(short),
    ),
    ratio(
      { name: `history/resume-${past.name}`, meaning: `reopening and the ${past.name} event / and the 10th`, better, target },
      past.resumeMs,
      short?.resumeMs ?? [],
    ),
  ]);
}
