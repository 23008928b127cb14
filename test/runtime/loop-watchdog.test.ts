import { expect, test } from 'vitest';
import type { Clock } from '../../src/kernel/ports.ts';
import { LoopWatchdog } from '../../src/runtime/loop-watchdog.ts';
import { recordingLogger } from '../support/logged.ts';
import { ManualClock } from './manual-clock.ts';

/** A clock whose timers are late by what the loop was blocked for. */
function bench() {
  const clock = new ManualClock();
  let blockedMs = 0;
  const late: Clock = {
    now: () => clock.now(),
    monotonic: () => clock.monotonic() + blockedMs,
    setTimer: (delayMs, callback) => clock.setTimer(delayMs, callback),
    yieldTurn: (callback) => clock.yieldTurn(callback),
  };
  const logger = recordingLogger();
  const watchdog = new LoopWatchdog(late, logger);
  const block = (ms: number): void => {
    blockedMs += ms;
    clock.advance(100);
  };
  return { clock, logger, watchdog, block };
}

test('a loop that is blocked for 200 ms is told of, with the user code that was entered last', () => {
  const { logger, watchdog, block } = bench();
  block(199);
  expect(logger.lines).toEqual([]);
  block(200);
  watchdog.enter('machine', 'onboarding');
  block(10_000);
  watchdog.enter('activity', 'kyc.check');
  block(500);
  const message = 'The event loop was blocked: timers and outcomes are late.';
  expect(logger.lines).toEqual([
    { level: 'warn', data: { lagMs: 200, lastEntered: {} }, message },
    { level: 'warn', data: { lagMs: 10_000, lastEntered: { machine: 'onboarding' } }, message },
    { level: 'warn', data: { lagMs: 500, lastEntered: { activity: 'kyc.check' } }, message },
  ]);
});

test('a watchdog that was stopped leaves no timer behind', () => {
  const { clock, watchdog } = bench();
  expect(clock.pendingTimers).toBe(1);
  watchdog.stop();
  expect(clock.pendingTimers).toBe(0);
});
