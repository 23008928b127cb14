import { describe, expect, onTestFinished, test } from 'vitest';
import { assign, setup } from 'xstate';
import { journalForgotten, journalFromAfter, nextKept } from '../../src/kernel/kept-journal.ts';
import { limits } from '../../src/kernel/limits.ts';
import { commitRecord } from '../../src/kernel/record-commit.ts';
import type { Taken } from './workflows.ts';
import { at, began, signal, took } from './workflows.ts';

describe('what a journal keeps', () => {
  /** Where it goes on behind its first record at each place where that changed. */
  function changes(steps: number, recordsMax: number | undefined, keptFrom?: number): [sequence: number, journalFrom: number][] {
    const found: [number, number][] = [];
    let now = keptFrom;
    for (let sequence = 1; sequence <= steps; sequence += 1) {
      const next = journalFromAfter(now, sequence, recordsMax);
      if (next !== now && next !== undefined) found.push([sequence, next]);
      now = next;
    }
    return found;
  }

  test('is all of ten thousand records; of more, the first and the newest from one with the whole chart on', () => {
    expect(changes(10_239, undefined)).toEqual([]);
    expect(changes(10_752, undefined)).toEqual([
      [10_240, 256],
      [10_496, 512],
      [10_752, 768],
    ]);
  });

  test.each([
    [600, 3],
    [513, 3],
    [512, 3],
    [257, 2],
    [256, 2],
    [1, 1],
  ])('is at most %i records where it is looked at, of which no more leave than have to', (recordsMax, intervals) => {
    const { journalSnapshotInterval: interval } = limits;
    for (const [sequence, journalFrom] of changes(5_000, recordsMax)) {
      expect(sequence % interval).toBe(0);
      expect(journalFrom % interval).toBe(0);
      const kept = 1 + sequence - journalFrom + 1;
      // The first and the one with the whole chart are always there.
      expect(kept).toBeLessThanOrEqual(Math.max(2, recordsMax));
      expect(kept + interval).toBeGreaterThan(recordsMax);
    }
    expect(changes(5_000, recordsMax)[0]?.[0]).toBe(intervals * interval);
  });

  test('is all there ever was where there is no limit', () => {
    for (const sequence of [256, 10_240, 1_024_000]) expect(journalFromAfter(undefined, sequence, Infinity)).toBeUndefined();
    expect(journalFromAfter(512, 1_024, Infinity)).toBe(512);
  });

  test('is never more again, though the limit is raised', () => {
    expect(changes(4_095, 3_000, 1_024)).toEqual([]);
    expect(journalFromAfter(1_024, 4_096, 3_000)).toBe(1_280);
  });

  test('comes down to a lower limit by a bounded number of records at a time', () => {
    const [long, short] = [100_000, 1_000];
    let now: number | undefined;
    let sequence = long - (long % limits.journalSnapshotInterval);
    const leaving: number[] = [];
    for (let kept = sequence; kept > short; sequence += limits.journalSnapshotInterval) {
      const next = journalFromAfter(now, sequence, short);
      const forgotten = journalForgotten(now, next);
      leaving.push(forgotten === undefined ? 0 : forgotten.to - forgotten.from + 1);
      now = next;
      kept = 2 + sequence - (next ?? 2);
    }
    expect(Math.max(...leaving)).toBe(limits.journalForgottenMax);
    expect(Math.min(...leaving)).toBeGreaterThan(limits.journalSnapshotInterval);
    expect(leaving.reduce((sum, count) => sum + count, 0)).toBe((now ?? 2) - 2);
  });
});

test('what leaves is all between what was kept before and what is kept now', () => {
  expect(journalForgotten(undefined, undefined)).toBeUndefined();
  expect(journalForgotten(512, 512)).toBeUndefined();
  expect(journalForgotten(undefined, 512)).toEqual({ from: 2, to: 511 });
  expect(journalForgotten(512, 768)).toEqual({ from: 512, to: 767 });
});

test('what was forgotten is passed over, and nothing else', () => {
  expect([1, 2, 3].map((sequence) => nextKept(undefined, sequence))).toEqual([1, 2, 3]);
  expect([1, 2, 7, 8, 9].map((sequence) => nextKept(8, sequence))).toEqual([1, 8, 8, 8, 9]);
});

describe('an actor with a journal that is full', () => {
  const machine = setup({ types: { context: {} as { n: number } } }).createMachine({
    id: 'counter',
    version: '1',
    context: { n: 0 },
    on: { COUNT: { actions: assign({ n: ({ context }) => context.n + 1 }) } },
  });

  function shorten(): void {
    const { journalSnapshotInterval, journalForgottenMax } = limits;
    onTestFinished(() => void Object.assign(limits, { journalSnapshotInterval, journalForgottenMax }));
    Object.assign(limits, { journalSnapshotInterval: 4, journalForgottenMax: 8 });
  }

  const context = at(2_000, { journalRecordsMax: 6 });
  const counted = ({ actor }: Taken): Taken => took(actor, signal('COUNT'), context);
  const bookkept = ({ actor }: Taken): Taken => {
    const { commit } = commitRecord(actor.record, { kind: 'pause' }, 'noted', context, {});
    return { commit, actor: { ...actor, record: commit.record } };
  };

  test.each([
    ['a step of its chart', counted],
    ['one of its record alone', bookkept],
  ])('forgets with %s, says so in its record and keeps saying so', (_, step) => {
    shorten();
    let before = began(machine, undefined, context);
    const seen: unknown[] = [];
    for (let sequence = 2; sequence <= 12; sequence += 1) {
      // The rest is mixed: each goes on from what the other left.
      before = sequence % 4 === 0 ? step(before) : (sequence % 2 === 0 ? counted : bookkept)(before);
      const { record, journal, journalForgotten: forgotten } = before.commit;
      expect(record.sequence).toBe(sequence);
      seen.push([record.journalFrom, forgotten]);
      if (forgotten !== undefined) expect(journal.snapshot).toEqual(record.chart);
    }
    const none = [undefined, undefined];
    expect(seen).toEqual([
      ...[none, none, none, none, none, none],
      [4, { from: 2, to: 3 }],
      ...[9, 10, 11].map(() => [4, undefined]),
      [8, { from: 4, to: 7 }],
    ]);
  });

  test('says nothing of it while it keeps all', () => {
    shorten();
    let before = began(machine);
    for (let sequence = 2; sequence <= 12; sequence += 1) {
      before = took(before.actor, signal('COUNT'));
      expect(before.commit).not.toHaveProperty('journalForgotten');
      expect(before.commit.record).not.toHaveProperty('journalFrom');
    }
  });
});
