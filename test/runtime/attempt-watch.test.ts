import { describe, expect, test } from 'vitest';
import type { AttemptOutcome } from '../../src/kernel/attempt-outcome.ts';
import { heartbeatRecordMs } from '../../src/kernel/heartbeat.ts';
import type { AttemptTimeouts } from '../../src/runtime/attempt-watch.ts';
import { AttemptWatch } from '../../src/runtime/attempt-watch.ts';
import { ManualClock } from './manual-clock.ts';

const none: AttemptTimeouts = { closeMs: Infinity, signMs: Infinity, heartbeatTimeoutMs: undefined };

function watched(timeouts: Partial<AttemptTimeouts> = {}) {
  const clock = new ManualClock();
  const reports: AttemptOutcome[] = [];
  const watch = new AttemptWatch(clock, { n: 3, attempt: 2, report: (outcome) => reports.push(outcome) }, { ...none, ...timeouts });
  return { clock, watch, reports };
}

const told = (details: number) => ({ kind: 'attempt-heartbeat', n: 3, attempt: 2, heartbeatDetails: details });

describe('a watched attempt', () => {
  test('without time-outs is waited for without a timer', () => {
    expect(watched().clock.pendingTimers).toBe(0);
  });

  test('times out once, and tells nothing after that', () => {
    const { clock, watch, reports } = watched({ closeMs: 5_000, signMs: 9_000, heartbeatTimeoutMs: 9_000 });
    clock.advance(60_000);
    watch.beat(1);
    expect(reports).toEqual([{ kind: 'attempt-timed-out', n: 3, attempt: 2 }]);
    expect(clock.pendingTimers).toBe(0);
  });

  test('may be silent for as long as it is allowed, from each sign of life on', () => {
    const { clock, watch, reports } = watched({ signMs: 1_000, heartbeatTimeoutMs: 10_000 });
    clock.advance(999);
    watch.beat(undefined);
    clock.advance(9_999);
    watch.seen();
    clock.advance(9_999);
    expect(reports).toEqual([]);
    clock.advance(1);
    expect(reports).toEqual([{ kind: 'attempt-timed-out', n: 3, attempt: 2, timeout: 'heartbeat' }]);
  });

  test('is not thought silent when the wall clock jumps', () => {
    const { clock, reports } = watched({ signMs: 10_000, heartbeatTimeoutMs: 10_000 });
    clock.stepWall(3_600_000);
    clock.advance(9_999);
    expect(reports).toEqual([]);
  });
});

describe('what an attempt tells of itself', () => {
  test('is reported at once, then as seldom as half its heartbeat time-out, the last of it', () => {
    const { clock, watch, reports } = watched({ signMs: 6_000, heartbeatTimeoutMs: 6_000 });
    for (let beat = 1; beat <= 70; beat += 1) {
      watch.beat(beat);
      clock.advance(100);
    }
    expect(reports).toEqual([told(1), told(30), told(60)]);
    expect(watch.unrecorded).toBe(70);
  });

  test('is not repeated while it tells nothing new', () => {
    const { clock, watch, reports } = watched();
    watch.beat(1);
    clock.advance(3_600_000);
    watch.beat(undefined);
    expect([reports, clock.pendingTimers]).toEqual([[told(1)], 0]);
    watch.beat(2);
    expect(reports).toEqual([told(1), told(2)]);
  });

  test('goes with its time-out if it was not reported yet', () => {
    const { clock, watch, reports } = watched({ closeMs: 500 });
    watch.beat(1);
    watch.beat(2);
    clock.advance(500);
    expect(reports).toEqual([told(1), { kind: 'attempt-timed-out', n: 3, attempt: 2, heartbeatDetails: 2 }]);
  });

  test('ends when it is stopped', () => {
    const { clock, watch, reports } = watched({ closeMs: 500, signMs: 100, heartbeatTimeoutMs: 100 });
    watch.beat(1);
    watch.beat(2);
    watch.stop();
    watch.beat(3);
    clock.advance(60_000);
    expect([reports, clock.pendingTimers, watch.unrecorded]).toEqual([[told(1)], 0, 2]);
  });
});

test.each([
  [undefined, 10_000],
  [100, 1_000],
  [5_000, 2_500],
  [3_600_000, 10_000],
])('details of a heartbeat time-out of %j ms are written every %d ms', (timeoutMs, recordMs) => {
  expect(heartbeatRecordMs(timeoutMs)).toBe(recordMs);
});
