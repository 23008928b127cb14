import { describe, expect, test } from 'vitest';
import type { Address } from '../../src/kernel/address.ts';
import { rootAddress } from '../../src/kernel/address.ts';
import { limits } from '../../src/kernel/limits.ts';
import type { TimerRow } from '../../src/kernel/ports.ts';
import { TimerQueue } from '../../src/runtime/timer-queue.ts';
import { isSoak } from '../support/sizes.ts';
import type { Held } from './fake-store.ts';
import { fakeStore, hold } from './fake-store.ts';
import { ManualClock, settle } from './manual-clock.ts';

/** A clock that moves a little whenever somebody looks at it, as it would while work is done. */
class WorkingClock extends ManualClock {
  workMs = 0;
  #workedMs = 0;

  override monotonic(): number {
    this.#workedMs += this.workMs;
    return super.monotonic() + this.#workedMs;
  }
}

class Bench {
  readonly clock = new WorkingClock();
  readonly startMs = this.clock.now();
  /** Rows on disk, in due order. */
  rows: TimerRow[] = [];
  readonly scans: { readonly untilMs: number; readonly limit: number; readonly from: number | 'the page before' | undefined }[] = [];
  /** Timers handed to their actors, with the wall time it was then. */
  readonly fired: { readonly name: string; readonly atMs: number; readonly dueAtMs: number }[] = [];
  readonly errors: unknown[] = [];
  /** How many were read from disk. */
  rowsRead = 0;
  /** Workflows whose rows were found damaged. */
  readonly damaged: string[] = [];
  readonly #passed = new Set<string>();
  readonly #gone = new Set<string>();
  /** Holds the next scan until it is released. */
  gate: Held | undefined;
  queue!: TimerQueue;

  /** A timer due so many milliseconds after the start. */
  timer(name: string, dueMs: number, generation = 1): TimerRow {
    return { address: rootAddress(name, 1), generation, dueAtMs: this.startMs + dueMs };
  }

  /** Puts timers on disk as a commit would. */
  store(...timers: TimerRow[]): void {
    this.rows = [...this.rows, ...timers].sort((a, b) => a.dueAtMs - b.dueAtMs);
  }

  /** Commits the arming of a timer: on disk first, then told. */
  arm(timer: TimerRow): void {
    this.store(timer);
    this.queue.arm(timer);
  }

  async open(): Promise<this> {
    const store = fakeStore({ scanTimers: (untilMs, limit, after) => this.#scan(untilMs, limit, after) });
    const onDue = (timer: TimerRow): void => {
      const { address, dueAtMs } = timer;
      this.fired.push({ name: address.workflowId, atMs: this.clock.now() - this.startMs, dueAtMs: dueAtMs - this.startMs });
      // As the commit of its step would do.
      this.#gone.add(keyOf(timer));
    };
    const onDamaged = (address: Address): void => void this.damaged.push(address.workflowId);
    this.queue = new TimerQueue(store, this.clock, { onDue, onDamaged, onError: (error) => this.#fail(error) });
    await settle();
    return this;
  }

  /** As the engine does when the store cannot be read. */
  #fail(error: unknown): void {
    this.errors.push(error);
    this.queue.stop();
  }

  names(): string[] {
    return this.fired.map(({ name }) => name);
  }

  async #scan(untilMs: number, limit: number, after?: Uint8Array | number): Promise<{ rows: TimerRow[]; next?: Uint8Array }> {
    const from = typeof after === 'number' ? after - this.startMs : after === undefined ? undefined : 'the page before';
    this.scans.push({ untilMs: untilMs - this.startMs, limit, from });
    const gate = this.gate;
    this.gate = undefined;
    // A scan reads the disk as it was when it began.
    this.rows = this.rows.filter((row) => !this.#gone.has(keyOf(row)));
    this.#gone.clear();
    const snapshot = this.rows;
    if (gate !== undefined) await gate.promise;
    // Like a key, a cursor holds its place however the rows before it come and go.
    const cursor = after instanceof Uint8Array ? new DataView(after.buffer).getFloat64(0) : undefined;
    const afterMs = typeof after === 'number' ? after : -Infinity;
    const isAhead = (row: TimerRow): boolean =>
      cursor === undefined ? row.dueAtMs > afterMs : row.dueAtMs >= cursor && !this.#passed.has(keyOf(row));
    const due = snapshot.filter((row) => isAhead(row) && row.dueAtMs <= untilMs);
    const rows = due.slice(0, limit);
    for (const row of rows) this.#passed.add(keyOf(row));
    this.rowsRead += rows.length;
    const last = rows.at(-1);
    if (last === undefined || due.length <= limit) return { rows };
    const next = new Uint8Array(8);
    new DataView(next.buffer).setFloat64(0, last.dueAtMs);
    return { rows, next };
  }
}

function keyOf(timer: TimerRow): string {
  return `${timer.address.workflowId}:${timer.generation}`;
}

describe('a timer', () => {
  test('fires at its time, not before', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('a', 500));
    await bench.clock.pass(499);
    expect(bench.fired).toEqual([]);
    await bench.clock.pass(1);
    expect(bench.fired).toEqual([{ name: 'a', atMs: 500, dueAtMs: 500 }]);
    await bench.clock.pass(120_000);
    expect(bench.fired).toHaveLength(1);
  });

  test('that is due already fires without time passing', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('now', 0));
    bench.arm(bench.timer('overdue', -5_000));
    await bench.clock.pass(0);
    expect(bench.names()).toEqual(['overdue', 'now']);
  });

  test('fires before others that were armed earlier but are due later', async () => {
    const bench = await new Bench().open();
    for (const [name, due] of [
      ['late', 900],
      ['early', 100],
      ['middle', 500],
      ['also middle', 500],
    ] as const) {
      bench.arm(bench.timer(name, due));
    }
    await bench.clock.pass(1_000);
    expect(bench.names()).toEqual(['early', 'middle', 'also middle', 'late']);
    expect(bench.fired.every(({ atMs, dueAtMs }) => atMs === dueAtMs)).toBe(true);
  });

  test('that is disarmed does not fire, another of the same workflow does', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('a', 500, 1));
    bench.arm(bench.timer('a', 600, 2));
    bench.rows = bench.rows.filter(({ generation }) => generation !== 1);
    bench.queue.disarm(rootAddress('a', 1), 1);
    await bench.clock.pass(1_000);
    expect(bench.fired).toEqual([{ name: 'a', atMs: 600, dueAtMs: 600 }]);
  });

  test('armed and disarmed over and over fires once', async () => {
    const bench = await new Bench().open();
    for (let generation = 1; generation <= 5 * limits.scanPageMax; generation += 1) {
      bench.queue.arm(bench.timer('a', 1_000, generation));
      bench.queue.disarm(rootAddress('a', 1), generation);
      expect(bench.queue.inMemory).toBeLessThanOrEqual(limits.scanPageMax + 1);
    }
    expect(bench.queue.inMemory).toBeGreaterThan(0);
    bench.arm(bench.timer('a', 1_000, 99_999));
    await bench.clock.pass(1_000);
    expect(bench.fired).toHaveLength(1);
  });

  test('is one of very many in the same millisecond, and all fire then', async () => {
    const bench = await new Bench().open();
    const timers = Array.from({ length: 10_000 }, (_, index) => bench.timer(`t${index}`, 700));
    for (const timer of timers) bench.queue.arm(timer);
    await bench.clock.pass(700);
    expect(bench.names()).toEqual(timers.map(({ address }) => address.workflowId));
  });
});

describe('what is disarmed', () => {
  test('is swept out when it is more than twice what is left, and a page; what is left fires', async () => {
    const bench = await new Bench().open();
    for (let number = 0; number < 3 * limits.scanPageMax; number += 1) bench.queue.arm(bench.timer(`t${number}`, 1_000 + number));
    const disarm = (from: number, to: number): void => {
      for (let number = from; number < to; number += 1) bench.queue.disarm(rootAddress(`t${number}`, 1), 1);
    };
    disarm(0, 2 * limits.scanPageMax);
    expect(bench.queue.inMemory).toBe(3 * limits.scanPageMax);
    disarm(2 * limits.scanPageMax, 2 * limits.scanPageMax + 1);
    expect(bench.queue.inMemory).toBe(limits.scanPageMax - 1);
    await bench.clock.pass(10_000);
    expect(bench.names()).toEqual(Array.from({ length: limits.scanPageMax - 1 }, (_, index) => `t${index + 2 * limits.scanPageMax + 1}`));
  });
});

describe('timers on disk', () => {
  test('are found when the queue is made, page by page, in due order', async () => {
    const bench = new Bench();
    const count = 2 * limits.scanPageMax + 500;
    bench.store(...Array.from({ length: count }, (_, index) => bench.timer(`t${index}`, index * 10 - 3_000)));
    await bench.open();
    expect(bench.scans.map(({ limit, from }) => [limit, from])).toEqual([
      [limits.scanPageMax, -Infinity],
      [limits.scanPageMax, 'the page before'],
      [limits.scanPageMax, 'the page before'],
    ]);
    await bench.clock.pass(30_000);
    expect(bench.names()).toEqual(Array.from({ length: count }, (_, index) => `t${index}`));
  });

  test('are taken into memory when they are armed up to the horizon, once, and not when the queue has stopped', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('just beyond', limits.timerWindowMs + 1));
    expect(bench.queue.inMemory).toBe(0);
    bench.queue.arm(bench.timer('at the border', limits.timerWindowMs));
    bench.queue.arm(bench.timer('at the border', limits.timerWindowMs));
    expect(bench.queue.inMemory).toBe(1);
    bench.queue.stop();
    bench.queue.arm(bench.timer('too late', 1));
    expect(bench.queue.inMemory).toBe(1);
    expect(bench.clock.pendingTimers).toBe(0);
  });

  test('whose row is damaged do not fire by it: their workflow is told of', async () => {
    const bench = new Bench();
    bench.store(bench.timer('a', 500), { ...bench.timer('b', -5_000), isDamaged: true }, bench.timer('c', 500));
    await bench.open();
    expect(bench.damaged).toEqual(['b']);
    await bench.clock.pass(limits.timerWindowMs);
    expect(bench.names()).toEqual(['a', 'c']);
  });

  test('beyond the window stay there until it reaches them', async () => {
    const bench = new Bench();
    bench.store(bench.timer('far', 10 * limits.timerWindowMs));
    await bench.open();
    bench.arm(bench.timer('farther', 11 * limits.timerWindowMs));
    expect(bench.scans).toMatchObject([{ untilMs: limits.timerWindowMs }]);
    await bench.clock.pass(10 * limits.timerWindowMs - 1);
    expect(bench.fired).toEqual([]);
    await bench.clock.pass(limits.timerWindowMs + 1);
    expect(bench.fired.map(({ name, atMs, dueAtMs }) => [name, atMs - dueAtMs])).toEqual([
      ['far', 0],
      ['farther', 0],
    ]);
    const horizon = Math.max(...bench.scans.map(({ untilMs }) => untilMs));
    expect(horizon).toBeLessThanOrEqual(12 * limits.timerWindowMs);
  });

  const pending = isSoak ? 1_000_000 : 50_000;

  test(`${pending} of them pending over a day take memory only while they are near`, async () => {
    const bench = new Bench();
    const dayMs = 86_400_000;
    bench.rows = Array.from({ length: pending }, (_, index) => bench.timer(`t${index}`, Math.floor((index * dayMs) / pending)));
    await bench.open();
    const near = Math.ceil((pending * limits.timerWindowMs) / dayMs);
    expect(bench.rowsRead).toBeGreaterThan(near / 2);
    expect(bench.rowsRead).toBeLessThanOrEqual(near + 1);
    for (let number = 0; number < 10_000; number += 1) {
      bench.queue.arm(bench.timer('far', dayMs + number, number));
      bench.queue.disarm(rootAddress('far', 1), number);
    }
    expect(bench.queue.inMemory).toBe(bench.rowsRead);
    await bench.clock.pass(limits.timerWindowMs);
    expect(bench.names()).toEqual(Array.from({ length: bench.fired.length }, (_, index) => `t${index}`));
    expect(bench.fired.length).toBeGreaterThanOrEqual(near - 1);
    expect(bench.rowsRead).toBeLessThanOrEqual(2 * near + 2);
  });

  test('a hundred years away fire then', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('centenary', limits.delayMsMax));
    bench.clock.stepWall(limits.delayMsMax - 10);
    await bench.clock.pass(9);
    expect(bench.fired).toEqual([]);
    await bench.clock.pass(limits.clockCheckMs);
    expect(bench.names()).toEqual(['centenary']);
  });

  test('more than fit into memory all fire, once and in order', async () => {
    const bench = new Bench();
    const count = limits.timersInMemoryMax + 20_000;
    bench.rows = Array.from({ length: count }, (_, index) => bench.timer(`t${index}`, Math.floor(index / 4)));
    await bench.open();
    const rowsRead = bench.scans.length * limits.scanPageMax;
    expect(rowsRead).toBeLessThan(count);
    // All at once, as after a long sleep of the machine.
    bench.clock.stepWall(limits.timerWindowMs);
    await bench.clock.pass(2 * limits.clockCheckMs);
    await bench.clock.pass(2 * limits.clockCheckMs);
    expect(bench.fired).toHaveLength(count);
    expect(bench.names()).toEqual(Array.from({ length: count }, (_, index) => `t${index}`));
  });
});

describe('while a scan is under way', () => {
  test('a timer that is armed is not lost, nor fired twice', async () => {
    const bench = new Bench();
    const gate = hold();
    bench.gate = gate;
    await bench.open();
    bench.arm(bench.timer('armed', 200));
    gate.release();
    await bench.clock.pass(1_000);
    expect(bench.names()).toEqual(['armed']);
  });

  test('a timer beyond the last horizon that is armed is not lost', async () => {
    const bench = await new Bench().open();
    const gate = hold();
    await bench.clock.pass(limits.timerWindowMs / 2 - 1);
    bench.gate = gate;
    await bench.clock.pass(1);
    expect(bench.scans).toHaveLength(2);
    // Within the window of the scan under way, which began before it was on disk.
    bench.arm(bench.timer('between', limits.timerWindowMs + 1_000));
    gate.release();
    await bench.clock.pass(limits.timerWindowMs);
    expect(bench.names()).toEqual(['between']);
  });

  test('a timer that both the scan and its arming bring fires once', async () => {
    const bench = new Bench();
    const timer = bench.timer('both', 300);
    bench.store(timer);
    const gate = hold();
    bench.gate = gate;
    await bench.open();
    bench.queue.arm(timer);
    gate.release();
    await bench.clock.pass(1_000);
    expect(bench.names()).toEqual(['both']);
  });

  test('timers in memory go on firing', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('meanwhile', limits.timerWindowMs / 2 + 10));
    const gate = hold();
    await bench.clock.pass(limits.timerWindowMs / 2 - 1);
    bench.gate = gate;
    await bench.clock.pass(11);
    expect(bench.names()).toEqual(['meanwhile']);
    gate.release();
    await settle();
  });
});

describe('the wall clock', () => {
  test('stepped forward is noticed', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('in an hour', 3_600_000));
    bench.arm(bench.timer('soon', 30_000));
    bench.clock.stepWall(3_600_000);
    await bench.clock.pass(2 * limits.clockCheckMs);
    expect(bench.names()).toEqual(['soon', 'in an hour']);
  });

  test('stepped back fires nothing early', async () => {
    const bench = await new Bench().open();
    bench.arm(bench.timer('a', 5_000));
    bench.clock.stepWall(-3_600_000);
    await bench.clock.pass(3_600_000 + 4_999);
    expect(bench.fired).toEqual([]);
    await bench.clock.pass(1);
    expect(bench.names()).toEqual(['a']);
  });
});

test('after stop nothing fires, nothing is read and no timer is left behind', async () => {
  const bench = await new Bench().open();
  bench.arm(bench.timer('a', 500));
  bench.queue.stop();
  bench.queue.arm(bench.timer('b', 0));
  expect(bench.clock.pendingTimers).toBe(0);
  await bench.clock.pass(limits.timerWindowMs);
  expect(bench.fired).toEqual([]);
  expect(bench.scans).toHaveLength(1);
});

test('stopped while a scan is under way it stays quiet', async () => {
  const bench = new Bench();
  bench.store(bench.timer('a', 0));
  const gate = hold();
  bench.gate = gate;
  await bench.open();
  bench.queue.stop();
  gate.fail(new Error('closed'));
  await settle();
  expect(bench.errors).toEqual([]);
  expect(bench.clock.pendingTimers).toBe(0);
});

test('a scan that fails is told of', async () => {
  const bench = new Bench();
  const gate = hold();
  bench.gate = gate;
  await bench.open();
  const error = new Error('unreadable');
  gate.fail(error);
  await settle();
  expect(bench.errors).toEqual([error]);
});

test('very many timers due at once fire a slice at a time, in due order, with a turn for others in between', async () => {
  const bench = await new Bench().open();
  const names = Array.from({ length: 50 }, (_item, index) => `t${index}`);
  for (const name of names) bench.arm(bench.timer(name, 1_000));
  bench.clock.workMs = 1;
  bench.clock.advance(1_000);
  const inTheFirstTurn = bench.fired.length;
  expect(inTheFirstTurn).toBeGreaterThan(0);
  expect(inTheFirstTurn).toBeLessThanOrEqual(limits.sliceMs);
  await settle();
  bench.clock.workMs = 0;
  await settle();
  expect(bench.names()).toEqual(names);
  bench.queue.stop();
});
